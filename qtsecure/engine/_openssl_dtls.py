"""What DTLS needs below pyOpenSSL's public API: reading record by record, without lost boundaries.

A memory BIO is a stream, so a datagram is fed only after everything of the one before it has been
read. The read buffer takes the largest record there is: OpenSSL cuts messages at a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl_pipes import Pipe, RawPipe

__all__ = ["feed_records", "read_after", "record_reader", "take_records"]

_ROOM = 16384 + 256
_MOST = 65536
"""Bytes to take at once; a flight is nearly always shorter."""


def feed_records(pipe: Pipe, records: bytes) -> None:
    """Give records to a pipe, at most so many as one of the largest has room for."""
    if isinstance(pipe, RawPipe):
        lib.BIO_write(pipe._bio_in, records, len(records))
    else:
        pipe.feed(records)


def take_records(pipe: Pipe) -> bytes:
    """Every record that a pipe has for the peer."""
    if isinstance(pipe, RawPipe):
        pointer = pipe._buffers.out_pointer
        count = lib.BIO_read(pipe._bio_out, pointer, _MOST)
        if count < _MOST:
            records: bytes = ffi.unpack(pointer, count) if count > 0 else b""
            return records
        parts = [ffi.unpack(pointer, count)]
    else:
        parts = []
    while len(part := pipe.take()):
        parts.append(bytes(part))
    return b"".join(parts)


def record_reader(pipe: Pipe) -> Callable[[bytes], bytes]:
    """What feeds one record of application data to a pipe and decrypts it (the hot path).

    Returns:
        A function that returns the plaintext, or nothing: then ``pipe.outcome`` tells why. ``WANT_READ``
        means that OpenSSL has dropped the record, as it does with replays and forgeries.
    """
    if not isinstance(pipe, RawPipe):
        return lambda record: b"".join(read_after(pipe, record))
    feed, read, unpack = lib.BIO_write, lib.SSL_read, ffi.unpack
    incoming, ssl, pointer = pipe._bio_in, pipe._ssl, pipe._buffers.plain_pointer

    def read_record(record: bytes) -> bytes:
        feed(incoming, record, len(record))
        count = read(ssl, pointer, _ROOM)
        if count > 0:
            data: bytes = unpack(pointer, count)
            return data
        pipe.outcome = pipe._explain(count)
        return b""

    return read_record


def read_after(pipe: Pipe, record: bytes = b"") -> list[bytes]:
    """Feed any record (or none) and return every message that can be read then."""
    if record:
        pipe.feed(record)
    messages = []
    if isinstance(pipe, RawPipe):
        pointer = pipe._buffers.plain_pointer
        while (count := lib.SSL_read(pipe._ssl, pointer, _ROOM)) > 0:
            messages.append(ffi.unpack(pointer, count))
        pipe.outcome = pipe._explain(count)
        return messages
    try:
        while True:
            messages.append(pipe.connection.recv(_ROOM))
    except SSL.Error as error:
        pipe.outcome = pipe._explain(error)  # type: ignore[attr-defined]  # it is a PublicPipe
    return messages
