"""Items 35 to 44: setup(), takeConnection(), cookies, limits, restarts, a bad network."""

from __future__ import annotations

import socket as native
from collections.abc import Callable, Iterable

import pytest
from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import DatagramTransport, DtlsPeer, DtlsServer, SecureError
from qtsecure.testing import DatagramLink, LinkedTransports
from qtsecure.testing.datagram_link import LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, settle, spin
from tests.semantics.godot.support import Collector, Pair, Result, Status, received

_COOKIE_AT = 13 + 12 + 2  # record header, handshake header, version
_COUNTS = [50, pytest.param(500, marks=pytest.mark.slow)]


def cookieOf(answer: bytes) -> bytes:
    """The cookie of a HelloVerifyRequest."""
    assert (answer[0], answer[13]) == (22, 3)
    return answer[_COOKIE_AT + 1 :][: answer[_COOKIE_AT]]


def hellos(pair: Pair, answerTo: Callable[[bytes], bytes], large: bool = False) -> tuple[list[bytes], list[bytes]]:
    """The datagrams of a client's first hello, and of the second one, after this answer."""
    transport = Collector(mtu=256)
    client = DtlsPeer()
    options = pair.options.toSslConfiguration()
    if large:
        options.setAllowedNextProtocols([f"protocol of a long name {number}" for number in range(10)])
    assert client.connectToPeer(transport, "localhost", options) is Result.Ok
    first, transport.sent = list(transport.sent), []
    transport.datagramReceived.emit(answerTo(first[0]))
    second = list(transport.sent)
    client.abort()
    return first, second


class Raw:
    """A UDP socket that talks to a server by hand."""

    def __init__(self, pair: Pair) -> None:
        self.server = pair.server
        self.socket = pair.native()
        self.socket.setblocking(False)

    def ask(self, datagram: bytes) -> bytes:
        """Send a datagram and return what is answered at once."""
        self.socket.send(datagram)
        self.server.poll()
        return b"".join(received(self.socket))


def test_godot_35_take_before_setup(qapp: QCoreApplication) -> None:
    """None, for whatever it is given, and the reason once."""
    server = DtlsServer()
    told: list[SecureError] = []
    server.acceptError.connect(told.append)
    transport = Collector()
    transport.datagramReceived.emit(b"\x16 a hello")
    assert server.takeConnection(None) is None
    assert server.takeConnection(transport) is None
    assert server.takeConnection(transport) is None
    assert len(told) == 1
    assert "certificate" in told[0].message
    with pytest.raises(TypeError, match="transport must be"):
        server.takeConnection("127.0.0.1")  # type: ignore[arg-type]  # the mistake under test


def test_maximum_of_all_associations(pair: Pair) -> None:
    """It counts those over transports, and limits them."""
    pair.server.setMaxConnections(1)
    pair.establish()
    other = Pair(pair.pki)
    unused, other.server = other.server, pair.server
    try:
        assert other.begin() is Result.Ok
        spin(lambda: "too many" in pair.server.statistics().dropped)
        assert other.taken == []
        pair.server.setMaxConnections(2)
        spin(other.client.isEncrypted)
    finally:
        other.server = unused
        other.close()


@pytest.mark.parametrize("kind", ["transport", "udp", "native"])
def test_godot_36_first_hello_makes_no_peer(pair: Pair, kind: str, transport_mode: str) -> None:
    """It is answered, None is returned, and nothing is kept; the second one makes a peer."""
    pair.serve()
    client = native.socket(native.AF_INET, native.SOCK_DGRAM)
    client.bind(("127.0.0.1", 0))
    client.setblocking(False)
    port = client.getsockname()[1]
    own = Collector()
    theirs = {"transport": lambda: own, "udp": lambda: pair.udp(port), "native": lambda: pair.native(port)}[kind]()

    def send(datagram: bytes) -> None:
        if kind == "transport":
            own.datagramReceived.emit(datagram)
        else:
            local = theirs.localPort() if kind == "udp" else theirs.getsockname()[1]
            client.sendto(datagram, ("127.0.0.1", local))

    def ask(datagram: bytes) -> bytes:
        send(datagram)
        assert pair.server.takeConnection(theirs) is None
        assert pair.server.findChildren(QObject) == []
        return own.sent.pop() if kind == "transport" else received(client)[0]

    _, second = hellos(pair, ask)
    statistics = pair.server.statistics()
    assert (statistics.challenges, statistics.accepted, statistics.live) == (1, 0, 0)
    for datagram in second:
        send(datagram)
    peer = pair.server.takeConnection(theirs)
    assert peer is not None
    assert peer.status() is Status.Handshaking
    assert peer.parent() is pair.server
    assert peer.baseTransport() is theirs
    assert pair.server.takeConnection(theirs) is None  # it is in use
    client.close()


