"""DatagramTransport, its ready-made kinds, and what becomes of an association when one of them goes."""

from __future__ import annotations

import errno
import gc
import os
import socket as native
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from weakref import ref

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication, QThread
from PySide6.QtNetwork import QHostAddress, QUdpSocket
from shiboken6 import delete, isValid

from qtsecure import DatagramTransport, DtlsPeer, DtlsServer, SecureError
from qtsecure.net.datagrams.memory_transports import RelayedTransport
from tests.net.conversation import FakeClock, assertNoneLeft, deleteEverything, openDescriptors, settle, spin
from tests.net.own_process import assertFine
from tests.semantics.godot.support import Collector, Pair, Result, Status

Carrier = QUdpSocket | native.socket | DatagramTransport
KINDS = ("udp", "native", "over udp", "over native", "shared")


def bound() -> QUdpSocket:
    udp = QUdpSocket()
    assert udp.bind(QHostAddress("127.0.0.1"), 0)
    return udp


def carrier(pair: Pair, kind: str) -> Carrier:
    """One of each kind, to the server."""
    port = pair.server.serverPort()
    kinds: dict[str, Callable[[], Carrier]] = {
        "udp": pair.udp,
        "native": pair.native,
        "over udp": lambda: DatagramTransport.fromUdpSocket(pair.udp()),
        "over native": lambda: DatagramTransport.fromSocket(pair.native()),
        "shared": lambda: DatagramTransport.fromUdpSocket(bound(), "127.0.0.1", port),
    }
    return kinds[kind]()


def establish(pair: Pair, transport: Carrier) -> DtlsPeer:
    """Connect over it; the server's end."""
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
    spin(lambda: pair.client.isEncrypted() and pair.server.hasPendingConnections())
    peer = pair.server.nextPendingConnection()
    assert peer is not None
    return peer


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(pair: Pair, kind: str) -> None:
    """Messages in both directions, the addresses of both ends, and one more association afterwards."""
    pair.listen()
    transport = carrier(pair, kind)
    for _ in range(2):
        peer = establish(pair, transport)
        assert pair.client.baseTransport() is transport
        assert (pair.client.peerAddress(), pair.client.peerPort()) == (
            QHostAddress("127.0.0.1"),
            pair.server.serverPort(),
        )
        assert (pair.client.localAddress(), pair.client.localPort()) == (peer.peerAddress(), peer.peerPort())
        for number in range(100):
            pair.client.putPacket(b"%d" % number)
        spin(lambda peer=peer: peer.availablePacketCount() == 100)  # type: ignore[misc]  # a default binds the loop's value
        assert [peer.getPacket() for _ in range(100)] == [b"%d" % number for number in range(100)]
        peer.putPacket(b"back")
        spin(lambda: pair.client.availablePacketCount() == 1)
        pair.client.close()
        assert pair.client.baseTransport() is None
        spin(lambda peer=peer: peer.status() is Status.Disconnected)  # type: ignore[misc]  # a default binds the loop's value


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_open(pair: Pair, kind: str, clock: FakeClock) -> None:
    """The end of the association is not that of the transport, which the program can use again."""
    pair.listen()
    transport = carrier(pair, kind)
    peer = establish(pair, transport)
    if isinstance(transport, native.socket):
        assert os.get_blocking(transport.fileno()) is False
    peer.close()
    spin(lambda: pair.client.status() is Status.Disconnected)
    if isinstance(transport, native.socket):
        assert os.get_blocking(transport.fileno()) is True
        assert transport.send(b"plain") == 5
    elif isinstance(transport, QUdpSocket):
        assert transport.write(b"plain") == 5
    else:
        assert not transport.isClosed()
        assert transport.send(b"plain")
    # Behind the answer to close_notify.
    spin(lambda: pair.server.statistics().dropped.get("unknown peer") == 2)


def test_it_is_closed_on_demand(pair: Pair) -> None:
    """A connection of two signals."""
    pair.client.disconnected.connect(pair.ends[0].close)
    pair.establish()
    pair.client.close()
    assert pair.ends[0].isClosed()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_closed_by_the_program(pair: Pair, kind: str) -> None:
    """An error of the association, told at the latest with the next datagram; nothing is told twice."""
    pair.listen()
    transport = carrier(pair, kind)
    peer = establish(pair, transport)
    transport.close()
    peer.putPacket(b"too late")
    pair.client.putPacket(b"too late")
    spin(lambda: pair.client.status() is Status.Error)
    settle()
    ((error,),) = pair.recorder.of("client.errorOccurred")
    assert isinstance(error, SecureError)
    assert error.code is SecureError.Code.UncleanClose
    assert pair.names().count("disconnected") == 1
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.InvalidParameter


