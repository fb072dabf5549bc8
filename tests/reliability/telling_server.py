"""A server for tests that watch its sockets from the beginning."""

from __future__ import annotations

from collections.abc import Callable

from qtsecure import SslServer, SslSocket

__all__ = ["TellingServer"]


class TellingServer(SslServer):
    """Tells of each socket before its first byte, when all its signals are still to come.

    Args:
        created: Called with the socket.
    """

    def __init__(self, created: Callable[[SslSocket], None]) -> None:
        super().__init__()
        self._created = created

    def incomingConnection(self, socketDescriptor: int) -> None:
        super().incomingConnection(socketDescriptor)
        sockets = self.findChildren(SslSocket)
        if sockets:
            self._created(sockets[-1])
