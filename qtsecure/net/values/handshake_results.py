"""What a configuration that comes from a socket tells about its handshake."""

from __future__ import annotations

from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSslConfiguration

from qtsecure.net.values.protocol import Protocol
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_cipher import SslCipher
from qtsecure.net.values.tls_settings import HasSettings

__all__ = ["HandshakeResults"]


class HandshakeResults(HasSettings):
    """A part of SslConfiguration."""

    __slots__ = ()

    def peerCertificate(self) -> SslCertificate:
        """Return the peer's certificate; null before the handshake or without one."""
        return self._settings.session.peerCertificate

    def peerCertificateChain(self) -> list[SslCertificate]:
        """Return the certificates that the peer has sent, its own first."""
        return list(self._settings.session.peerCertificateChain)

    def sessionCipher(self) -> SslCipher:
        """Return the cipher suite of the connection; null before the handshake."""
        return self._settings.session.sessionCipher

    def sessionProtocol(self) -> Protocol:
        """Return the protocol version of the connection."""
        return self._settings.session.sessionProtocol

    def nextNegotiatedProtocol(self) -> QByteArray:
        """Return the application protocol of the connection; empty without one."""
        return QByteArray(self._settings.session.nextNegotiatedProtocol)

    def nextProtocolNegotiationStatus(self) -> QSslConfiguration.NextProtocolNegotiationStatus:
        """Return how the negotiation of the application protocol ended."""
        return self._settings.session.nextProtocolNegotiationStatus
