"""What both ends of a connection have, streams (SslSocket) as well as datagrams (DtlsPeer)."""

from __future__ import annotations

from shiboken6 import isValid

from qtsecure.aio.alive import checkAlive, checkKind
from qtsecure.aio.datagrams import closePeer, readMessage
from qtsecure.aio.streams import closeStream, drainStream, readStream, writeStream
from qtsecure.net.arguments import checkLeast
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["close", "drain", "read", "write"]


async def read(end: SslSocket | DtlsPeer, maxSize: int = -1) -> bytes:
    """What has come, as soon as something has; one whole message of a DtlsPeer.

    Args:
        end: Where to read; of a DtlsPeer whose ``datagramReceived`` is connected nothing can be read.
        maxSize: At most so many bytes of a stream, 1 at least; -1 for all that has come.

    Returns:
        At least one byte; b"" when the other side has said goodbye, or this one has.

    Raises:
        TypeError, ValueError: For an unusable argument.
        SecureError: The connection broke, or was cut (``UncleanClose``), so that something may be missing.
    """
    checkAlive(end, name="end")
    if checkLeast(maxSize, -1, name="maxSize") == 0:
        raise ValueError('maxSize must not be 0: b"" means the end of the stream.')
    return await (readMessage(end) if isinstance(end, DtlsPeer) else readStream(end, maxSize))


async def write(end: SslSocket | DtlsPeer, data: bytes) -> None:
    """Queue bytes on a stream, waiting for room if setWriteBufferLimit() is set; send one message.

    Args:
        end: Where to write.
        data: Any bytes. Those of a stream that were queued before a cancellation are sent.

    Raises:
        TypeError, ValueError: For an unusable argument; a message must not be empty.
        SecureError: The connection is not open for writing, or broke; a message is too large.
    """
    checkAlive(end, name="end")
    if isinstance(end, DtlsPeer):
        end.writeDatagram(data)
    else:
        await writeStream(end, data)


async def drain(end: SslSocket | DtlsPeer) -> None:
    """Wait until everything that was written is on its way; messages are at once.

    Raises:
        SecureError: The stream ended before, or had ended when this was called: nobody can tell what was sent.
    """
    checkAlive(end, name="end")
    if isinstance(end, SslSocket):
        await drainStream(end)


async def close(end: SslSocket | DtlsPeer) -> None:
    """End the connection in good order: what is queued is sent first. Harmless when it has ended.

    Raises:
        asyncio.CancelledError: A stream has been aborted, with what was still queued.
    """
    checkKind(end, name="end")
    if not isValid(end):
        return
    await (closePeer(end) if isinstance(end, DtlsPeer) else closeStream(end))
