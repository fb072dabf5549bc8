"""Real sockets with a simulated connection between them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SecureError, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure, StreamLink, StreamRelay, tlsEchoServer

pytestmark = pytest.mark.usefixtures("transport_mode")
Code = SecureError.Code
State = QAbstractSocket.SocketState
BIG = bytes(range(256)) * 512


@pytest.fixture
def server(transport_mode: str, qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslServer]:
    """A server that returns what it receives, over each of the transports."""
    server = tlsEchoServer(qtsecure_pki)
    yield server
    server.close()


@pytest.fixture
def client(transport_mode: str, qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslSocket]:
    """A client that trusts it."""
    client = SslSocket()
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    yield client
    client.abort()


@pytest.mark.parametrize("seed", range(3))
def test_an_echo_on_a_bad_network(server: SslServer, client: SslSocket, seed: int) -> None:
    """Everything comes back, after as much simulated time as the wire needs, and the end is clean."""
    link = StreamLink(seed=seed, segments=(1, 900), coalesce=0.3, stall=0.02, jitter=0.02, rate=50_000, window=5_000)
    with StreamRelay(link, server.serverPort()) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        assert relay.run(client.isEncrypted, 30)
        client.write(BIG)
        came = bytearray()

        def complete() -> bool:
            came.extend(client.readBytes())
            return len(came) == len(BIG)

        began = link.now
        assert relay.run(complete, 120)
        assert came == BIG
        assert link.now - began > len(BIG) / 50_000
        client.disconnectFromHost()
        assert relay.run(lambda: client.state() == State.UnconnectedState, 10)
        assert client.failure() is None


def test_a_reset_in_the_handshake(server: SslServer, client: SslSocket) -> None:
    """Both ends hear of it."""
    link = StreamLink()
    link.resetAt("server", 300)
    with StreamRelay(link, server.serverPort()) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        assert relay.run(lambda: client.failure() is not None, 10)
        failure = client.failure()
        assert failure is not None
        assert failure.code is Code.Closed
        assert relay.run(lambda: server.statistics().handshaking == 0, 10)
        assert not server.hasPendingConnections()


@pytest.mark.parametrize(
    ("accident", "codes"), [("endAt", {Code.UncleanClose}), ("resetAt", {Code.Closed, Code.UncleanClose})]
)
def test_a_cut_in_the_answer(server: SslServer, client: SslSocket, accident: str, codes: set[Code]) -> None:
    """What came before is there; the end is not a clean one. Qt's sockets do not tell a reset from an end."""
    link = StreamLink()
    with StreamRelay(link, server.serverPort()) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        assert relay.run(client.isEncrypted, 10)
        getattr(link, accident)("server", 40_000)
        client.write(BIG)
        assert relay.run(lambda: client.state() == State.UnconnectedState, 10)
        assert BIG.startswith(client.readBytes())
        failure = client.failure()
        assert failure is not None
        assert failure.code in codes


def test_a_stall_is_a_timeout_on_both_sides(server: SslServer, client: SslSocket) -> None:
    """Each by its own deadline, in simulated time."""
    link = StreamLink()
    link.stallAt("client", 0, seconds=1000)
    server.setHandshakeTimeout(3000)
    with StreamRelay(link, server.serverPort()) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        assert relay.run(lambda: server.statistics().handshaking == 1, 10)
        began = link.now
        assert relay.run(lambda: server.statistics().timedOut == 1, 60)
        assert link.now - began == pytest.approx(3, abs=0.2)
        assert relay.run(lambda: client.failure() is not None, 60)


def test_it_ends_with_its_block(server: SslServer, client: SslSocket) -> None:
    """Also in the middle of everything."""
    with StreamRelay(StreamLink(delay=50), server.serverPort()) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        relay.run(lambda: False, 0.1)
    client.waitForDisconnected(5000)
    assert client.state() == State.UnconnectedState


def test_nobody_listens_behind_it(client: SslSocket) -> None:
    """The test is told so, and the client is not left hanging."""
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))  # and kept: a port that is free might be somebody else's a moment later
    with deaf, StreamRelay(StreamLink(), deaf.getsockname()[1]) as relay:
        client.connectToHostEncrypted("127.0.0.1", relay.port)
        with pytest.raises(ConnectionRefusedError):
            relay.run(lambda: client.failure() is not None, 10)
        assert relay.run(lambda: client.failure() is not None, 10)
