"""TLS in the soak: servers, what they do with their clients, and the kinds of clients."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure import PreSharedKeyAuthenticator, Protocol, SslConfiguration, SslServer, SslSocket
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.reliability.soaking.episode import DELETIONS, Episode, destroy
from tests.reliability.soaking.ledger import Ledger
from tests.reliability.soaking.routes import HARMLESS, TCP_FAULTS

__all__ = ["IDENTITY", "KEY", "TlsSide"]

IDENTITY, KEY = b"soak", bytes(range(32))
_HEADER = struct.Struct(">4sQIBB")
_MAGIC = b"SOAK"
_CLIENT_LEAVES, _SERVER_LEAVES, _HALF_CLOSE = range(3)
_SERVER_STAYS, _SERVER_VANISHES = range(2)
_MODE = QSslSocket.PeerVerifyMode
_STATE = QAbstractSocket.SocketState
_BROKEN = ("RemoteHostClosedError", "SocketTimeoutError", "SslHandshakeFailedError", "SslInternalError")
_REFUSED = ("SslHandshakeFailedError", "SslInternalError", "RemoteHostClosedError")
_VANISHING = ("connected", "encrypted", "readyRead", "bytesWritten", "encryptedBytesWritten", "disconnected")
_KNOWN_TO_SERVERS = frozenset(_BROKEN)


class TlsSide:
    """The servers, their ends of connections, and the making of clients.

    Args:
        ledger: The book.
        pki: Whose certificates all show.
    """

    def __init__(self, ledger: Ledger, pki: PublicKeyInfrastructure) -> None:
        self.ledger = ledger
        self.pki = pki
        self.ends: list[_ServerEnd] = []
        self.servers = {
            "plain": self._serve(self._configured(pki.server)),
            "mutual": self._serve(self._demanding(self._configured(pki.server))),
            "key": self._serve(SslConfiguration(), self._giveKey),
            "expired": self._serve(self._configured(pki.expired)),
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

    def _serve(self, configuration: SslConfiguration, giveKey: Callable[..., None] | None = None) -> SslServer:
        server = SslServer()
        server.setSslConfiguration(configuration)
        server.setHandshakeTimeout(3000)
        if giveKey is not None:
            server.preSharedKeyAuthenticationRequired.connect(giveKey)
        server.errorOccurred.connect(lambda socket, error: self.noteServerError(error, socket.errorString()))
        server.pendingConnectionAvailable.connect(lambda: self._fetch(server))
        assert server.listen("127.0.0.1", 0), server.errorString()
        return server

    def noteServerError(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """An end of a server has failed; it cannot know why, but it must be one of what the network does."""
        self.ledger.serverErrors[f"TLS {error.name}: {text}"] += 1
        if error.name not in _KNOWN_TO_SERVERS:
            self.ledger.unexplained.append(f"a TLS server: {error.name} {text}")

    def _fetch(self, server: SslServer) -> None:
        while (socket := server.nextPendingConnection()) is not None:
            self.ends.append(_ServerEnd(self, socket))

    # ----------------------------------------------------------------------------- clients

    def port(self, route: str, server: str) -> int:
        """Where a client connects."""
        return self.servers[server].serverPort() if route == "direct" else self.ports[f"{route} {server}"]

    def configuration(self, version: str, **options: Any) -> SslConfiguration:
        """For a client that trusts the authority of the tests."""
        configuration = SslConfiguration.forClient([options.get("trust", self.pki.ca).certificate])
        configuration.setProtocol(Protocol.TlsV1_2 if version == "1.2" else Protocol.TlsV1_3)
        own: IssuedCertificate | None = options.get("own")
        if own is not None:
            configuration.setLocalCertificateChain(own.chain)
            configuration.setPrivateKey(own.privateKey)
        return configuration

    def episodes(self, number: int, kind: str) -> TlsEpisode:
        """A client of this kind."""
        version, _, name = kind.removeprefix("TLS ").partition(" ")
        return TlsEpisode(self, number, version, name, **_KINDS[name](self))

    def kinds(self) -> Sequence[str]:
        """What there is."""
        return [f"TLS {version} {name}" for name in _KINDS for version in ("1.2", "1.3")]


class _ServerEnd:
    """A server's end: compares what comes, and sends it back."""

    def __init__(self, side: TlsSide, socket: SslSocket) -> None:
        self._side = side
        self.socket = socket
        self._head = b""
        self._expected = b""
        self._number = -1
        self._received = 0
        self._leaving = _CLIENT_LEAVES
        self._reads = -1
        socket.setTimeout(3000)
        socket.readyRead.connect(self._read)
        socket.disconnected.connect(self._end)
        socket.readChannelFinished.connect(self._finished)
        socket.errorOccurred.connect(lambda error: side.noteServerError(error, socket.errorString()))
        self._read()

    def _read(self) -> None:
        data = bytes(self.socket.readAll().data())
        if len(self._head) < _HEADER.size and data:
            missing = _HEADER.size - len(self._head)
            self._head, data = self._head + data[:missing], data[missing:]
            if len(self._head) == _HEADER.size:
                magic, self._number, size, self._leaving, stay = _HEADER.unpack(self._head)
                if magic != _MAGIC:
                    self._side.ledger.corrupted.append(f"a header is {self._head!r}")
                self._expected = self._side.ledger.payload(self._number, size)
                if stay == _SERVER_VANISHES:
                    self._reads = self._number % 5
        if data:
            self._side.ledger.compare(f"server, #{self._number}", self._expected, self._received, data)
            self._received += len(data)
            self.socket.write(data)
        if self._reads >= 0:
            self._reads -= 1
            if self._reads < 0:
                destroy(self.socket, DELETIONS[self._number % len(DELETIONS)])
                return
        if self._expected and self._received == len(self._expected) and self._leaving == _SERVER_LEAVES:
            self.socket.disconnectFromHost()  # sends what is queued first

    def _finished(self) -> None:
        """The client has ended its direction."""
        if isValid(self.socket) and self.socket.state() is _STATE.ConnectedState:
            self.socket.disconnectFromHost()

    def _end(self) -> None:
        self.socket.deleteLater()


