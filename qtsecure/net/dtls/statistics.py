"""What a peer and a server have counted."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from qtsecure.engine.dtls import AssociationStatistics, ListenerStatistics

__all__ = ["DtlsPeerStatistics", "DtlsServerStatistics", "LocalDrop"]

_NOTHING = AssociationStatistics()


class LocalDrop(enum.Enum):
    """Why a datagram or message was thrown away outside of the engine."""

    QUEUE_FULL = "queue full"
    """A message came, but too many wait to be read."""
    READING_ENDED = "reading ended"
    """A message came after the program had ended receiving."""
    BUSY = "busy"
    """A datagram came while the program was asked something, and too many wait."""
    NETWORK_BUSY = "network busy"
    """The system's send buffer was full."""
    TOO_LARGE = "too large"
    """The network takes no datagrams of this size."""
    UNREACHABLE = "unreachable"
    """The system knows no way to the other side."""
    UNKNOWN_PEER = "unknown peer"
    """A datagram to a server that belongs to no association and begins none."""
    NOT_LISTENING = "not listening"
    """A hello after close(), while fetched peers keep the socket open."""
    PAUSED = "paused"
    """A hello while accepting was paused."""
    TOO_MANY_PENDING = "too many pending"
    """A hello while maxPendingConnections() peers waited to be fetched."""
    TOO_MANY_HANDSHAKING = "too many handshaking"
    """A hello while maxHandshakingConnections() handshakes were under way."""
    TOO_MANY_OF_ADDRESS = "too many of one address"
    """A hello from an address that has its maximum of connections."""
    TOO_MANY = "too many"
    """A hello while maxConnections() associations existed."""


@dataclass(frozen=True, slots=True)
class DtlsPeerStatistics:
    """The counters of one association; all zero before there is one."""

    datagramsReceived: int = 0
    datagramsSent: int = 0
    messagesReceived: int = 0
    messagesSent: int = 0
    retransmissions: int = 0
    """Flights of the handshake that were sent again."""
    restarts: int = 0
    """Handshakes that were begun anew because a forged or damaged datagram had spoiled them."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many datagrams, records or messages were thrown away, by reason."""

    @staticmethod
    def of(engine: AssociationStatistics | None, local: Mapping[LocalDrop, int]) -> DtlsPeerStatistics:
        """Put together what the engine and the path have counted."""
        engine = engine or _NOTHING
        dropped = {reason.value: count for reason, count in (*engine.dropped.items(), *local.items())}
        return DtlsPeerStatistics(
            engine.datagrams_received,
            engine.datagrams_sent,
            engine.messages_received,
            engine.messages_sent,
            engine.retransmissions,
            engine.restarts,
            dropped,
        )


@dataclass(frozen=True, slots=True)
class DtlsServerStatistics:
    """What a server has seen since it was made."""

    accepted: int
    """Hellos that became an association."""
    encrypted: int
    """Handshakes that succeeded."""
    failed: int
    """Handshakes that failed, timed out or were ended."""
    replaced: int
    """Associations whose client has begun anew from the same address and port."""
    handshaking: int
    """Handshakes under way."""
    pending: int
    """Encrypted peers waiting in the queue."""
    live: int
    """Associations that exist now, in whatever state."""
    hellos: int
    """Beginnings of a ClientHello."""
    challenges: int
    """Hellos that were answered with a HelloVerifyRequest."""
    dropped: Mapping[str, int]
    """How many datagrams were thrown away before they reached an association, by reason."""

    @staticmethod
    def drops(engine: ListenerStatistics | None, local: Mapping[LocalDrop, int]) -> Mapping[str, int]:
        """Put together what the engine and the server have dropped."""
        dropped = engine.dropped if engine is not None else {}
        return {reason.value: count for reason, count in (*dropped.items(), *local.items())}
