"""R21: peers that send messages of the handshake, empty records or warnings without end."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket
from pytestqt.qtbot import QtBot

from qtsecure import SslConfiguration, SslServer
from qtsecure.engine.events import AlertSent, FailureKind, StreamFailed
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.net.event_loop.turn import Turn
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import Version, client_configuration, server_configuration
from tests.figures import Figure
from tests.net.conversation import takeARest
from tests.reliability.flooding import Flooder

pytestmark = pytest.mark.figure("R21")

LIMIT = 33
LENGTH = 10_000
BURST = 500
MAX_OUTPUT = 65536

Make = Callable[[Flooder], Any]

# name: (our role, version, message, fatal alert or None for a closing one)
FLOODS: dict[str, tuple[str, Version, Make, int | None]] = {
    "KeyUpdate to a server": ("server", "1.3", lambda peer: peer.keyUpdate(False), 10),
    "KeyUpdate with request to a server": ("server", "1.3", lambda peer: peer.keyUpdate(True), 10),
    "KeyUpdate to a client": ("client", "1.3", lambda peer: peer.keyUpdate(False), 10),
    "KeyUpdate with request to a client": ("client", "1.3", lambda peer: peer.keyUpdate(True), 10),
    "tickets to a client": ("client", "1.3", lambda peer: peer.ticket(), 10),
    "ticket to a server": ("server", "1.3", lambda peer: peer.ticket(), 10),
    "empty records to a server, 1.2": ("server", "1.2", lambda peer: peer.data(b""), 10),
    "empty records to a client, 1.2": ("client", "1.2", lambda peer: peer.data(b""), 10),
    "empty records to a server, 1.3": ("server", "1.3", lambda peer: peer.data(b""), 10),
    "empty records to a client, 1.3": ("client", "1.3", lambda peer: peer.data(b""), 10),
    "warnings to a server, 1.2": ("server", "1.2", lambda peer: peer.warning(90), 10),
    "warnings to a client, 1.2": ("client", "1.2", lambda peer: peer.warning(90), 10),
    "warnings to a server, 1.3": ("server", "1.3", lambda peer: peer.warning(90), 10),
    "warnings to a client, 1.3": ("client", "1.3", lambda peer: peer.warning(90), 10),
    "ClientHello to a server": ("server", "1.2", lambda peer: peer.clientHello(), None),
    "HelloRequest to a client": ("client", "1.2", lambda peer: peer.helloRequest(), None),
}


def established(role: str, version: Version, pki: PublicKeyInfrastructure) -> tuple[TlsStream, Flooder]:
    """Our end and the other, after the handshake and an exchange of data."""
    if role == "server":
        stream = TlsStream(server_configuration(pki.server, version), server=True)
    else:
        configuration = client_configuration([pki.ca.certificate], version)
        stream = TlsStream(configuration, server=False, peer_name="localhost")
    peer = Flooder(stream, version, pki.server)
    peer.handshake()
    peer.send(peer.data(b"hello"))
    peer.carry()
    assert stream.read(100) == b"hello"
    while stream.next_event() is not None:
        pass
    return stream, peer


def flood(stream: TlsStream, peer: Flooder, make: Make, burst: int) -> tuple[int, int]:
    """Send until our end has had enough; how many messages it let pass, and how much it had to say."""
    sent = 0
    while sent < LENGTH and stream.established:
        peer.send(*[make(peer) for _ in range(burst)])
        peer.carry()
        sent += burst
        stream.read(1 << 16)
    return sent, output(stream)


def output(stream: TlsStream) -> int:
    """How many bytes our end has to send."""
    size = 0
    while len(part := stream.take_outgoing()):
        size += len(part)
    return size


def events_of(stream: TlsStream) -> list[Any]:
    """All events that were not fetched."""
    found = []
    while (event := stream.next_event()) is not None:
        found.append(event)
    return found


def test_floods(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Message by message, and many in one go: an end, an alert, a sentence, and hardly any output."""
    found = []
    most = largest = 0
    for name, (role, version, make, alert) in FLOODS.items():
        for burst in (1, BURST):
            stream, peer = established(role, version, qtsecure_pki)
            passed, size = flood(stream, peer, make, burst)
            if burst == 1:
                most = max(most, passed)
            largest = max(largest, size)
            events = events_of(stream)
            failure = events[-1] if events else None
            if not isinstance(failure, StreamFailed) or failure.kind is not FailureKind.READ:
                found.append(f"{name}: ended with {failure}")
                continue
            fatal = [event.description for event in events if isinstance(event, AlertSent) and event.level == 2]
            if fatal != ([] if alert is None else [alert]):
                found.append(f"{name}: alerts {fatal}")
            if failure.alert != alert:
                found.append(f"{name}: the failure tells of alert {failure.alert}")
            if not failure.message.startswith("Error while reading: the peer sent "):
                found.append(f"{name}: {failure.message}")
    figure.none("floods that end in another way than they should", len(found), 2 * len(FLOODS))
    figure.atMost("messages before the end", most, LIMIT)
    figure.atMost("output to a flood", largest, MAX_OUTPUT, "bytes")
    assert found == []


@pytest.mark.parametrize("name", FLOODS)
def test_the_peer_understands_the_end(qtsecure_pki: PublicKeyInfrastructure, name: str) -> None:
    """The alert, or close_notify, is encrypted and in order: another implementation reads it."""
    role, version, make, alert = FLOODS[name]
    stream, peer = established(role, version, qtsecure_pki)
    sent = 0
    while stream.established and sent < 100:
        peer.send(make(peer))
        peer.carry()
        stream.read(100)
        sent += 1
        told = peer.readAlert()
    assert told == (alert if alert is not None else 0)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", [name for name in FLOODS if "ticket to a server" not in name])
