"""SslSocket over the simulated TCP connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SecureError, SslConfiguration, SslSocket
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.testing import LinkedDevices, PublicKeyInfrastructure, SignalRecorder, StreamLink

Code = SecureError.Code
State = QAbstractSocket.SocketState
BIG = bytes(range(256)) * 1024


@dataclass
class Pair:
    """Both sockets, and the devices below them."""

    linked: LinkedDevices
    client: SslSocket
    server: SslSocket
    recorder: SignalRecorder

    def encrypt(self, seconds: float = 60) -> None:
        self.server.startServerEncryption()
        self.client.startClientEncryption()
        assert self.linked.run(lambda: self.client.isEncrypted() and self.server.isEncrypted(), seconds)

    def ended(self, seconds: float = 60) -> None:
        unconnected = State.UnconnectedState
        assert self.linked.run(
            lambda: self.client.state() == unconnected and self.server.state() == unconnected, seconds
        )


class Make:
    """Makes a pair over a link; one for each test."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self._pki = pki
        self.made: list[Pair] = []

    def __call__(self, link: StreamLink) -> Pair:
        linked = LinkedDevices(link)
        linked.__enter__()
        client, server = SslSocket(transport=linked.client), SslSocket(transport=linked.server)
        client.setSslConfiguration(SslConfiguration.forClient([self._pki.ca.certificate]))
        client.setPeerVerifyName("localhost")
        server.setSslConfiguration(
            SslConfiguration.forServer(list(self._pki.server.chain), self._pki.server.privateKey)
        )
        recorder = SignalRecorder()
        names = ["encrypted", "errorOccurred", "readChannelFinished", "disconnected"]
        recorder.watch(client, names, prefix="client")
        recorder.watch(server, names, prefix="server")
        self.made.append(Pair(linked, client, server, recorder))
        return self.made[-1]