def test_godot_37_cookies(pair: Pair, clock: FakeClock) -> None:
    """Short; for one address and port; for two minutes at most."""
    pair.listen()
    raw, other = Raw(pair), Raw(pair)
    cookies: list[bytes] = []

    def ask(datagram: bytes) -> bytes:
        answer = raw.ask(datagram)
        cookies.append(cookieOf(answer))
        return answer

    (first, *_), second = hellos(pair, ask)
    assert 0 < len(cookies[0]) <= 32
    assert cookies[0] in second[0]
    assert cookieOf(raw.ask(first)) == cookies[0]  # nothing is remembered, so that it is the same again
    assert cookieOf(other.ask(first)) != cookies[0]
    assert cookieOf(other.ask(second[0])) != cookies[0]  # a replay from another port is asked for its own
    assert pair.server.statistics().accepted == 0
    clock.advance(61)
    assert cookieOf(raw.ask(first)) != cookies[0]  # there is a new secret; the one before is still good
    clock.advance(61)
    assert cookieOf(raw.ask(second[0])) != cookies[0]
    assert pair.server.statistics().accepted == 0
    assert pair.server.statistics().dropped["bad cookie"] == 2


def test_godot_37_a_fresh_cookie_is_accepted(pair: Pair) -> None:
    """What the test above refuses, from the right port and in time."""
    pair.listen()
    raw = Raw(pair)
    _, second = hellos(pair, raw.ask)
    for datagram in second:
        raw.ask(datagram)
    assert pair.server.statistics().accepted == 1


def test_godot_38_fragmented_hello(pair: Pair) -> None:
    """Without a cookie, only the first fragment is looked at; with one, all of them are."""
    pair.listen()
    raw = Raw(pair)
    first, second = hellos(pair, raw.ask, large=True)
    assert len(first) > 1
    assert len(second) > 1
    for datagram in first[1:]:
        assert raw.ask(datagram) == b""
    assert pair.server.statistics().hellos == 1
    assert pair.server.findChildren(QObject) == []
    answers = [raw.ask(datagram) for datagram in second]
    assert answers[:-1] == [b""] * (len(second) - 1)
    assert (answers[-1][0], answers[-1][13]) == (22, 2)  # a ServerHello
    assert pair.server.statistics().accepted == 1


def test_godot_39_full_queue(pair: Pair) -> None:
    """Dropped and counted; whoever waits stays, whatever happens to the limit (Godot deletes all of them)."""
    pair.listen()
    pair.server.setMaxPendingConnections(2)
    clients = [DtlsPeer() for _ in range(4)]
    for count, client in enumerate(clients[:2], 1):
        client.connectToPeer(pair.udp(), "localhost", pair.options)
        spin(lambda count=count: pair.server.statistics().pending == count)  # type: ignore[misc]  # a default binds the loop's value
    clients[2].connectToPeer(pair.udp(), "localhost", pair.options)
    spin(lambda: "too many pending" in pair.server.statistics().dropped)
    assert clients[2].status() is Status.Handshaking
    for limit in (10, 1, 3):
        pair.server.setMaxPendingConnections(limit)
        assert pair.server.statistics().pending == 2
    spin(lambda: pair.server.statistics().pending == 3)
    taken = [pair.server.nextPendingConnection() for _ in range(4)]
    assert [peer is not None for peer in taken] == [True, True, True, False]
    for client in clients:
        client.abort()


def test_godot_40_setup_again(pair: Pair) -> None:
    """Live associations keep their certificate; the next ones get the new one. Godot refuses a second setup()."""
    peer = pair.establish()
    old = pair.client.peerCertificate()
    pair.serve(pair.pki.rsaServer)
    ends = DatagramTransport.pair()
    other = DtlsPeer()
    ends[1].datagramReceived.connect(lambda: pair.server.takeConnection(ends[1]))
    other.connectToPeer(ends[0], "localhost", pair.options)
    spin(other.isEncrypted)
    assert other.peerCertificate() != old
    assert pair.client.peerCertificate() == old
    pair.client.putPacket(b"still alive")
    spin(lambda: peer.availablePacketCount() == 1)
    other.close()


def test_godot_40_a_failed_setup_changes_nothing(pair: Pair) -> None:
    """errorString() tells why."""
    pair.serve()
    before = pair.server.sslConfiguration()
    assert pair.server.setup(DtlsPeer().sslConfiguration()) is Result.Failed
    assert "certificate" in pair.server.errorString()
    assert pair.server.sslConfiguration() == before
    pair.establish()


