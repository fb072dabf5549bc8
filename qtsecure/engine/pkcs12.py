"""Reading PKCS #12 files (RFC 7292): a certificate, its key and its issuers under one passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs12

from qtsecure.engine.certificates import Credentials, read_source, tolerating_old_certificates, unusable, usable_key
from qtsecure.engine.passphrases import Passphrase, passphrases
from qtsecure.errors import SecureError

__all__ = ["load_pkcs12"]

_WITHOUT: Final = (None, b"")
"""Nothing at all and an empty passphrase are not the same in PKCS #12."""
_VERSION_3: Final = b"\x02\x01\x03"
_LONGEST_HEADER: Final = 6


def load_pkcs12(source: bytes | bytearray | str | os.PathLike[str], passphrase: Passphrase = None) -> Credentials:
    """Read certificate, key and chain.

    Args:
        source: The content of the file, or its path.
        passphrase: What it is encrypted with, or a function that asks for it. Not looked at if it
            opens without.

    Returns:
        The credentials; of the other certificates in the file those that lead to the root, without it.

    Raises:
        SecureError: ``BadCertificatePassword`` if the passphrase is missing or wrong;
            ``BadCertificate`` if the file cannot be read, is no PKCS #12 file, or has no certificate
            with its key in it.
        TypeError: An argument is of another type.
    """
    data, origin = read_source(source, "PKCS #12")
    key, certificate, others = _open_untrusted(data, origin, passphrase)
    if certificate is None or key is None:
        missing = "private key" if key is None else "certificate that belongs to its private key"
        raise unusable(f"{origin} contains no {missing}")
    return Credentials((certificate, *_issuers(certificate, others)), usable_key(key, origin))


def _open_untrusted(
    data: bytes, origin: str, passphrase: Passphrase
) -> tuple[object, x509.Certificate | None, list[x509.Certificate]]:
    wrong: Exception | None = None
    given = False
    for secret in _candidates(passphrase, origin):
        given = given or bool(secret)
        try:
            with tolerating_old_certificates():
                return pkcs12.load_key_and_certificates(data, secret)
        except UnsupportedAlgorithm as error:
            raise unusable(f"{origin} is encrypted in a way that is not supported", error) from None
        except ValueError as error:
            wrong = error
            if not _looks_like_pkcs12(data):
                raise unusable(f"{origin} is no PKCS #12 file, or a damaged one", error) from None
    if not given:
        raise SecureError(
            SecureError.Code.BadCertificatePassword, f"{origin} is encrypted; give its passphrase."
        ) from None
    raise SecureError(
        SecureError.Code.BadCertificatePassword,
        f"The passphrase does not open {origin[0].lower()}{origin[1:]}: it was encrypted with another one, "
        "or is damaged.",
        engineReasons=(str(wrong),),
    )


def _candidates(passphrase: Passphrase, origin: str) -> Iterator[bytes | None]:
    yield from _WITHOUT
    yield from passphrases(passphrase, f"{origin[0].lower()}{origin[1:]}")


def _looks_like_pkcs12(data: bytes) -> bool:
    """Whether it begins as each such file does, so that only the passphrase can be to blame."""
    return data[:1] == b"\x30" and _VERSION_3 in data[: _LONGEST_HEADER + len(_VERSION_3)]


def _issuers(certificate: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """The others in the order of the chain; a file may hold them in any."""
    chain: list[x509.Certificate] = []
    current, left = certificate, list(others)
    while current.issuer != current.subject:
        issuer = next((each for each in left if each.subject == current.issuer), None)
        if issuer is None or issuer.issuer == issuer.subject:
            break
        chain.append(issuer)
        left.remove(issuer)
        current = issuer
    return chain
