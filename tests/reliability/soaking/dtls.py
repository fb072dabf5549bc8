"""DTLS in the soak: servers, what they do with their clients, and the kinds of clients."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from shiboken6 import isValid

from qtsecure import DtlsPeer, DtlsServer, SecureError
from tests.reliability.soaking.episode import DELETIONS, Episode, destroy
from tests.reliability.soaking.routes import UDP_FAULTS
from tests.reliability.soaking.side import IDENTITY, KEY, SERVER_STAYS, SERVER_VANISHES, MakeOptions, Side, kind

__all__ = ["DtlsSide"]

_HEADER = struct.Struct(">4sQIBI")
_MAGIC = b"soak"
_VANISHING = ("encrypted", "readyRead", "statusChanged", "closed", "disconnected")
_TIMES_OUT = ("TimedOut",)
# Nothing unencrypted is authentic: a damaged handshake may look like one with bad certificates, for example.
_DAMAGED = ("complete", "BadCertificate", "HandshakeRefused")
# What the network can do to an association, and wrong keys and certificates.
_KNOWN_TO_SERVERS = frozenset(
    # Closed: a client whose handshake was spoiled began anew when the server had finished already.
    ("TimedOut", "TlsMisc", "BadCertificate", "HandshakeRefused", "CertificateRequired", "Closed")
)
_REFUSED = ("BadCertificate", "HandshakeRefused", "CertificateRequired", "TlsMisc")


def packed(number: int, sequence: int, vanish: int, size: int, seed: int) -> bytes:
    """A message: who, which, and a checksum over all of it."""
    body = random.Random(f"{seed} {number} {sequence}").randbytes(size)
    head = struct.pack(">4sQIB", _MAGIC, number, sequence, vanish)
    return head + struct.pack(">I", zlib.crc32(head + body)) + body


def unpacked(message: bytes) -> tuple[int, int, int] | None:
    """Number, sequence, and whether the server vanishes; None if anything was changed."""
    if len(message) < _HEADER.size:
        return None
    magic, number, sequence, vanish, checksum = _HEADER.unpack_from(message)
    if magic != _MAGIC or checksum != zlib.crc32(message[:17] + message[_HEADER.size :]):
        return None
    return number, sequence, vanish


class DtlsSide(Side):
    """The servers, their ends of associations, and the making of clients."""

    def _makeServer(self) -> DtlsServer:
        server = DtlsServer()
        server.setHandshakeTimeout(15_000)
        server.setIdleTimeout(2500)
        server.errorOccurred.connect(lambda _, error: self.noteServerError(error))
        return server

    def _makeEnd(self, socket: DtlsPeer) -> _ServerEnd:
        return _ServerEnd(self, socket)

    def noteServerError(self, error: SecureError) -> None:
        """An end of a server has failed; it cannot know why, but it must be one of what the network does."""
        self.ledger.serverErrors[f"DTLS {error.code.name}: {error.message}"] += 1
        if error.code.name not in _KNOWN_TO_SERVERS:
            self.ledger.unexplained.append(f"a DTLS server: {error.code.name} {error.message}")

    def episodes(self, number: int, kind: str) -> DtlsEpisode:
        """A client of this kind."""
        name = kind.removeprefix("DTLS ")
        return DtlsEpisode(self, number, name, **_KINDS[name](self))

    def kinds(self) -> Sequence[str]:
        """What there is."""
        return [f"DTLS {name}" for name in _KINDS]


class _ServerEnd:
    """A server's end: checks what comes, each message once, and sends it back."""

    def __init__(self, side: DtlsSide, peer: DtlsPeer) -> None:
        self._side = side
        self.socket = peer
        self._seen: set[int] = set()
        peer.datagramReceived.connect(self._take)
        peer.errorOccurred.connect(self._fail)  # of whatever is no QObject and stays, PySide keeps each connection
        peer.disconnected.connect(self._end)
        while peer.hasPendingDatagrams():
            self._take(peer.readDatagram())

    def _take(self, message: bytes) -> None:
        found = unpacked(message)
        ledger = self._side.ledger
        ledger.bytes += len(message)
        if found is None or found[1] in self._seen:
            ledger.corrupted.append(f"a DTLS server: {'not what was sent' if found is None else 'the same again'}")
            return
        number, sequence, vanish = found
        self._seen.add(sequence)
        if not isValid(self.socket) or not self.socket.isEncrypted():
            return
        self.socket.writeDatagram(message)
        if vanish == SERVER_VANISHES and len(self._seen) == 1 + number % 3:
            destroy(self.socket, DELETIONS[number % len(DELETIONS)])

    def _fail(self, error: SecureError) -> None:
        self._side.noteServerError(error)

    def _end(self) -> None:
        self.socket.deleteLater()


