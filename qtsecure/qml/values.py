"""Certificates and errors as QML sees them: objects of plain values.

An object of Python would be opaque in QML, and a serial number has more bits than a number of
JavaScript, so it is text.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtNetwork import QSsl

from qtsecure.net.questions.error_words import adviceWords, errorWords
from qtsecure.net.values import SslCertificate, SslError

__all__ = ["certificateMap", "certificateMaps", "errorMaps"]


def certificateMap(certificate: SslCertificate | None) -> dict[str, object]:
    """What a page about a certificate shows; empty for none.

    Keys: subject, issuer, organization, validFrom, validTo (Date), serialNumber, fingerprint (SHA-256,
    both hexadecimal), dnsNames, ipAddresses, selfSigned, pem.
    """
    if certificate is None or certificate.isNull():
        return {}
    names = certificate.subjectAlternativeNames()
    return {
        "subject": certificate.subjectDisplayName(),
        "issuer": certificate.issuerDisplayName(),
        "organization": ", ".join(certificate.subjectInfo("O")),
        "validFrom": certificate.effectiveDate(),
        "validTo": certificate.expiryDate(),
        "serialNumber": certificate.serialNumber(),
        "fingerprint": certificate.fingerprint(),
        "dnsNames": names.get(QSsl.AlternativeNameEntryType.DnsEntry, []),
        "ipAddresses": names.get(QSsl.AlternativeNameEntryType.IpAddressEntry, []),
        "selfSigned": certificate.isSelfSigned(),
        "pem": certificate.toPem().toStdString(),
    }


def certificateMaps(chain: Iterable[SslCertificate]) -> list[dict[str, object]]:
    """A chain, leaf first."""
    return [certificateMap(certificate) for certificate in chain]


def errorMaps(errors: Iterable[SslError]) -> list[dict[str, object]]:
    """Keys: text and advice (both in the user's language), subject (of the certificate that it is about), depth,
    overridable.
    """
    return [
        {
            "text": errorWords(error),
            "advice": adviceWords(error),
            "subject": "" if error.certificate().isNull() else error.certificate().subjectDisplayName(),
            "depth": error.depth(),
            "overridable": error.isOverridable(),
        }
        for error in errors
    ]
