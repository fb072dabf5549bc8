"""Reading and sending with a non-blocking UDP socket of Python's, whoever has made it and watches it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.datagrams.datagram_socket import NULL_OWNER, Address, DatagramOwner, DatagramSocket
from qtsecure.net.event_loop.reactor import READ
from qtsecure.net.native_sockets.addresses import qtAddress
from qtsecure.net.native_sockets.shutdowns import isShutDown

__all__ = ["NativeDatagrams"]

_MOST_READS = 32
"""For one event; others want to be served, too, and what is left is reported again."""
_MOST_BATCHES = 32
"""For one call without an event loop."""
_LARGEST = 65536
_NOTHING_THERE = (BlockingIOError, InterruptedError)


def _sendNothing(datagram: bytes) -> None:
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class NativeDatagrams(DatagramSocket):
    """What the kinds of native sockets have in common."""

    __slots__ = ("_dual", "_peer", "_reads", "_socket")

    def __init__(self, owner: DatagramOwner) -> None:
        super().__init__(owner)
        self._socket: socket.socket | None = None
        self._peer: Address | None = None
        self._dual = False
        self._reads = 1

    def serve(self) -> None:
        for _ in range(_MOST_BATCHES):
            self._reads = _MOST_READS
            self._onEvents(READ)
            if self._reads < _MOST_READS:  # they were fewer
                return

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
                if not count:
                    self._readyForNothing(native, owner)
                return
            except OSError as error:
                # ICMP: of an earlier datagram, or forged. Anything else would come again and again.
                self._reads = 1
                owner.datagramsFailed(error.errno or errno.EIO)
                return
            if datagram:
                owner.datagramArrived(datagram, address)
            else:
                self._readyForNothing(native, owner)
            if self._socket is not native:
                return
        if self._reads < _MOST_READS:
            self._reads *= 2

    def _readyForNothing(self, native: socket.socket, owner: DatagramOwner) -> None:
        """Somebody may have ended receiving."""
        if isShutDown(native.fileno()):
            owner.batchEnded()  # what has come is told before the end
            self._tellLost()

    def _tellLost(self) -> None:
        owner = self._owner() or NULL_OWNER
        self.close()
        owner.datagramSocketLost()

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

    def descriptor(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        if self._socket is None:
            return QHostAddress(), 0
        address, port = qtAddress(self._socket.getsockname())
        return (QHostAddress(QHostAddress.SpecialAddress.Any) if self._dual else address), port

    def peerEnd(self) -> Address:
        return self._peer or ("", 0)
