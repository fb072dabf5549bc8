"""A QUdpSocket as carrier of datagrams: our own where there is no reactor, or one of the program's."""

from __future__ import annotations

import contextlib
import errno
import os
import socket as native
from collections.abc import Callable, Iterator
from functools import lru_cache

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkProxy, QUdpSocket
from shiboken6 import isValid

from qtsecure.net.datagrams.claims import release
from qtsecure.net.datagrams.datagram_socket import (
    NULL_OWNER,
    RECEIVE_BUFFER,
    Address,
    DatagramOwner,
    UdpSocket,
)
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.shutdowns import isShutDown
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.servers.bound_sockets import serverSocket

__all__ = ["QtDatagrams", "plainText"]

_Error = QAbstractSocket.SocketError
_MOST_READS = 32
_MOST_BATCHES = 32
"""For one call without an event loop."""
_MAPPED = "::ffff:"
_ERRNO = {
    _Error.AddressInUseError: errno.EADDRINUSE,
    _Error.SocketAddressNotAvailableError: errno.EADDRNOTAVAIL,
    _Error.SocketAccessError: errno.EACCES,
    _Error.SocketResourceError: errno.EMFILE,
    _Error.ConnectionRefusedError: errno.ECONNREFUSED,
    _Error.RemoteHostClosedError: errno.ECONNRESET,
    _Error.DatagramTooLargeError: errno.EMSGSIZE,
    _Error.TemporaryError: errno.EAGAIN,
}


@lru_cache(maxsize=4096)
def _hostAddress(text: str) -> QHostAddress:
    return QHostAddress(text)


