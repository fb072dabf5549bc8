"""What a server has seen: plain numbers, counted where nobody pays for a QObject's attributes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Ending", "ServerCounts", "ServerStatistics"]


class Ending(enum.Enum):
    """How an accepted connection ended without having become encrypted; the names are the statistics'."""

    HANDSHAKE = "handshakeFailed"
    DISCONNECTED = "disconnected"
    TIMED_OUT = "timedOut"
    REFUSED = "refused"
    EVICTED = "evicted"
    ABORTED = "aborted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What a server has seen since it was made.

    ``failed`` is the sum of the seven numbers below it, and every accepted connection that the
    server takes care of is in exactly one of ``handshaking``, ``encrypted`` and ``failed``. What
    ``accepted`` has more than these was taken by an override of incomingConnection().
    """

    accepted: int
    """TCP connections taken."""
    encrypted: int
    """Handshakes that succeeded."""
    handshaking: int
    """Handshakes under way."""
    pending: int
    """Encrypted sockets waiting in the queue."""
    unfetched: int
    """Sockets that still waited in the queue when close() ended them."""
    failed: int
    """Connections that did not become encrypted."""
    handshakeFailed: int
    """TLS failed: nothing in common, a rejected certificate, or something else than TLS."""
    disconnected: int
    """The client left, or the network broke; also before the connection was taken."""
    timedOut: int
    """The handshake took longer than handshakeTimeout()."""
    refused: int
    """The address had maxConnectionsPerAddress() already."""
    evicted: int
    """The client had said nothing, and others waited for its place in the limit of handshakes."""
    aborted: int
    """The program ended or deleted the socket."""
    dropped: int
    """close() ended the handshake."""


class ServerCounts:
    """The running numbers of one server."""

    __slots__ = ("accepted", "encrypted", "endings", "unfetched")

    def __init__(self) -> None:
        self.accepted = self.encrypted = self.unfetched = 0
        self.endings = dict.fromkeys(Ending, 0)

    def statistics(self, *, handshaking: int, pending: int) -> ServerStatistics:
        """The numbers of this moment."""
        return ServerStatistics(
            accepted=self.accepted,
            encrypted=self.encrypted,
            handshaking=handshaking,
            pending=pending,
            unfetched=self.unfetched,
            failed=sum(self.endings.values()),
            **{ending.value: number for ending, number in self.endings.items()},
        )
