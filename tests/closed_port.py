"""A port that refuses connections for as long as a test needs it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["closedPort"]


@contextmanager
def closedPort(port: int = 0, *, shared: bool = False) -> Iterator[int]:
    """Hold a port of 127.0.0.1 without listening: nobody else is given it meanwhile, and who connects is refused.

    Args:
        port: Which one, of a server that has just ended; 0 for any.
        shared: Who reuses ports as well (SO_REUSEPORT) can still listen on it.
    """
    with socket.socket() as holder:
        if sys.platform != "win32":
            # Connections of the server that has ended may linger (TIME_WAIT).
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", port))
        yield holder.getsockname()[1]
