"""The wire format of DTLS 1.2: records, handshake fragments, HelloVerifyRequest (RFC 6347 section 4).

Functions that end in ``_untrusted`` read what anybody may have sent. They raise
:class:`MalformedDatagram` and nothing else, and look at no byte beyond the one they were given.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

__all__ = [
    "ALERT",
    "APPLICATION_DATA",
    "CHANGE_CIPHER_SPEC",
    "DTLS_1_0",
    "DTLS_1_2",
    "HANDSHAKE",
    "HANDSHAKE_HEADER",
    "MAX_PLAIN_RECORD",
    "RECORD_HEADER",
    "WHOLE_MESSAGE",
    "ClientHelloStart",
    "Fragment",
    "HandshakeType",
    "MalformedDatagram",
    "Record",
    "fragment",
    "fragment_untrusted",
    "hello_verify_request",
    "is_hello_start_untrusted",
    "parse_hello_start_untrusted",
    "plain_record",
    "split_records_untrusted",
]

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

RECORD_HEADER: Final = 13
"""Bytes of a record's header: type, version, epoch, sequence number, length."""
HANDSHAKE_HEADER: Final = 12
"""Bytes of a fragment's header: type, length, message number, fragment offset and length."""

MAX_PLAIN_RECORD: Final = 1 << 14
"""The most plaintext that a record may carry, in bytes."""
_MAX_RECORD: Final = MAX_PLAIN_RECORD + 2048
# Numbers of 48 and 24 bits are in two parts. These are read and written a dozen times in each handshake.
_RECORD: Final = Struct(">BBxHHIH")
_RECORD_TO_WRITE: Final = Struct(">B2sHHIH")
_FRAGMENT: Final = Struct(">BBHHBHBH")
WHOLE_MESSAGE: Final = Struct(">BHIIHIHIH")
"""A record's header and that of the fragment in it, in few pieces: version; epoch and the upper 16 bits of
the record's number; its lower 32; size; type and length of the message; its number; the fragment's offset
and the upper 8 bits of its length; the lower 16."""
_DTLS_MAJOR: Final = 0xFE
DTLS_1_0: Final = 0xFEFF
"""The version in a client's first records, which do not know the real one yet."""
DTLS_1_2: Final = 0xFEFD
_VERSION_1_0: Final = b"\xfe\xff"
_VERSION_1_2: Final = b"\xfe\xfd"


class HandshakeType:
    """The types of handshake messages that DTLS 1.2 knows (RFC 5246 section 7.4)."""

    HELLO_REQUEST: Final = 0
    CLIENT_HELLO: Final = 1
    SERVER_HELLO: Final = 2
    HELLO_VERIFY_REQUEST: Final = 3
    NEW_SESSION_TICKET: Final = 4
    CERTIFICATE: Final = 11
    SERVER_KEY_EXCHANGE: Final = 12
    CERTIFICATE_REQUEST: Final = 13
    SERVER_HELLO_DONE: Final = 14
    CERTIFICATE_VERIFY: Final = 15
    CLIENT_KEY_EXCHANGE: Final = 16
    FINISHED: Final = 20
    CERTIFICATE_STATUS: Final = 22


class MalformedDatagram(Exception):  # noqa: N818 - what it is, not what went wrong in the program
    """Bytes that no DTLS peer sends."""


class Record(NamedTuple):
    """One record of a datagram."""

    kind: int
    """The content type."""
    epoch: int
    sequence: int
    data: bytes
    """The whole record, header included."""

    @property
    def payload(self) -> bytes:
        """What follows the header."""
        return self.data[RECORD_HEADER:]


class Fragment(NamedTuple):
    """One fragment of a handshake message."""

    kind: int
    """The handshake type."""
    length: int
    """Of the whole message, without header."""
    number: int
    """``message_seq``: which message of its sender this is."""
    offset: int
    body: bytes


class ClientHelloStart(NamedTuple):
    """What the beginning of a ClientHello tells; all of it is in the first fragment."""

    record_sequence: bytes
    message_number: int
    identity: bytes
    """Client version, random and session identifier: what distinguishes one hello from another."""
    cookie: bytes


