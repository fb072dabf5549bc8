"""A bound, listening TCP socket of the operating system's."""

from __future__ import annotations

import errno
import os
import socket

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.addresses import nativeAddress

__all__ = ["listeningSocket"]

_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listeningSocket(address: QHostAddress, port: int, backlog: int, *, reusePort: bool) -> socket.socket:
    """Bind and listen; OSError when it is not possible.

    QHostAddress.Any means IPv6 and IPv4 on one socket, or IPv4 where there is no IPv6.
    """
    if address != QHostAddress(QHostAddress.SpecialAddress.Any):
        return _listening(*nativeAddress(address, port), backlog, reusePort=reusePort)
    try:
        return _listening(socket.AF_INET6, ("::", port), backlog, reusePort=reusePort, dual=True)
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    return _listening(socket.AF_INET, ("0.0.0.0", port), backlog, reusePort=reusePort)  # noqa: S104  # as asked


def _listening(
    family: socket.AddressFamily, target: tuple[object, ...], backlog: int, *, reusePort: bool, dual: bool = False
) -> socket.socket:
    native = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        if os.name == "posix":
            # On Windows the option would let another program take over the port.
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reusePort:
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        native.bind(target)
        native.setblocking(False)
        native.listen(backlog)
    except OSError:
        native.close()
        raise
    return native
