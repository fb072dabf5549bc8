"""A simulated TCP connection as a pair of devices for SslSocket, timers included.

Example:
    A handshake in pieces of one byte, which stalls in the middle::

        link = StreamLink(seed=1, segments=(1, 1))
        link.stallAt("server", 500, seconds=3)
        with LinkedDevices(link) as linked:
            client = SslSocket(transport=linked.client)
            server = SslSocket(transport=linked.server)
            ...
            assert linked.run(client.isEncrypted, seconds=10)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

from PySide6.QtCore import QByteArray, QIODevice, Signal
from shiboken6 import isValid

from qtsecure.testing.link_clock import Linked
from qtsecure.testing.stream_link import LinkedPiece, StreamEnding, StreamLink

if TYPE_CHECKING:
    from PySide6.QtNetwork import QAbstractSocket

__all__ = ["LinkedDevice", "LinkedDevices"]


class LinkedDevice(QIODevice):
    """One end of a simulated TCP connection; :class:`LinkedDevices` makes it.

    Args:
        link: The network.
        end: The name of this end.
    """

    #: errorOccurred(error: QAbstractSocket.SocketError): the connection was reset.
    errorOccurred = Signal(object)

    def __init__(self, link: StreamLink, end: str) -> None:
        super().__init__()
        self._link = link
        self._end = end
        self._unread = bytearray()
        self._broken = False
        self._other: Callable[[], LinkedDevice | None] = lambda: None
        self.open(QIODevice.OpenModeFlag.ReadWrite)

    def isSequential(self) -> bool:
        """It is a stream."""
        return True

    def state(self) -> QAbstractSocket.SocketState:
        """Whether the connection stands."""
        from PySide6.QtNetwork import QAbstractSocket

        states = QAbstractSocket.SocketState
        return states.ConnectedState if self.isOpen() and not self._broken else states.UnconnectedState

    def bytesAvailable(self) -> int:
        """How many bytes have arrived and were not read."""
        return len(self._unread) + super().bytesAvailable()

    def readData(self, maxlen: int) -> bytes:
        """What has arrived; for QIODevice."""
        data = bytes(self._unread[:maxlen])
        del self._unread[:maxlen]
        if data and self._link.window and (other := self._other()) is not None:
            from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

            schedulerOfThisThread().defer(other._tellRoom)
        return data

    def joinWith(self, other: LinkedDevice) -> None:
        """Whose unread bytes count for the link's window."""
        self._other = ref(other)

    def _tellRoom(self) -> None:
        """The other end has read: more may be written."""
        if isValid(self) and self.isOpen():
            self.bytesWritten.emit(0)

    def write(self, data: bytes | bytearray | memoryview | QByteArray) -> int:
        """Send as much as fits into the link's window; how much that was, or -1 when the connection has ended."""
        if not self.isOpen() or self._broken:
            return -1
        taken = bytes(data.data() if isinstance(data, QByteArray) else data)
        if self._link.window and (other := self._other()) is not None and isValid(other) and other.isOpen():
            taken = taken[: max(0, self._link.window - self._link.onTheWay(self._end) - other.bytesAvailable())]
        return self._link.send(self._end, taken)

    def close(self) -> None:
        """End the connection in good order, behind what was written."""
        if self.isOpen():
            self._link.end(self._end)
            super().close()

    def abort(self) -> None:
        """Reset the connection."""
        if self.isOpen():
            self._link.abort(self._end)
            super().close()

    def receive(self, piece: LinkedPiece) -> None:
        """Take what the link has delivered."""
        if not self.isOpen() or self._broken:
            return
        if piece.ending is None:
            self._unread += piece.data
            self.readyRead.emit()
            return
        if piece.ending is StreamEnding.Reset:
            from PySide6.QtNetwork import QAbstractSocket

            self._broken = True
            self.setErrorString("The remote host closed the connection abruptly")
            self.errorOccurred.emit(QAbstractSocket.SocketError.RemoteHostClosedError)
            if not isValid(self):
                return
        self.readChannelFinished.emit()


class LinkedDevices(Linked[LinkedPiece]):
    """A context in which the thread's timers run by the clock of a StreamLink.

    Args:
        link: The network.

    Attributes:
        link: The same.
        client: The device at the link's first end.
        server: The device at its second end.
    """

    def __init__(self, link: StreamLink) -> None:
        super().__init__(link)
        self.link = link
        first, second = link.ends
        self.client, self.server = LinkedDevice(link, first), LinkedDevice(link, second)
        self.client.joinWith(self.server)
        self.server.joinWith(self.client)
        self._ends = {first: self.client, second: self.server}

    def _deliverDue(self) -> None:
        for piece in self.link.deliveries():
            if isValid(device := self._ends[piece.to]):
                device.receive(piece)
