"""An X.509 certificate (RFC 5280) as a value for display and comparison."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtCore import QByteArray, QCryptographicHash, QDateTime, QTimeZone
from PySide6.QtNetwork import QSsl, QSslCertificate

from qtsecure.engine.pins import key_pin_untrusted
from qtsecure.errors import SecureError
from qtsecure.net.values.certificate_encoding import (
    UNREADABLE,
    parseCertificate_untrusted,
    serialNumberDigits,
    serialNumberOf,
    splitCertificates_untrusted,
    tolerating_old_certificates,
)
from qtsecure.net.values.distinguished_names import attributeNames, attributeValues, displayName, nameText, printable

__all__ = ["SslCertificate"]


class SslCertificate:
    """An immutable certificate; methods follow ``QSslCertificate``.

    Fields are read when they are asked for, and a getter never raises because of what is inside
    the certificate: a field that cannot be read is empty. Equal and hashable by the DER encoding; a
    null one is false. Usable from any thread.

    Args:
        source: PEM or DER bytes, an ``x509.Certificate`` of cryptography, a ``QSslCertificate``,
            another ``SslCertificate``, or None. Bytes without a certificate give a null one, as in
            Qt. Of several certificates the first is taken; see :meth:`fromData` for all.

    Raises:
        TypeError: ``source`` is of another type.
    """

    __slots__ = ("_der", "_parsed")

    def __init__(
        self,
        source: bytes | bytearray | QByteArray | x509.Certificate | QSslCertificate | SslCertificate | None = None,
    ) -> None:
        self._parsed: x509.Certificate | None = None
        if source is None:
            self._der = b""
        elif isinstance(source, SslCertificate):
            self._der, self._parsed = source._der, source._parsed
        elif isinstance(source, x509.Certificate):
            self._der, self._parsed = source.public_bytes(Encoding.DER), source
        elif isinstance(source, QSslCertificate):
            self._der = bytes(source.toDer().data())
        else:
            self._der = next(iter(splitCertificates_untrusted(_octets(source))), b"")

    @staticmethod
    def fromQt(certificate: QSslCertificate) -> SslCertificate:
        """Return the certificate of Qt's type."""
        if not isinstance(certificate, QSslCertificate):
            raise TypeError(f"certificate must be a QSslCertificate, not {type(certificate).__name__}")
        return SslCertificate(certificate)

    @staticmethod
    def fromData(data: bytes | bytearray | QByteArray) -> list[SslCertificate]:
        """Return all certificates in PEM or concatenated DER bytes; other PEM blocks are skipped."""
        found = (SslCertificate(der) for der in splitCertificates_untrusted(_octets(data)))
        return [certificate for certificate in found if certificate._x509() is not None]

    @staticmethod
    def fromPath(path: str | os.PathLike[str]) -> list[SslCertificate]:
        """Return all certificates of a PEM or DER file; empty when the file holds none.

        Raises:
            SecureError: The file cannot be read.
        """
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)  # a NUL in the path
            raise SecureError(
                SecureError.Code.BadCertificate,
                f"The certificate file {os.fspath(path)!r} cannot be read: {reason}.",
            ) from error
        return SslCertificate.fromData(data)

    def isNull(self) -> bool:
        """Whether there is no certificate at all."""
        return not self._der

    def toDer(self) -> QByteArray:
        """Return the DER encoding; empty for a null certificate."""
        return QByteArray(self._der)

    def toPem(self) -> QByteArray:
        """Return the PEM encoding (RFC 7468); empty for a null certificate."""
        if not self._der:
            return QByteArray()
        text = base64.b64encode(self._der)
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return QByteArray(b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""]))

    def toCryptography(self) -> x509.Certificate:
        """Return the certificate as an object of the cryptography package.

        Raises:
            SecureError: The certificate is null or cannot be parsed.
        """
        certificate = self._x509()
        if certificate is None:
            reason = "it is null" if self.isNull() else "its encoding is damaged"
            raise SecureError(SecureError.Code.BadCertificate, f"The certificate cannot be converted: {reason}.")
        return certificate

    def toQt(self) -> QSslCertificate:
        """Return the certificate as Qt's type, the first use of which loads Qt's TLS backend."""
        return QSslCertificate(QByteArray(self._der), QSsl.EncodingFormat.Der)

    def version(self) -> QByteArray:
        """Return the version of the certificate format as a number in text, usually ``3``."""
        certificate = self._x509()
        return QByteArray() if certificate is None else QByteArray(str(certificate.version.value + 1).encode())

    def serialNumber(self) -> str:
        """Return the serial number in hexadecimal digits without separators, such as ``01f3``."""
        certificate = self._x509()
        return "" if certificate is None else serialNumberDigits(serialNumberOf(certificate))

    def digest(self, algorithm: QCryptographicHash.Algorithm | str) -> QByteArray:
        """Return the hash of the DER encoding.

        Args:
            algorithm: Qt's value or a name that ``hashlib`` knows, such as ``"sha256"``.

        Raises:
            TypeError: ``algorithm`` is of another type.
            ValueError: ``algorithm`` is not available.
        """
        return QByteArray(_digest(self._der, algorithm))

    def fingerprint(self) -> str:
        """Return the SHA-256 fingerprint as people compare it: ``AA:BB:...``; empty when null."""
        return hashlib.sha256(self._der).digest().hex(":").upper() if self._der else ""

    def subjectInfo(self, key: QSslCertificate.SubjectInfo | str | bytes | QByteArray) -> list[str]:
        """Return the values of one attribute of the subject, in the order of the certificate.

        Args:
            key: Qt's value, OpenSSL's short name such as ``"CN"``, or an object identifier in
                dotted form. A name that is not known gives an empty list, as in Qt.

        Raises:
            TypeError: ``key`` is of another type.
        """
        return attributeValues(self._subject(), key)

    def issuerInfo(self, key: QSslCertificate.SubjectInfo | str | bytes | QByteArray) -> list[str]:
        """Return the values of one attribute of the issuer; see :meth:`subjectInfo`."""
        return attributeValues(self._issuer(), key)

    def subjectInfoAttributes(self) -> list[QByteArray]:
        """Return the short names, or else object identifiers, of the subject's attributes."""
        return attributeNames(self._subject())

    def issuerInfoAttributes(self) -> list[QByteArray]:
        """Return the short names, or else object identifiers, of the issuer's attributes."""
        return attributeNames(self._issuer())

    def subjectDisplayName(self) -> str:
        """Return a name for people: common name, else organization, unit, or the first DNS name."""
        names = self.subjectAlternativeNames().get(QSsl.AlternativeNameEntryType.DnsEntry, [])
        return displayName(self._subject()) or next(iter(names), "")

    def issuerDisplayName(self) -> str:
        """Return a name for people: the issuer's common name, else organization or unit."""
        return displayName(self._issuer())

    def subjectAlternativeNames(self) -> dict[QSsl.AlternativeNameEntryType, list[str]]:
        """Return the e-mail, DNS and IP names of the subject (RFC 5280, section 4.2.1.6)."""
        certificate = self._x509()
        if certificate is None:
            return {}
        names: dict[QSsl.AlternativeNameEntryType, list[str]] = {}
        try:
            with tolerating_old_certificates():
                entries = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except (x509.ExtensionNotFound, *UNREADABLE):
            return {}
        for entry in entries:
            if isinstance(entry, x509.DNSName):
                names.setdefault(QSsl.AlternativeNameEntryType.DnsEntry, []).append(entry.value)
            elif isinstance(entry, x509.RFC822Name):
                names.setdefault(QSsl.AlternativeNameEntryType.EmailEntry, []).append(entry.value)
            elif isinstance(entry, x509.IPAddress):
                names.setdefault(QSsl.AlternativeNameEntryType.IpAddressEntry, []).append(str(entry.value))
        return names

    def effectiveDate(self) -> QDateTime:
        """Return the first moment of validity in UTC; an invalid date if it cannot be read."""
        certificate = self._x509()
        try:
            return QDateTime() if certificate is None else _dateTime(certificate.not_valid_before_utc)
        except UNREADABLE:
            return QDateTime()

    def expiryDate(self) -> QDateTime:
        """Return the last moment of validity in UTC; an invalid date if it cannot be read."""
        certificate = self._x509()
        try:
            return QDateTime() if certificate is None else _dateTime(certificate.not_valid_after_utc)
        except UNREADABLE:
            return QDateTime()

    def publicKeyText(self) -> str:
        """Return the kind and size of the public key for people, such as ``RSA, 2048 bits``; empty when null."""
        certificate = self._x509()
        return "" if certificate is None else _keyText(certificate)

    def publicKeyPin(self) -> str:
        """Return the pin of the public key as setPinnedCertificates() takes it: ``sha256/`` and Base64 (RFC 7469).

        Empty if the key cannot be read.
        """
        digest = key_pin_untrusted(self._der)
        return f"sha256/{base64.b64encode(digest).decode()}" if digest else ""

    def isSelfSigned(self) -> bool:
        """Whether the certificate is its own issuer and its own key verifies its signature."""
        certificate = self._x509()
        if certificate is None:
            return False
        try:
            certificate.verify_directly_issued_by(certificate)
        except (InvalidSignature, *UNREADABLE):
            return False
        return True

    def toText(self) -> str:
        """Return a readable summary of several lines; empty for a null certificate."""
        if self.isNull():
            return ""
        certificate = self._x509()
        if certificate is None:
            size = len(self._der)
            return f"Certificate that cannot be parsed, {size} bytes\nFingerprint (SHA-256): {self.fingerprint()}"
        names = [name for values in self.subjectAlternativeNames().values() for name in values]
        lines = [
            ("Subject", nameText(self._subject())),
            ("Issuer", nameText(self._issuer())),
            ("Names", ", ".join(names)),
            ("Valid from", self.effectiveDate().toString("yyyy-MM-dd HH:mm:ss 'UTC'")),
            ("Valid until", self.expiryDate().toString("yyyy-MM-dd HH:mm:ss 'UTC'")),
            ("Serial number", self.serialNumber()),
            ("Public key", self.publicKeyText()),
            ("Self-signed", "yes" if self.isSelfSigned() else "no"),
            ("Fingerprint (SHA-256)", self.fingerprint()),
        ]
        return "\n".join(f"{label}: {printable(value)}" for label, value in lines if value)

    def _x509(self) -> x509.Certificate | None:
        if self._parsed is None and self._der:
            try:
                self._parsed = parseCertificate_untrusted(self._der)
            except ValueError:
                return None
        return self._parsed

    def _subject(self) -> x509.Name | None:
        certificate = self._x509()
        try:
            with tolerating_old_certificates():
                return None if certificate is None else certificate.subject
        except UNREADABLE:
            return None

    def _issuer(self) -> x509.Name | None:
        certificate = self._x509()
        try:
            with tolerating_old_certificates():
                return None if certificate is None else certificate.issuer
        except UNREADABLE:
            return None

    def __bool__(self) -> bool:
        # As PySide's type: programs ask "if not socket.peerCertificate()".
        return bool(self._der)

    def __eq__(self, other: object) -> bool:
        return self._der == other._der if isinstance(other, SslCertificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._der)

    def __copy__(self) -> SslCertificate:
        return self

    def __deepcopy__(self, memo: object) -> SslCertificate:
        return self

    def __reduce__(self) -> tuple[type[SslCertificate], tuple[bytes]]:
        return SslCertificate, (self._der,)

    def __repr__(self) -> str:
        if self.isNull():
            return "SslCertificate()"
        return f"<SslCertificate {printable(self.subjectDisplayName())!r} SHA-256 {self.fingerprint()[:23]}...>"


