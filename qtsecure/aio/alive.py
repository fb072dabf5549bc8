"""Whether an object can be used at all: what was deleted is told from what was never one."""

from __future__ import annotations

from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["checkAlive", "checkKind"]


def checkAlive(obj: QObject, *kinds: type[QObject], name: str) -> None:
    """Check an argument before anything of it is used.

    Args:
        obj: The argument.
        kinds: What it may be; a socket or a peer if there are none.
        name: What it is called.

    Raises:
        TypeError: It is something else.
        SecureError: ``Closed``, it was deleted. A deleted socket's ``write()`` would take bytes that nobody sends.
    """
    checkKind(obj, *kinds, name=name)
    if not isValid(obj):
        raise SecureError(SecureError.Code.Closed, f"{name}: this {type(obj).__name__} was deleted.")


def checkKind(obj: QObject, *kinds: type[QObject], name: str) -> None:
    """The same for what may have been deleted."""
    kinds = kinds or (SslSocket, DtlsPeer)
    if not isinstance(obj, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be of type {wanted}, not {type(obj).__name__}.")
