"""What DTLS needs below pyOpenSSL's public API: reading record by record, without lost boundaries.

A memory BIO is a stream, so a datagram is fed only after everything of the one before it has been
read. The read buffer takes the largest record there is: OpenSSL cuts messages at a smaller one.
"""

from __future__ import annotations

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import Outcome, Pipe, RawPipe

__all__ = ["read_after", "read_record"]

_ROOM = 16384 + 256


def read_record(pipe: Pipe, record: bytes) -> bytes:
    """Feed one record of application data and decrypt it (the hot path).

    Returns:
        Its plaintext, or nothing: then ``pipe.outcome`` tells why. ``WANT_READ`` means that OpenSSL
        has dropped it, as it does with replays and forgeries.
    """
    if not isinstance(pipe, RawPipe):
        return b"".join(read_after(pipe, record))
    lib.BIO_write(pipe._bio_in, record, len(record))
    pointer = pipe._buffers.plain_pointer
    count = lib.SSL_read(pipe._ssl, pointer, _ROOM)
    if count > 0:
        pipe.outcome = Outcome.DONE
        data: bytes = ffi.unpack(pointer, count)
        return data
    pipe.outcome = pipe._explain(count)
    return b""


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
