"""However many connections have something to do at once, timers have their turns meanwhile."""

from __future__ import annotations

import itertools
import socket as native
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic

import pytest
from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.errors import SecureError
from qtsecure.net.event_loop import reactor, scheduler, turn
from qtsecure.net.event_loop.scheduler import Scheduler, schedulerOfThisThread
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.qt_socket_stream import QtSocketStream
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import Error, State, settle, spin

_MANY = 30


class Working:
    """Work that takes a while by a clock that only it moves, and the ticks of a timer in between.

    Attributes:
        most: So many pieces of work fill a turn.
    """

    def __init__(self, milliseconds: int, most: int) -> None:
        self._seconds = milliseconds / 1000 + 1e-9  # several must not round to less than their sum
        self.most = most
        self.now = monotonic()
        self.done: list[str] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(0)

    def clock(self) -> float:
        return self.now

    def work(self, *_: object) -> None:
        self.now += self._seconds
        self.done.append("work")

    def _tick(self) -> None:
        self.done.append("tick")

    def longest(self) -> int:
        """How many pieces of work came one after the other at most."""
        return max(len(list(group)) for what, group in itertools.groupby(self.done) if what == "work")

    def stop(self) -> None:
        self._timer.stop()


@pytest.fixture(params=[(8, 3, 3), (8, 20, 1), (0, 3, 1)], ids=["short", "long", "no budget"])
def working(
    qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Working]:
    budget, milliseconds, most = request.param
    monkeypatch.setattr(turn, "_BUDGET", budget / 1000)
    yield from _working(monkeypatch, Working(milliseconds, most))


def _working(monkeypatch: pytest.MonkeyPatch, made: Working) -> Iterator[Working]:
    ours = schedulerOfThisThread()  # it keeps the clock that it was made with
    for module in (reactor, scheduler, turn):
        monkeypatch.setattr(module, "monotonic", made.clock)
    ours.turn.begin()  # by this clock
    yield made
    made.stop()
    monkeypatch.undo()
    ours.turn.begin()


@pytest.fixture
def workingAsUsual(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Working]:
    """A piece of work takes a millisecond, and the budget is the usual one."""
    yield from _working(monkeypatch, Working(1, 8))


@pytest.fixture
def server(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslServer]:
    made = SslServer()
    made.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    assert made.listen("127.0.0.1", 0)
    yield made
    made.close()


@pytest.fixture
def makeClient(server: SslServer, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Callable[[], SslSocket]]:
    made: list[SslSocket] = []

    def make() -> SslSocket:
        client = SslSocket()
        client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        made.append(client)
        return client

    yield make
    for client in made:
        client.abort()


def test_deferred_calls(working: Working) -> None:
    """What was deferred, which stays in its order."""
    own = Scheduler()
    order: list[int] = []

    def task(number: int) -> Callable[[], None]:
        def call() -> None:
            order.append(number)
            working.work()

        return call

    for number in range(_MANY):
        own.defer(task(number))
    spin(lambda: len(order) == _MANY)
    assert working.longest() <= working.most
    assert order == list(range(_MANY))


@pytest.mark.skipif(not reactor.reactorAvailable, reason="neither epoll nor kqueue")
def test_deferred_calls_and_events_together(workingAsUsual: Working) -> None:
    """Both may have their turns before the timers: together they keep to the budget."""
    own = schedulerOfThisThread()
    near, far = native.socketpair()
    with near, far:
        near.send(b"x")  # which nobody reads

        def again() -> None:
            workingAsUsual.work()
            if far.fileno() >= 0:
                own.defer(again)

        registration = reactor.reactorOfThisThread().register(far.fileno(), reactor.READ, workingAsUsual.work)
        for _ in range(_MANY):
            own.defer(again)
        spin(lambda: workingAsUsual.done.count("work") >= 200)
        reactor.reactorOfThisThread().unregister(registration)
    assert workingAsUsual.longest() <= workingAsUsual.most
    settle()