class TlsEpisode(Episode):
    """A client that sends its payload and waits for it.

    Args:
        side: The servers.
        number: Says which payload is sent.
        version: ``"1.2"`` or ``"1.3"``.
        name: What kind it is.
        route: How it reaches the server.
        server: Which one.
        allowed: In which ways it may end.
        options: ``own`` certificate, ``trust``ed authority, ``key`` as identity and key, ``ignore`` errors,
            ``vanish`` in a slot, ``serverVanishes``, ``slow`` reading, ``nested`` event loops.
    """

    def __init__(
        self,
        side: TlsSide,
        number: int,
        version: str,
        name: str,
        *,
        route: str = "direct",
        server: str = "plain",
        allowed: tuple[str, ...] = ("complete",),
        **options: Any,
    ) -> None:
        super().__init__(side.ledger, number, f"TLS {version} {name}", allowed)
        chance = side.ledger.chance
        self._side = side
        self._route = route
        self._server = server
        self._options = options
        self._version = version
        # A slow reader of more would keep the server waiting for longer than its patience.
        limit = chance.choice((100, 10_000, 10_000, 200_000, 200_000, 200_000 if options.get("slow") else 1_500_000))
        self._payload = side.ledger.payload(number, 1 + chance.randrange(limit))
        self._leaving = chance.choice((_CLIENT_LEAVES, _SERVER_LEAVES, _HALF_CLOSE))
        self._received = 0
        self._paused = 0

    def begin(self) -> None:
        self.client = client = SslSocket()
        client.setSslConfiguration(self._side.configuration(self._version, **self._options))
        if self._route not in HARMLESS:
            client.setTimeout(1000)
        if self._options.get("slow"):
            client.setReadBufferSize(16_384)
        if self._options.get("ignore"):
            client.sslErrors.connect(client.ignoreSslErrors)
        if "key" in self._options:
            configuration = client.sslConfiguration()
            configuration.setPeerVerifyMode(_MODE.VerifyNone)
            client.setSslConfiguration(configuration)
            client.preSharedKeyAuthenticationRequired.connect(self._giveKey)
        client.encrypted.connect(self._send)
        client.readyRead.connect(self._read)
        client.errorOccurred.connect(self._fail)
        client.disconnected.connect(self.finish)
        if self._options.get("vanish"):
            self.vanish(_VANISHING)
        client.connectToHostEncrypted("127.0.0.1", self._side.port(self._route, self._server), "localhost")

    def _giveKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        identity, key = self._options["key"]
        authenticator.setIdentity(identity)
        authenticator.setPreSharedKey(key)

    def _send(self) -> None:
        if not self._alive():
            return
        self.ledger.resumed += self.client.isSessionReused()
        stay = _SERVER_VANISHES if self._options.get("serverVanishes") else _SERVER_STAYS
        self.client.write(_HEADER.pack(_MAGIC, self.number, len(self._payload), self._leaving, stay))
        rest = memoryview(self._payload)
        while len(rest) and self._alive():
            size = self.ledger.chance.choice((1, 700, 20_000, 300_000))
            self.client.write(bytes(rest[:size]))
            rest = rest[size:]

    def _alive(self) -> bool:
        return self.exists() and self.client.isEncrypted()

    def _read(self) -> None:
        if self._options.get("nested"):
            _nestedLoop()
        if not self._paused and self.exists():
            self._take(self.client.read(20_000) if self._options.get("slow") else self.client.readAll())
            self._paused = 2 if self._options.get("slow") else 0

    def tick(self) -> None:
        if self._paused:
            self._paused -= 1
            if not self._paused:
                self._read()

    def _take(self, data: Any) -> None:
        received = bytes(data.data()) if hasattr(data, "data") else bytes(data)
        self.ledger.compare(f"client of {self}", self._payload, self._received, received)
        self._received += len(received)
        if received and self.isComplete() and self._alive():
            if self._leaving == _CLIENT_LEAVES:
                self.client.disconnectFromHost()
            elif self._leaving == _HALF_CLOSE:
                self.client.shutdownWrite()

    def isComplete(self) -> bool:
        return self._received == len(self._payload)

    def isIdle(self) -> bool:
        return bool(self.client.state() is _STATE.UnconnectedState)

    def describe(self) -> str:
        return (
            f"{self.client.state().name}, encrypted: {self.client.isEncrypted()}, TLS {self._version}, "
            f"{self._received} of {len(self._payload)} bytes, {self.client.bytesToWrite()} to write, "
            f"{self.client.bytesAvailable()} to read, who leaves: {self._leaving}"
        )

    def _fail(self, error: QAbstractSocket.SocketError) -> None:
        if not self.exists():
            return
        self.error, self.detail = error.name, self.client.errorString()
        if self.isIdle():  # never connected: disconnected does not come
            QTimer.singleShot(0, self.finish)

    def finish(self) -> None:
        if self.over:
            return
        if self.exists() and self.client.bytesAvailable():
            self._take(self.client.readAll())  # a slow reader's rest
        if self.exists() and self.client.peerClosedCleanly() and self.error == "RemoteHostClosedError":
            self.error = ""  # Qt calls an orderly end by the other side an error as well
        whole = self.exists() and self.client.peerClosedCleanly() and self._server == "plain"
        if whole and self._leaving == _SERVER_LEAVES and not self._options and not self.isComplete():
            self.ledger.corrupted.append(f"{self}: the end was clean after {self._received} of {len(self._payload)}")
        super().finish()