@pytest.fixture
def make(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Make]:
    """Make pairs; the clock is given back after the test."""
    factory = Make(qtsecure_pki)
    yield factory
    for pair in reversed(factory.made):
        pair.recorder.close()
        pair.client.abort()
        pair.server.abort()
        pair.linked.__exit__(None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_a_conversation_on_a_bad_network(make: Make, seed: int) -> None:
    """Small pieces, stalls, a slow wire and a small window: everything arrives, and the end is clean."""
    link = StreamLink(seed=seed, segments=(1, 700), coalesce=0.3, stall=0.02, jitter=0.05, rate=100_000, window=8_000)
    pair = make(link)
    pair.encrypt()
    pair.client.write(BIG)
    pair.server.write(BIG[::-1])
    there, back = bytearray(), bytearray()

    def complete() -> bool:
        there.extend(pair.server.readBytes())
        back.extend(pair.client.readBytes())
        return len(there) == len(back) == len(BIG)

    began = link.now
    assert pair.linked.run(complete, 600)
    assert there == BIG
    assert back == BIG[::-1]
    assert link.now - began > len(BIG) / 100_000
    assert link.counters.stalled > 10
    pair.client.disconnectFromHost()
    pair.ended()
    assert pair.server.peerClosedCleanly()
    assert pair.recorder.count("client.errorOccurred") == 0
    assert pair.recorder.count("server.disconnected") == pair.recorder.count("client.disconnected") == 1


def test_the_same_seed_is_the_same_story(make: Make) -> None:
    """To the signal and the moment, as far as the handshake has as many bytes; the sizes of signatures vary."""

    def story() -> tuple[list[str], float]:
        pair = make(StreamLink(seed=3, segments=(1, 40), stall=0.05))
        pair.encrypt()
        pair.linked.link.resetAt("client", 4000)
        began = pair.linked.link.now
        pair.client.write(BIG)
        pair.ended()
        return pair.recorder.names(), pair.linked.link.now - began

    assert story()[0] == story()[0]


def test_bytes_one_by_one(make: Make) -> None:
    """A handshake in the smallest pieces there are."""
    pair = make(StreamLink(segments=(1, 1)))
    pair.encrypt()
    assert pair.recorder.names().count("client.encrypted") == 1


def test_a_stall_beyond_the_deadline_is_a_timeout(make: Make) -> None:
    """30 seconds in no time."""
    link = StreamLink()
    link.stallAt("server", 500, seconds=100)
    pair = make(link)
    pair.server.startServerEncryption()
    pair.client.startClientEncryption()
    began = link.now
    assert pair.linked.run(lambda: pair.client.failure() is not None, 60)
    failure = pair.client.failure()
    assert failure is not None
    assert failure.code is Code.TimedOut
    assert link.now - began == pytest.approx(pair.client.handshakeTimeout() / 1000, abs=0.2)


@pytest.mark.parametrize("offset", [0, 1, 100, 600])
@pytest.mark.parametrize("accident", ["endAt", "resetAt"])
def test_a_cut_in_the_handshake(make: Make, accident: str, offset: int) -> None:
    """One error and one end, wherever it is cut."""
    link = StreamLink()
    getattr(link, accident)("server", offset)
    pair = make(link)
    pair.server.startServerEncryption()
    pair.client.startClientEncryption()
    pair.ended()
    assert pair.recorder.count("client.encrypted") == 0
    assert pair.recorder.count("client.errorOccurred") == 1
    assert pair.recorder.count("client.disconnected") == 1
    assert pair.recorder.count("server.disconnected") == 1


@pytest.mark.parametrize("accident", ["endAt", "resetAt"])
def test_a_cut_in_the_data_is_no_clean_end(make: Make, accident: str) -> None:
    """What came before is readable, and the program can tell that something is missing."""
    link = StreamLink()
    pair = make(link)
    pair.encrypt()
    pair.server.write(b"begin")
    assert pair.linked.run(lambda: pair.client.bytesAvailable() == 5, 5)
    getattr(link, accident)("server", link.counters.sent)  # of both directions: a while behind "begin"
    pair.server.write(BIG)
    pair.ended()
    assert pair.client.readBytes(5) == b"begin"
    assert len(pair.client.readBytes()) < len(BIG)
    assert not pair.client.peerClosedCleanly()
    failure = pair.client.failure()
    assert failure is not None
    assert failure.code in (Code.UncleanClose, Code.Closed)


@pytest.mark.parametrize("end", ["client", "server"])
def test_damage_never_gets_through(make: Make, end: str) -> None:
    """One bit in the data ends the connection with an error on both sides; no wrong byte is read."""
    link = StreamLink()
    pair = make(link)
    pair.encrypt()
    reader, writer = (pair.server, pair.client) if end == "client" else (pair.client, pair.server)
    link.corruptAt(end, link.counters.sent + 5000, bit=3)
    writer.write(BIG)
    pair.ended()
    read = reader.readBytes()
    assert len(read) < len(BIG)
    assert BIG.startswith(read)
    assert reader.failure() is not None
    assert pair.recorder.count(f"{'server' if end == 'client' else 'client'}.errorOccurred") == 1


def test_an_abort_of_the_peer_is_a_reset(make: Make) -> None:
    """As with a socket of the system."""
    pair = make(StreamLink())
    pair.encrypt()
    pair.server.abort()
    pair.ended()
    assert pair.recorder.of("client.errorOccurred") == [(QAbstractSocket.SocketError.RemoteHostClosedError,)]
    assert not pair.client.peerClosedCleanly()


def test_half_a_close(make: Make) -> None:
    """The one direction ends; what the other end had to say still comes, however slowly."""
    pair = make(StreamLink(segments=(1, 100), rate=50_000))
    pair.encrypt()
    pair.server.write(BIG)
    pair.client.write(b"question")
    pair.client.shutdownWrite()
    pair.ended(120)
    assert pair.server.readBytes() == b"question"
    assert pair.client.readBytes() == BIG
    assert pair.client.peerClosedCleanly()
    assert pair.server.peerClosedCleanly()


def test_a_window_is_back_pressure(make: Make) -> None:
    """Who does not read keeps the other from writing, with bounded memory."""
    pair = make(StreamLink(window=4000))
    pair.encrypt()
    pair.server.setReadBufferSize(1000)
    pair.client.write(BIG * 4)
    pair.linked.run(lambda: False, 5)
    assert pair.client.bytesToWrite() > len(BIG) * 3
    assert pair.linked.server.bytesAvailable() <= 4000
    pair.server.setReadBufferSize(0)
    came = bytearray()

    def complete() -> bool:
        came.extend(pair.server.readBytes())
        return len(came) == 4 * len(BIG)

    assert pair.linked.run(complete, 60)
    assert came == BIG * 4


def test_the_clock_is_given_back(qapp: QCoreApplication) -> None:
    """Timers run by the link inside of the block only."""
    scheduler = schedulerOfThisThread()
    real = scheduler.clock
    with LinkedDevices(StreamLink()) as linked:
        assert scheduler.clock is not real
        assert linked.link.now == 1000
    assert scheduler.clock is real
