"""Reading certificate revocation lists (RFC 5280, section 5)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.engine.certificates import UNREADABLE, read_source, unusable

__all__ = ["CrlSource", "load_crls"]

_Single: TypeAlias = x509.CertificateRevocationList | bytes | bytearray | str | os.PathLike[str]
CrlSource: TypeAlias = _Single | Iterable[_Single]
"""Revocation lists as objects of cryptography, PEM or DER bytes, PEM text, paths, or an iterable of these."""

# No hyphen is in the body, so that a beginning without an end is not searched for it through all that follows.
_PEM_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----")


def load_crls(source: CrlSource) -> tuple[bytes, ...]:
    """Read revocation lists; PEM may hold several, DER holds one.

    Returns:
        The lists as DER, each once, in the order of the source.

    Raises:
        SecureError: ``BadCertificate`` if a file cannot be read or has no revocation list in it.
        TypeError: If the source is of another type.
    """
    if isinstance(source, x509.CertificateRevocationList):
        return (source.public_bytes(Encoding.DER),)
    if isinstance(source, (bytes, bytearray, str, os.PathLike)):
        return _parse(*read_source(source, "revocation list"))
    if not isinstance(source, Iterable):
        raise TypeError(f"crls must be revocation lists, bytes or paths, not {type(source).__name__}.")
    return tuple(dict.fromkeys(der for part in source for der in load_crls(part)))


def _parse(data: bytes, origin: str) -> tuple[bytes, ...]:
    try:
        if b"-----BEGIN" not in data:
            return (x509.load_der_x509_crl(data).public_bytes(Encoding.DER),)
        blocks = _PEM_BLOCK.findall(data)
        if not blocks or len(blocks) != data.count(b"-----BEGIN X509 CRL-----"):
            raise unusable(f"{origin} contains no complete revocation list")
        return tuple(x509.load_pem_x509_crl(block).public_bytes(Encoding.DER) for block in blocks)
    except UNREADABLE as error:
        raise unusable(f"{origin} contains no revocation list that can be read, or a damaged one", error) from None
