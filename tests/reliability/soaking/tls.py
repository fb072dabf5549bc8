"""TLS in the soak: servers, what they do with their clients, and the kinds of clients."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure import Protocol, SslServer, SslSocket
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.reliability.soaking.episode import DELETIONS, Episode, destroy
from tests.reliability.soaking.ledger import Ledger
from tests.reliability.soaking.routes import HARMLESS, TCP_FAULTS
from tests.reliability.soaking.side import IDENTITY, KEY, SERVER_STAYS, SERVER_VANISHES, MakeOptions, Side, kind

__all__ = ["TlsSide"]

_HEADER = struct.Struct(">4sQIBB")
_MAGIC = b"SOAK"
_CLIENT_LEAVES, _SERVER_LEAVES, _HALF_CLOSE = range(3)
_STATE = QAbstractSocket.SocketState
_BROKEN = ("RemoteHostClosedError", "SocketTimeoutError", "SslHandshakeFailedError", "SslInternalError")
_REFUSED = ("SslHandshakeFailedError", "SslInternalError", "RemoteHostClosedError")
_VANISHING = ("connected", "encrypted", "readyRead", "bytesWritten", "encryptedBytesWritten", "disconnected")
_KNOWN_TO_SERVERS = frozenset(_BROKEN)


class TlsSide(Side):
    """The servers, their ends of connections, and the making of clients."""

    def __init__(self, ledger: Ledger, pki: PublicKeyInfrastructure) -> None:
        super().__init__(ledger, pki)
        self.servers["expired"] = self._serve(self._configured(pki.expired))

    def _makeServer(self) -> SslServer:
        server = SslServer()
        server.setHandshakeTimeout(3000)
        server.errorOccurred.connect(lambda socket, error: self.noteServerError(error, socket.errorString()))
        return server

    def _makeEnd(self, socket: SslSocket) -> _ServerEnd:
        return _ServerEnd(self, socket)

    def noteServerError(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """An end of a server has failed; it cannot know why, but it must be one of what the network does."""
        self.ledger.serverErrors[f"TLS {error.name}: {text}"] += 1
        if error.name not in _KNOWN_TO_SERVERS:
            self.ledger.unexplained.append(f"a TLS server: {error.name} {text}")

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
                if stay == SERVER_VANISHES:
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
        options: Those of every episode; ``ignore`` errors, ``slow`` reading, ``nested`` event loops.
    """

    def __init__(self, side: TlsSide, number: int, version: str, name: str, **options: Any) -> None:
        super().__init__(side, number, f"TLS {version} {name}", **options)
        chance = side.ledger.chance
        self._version = version
        # A slow reader of more would keep the server waiting for longer than its patience.
        limit = chance.choice((100, 10_000, 10_000, 200_000, 200_000, 200_000 if options.get("slow") else 1_500_000))
        self._payload = side.ledger.payload(number, 1 + chance.randrange(limit))
        self._leaving = chance.choice((_CLIENT_LEAVES, _SERVER_LEAVES, _HALF_CLOSE))
        self._received = 0
        self._paused = 0

    def begin(self) -> None:
        self.client = client = SslSocket()
        configuration = self.side.configuration(**self.options)
        configuration.setProtocol(Protocol.TlsV1_2 if self._version == "1.2" else Protocol.TlsV1_3)
        client.setSslConfiguration(configuration)
        if self.route not in HARMLESS:
            client.setTimeout(1000)
        if self.options.get("slow"):
            client.setReadBufferSize(16_384)
        if self.options.get("ignore"):
            client.sslErrors.connect(client.ignoreSslErrors)
        if "key" in self.options:
            client.preSharedKeyAuthenticationRequired.connect(self.giveKey)
        client.encrypted.connect(self._send)
        client.readyRead.connect(self._read)
        client.errorOccurred.connect(self._fail)
        client.disconnected.connect(self.finish)
        if self.options.get("vanish"):
            self.vanish(_VANISHING)
        client.connectToHostEncrypted("127.0.0.1", self.side.port(self.route, self.server), "localhost")

    def _send(self) -> None:
        if not self._alive():
            return
        self.ledger.resumed += self.client.isSessionReused()
        stay = SERVER_VANISHES if self.options.get("serverVanishes") else SERVER_STAYS
        self.client.write(_HEADER.pack(_MAGIC, self.number, len(self._payload), self._leaving, stay))
        rest = memoryview(self._payload)
        while len(rest) and self._alive():
            size = self.ledger.chance.choice((1, 700, 20_000, 300_000))
            self.client.write(bytes(rest[:size]))
            rest = rest[size:]

    def _alive(self) -> bool:
        return self.exists() and self.client.isEncrypted()

    def _read(self) -> None:
        if self.options.get("nested"):
            _nestedLoop()
        if not self._paused and self.exists():
            self._take(self.client.read(20_000) if self.options.get("slow") else self.client.readAll())
            self._paused = 2 if self.options.get("slow") else 0

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
        whole = self.exists() and self.client.peerClosedCleanly() and self.server == "plain"
        if whole and self._leaving == _SERVER_LEAVES and not self.options and not self.isComplete():
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


def _over(route: str) -> MakeOptions:
    allowed = ("complete",) if route in HARMLESS else ("complete", "ended", *_BROKEN)
    return lambda side: {"route": route, "allowed": allowed}


_KINDS: dict[str, MakeOptions] = {
    **{route: _over(route) for route in ("direct", *TCP_FAULTS)},
    "slow reader": kind(slow=True),
    "nested loops": kind(nested=True),
    "client certificate": kind(server="mutual", own="client"),
    "bad client certificate": kind(server="mutual", own="clientUnknownCa", allowed=_REFUSED),
    "no client certificate": kind(server="mutual", allowed=_REFUSED),
    "key": kind(server="key", key=(IDENTITY, KEY)),
    "wrong key": kind(server="key", key=(IDENTITY, bytes(32)), allowed=_REFUSED),
    "unknown identity": kind(server="key", key=(b"nobody", KEY), allowed=_REFUSED),
    "expired": kind(server="expired", allowed=("SslHandshakeFailedError",)),
    "expired and ignored": kind(server="expired", ignore=True),
    "unknown authority": kind(trust="otherCa", allowed=("SslHandshakeFailedError",)),
    "vanishing client": kind(vanish=True, allowed=("gone", "complete", "ended")),
    "vanishing server": kind(serverVanishes=True, allowed=("complete", "ended", "RemoteHostClosedError")),
}
