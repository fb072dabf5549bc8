"""Connections that the machines hold in their hands: a relay with faults, and peers that are not ours.

Everything is non-blocking and in the test's own thread, so that the machine decides who does what when.
"""

from __future__ import annotations

import contextlib
import socket as native
import ssl
import struct
from dataclasses import dataclass, field

__all__ = ["BLOCK", "Foreign", "Relay", "Wire", "block", "contexts", "listening", "refusing"]

_RESET = struct.pack("ii", 1, 0)
_LARGEST = 1 << 16
BLOCK = 16
_MARK = b"S3CRET"
_FIRST_WORDS = {
    "garbage": b"\xff\xfe\x00" * 40,
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
# Of proxies: how long each thing is that they are asked, and what they say to it.
_PRELUDES = {
    "socks5": ((3, b"\5\0"), (_LARGEST, b"\5\0\0\1" + bytes(6))),
    "refusing": ((3, b"\5\0"), (_LARGEST, b"\5\5\0\1" + bytes(6))),
}


def block(key: int, number: int) -> bytes:
    """What is sent: says who sent it, and where it belongs."""
    return _MARK + b"%04x%06x" % (key, number)


def listening() -> native.socket:
    """A socket that listens on the loopback interface."""
    listener = native.create_server(("127.0.0.1", 0), backlog=64)
    listener.setblocking(False)
    return listener


def refusing() -> native.socket:
    """A socket whose port refuses everybody, and that nobody else can get as long as it is there."""
    socket = native.socket()
    socket.bind(("127.0.0.1", 0))
    return socket


def _nonblocking(socket: native.socket) -> native.socket:
    socket.setblocking(False)
    socket.setsockopt(native.IPPROTO_TCP, native.TCP_NODELAY, 1)
    return socket


def _reset(socket: native.socket) -> None:
    with contextlib.suppress(OSError):
        socket.setsockopt(native.SOL_SOCKET, native.SO_LINGER, _RESET)
    socket.close()


@dataclass
class _Direction:
    """One direction of a wire: what waits, and whether its sender has ended it."""

    source: native.socket
    target: native.socket
    waiting: bytearray = field(default_factory=bytearray)
    ended: bool = False
    passed: bool = False

    def move(self, count: int) -> bool:
        """Move at most so many bytes; whether anything happened. OSError when an end has gone."""
        moved = False
        while not self.ended and len(self.waiting) < _LARGEST:
            try:
                data = self.source.recv(_LARGEST)
            except BlockingIOError:
                break
            self.ended = not data
            self.waiting += data
            moved = True
        if _MARK in self.waiting:
            raise AssertionError("plain text on the wire")
        if self.waiting and count:
            with contextlib.suppress(BlockingIOError):
                sent = self.target.send(self.waiting[:count])
                del self.waiting[:sent]
                moved = moved or sent > 0
        if self.ended and not self.waiting and not self.passed:
            self.target.shutdown(native.SHUT_WR)
            self.passed = moved = True
        return moved


class Wire:
    """One relayed connection."""

    def __init__(self, client: native.socket, port: int) -> None:
        self.client = _nonblocking(client)
        self.clientPort: int = client.getpeername()[1]
        self.server = native.socket()
        self.server.bind(("127.0.0.1", 0))
        self.serverPort: int = self.server.getsockname()[1]
        self.open = True
        self.stalled = False
        self.piece = _LARGEST
        try:
            self.server.connect(("127.0.0.1", port))
        except OSError:
            self.reset()
            return
        _nonblocking(self.server)
        self._ways = _Direction(self.client, self.server), _Direction(self.server, self.client)

    def move(self) -> bool:
        """Move what waits; whether anything happened."""
        if not self.open or self.stalled:
            return False
        try:
            moved = [way.move(self.piece) for way in self._ways]
        except OSError:
            self.reset()
            return True
        if all(way.passed for way in self._ways):
            self.close()
        return any(moved)

    def damage(self) -> None:
        """Flip a bit of what waits, if anything does; it waits while the wire is stalled."""
        for way in self._ways if self.open else ():
            with contextlib.suppress(OSError):
                way.move(0)
            if way.waiting:
                way.waiting[len(way.waiting) // 2] ^= 0x10
                return

    def truncate(self) -> None:
        """End both directions, whatever still waits."""
        for socket in (self.client, self.server) if self.open else ():
            with contextlib.suppress(OSError):
                socket.shutdown(native.SHUT_WR)
        self.close()

    def reset(self) -> None:
        """Both ends see a reset."""
        self.open = False
        _reset(self.client)
        _reset(self.server)

    def close(self) -> None:
        self.open = False
        self.client.close()
        self.server.close()


class Relay:
    """Leads from a port of its own to a server's."""

    def __init__(self) -> None:
        self._listener = listening()
        self.port: int = self._listener.getsockname()[1]
        self.target = 0
        self.wires: list[Wire] = []

    def pump(self) -> bool:
        moved = False
        with contextlib.suppress(OSError):  # nobody waits, or all is over
            while True:
                self.wires.append(Wire(self._listener.accept()[0], self.target))
                moved = True
        return sum(wire.move() for wire in self.wires) > 0 or moved

    def clientOf(self, port: int) -> int:
        """Where the connection came from that arrives at the server from this port."""
        return next((wire.clientPort for wire in self.wires if wire.serverPort == port), port)

    def close(self) -> None:
        self._listener.close()
        for wire in self.wires:
            if wire.open:
                wire.reset()


def contexts(certificate: str, key: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Python's own: of a client that believes everything, and of a server."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return client, server


class Foreign:
    """A peer that is not ours: Python's TLS, garbage, silence ...

    Attributes:
        received: What it has received: decrypted with TLS, else as it came.
        sent: How many blocks it has sent.
    """

    def __init__(self, socket: native.socket, kind: str, key: int, context: ssl.SSLContext | None = None) -> None:
        self._socket = _nonblocking(socket)
        self.kind = kind
        self.key = key
        self.sent = 0
        self.port: int = socket.getsockname()[1]
        self.peerPort: int = socket.getpeername()[1]
        self.open = True
        self.received = bytearray()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.established = False
        if context is not None:
            server = context.protocol is ssl.PROTOCOL_TLS_SERVER
            name = None if server else "localhost"
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server, server_hostname=name)
        self._waiting = bytearray(_FIRST_WORDS.get(kind, b""))
        self._prelude = list(_PRELUDES.get(kind, ()))

    def move(self) -> bool:
        """Read and write what can be; whether anything happened."""
        if not self.open:
            return False
        try:
            return self._move()
        except OSError:  # of TLS, too
            self.close()
            return True

    def _move(self) -> bool:
        try:
            data = self._socket.recv(_LARGEST)
        except BlockingIOError:
            data = None
        if data == b"":
            self.close()
            return True
        if data and self._prelude:
            size, answer = self._prelude.pop(0)
            self._waiting += answer
            data = data[size:]
        if self._tls is None:
            self.received += data or b""
        else:
            self._incoming.write(data or b"")
            self._step(self._tls)
            self._waiting += self._outgoing.read()
        if self._waiting:
            with contextlib.suppress(BlockingIOError):
                del self._waiting[: self._socket.send(self._waiting)]
        return bool(data)

    def _step(self, tls: ssl.SSLObject) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            if not self.established:
                tls.do_handshake()
                self.established = True
            while data := tls.read(_LARGEST):
                self.received += data

    def say(self) -> None:
        """Send a block, if it may."""
        if self.open and self.established and self._tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self._tls.write(block(self.key, self.sent))
                self.sent += 1
            self.move()

    def truncate(self) -> None:
        """End without a goodbye."""
        self.move()
        self.close()

    def goodbye(self) -> None:
        """End as it should be."""
        if self.open and self._tls is not None and self.established:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        self.move()
        self.close()

    def reset(self) -> None:
        self.open = False
        _reset(self._socket)

    def close(self) -> None:
        self.open = False
        self._socket.close()
