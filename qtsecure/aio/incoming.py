"""What comes through a connection, piece by piece or line by line, for ``async for``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from qtsecure.aio.alive import checkAlive
from qtsecure.aio.ends import read
from qtsecure.aio.streams import readLine
from qtsecure.net.arguments import checkLeast
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["incoming", "lines"]


def incoming(end: SslSocket | DtlsPeer) -> AsyncIterator[bytes]:
    """Iterate over what read() gives, the messages of a DtlsPeer, until the end of the connection.

    A cancelled or timed-out step takes nothing; the next one goes on.

    Args:
        end: Where to read.

    Raises:
        SecureError: As read() does, after everything that came before it.
    """
    checkAlive(end, name="end")
    return _Until(partial(read, end))


def lines(socket: SslSocket, maxSize: int = 0) -> AsyncIterator[bytes]:
    """Iterate over what readLine() gives, until the end of the stream.

    Args:
        socket: Where to read.
        maxSize: The longest line in bytes, as for readLine().

    Raises:
        SecureError: As readLine() does.
    """
    checkAlive(socket, SslSocket, name="socket")
    checkLeast(maxSize, 0, name="maxSize")
    return _Until(partial(readLine, socket, maxSize))


class _Until(AsyncIterator[bytes]):
    """Steps until one that gives nothing; no generator, of which a cancelled step would be the end."""

    def __init__(self, step: Callable[[], Awaitable[bytes]]) -> None:
        self._step = step

    async def __anext__(self) -> bytes:
        data = await self._step()
        if not data:
            raise StopAsyncIteration
        return data
