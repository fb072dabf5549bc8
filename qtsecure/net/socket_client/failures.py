"""What went wrong in which step, and which of several failures the program is told (gio-S10, gio-S11)."""

from __future__ import annotations

import enum

from qtsecure.errors import SecureError
from qtsecure.net.failures import networkFailure
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["FailureLog", "Step", "cancelled", "connectingError", "prefixed", "timedOut"]

_Code = SecureError.Code


class Step(enum.IntEnum):
    """The later a failure, the more it says: one of a later step hides those of earlier ones."""

    RESOLVING = 0
    CONNECTING = 1
    PROXY = 2
    TLS = 3


class FailureLog:
    """Keeps the failure to be told: that of the latest step, and of several the last."""

    def __init__(self) -> None:
        self._step = Step.RESOLVING
        self._error: SecureError | None = None

    def note(self, step: Step, error: SecureError) -> None:
        """One more."""
        if self._error is None or step >= self._step:
            self._step, self._error = step, error

    def verdict(self) -> SecureError:
        """What to tell."""
        return self._error or SecureError(_Code.HostNotFound, "There is no address to connect to; check the name.")


def connectingError(socket: SslSocket, prefix: str) -> SecureError:
    """What a socket says that could not connect, with whom it concerns, such as "Could not connect to example.org"."""
    return prefixed(networkFailure(socket.error(), socket.errorString()), prefix)


def prefixed(error: SecureError, prefix: str) -> SecureError:
    """The same error, with whom it concerns in front; the code stays."""
    return SecureError(error.code, f"{prefix}: {error.message}") if prefix else error


def cancelled() -> SecureError:
    """The program wants the connection no more."""
    return SecureError(_Code.Cancelled, "The connection attempt was cancelled.")


def timedOut(name: str, milliseconds: int) -> SecureError:
    """The time for everything is over."""
    return SecureError(
        _Code.TimedOut, f"Connecting to {name} took longer than the {milliseconds} ms that it may; try again later."
    )