class DtlsEpisode(Episode):
    """A client that sends messages until enough of them have come back."""

    def __init__(self, side: DtlsSide, number: int, name: str, **options: Any) -> None:
        super().__init__(side, number, f"DTLS {name}", **options)
        self._wanted = 1 + side.ledger.chance.randrange(40)
        self._sent: list[bytes] = []
        self._back: set[int] = set()
        self._next = 0

    def begin(self) -> None:
        self.client = client = DtlsPeer()
        client.setSslConfiguration(self.side.configuration(**self.options))
        client.setHandshakeTimeout(1500 if self.route == "hole" else 25_000)
        client.setIdleTimeout(1500 if self.options.get("serverVanishes") else 6000)
        if "key" in self.options:
            client.preSharedKeyAuthenticationRequired.connect(self.giveKey)
        client.encrypted.connect(self._begun)
        client.readyRead.connect(self._read)
        client.errorOccurred.connect(self._fail)
        client.disconnected.connect(self.finish)
        if self.options.get("vanish"):
            self.vanish(_VANISHING)
        client.connectToHost("127.0.0.1", self.side.port(self.route, self.server), "localhost")

    def _begun(self) -> None:
        if self.exists():
            self.ledger.resumed += self.client.isSessionReused()
        self.tick()

    def tick(self) -> None:
        """Send a few more, as long as not enough have come back."""
        for _ in range(3):
            if not self.exists() or not self.client.isEncrypted() or self.isComplete():
                return
            chance = self.ledger.chance
            size = chance.choice((0, 1, chance.randrange(self.client.maxDatagramSize() - _HEADER.size + 1)))
            vanish = SERVER_VANISHES if self.options.get("serverVanishes") else SERVER_STAYS
            message = packed(self.number, len(self._sent), vanish, size, self.ledger.seed)
            self._sent.append(message)
            self.client.writeDatagram(message)

    def _read(self) -> None:
        while self.exists() and self.client.hasPendingDatagrams():
            message = self.client.readDatagram()
            self.ledger.bytes += len(message)
            found = unpacked(message)
            sequence = -1 if found is None else found[1]
            if not 0 <= sequence < len(self._sent) or message != self._sent[sequence] or sequence in self._back:
                self.ledger.corrupted.append(f"client of {self}: a message is not what was sent, or came twice")
            elif self.route == "direct":
                self._noteGap(sequence)
            self._back.add(sequence)
        if self.exists() and self.isComplete():
            self.client.close()

    def _noteGap(self, sequence: int) -> None:
        """On the loopback interface nothing overtakes, so what should have been back before is lost."""
        missing = sequence - self._next
        if missing > 0:
            self.ledger.lost.append(f"{self}: {missing} messages before number {sequence}")
        self._next = sequence + 1

    def isComplete(self) -> bool:
        return len(self._back) >= self._wanted

    def isIdle(self) -> bool:
        return self.client.status() not in (DtlsPeer.Status.Handshaking, DtlsPeer.Status.Connected)

    def describe(self) -> str:
        return f"{self.client.status()!r}, {len(self._sent)} sent, {len(self._back)} of {self._wanted} back"

    def _fail(self, error: SecureError) -> None:
        self.error, self.detail = error.code.name, error.message
        # disconnected comes only if there was an association.
        self.finish()


# ----------------------------------------------------------------------------------- kinds


def _over(route: str) -> MakeOptions:
    allowed = {"direct": ("complete",), "hole": _TIMES_OUT}.get(route, _DAMAGED)
    return lambda side: {"route": route, "allowed": allowed}


_KINDS: dict[str, MakeOptions] = {
    **{route: _over(route) for route in ("direct", *UDP_FAULTS)},
    "client certificate": kind(server="mutual", own="client", route="lossy", allowed=_DAMAGED),
    "bad client certificate": kind(server="mutual", own="clientUnknownCa", allowed=_REFUSED),
    "no client certificate": kind(server="mutual", allowed=_REFUSED),
    "key": kind(server="key", key=(IDENTITY, KEY), route="lossy", allowed=_DAMAGED),
    "wrong key": kind(server="key", key=(IDENTITY, bytes(32)), allowed=_REFUSED),
    "unknown identity": kind(server="key", key=(b"nobody", KEY), allowed=_REFUSED),
    "unknown authority": kind(trust="otherCa", allowed=("BadCertificate",)),
    "vanishing client": kind(vanish=True, route="lossy", allowed=("gone", *_DAMAGED)),
    "vanishing server": kind(serverVanishes=True, allowed=("complete", "ended", "TimedOut", "Closed")),
}