_nested = [0]


def _nestedLoop() -> None:
    """An event loop inside a slot, one at a time; more would only nest more deeply."""
    if _nested[0]:
        return
    _nested[0] = 1
    loop = QEventLoop()
    QTimer.singleShot(5, loop.quit)
    loop.exec()
    _nested[0] = 0


# ----------------------------------------------------------------------------------- kinds


_Options = dict[str, Any]


def _over(route: str) -> Callable[[TlsSide], _Options]:
    allowed = ("complete",) if route in HARMLESS else ("complete", "ended", *_BROKEN)
    return lambda side: {"route": route, "allowed": allowed}


def _kind(**options: Any) -> Callable[[TlsSide], _Options]:
    """Options, of which certificates are given by their names in the infrastructure."""

    def make(side: TlsSide) -> _Options:
        return {
            name: getattr(side.pki, value) if name in ("own", "trust") else value for name, value in options.items()
        }

    return make


_KINDS: dict[str, Callable[[TlsSide], _Options]] = {
    **{route: _over(route) for route in ("direct", *TCP_FAULTS)},
    "slow reader": _kind(slow=True),
    "nested loops": _kind(nested=True),
    "client certificate": _kind(server="mutual", own="client"),
    "bad client certificate": _kind(server="mutual", own="clientUnknownCa", allowed=_REFUSED),
    "no client certificate": _kind(server="mutual", allowed=_REFUSED),
    "key": _kind(server="key", key=(IDENTITY, KEY)),
    "wrong key": _kind(server="key", key=(IDENTITY, bytes(32)), allowed=_REFUSED),
    "unknown identity": _kind(server="key", key=(b"nobody", KEY), allowed=_REFUSED),
    "expired": _kind(server="expired", allowed=("SslHandshakeFailedError",)),
    "expired and ignored": _kind(server="expired", ignore=True),
    "unknown authority": _kind(trust="otherCa", allowed=("SslHandshakeFailedError",)),
    "vanishing client": _kind(vanish=True, allowed=("gone", "complete", "ended")),
    "vanishing server": _kind(serverVanishes=True, allowed=("complete", "ended", "RemoteHostClosedError")),
}
