"""A non-blocking UDP socket of our own, served by the thread's reactor."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.datagrams.datagram_socket import RECEIVE_BUFFER, DatagramOwner, UdpSocket
from qtsecure.net.datagrams.native_datagrams import NativeDatagrams
from qtsecure.net.event_loop.reactor import READ, Registration, reactorOfThisThread
from qtsecure.net.native_sockets.addresses import nativeAddress
from qtsecure.net.servers.bound_sockets import serverSocket

__all__ = ["ReactorDatagrams"]


class ReactorDatagrams(NativeDatagrams, UdpSocket):
    """UDP on platforms with epoll or kqueue."""

    __slots__ = ("_own", "_reactor", "_registration")

    def __init__(self, owner: DatagramOwner) -> None:
        super().__init__(owner)
        self._registration: Registration | None = None
        self._own: Any = None
        self._reactor = reactorOfThisThread()

    def bind(self, address: QHostAddress, port: int, *, reusePort: bool = False) -> None:
        native = serverSocket(socket.SOCK_DGRAM, address, port, reusePort=reusePort)
        everywhere = address == QHostAddress(QHostAddress.SpecialAddress.Any)
        self._dual = everywhere and native.family == socket.AF_INET6
        self._watch(native)

    def connectTo(self, address: QHostAddress, port: int) -> None:
        family, target = nativeAddress(address, port)
        native = socket.socket(family, socket.SOCK_DGRAM)
        try:
            native.connect(target)
        except OSError:
            native.close()
            raise
        self._peer = native.getpeername()
        self._watch(native)

    def _watch(self, native: socket.socket) -> None:
        native.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):  # the system's limit is good enough
                native.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
        self._socket = native
        self._registration = self._reactor.register(native.fileno(), READ, self._onEvents)

    def ownEnd(self) -> Any:
        if self._socket is None or self._dual:
            return self.localEnd()
        if self._own is None:
            self._own = self._socket.getsockname()
        return self._own

    def close(self) -> None:
        self._letGo()
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
