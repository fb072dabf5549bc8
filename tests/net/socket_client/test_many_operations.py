"""Very many operations at once finish, and leave nothing."""

from __future__ import annotations

import gc
import itertools
import time
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTimer

from qtsecure import ConnectOperation, SocketClient, SslConfiguration, SslServer, SslSocket
from qtsecure.net.event_loop.reactor import reactorOfThisThread
from qtsecure.net.transports.choice import usesReactor
from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conversation import assertNoneLeft, deleteEverything, openDescriptors, settle, spin

MOST_MS = 150
"""For how long a timer of the same thread may wait: 20 ms on a quiet machine, far more if all were done in one go."""

pytestmark = pytest.mark.usefixtures("transport_mode")


def forCrowds(pki: PublicKeyInfrastructure, count: int) -> tuple[SslServer, SocketClient]:
    """A server with places for all, and a client for it; both wait for longer than a slow machine takes."""
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
    server.setHandshakeTimeout(120_000)
    server.setMaxHandshakingConnections(count)
    server.setMaxPendingConnections(count)
    server.setListenBacklogSize(count)
    assert server.listen("127.0.0.1", 0)
    client = SocketClient()
    client.setEnableProxy(False)
    client.setHandshakeTimeout(120_000)
    client.setTlsConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    return server, client


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_all_finish_and_nothing_is_left(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, count: int
) -> None:
    """Half of them encrypted, each with a name to look up; some cancelled, some refused."""
    deleteEverything()
    if usesReactor():
        reactorOfThisThread()  # has a descriptor of its own, which stays
    before = openDescriptors()
    server, client = forCrowds(qtsecure_pki, count)
    operations: list[ConnectOperation] = []
    for n in range(count):
        client.setTls(n % 2 == 0)
        port = 1 if n % 10 == 9 else server.serverPort()
        operations.append(client.connectToHost("localhost", port))
        if n % 10 == 8:
            operations[-1].cancel()
    assert len(client._running) == count
    spin(lambda: all(operation.isFinished() for operation in operations), 240_000)
    assert client._running == {}
    results = [operation.connection() for operation in operations]
    assert [result is not None for result in results] == [n % 10 < 8 for n in range(count)]
    assert all(result.isEncrypted() == (n % 2 == 0) for n, result in enumerate(results) if result is not None)
    gone = [weakref.ref(operation) for operation in operations]
    for result in results:
        if result is not None:
            result.abort()
            gone.append(weakref.ref(result))
    server.close()
    for child in server.findChildren(SslSocket):
        child.abort()
        child.deleteLater()
    operations.clear()
    results.clear()
    del result, child
    settle()
    gc.collect()
    deleteEverything()
    assert [reference() for reference in gone if reference() is not None] == []
    assertNoneLeft(before)
    assert client.findChildren(SslSocket) == []


@pytest.fixture
def withoutCollector() -> Iterator[None]:
    """Python's garbage collector stops a program for as long as it likes, whoever made the garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("count", [120, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
@pytest.mark.usefixtures("withoutCollector")
def test_a_timer_of_the_same_thread_keeps_its_beat(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, count: int
) -> None:
    """Client and server in one thread, all of it TLS: no turn of the event loop works for long.

    What is measured is the thread's own time, so that a machine that others use as well changes nothing.
    """
    server, client = forCrowds(qtsecure_pki, count)
    client.setTls(True)
    operations = [client.connectToHost("localhost", server.serverPort()) for _ in range(count)]
    beats = [time.thread_time()]
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.thread_time()))
    timer.start(1)
    spin(lambda: all(operation.isFinished() for operation in operations), 240_000)
    timer.stop()
    assert [operation.error() for operation in operations] == [None] * count
    waits = [1000 * (later - earlier) for earlier, later in itertools.pairwise(beats)]
    assert max(waits) < MOST_MS, sorted(waits)[-5:]
    for operation in operations:
        connection = operation.connection()
        assert connection is not None
        connection.abort()
    server.close()
    settle()
