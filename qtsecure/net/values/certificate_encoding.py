"""From bytes to certificates: PEM (RFC 7468), DER, and the ways in which both can be broken."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography import x509

from qtsecure.engine.certificates import UNREADABLE, tolerating_old_certificates

__all__ = [
    "UNREADABLE",
    "parseCertificate_untrusted",
    "serialNumberDigits",
    "serialNumberOf",
    "splitCertificates_untrusted",
    "tolerating_old_certificates",
]

# No hyphen is in the body, so that a beginning without an end is not searched for it through all that follows.
_PEM_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>(?:X509 |TRUSTED )?CERTIFICATE)-----(?P<body>[^-]*)-----END (?P=label)-----"
)


def splitCertificates_untrusted(data: bytes) -> list[bytes]:
    """Return the DER encodings in PEM or concatenated DER bytes; never raises.

    Whether they are certificates is not looked at.
    """
    # DER first: a certificate may well contain the text of a PEM block in one of its fields.
    if _sequenceEnd_untrusted(data, 0):
        return _splitDer_untrusted(data)
    found: list[bytes] = []
    for match in _PEM_BLOCK.finditer(data):
        try:
            block = base64.b64decode(b"".join(match["body"].split()), validate=True)
        except binascii.Error:
            continue
        # What follows inside a TRUSTED block is OpenSSL's trust information, not a certificate.
        found.extend(_splitDer_untrusted(block)[:1])
    return found


def _splitDer_untrusted(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    start = 0
    while end := _sequenceEnd_untrusted(data, start):
        found.append(data[start:end])
        start = end
    return found


def _sequenceEnd_untrusted(data: bytes, start: int) -> int:
    """Return where the DER SEQUENCE at ``start`` ends, or 0 if there is none; never raises.

    No certificate is so short that its length fits one octet, so the long form is demanded: it is
    what tells DER from a text that begins with the digit 0.
    """
    header = data[start : start + 2]
    if len(header) < 2 or header[0] != 0x30 or not 0x81 <= header[1] <= 0x84:
        return 0
    contents = start + 2 + (header[1] & 0x7F)
    end = contents + int.from_bytes(data[start + 2 : contents], "big")
    return end if contents < end <= len(data) else 0


def parseCertificate_untrusted(der: bytes) -> x509.Certificate:
    """Parse one certificate without warnings.

    Raises:
        ValueError: This is no certificate.
    """
    with tolerating_old_certificates():
        try:
            return x509.load_der_x509_certificate(der)
        except UNREADABLE as error:
            raise ValueError(f"not a certificate: {error}") from error


def serialNumberOf(certificate: x509.Certificate) -> int:
    """Return the serial number without a warning about negative ones."""
    with tolerating_old_certificates():
        return certificate.serial_number


def serialNumberDigits(number: int) -> str:
    """Return a serial number as whole bytes in hexadecimal, such as ``01f3``."""
    digits = f"{abs(number):x}"
    return ("-" if number < 0 else "") + digits.rjust(len(digits) + len(digits) % 2, "0")
