"""A non-blocking UDP socket of our own, served by the thread's reactor."""

from __future__ import annotations

import contextlib
import errno
import socket

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.addresses import nativeAddress
from qtsecure.net.datagrams.datagram_socket import RECEIVE_BUFFER, Address, DatagramOwner, UdpSocket
from qtsecure.net.datagrams.native_datagrams import NativeDatagrams
from qtsecure.net.reactor import READ, Registration, reactorOfThisThread

__all__ = ["ReactorDatagrams"]

_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ReactorDatagrams(NativeDatagrams, UdpSocket):
    """UDP on platforms with epoll or kqueue."""

    __slots__ = ("_reactor", "_registration")

    def __init__(self, owner: DatagramOwner) -> None:
        super().__init__(owner)
        self._registration: Registration | None = None
        self._reactor = reactorOfThisThread()

    def bind(self, address: QHostAddress, port: int) -> None:
        if address != QHostAddress(QHostAddress.SpecialAddress.Any):
            self._use(*nativeAddress(address, port))
            return
        try:
            self._use(socket.AF_INET6, ("::", port), dual=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            self._use(socket.AF_INET, ("0.0.0.0", port))  # noqa: S104  # the caller asked for every interface

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

    def _use(self, family: socket.AddressFamily, target: Address, *, dual: bool = False) -> None:
        native = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
            native.bind(target)
        except OSError:
            native.close()
            raise
        self._dual = dual
        self._watch(native)

    def _watch(self, native: socket.socket) -> None:
        native.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):  # the system's limit is good enough
                native.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
        self._socket = native
        self._registration = self._reactor.register(native.fileno(), READ, self._onEvents)

    def close(self) -> None:
        self._letGo()
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
