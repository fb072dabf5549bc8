"""A non-blocking UDP socket of our own, served by the thread's reactor."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.addresses import nativeAddress, qtAddress
from qtsecure.net.datagrams.datagram_socket import (
    RECEIVE_BUFFER,
    Address,
    DatagramOwner,
    DatagramSocket,
)
from qtsecure.net.reactor import READ, Registration, reactorOfThisThread
from qtsecure.net.server_sockets import serverSocket

__all__ = ["ReactorDatagrams"]

_MOST_READS = 32
"""For one event; others want to be served, too, and what is left is reported again."""
_LARGEST = 65536
_NOTHING_THERE = (BlockingIOError, InterruptedError)


def _sendNothing(datagram: bytes) -> None:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class ReactorDatagrams(DatagramSocket):
    """UDP on platforms with epoll or kqueue."""

    __slots__ = ("_dual", "_peer", "_reactor", "_reads", "_registration", "_socket")

    def __init__(self, owner: DatagramOwner) -> None:
        super().__init__(owner)
        self._socket: socket.socket | None = None
        self._registration: Registration | None = None
        self._reactor = reactorOfThisThread()
        self._peer: Address | None = None
        self._dual = False
        self._reads = 1

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

    def _onEvents(self, events: int) -> None:
        native, owner = self._socket, self._owner()
        if native is not None and owner is not None:
            self._readBatch(native, owner)
            owner.batchEnded()

    def _readBatch(self, native: socket.socket, owner: DatagramOwner) -> None:
        """Read as many as came last time, because asking once too often costs as much as a read."""
        peer = self._peer
        for count in range(self._reads):
            try:
                if peer is None:
                    datagram, address = native.recvfrom(_LARGEST)
                else:
                    datagram, address = native.recv(_LARGEST), peer
            except _NOTHING_THERE:
                self._reads = count or 1
                return
            except OSError as error:
                # ICMP: of an earlier datagram, or forged. Anything else would come again and again.
                self._reads = 1
                owner.datagramsFailed(error.errno or errno.EIO)
                return
            if datagram:
                owner.datagramArrived(datagram, address)
                if self._socket is not native:
                    return
        if self._reads < _MOST_READS:
            self._reads *= 2

    def send(self, datagram: bytes, address: Address) -> None:
        self.sender(address)(datagram)

    def sender(self, address: Address) -> Callable[[bytes], object]:
        native = self._socket
        if native is None:
            return _sendNothing
        if self._peer is not None:
            return native.send
        sendto = native.sendto
        return lambda datagram: sendto(datagram, address)

    def close(self) -> None:
        self._letGo()
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def descriptor(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        if self._socket is None:
            return QHostAddress(), 0
        address, port = qtAddress(self._socket.getsockname())
        return (QHostAddress(QHostAddress.SpecialAddress.Any) if self._dual else address), port

    def peerEnd(self) -> Address:
        return self._peer or ("", 0)
