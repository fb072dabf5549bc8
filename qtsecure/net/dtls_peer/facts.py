"""What the handshake has shown: the other side's certificate, its errors, cipher, version, protocol.

As in Gio they are known when the handshake is over, also when it has failed, and stay until the next
one. While the program is asked about a certificate, it is in the question and not yet here; with
PauseOnSslErrors nobody is asked, so that it has to be here, as with QDtls.
"""

from __future__ import annotations

from collections.abc import Callable

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.net.dtls_peer.half_closing import HalfClosing
from qtsecure.net.qt_objects.late_signals import withLateSignals
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.values import CertificateFlag, Protocol, SslCertificate, SslCipher, SslError, certificateFlags

__all__ = ["Facts"]

_SIGNALS = (
    "peerCertificateChanged",
    "peerCertificateErrorsChanged",
    "negotiatedProtocolChanged",
    "protocolChanged",
    "cipherChanged",
)


@withLateSignals
class Facts(HalfClosing):
    """What DtlsPeer tells about the other side and the association."""

    #: peerCertificateChanged(): peerCertificate() and its chain are known, or belong to an earlier association.
    peerCertificateChanged = Signal()
    #: peerCertificateErrorsChanged(): the same for peerCertificateErrors() and its flags.
    peerCertificateErrorsChanged = Signal()
    #: negotiatedProtocolChanged(): the same for negotiatedProtocol().
    negotiatedProtocolChanged = Signal()
    #: protocolChanged(): the same for protocol().
    protocolChanged = Signal()
    #: cipherChanged(): the same for cipherName().
    cipherChanged = Signal()

    def peerCertificate(self) -> SslCertificate:
        """The peer's certificate; null before the handshake is over, or when it has none. Kept after the end."""
        chain = self.peerCertificateChain()
        return chain[0] if chain else SslCertificate()

    def peerCertificateChain(self) -> list[SslCertificate]:
        """The peer's chain, leaf first, as it was sent; empty before the handshake is over or pauses on errors."""
        return self._peerChain() if self._areFactsKnown() else []

    def peerCertificateErrors(self) -> list[SslError]:
        """What is wrong with the peer's certificate, accepted or not; empty before the handshake is over or pauses."""
        return list(self._attempt.sslErrors) if self._areFactsKnown() else []

    def peerCertificateFlags(self) -> CertificateFlag:
        """The same in the few words of Gio (g_dtls_connection_get_peer_certificate_errors)."""
        return certificateFlags(self.peerCertificateErrors())

    def cipherName(self) -> str:
        """OpenSSL's name of the cipher suite, or an empty string before ``encrypted``. Kept after the end."""
        association = self._complete()
        return association.cipher_name() if association is not None else ""

    def protocol(self) -> Protocol:
        """The protocol version; Unknown before ``encrypted``. Kept after the end."""
        association = self._complete()
        return Protocol.fromVersion(association.protocol_version()) if association is not None else Protocol.Unknown

    def sessionCipher(self) -> SslCipher:
        """The cipher suite in use; null before ``encrypted`` and after the end (QSslSocket::sessionCipher)."""
        association = self._established()
        if association is None:
            return SslCipher()
        return SslCipher(association.cipher_name(), self.sessionProtocol(), keyExchangeGroup=association.group_name())

    def sessionProtocol(self) -> Protocol:
        """The protocol version in use; Unknown before ``encrypted`` and after the end (QSslSocket::sessionProtocol)."""
        return self.protocol() if self._established() is not None else Protocol.Unknown

    def keyExchangeGroup(self) -> str:
        """The negotiated key-exchange group, for example X25519, or an empty string."""
        association = self._established()
        return association.group_name() if association is not None else ""

    def negotiatedProtocol(self) -> str:
        """The application protocol both sides agreed on (ALPN, RFC 7301), or an empty string. Kept after the end."""
        association = self._complete()
        return association.negotiated_protocol().decode("utf-8", "replace") if association is not None else ""

    # -------------------------------------------------------------------------- internals

    def _peerChain(self) -> list[SslCertificate]:
        """What the peer has shown so far."""
        association = self._path.association if self._path is not None else None
        return [SslCertificate(certificate) for certificate in association.peer_certificates()] if association else []

    def _areFactsKnown(self) -> bool:
        attempt = self._attempt
        return attempt.factsTold or attempt.paused

    def _tellFacts(self) -> bool:
        attempt = self._attempt
        if attempt.factsTold:
            return True
        attempt.factsTold = True
        return self._tellChanges(self._whatIsKnown())

    def _forgetFacts(self) -> list[str]:
        """Which signals to emit once they are forgotten, because there was something."""
        return self._whatIsKnown() if self._attempt.factsTold else []

    def _whatIsKnown(self) -> list[str]:
        """The signals of the facts that are not at their defaults, in Gio's order; of those that are heard."""
        if self._heard.isdisjoint(_SIGNALS):
            return []
        facts: dict[str, Callable[[], object]] = {
            "peerCertificateChanged": self.peerCertificateChain,
            "peerCertificateErrorsChanged": lambda: self.peerCertificateChain() or self.peerCertificateErrors(),
            "negotiatedProtocolChanged": self.negotiatedProtocol,
            "protocolChanged": self._complete,
            "cipherChanged": self._complete,
        }
        return [name for name, known in facts.items() if name in self._heard and known()]

    def _tellChanges(self, names: list[str]) -> bool:
        """Emit these; False when a slot has deleted the peer or begun anew."""
        attempt = self._attempt
        for name in names:
            getattr(self, name).emit()
            if not self._isStill(attempt):
                return False
        return True

    def _established(self) -> DtlsAssociation | None:
        return self._path.association if self._path is not None and self._path.established else None

    def _complete(self) -> DtlsAssociation | None:
        association = self._path.association if self._path is not None else None
        return association if association is not None and association.complete else None
