"""Timers that come before what waits to be read, as after a pause of the process, and ends in awkward places."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtNetwork import QHostAddress
from shiboken6 import delete, isValid

from qtsecure import (
    CertificateRequest,
    ClientCertificateRequest,
    DatagramTransport,
    DtlsPeer,
    Interaction,
    SecureError,
)
from qtsecure.net.datagrams.datagram_socket import DatagramSocket
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.native_sockets.name_lookup import NameLookup
from tests.net.conversation import FakeClock, VerifyMode, settle, spin
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


def fireFirst(deadline: Deadline | None) -> None:
    """Before all others that are due."""
    assert deadline is not None
    deadline.fire()


def idlingPath(client: DtlsPeer) -> DtlsPath:
    """The path of a client that is given up after a second of silence."""
    client.setIdleTimeout(1000)
    settle()
    path = client._path
    assert path is not None
    return path


# --------------------------------------------------------------------- timers before what waits


@pytest.mark.parametrize("kind", [*KINDS, "own"])
def test_a_message_that_waits_prolongs_the_idle_timeout(pair: Pair, conversation: DtlsConversation, kind: str) -> None:
    """It has come in time; it was this process that did not look."""
    if kind == "own":
        client, peer = conversation.client, conversation.establish()
    else:
        pair.listen()
        client, peer = pair.client, establish(pair, carrier(pair, kind))
    path = idlingPath(client)
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
    fireFirst(pair.client._attempt.handshakeDeadline)
    assert pair.client.status() is Status.Connected


def test_a_question_that_waits_at_the_deadline(pair: Pair, clock: FakeClock) -> None:
    """The server's flight brings it: the user's time is not the peer's fault, whichever is served first."""
    asked: list[CertificateRequest] = []

    def ask(request: CertificateRequest) -> None:
        asked.append(request)
        request.defer()

    pair.client.acceptCertificate.connect(ask)
    pair.server.setHandshakeTimeout(-1)
    pair.serve(pair.pki.unknownCa)
    assert pair.begin() is Result.Ok
    for number in range(3):
        pair.ends[1 - number % 2].poll()
    clock.now += 31
    fireFirst(pair.client._attempt.handshakeDeadline)
    assert len(asked) == 1
    assert pair.client.status() is Status.Handshaking
    clock.advance(200)
    assert asked[0].isPending()
    asked[0].accept()
    spin(pair.client.isEncrypted)


def test_a_choice_that_waits_at_the_deadline(pair: Pair, clock: FakeClock) -> None:
    """The same for a client's certificate; what was given back of the time counts on with the answer."""
    requests: list[ClientCertificateRequest] = []

    class User(Interaction):
        def requestCertificate(self, request: ClientCertificateRequest) -> None:
            request.defer()
            requests.append(request)

    user = User()
    pair.client.setInteraction(user)
    pair.server.setHandshakeTimeout(-1)
    pair.serve()
    configuration = pair.server.sslConfiguration()
    configuration.setPeerVerifyMode(VerifyMode.QueryPeer)
    pair.server.setSslConfiguration(configuration)
    assert pair.begin() is Result.Ok
    for number in range(3):
        pair.ends[1 - number % 2].poll()
    assert not requests
    clock.now += 31
    fireFirst(pair.client._attempt.handshakeDeadline)
    assert len(requests) == 1
    clock.advance(200)
    assert requests[0].isPending()
    assert pair.client.status() is Status.Handshaking
    requests[0].decline()
    deadline = pair.client._attempt.handshakeDeadline
    assert deadline is not None
    assert 0 < deadline.due - clock.now <= 1
    spin(pair.client.isEncrypted)


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


