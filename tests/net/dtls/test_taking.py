"""DtlsServer.takeConnection(): a server's ends over transports of the program."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from weakref import ref

import pytest
from PySide6.QtCore import QCoreApplication, QThread
from shiboken6 import delete, isValid

from qtsecure import DatagramTransport, DtlsPeer, DtlsServer, SecureError, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import Keys, VerifyMode
from tests.semantics.godot.support import Collector, Pair, Result, Status


@pytest.fixture
def pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Pair]:
    """A client and a server, joined in memory."""
    made = Pair(qtsecure_pki)
    made.serve()
    yield made
    made.close()


def test_a_peer_like_others(pair: Pair) -> None:
    """Its facts, its parent, its messages, what the server counts; nothing waits in the server's queue."""
    started: list[DtlsPeer] = []
    pair.server.startedEncryptionHandshake.connect(started.append)
    peer = pair.establish()
    assert started == [peer]
    assert peer.parent() is pair.server
    assert peer.serverName() == "localhost"
    assert peer.cipherName() == pair.client.cipherName() != ""
    assert peer.baseTransport() is pair.ends[1]
    assert peer.idleTimeout() == pair.server.idleTimeout()
    assert not pair.server.hasPendingConnections()
    statistics = pair.server.statistics()
    assert (statistics.challenges, statistics.accepted, statistics.encrypted) == (1, 1, 1)
    assert (statistics.handshaking, statistics.live) == (0, 1)
    peer.putPacket(b"hello")
    spin(lambda: pair.client.availablePacketCount() == 1)
    assert pair.misses == 2  # the hello without cookie, and what comes while it is in use


def test_without_cookies_the_first_hello_is_enough(pair: Pair) -> None:
    """What makes sense where nobody can forge who has sent something."""
    pair.server.setCookieVerificationEnabled(False)
    pair.establish()
    assert pair.server.statistics().challenges == 0


def test_a_restarted_client_needs_one_cookie(pair: Pair) -> None:
    """Its hello is looked at twice; many clients take no second cookie."""
    old = pair.establish()
    pair.client.abort()  # the process has crashed
    new = pair.establish()
    assert new is not old
    assert old.status() is Status.Disconnected
    statistics = pair.server.statistics()
    assert (statistics.replaced, statistics.encrypted) == (1, 2)
    assert "bad cookie" not in statistics.dropped


def test_datagrams_that_came_before_the_call(pair: Pair) -> None:
    """A transport keeps them: the program need not be quicker than the client."""
    pair.server.setCookieVerificationEnabled(False)
    ends = DatagramTransport.pair()
    pair.client.connectToPeer(ends[0], "localhost", pair.options)
    settle()
    assert pair.server.takeConnection(ends[1]) is not None
    spin(pair.client.isEncrypted)


def test_rubbish_is_counted(pair: Pair) -> None:
    transport = Collector()
    for rubbish in (b"GET / HTTP/1.1\r\n", b"\x16", b"\x16\xfe\xfd" + bytes(60), b"\x17" * 40):
        transport.datagramReceived.emit(rubbish)
    assert pair.server.takeConnection(transport) is None
    assert sum(pair.server.statistics().dropped.values()) == 4
    assert transport.sent == []
    assert pair.server.takeConnection(transport) is None


def test_a_handshake_that_fails_at_once(pair: Pair) -> None:
    """Nothing in common: None, the reason at the server, and the client gets its alert."""
    told: list[tuple[DtlsPeer, SecureError]] = []
    pair.server.errorOccurred.connect(lambda peer, error: told.append((peer, error)))
    options = pair.options.toSslConfiguration()
    options.setCiphers("ECDHE-RSA-AES128-GCM-SHA256")  # the server's certificate is of another kind
    pair.client.connectToPeer(pair.ends[0], "localhost", options)
    assert pair.outcome() is Status.Error
    assert pair.taken == []
    assert len(told) in (1, 2)  # a client may try a second time before it believes an alert that anybody could forge
    assert "cipher" in told[0][1].message
    error = pair.client.error()
    assert error is not None
    assert error.alert is not None
    statistics = pair.server.statistics()
    assert (statistics.accepted, statistics.failed, statistics.handshaking) == (len(told), len(told), 0)
    pair.establish()  # at once, while the last alert might still be repeated
    settle()
    assert not isValid(told[0][0])


