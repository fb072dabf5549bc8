"""What a handshake has agreed on, as the configuration of a socket reports it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtNetwork import QSslConfiguration

from qtsecure.net.values.protocol import Protocol
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_cipher import SslCipher

__all__ = ["SessionFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """The results of one handshake; the defaults are those of a connection without one.

    Attributes:
        peerCertificate: The peer's own certificate; null without one.
        peerCertificateChain: What the peer has sent, its own certificate first.
        sessionCipher: The cipher suite; null before the handshake.
        sessionProtocol: The protocol version.
        nextNegotiatedProtocol: The application protocol (RFC 7301); empty without one.
        nextProtocolNegotiationStatus: How the negotiation of that protocol ended.
    """

    peerCertificate: SslCertificate = field(default_factory=SslCertificate)
    peerCertificateChain: tuple[SslCertificate, ...] = ()
    sessionCipher: SslCipher = field(default_factory=SslCipher)
    sessionProtocol: Protocol = Protocol.Unknown
    nextNegotiatedProtocol: bytes = b""
    nextProtocolNegotiationStatus: QSslConfiguration.NextProtocolNegotiationStatus = (
        QSslConfiguration.NextProtocolNegotiationStatus.NextProtocolNegotiationNone
    )
