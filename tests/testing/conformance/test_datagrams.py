"""Every face of DtlsPeer does what the suites demand, and so does every transport that DTLS may run over."""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtNetwork import QHostAddress, QLocalServer, QLocalSocket, QUdpSocket

from qtsecure import DatagramTransport, DtlsPeer, SecureError
from qtsecure.testing import PublicKeyInfrastructure, connectedDtlsPair
from qtsecure.testing.conformance import (
    DatagramBasedConformance,
    DatagramBasedEnd,
    DatagramConformance,
    DatagramEnd,
    TransportConformance,
)
from tests.examples.running import ROOT
from tests.net.conversation import spin

Transports = tuple[DatagramTransport, DatagramTransport]
Peers = tuple[DtlsPeer, DtlsPeer]
OVER = (DtlsPeer.Status.Disconnected, DtlsPeer.Status.Error)


@pytest.fixture
def peers(transport_mode: str, qapp: object, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Peers]:
    """A client and a server's end, over both transports."""
    pair = connectedDtlsPair(qtsecure_pki)
    yield pair.client, pair.peer
    pair.server.close()


class QtFace(DatagramEnd):
    """readDatagram() and writeDatagram(), as QDtls and QUdpSocket have it."""

    def __init__(self, peer: DtlsPeer) -> None:
        super().__init__()
        self.peer = peer
        self._hear()
        peer.disconnected.connect(self._disconnected)
        peer.errorOccurred.connect(self._failed)

    def _hear(self) -> None:
        self.peer.readyRead.connect(self._readable)

    def _readable(self) -> None:
        self._react()

    def _disconnected(self) -> None:
        self.told.append("disconnected")

    def _failed(self, error: object) -> None:
        self.told.append("errorOccurred")

    def send(self, data: bytes) -> bool:
        try:
            return self.peer.writeDatagram(data) == len(data)
        except (SecureError, ValueError):
            return False

    def receive(self) -> bytes | None:
        return self.peer.readDatagram() if self.peer.hasPendingDatagrams() else None

    def largest(self) -> int:
        return self.peer.maxDatagramSize()

    def close(self) -> None:
        self.peer.close()

    def abort(self) -> None:
        self.peer.abort()

    def isOver(self) -> bool:
        return self.peer.status() in OVER


class PushFace(QtFace):
    """The signal datagramReceived, which brings messages without being asked."""

    def _hear(self) -> None:
        self._came: list[bytes] = []
        self.peer.datagramReceived.connect(self._arrived)

    def _arrived(self, message: bytes) -> None:
        self._came.append(message)
        self._react()

    def receive(self) -> bytes | None:
        # While its slot runs nothing more is brought: in an event loop inside it a program asks.
        return self._came.pop(0) if self._came else super().receive()


class GodotFace(QtFace):
    """Packets and poll(), without slots."""

    def send(self, data: bytes) -> bool:
        return self.peer.putPacket(data) is DtlsPeer.Result.Ok

    def receive(self) -> bytes | None:
        self.peer.poll()
        return self.peer.getPacket() if self.peer.availablePacketCount() else None

    def largest(self) -> int:
        return self.peer.maxPacketSize()

    def close(self) -> None:
        self.peer.disconnectFromPeer()

    def isOver(self) -> bool:
        self.peer.poll()
        return super().isOver()


class TestFaces(DatagramConformance):
    """Of DtlsPeer, with the signals of Qt and with the calls of Godot."""

    @pytest.fixture(params=[QtFace, PushFace, GodotFace], ids=lambda face: face.__name__)
    def datagrams(self, request: pytest.FixtureRequest, peers: Peers) -> tuple[DatagramEnd, DatagramEnd]:
        return request.param(peers[0]), request.param(peers[1])


class TestGioFace(DatagramBasedConformance):
    """DtlsPeer as Gio's programs see it."""

    @pytest.fixture
    def associations(self, peers: Peers) -> Peers:
        return peers


def test_a_look_whether_it_is_over_hides_no_message(peers: Peers) -> None:
    """What it takes, the notifier of the association says nothing of any more; whoever waits for it is told."""
    first, second = map(DatagramBasedEnd, peers)
    second._notifier.setEnabled(False)
    seen: list[bytes | None] = []
    second.whenReadable(lambda: seen.append(second.receive()))
    first.send(b"x")
    spin(lambda: second.isOver() or bool(seen))
    assert seen == [b"x"]


def memory() -> Iterator[Transports]:
    yield DatagramTransport.pair()


def nativeSockets() -> Iterator[Transports]:
    first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with first, second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        first.connect(second.getsockname())
        second.connect(first.getsockname())
        yield DatagramTransport.fromSocket(first), DatagramTransport.fromSocket(second)


def qtSockets() -> Iterator[Transports]:
    bound = QUdpSocket(), QUdpSocket()
    for each in bound:
        assert each.bind(QHostAddress("127.0.0.1"), 0)
    yield (
        DatagramTransport.fromUdpSocket(bound[0], "127.0.0.1", bound[1].localPort()),
        DatagramTransport.fromUdpSocket(bound[1], "127.0.0.1", bound[0].localPort()),
    )


def connectedQtSockets() -> Iterator[Transports]:
    ends = QUdpSocket(), QUdpSocket()
    for each in ends:
        assert each.bind(QHostAddress("127.0.0.1"), 0)
    ports = [each.localPort() for each in ends]
    for each, port in zip(ends, reversed(ports), strict=True):
        each.connectToHost("127.0.0.1", port)
    yield DatagramTransport.fromUdpSocket(ends[0]), DatagramTransport.fromUdpSocket(ends[1])


def localSockets() -> Iterator[Transports]:
    """The example of the how-to."""
    sys.path.insert(0, str(ROOT / "examples" / "custom_datagrams"))
    try:
        from local_datagrams import LocalDatagrams
    finally:
        sys.path.pop(0)
    server, client = QLocalServer(), QLocalSocket()
    assert server.listen(f"qtsecure-{uuid.uuid4().hex}")
    client.connectToServer(server.fullServerName())
    spin(lambda: server.hasPendingConnections() and client.state() == QLocalSocket.LocalSocketState.ConnectedState)
    yield LocalDatagrams(client), LocalDatagrams(server.nextPendingConnection())
    server.close()


class TestTransports(TransportConformance):
    """In memory, over sockets of Python's and Qt's, and the one that the how-to shows."""

    @pytest.fixture(
        params=[memory, nativeSockets, qtSockets, connectedQtSockets, localSockets], ids=lambda make: make.__name__
    )
    def transports(self, request: pytest.FixtureRequest, transport_mode: str, qapp: object) -> Iterator[Transports]:
        make: Callable[[], Iterator[Transports]] = request.param
        self.tellsEnd = make is localSockets
        yield from make()
