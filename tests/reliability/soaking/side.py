"""What TLS and DTLS have in common in the soak: servers, where they are, and what their clients bring along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtNetwork import QSslSocket

from qtsecure import DtlsServer, PreSharedKeyAuthenticator, SslConfiguration, SslServer
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.reliability.soaking.ledger import Ledger

__all__ = ["IDENTITY", "KEY", "SERVER_STAYS", "SERVER_VANISHES", "MakeOptions", "Side", "kind"]

IDENTITY, KEY = b"soak", bytes(range(32))
SERVER_STAYS, SERVER_VANISHES = range(2)
"""What a client asks of the server's end."""
_MODE = QSslSocket.PeerVerifyMode


class Side:
    """The servers of one protocol, and the settings of its clients.

    Args:
        ledger: The book.
        pki: Whose certificates all show.

    Attributes:
        ends: The servers' ends of connections.
        servers: By name.
        ports: Those of the bad routes, by route and server.
    """

    def __init__(self, ledger: Ledger, pki: PublicKeyInfrastructure) -> None:
        self.ledger = ledger
        self.pki = pki
        self.ends: list[Any] = []
        self.servers: dict[str, Any] = {
            "plain": self._serve(self._configured(pki.server)),
            "mutual": self._serve(self._demanding(self._configured(pki.server))),
            "key": self._serve(SslConfiguration(), self._giveKey),
        }
        self.ports: dict[str, int] = {}

    def serverPorts(self) -> dict[str, int]:
        """Where the servers listen."""
        return {name: server.serverPort() for name, server in self.servers.items()}

    def handshaking(self) -> int:
        """How many handshakes are under way: those of attackers, and of clients that have gone, end by deadlines."""
        return sum(server.statistics().handshaking for server in self.servers.values())

    def close(self) -> None:
        """No more clients."""
        for server in self.servers.values():
            server.close()

    # ----------------------------------------------------------------------------- servers

    def _configured(self, own: IssuedCertificate) -> SslConfiguration:
        return SslConfiguration.forServer(own.chain, own.privateKey)

    def _demanding(self, configuration: SslConfiguration) -> SslConfiguration:
        configuration.setCaCertificates([self.pki.ca.certificate])
        configuration.setPeerVerifyMode(_MODE.VerifyPeer)
        configuration.setMissingCertificateIsFatal(True)
        return configuration

    def _giveKey(self, _: object, authenticator: PreSharedKeyAuthenticator) -> None:
        if bytes(authenticator.identity().data()) == IDENTITY:
            authenticator.setPreSharedKey(KEY)

    def _serve(self, configuration: SslConfiguration, giveKey: Callable[..., None] | None = None) -> Any:
        server = self._makeServer()
        server.setSslConfiguration(configuration)
        if giveKey is not None:
            server.preSharedKeyAuthenticationRequired.connect(giveKey)
        server.pendingConnectionAvailable.connect(lambda: self._fetch(server))
        assert server.listen("127.0.0.1", 0), server.errorString()
        return server

    def _makeServer(self) -> SslServer | DtlsServer:
        """One with its time-outs, whose errors are noted."""
        raise NotImplementedError

    def _fetch(self, server: Any) -> None:
        while (socket := server.nextPendingConnection()) is not None:
            self.ends.append(self._makeEnd(socket))

    def _makeEnd(self, socket: Any) -> Any:
        """What looks after a server's end of a connection."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------- clients

    def port(self, route: str, server: str) -> int:
        """Where a client connects."""
        if route == "direct":
            return self.serverPorts()[server]
        return self.ports[f"{route} {server}"]

    def configuration(self, **options: Any) -> SslConfiguration:
        """For a client that trusts the authority of the tests, or with these options of its episode."""
        configuration = SslConfiguration.forClient([options.get("trust", self.pki.ca).certificate])
        own: IssuedCertificate | None = options.get("own")
        if own is not None:
            configuration.setLocalCertificateChain(own.chain)
            configuration.setPrivateKey(own.privateKey)
        if "key" in options:
            configuration.setPeerVerifyMode(_MODE.VerifyNone)
        return configuration


MakeOptions = Callable[[Side], dict[str, Any]]


def kind(**options: Any) -> MakeOptions:
    """The options of an episode, of which certificates are given by their names in the infrastructure."""

    def make(side: Side) -> dict[str, Any]:
        return {
            name: getattr(side.pki, value) if name in ("own", "trust") else value for name, value in options.items()
        }

    return make
