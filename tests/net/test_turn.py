"""However many connections have something to do at once, timers have their turns meanwhile."""

from __future__ import annotations

import itertools
import socket as native
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure.net.event_loop import reactor, scheduler, turn
from qtsecure.net.event_loop.scheduler import Scheduler, schedulerOfThisThread
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.qt_socket_stream import QtSocketStream
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import Error, State, spin

_MANY = 30
_WORK = 0.003
_MOST = 3
"""So many pieces of work fill a turn of 8 ms."""


class Working:
    """Work that takes a while by a clock that only it moves, and the ticks of a timer in between."""

    def __init__(self) -> None:
        self.now = monotonic()  # later than what was noted before
        self.done: list[str] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(0)

    def clock(self) -> float:
        return self.now

    def work(self, *_: object) -> None:
        self.now += _WORK
        self.done.append("work")

    def _tick(self) -> None:
        self.done.append("tick")

    def longest(self) -> int:
        """How many pieces of work came one after the other at most."""
        return max(len(list(group)) for what, group in itertools.groupby(self.done) if what == "work")

    def stop(self) -> None:
        self._timer.stop()


@pytest.fixture
def working(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Working]:
    made = Working()
    for module in (reactor, scheduler, turn):
        monkeypatch.setattr(module, "monotonic", made.clock)
    yield made
    made.stop()


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
    assert working.longest() <= _MOST
    assert order == list(range(_MANY))


@pytest.mark.usefixtures("transport_mode")
def test_messages(working: Working, server: SslServer, makeClient: Callable[[], SslSocket]) -> None:
    """Many connections have a message in the same moment."""
    peers: list[SslSocket] = []

    def take() -> None:
        peer = server.nextPendingConnection()
        assert peer is not None
        peers.append(peer)

    server.pendingConnectionAvailable.connect(take)
    clients = [makeClient() for _ in range(_MANY)]
    for client in clients:
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: len(peers) == _MANY and all(client.isEncrypted() for client in clients))
    for client in clients:
        client.readyRead.connect(working.work)
    for peer in peers:
        peer.write(b"message")
        peer.flush()
    spin(lambda: working.done.count("work") == _MANY)
    assert working.longest() <= _MOST
    assert {bytes(client.readBytes()) for client in clients} == {b"message"}


@pytest.mark.usefixtures("transport_mode")
def test_connecting(working: Working, server: SslServer, makeClient: Callable[[], SslSocket]) -> None:
    """Many connections are made in the same moment, and go on with their handshakes."""
    clients = [makeClient() for _ in range(_MANY)]
    for client in clients:
        client.connected.connect(working.work)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: all(client.isEncrypted() for client in clients))
    assert working.done.count("work") == _MANY
    assert working.longest() <= _MOST


@pytest.mark.parametrize("end", ["close", "reset", "failure"])
def test_the_order_stays(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A connection that had no time to tell that it stands tells it before its first data, and before its end."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    with native.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[native.socket] = []

        def hasNone(self: turn.Turn) -> bool:
            self.isOver = True  # deferred calls wait
            if not accepted:  # the QTcpSocket says that it is connected
                peer, _ = listener.accept()
                accepted.append(peer)
                if end == "failure":
                    transport = client._dataPath.transport
                    assert isinstance(transport, QtSocketStream)
                    QTimer.singleShot(0, lambda: transport.onErrorOccurred(Error.NetworkError))
                    return False
                if end == "reset":
                    peer.setsockopt(native.SOL_SOCKET, native.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                else:
                    peer.sendall(b"greeting")
                peer.close()
            return False

        monkeypatch.setattr(turn.Turn, "hasTime", hasNone)
        client = SslSocket()
        story = SignalRecorder(client, ("connected", "readyRead", "readChannelFinished", "disconnected"))
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: bool(story.names()))
        schedulerOfThisThread().turn.isOver = False
        spin(lambda: client.state() == State.UnconnectedState)
        accepted[0].close()
    names = story.names()
    assert names[0] == "connected"
    assert names[-1] == "disconnected"
    if end == "close":
        assert names.index("readyRead") < names.index("readChannelFinished")
        assert client.readBytes() == b"greeting"


def test_a_look_before_a_deadline_tells_it(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks what waits, before a time limit counts, hears that the connection stands."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "qt")
    asked: list[bool] = []

    def hasNone(self: turn.Turn) -> bool:
        self.isOver = True  # deferred calls wait
        asked.append(True)
        return False

    with native.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(turn.Turn, "hasTime", hasNone)
        client = SslSocket()
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: bool(asked))
        transport = client._dataPath.transport
        assert client.state() == State.ConnectingState
        assert transport is not None
        assert transport.takeWhatWaits()
        assert client.state() == State.ConnectedState
        schedulerOfThisThread().turn.isOver = False
        client.abort()
