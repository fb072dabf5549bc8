"""What went wrong in which step, and which of several failures the program is told (gio-S10, gio-S11)."""

from __future__ import annotations

import enum

from PySide6.QtNetwork import QAbstractSocket

from qtsecure.engine.events import FailureKind, StreamFailed
from qtsecure.errors import SecureError
from qtsecure.net.socket_errors import isNetworkUnreachable

__all__ = ["FailureLog", "Step", "cancelled", "connectingError", "timedOut", "tlsError"]

_Code = SecureError.Code
_Error = QAbstractSocket.SocketError

_CONNECTING = {
    _Error.ConnectionRefusedError: _Code.ConnectionRefused,
    _Error.RemoteHostClosedError: _Code.Closed,
    _Error.HostNotFoundError: _Code.HostNotFound,
    _Error.SocketTimeoutError: _Code.TimedOut,
    _Error.UnsupportedSocketOperationError: _Code.NotSupported,
    _Error.SocketAddressNotAvailableError: _Code.InvalidArgument,
}
# A peer that hangs up in the handshake does not speak TLS, as far as anybody can tell; so Gio says, too.
_HANDSHAKING = {
    FailureKind.NOT_TLS: _Code.NotTls,
    FailureKind.ENDED_IN_HANDSHAKE: _Code.NotTls,
    FailureKind.CERTIFICATE_REJECTED: _Code.BadCertificate,
    FailureKind.CERTIFICATE_REQUIRED: _Code.CertificateRequired,
    FailureKind.TIMED_OUT: _Code.TimedOut,
}
_TLS_SOCKET_ERRORS = {
    _Error.RemoteHostClosedError: _Code.NotTls,
    _Error.SocketTimeoutError: _Code.TimedOut,
    _Error.SslInvalidUserDataError: _Code.InvalidArgument,
}


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


def connectingError(error: QAbstractSocket.SocketError, text: str, prefix: str) -> SecureError:
    """A failure before the connection stood.

    Args:
        error: Of the socket.
        text: Its sentence.
        prefix: Whom it concerns, such as "Could not connect to example.org".
    """
    if error == _Error.NetworkError:
        code = _Code.NetworkUnreachable if isNetworkUnreachable(text) else _Code.HostUnreachable
    else:
        code = _CONNECTING.get(error, _Code.Failed)
    return SecureError(code, f"{prefix}: {text}" if prefix else text)


def tlsError(error: QAbstractSocket.SocketError, text: str, failure: StreamFailed | None) -> SecureError:
    """A failure of the handshake.

    Args:
        error: Of the socket.
        text: Its sentence.
        failure: What the engine says, if it was the engine that failed.
    """
    if failure is None:
        return SecureError(_TLS_SOCKET_ERRORS.get(error, _Code.TlsMisc), text)
    code = _HANDSHAKING.get(failure.kind, _Code.TlsMisc)
    if failure.kind is FailureKind.HANDSHAKE and failure.alert is not None:
        code = _Code.HandshakeRefused
    return SecureError(code, text, alert=failure.alert, engineReasons=failure.engine_reasons)


def cancelled() -> SecureError:
    """The program wants the connection no more."""
    return SecureError(_Code.Cancelled, "The connection attempt was cancelled.")


def timedOut(name: str, milliseconds: int) -> SecureError:
    """The time for everything is over."""
    return SecureError(
        _Code.TimedOut, f"Connecting to {name} took longer than the {milliseconds} ms that it may; try again later."
    )
