"""Servers and sockets in several threads at once, descriptors handed over, and threads that end too early."""

from __future__ import annotations

import gc
import socket as native
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer, Signal, Slot

from qtsecure.net.event_loop.reactor import _perThread, reactorOfThisThread
from qtsecure.net.event_loop.scheduler import _perThread as _schedulers
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import Conversation, assertNoneLeft, openDescriptors, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class Threads:
    """Threads with one object each, which begins in a slot called ``start``."""

    def __init__(self, workers: list[QObject]) -> None:
        self.workers = workers
        self.threads = [QThread() for _ in workers]
        for worker, thread in zip(workers, self.threads, strict=True):
            worker.moveToThread(thread)
            thread.started.connect(worker.start)  # type: ignore[attr-defined]  # each worker has one

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.quit()
        for thread in self.threads:
            assert thread.wait(10_000)


@pytest.fixture
def in_threads(qapp: QCoreApplication) -> Iterator[Callable[[list[QObject]], Threads]]:
    """Start objects in threads of their own; the threads are ended and leave nothing."""
    made: list[Threads] = []
    reactorOfThisThread()  # stays
    before, known = openDescriptors(), set(_perThread) | set(_schedulers)

    def make(workers: list[QObject]) -> Threads:
        made.append(Threads(workers))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.end()
    made.clear()
    settle()
    gc.collect()
    assertNoneLeft(before)
    assert set(_perThread) | set(_schedulers) <= known


class BothEnds(QObject):
    """A server and its clients, one connection after the other, in one thread."""

    ended = Signal()

    def __init__(self, pki: PublicKeyInfrastructure, count: int) -> None:
        super().__init__()
        self._server = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
        self._client = SslConfiguration.forClient([pki.ca.certificate])
        self.left = count
        self.faults: list[str] = []

    @Slot()
    def start(self) -> None:
        self.server = SslServer(self)
        self.server.setSslConfiguration(self._server)
        self.server.pendingConnectionAvailable.connect(self.welcome)
        self.server.listen("127.0.0.1")
        self.begin()

    def begin(self) -> None:
        self.client = SslSocket(self)
        self.client.setSslConfiguration(self._client)
        self.client.encrypted.connect(self.again)
        self.client.errorOccurred.connect(self.fail)
        self.client.connectToHostEncrypted("127.0.0.1", self.server.serverPort())

    def welcome(self) -> None:
        peer = self.server.nextPendingConnection()
        assert peer is not None
        peer.disconnected.connect(peer.deleteLater)

    def again(self) -> None:
        self.left -= 1
        self.client.abort()
        self.client.deleteLater()
        if self.left:
            self.begin()
        else:
            self.server.close()
            self.ended.emit()

    def fail(self) -> None:
        self.faults.append(self.client.errorString())
        self.left = 0
        self.ended.emit()