@pytest.mark.parametrize("count", _COUNTS)
def test_godot_41_half_open_handshakes_are_reaped(pair: Pair, clock: FakeClock, count: int) -> None:
    """At the deadline nothing is left of clients that have shown their cookie and gone."""
    pair.server.setMaxHandshakingConnections(3 * count)
    pair.listen()
    for _ in range(count):
        raw = Raw(pair)
        _, second = hellos(pair, raw.ask)
        for datagram in second:
            raw.ask(datagram)
    assert pair.server.statistics().handshaking == count
    for _ in range(31):
        clock.advance(1)
    settle()
    statistics = pair.server.statistics()
    assert (statistics.handshaking, statistics.failed) == (0, count)
    for _ in range(3):
        clock.advance(1)  # the last words of each
    settle()
    assert pair.server.statistics().live == 0
    assert pair.server.findChildren(DtlsPeer) == []


@pytest.mark.parametrize("over", ["udp", "transport"])
def test_godot_42_restarted_client(pair: Pair, over: str) -> None:
    """A new hello from the same address ends the old association, but only with its cookie."""
    transport = pair.ends[0]
    if over == "udp":
        pair.listen()
        transport = pair.udp()  # type: ignore[assignment]  # another kind of carrier

    def connect() -> DtlsPeer:
        assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
        spin(lambda: pair.client.isEncrypted() and (pair.server.hasPendingConnections() or over == "transport"))
        peer = pair.server.nextPendingConnection() if over == "udp" else pair.taken[-1]
        assert peer is not None
        return peer

    pair.serve()
    old = connect()
    told: list[SecureError] = []
    old.errorOccurred.connect(told.append)
    pair.client.abort()  # the process has crashed
    forger = DtlsPeer()
    collector = Collector()
    forger.connectToPeer(collector, "localhost", pair.options)
    (transport.send if over == "transport" else transport.write)(collector.sent[0])
    spin(lambda: pair.server.statistics().challenges == 2)
    assert old.isEncrypted()
    assert told == []
    forger.abort()
    new = connect()
    assert new is not old
    assert [error.code for error in told] == [SecureError.Code.Closed]
    assert old.status() is Status.Disconnected
    assert pair.server.statistics().replaced == 1
    pair.client.putPacket(b"to the new one")
    spin(lambda: new.availablePacketCount() == 1)
    assert old.availablePacketCount() == 0


def test_godot_43_stop_says_goodbye(pair: Pair, clock: FakeClock) -> None:
    """To every peer, over whatever; Godot tells nobody."""
    pair.listen()
    taken = pair.establish()
    clients = [DtlsPeer() for _ in range(3)]
    for client in clients:
        client.connectToPeer(pair.udp(), "localhost", pair.options)
    spin(lambda: pair.server.statistics().pending == 3)
    spin(lambda: all(client.isEncrypted() for client in clients))
    fetched = pair.server.nextPendingConnection()
    assert fetched is not None
    pair.server.stop()
    assert (taken.status(), fetched.status()) == (Status.Disconnected, Status.Disconnected)
    everybody = [pair.client, *clients]
    spin(lambda: all(client.status() is Status.Disconnected for client in everybody))
    assert [client.error() for client in everybody] == [None] * 4
    assert not pair.ends[1].isClosed()
    pair.establish()  # the transport is free


def accident(kind: str, number: int, end: str) -> Callable[[LinkedDatagram], Iterable[bytes]]:
    """What happens to one datagram of one end; the others arrive."""
    held: list[bytes] = []

    def tamper(datagram: LinkedDatagram) -> Iterable[bytes]:
        if (datagram.sender, datagram.number) == (end, number):
            if kind == "duplicated":
                return [datagram.data, datagram.data]
            if kind == "overtaken":
                held.append(datagram.data)
            return []
        if held and datagram.sender == end:
            return [datagram.data, held.pop()]
        return [datagram.data]

    return tamper


@pytest.mark.parametrize("kind", ["lost", "duplicated", "overtaken"])
@pytest.mark.parametrize("end", ["client", "server"])
def test_godot_44_any_datagram_of_the_handshake(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, end: str, kind: str
) -> None:
    """The handshake is completed, within seconds, and messages flow."""
    for number in range(7):
        with LinkedTransports(DatagramLink(tamper=accident(kind, number, end))) as linked:
            _completes(Pair(qtsecure_pki, (linked.client, linked.server)), linked)


def _completes(pair: Pair, linked: LinkedTransports) -> None:
    pair.serve()
    assert pair.begin() is Result.Ok
    assert linked.run(lambda: pair.client.isEncrypted() and pair.taken[-1].isEncrypted(), 5)
    for _ in range(2):  # the accident may happen to one of these
        pair.client.putPacket(b"hello")
    assert linked.run(lambda: pair.taken[-1].availablePacketCount() > 0, 5)
    pair.close()
