"""QAbstractSocket's options on a native socket."""

from __future__ import annotations

import socket

from PySide6.QtNetwork import QAbstractSocket

__all__ = ["nativeOption", "setNativeOption"]

_Option = QAbstractSocket.SocketOption


def _place(native: socket.socket, option: QAbstractSocket.SocketOption) -> tuple[int, int] | None:
    """Level and name of an option; None for what this kind of socket or system does not have."""
    version6 = native.family == getattr(socket, "AF_INET6", None)
    internet = version6 or native.family == socket.AF_INET
    if option == _Option.KeepAliveOption:
        return socket.SOL_SOCKET, socket.SO_KEEPALIVE
    if option == _Option.SendBufferSizeSocketOption:
        return socket.SOL_SOCKET, socket.SO_SNDBUF
    if option == _Option.ReceiveBufferSizeSocketOption:
        return socket.SOL_SOCKET, socket.SO_RCVBUF
    if option == _Option.LowDelayOption and internet:
        return socket.IPPROTO_TCP, socket.TCP_NODELAY
    if option == _Option.TypeOfServiceOption and internet:
        # A dual-stack socket takes the class of its own protocol.
        name = getattr(socket, "IPV6_TCLASS" if version6 else "IP_TOS", None)
        return None if name is None else (socket.IPPROTO_IPV6 if version6 else socket.IPPROTO_IP, name)
    return None


def setNativeOption(native: socket.socket, option: QAbstractSocket.SocketOption, value: int) -> None:
    """Set an option; OSError when the system refuses the value, nothing for what does not exist here."""
    place = _place(native, option)
    if place is not None:
        native.setsockopt(*place, value)


def nativeOption(native: socket.socket, option: QAbstractSocket.SocketOption) -> int | None:
    """The value of an option; None for what does not exist here."""
    place = _place(native, option)
    return native.getsockopt(*place) if place is not None else None