def test_a_handshake_that_fails_later(pair: Pair) -> None:
    """The peer is the program's: it stays, and tells why."""
    told: list[tuple[DtlsPeer, SecureError]] = []
    pair.server.errorOccurred.connect(lambda peer, error: told.append((peer, error)))
    pair.begin("another.example")
    assert pair.outcome() is Status.ErrorHostnameMismatch
    spin(lambda: bool(told))
    settle()
    assert [peer for peer, _ in told] == pair.taken
    assert pair.taken[0].status() is Status.Error
    assert pair.taken[0].error() is told[0][1]
    assert pair.server.statistics().failed == 1
    pair.establish()


def test_the_deadline_of_the_server(pair: Pair, clock: FakeClock) -> None:
    pair.server.setHandshakeTimeout(2000)
    pair.begin()
    spin(lambda: bool(pair.taken))
    pair.client.abort()
    pair.ends[1].datagramReceived.disconnect(pair.take)
    for _ in range(25):
        clock.advance(0.1)
    assert pair.taken[0].status() is Status.Error
    assert pair.server.statistics().handshaking == 0


def test_limits_and_pauses(pair: Pair) -> None:
    """Those of the server, over whatever its clients come."""
    pair.server.pauseAccepting()
    pair.begin()
    spin(lambda: pair.server.statistics().dropped.get("paused", 0) > 0)
    pair.server.resumeAccepting()
    pair.server.setMaxHandshakingConnections(1)
    other = DtlsPeer()
    ends = DatagramTransport.pair()
    taken: list[DtlsPeer | None] = []
    ends[1].datagramReceived.connect(lambda: taken.append(pair.server.takeConnection(ends[1])))
    other.connectToPeer(ends[0], "localhost", pair.options)
    spin(lambda: any(taken))
    other.abort()  # in the middle, so that its place is taken
    spin(lambda: pair.server.statistics().dropped.get("too many handshaking", 0) > 0)
    assert pair.taken == []
    assert taken[-1] is not None
    taken[-1].abort()
    spin(pair.client.isEncrypted)
    assert pair.server.statistics().failed == 1


def test_pre_shared_keys(pair: Pair) -> None:
    """The server's signal asks: the peer is not known to the program yet."""
    keys = Keys()
    configuration = SslConfiguration()
    configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
    pair.client.preSharedKeyAuthenticationRequired.connect(keys.forClient)
    pair.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    assert pair.server.setup(configuration) is Result.Ok
    assert pair.client.connectToPeer(pair.ends[0], "", configuration) is Result.Ok
    spin(pair.client.isEncrypted)
    assert keys.identity in keys.asked


def test_calls_in_slots(pair: Pair) -> None:
    """Inside the handshake's questions, the same transport is in use."""
    answers: list[object] = []
    pair.server.alertReceived.connect(lambda *_: answers.append(pair.server.takeConnection(pair.ends[1])))
    pair.server.startedEncryptionHandshake.connect(
        lambda peer: answers.append(pair.server.takeConnection(pair.ends[1]))
    )
    pair.begin("another.example")
    assert pair.outcome() is Status.ErrorHostnameMismatch
    spin(lambda: len(answers) == 2)
    assert answers == [None, None]


def test_a_call_inside_itself(pair: Pair) -> None:
    """A transport that emits in poll() enters the program's slot, which calls once more."""
    answers: list[object] = []

    class Polled(Collector):
        def __init__(self) -> None:
            super().__init__()
            self.waiting: list[bytes] = []

        def poll(self) -> None:
            while self.waiting:
                self.datagramReceived.emit(self.waiting.pop(0))

    transport, client = Polled(), Collector()
    pair.client.connectToPeer(client, "localhost", pair.options)
    transport.datagramReceived.connect(lambda: answers.append(pair.server.takeConnection(transport)))
    transport.waiting = [client.sent[0]]
    assert pair.server.takeConnection(transport) is None
    assert len(transport.sent) == 1
    client.datagramReceived.emit(transport.sent.pop())
    transport.waiting = [client.sent[1], client.sent[1]]
    peer = pair.server.takeConnection(transport)
    assert peer is not None
    assert answers == [None] * 3
    assert peer.status() is Status.Handshaking


