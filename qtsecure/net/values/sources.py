"""Certificates and keys in all the forms in which a program may have them."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import typing
from collections.abc import Iterable
from typing import TypeAlias

from cryptography import x509
from PySide6.QtCore import QByteArray, QObject
from PySide6.QtNetwork import QSslCertificate, QSslKey

from qtsecure.engine.certificates import Credentials, PrivateKey, load_certificates, load_private_key
from qtsecure.engine.ocsp import load_status
from qtsecure.engine.passphrases import Passphrase
from qtsecure.engine.pins import Pins
from qtsecure.engine.pkcs12 import load_pkcs12
from qtsecure.engine.revocation import CrlSource as EngineCrlSource
from qtsecure.engine.revocation import load_crls
from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.thread_guard import checkThread
from qtsecure.net.values.ssl_certificate import SslCertificate

__all__ = [
    "CertificateSource",
    "CrlSource",
    "PassphraseSource",
    "PinSource",
    "PrivateKeySource",
    "StatusSource",
    "certificatesFrom",
    "credentialsFrom",
    "crlsFrom",
    "pinsFrom",
    "privateKeyFrom",
    "statusFrom",
]

_PIN_PREFIX = "sha256/"
_CERTIFICATE_PIN_PREFIX = "certificate-sha256/"
_PIN_LENGTH = 32
_HEXADECIMAL_PIN = re.compile(f"[0-9A-Fa-f]{{{2 * _PIN_LENGTH}}}")

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


CrlSource: TypeAlias = EngineCrlSource | QByteArray
"""Revocation lists: PEM or DER bytes, PEM text, paths, objects of cryptography, or an iterable of these."""

PinSource: TypeAlias = _Single | Iterable[_Single]
"""Certificates as in CertificateSource, or hashes of keys: 32 bytes, 64 hexadecimal digits, or ``sha256/AbC...=``."""


def crlsFrom(source: CrlSource) -> tuple[bytes, ...]:
    """Return the revocation lists of ``source`` as DER.

    Raises:
        SecureError: A file cannot be read, or holds no revocation list or a damaged one.
        TypeError: ``source`` or a part of it is of another type.
    """
    return load_crls(bytes(source.data()) if isinstance(source, QByteArray) else source)


StatusSource: TypeAlias = bytes | bytearray | QByteArray | str | os.PathLike[str]
"""An OCSP response as DER, or the path of a file with it."""


def statusFrom(source: StatusSource) -> bytes:
    """Return the OCSP response of ``source``.

    Raises:
        SecureError: A file cannot be read, or there is no usable response.
        TypeError: ``source`` is of another type.
    """
    if isinstance(source, QByteArray):
        source = bytes(source.data())
    if not isinstance(source, (bytes, bytearray, str, os.PathLike)):
        raise TypeError(f"response must be bytes or a path, not {type(source).__name__}")
    return load_status(source)


def pinsFrom(source: PinSource) -> Pins:
    """Return the pins of ``source``: hashes of keys, and of the certificates that are given whole.

    Raises:
        SecureError: A certificate cannot be read.
        TypeError: ``source`` or a part of it is of another type.
        ValueError: A hash is no SHA-256.
    """
    if isinstance(source, QByteArray):
        source = bytes(source.data())
    if isinstance(source, str) and source.startswith(_PIN_PREFIX):
        return Pins(keys=frozenset({_pinned(source, _PIN_PREFIX)}))
    if isinstance(source, str) and source.startswith(_CERTIFICATE_PIN_PREFIX):  # as pinnedCertificates() tells them
        return Pins(certificates=frozenset({_pinned(source, _CERTIFICATE_PIN_PREFIX)}))
    if isinstance(source, str) and _HEXADECIMAL_PIN.fullmatch(source):
        return Pins(keys=frozenset({bytes.fromhex(source)}))
    if isinstance(source, (bytes, bytearray)) and len(source) == _PIN_LENGTH:
        return Pins(keys=frozenset({bytes(source)}))
    if isinstance(source, (str, bytes, bytearray, os.PathLike, SslCertificate, QSslCertificate, x509.Certificate)):
        certificates = (bytes(certificate.toDer().data()) for certificate in certificatesFrom(source))
        return Pins(certificates=frozenset(hashlib.sha256(der).digest() for der in certificates))
    if not isinstance(source, Iterable):
        raise TypeError(f"pins must be certificates or hashes of keys, not {type(source).__name__}")
    parts = [pinsFrom(part) for part in source]
    return Pins(
        frozenset().union(*(part.certificates for part in parts)), frozenset().union(*(part.keys for part in parts))
    )


def _pinned(text: str, prefix: str) -> bytes:
    try:
        value = base64.b64decode(text.removeprefix(prefix), validate=True)
    except ValueError:
        value = b""
    if len(value) != _PIN_LENGTH:
        raise ValueError(f"pins contains {text!r}, which is not '{prefix}' and the base64 of 32 bytes")
    return value


@typing.runtime_checkable
class AsksPassword(typing.Protocol):
    """An Interaction, which belongs to a layer above."""

    def askPassword(self, description: str) -> str | bytes | None: ...


PassphraseSource: TypeAlias = bytes | bytearray | QByteArray | str | AsksPassword
"""The passphrase itself, or an Interaction that asks the user when it is needed."""


def passphraseFrom(source: PassphraseSource | None) -> Passphrase:
    """Return what the engine takes for a passphrase.

    Raises:
        RuntimeError: An Interaction belongs to another thread.
        TypeError: ``source`` is of another type.
    """
    if isinstance(source, QByteArray):
        return bytes(source.data())
    if source is None or isinstance(source, (bytes, bytearray, str)):
        return source
    if not isinstance(source, AsksPassword):
        raise TypeError(f"passphrase must be bytes, text or an Interaction, not {type(source).__name__}")
    if isinstance(source, QObject):
        checkThread(source, "askPassword")
    return source.askPassword


def privateKeyFrom(source: PrivateKeySource, passphrase: PassphraseSource | None) -> PrivateKey:
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
    return load_private_key(source, passphraseFrom(passphrase))


def credentialsFrom(
    source: bytes | bytearray | QByteArray | str | os.PathLike[str], passphrase: PassphraseSource | None
) -> Credentials:
    """Return what a PKCS #12 file holds.

    Raises:
        SecureError: The passphrase is missing or wrong, or the file cannot be read or used.
        TypeError: An argument is of another type.
    """
    if isinstance(source, QByteArray):
        source = bytes(source.data())
    if not isinstance(source, (bytes, bytearray, str, os.PathLike)):
        raise TypeError(f"source must be bytes or a path, not {type(source).__name__}")
    return load_pkcs12(source, passphraseFrom(passphrase))
