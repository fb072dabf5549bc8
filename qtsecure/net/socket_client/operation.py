"""A connection that is being made, as the program sees it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QMetaObject, QObject, QTimer
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkWait
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.event_loop.nested_loop import nestedLoop
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.socket_client.events import ClientEvent
from qtsecure.net.socket_client.failures import cancelled, timedOut
from qtsecure.net.socket_client.race import Race
from qtsecure.net.ssl_socket import SslSocket

if TYPE_CHECKING:
    from qtsecure.net.proxies.proxy_address import ProxyAddress
    from qtsecure.net.socket_client.client import SocketClient
    from qtsecure.net.socket_client.connectable import SocketConnectable
    from qtsecure.net.socket_client.settings import ConnectSettings

__all__ = ["ConnectOperation"]


class _Stage(enum.Enum):
    WAITING = "waiting"
    RACING = "racing"
    STOPPED = "stopped"
    FINISHED = "finished"


class _Work:
    """What has to end when C++ deletes the operation; a part of its own because that must not keep the operation.

    Attributes:
        client: Kept while there is something to do, so that a program may forget about it meanwhile.
    """

    def __init__(self, client: SocketClient) -> None:
        self.client: SocketClient | None = client
        self.race: Race | None = None
        self.deadline: Deadline | None = None

    def end(self) -> None:
        """Close every socket."""
        race, self.race = self.race, None
        deadline, self.deadline = self.deadline, None
        if deadline is not None:
            deadline.cancel()
        if race is not None:
            race.stop()

    def deleted(self, key: int) -> None:
        """The operation is no more."""
        self.end()
        client, self.client = self.client, None
        if client is not None:
            client._running.pop(key, None)


@confinedToThread(harmless=("isFinished", "connection", "error", "connectable"))
class ConnectOperation(QObject):
    """Made by SocketClient; it begins from the event loop, and goes on until it is finished, cancelled or deleted.

    It has no parent. Its SocketClient keeps it alive until it is finished; afterwards it lives as long as the program
    keeps it. The same holds for the connection: it has no parent, and belongs to whoever keeps it; the operation itself
    does so as long as it lives.
    """

    #: finished(connection: SslSocket): the connection is ready.
    finished = Signal(object)
    #: failed(error: SecureError): there is none.
    failed = Signal(object)

    def __init__(self, client: SocketClient, connectable: SocketConnectable | None) -> None:
        super().__init__()
        self._connectable = connectable
        self._stage = _Stage.WAITING
        self._work = work = _Work(client)
        self._connection: SslSocket | None = None
        self._error: SecureError | None = None
        self._settings: ConnectSettings | None = None
        self._cancelConnection: QMetaObject.Connection | None = None
        self._told = False
        key = id(self)
        # A function and not a method: see plain_slots.
        self.destroyed.connect(lambda: work.deleted(key))

    # --------------------------------------------------------------------------- public

    def connectable(self) -> SocketConnectable | None:
        """What is being connected to; None if what was given could not be understood."""
        return self._connectable

    def isFinished(self) -> bool:
        """Whether there is a connection or an error; from ClientEvent.Complete on."""
        return self._stage is _Stage.FINISHED

    def connection(self) -> SslSocket | None:
        """The connection; None before the end, and after a failure."""
        return self._connection

    def error(self) -> SecureError | None:
        """Why there is no connection; None before the end, and after success."""
        return self._error

    def cancel(self) -> None:
        """Connect to nothing any more; harmless when it is finished.

        Every socket is closed at once. From the event loop come the event Complete and failed(), with ``Cancelled``.
        """
        self._stop(cancelled())

    def waitForFinished(self, ms: int = 30_000) -> bool:
        """Run an event loop until the operation is finished.

        Slots run meanwhile, as in any nested loop.

        Args:
            ms: How long at most, in ms; -1 for ever. The operation survives a time-out.

        Returns:
            Whether it has finished with a connection; error() tells more.

        Raises:
            TypeError, ValueError: ``ms`` is no such number.
            RuntimeError: There is no QCoreApplication.
        """
        ms = checkWait(ms, name="ms")
        if self._stage is not _Stage.FINISHED and ms:
            loop = nestedLoop()
            timer = QTimer(singleShot=True)
            timer.timeout.connect(loop.quit)
            ends = [signal.connect(loop.quit) for signal in (self._over, self.destroyed)]
            if ms > 0:
                timer.start(ms)
            loop.exec()
            timer.stop()  # what a slot has raised may keep it, and be collected in another thread
            for connection in ends:
                QObject.disconnect(connection)
        return isValid(self) and self._stage is _Stage.FINISHED and self._connection is not None

    # ---------------------------------------------------------------------- by the client

    #: _over(): after finished() or failed(), or without them when the client was deleted.
    _over = Signal()

    def _begin(self, settings: ConnectSettings, cancellable: Cancellable | None) -> None:
        """Begin from the event loop, so that the program can connect to our signals before."""
        self._settings = settings
        if cancellable is not None:
            if cancellable.isCancelled():
                self.cancel()
            else:
                self._cancelConnection = cancellable.cancelled.connect(self.cancel)
        client = self._work.client
        assert client is not None
        client._turns.add(self._start)

    def _fail(self, error: SecureError) -> None:
        """What was asked for could not be understood: no event, only the error."""
        self._stop(error)

    def _abandon(self) -> None:
        """The client is being deleted: end without a word."""
        if self._stage is not _Stage.FINISHED:
            self._stage = _Stage.FINISHED
            self._error = cancelled()
            self._endWork()
            self._work.client = None
            self._over.emit()

    # --------------------------------------------------------------------------- inside

    def _start(self) -> None:
        if not isValid(self) or self._stage is not _Stage.WAITING:
            return
        self._stage = _Stage.RACING
        settings, connectable = self._settings, self._connectable
        assert settings is not None
        assert connectable is not None
        if settings.overallTimeout > 0:
            self._work.deadline = PeerDeadline(settings.overallTimeout, self._timedOut)
        self._work.race = Race(connectable, settings, self)
        self._work.race.start()

    def _timedOut(self) -> None:
        if isValid(self) and self._settings is not None and self._connectable is not None:
            name = self._connectable.serverIdentity() or self._connectable.toString()
            self._stop(timedOut(name, self._settings.overallTimeout))

    def _stop(self, error: SecureError) -> None:
        """End with an error, which is told from the event loop."""
        if self._stage in (_Stage.WAITING, _Stage.RACING):
            self._stage = _Stage.STOPPED
            self._error = error
            self._endWork()
            schedulerOfThisThread().defer(self._finish)

    def _endWork(self) -> None:
        connection, self._cancelConnection = self._cancelConnection, None
        if connection is not None:
            QObject.disconnect(connection)
        self._work.end()

    def _finish(self) -> None:
        """Tell how it ended: once, and last of all."""
        client = self._work.client
        if not isValid(self) or self._stage is _Stage.FINISHED or client is None:
            return
        if not self._told and self._settings is not None:
            # It was cancelled before it began; whoever hears of an end hears of a beginning.
            self._raceEvent(ClientEvent.Resolving, None)
            if not isValid(self) or self._work.client is None:
                return
        self._stage = _Stage.FINISHED
        self._work.client = None
        if self._settings is not None and self._connectable is not None:
            client._tell(ClientEvent.Complete, self._connectable, self._connection)
        if isValid(client):
            client._running.pop(id(self), None)
            self._tellResult(client)
        elif isValid(self):
            self._over.emit()

    def _tellResult(self, client: SocketClient) -> None:
        connection, error = self._connection, self._error
        if isValid(self):
            if connection is not None:
                self.finished.emit(connection)
            else:
                self.failed.emit(error)
        if isValid(self):
            self._over.emit()
        if not isValid(client):
            return
        if connection is not None:
            client.connected.emit(connection)
        else:
            client.failed.emit(error)

    # ------------------------------------------------------------ from the race (RaceOwner)

    def _raceEvent(self, event: ClientEvent, connection: SslSocket | None, proxy: ProxyAddress | None = None) -> None:
        self._told = True
        client = self._client()
        if client is not None and self._connectable is not None:
            client._tell(event, self._connectable, connection, proxy)

    def _client(self) -> SocketClient | None:
        client = self._work.client
        return client if client is not None and isValid(client) else None

    def _raceRelay(self, signal: str, *arguments: object) -> None:
        client = self._client()
        if client is not None:
            getattr(client, signal).emit(*arguments)

    def _raceHearsPreSharedKeys(self) -> bool:
        client = self._client()
        return client is not None and client._hearsPreSharedKeys()

    def _raceEnded(self, result: SslSocket | SecureError) -> None:
        if self._stage is not _Stage.RACING:
            return
        self._stage = _Stage.STOPPED
        if isinstance(result, SecureError):
            self._error = result
        else:
            self._connection = result
        self._endWork()
        self._finish()
