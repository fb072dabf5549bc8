"""Native sockets with an own address, and how they reach the others' addresses."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.net.native_sockets.addresses import nativeAddress

__all__ = ["boundSocket", "targetFor"]

_BindFlag = QAbstractSocket.BindFlag


def boundSocket(address: QHostAddress, port: int, mode: QAbstractSocket.BindFlag) -> socket.socket:
    """A stream socket that is bound to an own address; OSError when that fails."""
    if address == QHostAddress(QHostAddress.SpecialAddress.Any):
        if socket.has_dualstack_ipv6():
            family, target = socket.AF_INET6, ("::", port)
        else:
            family, target = socket.AF_INET, ("0.0.0.0", port)  # noqa: S104  # the caller asked for any address
    else:
        family, target = nativeAddress(address, port)
    native = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, target[0] != "::")
        # On Windows the option would let two programs have the same port.
        if os.name == "posix" and mode != _BindFlag.DontShareAddress:
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        native.bind(target)
    except BaseException:
        native.close()
        raise
    return native


def targetFor(native: socket.socket, address: QHostAddress, port: int) -> tuple[Any, ...]:
    """What connect() of a bound socket takes for an address; OSError when it cannot get there."""
    family, target = nativeAddress(address, port)
    if family == native.family:
        return target
    if family == socket.AF_INET and not native.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        return (f"::ffff:{target[0]}", port)
    raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
