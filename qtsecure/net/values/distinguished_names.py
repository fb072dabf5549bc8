"""The names of subjects and issuers (RFC 5280, section 4.1.2.4) under Qt's and OpenSSL's keys."""

from __future__ import annotations

from cryptography import x509
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSslCertificate

__all__ = ["attributeNames", "attributeValues", "displayName", "nameText", "printable"]

_SUBJECT_INFO = {
    QSslCertificate.SubjectInfo.Organization: x509.NameOID.ORGANIZATION_NAME,
    QSslCertificate.SubjectInfo.CommonName: x509.NameOID.COMMON_NAME,
    QSslCertificate.SubjectInfo.LocalityName: x509.NameOID.LOCALITY_NAME,
    QSslCertificate.SubjectInfo.OrganizationalUnitName: x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    QSslCertificate.SubjectInfo.CountryName: x509.NameOID.COUNTRY_NAME,
    QSslCertificate.SubjectInfo.StateOrProvinceName: x509.NameOID.STATE_OR_PROVINCE_NAME,
    QSslCertificate.SubjectInfo.DistinguishedNameQualifier: x509.NameOID.DN_QUALIFIER,
    QSslCertificate.SubjectInfo.SerialNumber: x509.NameOID.SERIAL_NUMBER,
    QSslCertificate.SubjectInfo.EmailAddress: x509.NameOID.EMAIL_ADDRESS,
}

# OpenSSL's short names, which are what Qt takes and gives.
_SHORT_NAMES = {
    "CN": x509.NameOID.COMMON_NAME,
    "O": x509.NameOID.ORGANIZATION_NAME,
    "OU": x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": x509.NameOID.COUNTRY_NAME,
    "L": x509.NameOID.LOCALITY_NAME,
    "ST": x509.NameOID.STATE_OR_PROVINCE_NAME,
    "SN": x509.NameOID.SURNAME,
    "GN": x509.NameOID.GIVEN_NAME,
    "DC": x509.NameOID.DOMAIN_COMPONENT,
    "UID": x509.NameOID.USER_ID,
    "dnQualifier": x509.NameOID.DN_QUALIFIER,
    "emailAddress": x509.NameOID.EMAIL_ADDRESS,
    "organizationIdentifier": x509.NameOID.ORGANIZATION_IDENTIFIER,
    "pseudonym": x509.NameOID.PSEUDONYM,
    "serialNumber": x509.NameOID.SERIAL_NUMBER,
    "street": x509.NameOID.STREET_ADDRESS,
    "title": x509.NameOID.TITLE,
}
_SHORT_NAME_OF = {oid: name for name, oid in _SHORT_NAMES.items()}


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex()


def attributeValues(name: x509.Name | None, key: QSslCertificate.SubjectInfo | str | bytes | QByteArray) -> list[str]:
    """Return the values of one attribute of ``name`` in their order.

    Args:
        name: A subject or issuer, or None for one that cannot be read.
        key: Qt's value, OpenSSL's short name, or an object identifier in dotted form.

    Raises:
        TypeError: ``key`` is of another type.
    """
    if isinstance(key, QSslCertificate.SubjectInfo):
        wanted: x509.ObjectIdentifier | None = _SUBJECT_INFO[key]
    else:
        if isinstance(key, QByteArray):
            key = bytes(key.data())
        if isinstance(key, bytes):
            key = key.decode("ascii", "replace")
        if not isinstance(key, str):
            raise TypeError(f"key must be a QSslCertificate.SubjectInfo or a name, not {type(key).__name__}")
        wanted = _SHORT_NAMES.get(key)
    if name is None:
        return []
    return [
        _text(attribute)
        for attribute in name
        if attribute.oid == wanted or (wanted is None and attribute.oid.dotted_string == key)
    ]


def attributeNames(name: x509.Name | None) -> list[QByteArray]:
    """Return the short names, or else object identifiers, of the attributes of ``name``."""
    labels = dict.fromkeys(_label(attribute.oid) for attribute in name) if name is not None else {}
    return [QByteArray(label.encode()) for label in labels]


def _label(oid: x509.ObjectIdentifier) -> str:
    return _SHORT_NAME_OF.get(oid, oid.dotted_string)


def displayName(name: x509.Name | None) -> str:
    """Return the common name, else the organization or unit; empty without any of them."""
    for key in ("CN", "O", "OU"):
        for value in attributeValues(name, key):
            return value
    return ""


def nameText(name: x509.Name | None) -> str:
    """Return all attributes on one line, in the order of the certificate."""
    return "" if name is None else ", ".join(f"{_label(attribute.oid)}={_text(attribute)}" for attribute in name)


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could move the cursor or reorder the line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
