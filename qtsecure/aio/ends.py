"""What both ends of a connection have, streams (SslSocket) as well as datagrams (DtlsPeer)."""

from __future__ import annotations

from qtsecure.aio.datagrams import closePeer, readMessage
from qtsecure.aio.streams import closeStream, drainStream, readStream, writeStream
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["close", "drain", "read", "write"]


async def read(end: SslSocket | DtlsPeer, maxSize: int = -1) -> bytes:
    """What has come, as soon as something has; one whole message of a DtlsPeer.

    Args:
        end: Where to read; of a DtlsPeer whose ``datagramReceived`` is connected nothing can be read.
        maxSize: At most so many bytes of a stream; -1 for all that has come.

    Returns:
        At least one byte; b"" when the other side has said goodbye, or this one has.

    Raises:
        SecureError: The connection broke, or was cut (``UncleanClose``), so that something may be missing.
    """
    return await (readMessage(end) if isinstance(end, DtlsPeer) else readStream(end, maxSize))


async def write(end: SslSocket | DtlsPeer, data: bytes) -> None:
    """Queue bytes on a stream, waiting for room if setWriteBufferLimit() is set; send one message.

    Raises:
        SecureError: The connection is not open for writing, or broke; a message is too large.
    """
    if isinstance(end, DtlsPeer):
        end.writeDatagram(data)
    else:
        await writeStream(end, data)


async def drain(end: SslSocket | DtlsPeer) -> None:
    """Wait until everything that was written is on its way; messages are at once.

    Raises:
        SecureError: The connection broke before.
    """
    if isinstance(end, SslSocket):
        await drainStream(end)


async def close(end: SslSocket | DtlsPeer) -> None:
    """End the connection in good order: what is queued is sent first. Harmless when it has ended.

    Raises:
        asyncio.CancelledError: A stream has been aborted, with what was still queued.
    """
    await (closePeer(end) if isinstance(end, DtlsPeer) else closeStream(end))