@pytest.mark.skipif(sys.platform == "win32", reason="a socket that was shut down reports an error there")
@pytest.mark.parametrize("kind", ["native", "over native"])
@pytest.mark.parametrize("how", [native.SHUT_RD, native.SHUT_RDWR])
def test_the_program_ends_receiving(pair: Pair, kind: str, how: int) -> None:
    """A socket after shutdown() is readable for ever without a datagram: that is an end, and nothing spins on it."""
    pair.listen()
    plain = pair.native()
    establish(pair, plain if kind == "native" else DatagramTransport.fromSocket(plain))
    plain.shutdown(how)
    spin(lambda: pair.client.status() is Status.Error)
    ((error,),) = pair.recorder.of("client.errorOccurred")
    assert isinstance(error, SecureError)
    assert error.code is SecureError.Code.UncleanClose
    assert "shut down" in error.message
    assert os.get_blocking(plain.fileno()) is True


@pytest.mark.skipif(sys.platform == "win32", reason="a socket that was shut down reports an error there")
@pytest.mark.parametrize("kind", ["udp", "over udp"])
@pytest.mark.parametrize("how", [native.SHUT_RD, native.SHUT_RDWR])
def test_the_program_ends_receiving_below_qt(pair: Pair, kind: str, how: int) -> None:
    """The same by the descriptor of a QUdpSocket, which would say for ever that it is ready."""
    pair.listen()
    udp = pair.udp()
    establish(pair, udp if kind == "udp" else DatagramTransport.fromUdpSocket(udp))
    plain = native.socket(fileno=int(udp.socketDescriptor()))
    try:
        plain.shutdown(how)
    finally:
        plain.detach()
    spin(lambda: pair.client.status() is Status.Error)
    ((error,),) = pair.recorder.of("client.errorOccurred")
    assert isinstance(error, SecureError)
    assert error.code is SecureError.Code.UncleanClose
    assert "shut down" in error.message


@pytest.mark.parametrize("kind", ["udp", "over udp", "over native", "shared"])
@pytest.mark.parametrize("when", ["handshaking", "connected"])
def test_it_is_deleted(pair: Pair, kind: str, when: str) -> None:
    pair.listen()
    transport = carrier(pair, kind)
    if when == "connected":
        establish(pair, transport)
    else:
        pair.client.connectToPeer(transport, "localhost", pair.options)
    delete(transport)
    spin(lambda: pair.client.status() is Status.Error)
    error = pair.client.error()
    assert error is not None
    assert error.code is (SecureError.Code.UncleanClose if when == "connected" else SecureError.Code.Closed)
    assert pair.client.putPacket(b"x") is Result.Unconfigured


@pytest.mark.parametrize("how", [delete, lambda transport: transport.close()], ids=["deleted", "closed"])
def test_it_goes_in_a_slot_of_the_association(pair: Pair, how: Callable[[DatagramTransport], None]) -> None:
    peer = pair.establish()
    pair.client.datagramReceived.connect(lambda message: how(pair.ends[0]) if isValid(pair.ends[0]) else None)
    for _ in range(3):
        peer.putPacket(b"x")
    spin(lambda: pair.client.status() is Status.Error)


def test_what_is_not_taken_is_lost(pair: Pair) -> None:
    """As on any network: the handshake repeats it, and it is counted."""
    refusals: list[bytes] = []
    ends = DatagramTransport.pair()

    def relay(datagram: bytes) -> bool:
        if len(refusals) < 2:
            refusals.append(datagram)
            return False
        return ends[0].send(datagram)

    transport = RelayedTransport(relay)
    ends[0].datagramReceived.connect(transport.datagramReceived)
    pair.serve()
    ends[1].datagramReceived.connect(lambda: pair.server.takeConnection(ends[1]))
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
    spin(pair.client.isEncrypted)
    assert pair.client.statistics().dropped["network busy"] == 2


