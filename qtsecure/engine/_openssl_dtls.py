"""What DTLS needs below pyOpenSSL's public API: reading record by record, without lost boundaries.

A memory BIO is a stream, so a datagram is fed only after everything of the one before it has been
read. The read buffer takes the largest record there is: OpenSSL cuts messages at a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import Pipe, RawPipe

__all__ = ["read_after", "record_reader"]

_ROOM = 16384 + 256


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
