"""Ports of this machine where nobody listens, for as long as a test needs them; a free port may be anybody's soon."""

from __future__ import annotations

import socket as native
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["closedTcpPort", "closedUdpPort"]


@contextmanager
def closedTcpPort() -> Iterator[int]:
    """A port that refuses connections: it is taken, by a socket that does not listen."""
    with native.socket(native.AF_INET, native.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextmanager
def closedUdpPort() -> Iterator[int]:
    """A port that answers datagrams with ICMP: it is taken, by a socket that hears only itself."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.connect(holder.getsockname())
        yield holder.getsockname()[1]
