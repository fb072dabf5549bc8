"""A certificate as sections of labelled values, for people who want to see everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from PySide6.QtCore import QCoreApplication, QDateTime, QLocale
from PySide6.QtNetwork import QSsl

from qtsecure.errors import SecureError
from qtsecure.net.values import SslCertificate
from qtsecure.net.values.certificate_encoding import UNREADABLE, tolerating_old_certificates
from qtsecure.net.values.distinguished_names import printable

__all__ = [
    "PLURALS",
    "Fact",
    "Section",
    "certificateSections",
    "dateText",
    "daysLeft",
    "fingerprintText",
    "sectionsAsText",
    "validityText",
]

_SECONDS_PER_DAY = 86_400
_FINGERPRINT, _LINE = 95, 48
"""Signs of a SHA-256 fingerprint with its colons, and of a line of it."""
# lupdate takes translate() for a plural only if the number is a literal, so these are added to its input.
_DAYS_LEFT, _DAYS_AGO = "%n days left", "expired %n days ago"
PLURALS = (_DAYS_LEFT, _DAYS_AGO)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line.

    Attributes:
        label: What it is.
        value: Safe to display; long digits are broken into lines.
        isCode: Whether it is for comparing sign by sign.
    """

    label: str
    value: str
    isCode: bool = False

    def inOneLine(self) -> str:
        """Return the value as it is copied."""
        return self.value.replace("\n", ":" if ":" in self.value else "")


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together."""

    title: str
    facts: tuple[Fact, ...]


def certificateSections(certificate: SslCertificate) -> list[Section]:
    """Return everything worth knowing about a certificate; sections without content are left out."""
    translate = QCoreApplication.translate
    general = [
        Fact(translate("CertificateFacts", "Valid from"), dateText(certificate.effectiveDate())),
        Fact(translate("CertificateFacts", "Valid until"), dateText(certificate.expiryDate())),
        Fact(translate("CertificateFacts", "Remaining"), validityText(certificate)),
        Fact(translate("CertificateFacts", "Serial number"), _inLines(certificate.serialNumber(), 40), True),
        Fact(translate("CertificateFacts", "Public key"), printable(certificate.publicKeyText())),
        *_usages(certificate),
    ]
    fingerprints = [
        Fact("SHA-256", fingerprintText(certificate.fingerprint()), True),
        Fact(translate("CertificateFacts", "Key pin"), certificate.publicKeyPin(), True),
        Fact("SHA-1", _digest(certificate), True),
    ]
    sections = [
        Section(translate("CertificateFacts", "Subject"), _nameFacts(certificate, issuer=False)),
        Section(translate("CertificateFacts", "Names"), tuple(_alternativeNames(certificate))),
        Section(translate("CertificateFacts", "Issuer"), _nameFacts(certificate, issuer=True)),
        Section(translate("CertificateFacts", "Certificate"), tuple(general)),
        Section(translate("CertificateFacts", "Fingerprints"), tuple(fingerprints)),
    ]
    cleaned = (Section(each.title, tuple(fact for fact in each.facts if fact.value)) for each in sections)
    return [section for section in cleaned if section.facts]


def sectionsAsText(sections: list[Section]) -> str:
    """Return sections as text for the clipboard."""
    blocks = []
    for section in sections:
        lines = [f"  {fact.label}: {fact.inOneLine()}" for fact in section.facts]
        blocks.append("\n".join([section.title, *lines]))
    return "\n".join(blocks)


def fingerprintText(fingerprint: str) -> str:
    """Return a SHA-256 fingerprint in two lines; one from a file that somebody has changed is no longer, either."""
    return _inLines(printable(fingerprint)[:_FINGERPRINT], _LINE)


def dateText(moment: QDateTime) -> str:
    """Return a time as the user writes times, in the user's time zone."""
    if not moment.isValid():
        return ""
    locale, local = QLocale(), moment.toLocalTime()
    if locale.language() is QLocale.Language.C:  # its short form is hard to read
        return local.toString("yyyy-MM-dd HH:mm")
    return locale.toString(local, QLocale.FormatType.ShortFormat)


def daysLeft(certificate: SslCertificate) -> int | None:
    """Return how many whole days are left; negative after the end, None if the end cannot be read."""
    end = certificate.expiryDate()
    return QDateTime.currentDateTimeUtc().secsTo(end) // _SECONDS_PER_DAY if end.isValid() else None


