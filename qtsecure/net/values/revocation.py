"""Which certificates are no longer good, and which ones it must be: a part of SslConfiguration."""

from __future__ import annotations

import base64
from dataclasses import replace

from PySide6.QtCore import QByteArray

from qtsecure.net.arguments import checkBool
from qtsecure.net.values.sources import CrlSource, PinSource, StatusSource, crlsFrom, pinsFrom, statusFrom
from qtsecure.net.values.tls_settings import HasSettings

__all__ = ["Revocation"]


class Revocation(HasSettings):
    """A part of SslConfiguration."""

    __slots__ = ()

    def crls(self) -> list[QByteArray]:
        """Return the revocation lists as DER."""
        return [QByteArray(crl) for crl in self._settings.crls]

    def setCrls(self, crls: CrlSource) -> None:
        """Check the peer's chain against revocation lists (RFC 5280, section 5); an empty list switches it off.

        Nothing is let through for want of a list: each certificate of the chain, that of the
        authority at its end included, needs a valid one of its issuer, or the verification fails.

        Args:
            crls: PEM or DER bytes, paths, objects of cryptography, or an iterable of these.

        Raises:
            SecureError: A list cannot be read.
            TypeError: ``crls`` is of another type.
        """
        self._settings = replace(self._settings, crls=crlsFrom(crls))

    def pinnedCertificates(self) -> list[str]:
        """Return the pins as text: ``sha256/`` and base64 for keys, ``certificate-sha256/`` for certificates."""
        pins = self._settings.pins
        keys = [f"sha256/{base64.b64encode(value).decode()}" for value in pins.keys]
        whole = [f"certificate-sha256/{base64.b64encode(value).decode()}" for value in pins.certificates]
        return sorted(keys) + sorted(whole)

    def setPinnedCertificates(self, pins: PinSource) -> None:
        """Accept only a peer whose own certificate, or its key, is one of these; an empty list switches it off.

        A pin is a demand on top of the verification and makes no certificate trusted. It holds in
        every verify mode, also with ``VerifyNone``, for resumed sessions as well, and
        ``ignoreSslErrors`` does not lift it: the handshake ends with the alert ``bad_certificate``.
        A connection that a pre-shared key has authenticated has no certificate and needs no pin.

        Args:
            pins: Whole certificates in any form that :meth:`setLocalCertificateChain` takes, and
                SHA-256 hashes of the public key (SubjectPublicKeyInfo): 32 bytes, 64 hexadecimal
                digits, or text such as ``"sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E="``; also
                the texts that :meth:`pinnedCertificates` returns.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: ``pins`` is of another type.
            ValueError: A hash is no SHA-256.
        """
        self._settings = replace(self._settings, pins=pinsFrom(pins))

    def ocspStaplingEnabled(self) -> bool:
        """Whether a client asks for the revocation status in the handshake (RFC 6066, section 8)."""
        return self._settings.ocspStapling

    def setOcspStaplingEnabled(self, enabled: bool) -> None:
        """Let a client ask the server for the revocation status of its certificate, and insist on a good one.

        Everything else is an error, an answer that is missing as well: ``CertificateRevoked`` or one
        of the ``Ocsp...`` in ``sslErrors``, where a program may ignore what it can live without. The
        alert is ``bad_certificate_status_response``. Without verification (``VerifyNone``) nothing
        is asked. A resumed session does not repeat it; those of certificates that demand a status
        (RFC 7633) are not resumed. Has no effect on a server, which answers with :meth:`setOcspResponse`.

        Raises:
            TypeError: For anything but a bool.
        """
        self._settings = replace(self._settings, ocspStapling=checkBool(enabled, name="enabled"))

    def ocspResponse(self) -> QByteArray:
        """Return what a server staples, as DER; empty for nothing."""
        return QByteArray(self._settings.ocspResponse)

    def setOcspResponse(self, response: StatusSource | None) -> None:
        """Set the revocation status that a server gives to the clients that ask; None or empty for none.

        Fetch it from the responder of your authority, and set a new one, with ``setSslConfiguration``
        on the listening server, before it is out of date: its dates are not looked at.

        Args:
            response: The OCSP response (RFC 6960) as DER, or the path of a file with it.

        Raises:
            SecureError: It cannot be read, is an error of the responder, or is about another certificate
                than the local one.
            TypeError: ``response`` is of another type.
        """
        settings = replace(self._settings, ocspResponse=statusFrom(response) if response else b"")
        settings.checkIdentity()
        self._settings = settings