def _digest(data: bytes, algorithm: QCryptographicHash.Algorithm | str) -> bytes:
    if isinstance(algorithm, QCryptographicHash.Algorithm):
        name = algorithm.name.lower().removeprefix("real")
    elif isinstance(algorithm, str):
        name = algorithm
    else:
        raise TypeError(f"algorithm must be a QCryptographicHash.Algorithm or a name, not {type(algorithm).__name__}")
    family, _, bits = name.partition("_")
    if family == "blake2b" and bits in ("160", "256", "384", "512"):
        return hashlib.blake2b(data, digest_size=int(bits) // 8).digest()
    if family == "blake2s" and bits in ("128", "160", "224", "256"):
        return hashlib.blake2s(data, digest_size=int(bits) // 8).digest()
    try:
        hasher = hashlib.new(name, data, usedforsecurity=False)
    except ValueError:
        hasher = None
    # The extendable functions (SHAKE) have no digest of their own length.
    if hasher is None or not hasher.digest_size:
        raise ValueError(f"algorithm {name!r} is not available; use 'sha256'") from None
    return hasher.digest()


def _dateTime(moment: datetime) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(moment.timestamp()), QTimeZone(QTimeZone.Initialization.UTC))


def _keyText(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return "of a kind that is not known"
    if isinstance(key, (rsa.RSAPublicKey, dsa.DSAPublicKey)):
        return f"{type(key).__name__[:3]}, {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC, {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def _octets(value: object) -> bytes:
    if isinstance(value, QByteArray):
        return bytes(value.data())
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(
        "source must be PEM or DER bytes, an x509.Certificate, a QSslCertificate or an SslCertificate, "
        f"not {type(value).__name__}; read a file with SslCertificate.fromPath"
    )
