"""A DatagramTransport as carrier of datagrams for DTLS."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from PySide6.QtCore import QMetaObject, QObject
from PySide6.QtNetwork import QHostAddress
from shiboken6 import isValid

from qtsecure.net.datagram_transport import DatagramTransport
from qtsecure.net.datagrams.claims import release
from qtsecure.net.datagrams.datagram_socket import NULL_OWNER, Address, DatagramOwner, DatagramSocket
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["TransportDatagrams"]


class TransportDatagrams(DatagramSocket):
    """Datagrams through a transport of the program's.

    Args:
        owner: Whom to tell.
        transport: The transport, which has been claimed.
    """

    __slots__ = ("_address", "_connections", "_news", "_transport")

    def __init__(self, owner: DatagramOwner, transport: DatagramTransport) -> None:
        address = transport._peerEnd()  # of the program's class: it may raise
        super().__init__(owner)
        self._transport: DatagramTransport | None = transport
        self._address: Address = address
        self._news = False
        self._connections: list[QMetaObject.Connection] = [
            transport.errorOccurred.connect(plainSlot(self._onError)),
            transport.closed.connect(plainSlot(self._onClosed)),
            transport.destroyed.connect(plainSlot(self._onLost)),
        ]
        transport._receiver = plainSlot(self._onDatagram)

    def _onDatagram(self, datagram: bytes) -> None:
        if not self._news:
            self._news = True
            self._scheduler.defer(self._endBatch)  # a transport does not tell whether more follows
        (self._owner() or NULL_OWNER).datagramArrived(datagram, self._address)

    def _endBatch(self) -> None:
        self._news = False
        (self._owner() or NULL_OWNER).batchEnded()

    def _onError(self, number: int) -> None:
        (self._owner() or NULL_OWNER).datagramsFailed(number)

    def _onClosed(self) -> None:
        self._scheduler.defer(self._onLost)  # the transport, or what is below it, is in the middle of closing

    def _onLost(self, *_: object) -> None:
        if self._news:
            self._endBatch()  # what has come is told before the end, which may come first: it was deleted
        owner = self._owner() or NULL_OWNER
        self.close()
        owner.datagramSocketLost()

    def serve(self) -> None:
        """Report what was kept before anybody used the transport, and what it has by now."""
        transport = self._transport
        if transport is None or not isValid(transport):
            return
        kept = list(transport._kept)
        transport._kept.clear()
        for datagram in kept:
            self._onDatagram(datagram)
        if isValid(transport) and self._transport is transport:
            transport.poll()
        if self._news:
            self._endBatch()

    def seesAll(self) -> bool:
        """A transport that cannot be polled brings what has come when it gets to it."""
        return type(self._transport).poll is not DatagramTransport.poll if self._transport is not None else True

    def discardKept(self) -> None:
        """Forget what came before anybody used the transport: a client has not asked for it."""
        if self._transport is not None:
            self._transport._kept.clear()

    def send(self, datagram: bytes, address: Address) -> None:
        transport = self._transport
        if transport is None or not isValid(transport):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        try:
            taken = transport.send(datagram)
            number = 0 if taken or not isValid(transport) else transport.lastError()
        except Exception:  # noqa: BLE001 - reported as an exception in a slot is; here it would stop the handshake
            sys.excepthook(*sys.exc_info())
            taken, number = False, errno.EIO
        if not taken:
            number = number or errno.EAGAIN
            raise OSError(number, os.strerror(number))

    def sender(self, address: Address) -> Callable[[bytes], object]:
        return lambda datagram: self.send(datagram, address)

    def close(self) -> None:
        self._letGo()
        if self._news:
            self._scheduler.forgetTasksOf(self)
        transport, self._transport = self._transport, None
        connections, self._connections = self._connections, []
        if transport is None:
            return
        release(transport)
        if isValid(transport):
            transport._receiver = None
            for connection in connections:
                QObject.disconnect(connection)

    def descriptor(self) -> int:
        return -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        if self._transport is None or not isValid(self._transport):
            return QHostAddress(), 0
        return self._transport._localEnd()

    def peerEnd(self) -> Address:
        return self._address
