"""What the tests of DTLS share: a server, a client, and a story of their signals."""

from __future__ import annotations

from typing import Any

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import SERVER_SIGNALS, Exchange, VerifyMode, spin

__all__ = ["PEER_SIGNALS", "DtlsConversation", "Keys", "Status", "VerifyMode", "closeAll", "connectMany"]

Status = DtlsPeer.Status

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


class DtlsConversation(Exchange):
    """A server on the loopback interface, a client, and the server's end of the association."""

    server: DtlsServer
    client: DtlsPeer

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__(pki)
        self.server = DtlsServer()
        self.recorder.watch(self.server, SERVER_SIGNALS, prefix="server")
        self.client = self.makeClient()
        self.others: list[DtlsPeer] = []

    def makeClient(self, prefix: str = "client") -> DtlsPeer:
        """Another client, whose signals are recorded."""
        client = DtlsPeer()
        self.recorder.watch(client, PEER_SIGNALS, prefix=prefix)
        return client

    def listen(self, address: str = "127.0.0.1") -> int:
        """Listen on a free port."""
        self.server.setSslConfiguration(self.serverConfiguration)
        assert self.server.listen(address, 0), self.server.errorString()
        return self.server.serverPort()

    def connect(
        self, client: DtlsPeer | None = None, host: str = "127.0.0.1", *, port: int = 0, **keywords: Any
    ) -> None:
        """Listen and let the client begin; at another port if something is in between."""
        if not self.server.isListening():
            self.listen()
        client = client or self.client
        client.setSslConfiguration(self.clientConfiguration)
        client.connectToHost(host, port or self.server.serverPort(), **keywords)

    def establish(self, client: DtlsPeer | None = None, host: str = "127.0.0.1", *, port: int = 0) -> DtlsPeer:
        """Connect, wait until both ends are encrypted, and return the server's end."""
        client = client or self.client
        self.connect(client, host, port=port)
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


def connectMany(conversation: DtlsConversation, count: int) -> list[DtlsPeer]:
    """So many more clients, which have begun."""
    clients = [conversation.makeClient(f"client{index}") for index in range(count)]
    for client in clients:
        conversation.connect(client)
    return clients


def closeAll(clients: list[DtlsPeer]) -> None:
    """End them without a word."""
    for client in clients:
        client.abort()
