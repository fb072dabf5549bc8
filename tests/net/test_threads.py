"""Sockets and servers in threads of their own."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, Qt, QThread, QTimer, Signal, Slot

from qtsecure.net.event_loop.reactor import _perThread, reactorOfThisThread
from qtsecure.net.event_loop.scheduler import Scheduler, schedulerOfThisThread
from qtsecure.net.event_loop.scheduler import _perThread as _schedulers
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import assertNoneLeft, openDescriptors, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class Worker(QObject):
    """Lives in a thread; each slot of it is a separate entry into Python."""

    listening = Signal(int)
    finished = Signal(bytes)

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        self._pki = pki
        self._idents: set[int] = set()
        self._schedulers: list[Scheduler] = []
        self._server: SslServer | None = None
        self._client: SslSocket | None = None
        self._received = bytearray()

    @Slot()
    def serve(self) -> None:
        self._server = SslServer()
        self._server.setSslConfiguration(
            SslConfiguration.forServer(list(self._pki.server.chain), self._pki.server.privateKey)
        )
        self._server.pendingConnectionAvailable.connect(self._fetch)
        assert self._server.listen("127.0.0.1", 0)
        self.listening.emit(self._server.serverPort())

    def _fetch(self) -> None:
        assert self._server is not None
        socket = self._server.nextPendingConnection()
        assert socket is not None
        socket.readyRead.connect(lambda: socket.write(socket.readAll()))
        socket.write(socket.readAll())

    @Slot(int)
    def talk(self, port: int) -> None:
        self._schedulers.append(schedulerOfThisThread())
        self._client = SslSocket()
        self._client.setSslConfiguration(SslConfiguration.forClient([self._pki.ca.certificate]))
        self._client.readyRead.connect(self._read)
        self._client.disconnected.connect(self._over)
        self._client.connectToHostEncrypted("127.0.0.1", port)
        self._client.write(b"over the fence" * 10_000)

    def _read(self) -> None:
        assert self._client is not None
        self._schedulers.append(schedulerOfThisThread())
        self._received += self._client.readBytes()
        if len(self._received) == 140_000:
            self._client.disconnectFromHost()

    def _over(self) -> None:
        assert all(scheduler is self._schedulers[0] for scheduler in self._schedulers)
        self.finished.emit(bytes(self._received))

    @Slot()
    def clear(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = self._client = None
        QThread.currentThread().quit()


class Fence(QObject):
    """Two threads, one worker in each."""

    clearing = Signal()

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        self.results: list[bytes] = []
        self.threads = [QThread(), QThread()]
        self.workers = [Worker(pki), Worker(pki)]
        for thread, worker in zip(self.threads, self.workers, strict=True):
            worker.moveToThread(thread)
            self.clearing.connect(worker.clear)
        self.threads[0].started.connect(self.workers[0].serve)
        self.workers[0].listening.connect(self.workers[1].talk)

    def run(self) -> bytes:
        self.workers[1].finished.connect(self._finish)
        for thread in self.threads:
            thread.start()
        spin(lambda: bool(self.results))
        self.clearing.emit()
        for thread in self.threads:
            assert thread.wait(20_000)
        return self.results[0]

    @Slot(bytes)
    def _finish(self, received: bytes) -> None:
        self.results.append(received)  # in the main thread, which is woken by it


def test_server_and_client_in_threads_of_their_own(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """Each has its own reactor; when the threads end nothing is left of them."""
    Fence(qtsecure_pki).run()
    before, known = openDescriptors(), set(_perThread)
    for _ in range(3):
        assert Fence(qtsecure_pki).run() == b"over the fence" * 10_000
    assertNoneLeft(before)
    assert set(_perThread) <= known


def test_one_reactor_for_each_thread(qapp: QCoreApplication) -> None:
    """The same thread always gets the same reactor, also between slots; another thread another."""
    here = reactorOfThisThread()
    assert reactorOfThisThread() is here

    class Asker(QObject):
        done = Signal()

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[object] = []

        @Slot()
        def ask(self) -> None:
            self.seen.append(reactorOfThisThread())
            if len(self.seen) < 3:
                QTimer.singleShot(1, self.ask)
            else:
                self.done.emit()

    thread, asker = QThread(), Asker()
    asker.moveToThread(thread)
    thread.started.connect(asker.ask)
    asker.done.connect(thread.quit, Qt.ConnectionType.DirectConnection)  # this thread waits
    thread.start()
    assert thread.wait(20_000)
    assert len({id(reactor) for reactor in asker.seen}) == 1
    assert asker.seen[0] is not here


def test_a_python_thread(qapp: QCoreApplication) -> None:
    """A thread of Python's threading module has a scheduler of its own, too."""
    seen: list[bool] = []
    here = schedulerOfThisThread()

    def run() -> None:
        own = schedulerOfThisThread()
        seen.append(own is not here and own is schedulerOfThisThread())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert seen == [True]


def test_nothing_is_left_of_a_python_thread(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """When join() returns its reactor and scheduler are gone; a socket that outlives it can still be let go of."""
    before, known = openDescriptors(), set(_perThread) | set(_schedulers)
    outcome: list[object] = []

    def run() -> None:
        try:
            keptAlive = QEventLoop()  # gives the thread its event dispatcher
            server, client = SslServer(), SslSocket()
            server.setSslConfiguration(
                SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
            )
            client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
            assert server.listen("127.0.0.1", 0)
            client.connectToHostEncrypted("127.0.0.1", server.serverPort())
            spin(lambda: client.isEncrypted() and server.hasPendingConnections())
            client.abort()
            server.close()
            settle()
            schedulerOfThisThread().callLater(10_000, lambda: None)
            outcome.append(threading.get_ident())
            del keptAlive
        except BaseException as error:  # noqa: BLE001  # for the assertion below
            outcome.append(error)

    for _ in range(3):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(outcome[-1], int), outcome
        assert set(_perThread) | set(_schedulers) <= known
    assertNoneLeft(before)  # Qt ends its event dispatcher a moment after join()


_LAST_THREAD = """
import threading
from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer
from qtsecure.net.event_loop.reactor import reactorOfThisThread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

application = QCoreApplication([])

def run():
    loop = QEventLoop()
    reactorOfThisThread()
    schedulerOfThisThread().callLater(1, loop.quit)
    loop.exec()

thread = threading.Thread(target=run)
thread.start()
thread.join()
print("done")
"""


def test_a_program_ends_after_its_python_threads() -> None:
    """Nothing is said and nobody waits at the exit, when a thread had timers and a notifier."""
    for _ in range(3):
        result = subprocess.run(
            [sys.executable, "-c", _LAST_THREAD], capture_output=True, text=True, timeout=120, check=False
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
