"""Operating-system errors as Qt's socket errors, with a sentence for the user."""

from __future__ import annotations

import errno
import os

from PySide6.QtNetwork import QAbstractSocket

__all__ = ["isNetworkUnreachable", "refusedText", "socketError"]

_Error = QAbstractSocket.SocketError

_KNOWN: dict[int, tuple[QAbstractSocket.SocketError, str]] = {
    errno.ECONNREFUSED: (_Error.ConnectionRefusedError, "Connection refused: nothing listens on that port"),
    errno.ECONNRESET: (_Error.RemoteHostClosedError, "The remote host closed the connection abruptly"),
    errno.EPIPE: (_Error.RemoteHostClosedError, "The remote host closed the connection"),
    errno.ECONNABORTED: (_Error.RemoteHostClosedError, "The connection was aborted"),
    errno.ETIMEDOUT: (_Error.SocketTimeoutError, "The remote host did not answer in time"),
    errno.EHOSTUNREACH: (_Error.NetworkError, "The remote host cannot be reached; check the address and the network"),
    errno.ENETUNREACH: (_Error.NetworkError, "The network cannot be reached; check the connection"),
    errno.ENETDOWN: (_Error.NetworkError, "The network is down"),
    errno.ENODEV: (
        _Error.NetworkError,
        "This machine has no such network interface; check what stands behind the % of the address",
    ),
    errno.EADDRINUSE: (
        _Error.AddressInUseError,
        "The address is in use already; choose another port or stop the program that listens on it",
    ),
    errno.EADDRNOTAVAIL: (_Error.SocketAddressNotAvailableError, "The address does not belong to this machine"),
    errno.EACCES: (_Error.SocketAccessError, "The system does not permit this; ports below 1024 need privileges"),
    errno.EPERM: (_Error.SocketAccessError, "The system does not permit this"),
    errno.EMFILE: (_Error.SocketResourceError, "The program has too many files and sockets open"),
    errno.ENFILE: (_Error.SocketResourceError, "The system has too many files and sockets open"),
    errno.ENOBUFS: (_Error.SocketResourceError, "The system has no memory left for sockets"),
    errno.ENOMEM: (_Error.SocketResourceError, "The system has no memory left for sockets"),
    errno.EAFNOSUPPORT: (_Error.UnsupportedSocketOperationError, "This kind of address is not supported here"),
    errno.EBADF: (_Error.SocketResourceError, "The descriptor is not an open socket"),
    errno.ENOTSOCK: (_Error.SocketResourceError, "The descriptor is not a socket"),
}


def socketError(number: int) -> tuple[QAbstractSocket.SocketError, str]:
    """Qt's error and a sentence for an errno."""
    known = _KNOWN.get(number)
    if known is not None:
        return known[0], known[1] + "."
    return _Error.NetworkError, f"The network reported an error: {os.strerror(number)}."


def refusedText(host: str, port: int) -> str:
    """The sentence for a refused connection, with where it was to lead if that has a name and a number."""
    where = f"on port {port} of {host}" if host and port else "there"
    return f"Connection refused: nothing listens {where}."


def isNetworkUnreachable(text: str) -> bool:
    """Whether a sentence of socketError() is about the own network; Qt's error is the same for the host."""
    return text in (socketError(errno.ENETUNREACH)[1], socketError(errno.ENETDOWN)[1])