def test_many_connections_in_two_threads(
    in_threads: Callable[[list[QObject]], Threads], qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """Sockets that come and go in two threads are never taken for each other, and neither thread waits for ever."""
    workers = [BothEnds(qtsecure_pki, 150) for _ in range(2)]
    woken = QTimer()
    for worker in workers:
        worker.ended.connect(woken.stop)  # an event for the main thread, which waits for one
    in_threads([*workers])
    # The main thread's event loop runs: PySide tidies its connections up there.
    spin(lambda: all(worker.left == 0 for worker in workers), timeout=60_000)
    assert [worker.faults for worker in workers] == [[], []]


class Adopter(QObject):
    """Takes descriptors and echoes."""

    offered = Signal(int)

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        self._configuration = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
        self.threads: set[int] = set()
        self.served = self.ended = 0
        self.offered.connect(self.adopt)

    @Slot()
    def start(self) -> None:
        pass

    @Slot(int)
    def adopt(self, descriptor: int) -> None:
        socket = SslSocket(self)
        socket.setSslConfiguration(self._configuration)
        assert socket.setSocketDescriptor(descriptor)
        socket.readyRead.connect(lambda: self.echo(socket))
        socket.disconnected.connect(lambda: self.end(socket))
        socket.startServerEncryption()

    def echo(self, socket: SslSocket) -> None:
        self.threads.add(threading.get_ident())
        self.served += 1
        socket.write(socket.readAll())

    def end(self, socket: SslSocket) -> None:
        socket.deleteLater()
        self.ended += 1


class Dispatcher(SslServer):
    """Hands each descriptor to the next thread."""

    def __init__(self, adopters: list[Adopter]) -> None:
        super().__init__()
        self._adopters = adopters

    def incomingConnection(self, socketDescriptor: int) -> None:
        self._adopters.append(self._adopters.pop(0))
        self._adopters[0].offered.emit(socketDescriptor)


def test_qt_1_2_33_descriptors_are_handed_to_other_threads(
    in_threads: Callable[[list[QObject]], Threads], conversation: Conversation
) -> None:
    """Each connection lives in the thread that got its descriptor; the server only counts it."""
    adopters = [Adopter(conversation.pki) for _ in range(2)]
    in_threads([*adopters])
    server = Dispatcher([*adopters])
    assert server.listen("127.0.0.1")
    clients = []
    for _ in range(6):
        client = SslSocket()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
        client.write(b"over the fence")
        clients.append(client)
    spin(lambda: all(client.bytesAvailable() == 14 for client in clients))
    assert [adopter.served for adopter in adopters] == [3, 3]
    threads = [adopter.threads for adopter in adopters]
    assert all(len(each) == 1 for each in threads)
    assert len({threading.get_ident()}.union(*threads)) == 3
    statistics = server.statistics()
    assert (statistics.accepted, statistics.handshaking, statistics.failed) == (6, 0, 0)
    for client in clients:
        client.abort()
    server.close()
    spin(lambda: [adopter.ended for adopter in adopters] == [3, 3])  # otherwise the slots would keep both for ever


class Waiter(QObject):
    """Is told in the main thread, which wakes its event loop."""

    noted = False

    @Slot()
    def note(self) -> None:
        self.noted = True


class Connected(QObject):
    """Holds the ends of connections, and does not tidy up."""

    ready = Signal()

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        self._pki = pki
        self.sockets: list[SslSocket] = []

    @Slot()
    def start(self) -> None:
        self.server = SslServer(self)
        self.server.setSslConfiguration(SslConfiguration.forServer(self._pki.server.chain, self._pki.server.privateKey))
        self.server.listen("127.0.0.1")
        self.server.pendingConnectionAvailable.connect(self.check)
        self.silent = native.create_connection(("127.0.0.1", self.server.serverPort()))
        self.client = SslSocket(self)
        self.client.setSslConfiguration(SslConfiguration.forClient([self._pki.ca.certificate]))
        self.client.encrypted.connect(self.check)
        self.client.connectToHostEncrypted("127.0.0.1", self.server.serverPort())

    def check(self) -> None:
        if self.client.isEncrypted() and self.server.hasPendingConnections():
            peer = self.server.nextPendingConnection()
            assert peer is not None
            self.sockets = [self.client, peer]
            self.client.write(b"never read" * 100_000)
            self.ready.emit()


@pytest.mark.parametrize("ending", ["objects with the thread", "objects afterwards"])
def test_a_thread_that_ends_with_live_sockets(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, capfd: pytest.CaptureFixture[str], ending: str
) -> None:
    """Nothing crashes, nobody is told anything any more, and no descriptor is left."""
    gc.collect()  # or the garbage of other tests is found in the threads, and Qt says something about it
    before, known = openDescriptors(), set(_perThread) | set(_schedulers)
    for _ in range(3):
        worker = Connected(qtsecure_pki)
        waiter = Waiter()
        worker.ready.connect(waiter.note)
        thread = QThread()
        worker.moveToThread(thread)
        thread.started.connect(worker.start)
        if ending == "objects with the thread":
            thread.finished.connect(worker.deleteLater)
        thread.start()
        spin(lambda: waiter.noted)  # noqa: B023 - called in this round only
        thread.quit()
        assert thread.wait(10_000)
        worker.silent.close()
        del worker, thread
        settle()
        gc.collect()
    assert set(_perThread) | set(_schedulers) <= known
    assertNoneLeft(before)
    assert capfd.readouterr().err == ""


def test_a_thread_that_runs_again(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A QThread may be started anew; each run has a reactor of its own."""
    known = set(_perThread)
    thread = QThread()
    woken = QTimer()  # whose slot is an event for the main thread, which waits for one
    for _ in range(3):
        worker = BothEnds(qtsecure_pki, 3)
        worker.ended.connect(woken.stop)
        worker.moveToThread(thread)
        thread.started.connect(worker.start)
        thread.start()
        spin(lambda: worker.left == 0)  # noqa: B023 - called in this round only
        thread.started.disconnect(worker.start)
        thread.quit()
        assert thread.wait(10_000)
        assert worker.faults == []
        assert set(_perThread) <= known


def test_sockets_go_without_the_garbage_collector(conversation: Conversation) -> None:
    """It runs in any thread, and would take a socket apart in the wrong one."""
    gc.collect()
    gc.disable()
    try:
        peer = conversation.establish()
        client = SslSocket()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        spin(conversation.server.hasPendingConnections)
        client.write(b"unsent")
        gone = weakref.ref(client)
        path = weakref.ref(client._dataPath)
        del client
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        assert gone() is None
        spin(lambda: path() is None)
        peer.abort()
    finally:
        gc.enable()


def test_the_main_thread_is_not_needed(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A thread serves while the main thread is busy with something else than Qt."""
    worker = BothEnds(qtsecure_pki, 10)
    thread = QThread()
    worker.moveToThread(thread)
    thread.started.connect(worker.start)
    thread.start()
    end = time.monotonic() + 40
    while worker.left and time.monotonic() < end:
        time.sleep(0.01)
    thread.quit()
    assert thread.wait(10_000)
    assert (worker.left, worker.faults) == (0, [])