def test_with_data_in_between(qtsecure_pki: PublicKeyInfrastructure, name: str, together: bool) -> None:
    """Only messages in a row count, whether they arrive together or one by one."""
    role, version, make, _ = FLOODS[name]
    stream, peer = established(role, version, qtsecure_pki)
    few = 4 if "warning" in name else 20
    received = b""
    for number in range(10):
        peer.send(*[make(peer) for _ in range(few)])
        peer.send(peer.data(b"%d" % number))
        if not together:
            peer.carry()
            received += stream.read(1 << 16)
    peer.carry()
    received += stream.read(1 << 16)
    assert received == b"0123456789"
    assert stream.established
    stream.write(b"still there")
    if "Hello" not in name:  # tlslite ends the connection at the warning no_renegotiation
        assert peer.read(11) == b"still there"


def test_halves_of_messages_do_not_reset_the_count(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A piece of a record is no data."""
    stream, peer = established("server", "1.3", qtsecure_pki)
    sent = 0
    while stream.established and sent < 100:
        peer.send(peer.keyUpdate(False))
        record = peer.sent()
        for piece in (record[:7], record[7:]):
            stream.receive(piece)
            assert stream.read(100) == b""
        sent += 1
    assert sent == LIMIT


def test_many_messages_in_one_record(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Tickets may share a record; each of them counts."""
    stream, peer = established("client", "1.3", qtsecure_pki)
    peer.sendInOneRecord(*[peer.ticket() for _ in range(32)])
    peer.carry()
    assert stream.read(100) == b""
    assert stream.established
    peer.sendInOneRecord(*[peer.ticket() for _ in range(100)])
    peer.carry()
    assert stream.read(100) == b""
    assert not stream.established


def test_tickets_of_a_generous_server(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """As many as OpenSSL's servers send at most by default, before any data."""
    stream, peer = established("client", "1.3", qtsecure_pki)
    peer.send(*[peer.ticket() for _ in range(32)], peer.data(b"x"))
    peer.carry()
    assert stream.read(100) == b"x"


def test_limit_of_the_read(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Messages between data do not let a read go beyond its limit, nor lose anything."""
    stream, peer = established("server", "1.3", qtsecure_pki)
    for number in range(10):
        peer.send(peer.data(b"%d" % number * 10), peer.keyUpdate(True))
    peer.carry()
    received = b""
    for _ in range(100):
        data = stream.read(7)
        assert len(data) <= 7
        received += data
        if not data:
            break
    assert received == b"".join(b"%d" % number * 10 for number in range(10))


class Remote:
    """An SslServer on the other side of the network, as the flooder wants to see its peer."""

    server = True
    established = True
    events: tuple[()] = ()

    def __init__(self, server: SslServer, turn: Callable[[], None]) -> None:
        self.network = socket.socket()
        self.network.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.network.connect(("127.0.0.1", server.serverPort()))
        self.network.setblocking(False)
        self._turn = turn
        self.reads = True

    def start(self) -> None:
        return

    def receive(self, data: bytes) -> None:
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[self.network.send(data) :]
            self._turn()

    def take_outgoing(self) -> bytes:
        self._turn()
        if self.reads:
            with contextlib.suppress(BlockingIOError):
                return self.network.recv(1 << 16)
        return b""


@pytest.mark.parametrize(("busy", "read"), [(False, 0), (True, 0), (True, 100)], ids=["idle", "busy", "few"])
def test_answers_that_nobody_reads(
    qtbot: QtBot,
    qtsecure_pki: PublicKeyInfrastructure,
    transport_mode: str,
    figure: Figure,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    busy: bool,
    read: int,
) -> None:
    """Data in between keeps a peer from the limit in a row; then it has to read what it asks for.

    Reading less than it asks for does not help it, and neither does a thread that learns late what was sent.
    """
    if busy:
        monkeypatch.setattr(Turn, "hasTime", takeARest)
    server = SslServer()
    configuration = SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey)
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)  # tlslite answers the question wrongly
    server.setSslConfiguration(configuration)
    assert server.listen("127.0.0.1", 0)
    remote = Remote(server, QCoreApplication.processEvents)
    request.addfinalizer(remote.network.close)
    request.addfinalizer(server.deleteLater)
    peer = Flooder(remote, "1.3")  # type: ignore[arg-type] # it looks like a stream
    peer.handshake()
    qtbot.waitUntil(server.hasPendingConnections)
    ours = server.nextPendingConnection()
    assert ours is not None
    with socket.socket(fileno=os.dup(ours.socketDescriptor())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    errors: list[str] = []
    received: list[int] = []
    ours.errorOccurred.connect(lambda _: errors.append(ours.errorString()))
    ours.readyRead.connect(lambda: received.append(ours.readAll().size()))
    remote.reads = False
    largest = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(2000):
            for _ in range(10):
                peer.send(peer.keyUpdate(True), peer.data(b"x"))
            peer.carry()
            if read:
                with contextlib.suppress(BlockingIOError):
                    remote.network.recv(read)
            QCoreApplication.processEvents()
            largest = max(largest, ours.encryptedBytesToWrite())
            if errors:
                break
    what = "answers of which few are read" if read else "answers that nobody reads"
    variant = f"{transport_mode}, busy" if busy else transport_mode
    figure.atMost(what, largest, MAX_OUTPUT, "bytes", variant=variant)
    assert errors == ["Error while reading: the peer asks for one answer after the other and reads none."]
    server.close()
