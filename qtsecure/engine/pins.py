"""Certificates and keys that a peer must have, whoever has certified them (RFC 7469, section 2.4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from qtsecure.engine.certificates import UNREADABLE, tolerating_old_certificates

__all__ = ["Pins", "key_pin_untrusted"]


@dataclass(frozen=True, slots=True)
class Pins:
    """A set of pins, one of which the peer's own certificate has to match.

    Attributes:
        certificates: SHA-256 hashes of whole certificates (DER).
        keys: SHA-256 hashes of public keys (SubjectPublicKeyInfo, DER).
    """

    certificates: frozenset[bytes] = frozenset()
    keys: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.certificates or self.keys)

    def match_untrusted(self, certificate: bytes) -> bool:
        """Whether a certificate (DER) is pinned, or its key is."""
        if hashlib.sha256(certificate).digest() in self.certificates:
            return True
        return bool(self.keys) and key_pin_untrusted(certificate) in self.keys


def key_pin_untrusted(certificate: bytes) -> bytes:
    """The SHA-256 hash of a certificate's public key; empty if the certificate cannot be read."""
    try:
        with tolerating_old_certificates():
            key = x509.load_der_x509_certificate(certificate).public_key()
        return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    except UNREADABLE:
        return b""
