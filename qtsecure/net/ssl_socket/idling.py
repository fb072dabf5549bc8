"""Giving up a connection without any traffic (setTimeout); off unless the program asks for it."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.net.arguments import checkTimeout
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.ssl_socket.closing import Closing
from qtsecure.net.ssl_socket.data_path import DataPath
from qtsecure.net.ssl_socket.half_closing import HalfClosing

__all__ = ["Idling"]

_State = QAbstractSocket.SocketState


class _WatchedDataPath(DataPath):
    """Notes the time of the latest traffic.

    A data path becomes one, and stops being one, by assignment to its ``__class__``: connections
    without a time-out shall not pay for it with every message. Calls that were deferred before that still come to the
    methods here: hence no super(), which refuses an object that is none any more.
    """

    __slots__ = ()

    def _transportConnected(self) -> None:
        self.lastTraffic = self.scheduler.clock()
        DataPath._transportConnected(self)

    def transportLanded(self, count: int) -> None:
        self.lastTraffic = self.scheduler.clock()
        DataPath.transportLanded(self, count)

    def transportSent(self, count: int) -> None:
        self.lastTraffic = self.scheduler.clock()
        DataPath.transportSent(self, count)

    def flushQueued(self) -> None:
        size = self.outgoing.size
        DataPath.flushQueued(self)
        if self.outgoing.size < size:
            self.lastTraffic = self.scheduler.clock()


class Idling(HalfClosing):
    """The time-out methods of SslSocket."""

    _timeout = 0

    def timeout(self) -> int:
        """After how many ms without traffic the connection is given up; 0 or -1 for never."""
        return self._timeout

    def setTimeout(self, ms: int) -> None:
        """Give the connection up when no byte has come or gone for so long, from connectToHost() on.

        That the connection stands counts as traffic, too. The socket then reports SocketTimeoutError
        and disconnects. Time does not count while it is the program that keeps the peer waiting: with a
        full read buffer (setReadBufferSize()), a pause, a certificate decision that is pending, or a
        slot that the handshake waits for.

        Args:
            ms: Milliseconds; 0 or -1 for never, which is the default. Takes effect at once.

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._timeout = checkTimeout(ms, name="ms")
        # Only connections with a time-out note the time of each message.
        self._dataPath.__class__ = _WatchedDataPath if self._timeout > 0 else DataPath
        if self._state != _State.UnconnectedState:
            self._watchTraffic()

    def _watchTraffic(self) -> None:
        self._cancelIdleDeadline()
        dataPath = self._dataPath
        if self._timeout > 0:
            dataPath.lastTraffic = dataPath.scheduler.clock()
            self._lookForTrafficIn(self._timeout)

    def _lookForTrafficIn(self, milliseconds: float) -> None:
        self._attempt.idleDeadline = PeerDeadline(
            milliseconds, self._reviewTraffic, self._lookForTraffic, most=self._timeout
        )

    def _lookForTraffic(self, due: float) -> bool | None:
        """For the limit of silence, which begins anew after traffic, and while the program keeps the peer waiting."""
        attempt, dataPath = self._attempt, self._dataPath
        if not self._isWatched():
            return False
        if dataPath.readingPaused or attempt.request is not None or self._engineOnStack():
            dataPath.lastTraffic = dataPath.scheduler.clock()
        return self._silenceLeft() <= 0 and Closing._lookWhatWaits(self, due)

    def _isWatched(self) -> bool:
        return isValid(self) and self._state not in (_State.UnconnectedState, _State.BoundState)

    def _silenceLeft(self) -> float:
        dataPath = self._dataPath
        return dataPath.lastTraffic + self._timeout / 1000 - dataPath.scheduler.clock()

    def _reviewTraffic(self) -> None:
        if not self._isWatched():
            return
        self._attempt.idleDeadline = None
        left = self._silenceLeft()
        if left > 0:
            self._lookForTrafficIn(left * 1000)
            return
        error = QAbstractSocket.SocketError.SocketTimeoutError
        text = f"Nothing was exchanged with the remote host for {self._timeout} ms; the connection was given up."
        if self._state in (_State.HostLookupState, _State.ConnectingState):
            self._giveUpConnecting(text)
        else:
            Closing._endWith(self, error, text)

    def _peerClosed(self) -> None:
        self._cancelIdleDeadline()  # while that is told: a slot may show a dialog, in whose event loop it would come
        super()._peerClosed()
        if isValid(self) and self._state != _State.UnconnectedState and self._attempt.idleDeadline is None:
            self._watchTraffic()

    def _resetConnection(self) -> None:
        super()._resetConnection()
        if self._timeout > 0:
            self._watchTraffic()

    def _cancelIdleDeadline(self) -> None:
        attempt = self._attempt
        if attempt.idleDeadline is not None:
            attempt.idleDeadline.cancel()
            attempt.idleDeadline = None
