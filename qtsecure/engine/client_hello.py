"""A client's first message, read as far as the name of the server that it asks for (RFC 6066, section 3).

OpenSSL tells that name only when the connection has been made with one certificate and one policy,
and can then change the certificate alone. So a server with several names looks into the hello
first. The same rules as OpenSSL's are kept here, and OpenSSL has the last word: a stream ends when
it finds another name than this module.
"""

from __future__ import annotations

from typing import Final

from qtsecure.engine.alerts import AlertDescription

__all__ = ["HelloReader", "MalformedHello", "server_name_untrusted"]

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
_LARGEST_RECORD: Final = 1 << 14
_LARGEST_HELLO: Final = 1 << 16
_MOST_RECEIVED: Final = 1 << 17
"""With the headers of its records; nobody needs to cut a hello into pieces of a few bytes."""
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_LONGEST_NAME: Final = 255


class MalformedHello(Exception):  # noqa: N818 - what it is, not what went wrong in the program
    """Bytes that no client begins a connection with.

    Args:
        alert: What tells the client so.
    """

    def __init__(self, alert: AlertDescription = AlertDescription.DECODE_ERROR) -> None:
        super().__init__(alert)
        self.alert = alert


class HelloReader:
    """Collects what a client sends over a stream until its hello is whole.

    Attributes:
        complete: Whether the hello is whole.
        server_name: The name in it, as it was sent; None for none.
    """

    __slots__ = ("_message", "_position", "_received", "complete", "server_name")

    def __init__(self) -> None:
        self.complete = False
        self.server_name: bytes | None = None
        self._received = bytearray()
        self._message = bytearray()
        self._position = 0

    def add_untrusted(self, data: bytes | memoryview) -> bool:
        """Take more of what the client sends.

        Returns:
            Whether the hello has become whole with it.

        Raises:
            MalformedHello: When this is no ClientHello, or more than one has room for.
        """
        if len(self._received) + len(data) > _MOST_RECEIVED:
            raise MalformedHello
        self._received += data
        if self.complete:
            return False
        while self._take_record_untrusted():
            self._look_untrusted()
            if self.complete:
                return True
        return False

    def take(self) -> list[bytes]:
        """What came, for OpenSSL; also what came behind the hello."""
        received, self._received = bytes(self._received), bytearray()
        return [received]

    def _take_record_untrusted(self) -> bool:
        received, begin = self._received, self._position + _RECORD_HEADER
        if len(received) < begin:
            return False
        kind, major, _, *size = received[self._position : begin]
        length = (size[0] << 8) + size[1]
        if kind != _HANDSHAKE:
            raise MalformedHello(AlertDescription.UNEXPECTED_MESSAGE)
        if length > _LARGEST_RECORD:
            raise MalformedHello(AlertDescription.RECORD_OVERFLOW)
        if major != 3 or not length:
            raise MalformedHello
        if len(received) < begin + length:
            return False
        self._message += received[begin : begin + length]
        self._position = begin + length
        return True

    def _look_untrusted(self) -> None:
        message = self._message
        if message[0] != _CLIENT_HELLO:
            raise MalformedHello(AlertDescription.UNEXPECTED_MESSAGE)
        if len(message) < _MESSAGE_HEADER:
            return
        end = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER], "big")
        if end > _LARGEST_HELLO:
            raise MalformedHello
        if len(message) >= end:
            self.server_name = server_name_untrusted(bytes(message[_MESSAGE_HEADER:end]))
            self.complete = True


def server_name_untrusted(body: bytes, *, datagrams: bool = False) -> bytes | None:
    """The name that a ClientHello asks for, as it was sent.

    Args:
        body: The message without its header.
        datagrams: It is of DTLS, and has a cookie (RFC 6347, section 4.2.1).

    Returns:
        The name, which may be anything; None when there is none.

    Raises:
        MalformedHello: When lengths do not fit, or there are several names.
    """
    rest = _Bytes(body)
    rest.take(2 + 32)  # version and random
    rest.vector(1)  # session identifier
    if datagrams:
        rest.vector(1)
    rest.vector(2)  # cipher suites
    rest.vector(1)  # compression methods
    if rest.empty:
        return None
    extensions = rest.vector(2)
    if not rest.empty:
        raise MalformedHello
    name: bytes | None = None
    seen: set[int] = set()
    while not extensions.empty:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise MalformedHello
        seen.add(kind)
        if kind == _SERVER_NAME:
            name = _only_host_name_untrusted(content)
    return name


def _only_host_name_untrusted(content: _Bytes) -> bytes:
    names = content.vector(2)
    kind = names.number(1)
    name = names.vector(2)
    if kind != _HOST_NAME or not names.empty or not content.empty or len(name.data) > _LONGEST_NAME:
        raise MalformedHello
    return name.data


class _Bytes:
    """Bytes that are taken from the front."""

    __slots__ = ("_position", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._position = 0

    @property
    def empty(self) -> bool:
        return self._position == len(self.data)

    def take(self, size: int) -> bytes:
        begin, self._position = self._position, self._position + size
        if self._position > len(self.data):
            raise MalformedHello
        return self.data[begin : self._position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> _Bytes:
        """What follows behind its length, which has this many bytes."""
        return _Bytes(self.take(self.number(size)))