class Narrow(RelayedTransport):
    """Takes no large datagrams, and tells so with an errno instead of a hint."""

    def __init__(self, below: DatagramTransport) -> None:
        super().__init__(lambda datagram: len(datagram) <= 600 and below.send(datagram))
        below.datagramReceived.connect(self.datagramReceived)

    def lastError(self) -> int:
        return errno.EMSGSIZE


def test_a_transport_that_takes_no_large_datagrams(pair: Pair) -> None:
    """The first one is refused, and smaller ones are asked for from then on."""
    pair.serve()
    narrow = Narrow(pair.ends[0])
    assert pair.client.connectToPeer(narrow, "localhost", pair.options) is Result.Ok
    spin(pair.client.isEncrypted)
    largest = bytes(pair.client.maxPacketSize())
    assert pair.client.putPacket(largest) is Result.InvalidParameter
    assert pair.client.maxPacketSize() < 600
    assert pair.client.putPacket(bytes(pair.client.maxPacketSize())) is Result.Ok
    spin(lambda: pair.taken[-1].availablePacketCount() == 1)


@pytest.mark.parametrize("mtu", [256, 700, 9000])
def test_the_hint_limits_datagrams(pair: Pair, mtu: int) -> None:
    transport = Collector(mtu)
    options = pair.options.toSslConfiguration()
    options.setAllowedNextProtocols([f"a protocol with a long name {number}" for number in range(60)])
    assert pair.client.connectToPeer(transport, "localhost", options) is Result.Ok
    assert pair.client.mtu() == min(mtu, 1200)
    assert len(transport.sent) > 1
    assert max(map(len, transport.sent)) <= min(mtu, 1200)


def test_a_hint_that_is_too_small(pair: Pair) -> None:
    """Nothing can be done about it."""
    transport = Collector(255)
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Failed
    assert "255 bytes" in pair.client.errorString()
    assert pair.client.status() is Status.Error
    assert transport.sent == []
    pair.establish()


def test_one_socket_for_several_servers(pair: Pair) -> None:
    """Who has sent a datagram decides who gets it; those of strangers reach nobody."""
    second = Pair(pair.pki)
    udp = bound()
    transports = []
    for each in (pair, second):
        each.listen()
        transports.append(DatagramTransport.fromUdpSocket(udp, "127.0.0.1", each.server.serverPort()))
    peers = [establish(each, transport) for each, transport in zip((pair, second), transports, strict=True)]
    arrived: list[bytes] = []
    for transport in transports:
        transport.datagramReceived.connect(arrived.append)
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\x15\xfe\xfd forged", ("127.0.0.1", udp.localPort()))
        for peer in peers:
            peer.putPacket(b"for you")
        spin(lambda: all(each.client.availablePacketCount() == 1 for each in (pair, second)))
    assert len(arrived) == 2
    assert pair.client.statistics().dropped == {}
    with pytest.raises(ValueError, match="already"):
        DatagramTransport.fromUdpSocket(udp, QHostAddress("127.0.0.1"), pair.server.serverPort())
    transports[0].close()
    assert second.client.isEncrypted()
    again = DatagramTransport.fromUdpSocket(udp, "127.0.0.1", pair.server.serverPort())
    spin(lambda: pair.client.status() is Status.Error)
    establish(pair, again)
    second.close()


def test_peer_names() -> None:
    """They tell the port, too: cookies depend on it."""
    udp = bound()
    assert DatagramTransport.fromUdpSocket(udp, "127.0.0.1", 7).peerName() == "127.0.0.1:7"
    local = DatagramTransport.fromUdpSocket(udp, QHostAddress.SpecialAddress.LocalHost, 8)
    assert local.peerName() == "127.0.0.1:8"
    six = QUdpSocket()
    if six.bind(QHostAddress("::1"), 0):
        assert DatagramTransport.fromUdpSocket(six, "::1", 7).peerName() == "[::1]:7"


