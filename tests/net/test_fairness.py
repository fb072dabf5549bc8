"""Nobody starves: not beside a slot that runs a loop of its own, and not beside a greedy connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class Crowd:
    """Several clients of one server in this thread; the server echoes."""

    def __init__(self, pki: PublicKeyInfrastructure, count: int) -> None:
        self.server = SslServer()
        self.server.setSslConfiguration(SslConfiguration.forServer(pki.server.chain, pki.server.privateKey))
        assert self.server.listen("127.0.0.1", 0)
        self.peers: list[SslSocket] = []
        self.echoes = True
        self.server.pendingConnectionAvailable.connect(self._accept)
        self.configuration = SslConfiguration.forClient([pki.ca.certificate])
        self.clients = [self.join() for _ in range(count)]
        spin(lambda: all(client.isEncrypted() for client in self.clients) and len(self.peers) == count)
        settle()  # session tickets

    def join(self) -> SslSocket:
        client = SslSocket()
        client.setSslConfiguration(self.configuration)
        client.connectToHostEncrypted("127.0.0.1", self.server.serverPort())
        return client

    def _accept(self) -> None:
        peer = self.server.nextPendingConnection()
        assert peer is not None
        self.peers.append(peer)
        peer.readyRead.connect(lambda: peer.write(peer.readAll()) if self.echoes else None)

    def close(self) -> None:
        for socket in [*self.clients, *self.peers]:
            socket.abort()
        self.server.close()


@pytest.fixture
def makeCrowd(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Callable[[int], Crowd]]:
    made: list[Crowd] = []

    def make(count: int) -> Crowd:
        made.append(Crowd(qtsecure_pki, count))
        return made[-1]

    yield make
    for crowd in made:
        crowd.close()


@pytest.mark.parametrize("signal", ["readyRead", "bytesWritten", "encryptedBytesWritten"])
def test_a_loop_in_a_slot_keeps_the_others_served(makeCrowd: Callable[[int], Crowd], signal: str) -> None:
    """What came in the same batch, what comes later, and who connects meanwhile."""
    crowd = makeCrowd(8)
    first, others = crowd.clients[0], crowd.clients[1:]
    reached: list[bool] = []

    def dialog(*arguments: object) -> None:
        getattr(first, signal).disconnect(dialog)
        spin(lambda: all(client.bytesAvailable() == 3 for client in others))
        for client in others:
            client.write(b"two")
        newcomer = crowd.join()
        newcomer.write(b"new")
        spin(lambda: all(client.bytesAvailable() == 6 for client in others) and newcomer.bytesAvailable() == 3)
        newcomer.abort()
        reached.append(True)

    getattr(first, signal).connect(dialog)
    for client in crowd.clients:
        client.write(b"one")
    spin(lambda: reached == [True])
    spin(lambda: first.bytesAvailable() == 3)


def test_loops_in_the_slots_of_all(makeCrowd: Callable[[int], Crowd]) -> None:
    """Each one's slot waits for the next one's, so the loops are as deep as the connections are many."""
    crowd = makeCrowd(6)
    done: list[int] = []

    def watch(number: int) -> None:
        client = crowd.clients[number]

        def slot() -> None:
            client.readAll()
            if number + 1 < len(crowd.clients):
                crowd.clients[number + 1].write(b"your turn")
                spin(lambda: len(done) >= len(crowd.clients) - number - 1)
            done.append(number)

        client.readyRead.connect(slot)

    for number in range(len(crowd.clients)):
        watch(number)
    crowd.clients[0].write(b"begin")
    spin(lambda: done == [5, 4, 3, 2, 1, 0])


def test_a_wait_in_a_slot_loses_nothing_of_the_others(makeCrowd: Callable[[int], Crowd]) -> None:
    """waitFor...() lets the rest of the thread wait, as in Qt; afterwards all of it is there."""
    crowd = makeCrowd(8)
    first, others = crowd.clients[0], crowd.clients[1:]
    seen: list[list[int]] = []
    counts = [0] * len(others)

    def slot() -> None:
        first.readyRead.disconnect(slot)
        for client in others:
            client.write(b"one")
            client.flush()
        seen.append(list(counts))
        assert not first.waitForReadyRead(30)
        seen.append(list(counts))

    def count(number: int) -> Callable[[], None]:
        def received() -> None:
            counts[number] += len(others[number].readBytes())

        return received

    for number, client in enumerate(others):
        client.readyRead.connect(count(number))
    first.readyRead.connect(slot)
    first.write(b"one")
    spin(lambda: counts == [3] * len(others))
    assert first.bytesAvailable() == 3
    assert seen == [[0] * len(others)] * 2


@pytest.mark.parametrize("direction", ["reading", "writing"])
def test_a_greedy_connection_leaves_turns_to_the_others(makeCrowd: Callable[[int], Crowd], direction: str) -> None:
    """A conversation goes on beside a transfer that never pauses, and gets its answer after a few MiB of it."""
    crowd = makeCrowd(2)
    greedy, modest = crowd.clients
    crowd.echoes = False
    source, sink = (crowd.peers[0], greedy) if direction == "reading" else (greedy, crowd.peers[0])
    block = bytes(1 << 20)
    moved = [0]

    def refill() -> None:
        if source.bytesToWrite() < 4 << 20:
            source.write(block)

    def drain() -> None:
        moved[0] += len(sink.readBytes())

    source.bytesWritten.connect(refill)
    sink.readyRead.connect(drain)
    for _ in range(4):
        refill()
    spin(lambda: moved[0] > 8 << 20)
    other = crowd.peers[1]
    other.readyRead.connect(lambda: other.write(other.readAll()))
    rounds, before = 30, moved[0]
    for number in range(1, rounds + 1):
        modest.write(b"x")
        spin(lambda number=number: modest.bytesAvailable() == number)  # type: ignore[misc]  # a default binds the loop's value
    assert moved[0] - before < rounds * (16 << 20)  # two turns of 8 ms, in which a fast machine moves 8 MiB each
    spin(lambda: moved[0] > before + (8 << 20))  # and the transfer has not stopped


def test_timers_run_beside_a_greedy_connection(makeCrowd: Callable[[int], Crowd]) -> None:
    """The rest of the program gets its turns as well."""
    crowd = makeCrowd(1)
    client = crowd.clients[0]
    ticks: list[int] = []
    received = [0]

    def take() -> None:
        received[0] += len(client.readBytes())

    client.readyRead.connect(take)
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(received[0]))
    timer.start(0)
    client.write(bytes(32 << 20))
    spin(lambda: received[0] == 32 << 20, timeout=20_000)
    timer.stop()
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    assert max(gaps) < 16 << 20
    assert len([gap for gap in gaps if gap]) > 4
