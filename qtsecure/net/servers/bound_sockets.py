"""Native sockets that are bound to serve, for connections and for datagrams."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.native_sockets.addresses import nativeAddress

__all__ = ["serverSocket"]

_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def serverSocket(kind: socket.SocketKind, address: QHostAddress, port: int, *, reusePort: bool) -> socket.socket:
    """A non-blocking, bound socket; OSError when it is not possible.

    QHostAddress.Any means IPv6 and IPv4 on one socket, or IPv4 where there is no IPv6.

    Args:
        kind: SOCK_STREAM or SOCK_DGRAM.
        address: The own address.
        port: The own port; 0 for a free one.
        reusePort: Whether other sockets may have the same port (SO_REUSEPORT).
    """
    if address != QHostAddress(QHostAddress.SpecialAddress.Any):
        return _bound(kind, *nativeAddress(address, port), reusePort=reusePort)
    try:
        return _bound(kind, socket.AF_INET6, ("::", port), reusePort=reusePort, dual=True)
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    return _bound(kind, socket.AF_INET, ("0.0.0.0", port), reusePort=reusePort)  # noqa: S104  # as asked


def _bound(
    kind: socket.SocketKind,
    family: socket.AddressFamily,
    target: tuple[Any, ...],
    *,
    reusePort: bool,
    dual: bool = False,
) -> socket.socket:
    native = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        if kind == socket.SOCK_STREAM and os.name == "posix":
            # Connections of the last server are no obstacle. On Windows the option would let another
            # program take over the port, and with datagrams everywhere.
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reusePort:
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        native.bind(target)
        native.setblocking(False)
    except OSError:
        native.close()
        raise
    return native
