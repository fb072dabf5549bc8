"""What the tests of DTLS share: a server, a client, and a story of their signals."""

from __future__ import annotations

from typing import Any

from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_server import DtlsServer
from qtsecure.net.values import PreSharedKeyAuthenticator, SslConfiguration
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import settle, spin

Status = DtlsPeer.Status
VerifyMode = QSslSocket.PeerVerifyMode

# Left out: connecting to preSharedKeyAuthenticationRequired turns pre-shared keys on, and to
# datagramReceived takes messages away from readDatagram().
PEER_SIGNALS = (
    "encrypted",
    "statusChanged",
    "readyRead",
    "closed",
    "disconnected",
    "errorOccurred",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "acceptCertificate",
)
SERVER_SIGNALS = (
    "newConnection",
    "pendingConnectionAvailable",
    "acceptError",
    "startedEncryptionHandshake",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "acceptCertificate",
)


class DtlsConversation:
    """A server on the loopback interface, a client, and the server's end of the association."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self.pki = pki
        self.recorder = SignalRecorder()
        self.serverConfiguration = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
        self.clientConfiguration = SslConfiguration.forClient([pki.ca.certificate])
        self.server = DtlsServer()
        self.recorder.watch(self.server, SERVER_SIGNALS, prefix="server")
        self.client = self.makeClient()
        self.others: list[DtlsPeer] = []

    def makeClient(self, prefix: str = "client") -> DtlsPeer:
        """Another client, whose signals are recorded."""
        client = DtlsPeer()
        self.recorder.watch(client, PEER_SIGNALS, prefix=prefix)
        return client

    def showServer(self, identity: IssuedCertificate) -> None:
        """Let the server show another certificate."""
        self.serverConfiguration = SslConfiguration.forServer(list(identity.chain), identity.privateKey)

    def showClient(self, identity: IssuedCertificate) -> None:
        """Let the client show a certificate."""
        self.clientConfiguration.setLocalCertificateChain(list(identity.chain))
        self.clientConfiguration.setPrivateKey(identity.privateKey)

    def demandClientCertificate(self) -> None:
        """Let the server verify the client's certificate, as issued by the authority of the tests."""
        self.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
        self.serverConfiguration.setCaCertificates([self.pki.ca.certificate])

    def listen(self, address: str = "127.0.0.1") -> int:
        """Listen on a free port."""
        self.server.setSslConfiguration(self.serverConfiguration)
        assert self.server.listen(address, 0), self.server.errorString()
        return self.server.serverPort()

    def connect(self, client: DtlsPeer | None = None, host: str = "127.0.0.1", **keywords: Any) -> None:
        """Listen and let the client begin."""
        if not self.server.isListening():
            self.listen()
        client = client or self.client
        client.setSslConfiguration(self.clientConfiguration)
        client.connectToHost(host, self.server.serverPort(), **keywords)

    def establish(self, client: DtlsPeer | None = None, host: str = "127.0.0.1") -> DtlsPeer:
        """Connect, wait until both ends are encrypted, and return the server's end."""
        client = client or self.client
        self.connect(client, host)
        spin(lambda: client.isEncrypted() and self.server.hasPendingConnections())
        peer = self.server.nextPendingConnection()
        assert peer is not None
        return peer

    def names(self, prefix: str) -> list[str]:
        """The names of the signals of one object, in order."""
        return [
            record.name.partition(".")[2]
            for record in self.recorder.records()
            if record.name.partition(".")[0] == prefix
        ]

    def arguments(self, name: str) -> list[tuple[object, ...]]:
        """The arguments of each emission of a signal."""
        return [record.args for record in self.recorder.records() if record.name == name]

    def statuses(self, prefix: str = "client") -> list[object]:
        """What statusChanged told."""
        return [arguments[0] for arguments in self.arguments(f"{prefix}.statusChanged")]

    def close(self) -> None:
        self.recorder.close()
        for obj in (self.server, self.client):
            if isValid(obj):
                obj.close()
                obj.deleteLater()
        settle()


class Keys:
    """Gives pre-shared keys: on a client its own, on a server those of the identities it knows."""

    def __init__(self, identity: bytes = b"sensor", key: bytes = bytes(range(32))) -> None:
        self.identity = identity
        self.key = key
        self.asked: list[bytes] = []

    def forClient(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """A slot for the client's signal."""
        self.asked.append(bytes(authenticator.identityHint().data()))
        authenticator.setIdentity(self.identity)
        authenticator.setPreSharedKey(self.key)

    def forServer(self, peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator) -> None:
        """A slot for the server's signal."""
        identity = bytes(authenticator.identity().data())
        self.asked.append(identity)
        if identity == self.identity:
            authenticator.setPreSharedKey(self.key)
