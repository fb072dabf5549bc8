"""Certificates and keys in all the forms in which a program may have them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from cryptography import x509
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSslCertificate, QSslKey

from qtsecure.engine.certificates import PrivateKey, load_certificates, load_private_key
from qtsecure.errors import SecureError
from qtsecure.net.values.ssl_certificate import SslCertificate

__all__ = ["CertificateSource", "PrivateKeySource", "certificatesFrom", "privateKeyFrom"]

_Single: TypeAlias = (
    SslCertificate | QSslCertificate | x509.Certificate | bytes | bytearray | QByteArray | str | os.PathLike[str]
)
CertificateSource: TypeAlias = _Single | Iterable[_Single]
"""Certificate objects of any kind, PEM or DER bytes, PEM text, a path, or an iterable of these."""

PrivateKeySource: TypeAlias = QSslKey | PrivateKey | bytes | bytearray | QByteArray | str | os.PathLike[str]
"""PEM or DER bytes, PEM text, a path, or a key object of cryptography or Qt."""


def certificatesFrom(source: CertificateSource) -> tuple[SslCertificate, ...]:
    """Return the certificates of ``source`` in their order; an empty iterable gives none.

    Raises:
        SecureError: A file cannot be read, holds no certificate or a damaged one, or a certificate
            is null.
        TypeError: ``source`` or a part of it is of another type.
    """
    if isinstance(source, (SslCertificate, QSslCertificate)):
        certificate = SslCertificate(source)
        # Raises for the null and the damaged ones, of which the engine could make no use.
        certificate.toCryptography()
        return (certificate,)
    if isinstance(source, QByteArray):
        source = bytes(source.data())
    if isinstance(source, (x509.Certificate, bytes, bytearray, str, os.PathLike)):
        return tuple(SslCertificate(certificate) for certificate in load_certificates(source))
    if not isinstance(source, Iterable):
        raise TypeError(f"certificates must be certificate objects, bytes or paths, not {type(source).__name__}")
    return tuple(certificate for part in source for certificate in certificatesFrom(part))


def privateKeyFrom(source: PrivateKeySource, passphrase: bytes | bytearray | QByteArray | str | None) -> PrivateKey:
    """Return the private key of ``source``.

    Raises:
        SecureError: The passphrase is missing or wrong, a file cannot be read, or there is no key
            of a usable type in it.
        TypeError: An argument is of another type.
    """
    if isinstance(source, QSslKey):
        if source.isNull():
            raise SecureError(
                SecureError.Code.BadCertificate,
                "The QSslKey is null; QSslKey knows only RSA, DSA and EC keys, so give the PEM data instead.",
            )
        source = source.toPem()
    if isinstance(source, QByteArray):
        source = bytes(source.data())
    if isinstance(passphrase, QByteArray):
        passphrase = bytes(passphrase.data())
    return load_private_key(source, passphrase)
