"""The blocking functions of QAbstractSocket and QSslSocket: they work without an event loop.

Only this connection is served meanwhile: its descriptor, its deadlines and its deferred calls. No
slot of another object runs, so a slot may wait without being entered anew, and however many
connections wait inside each other's slots, the stack grows by one wait each and not by all their
events. The price is Qt's, too: the rest of the thread stands still. Run a QEventLoop instead where it
must not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, SignalInstance
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.net import late
from qtsecure.net.arguments import LONGEST_WAIT, checkWait
from qtsecure.net.ssl_socket.over_device import OverDevice

__all__ = ["Waiting"]

_State = QAbstractSocket.SocketState
_TimeoutError = QAbstractSocket.SocketError.SocketTimeoutError
_CONNECTING = (_State.HostLookupState, _State.ConnectingState)
_TIMED_OUT = "The socket operation did not complete in time; the peer is too slow, or waits for something itself."


class _Limit:
    """Until when a whole wait may last; for ever with -1."""

    def __init__(self, milliseconds: int) -> None:
        self._end = math.inf if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def left(self) -> float:
        """In seconds."""
        return max(0.0, self._end - time.monotonic())


class _Emissions:
    """Counts a signal's emissions while it is entered; waits inside each other count each its own."""

    def __init__(self, signal: SignalInstance) -> None:
        self._signal = signal
        self.count = 0

    def __enter__(self) -> _Emissions:
        self._connection = self._signal.connect(self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        QObject.disconnect(self._connection)  # answers False when the socket has gone

    def _note(self, *arguments: object) -> None:
        self.count += 1

    def __bool__(self) -> bool:
        return self.count > 0


class Waiting(OverDevice):
    """The waiting methods of SslSocket."""

    # ---------------------------------------------------------------------------- public

    def waitForConnected(self, msecs: int = 30_000) -> bool:
        """Block until the TCP connection stands (QAbstractSocket::waitForConnected).

        Args:
            msecs: How long at most, in ms; -1 for ever. When it is over, the attempt is given up.

        Returns:
            Whether the socket is connected.

        Raises:
            SecureError: From a slot that the handshake is waiting for.
        """
        limit = self._beginWaiting("waitForConnected", msecs)
        if self._state in _CONNECTING and not self._waitUntilConnected(limit):
            return False
        return self._state == _State.ConnectedState

    def waitForEncrypted(self, msecs: int = 30_000) -> bool:
        """Block until the handshake is complete (QSslSocket::waitForEncrypted).

        Args:
            msecs: How long at most, in ms, connecting included; -1 for ever.

        Returns:
            Whether it was completed; False also if it had been before, or if there is no TLS.

        Raises:
            SecureError: From a slot that the handshake is waiting for.
        """
        limit = self._beginWaiting("waitForEncrypted", msecs)
        if self._dataPath.encrypted or not self._hasTls():
            return False
        return self._waitUntilEncrypted(limit) and self._dataPath.encrypted

    def waitForReadyRead(self, msecs: int = 30_000) -> bool:
        """Block until new data can be read (QIODevice::waitForReadyRead).

        The handshake is completed first, and what was written is sent. Inside a slot of readyRead
        the signal is not emitted again, but the answer is right all the same.

        Args:
            msecs: How long at most, in ms; -1 for ever. The connection survives a time-out.

        Returns:
            Whether new data came; what had been announced before does not count.

        Raises:
            SecureError: From a slot that the handshake is waiting for.
        """
        limit = self._beginWaiting("waitForReadyRead", msecs)
        with _Emissions(self.readyRead) as announced:
            if not self._waitUntilOpen(limit):
                return bool(announced)
            dataPath = self._dataPath
            dataPath.flushQueued()
            inside = dataPath.announcing
            earlier = inside and dataPath.newData
            if inside:
                dataPath.newData = False
            elif dataPath.newData and dataPath.incoming.size:
                dataPath.announce()  # it came with the end of the handshake
            self._waitUntil(
                lambda: bool(announced) or (inside and dataPath.newData) or self._isIn(_State.UnconnectedState), limit
            )
            came = bool(announced) or (inside and dataPath.newData)
            dataPath.newData = dataPath.newData or earlier
            return came

    def waitForBytesWritten(self, msecs: int = 30_000) -> bool:
        """Block until the network has taken some of what was written (QIODevice::waitForBytesWritten).

        Args:
            msecs: How long at most, in ms; -1 for ever. The connection survives a time-out.

        Returns:
            Whether bytes went out; False at once if there was nothing to write.

        Raises:
            SecureError: From a slot that the handshake is waiting for.
        """
        limit = self._beginWaiting("waitForBytesWritten", msecs)
        if not self._left():
            return False
        with _Emissions(self.bytesWritten) as taken:
            if not self._waitUntilOpen(limit):
                return False
            with _Emissions(self.encryptedBytesWritten) as sent:
                self._dataPath.flushQueued()
                self._waitUntil(
                    lambda: bool(sent) or (bool(taken) and not self._left()) or self._isIn(_State.UnconnectedState),
                    limit,
                    writing=True,
                )
                return bool(sent) or (bool(taken) and isValid(self) and not self._left())

    def waitForDisconnected(self, msecs: int = 30_000) -> bool:
        """Block until the connection is over; what was written before is sent.

        Args:
            msecs: How long at most, in ms; -1 for ever. The connection survives a time-out.

        Returns:
            Whether an established connection has ended; False when there was none, or none came about.

        Raises:
            SecureError: From a slot that the handshake is waiting for.
        """
        limit = self._beginWaiting("waitForDisconnected", msecs)
        if self._state == _State.UnconnectedState:
            self._warn("waitForDisconnected() called on a socket that is not connected.")
            return False
        if not self._waitUntilOpen(limit):
            return False
        self._dataPath.flushQueued()
        return self._waitUntil(lambda: self._isIn(_State.UnconnectedState), limit)

    # ---------------------------------------------------------------------------- stages

    def _beginWaiting(self, method: str, msecs: int) -> _Limit:
        self._refuseInsideEngine(method)
        return _Limit(checkWait(msecs, name="msecs"))

    def _hasTls(self) -> bool:
        """Whether a handshake is under way, or begins as soon as the connection stands."""
        if self._state == _State.UnconnectedState:
            return False
        return self._mode != QSslSocket.SslMode.UnencryptedMode or self._attempt.encrypts

    def _waitUntilOpen(self, limit: _Limit) -> bool:
        """Wait until data can flow; False when it will not, or not in time."""
        if self._state == _State.UnconnectedState:
            return False
        if self._hasTls():
            return self._dataPath.encrypted or self._waitUntilEncrypted(limit)
        return self._state not in _CONNECTING or self._waitUntilConnected(limit)

    def _waitUntilConnected(self, limit: _Limit) -> bool:
        with _Emissions(self.connected) as connected:
            self._serveUntil(lambda: self._state not in _CONNECTING, limit, writing=False)
            if isValid(self) and self._state in _CONNECTING:
                self._giveUpConnecting("The remote host did not answer in time.")
            return bool(connected) and isValid(self)

    def _giveUpConnecting(self, text: str) -> None:
        """No time is left for this address or any other."""
        if self._dataPath.transport is not None:
            self._dataPath.transport.abort()
            self._dataPath.transport = None
        self._giveUp(_TimeoutError, text)

    def _waitUntilEncrypted(self, limit: _Limit) -> bool:
        if self._state in _CONNECTING and not self._waitUntilConnected(limit):
            return False
        with _Emissions(self.encrypted) as encrypted:
            if self._dataPath.encrypted:
                return True
            self._waitUntil(lambda: bool(encrypted) or self._isIn(_State.UnconnectedState), limit)
            return bool(encrypted) and isValid(self)

    # ---------------------------------------------------------------------------- serving

    def _waitUntil(self, done: Callable[[], bool], limit: _Limit, *, writing: bool = False) -> bool:
        """Serve this connection until ``done()``; False, and an error, when the time is up before."""
        if self._serveUntil(done, limit, writing=writing):
            return isValid(self)
        self._dataPath.error = _TimeoutError
        self.setErrorString(_TIMED_OUT)
        self.errorOccurred.emit(_TimeoutError)  # no failure of the connection: a server is not told
        return False

    def _serveUntil(self, done: Callable[[], bool], limit: _Limit, *, writing: bool) -> bool:
        """Do what the event loop would do for this connection; True when it is done or the socket is gone."""
        last = False
        while True:
            dataPath = self._dataPath
            transport = dataPath.transport
            dataPath.scheduler.runTasksOf(self, dataPath, transport)
            if not isValid(self) or done():
                return True
            due = self._fireDeadlines()
            if not isValid(self) or done():
                return True
            if last:
                return False
            left = limit.left()
            last = left <= 0
            if not due and not last:
                continue  # to wait for no time at all would end the attempt of a QTcpSocket that it has begun
            if self._serveOnce(min(left, due), writing):
                continue
            if not isValid(self) or done():
                return True
            if dataPath.scheduler.hasTasksOf(self, dataPath, transport):
                continue
            if min(left, due) == math.inf:
                return False  # reading is paused: only the program could change anything
            time.sleep(min(left, due))

    def _fireDeadlines(self) -> float:
        """Fire this connection's deadlines that are due; how many seconds it is until the next."""
        now = self._dataPath.scheduler.clock()
        for deadline in self._attempt.deadlines():
            if deadline.due <= now:
                deadline.fire()
                return 0.0
        return min((deadline.due - now for deadline in self._attempt.deadlines()), default=math.inf)

    def _serveOnce(self, seconds: float, writing: bool) -> bool:
        """Wait once, at most so long, and serve what comes; False when nothing can come."""
        if self._attempt.lookup is not None:
            if seconds > 0:
                self._finishLookUp(seconds)
            return True
        milliseconds = -1 if seconds == math.inf else min(math.ceil(seconds * 1000), LONGEST_WAIT)
        transport = self._dataPath.transport
        return transport is not None and transport.wait(milliseconds, writing=writing)

    def _finishLookUp(self, seconds: float) -> None:
        """Look the name up once more: Qt's own answer comes through the event loop only."""
        answer = late.lookUpBlocking(self._attempt.hostName, seconds)
        lookup = self._attempt.lookup
        if answer is not None and lookup is not None:
            lookup.abort()
            self._found(*answer)