def split_records_untrusted(datagram: bytes) -> list[Record]:
    """Cut a datagram at its record headers.

    Raises:
        MalformedDatagram: When it does not consist of whole DTLS records.
    """
    records = []
    position, end = 0, len(datagram)
    while position < end:
        if position + RECORD_HEADER > end:
            raise MalformedDatagram
        kind, major, epoch, high, low, length = _RECORD.unpack_from(datagram, position)
        after = position + RECORD_HEADER + length
        if major != _DTLS_MAJOR or after > end or length > _MAX_RECORD:
            raise MalformedDatagram
        records.append(Record(kind, epoch, (high << 32) + low, datagram[position:after]))
        position = after
    return records


def fragment_untrusted(data: bytes, position: int = 0) -> Fragment:
    """The handshake fragment at a position of a plaintext handshake record.

    Raises:
        MalformedDatagram: When its header lies about its size.
    """
    begin = position + HANDSHAKE_HEADER
    if len(data) < begin:
        raise MalformedDatagram
    kind, long, length, number, far, offset, many, size = _FRAGMENT.unpack_from(data, position)
    length, offset, size = (long << 16) + length, (far << 16) + offset, (many << 16) + size
    if offset + size > length or begin + size > len(data) or (length and not size):
        raise MalformedDatagram
    return Fragment(kind, length, number, offset, data[begin : begin + size])


def is_hello_start_untrusted(datagram: bytes) -> bool:
    """Whether a datagram begins with the first fragment of a ClientHello in epoch 0."""
    return (
        len(datagram) > RECORD_HEADER + HANDSHAKE_HEADER
        and datagram[0] == HANDSHAKE
        and datagram[RECORD_HEADER] == HandshakeType.CLIENT_HELLO
        and datagram[3] == datagram[4] == 0
        and datagram[19:22] == b"\0\0\0"  # the fragment offset
    )


def parse_hello_start_untrusted(datagram: bytes) -> ClientHelloStart:
    """Read a ClientHello as far as the cookie; the first of its fragments is enough.

    Raises:
        MalformedDatagram: When this is not the beginning of a ClientHello of DTLS 1.2.
    """
    if not is_hello_start_untrusted(datagram) or datagram[1:3] not in (_VERSION_1_0, _VERSION_1_2):
        raise MalformedDatagram
    record_end = RECORD_HEADER + (datagram[11] << 8) + datagram[12]
    length = int.from_bytes(datagram[14:17], "big")
    size = int.from_bytes(datagram[22:25], "big")
    end = RECORD_HEADER + HANDSHAKE_HEADER + size
    if size > length or record_end > len(datagram) or end > record_end:
        raise MalformedDatagram
    # Version 2, random 32, then session identifier and cookie, each after a byte with its length.
    session_end = 25 + 35 + datagram[59] if end > 59 else end
    if session_end + 1 > end or datagram[25:26] != b"\xfe" or datagram[59] > 32:
        raise MalformedDatagram
    cookie_end = session_end + 1 + datagram[session_end]
    if cookie_end > end:
        raise MalformedDatagram
    return ClientHelloStart(
        datagram[5:11],
        (datagram[17] << 8) + datagram[18],
        datagram[25:session_end],
        datagram[session_end + 1 : cookie_end],
    )


def hello_verify_request(cookie: bytes, record_sequence: bytes) -> bytes:
    """The answer to a ClientHello without a valid cookie (RFC 6347 section 4.2.1).

    Args:
        cookie: At most 255 bytes; DTLS 1.0 clients take 32.
        record_sequence: The six bytes of the hello's record, which are repeated.
    """
    size = 3 + len(cookie)
    return b"".join(
        (
            b"\x16\xfe\xff\0\0",
            record_sequence,
            (HANDSHAKE_HEADER + size).to_bytes(2, "big"),
            b"\x03\0",
            size.to_bytes(2, "big"),
            b"\0\0\0\0\0\0",
            size.to_bytes(2, "big"),
            _VERSION_1_0,
            len(cookie).to_bytes(1, "big"),
            cookie,
        )
    )


def plain_record(kind: int, sequence: int, payload: bytes, version: bytes = _VERSION_1_2) -> bytes:
    """A record of epoch 0."""
    return _RECORD_TO_WRITE.pack(kind, version, 0, sequence >> 32, sequence & 0xFFFFFFFF, len(payload)) + payload


def fragment(kind: int, length: int, number: int, offset: int, body: bytes) -> bytes:
    """One fragment of a handshake message, with its header."""
    size = len(body)
    header = _FRAGMENT.pack(
        kind, length >> 16, length & 0xFFFF, number, offset >> 16, offset & 0xFFFF, size >> 16, size & 0xFFFF
    )
    return header + body