class QtDatagrams(UdpSocket):
    """UDP through a QUdpSocket.

    Args:
        owner: Whom to tell.
        shared: A bound or connected socket of the program, which stays its own; or None.

    Attributes:
        isLost: The program has closed it, which is about to be told.
    """

    __slots__ = ("_connections", "_echo", "_own", "_peer", "_readsOn", "_ready", "_signalling", "_socket", "isLost")

    def __init__(self, owner: DatagramOwner, shared: QUdpSocket | None = None) -> None:
        super().__init__(owner)
        self._own = shared is None
        self._socket: QUdpSocket | None = shared or QUdpSocket()
        if self._own:
            self._socket.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))  # as with sockets of our own
        self._peer: Address | None = None
        self.isLost = False
        self._readsOn = False
        self._ready = self._echo = False
        self._signalling = 0
        self._connections = [
            self._socket.readyRead.connect(plainSlot(self._onReadyRead)),
            self._socket.errorOccurred.connect(plainSlot(self._onError)),
        ]
        if shared is not None:
            # Of our own nobody needs to be told: only the end of the program, or a garbage collection, deletes it.
            self._connections.append(shared.destroyed.connect(plainSlot(self.tellLost)))
            self._connections.append(shared.stateChanged.connect(plainSlot(self._onState)))
            if shared.state() == QAbstractSocket.SocketState.ConnectedState:
                self._peer = plainText(shared.peerAddress()), shared.peerPort()
            self._readSoon()  # readyRead does not come again for what is there already

    def bind(self, address: QHostAddress, port: int, *, reusePort: bool = False) -> None:
        assert self._socket is not None
        if reusePort:
            # Qt's own flags for sharing mean SO_REUSEADDR, which lets the latest socket have everything.
            bound = serverSocket(native.SOCK_DGRAM, address, port, reusePort=True)
            self._socket.setSocketDescriptor(bound.detach(), QAbstractSocket.SocketState.BoundState)
        elif not self._socket.bind(address, port, QAbstractSocket.BindFlag.DontShareAddress):
            self._fail()
        self._enlarge()

    def connectTo(self, address: QHostAddress, port: int) -> None:
        assert self._socket is not None
        self._socket.connectToHost(address, port)
        if self._socket.state() != QAbstractSocket.SocketState.ConnectedState:
            self._fail()
        self._peer = plainText(address), port
        self._enlarge()

    def _fail(self) -> None:
        assert self._socket is not None
        number, text = _ERRNO.get(self._socket.error(), errno.EIO), self._socket.errorString()
        self.close()
        raise OSError(number, text)

    def _enlarge(self) -> None:
        assert self._socket is not None
        for option in (
            QAbstractSocket.SocketOption.ReceiveBufferSizeSocketOption,
            QAbstractSocket.SocketOption.SendBufferSizeSocketOption,
        ):
            self._socket.setSocketOption(option, RECEIVE_BUFFER)

    def _readSoon(self) -> None:
        if not self._readsOn:
            self._readsOn = True
            schedulerOfThisThread().defer(self._readOn)

    def _readOn(self) -> None:
        self._readsOn = False
        ready, self._ready = self._ready, False
        echo, self._echo = self._echo, False
        count = self._readBatch()
        if count > 0:
            self._echo = True  # Qt emits readyRead once more behind what was read
        elif count == 0 and ready and not echo and isShutDown(self.descriptor()):
            self.tellLost()
        elif count == 0 and ready and not echo and self._peer is not None:
            # Ready without a datagram: ICMP says that nobody is there. Qt swallows the error.
            (self._owner() or NULL_OWNER).datagramsFailed(errno.ECONNREFUSED)

    @contextlib.contextmanager
    def _inSlot(self) -> Iterator[None]:
        """The socket must outlive its own signal, whatever the program does, and in whichever event loop."""
        udp = self._socket
        self._signalling += 1
        try:
            yield
        finally:
            self._signalling -= 1
            if self._socket is None and udp is not None and not self._signalling and isValid(udp):
                self._letGoOf(udp)

    def _onReadyRead(self) -> None:
        # Not inside this slot: Qt never emits readyRead inside itself, and a slot of the program may wait for more.
        self._ready = True
        self._readSoon()

    def _readBatch(self) -> int:
        """Read what is there; how many datagrams that were, or -1 when the socket is gone."""
        for count in range(_MOST_READS):
            udp = self._socket
            if udp is None or self.isLost or not isValid(udp):
                return -1
            received = udp.receiveDatagram() if udp.hasPendingDatagrams() else None
            if received is None or not received.isValid():
                (self._owner() or NULL_OWNER).batchEnded()
                return count
            datagram = received.data().data()
            if datagram:
                address = self._peer or (plainText(received.senderAddress()), received.senderPort())
                (self._owner() or NULL_OWNER).datagramArrived(bytes(datagram), address)
        (self._owner() or NULL_OWNER).batchEnded()
        self._readSoon()  # others want to be served, too; readyRead comes only when everything was read
        return _MOST_READS

    def _onError(self, error: QAbstractSocket.SocketError) -> None:
        if error != _Error.TemporaryError:
            with self._inSlot():
                (self._owner() or NULL_OWNER).datagramsFailed(_ERRNO.get(error, errno.EIO))

    def _onState(self, state: QAbstractSocket.SocketState) -> None:
        if state == QAbstractSocket.SocketState.UnconnectedState:
            self.isLost = True
            schedulerOfThisThread().defer(self.tellLost)  # the program is in the middle of closing it

    def tellLost(self) -> None:
        """It is of no use any more."""
        owner = self._owner() or NULL_OWNER
        self.close()
        owner.datagramSocketLost()

    def serve(self) -> None:
        if self._peer is not None and (number := self._reportedError()):
            (self._owner() or NULL_OWNER).datagramsFailed(number)
        self._ready = False  # what it was about is read here; it would look as if nobody were there
        for _ in range(_MOST_BATCHES):
            if self._readBatch() < _MOST_READS:
                return

    def _reportedError(self) -> int:
        """What ICMP has reported, as an errno: asking Qt for datagrams would swallow it."""
        descriptor = self.descriptor()
        if descriptor < 0:
            return 0
        socket = native.socket(fileno=descriptor)
        try:
            return socket.getsockopt(native.SOL_SOCKET, native.SO_ERROR)
        finally:
            socket.detach()

    def send(self, datagram: bytes, address: Address) -> None:
        udp = self._socket
        if udp is None or not isValid(udp):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self._peer is not None:
            sent = udp.write(datagram)
        else:
            sent = udp.writeDatagram(datagram, _hostAddress(address[0]), address[1])
        if sent < 0:
            raise OSError(_ERRNO.get(udp.error(), errno.EIO), udp.errorString())

    def sender(self, address: Address) -> Callable[[bytes], object]:
        return lambda datagram: self.send(datagram, address)

    def close(self) -> None:
        self._letGo()
        if self._readsOn:
            schedulerOfThisThread().forgetTasksOf(self)
        udp, self._socket = self._socket, None
        connections, self._connections = self._connections, []
        if udp is not None:
            release(udp)
        if udp is None or not isValid(udp):
            return
        for connection in connections:
            QObject.disconnect(connection)
        if self._own:
            udp.close()
        if not self._signalling:
            self._letGoOf(udp)

    def _letGoOf(self, udp: QUdpSocket) -> None:
        """Outside of our slots; but the socket may be signalling to others, or about to return from our slot."""
        if self._own:
            udp.deleteLater()
            return
        # The reference may be the last one: it lives until the event loop that runs now goes on.
        keeper = QObject()
        keeper.destroyed.connect(lambda: udp)
        keeper.deleteLater()

    def descriptor(self) -> int:
        return int(self._socket.socketDescriptor()) if self._socket is not None and isValid(self._socket) else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        if self._socket is None or not isValid(self._socket):
            return QHostAddress(), 0
        return self._socket.localAddress(), self._socket.localPort()

    def peerEnd(self) -> Address:
        return self._peer or ("", 0)


def plainText(address: QHostAddress) -> str:
    """The text of an address; IPv4 as such, which a dual-stack socket shows as mapped IPv6."""
    text = address.toString()
    return text.removeprefix(_MAPPED)
