"""Timers that come before what waits to be read, as after a pause of the process, and ends in awkward places."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtNetwork import QHostAddress
from shiboken6 import delete

from qtsecure import DatagramTransport, DtlsPeer, SecureError
from qtsecure.net.datagrams.datagram_socket import DatagramSocket
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation
from tests.net.dtls.test_transports import KINDS, bound, carrier, establish
from tests.semantics.godot.support import Pair, Result, Status

_FORGED_ALERT = b"\x15\xfe\xfd\0\0\0\0\0\0\0\x63\0\2\2\x28"
"""handshake_failure, fatal and unencrypted, which anybody can send."""
_FORGED_DAMAGE = _FORGED_ALERT[:-1] + b"\x32"
"""decode_error, which may mean that a datagram of ours was damaged on its way."""
LIMIT = 10_000
"""Of a handshake, in ms."""


def begin(pair: Pair, steps: int) -> None:
    """Begin in memory, and let one end after the other read, the server first."""
    pair.serve()
    assert pair.begin() is Result.Ok
    for number in range(steps):
        pair.ends[1 - number % 2].poll()
    assert pair.client.status() is Status.Handshaking


# --------------------------------------------------------------------- timers before what waits


@pytest.mark.parametrize("kind", [*KINDS, "own"])
def test_a_message_that_waits_prolongs_the_idle_timeout(pair: Pair, conversation: DtlsConversation, kind: str) -> None:
    """It has come in time; it was this process that did not look."""
    if kind == "own":
        client, peer = conversation.client, conversation.establish()
    else:
        pair.listen()
        client, peer = pair.client, establish(pair, carrier(pair, kind))
    client.setIdleTimeout(1000)
    settle()
    path = client._path
    assert path is not None
    peer.writeDatagram(b"in time")
    path.lastHeard -= 1000
    path._idleFired()
    assert client.isEncrypted()
    assert client.readDatagram() == b"in time"
    path.lastHeard -= 1000
    path._idleFired()
    assert client.status() is Status.Error


def test_the_idle_timeout_is_switched_off_by_a_slot_of_what_waits(pair: Pair) -> None:
    peer = pair.establish()
    pair.client.setIdleTimeout(1000)
    pair.client.readyRead.connect(lambda: pair.client.setIdleTimeout(0))
    path = pair.client._path
    assert path is not None
    peer.putPacket(b"x")
    path.lastHeard -= 1000
    path._idleFired()
    assert pair.client.isEncrypted()
    assert path.deadlines()[1] is None


def test_a_transport_that_raises_when_it_is_polled(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reported as an exception in a slot is; the silence counts all the same."""
    reported: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(str(error)))
    pair.establish()
    pair.client.setIdleTimeout(1000)
    path = pair.client._path
    assert path is not None

    def poll() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(pair.ends[0], "poll", poll)
    path.lastHeard -= 1000
    path._idleFired()
    assert reported == ["broken"]
    assert pair.client.status() is Status.Error


def test_an_answer_that_waits_keeps_the_address(conversation: DtlsConversation) -> None:
    """The host's next address is for those that nobody answers."""
    client = conversation.client
    conversation.connect()
    conversation.server.poll()
    path = client._path
    client._attempt.addresses = [QHostAddress("127.0.0.1")]
    client._addressSilent()
    assert client._path is path
    spin(client.isEncrypted)


def test_the_last_flight_waits_at_the_deadline(pair: Pair) -> None:
    begin(pair, 5)
    pair.client._handshakeTimedOut()
    assert pair.client.status() is Status.Connected