@pytest.mark.parametrize("what", ["server", "peer", "transport"])
def test_deleted_in_a_slot_inside_the_call(pair: Pair, what: str) -> None:
    """The call returns None, and nothing crashes."""

    def remove(peer: DtlsPeer) -> None:
        delete({"server": pair.server, "peer": peer, "transport": pair.ends[1]}[what])

    pair.server.startedEncryptionHandshake.connect(remove)
    answers: list[object] = []
    pair.ends[1].datagramReceived.disconnect(pair.take)
    server = pair.server
    pair.ends[1].datagramReceived.connect(
        lambda: answers.append(server.takeConnection(pair.ends[1])) if isValid(server) else None
    )
    pair.begin()
    spin(lambda: not isValid({"server": pair.server, "transport": pair.ends[1]}.get(what)) or len(answers) > 1)
    settle()
    assert not any(isinstance(answer, DtlsPeer) and isValid(answer) and what != "transport" for answer in answers)


@pytest.mark.parametrize("when", ["handshaking", "connected"])
def test_the_server_is_deleted(pair: Pair, when: str) -> None:
    """Its peers say goodbye, and the transports are free."""
    if when == "connected":
        pair.establish()
    else:
        pair.begin()
        spin(lambda: bool(pair.taken))
    pair.ends[1].datagramReceived.disconnect(pair.take)
    delete(pair.server)
    spin(lambda: pair.client.status() is not Status.Connected)
    assert not isValid(pair.taken[0])
    pair.server = DtlsServer()
    pair.ends[1].datagramReceived.connect(pair.take)
    pair.client.abort()
    pair.establish()


def test_the_server_stops_in_the_middle(pair: Pair) -> None:
    """Without listening there is something to end, too."""
    pair.begin()
    spin(lambda: bool(pair.taken))
    peer = pair.taken[0]
    pair.server.stop()
    assert isValid(peer)
    assert peer.status() is Status.Disconnected
    assert pair.server.statistics().live == 0
    assert pair.server.statistics().failed == 1
    pair.client.abort()
    pair.establish()


def test_closing_leaves_taken_peers_alone(pair: Pair) -> None:
    """They are the program's, as those that it has fetched; and it may take more."""
    assert pair.server.listen("127.0.0.1", 0)
    peer = pair.establish()
    pair.server.close()
    pair.client.putPacket(b"still here")
    spin(lambda: peer.availablePacketCount() == 1)
    with pytest.raises(SecureError, match="peers"):
        pair.server.moveToThread(QThread())
    pair.client.close()
    pair.establish()


def test_the_program_deletes_the_peer(pair: Pair) -> None:
    peer = pair.establish()
    delete(peer)
    spin(lambda: pair.client.status() is Status.Disconnected)
    assert pair.client.error() is None
    pair.establish()
    pair.taken[-1].deleteLater()
    settle()
    spin(lambda: pair.client.status() is Status.Disconnected)


def test_the_transport_goes(pair: Pair) -> None:
    peer = pair.establish()
    pair.ends[1].close()
    spin(lambda: peer.status() is Status.Error)
    assert peer.error() is not None
    assert pair.server.takeConnection(pair.ends[1]) is None
    assert pair.server.statistics().live == 0


@pytest.mark.parametrize("mtu", [256, 500])
def test_the_hint_limits_the_first_flight(pair: Pair, mtu: int) -> None:
    """Which is the largest of all."""
    pair.server.setCookieVerificationEnabled(False)
    transport = Collector(mtu)
    client = Collector()
    pair.client.connectToPeer(client, "localhost", pair.options)
    transport.datagramReceived.emit(client.sent[0])
    peer = pair.server.takeConnection(transport)
    assert peer is not None
    assert peer.mtu() == mtu
    assert len(transport.sent) > 1
    assert max(map(len, transport.sent)) <= mtu
    assert pair.server.takeConnection(Collector(100)) is None


def test_many_transports_leave_nothing_behind(pair: Pair) -> None:
    """Neither transports nor peers nor what the server kept about them, with an event loop or without."""
    references: list[Callable[[], object]] = []
    for number in range(20):
        ends = DatagramTransport.pair()
        client = DtlsPeer()
        client.connectToPeer(ends[0], "localhost", pair.options)
        taken: list[DtlsPeer] = []
        while not client.isEncrypted():
            ends[1].poll()
            if not taken and (peer := pair.server.takeConnection(ends[1])) is not None:
                taken.append(peer)
            if number % 2:
                settle()
            client.poll()
            pair.server.poll()
        references += [ref(ends[0]), ref(ends[1]), ref(client), ref(taken[0])]
        client.disconnectFromPeer()
        taken[0].poll()
        assert taken[0].status() is Status.Disconnected
        delete(taken.pop())
        delete(client)
        del ends, client, peer
    assert pair.server.statistics().live == 0
    gc.collect()
    assert [reference() for reference in references].count(None) >= len(references) - 2  # of the last round