def test_local_datagram_sockets(pair: Pair) -> None:
    """A pair of sockets without addresses."""
    near, far = native.socketpair(native.AF_UNIX, native.SOCK_DGRAM)
    pair.serve()
    with near, far:
        assert pair.client.connectToPeer(near, "localhost", pair.options) is Result.Ok
        taken: list[DtlsPeer] = []

        def look() -> bool:
            if not taken and (peer := pair.server.takeConnection(far)) is not None:
                taken.append(peer)
            return pair.client.isEncrypted()

        spin(look)
        assert pair.client.peerAddress().isNull()
        pair.client.close()
        spin(lambda: taken[0].status() is Status.Disconnected)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: DatagramTransport.fromUdpSocket(QUdpSocket()), ValueError),
        (lambda: DatagramTransport.fromUdpSocket(bound()), ValueError),
        (lambda: DatagramTransport.fromUdpSocket(QUdpSocket(), "127.0.0.1", 1), ValueError),
        (lambda: DatagramTransport.fromUdpSocket(bound(), "localhost", 1), ValueError),
        (lambda: DatagramTransport.fromUdpSocket(bound(), "127.0.0.1", 0), ValueError),
        (lambda: DatagramTransport.fromUdpSocket(bound(), 7, 1), TypeError),  # type: ignore[arg-type]  # the mistake
        (lambda: DatagramTransport.fromUdpSocket("udp"), TypeError),  # type: ignore[arg-type]  # the mistake under test
        (lambda: DatagramTransport.fromSocket("udp"), TypeError),  # type: ignore[arg-type]  # the mistake under test
    ],
)
def test_what_makes_no_transport(qapp: QCoreApplication, call: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"must|transport"):
        call()


def test_a_bound_socket_needs_the_other_side(qapp: QCoreApplication) -> None:
    """Connecting it is not the only advice: it may be meant for several."""
    with pytest.raises(ValueError, match=r"^address and port must be given"):
        DatagramTransport.fromUdpSocket(bound())


def test_two_transports_over_one_connected_socket(pair: Pair) -> None:
    pair.listen()
    udp, plain = pair.udp(), pair.native()
    first, second = DatagramTransport.fromUdpSocket(udp), DatagramTransport.fromSocket(plain)
    for call in (lambda: DatagramTransport.fromUdpSocket(udp), lambda: DatagramTransport.fromSocket(plain)):
        with pytest.raises(ValueError, match="in use"):
            call()
    assert pair.client.connectToPeer(udp, "localhost", pair.options) is Result.AlreadyInUse
    first.close()
    second.close()
    DatagramTransport.fromUdpSocket(udp).close()
    DatagramTransport.fromSocket(plain).close()


def test_an_incomplete_class(qapp: QCoreApplication) -> None:
    class Incomplete(DatagramTransport):
        pass

    with pytest.raises(NotImplementedError, match=r"Incomplete must define send\(\)"):
        Incomplete().send(b"x")
    transport = Incomplete()
    assert (transport.mtuHint(), transport.peerName(), transport.lastError()) == (0, "", 0)
    transport.poll()


def test_a_class_that_raises(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """In send() it is reported, and the datagram counts as lost; what is asked before the first one comes out."""
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(kind))

    class Broken(DatagramTransport):
        def send(self, datagram: bytes) -> bool:
            raise LookupError

    transport = Broken()
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
    assert pair.client.statistics().dropped == {"unreachable": 1}
    pair.client.close()
    assert pair.client.status() is Status.Disconnected
    assert set(reported) == {LookupError}

    class Nameless(DatagramTransport):
        def peerName(self) -> str:
            raise LookupError

    class Measureless(DatagramTransport):
        def mtuHint(self) -> int:
            raise LookupError

    for unusable in (Nameless(), Measureless()):
        with pytest.raises(LookupError):
            pair.client.connectToPeer(unusable, "localhost", pair.options)
        assert pair.client.status() is Status.Error
        assert pair.client.baseTransport() is None
    pair.establish()  # and the object can be used again


def test_a_bound_socket_that_cannot_be_used(qapp: QCoreApplication) -> None:
    """Deleted, or of another thread, where reading from it would be a race."""
    deleted, away, thread = QUdpSocket(), QUdpSocket(), QThread()
    for udp in (deleted, away):
        assert udp.bind(QHostAddress(QHostAddress.SpecialAddress.LocalHost), 0)
    delete(deleted)
    away.moveToThread(thread)
    for udp, what in ((deleted, "deleted"), (away, "another thread")):
        with pytest.raises(ValueError, match=what):
            DtlsServer().bind(udp)
        with pytest.raises(ValueError, match=what):
            DatagramTransport.fromUdpSocket(udp, "127.0.0.1", 1)


def test_what_is_emitted_must_be_bytes(qapp: QCoreApplication) -> None:
    """Other types of bytes are taken as well, and nothing at all is ignored."""
    transport = Collector()
    for datagram in (b"a", bytearray(b"b"), memoryview(b"c"), QByteArray(b"d"), b""):
        transport._arrived(datagram)
    assert list(transport._kept) == [b"a", b"b", b"c", b"d"]
    with pytest.raises(TypeError, match="must carry bytes, not str"):
        transport._arrived("text")


