"""What the engine tells its front end, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from qtsecure.engine.verification import VerificationIssue

__all__ = [
    "AlertReceived",
    "AlertSent",
    "CertificateProblems",
    "CertificateRequested",
    "ConfigurationNeeded",
    "Event",
    "FailureKind",
    "HandshakeCompleted",
    "HandshakeMessage",
    "PeerClosed",
    "StreamFailed",
]


@dataclass(frozen=True, slots=True)
class AlertSent:
    """An alert for the peer lies in the outgoing bytes (RFC 8446, section 6)."""

    level: int
    """1 for a warning, 2 for a fatal alert."""
    description: int
    """The alert's code."""


@dataclass(frozen=True, slots=True)
class AlertReceived:
    """The peer sent an alert."""

    level: int
    description: int


@dataclass(frozen=True, slots=True)
class CertificateProblems:
    """The peer's certificate (or its absence) was found wanting."""

    issues: tuple[VerificationIssue, ...]
    """Every problem, in the order in which OpenSSL found them."""
    decision_needed: bool
    """Nothing is sent until accept_certificate() or reject_certificate() is called."""


@dataclass(frozen=True, slots=True)
class ConfigurationNeeded:
    """On a server that chooses: the client's hello is there; provide_configuration() or refuse_name() goes on."""

    server_name: bytes | None
    """The name that the client asks for (SNI), as it was sent; None for none."""


@dataclass(frozen=True, slots=True)
class CertificateRequested:
    """On a client that chooses: the server asks for a certificate; provide_certificate() goes on."""

    authorities: tuple[bytes, ...]
    """The names of the authorities that it accepts, as DER; none for any."""


@dataclass(frozen=True, slots=True)
class HandshakeMessage:
    """A message of the handshake, or a ticket or KeyUpdate after it; only for streams that are traced."""

    sent: bool
    name: str
    size: int
    """In bytes, with its header, before encryption."""


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """Application data may flow from now on."""


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer's close_notify: everything it ever sent has arrived."""


class FailureKind(Enum):
    """What went wrong, as far as the user has to tell it apart."""

    HANDSHAKE = "handshake"
    NOT_TLS = "not TLS"
    CERTIFICATE_REJECTED = "certificate rejected"
    CERTIFICATE_REQUIRED = "certificate required"
    PSK_NOT_USED = "pre-shared key not used"
    ENDED_IN_HANDSHAKE = "connection ended in the handshake"
    TIMED_OUT = "timed out"
    TRUNCATED = "connection ended without close_notify"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The connection is over; this is always the last event."""

    kind: FailureKind
    message: str
    """A sentence for the user."""
    alert: int | None = None
    """The code of the fatal alert that was sent or received, if any."""
    engine_reasons: tuple[str, ...] = ()
    """OpenSSL's own words."""


Event = (
    AlertSent
    | AlertReceived
    | CertificateProblems
    | ConfigurationNeeded
    | CertificateRequested
    | HandshakeMessage
    | HandshakeCompleted
    | PeerClosed
    | StreamFailed
)