@pytest.mark.parametrize("first", ["timer", "socket"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_flight_waits_that_is_not_the_last(pair: Pair, clock: FakeClock, steps: int, first: str) -> None:
    """The server could not go on while we stood still: it gets the time for it, with all the timers due at once."""
    pair.client.setHandshakeTimeout(LIMIT)
    begin(pair, steps)
    clock.now += LIMIT / 1000 + 3
    if first == "socket":
        pair.ends[0].poll()
    clock.advance(0)
    assert pair.client.status() is not Status.Error
    spin(lambda: pair.client.isEncrypted() and bool(pair.taken) and pair.taken[-1].isEncrypted())
    clock.advance(100_000)
    assert pair.client.isEncrypted()
    assert pair.recorder.count("client.errorOccurred") == 0


def test_timers_that_are_due_at_once_try_again_once(pair: Pair, clock: FakeClock) -> None:
    """After a standstill nothing is made up for."""
    pair.client.setHandshakeTimeout(0)
    begin(pair, 2)
    path = pair.client._path
    assert path is not None
    assert path.association is not None
    clock.advance(30)
    numbers = path.association.statistics
    assert numbers.retransmissions + numbers.restarts == 1


@pytest.mark.parametrize(("late", "given"), [(3, 3), (1000, 10)])
def test_what_was_given_back_ends(pair: Pair, clock: FakeClock, late: float, given: float) -> None:
    """As much as could not be used, and no more than there was; then it is over, once."""
    pair.client.setHandshakeTimeout(LIMIT)
    begin(pair, 1)
    clock.advance(LIMIT / 1000 + late)
    clock.advance(given - 0.1)
    assert pair.client.status() is Status.Handshaking
    pair.ends[0].datagramReceived.emit(_FORGED_ALERT[:-1])
    clock.advance(0.2)
    assert pair.client.status() is Status.Error
    assert pair.recorder.count("client.errorOccurred") == 1


@pytest.mark.parametrize("late", [0, 3])
def test_a_server_that_says_nothing_is_left_at_once(pair: Pair, clock: FakeClock, late: float) -> None:
    """It had its time, and nothing waits."""
    pair.client.setHandshakeTimeout(LIMIT)
    begin(pair, 2)
    clock.advance(LIMIT / 1000 + late)
    assert pair.client.status() is Status.Error
    assert pair.recorder.count("client.errorOccurred") == 1


def test_rubbish_prolongs_nothing(pair: Pair, clock: FakeClock) -> None:
    """As long as the process runs."""
    pair.client.setHandshakeTimeout(LIMIT)
    begin(pair, 2)
    pair.ends[0].datagramReceived.emit(_FORGED_ALERT[:-1])
    clock.advance(LIMIT / 1000 + 0.09)
    assert pair.client.status() is Status.Error


def test_clients_of_a_server_after_a_standstill(conversation: DtlsConversation, clock: FakeClock) -> None:
    """One look at the socket serves all of them, and each has kept its time."""
    conversation.server.setHandshakeTimeout(LIMIT)
    conversation.connect()
    others = [conversation.client, *(conversation.makeClient(f"other{number}") for number in range(3))]
    for client in others[1:]:
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHost("127.0.0.1", conversation.server.serverPort())
    for client in others:
        client.setHandshakeTimeout(0)
    conversation.server.poll()
    for client in others:
        client.poll()  # the hellos with their cookies
    conversation.server.poll()
    assert conversation.server.statistics().handshaking == len(others)
    for client in others:
        client.poll()  # their last flights
    clock.advance(LIMIT / 1000 + 3)
    assert conversation.server.statistics().failed == 0
    spin(lambda: all(client.isEncrypted() for client in others))
    for client in others:
        client.abort()


class _Unpolled(DatagramTransport):
    """A transport of the program's that brings something from the event loop only."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def send(self, datagram: bytes) -> bool:
        self.sent.append(datagram)
        return True


def test_what_only_the_event_loop_can_bring(pair: Pair, clock: FakeClock) -> None:
    """It has its turn before silence counts."""
    transport = _Unpolled()
    pair.client.setHandshakeTimeout(LIMIT)
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
    clock.advance(LIMIT / 1000 + 3)
    assert pair.client.status() is Status.Handshaking
    clock.advance(3)
    assert pair.client.status() is Status.Error
    assert pair.recorder.count("client.errorOccurred") == 1


def test_a_message_that_only_the_event_loop_can_bring(pair: Pair, clock: FakeClock) -> None:
    """The same of the idle timeout."""
    peer = pair.establish()
    path = pair.client._path
    assert path is not None
    assert path.socket is not None
    pair.client.setIdleTimeout(1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(path.socket), "seesAll", lambda _: False)
        patch.setattr(type(path.socket), "serve", lambda _: None)
        peer.putPacket(b"in time")
        clock.advance(2)
    spin(lambda: bool(pair.client.hasPendingDatagrams()))
    clock.advance(0.9)
    assert pair.client.isEncrypted()
    clock.advance(0.2)
    assert pair.client.status() is Status.Error


def test_an_alert_at_the_deadline_is_told(pair: Pair) -> None:
    """There is no time left to find out whether somebody has forged it; and no name was looked for in vain."""
    begin(pair, 2)
    pair.ends[0].datagramReceived.emit(_FORGED_DAMAGE)
    pair.client._handshakeTimedOut()
    assert pair.client.status() is Status.Error
    assert "could not be decoded" in pair.client.errorString()


def test_many_silent_peers_read_the_socket_once(
    conversation: DtlsConversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of datagrams must not be read to its end for every one of a server's timers."""
    others = [conversation.makeClient(f"other{number}") for number in range(4)]
    peers = [conversation.establish(client) for client in others]
    settle()
    socket = conversation.server._table.socket if conversation.server._table is not None else None
    assert socket is not None
    reads: list[None] = []
    serve = type(socket).serve

    def counted(self: DatagramSocket) -> None:
        reads.append(None)
        serve(self)

    monkeypatch.setattr(type(socket), "serve", counted)
    others[0].writeDatagram(b"in time")
    for peer in peers:
        path = peer._path
        assert path is not None
        path.lastHeard -= 1000
        path._idleFired()
    assert len(reads) == 1
    assert [peer.isEncrypted() for peer in peers] == [True, False, False, False]


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_a_forged_alert_against_an_answer_that_waits(pair: Pair, steps: int) -> None:
    """Nobody believes the alert when something better follows in time, also when a timer comes before it."""
    begin(pair, steps)
    path = pair.client._path
    assert path is not None
    assert path.association is not None
    pair.ends[0].datagramReceived.emit(_FORGED_ALERT)
    assert path.association._alert.alert is not None
    path.association._alert.believed_at = path._scheduler.clock()
    path._timerFired()
    assert path.association.statistics.restarts == 0
    spin(pair.client.isEncrypted)


# ------------------------------------------------------------------------------- awkward ends


def test_a_peer_of_a_server_that_becomes_a_client(conversation: DtlsConversation) -> None:
    """Its second association is none of the server's, which neither queues it nor counts it."""
    server, other = conversation.server, DtlsConversation(conversation.pki)
    port = other.listen()
    reused: list[DtlsPeer] = []

    def again() -> None:
        reused[0].setSslConfiguration(conversation.clientConfiguration)
        reused[0].connectToHost("127.0.0.1", port)

    def started(peer: DtlsPeer) -> None:
        if not reused:
            reused.append(peer)
            peer.disconnected.connect(again)
            peer.abort()

    server.startedEncryptionHandshake.connect(started)
    conversation.connect()
    spin(lambda: bool(reused) and reused[0].isEncrypted())
    conversation.client.abort()
    assert not server.hasPendingConnections()
    assert server.statistics().encrypted == 0
    reused[0].disconnected.disconnect(again)
    reused[0].close()
    other.close()


def test_the_next_share_of_a_socket_is_made_while_it_reads(pair: Pair) -> None:
    """In a slot of the association over the last one, which has just let go of the socket."""
    pair.listen()
    udp, port = bound(), pair.server.serverPort()
    first = DatagramTransport.fromUdpSocket(udp, "127.0.0.1", port)
    peer = establish(pair, first)
    made: list[DatagramTransport] = []

    def again() -> None:
        first.close()
        made.append(DatagramTransport.fromUdpSocket(udp, "127.0.0.1", port))

    pair.client.disconnected.connect(again)
    peer.close()
    spin(lambda: bool(made))
    pair.client.disconnected.disconnect(again)
    establish(pair, made[0])
    pair.client.close()


def test_a_shared_socket_is_bound_anew_before_its_end_is_told(pair: Pair) -> None:
    """The end is that of the transports from before; the next one works."""
    pair.listen()
    udp = bound()
    first = DatagramTransport.fromUdpSocket(udp, "127.0.0.1", 9)
    udp.close()
    assert udp.bind(QHostAddress("127.0.0.1"), 0)
    second = DatagramTransport.fromUdpSocket(udp, "127.0.0.1", pair.server.serverPort())
    settle()
    assert first.isClosed()
    assert not second.isClosed()
    establish(pair, second)
    pair.client.close()


def test_a_transport_is_deleted_before_its_messages_are_announced(pair: Pair) -> None:
    """They have come, and are told before the end."""
    peer = pair.establish()
    heard: list[bytes] = []
    pair.client.readyRead.connect(lambda: heard.append(pair.client.getPacket()))
    peer.putPacket(b"in time")
    pair.ends[0].poll()
    delete(pair.ends[0])
    assert heard == [b"in time"]
    assert pair.client.status() is Status.Error


def test_the_server_has_another_socket_when_the_loss_of_the_first_is_told(conversation: DtlsConversation) -> None:
    """A slot of a peer was quicker than the server, which is not closed once more."""
    server, client = conversation.server, conversation.client
    server.setSslConfiguration(conversation.serverConfiguration)
    first, second = bound(), bound()
    assert server.bind(first)
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost("127.0.0.1", first.localPort())
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    peer = server.nextPendingConnection()
    assert peer is not None

    def again() -> None:
        server.close()
        assert server.bind(second)

    peer.disconnected.connect(again)
    first.close()
    spin(lambda: peer.status() is Status.Error)
    settle()
    assert server.isListening()
    assert conversation.arguments("server.acceptError") == []
    server.close()


def test_a_server_that_listens_again_when_its_socket_is_lost(conversation: DtlsConversation) -> None:
    """In a slot of closed(): acceptError still says what was lost."""
    server, first = conversation.server, bound()
    told: list[SecureError] = []
    server.acceptError.connect(told.append)
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.bind(first)
    server.closed.connect(lambda: server.listen("127.0.0.1", 0))
    first.close()
    spin(lambda: bool(told))
    assert server.isListening()
    assert "socket" in told[0].message