def test_closing_is_told_once(qapp: QCoreApplication) -> None:
    for transport in DatagramTransport.pair():
        told: list[None] = []
        transport.closed.connect(lambda told=told: told.append(None))
        transport.close()
        transport.close()
        assert told == [None]
        assert not transport.send(b"x")


def test_old_datagrams_are_not_taken_for_answers(pair: Pair) -> None:
    """What came before a client has begun; of that at most 16 are kept."""
    for _ in range(100):
        pair.ends[0].datagramReceived.emit(b"\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\2\2\x28")
    assert len(pair.ends[0]._kept) == 16
    pair.serve()
    pair.begin()
    pair.client.poll()
    assert pair.client.statistics().datagramsReceived == 0
    assert len(pair.ends[0]._kept) == 0
    spin(pair.client.isEncrypted)


def test_memory_ends_do_not_keep_each_other(qapp: QCoreApplication) -> None:
    first, second = DatagramTransport.pair()
    other = ref(second)
    del second
    gc.collect()
    assert other() is None
    assert not first.send(b"x")


def test_an_overfull_memory_transport(qapp: QCoreApplication) -> None:
    first, second = DatagramTransport.pair()
    assert [first.send(b"x") for _ in range(1025)] == [True] * 1024 + [False]
    received: list[bytes] = []
    second.datagramReceived.connect(received.append)
    second.poll()
    assert len(received) == 1024
    assert first.send(b"x")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left(pair: Pair, kind: str) -> None:
    """Neither descriptors nor objects, when the program drops everything."""
    pair.listen()
    deleteEverything()  # of other tests
    before = openDescriptors()
    transport = carrier(pair, kind)
    client = DtlsPeer()
    client.connectToPeer(transport, "localhost", pair.options)
    spin(client.isEncrypted)
    peer = pair.server.nextPendingConnection()
    references = [ref(transport), ref(client)]
    references += [ref(each) for each in pair.sockets if kind != "shared"]
    del client
    gc.collect()
    spin(lambda: peer is None or peer.status() is Status.Disconnected)
    del transport
    while pair.sockets:
        pair.sockets.pop().close()
    settle()
    gc.collect()
    settle()
    assert [reference() for reference in references] == [None] * len(references)
    assertNoneLeft(before, "socket:")


class Immediate(RelayedTransport):
    """Delivers inside send(): the other end answers before it returns."""

    def __init__(self) -> None:
        super().__init__(self._pass)
        self.other: Immediate | None = None

    def _pass(self, datagram: bytes) -> bool:
        assert self.other is not None
        self.other.datagramReceived.emit(datagram)
        return True


def test_a_transport_that_delivers_at_once(pair: Pair) -> None:
    """The whole handshake takes place inside connectToPeer(), and every call inside the other end's."""
    near, far = Immediate(), Immediate()
    near.other, far.other = far, near
    pair.serve()
    taken: list[DtlsPeer] = []

    def take() -> None:
        if (peer := pair.server.takeConnection(far)) is not None:
            taken.append(peer)
            peer.datagramReceived.connect(peer.putPacket)

    far.datagramReceived.connect(take)
    assert pair.client.connectToPeer(near, "localhost", pair.options) is Result.Ok
    spin(lambda: pair.client.isEncrypted() and bool(taken))
    received: list[bytes] = []
    pair.client.datagramReceived.connect(received.append)
    for number in range(200):
        assert pair.client.putPacket(b"%d" % number) is Result.Ok
    spin(lambda: len(received) == 200)
    assert received == [b"%d" % number for number in range(200)]
    pair.client.close()
    assert taken[0].status() is Status.Disconnected


def test_a_slot_of_status_changed_that_closes(pair: Pair) -> None:
    """Inside connectToPeer(): nothing is sent, and the transport is free."""
    transport = Collector()
    connection = pair.client.statusChanged.connect(lambda status: pair.client.close() if status == 1 else None)
    pair.client.connectToPeer(transport, "localhost", pair.options)
    assert pair.client.status() is Status.Disconnected
    assert transport.sent == []
    pair.client.disconnect(connection)
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok


