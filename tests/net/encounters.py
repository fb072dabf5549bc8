"""A server and its clients over TLS 1.2, TLS 1.3 or DTLS 1.2, for tests of what is the same with all three."""

from __future__ import annotations

from typing import Any

from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.net.conversation import settle, spin

KINDS = ("1.2", "1.3", "dtls")
_PROTOCOLS = {"1.2": Protocol.TlsV1_2, "1.3": Protocol.TlsV1_3, "dtls": Protocol.DtlsV1_2}


class Encounter:
    """One server, and as many clients as a test wants.

    Attributes:
        server: An SslServer or a DtlsServer.
        sent, received: The alerts of all clients, by number.
        failures: What went wrong with the server's ends.
    """

    def __init__(self, pki: PublicKeyInfrastructure, kind: str) -> None:
        self.pki = pki
        self.kind = kind
        self.server: Any = DtlsServer() if kind == "dtls" else SslServer()
        self.clients: list[Any] = []
        self.peers: list[Any] = []
        self.keep: list[object] = []
        self.sent: list[int] = []
        self.received: list[int] = []
        self.failures: list[str] = []
        self.server.errorOccurred.connect(self._failed)
        self.server.pendingConnectionAvailable.connect(self._fetch)

    def _failed(self, peer: Any, error: object) -> None:
        self.failures.append(peer.errorString())

    def _fetch(self) -> None:
        self.peers.append(self.server.nextPendingConnection())

    def host(self, own: IssuedCertificate, *, demands: bool = False) -> SslConfiguration:
        """A configuration for one host."""
        configuration = SslConfiguration.forServer(list(own.chain), own.privateKey)
        configuration.setProtocol(_PROTOCOLS[self.kind])
        if demands:
            configuration.setCaCertificates([self.pki.ca.certificate])
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
            configuration.setMissingCertificateIsFatal(True)
        return configuration

    def listen(self, configuration: SslConfiguration) -> None:
        """On a free port."""
        self.server.setSslConfiguration(configuration)
        if not self.server.isListening():
            assert self.server.listen("127.0.0.1", 0), self.server.errorString()

    def client(self) -> Any:
        """One that trusts the authority of the tests, and has not begun."""
        client: Any = DtlsPeer() if self.kind == "dtls" else SslSocket()
        configuration = SslConfiguration.forClient([self.pki.ca.certificate])
        configuration.setProtocol(_PROTOCOLS[self.kind])
        client.setSslConfiguration(configuration)
        client.alertSent.connect(self._alertSent)
        client.alertReceived.connect(self._alertReceived)
        self.clients.append(client)
        return client

    def _alertSent(self, level: object, kind: Any, text: str) -> None:
        self.sent.append(kind.value)

    def _alertReceived(self, level: object, kind: Any, text: str) -> None:
        self.received.append(kind.value)

    def begin(self, client: Any, name: str) -> Any:
        """Let a client ask for a host."""
        port = self.server.serverPort()
        if self.kind == "dtls":
            client.connectToHost("127.0.0.1", port, name)
        else:
            client.connectToHostEncrypted("127.0.0.1", port, name)
        return client

    def visit(self, name: str, client: Any = None) -> Any:
        """Connect and wait until both ends are encrypted or one has failed; the client."""
        before = len(self.peers), len(self.failures)
        client = self.begin(client or self.client(), name)
        spin(lambda: self.isOver(client) or (client.isEncrypted() and len(self.peers) > before[0]))
        return client

    def isOver(self, client: Any) -> bool:
        """Whether a client has failed."""
        return client.error() is not None if self.kind == "dtls" else client.errorString() != "Unknown error"

    def shown(self, client: Any) -> Any:
        """The server's certificate."""
        return client.peerCertificate().toCryptography()

    def close(self) -> None:
        for each in [*self.clients, self.server]:
            if isValid(each):
                each.close()
                each.deleteLater()
        settle()
