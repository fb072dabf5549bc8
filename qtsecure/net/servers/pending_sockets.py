"""The accepted sockets that the program has not got yet, in the order in which they came.

Nothing here looks at all of them for one connection: with ten thousand idle clients that would keep
everybody waiting.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from shiboken6 import isValid

from qtsecure.net.servers.accepted_socket import AcceptedSocket
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["WaitingRoom"]

_LOOKED_AT = 4
"""How many of the silent clients may have said something that a busy event loop has not come to yet."""


class WaitingRoom:
    """Handshaking sockets, then pending ones.

    Attributes:
        handshaking: Whose handshakes are under way.
        pending: Who is encrypted and waits for nextPendingConnection().
    """

    __slots__ = ("_hosts", "_silent", "_waiting", "handshaking", "pending")

    def __init__(self) -> None:
        self.handshaking: dict[AcceptedSocket, None] = {}
        self.pending: deque[SslSocket] = deque()
        self._silent: dict[AcceptedSocket, float] = {}  # and when each was accepted
        self._hosts: dict[SslSocket, str] = {}
        self._waiting: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.handshaking or self.pending)

    def arrive(self, socket: AcceptedSocket, now: float) -> None:
        """A client has been accepted."""
        self.handshaking[socket] = None
        self._silent[socket] = now
        self._note(socket)

    def hasSpoken(self, socket: AcceptedSocket) -> None:
        """Its first bytes have come."""
        self._silent.pop(socket, None)

    def leave(self, socket: AcceptedSocket) -> bool:
        """Its handshake is over; False if that is known already."""
        if self.handshaking.pop(socket, socket) is socket:
            return False
        self._silent.pop(socket, None)
        self._forget(socket)
        return True

    def queue(self, socket: SslSocket) -> None:
        """It is encrypted."""
        self.pending.append(socket)
        if socket not in self._hosts:
            self._note(socket)

    def next(self) -> SslSocket:
        """The first of those that are encrypted; IndexError without any."""
        socket = self.pending.popleft()
        self._forget(socket)
        return socket

    def clear(self) -> None:
        """Forget everybody."""
        for each in (self.handshaking, self.pending, self._silent, self._hosts, self._waiting):
            each.clear()

    def dropDeleted(self) -> int:
        """Forget sockets that C++ has deleted; how many of them were handshaking."""
        gone = [socket for socket in self.handshaking if not isValid(socket)]
        for socket in gone:
            self.leave(socket)
        for pending in [socket for socket in self.pending if not isValid(socket)]:
            self.pending.remove(pending)
            self._forget(pending)
        return len(gone)

    def countFrom(self, host: str) -> int:
        """How many have come from one host."""
        return self._waiting.get(host, 0)

    def silent(self) -> list[tuple[AcceptedSocket, float]]:
        """The first few of those that have said nothing, and when each was accepted."""
        return list(islice(self._silent.items(), _LOOKED_AT))

    def _note(self, socket: SslSocket) -> None:
        host = self._hosts[socket] = socket._attempt.ends.peerHost()
        self._waiting[host] = self._waiting.get(host, 0) + 1

    def _forget(self, socket: SslSocket) -> None:
        host = self._hosts.pop(socket, None)
        if host is not None:
            left = self._waiting.pop(host) - 1
            if left:
                self._waiting[host] = left