class Crowd:
    """Connections of many clients, and their other ends."""

    def __init__(self, server: SslServer, makeClient: Callable[[], SslSocket]) -> None:
        self.peers: list[SslSocket] = []
        self.clients = [makeClient() for _ in range(_MANY)]
        self._server = server
        server.pendingConnectionAvailable.connect(self._take)
        for client in self.clients:
            client.connectToHostEncrypted("127.0.0.1", server.serverPort())
        spin(lambda: len(self.peers) == _MANY and all(client.isEncrypted() for client in self.clients))

    def _take(self) -> None:
        peer = self._server.nextPendingConnection()
        assert peer is not None
        self.peers.append(peer)


@pytest.mark.usefixtures("transport_mode")
@pytest.mark.parametrize("last", [False, True], ids=["more follows", "the end follows"])
def test_messages(working: Working, server: SslServer, makeClient: Callable[[], SslSocket], last: bool) -> None:
    """Many connections have a message in the same moment."""
    crowd = Crowd(server, makeClient)
    for client in crowd.clients:
        client.readyRead.connect(working.work)
    for peer in crowd.peers:
        peer.write(b"message")
        peer.flush()
        if last:
            peer.disconnectFromHost()
    spin(lambda: working.done.count("work") == _MANY)
    assert working.longest() <= working.most
    assert [bytes(client.readBytes()) for client in crowd.clients] == [b"message"] * _MANY


@pytest.mark.usefixtures("transport_mode")
def test_connecting(working: Working, server: SslServer, makeClient: Callable[[], SslSocket]) -> None:
    """Many connections are made in the same moment, and go on with their handshakes."""
    clients = [makeClient() for _ in range(_MANY)]
    for client in clients:
        client.connected.connect(working.work)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: all(client.isEncrypted() for client in clients))
    assert working.done.count("work") == _MANY
    assert working.longest() <= working.most


@pytest.mark.parametrize("transport_mode", ["qt"], indirect=True)  # the kernel has more room than the others need
@pytest.mark.usefixtures("transport_mode")
def test_room_to_write(working: Working, server: SslServer, makeClient: Callable[[], SslSocket]) -> None:
    """Many connections that have waited for it can send in the same moment."""
    crowd = Crowd(server, makeClient)
    received = [0]

    def read(client: SslSocket) -> None:
        received[0] += len(client.readBytes())

    for client in crowd.clients:
        client.setReadBufferSize(1 << 10)
        client.setSocketOption(QAbstractSocket.SocketOption.ReceiveBufferSizeSocketOption, 1 << 16)
    size = 1 << 20
    for peer in crowd.peers:
        peer.setSocketOption(QAbstractSocket.SocketOption.SendBufferSizeSocketOption, 1 << 17)
        peer.encryptedBytesWritten.connect(working.work)
        peer.write(bytes(size))
    settle()
    assert all(peer.encryptedBytesToWrite() for peer in crowd.peers)
    working.done.clear()
    for client in crowd.clients:
        client.readyRead.connect(partial(read, client))
        client.setReadBufferSize(0)
        read(client)
    spin(lambda: received[0] == size * _MANY)
    assert working.done.count("work") >= _MANY
    # What leads to one signal may lead to another of the same connection.
    assert working.longest() <= working.most + 1