def test_addresses_wait_for_the_event_loop(
    conversation: DtlsConversation, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of what the resolver's thread has posted; the rest of the handshake gets what it could not use, too."""
    client = conversation.client
    port = conversation.listen()
    client.setSslConfiguration(conversation.clientConfiguration)
    monkeypatch.setattr(NameLookup, "start", lambda lookup, name: None)
    client.setHandshakeTimeout(LIMIT)
    client.connectToHost("localhost", port)
    clock.advance(LIMIT / 1000 + 3)
    lookup = client._attempt.lookup
    assert lookup is not None
    lookup._answered([QHostAddress("127.0.0.1")], "")
    spin(client.isEncrypted)
    client.abort()


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
    fireFirst(pair.client._attempt.handshakeDeadline)
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


ACTIONS: dict[str, Callable[[DtlsPeer], object]] = {
    "delete": delete,
    "close": DtlsPeer.close,
    "abort": DtlsPeer.abort,
    "event loop": lambda peer: settle(),
    "timers first": lambda peer: schedulerOfThisThread().fireDue(),
    "poll": DtlsPeer.poll,
}
actions = pytest.mark.parametrize("action", ACTIONS)


def assertEndsAs(peer: DtlsPeer, action: str) -> None:
    """What has come was in time: the association stands, unless the slot has ended it."""
    assert isValid(peer) is (action != "delete")
    if action != "delete":
        assert peer.isEncrypted() is (action not in ("close", "abort"))
        assert peer.error() is None


@actions
@pytest.mark.parametrize("signal", ["readyRead", "datagramReceived"])
@pytest.mark.parametrize("kind", [*KINDS, "own", "server"])
def test_slots_of_what_waits_when_the_idle_timer_comes(
    pair: Pair,
    conversation: DtlsConversation,
    clock: FakeClock,
    kind: str,
    signal: str,
    action: str,
) -> None:
    """They run inside of the timer, and may do anything to the association."""
    if kind in ("own", "server"):
        client, peer = conversation.client, conversation.establish()
        if kind == "server":
            client, peer = peer, client
    else:
        pair.listen()
        client, peer = pair.client, establish(pair, carrier(pair, kind))
    path = idlingPath(client)
    got: list[bytes] = []

    def act(*message: bytes) -> None:
        got.append(message[0] if message else client.readDatagram())
        ACTIONS[action](client)

    getattr(client, signal).connect(act)
    for message in (b"first", b"second"):
        peer.writeDatagram(message)
    clock.now += 2
    path._idleFired()
    assert got[0] == b"first"
    assertEndsAs(client, action)
    settle()
    assertEndsAs(client, action)
    if action not in ("delete", "close", "abort"):
        spin(lambda: path.deadlines()[1] is not None)
        if signal == "datagramReceived":
            assert got == [b"first", b"second"]


@actions
@pytest.mark.parametrize("timer", ["_timerFired", "handshakeDeadline", "_addressSilent"])
@pytest.mark.parametrize("signal", ["statusChanged", "encrypted"])
def test_slots_of_an_end_of_the_handshake_that_waits_when_a_timer_comes(
    pair: Pair, clock: FakeClock, timer: str, signal: str, action: str
) -> None:
    """The same in the handshake, whose last flight has come."""
    begin(pair, 5)
    client, path = pair.client, pair.client._path
    assert path is not None
    acted: list[bool] = []

    def act(*_: object) -> None:
        acted.append(True)
        if len(acted) == 1:
            ACTIONS[action](client)

    getattr(client, signal).connect(act)
    clock.now += 2
    if timer == "handshakeDeadline":
        fireFirst(client._attempt.handshakeDeadline)
    else:
        getattr(path if timer == "_timerFired" else client, timer)()
    assert acted
    assertEndsAs(client, action)
    settle()
    assertEndsAs(client, action)


@actions
@pytest.mark.parametrize("end", [0, 1], ids=["client", "server"])
def test_slots_of_a_repetition(pair: Pair, clock: FakeClock, end: int, action: str) -> None:
    """Nothing was waiting, so the flight is sent again, and the slot may do anything then, too."""
    begin(pair, 3)
    peer = pair.taken[-1] if end else pair.client
    path = peer._path
    assert path is not None
    acted: list[bool] = []

    def act() -> None:
        acted.append(True)
        if len(acted) == 1:
            ACTIONS[action](peer)

    peer.retransmissionTimeout.connect(act)
    pair.ends[0]._waiting.clear()  # type: ignore[attr-defined]  # of a pair in memory
    clock.now += 2
    path._timerFired()
    assert acted
    settle()
    assert isValid(peer) is (action != "delete")
    if action in ("close", "abort"):
        assert peer.status() is Status.Disconnected
    elif action != "delete":
        spin(lambda: pair.client.isEncrypted() and pair.taken[-1].isEncrypted())


def test_the_timers_of_others_in_a_slot_of_what_waits(conversation: DtlsConversation, clock: FakeClock) -> None:
    """An event loop of the slot serves them before the socket: what waits there for them has come in time as well."""
    clients = [conversation.makeClient(f"client{number}") for number in range(3)]
    peers = [conversation.establish(client) for client in clients]
    got: list[bytes] = []

    def act(message: bytes) -> None:
        got.append(message)
        schedulerOfThisThread().fireDue()

    for client, peer in zip(clients, peers, strict=True):
        peer.datagramReceived.connect(act)
        client.writeDatagram(b"from now on each message is told when it is read")
    spin(lambda: len(got) == 3)
    for client, peer in zip(clients, peers, strict=True):
        peer.setIdleTimeout(1000)
        client.writeDatagram(b"in time")
    clock.advance(2)
    assert [peer.isEncrypted() for peer in peers] == [True, True, True]
    assert got[3:] == [b"in time"] * 3


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


@pytest.mark.parametrize(
    "action", ["delete other", "close other", "event loop", "delete socket", "anew", "anew after the other"]
)
@pytest.mark.parametrize("how", ["closed", "deleted"])
def test_slots_of_the_end_of_a_shared_socket(pair: Pair, how: str, action: str) -> None:
    """Each share is told once, whatever the slots of the others do; what they begin anew is none of it."""
    if how == "deleted" and action.startswith("anew"):
        pytest.skip("nothing is left to bind")
    pair.listen()
    udp = bound()
    shares = [DatagramTransport.fromUdpSocket(udp, "127.0.0.1", port) for port in (9, 10, 11)]
    told: list[int] = []
    made: list[DatagramTransport] = []

    def act() -> None:
        if action == "delete other":
            delete(shares[1])
        elif action == "close other":
            shares[1].close()
        elif action == "event loop":
            settle()
        elif action == "delete socket" and isValid(udp):
            delete(udp)
        elif action.startswith("anew"):
            assert udp.bind(QHostAddress("127.0.0.1"), 0)
            made.append(DatagramTransport.fromUdpSocket(udp, "127.0.0.1", pair.server.serverPort()))

    def closed(number: int) -> None:
        told.append(number)
        if number == (1 if action == "anew after the other" else 0):
            act()

    for number, share in enumerate(shares):
        share.closed.connect(partial(closed, number))
    if how == "closed":
        udp.close()
    else:
        delete(udp)
    spin(lambda: 2 in told)
    settle()
    assert sorted(told) == ([0, 2] if action == "delete other" else [0, 1, 2])
    for transport in made:
        assert not transport.isClosed()
        establish(pair, transport)
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
