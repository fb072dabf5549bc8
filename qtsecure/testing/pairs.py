"""Connected pairs and echo servers, in the thread of the test: what most tests begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from qtsecure.testing.peers._waiting import waitUntil
from qtsecure.testing.pki import PublicKeyInfrastructure

if TYPE_CHECKING:
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.servers.dtls_server import DtlsServer
    from qtsecure.net.servers.ssl_server import SslServer
    from qtsecure.net.ssl_socket import SslSocket
    from qtsecure.net.values import SslConfiguration

__all__ = ["DtlsPair", "TlsPair", "connectedDtlsPair", "connectedTlsPair", "dtlsEchoServer", "tlsEchoServer", "waitFor"]


def waitFor(condition: Callable[[], bool], timeout: int = 20_000) -> None:
    """Run the event loop until the condition holds.

    Args:
        condition: Cheap and without side effects. What it raises ends the wait.
        timeout: How long, in ms.

    Raises:
        AssertionError: The time is up.
    """
    assert waitUntil(condition, timeout), f"The condition did not hold within {timeout} ms."


@dataclass(frozen=True)
class TlsPair:
    """A TLS connection with both ends.

    Attributes:
        client: The end that connected to ``localhost``.
        peer: The server's end, a child of ``server``.
        server: Listens on; further clients may come.
    """

    client: SslSocket
    peer: SslSocket
    server: SslServer


@dataclass(frozen=True)
class DtlsPair:
    """A DTLS association with both ends.

    Attributes:
        client: The end that connected to ``localhost``.
        peer: The server's end, a child of ``server``.
        server: Listens on; further clients may come.
    """

    client: DtlsPeer
    peer: DtlsPeer
    server: DtlsServer


def connectedTlsPair(pki: PublicKeyInfrastructure) -> TlsPair:
    """Connect two SslSockets with each other; the handshake is complete on both ends."""
    from qtsecure.net.servers.ssl_server import SslServer
    from qtsecure.net.ssl_socket import SslSocket

    server, client = SslServer(), SslSocket()
    _listen(server, pki)
    client.setSslConfiguration(_clientConfiguration(pki))
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: client.isEncrypted() and server.hasPendingConnections())
    peer = server.nextPendingConnection()
    assert peer is not None
    return TlsPair(client, peer, server)


def connectedDtlsPair(pki: PublicKeyInfrastructure) -> DtlsPair:
    """Connect two DtlsPeers with each other; the handshake is complete on both ends."""
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.servers.dtls_server import DtlsServer

    server, client = DtlsServer(), DtlsPeer()
    _listen(server, pki)
    client.connectToHost("localhost", server.serverPort(), configuration=_clientConfiguration(pki))
    waitFor(lambda: client.isEncrypted() and server.hasPendingConnections())
    peer = server.nextPendingConnection()
    assert peer is not None
    return DtlsPair(client, peer, server)


def tlsEchoServer(pki: PublicKeyInfrastructure) -> SslServer:
    """A TLS server that returns what it receives; ``pki.server`` is its certificate."""
    from qtsecure.net.servers.ssl_server import SslServer

    server = SslServer()
    server.pendingConnectionAvailable.connect(_Welcome(server).stream)
    _listen(server, pki)
    return server


def dtlsEchoServer(pki: PublicKeyInfrastructure) -> DtlsServer:
    """A DTLS server that returns what it receives; ``pki.server`` is its certificate."""
    from qtsecure.net.servers.dtls_server import DtlsServer

    server = DtlsServer()
    server.pendingConnectionAvailable.connect(_Welcome(server).peer)
    _listen(server, pki)
    return server


class _Echo(QObject):
    """Returns what its parent, a socket or peer, receives."""

    def __init__(self, end: SslSocket | DtlsPeer) -> None:
        super().__init__(end)
        end.disconnected.connect(end.deleteLater)

    def answerBytes(self) -> None:
        socket: SslSocket = self.parent()  # type: ignore[assignment]  # PySide gives back the very object
        socket.write(socket.readAll())

    def answerMessage(self, message: bytes) -> None:
        peer: DtlsPeer = self.parent()  # type: ignore[assignment]  # PySide gives back the very object
        peer.writeDatagram(message)


class _Welcome(QObject):
    """Gives each connection of its parent, a server, an echo."""

    def stream(self) -> None:
        server: SslServer = self.parent()  # type: ignore[assignment]  # PySide gives back the very object
        while (socket := server.nextPendingConnection()) is not None:
            echo = _Echo(socket)
            socket.readyRead.connect(echo.answerBytes)
            if socket.bytesAvailable():
                echo.answerBytes()

    def peer(self) -> None:
        server: DtlsServer = self.parent()  # type: ignore[assignment]  # PySide gives back the very object
        while (peer := server.nextPendingConnection()) is not None:
            peer.datagramReceived.connect(_Echo(peer).answerMessage)


def _listen(server: SslServer | DtlsServer, pki: PublicKeyInfrastructure) -> None:
    from qtsecure.net.values import SslConfiguration

    server.setSslConfiguration(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
    assert server.listen("127.0.0.1", 0), server.errorString()


def _clientConfiguration(pki: PublicKeyInfrastructure) -> SslConfiguration:
    from qtsecure.net.values import SslConfiguration

    return SslConfiguration.forClient([pki.ca.certificate])