def test_a_loop_without_timers(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for them has an end."""
    monkeypatch.setattr(turn, "_BUDGET", 0.0)
    own = Scheduler()
    done: list[int] = []
    for number in range(5):
        own.defer(partial(done.append, number))
    end = monotonic() + 20
    while len(done) < 5 and monotonic() < end:
        QCoreApplication.sendPostedEvents()
    assert done == list(range(5))


@pytest.mark.parametrize("value", ["-1", "nan", "a while", ""])
def test_a_wrong_budget(value: str) -> None:
    """Is refused, with the variable's name."""
    with pytest.raises(SecureError, match="QTSECURE_REACTOR_BUDGET_MS must be a number of milliseconds"):
        turn._seconds(value)


@pytest.mark.parametrize("end", ["close", "reset", "failure"])
def test_the_order_stays(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A connection that had no time to tell that it stands tells it before its first data, and before its end."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    with native.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[native.socket] = []

        def hasAtFirstNone(self: turn.Turn) -> bool:
            first = not accepted
            if first:  # the QTcpSocket says that it is connected
                peer, _ = listener.accept()
                accepted.append(peer)
                if end == "failure":
                    transport = client._dataPath.transport
                    assert isinstance(transport, QtSocketStream)
                    QTimer.singleShot(0, lambda: transport.onErrorOccurred(Error.NetworkError))
                    return not first
                if end == "reset":
                    peer.setsockopt(native.SOL_SOCKET, native.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                else:
                    peer.sendall(b"greeting")
                peer.close()
            return not first

        monkeypatch.setattr(turn.Turn, "hasTime", hasAtFirstNone)
        monkeypatch.setattr(turn.Turn, "isOver", lambda self: not story.names())  # deferred calls wait
        client = SslSocket()
        story = SignalRecorder(client, ("connected", "readyRead", "readChannelFinished", "disconnected"))
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.UnconnectedState)
        accepted[0].close()
    names = story.names()
    assert names[0] == "connected"
    assert names[-1] == "disconnected"
    if end == "close":
        assert names.index("readyRead") < names.index("readChannelFinished")
        assert client.readBytes() == b"greeting"


def test_a_look_before_a_deadline_tells_it(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks what waits, before a time limit counts, hears that the connection stands, and what was sent."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    asked: list[bool] = []

    def hasNone(self: turn.Turn) -> bool:
        asked.append(True)
        return False

    with native.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(turn.Turn, "hasTime", hasNone)
        monkeypatch.setattr(turn.Turn, "isOver", lambda self: True)  # deferred calls wait
        client = SslSocket()
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: bool(asked))
        transport = client._dataPath.transport
        assert client.state() == State.ConnectingState
        assert isinstance(transport, QtSocketStream)
        assert transport.takeWhatWaits()
        assert client.state() == State.ConnectedState
        client.write(b"x")
        client._dataPath.flushQueued()
        spin(lambda: not transport._tcp().bytesToWrite())
        assert client.encryptedBytesToWrite() == 1
        assert transport.takeWhatWaits()
        assert client.encryptedBytesToWrite() == 0
        assert not transport.takeWhatWaits()
        client.abort()


@pytest.mark.parametrize("limit", [0, 3])
def test_a_failure_loses_nothing_that_came_before(
    qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """What there was no time to read is read before the connection ends."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = SslSocket()
        received = bytearray()
        client.setReadBufferSize(limit)
        client.readyRead.connect(lambda: received.extend(client.readBytes()))
        story = SignalRecorder(client, ("connected", "readyRead", "errorOccurred", "disconnected"))
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            spin(lambda: client.state() == State.ConnectedState)
            transport = client._dataPath.transport
            assert isinstance(transport, QtSocketStream)
            tcp = transport._tcp()
            monkeypatch.setattr(turn.Turn, "hasTime", lambda self: False)
            monkeypatch.setattr(turn.Turn, "isOver", lambda self: True)  # deferred calls wait
            peer.sendall(b"greeting")
            spin(lambda: tcp.bytesAvailable() == len(b"greeting"))
            assert not received
            tcp.errorOccurred.emit(Error.NetworkError)
            tcp.abort()
            monkeypatch.undo()
            spin(lambda: "disconnected" in story.names())
    assert story.names()[-3:] == ["readyRead", "errorOccurred", "disconnected"]
    assert story.of("errorOccurred") == [(Error.NetworkError,)]
    assert received == b"greeting"


def test_tls_begins_before_what_came_is_read(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a slot of connected() defers goes first: read as plain text, it would look like an injection."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    monkeypatch.setattr(turn.Turn, "hasTime", lambda self: False)
    order: list[str] = []
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = SslSocket()
        client.connected.connect(lambda: schedulerOfThisThread().defer(lambda: order.append("deferred")))
        client.readyRead.connect(lambda: order.append("readyRead"))
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"greeting")
            spin(lambda: "readyRead" in order)
        client.abort()
    assert order == ["deferred", "readyRead"]
