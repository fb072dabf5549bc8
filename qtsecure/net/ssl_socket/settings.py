"""QSslSocket's short cuts: getters and setters for what is in the socket's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QSsl, QSslSocket

from qtsecure.net.ssl_socket.idling import Idling

if TYPE_CHECKING:
    from qtsecure.engine.certificates import PrivateKey
    from qtsecure.net.values import Protocol, SslCertificate
    from qtsecure.net.values.sources import CertificateSource, PassphraseSource, PrivateKeySource

__all__ = ["Settings"]


class Settings(Idling):
    """Each does what SslConfiguration's method of the same name does, for the next handshake."""

    def protocol(self) -> Protocol:
        """The allowed protocol versions."""
        return self._configuration.protocol()

    def setProtocol(self, protocol: Protocol | QSsl.SslProtocol) -> None:
        """Set the allowed protocol versions; TypeError or ValueError for one that is not possible."""
        self._configuration.setProtocol(protocol)

    def peerVerifyMode(self) -> QSslSocket.PeerVerifyMode:
        """What is asked of the peer's certificate."""
        return self._configuration.peerVerifyMode()

    def setPeerVerifyMode(self, mode: QSslSocket.PeerVerifyMode) -> None:
        """Set what is asked of the peer's certificate; TypeError for anything but a PeerVerifyMode."""
        self._configuration.setPeerVerifyMode(mode)

    def peerVerifyDepth(self) -> int:
        """The largest allowed number of intermediates; 0 is the default."""
        return self._configuration.peerVerifyDepth()

    def setPeerVerifyDepth(self, depth: int) -> None:
        """Set the largest allowed number of intermediates; ValueError for a negative one."""
        self._configuration.setPeerVerifyDepth(depth)

    def localCertificate(self) -> SslCertificate:
        """The own certificate; null if none is set."""
        return self._configuration.localCertificate()

    def setLocalCertificate(self, certificate: CertificateSource | None) -> None:
        """Set the own certificate: an object, PEM, DER or a path; SecureError if it cannot be used."""
        self._configuration.setLocalCertificate(certificate)

    def localCertificateChain(self) -> list[SslCertificate]:
        """The own certificate and its intermediates."""
        return self._configuration.localCertificateChain()

    def setLocalCertificateChain(self, localChain: CertificateSource | None) -> None:
        """Set the own certificate, which comes first, and its intermediates; SecureError as above."""
        self._configuration.setLocalCertificateChain(localChain)

    def privateKey(self) -> PrivateKey | None:
        """The private key as an object of the cryptography package."""
        return self._configuration.privateKey()

    def setPrivateKey(self, key: PrivateKeySource | None, passphrase: PassphraseSource | None = None) -> None:
        """Set the private key of the certificate.

        Args:
            key: An object, PEM, DER or a path; None removes it.
            passphrase: What the key is encrypted with, or an Interaction to ask if it is.

        Raises:
            SecureError: It cannot be read, or belongs to another certificate.
            TypeError: An argument is of another type.
        """
        self._configuration.setPrivateKey(key, passphrase)