def test_no_name_is_no_good_name(pair: Pair) -> None:
    """A client that verifies, and does not know whom, trusts nobody."""
    pair.serve()
    assert pair.client.connectToPeer(pair.ends[0], options=pair.options) is Result.Ok
    spin(lambda: pair.client.status() is not Status.Handshaking)
    assert pair.client.status() in (Status.Error, Status.ErrorHostnameMismatch)


def test_the_shared_socket_of_a_server(pair: Pair) -> None:
    """Nobody else may read from it; closing it ends the server, with a reason."""
    pair.serve()
    udp = bound()
    assert pair.server.bind(udp)
    told: list[SecureError] = []
    pair.server.acceptError.connect(told.append)
    with pytest.raises(ValueError, match="in use"):
        DatagramTransport.fromUdpSocket(udp, "127.0.0.1", 9)
    pair.client.connectToPeer(pair.udp(udp.localPort()), "localhost", pair.options)
    spin(pair.client.isEncrypted)
    udp.close()
    spin(lambda: not pair.server.isListening())
    assert [error.code for error in told] == [SecureError.Code.Closed]
    again = bound()
    transport = DatagramTransport.fromUdpSocket(again, "127.0.0.1", 9)
    with pytest.raises(ValueError, match="in use"):
        pair.server.bind(again)
    transport.close()
    assert pair.server.bind(again)


def test_sessions(pair: Pair) -> None:
    """Over UDP associations resume each other; over a transport without a port only what the program gives."""
    pair.listen()
    for resumed in (False, True):
        peer = establish(pair, pair.udp())
        assert pair.client.isSessionReused() is resumed
        pair.client.close()
        spin(lambda peer=peer: peer.status() is Status.Disconnected)  # type: ignore[misc]  # a default binds the loop's value
    for _ in range(2):
        pair.establish()
        assert not pair.client.isSessionReused()
        session = pair.client.session()
        pair.client.close()
    assert session is not None
    pair.client.setSslConfiguration(pair.options)
    pair.client.setSession(session)
    pair.establish()
    assert pair.client.isSessionReused()
    pair.client.close()
    pair.client.setSession(session)
    assert pair.begin("another.example") is Result.Failed
    assert "session" in pair.client.errorString()
    pair.establish()  # the transport is free


_LEFT_OPEN = """
import os, socket
from PySide6.QtCore import QCoreApplication
from qtsecure import DatagramTransport

app = QCoreApplication([])
native = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
native.connect(("127.0.0.1", 9))
transport = DatagramTransport.fromSocket(native)
del app
"""


@pytest.mark.parametrize("mode", ["reactor", "qt"])
def test_a_transport_that_outlives_the_application(mode: str) -> None:
    """Its end has nothing to complain about."""
    process = subprocess.run(
        [sys.executable, "-c", _LEFT_OPEN],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"QTSECURE_TRANSPORT": mode},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")


_LAST_WORDS = """
from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QUdpSocket
from qtsecure import DtlsPeer, DtlsServer, TlsOptions
from qtsecure.testing.pki import PublicKeyInfrastructure

app = QCoreApplication([])
pki = PublicKeyInfrastructure()
server = DtlsServer()
server.setup(TlsOptions.server(pki.server.privateKey, list(pki.server.chain)))
server.listen("127.0.0.1", 0)
udp = QUdpSocket(app)
udp.connectToHost("127.0.0.1", server.serverPort())
peer = DtlsPeer()
peer.errorOccurred.connect(app.quit)
peer.connectToPeer(udp, "localhost", TlsOptions.client(pki.otherCa.certificate))
QTimer.singleShot(20_000, app.quit)
app.exec()
assert peer.error() is not None
print("fine")
"""


def test_a_socket_that_ends_with_the_application() -> None:
    """A failed client still holds it, to repeat its alert; Qt has nothing to complain about."""
    assertFine(_LAST_WORDS)


_CLOSED_AT_ONCE = """
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QHostAddress, QUdpSocket
from qtsecure import DtlsServer

app = QCoreApplication([])
udp = QUdpSocket()
udp.bind(QHostAddress("127.0.0.1"), 0)
server = DtlsServer()
assert server.bind(udp)
udp.close()
while server.isListening():
    app.processEvents()
print("fine")
"""


def test_a_shared_socket_that_is_closed_at_once() -> None:
    """Nothing is read from it any more, about which Qt would complain."""
    assertFine(_CLOSED_AT_ONCE)
