"""Ports of the loopback interface that nobody else is given while a test uses them.

A port that was free a moment ago is handed out again at once, to the next test or to a worker beside this one.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ReservedPorts", "closedPort"]


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


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def closedPort(*hosts: str) -> Iterator[int]:
    """A port on which nobody listens at these addresses, by default 127.0.0.1, until the block ends."""
    ports = ReservedPorts()
    try:
        yield ports.take(*hosts)
    finally:
        ports.close()
