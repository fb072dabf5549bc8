"""What an association and a listener count."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

__all__ = ["AssociationStatistics", "DropReason", "ListenerStatistics"]


class DropReason(Enum):
    """Why a datagram, or a record of it, was thrown away."""

    MALFORMED = "malformed"
    """It does not consist of DTLS records."""
    UNEXPECTED = "unexpected"
    """Its type does not belong here."""
    STALE = "stale"
    """It repeats something that has been dealt with."""
    UNAUTHENTIC = "unauthentic"
    """It cannot be decrypted: forged, damaged, a replay, or older than the replay window."""
    TOO_MANY = "too many"
    """A limit on what is kept was reached."""
    BAD_COOKIE = "bad cookie"
    """A hello with a cookie that was not made for its address, or too long ago."""
    CLOSED = "closed"
    """The association has ended."""


@dataclass(slots=True)
class AssociationStatistics:
    """Counters of one association."""

    datagrams_received: int = 0
    datagrams_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    retransmissions: int = 0
    """Flights that were sent again."""
    restarts: int = 0
    """Handshakes that were begun anew because a forged or damaged datagram had spoiled them."""
    dropped: dict[DropReason, int] = field(default_factory=dict)

    def drop(self, reason: DropReason) -> None:
        """Count something that was thrown away."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


@dataclass(slots=True)
class ListenerStatistics:
    """Counters of a listener."""

    hellos: int = 0
    """Beginnings of a ClientHello."""
    challenges: int = 0
    """Hellos that were answered with a HelloVerifyRequest."""
    accepted: int = 0
    """Hellos that became an association."""
    dropped: dict[DropReason, int] = field(default_factory=dict)

    def drop(self, reason: DropReason) -> None:
        """Count something that was thrown away."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