def validityText(certificate: SslCertificate) -> str:
    """Return how long it holds, or since when it does not."""
    if certificate.isNull():
        return ""
    days = daysLeft(certificate)
    translate = QCoreApplication.translate
    if days is None:
        return translate("CertificateFacts", "the end cannot be read")
    if days < 0:
        return _expiredText(-days - 1)
    start = certificate.effectiveDate()
    if start.isValid() and QDateTime.currentDateTimeUtc() < start:
        return translate("CertificateFacts", "not valid yet")
    if days == 0:
        return translate("CertificateFacts", "less than a day left")
    # English has no translation, where Qt would look for its plural.
    if days == 1:
        return translate("CertificateFacts", "one day left")
    return translate("CertificateFacts", _DAYS_LEFT, None, days)


def _expiredText(days: int) -> str:
    translate = QCoreApplication.translate
    if days == 0:
        return translate("CertificateFacts", "expired less than a day ago")
    if days == 1:
        return translate("CertificateFacts", "expired one day ago")
    return translate("CertificateFacts", _DAYS_AGO, None, days)


def _inLines(text: str, length: int) -> str:
    return "\n".join(text[start : start + length].strip(":") for start in range(0, len(text), length))


def _digest(certificate: SslCertificate) -> str:
    return certificate.digest("sha1").data().hex(":").upper() if not certificate.isNull() else ""


def _nameFacts(certificate: SslCertificate, *, issuer: bool) -> tuple[Fact, ...]:
    attributes = certificate.issuerInfoAttributes() if issuer else certificate.subjectInfoAttributes()
    values = certificate.issuerInfo if issuer else certificate.subjectInfo
    translate = QCoreApplication.translate
    labels = {
        "CN": translate("CertificateFacts", "Common name"),
        "O": translate("CertificateFacts", "Organization"),
        "OU": translate("CertificateFacts", "Unit"),
        "C": translate("CertificateFacts", "Country"),
        "L": translate("CertificateFacts", "Locality"),
        "ST": translate("CertificateFacts", "State or province"),
        "emailAddress": translate("CertificateFacts", "E-mail"),
    }
    keys = [bytes(key.data()).decode("ascii", "replace") for key in attributes]
    return tuple(Fact(labels.get(key, key), printable(value)) for key in keys for value in values(key))


def _alternativeNames(certificate: SslCertificate) -> Iterator[Fact]:
    translate = QCoreApplication.translate
    kinds = {
        QSsl.AlternativeNameEntryType.DnsEntry: translate("CertificateFacts", "Host"),
        QSsl.AlternativeNameEntryType.IpAddressEntry: translate("CertificateFacts", "Address"),
        QSsl.AlternativeNameEntryType.EmailEntry: translate("CertificateFacts", "E-mail"),
    }
    names = certificate.subjectAlternativeNames()
    for kind, label in kinds.items():
        for name in names.get(kind, []):
            yield Fact(label, printable(name))


def _usages(certificate: SslCertificate) -> Iterator[Fact]:
    """What the certificate may be used for; nothing of it if it cannot be read."""
    translate = QCoreApplication.translate
    try:
        parsed = certificate.toCryptography()
        with tolerating_old_certificates():
            extensions = parsed.extensions
        signature = parsed.signature_hash_algorithm
        signedWith = signature.name.upper() if signature is not None else "EdDSA"
    except (SecureError, *UNREADABLE):
        return
    yield Fact(translate("CertificateFacts", "Signed with"), signedWith)
    purposes = {
        ExtendedKeyUsageOID.SERVER_AUTH: translate("CertificateFacts", "servers"),
        ExtendedKeyUsageOID.CLIENT_AUTH: translate("CertificateFacts", "clients"),
        ExtendedKeyUsageOID.EMAIL_PROTECTION: translate("CertificateFacts", "e-mail"),
        ExtendedKeyUsageOID.CODE_SIGNING: translate("CertificateFacts", "programs"),
        ExtendedKeyUsageOID.OCSP_SIGNING: translate("CertificateFacts", "revocation status"),
    }
    for extension in extensions:
        if isinstance(extension.value, x509.BasicConstraints):
            yes, no = translate("CertificateFacts", "yes"), translate("CertificateFacts", "no")
            yield Fact(translate("CertificateFacts", "Authority"), yes if extension.value.ca else no)
        elif isinstance(extension.value, x509.ExtendedKeyUsage):
            words = [purposes.get(each, each.dotted_string) for each in extension.value]
            yield Fact(translate("CertificateFacts", "Purpose"), ", ".join(words))
