"""Ports of the loopback interface that nobody else is given while a test uses them.

A port that was free a moment ago is handed out again at once, to the next test or to a worker beside this one.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ReservedPorts", "closedPort", "closedUdpPort"]


class ReservedPorts:
    """Sockets that are bound and do not listen: whoever connects to them is refused.

    With SO_REUSEADDR, as our servers and Qt's have it, the test may listen there itself.
    """

    def __init__(self) -> None:
        self._taken: list[socket.socket] = []

    def take(self, *hosts: str) -> int:
        """A port that is free at each of these addresses.

        Args:
            hosts: 127.0.0.1 if there is none.
        """
        first, *others = hosts or ("127.0.0.1",)
        while True:
            taken = [_bound(first, 0)]
            port: int = taken[0].getsockname()[1]
            try:
                taken += [_bound(host, port) for host in others]
            except OSError as error:
                for each in taken:
                    each.close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            self._taken += taken
            return port

    def close(self) -> None:
        """Give all of them back."""
        while self._taken:
            self._taken.pop().close()


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if sys.platform != "win32":
            # Connections of a server that has ended may linger (TIME_WAIT).
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def closedPort(port: int = 0, *, shared: bool = False) -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody listens until the block ends.

    Args:
        port: Which one, of a server that has just ended; 0 for any.
        shared: Who reuses ports as well (SO_REUSEPORT) can still listen on it.
    """
    with _bound("127.0.0.1", port, shared=shared) as holder:
        yield holder.getsockname()[1]


@contextmanager
def closedUdpPort() -> Iterator[int]:
    """A port that answers datagrams with ICMP: it is taken, by a socket that hears only itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.connect(holder.getsockname())
        yield holder.getsockname()[1]
