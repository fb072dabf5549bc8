"""Reading certificates and private keys, and the pair of both that proves an identity.

Every failure is a :class:`~qtsecure.errors.SecureError` with one sentence that names the file and
the reason; cryptography's own ``ValueError`` and ``TypeError`` never get through.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias, cast

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import PublicKeyAlgorithmOID

from qtsecure.engine.passphrases import Passphrase, passphrases
from qtsecure.errors import SecureError
from qtsecure.locks import Lock

__all__ = [
    "UNREADABLE",
    "CertificateSource",
    "Credentials",
    "PrivateKey",
    "PrivateKeySource",
    "describe_subject",
    "load_certificates",
    "load_private_key",
    "read_source",
    "tolerating_old_certificates",
    "unusable",
    "usable_key",
]

PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey
"""The kinds of private key that TLS certificates can have here."""

_Single: TypeAlias = bytes | bytearray | str | os.PathLike[str] | x509.Certificate
CertificateSource: TypeAlias = _Single | Iterable[_Single]
"""PEM or DER bytes, PEM text, a path, a certificate object, or an iterable of these."""

PrivateKeySource: TypeAlias = bytes | bytearray | str | os.PathLike[str] | PrivateKey
"""PEM or DER bytes, PEM text, a path, or a key object."""

UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,  # a TLS feature (RFC 7633) that it does not know
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises while it reads a broken or exotic certificate, revocation list or status; not all are
subclasses of ValueError."""

_LARGEST: Final = 16 * 1024 * 1024
_PEM_MARK: Final = "-----BEGIN"
_filters_lock: Final = Lock()

_KEY_TYPES: Final[Mapping[type, str]] = {
    RSAPrivateKey: "RSA",
    EllipticCurvePrivateKey: "EC",
    Ed25519PrivateKey: "Ed25519",
    Ed448PrivateKey: "Ed448",
}


def load_certificates(source: CertificateSource) -> tuple[x509.Certificate, ...]:
    """Read one or more X.509 certificates.

    Args:
        source: PEM or DER bytes, PEM text (a string with ``-----BEGIN``), a path, a certificate
            object of ``cryptography``, or an iterable of these. PEM may hold several certificates
            and other blocks, which are skipped; DER holds exactly one certificate.

    Returns:
        At least one certificate, in the order of the source.

    Raises:
        SecureError: ``BadCertificate`` if a file cannot be read, is larger than 16 MiB, or has no
            certificate in it.
        TypeError: If the source is of another type.
    """
    if isinstance(source, x509.Certificate):
        return (source,)
    if isinstance(source, (bytes, bytearray, str, os.PathLike)):
        data, origin = read_source(source, "certificate")
        return _parse_certificates(data, origin)
    if not isinstance(source, Iterable):
        raise TypeError(
            f"source must be bytes, str, a path, an x509.Certificate or an iterable of these, "
            f"not {type(source).__name__}."
        )
    certificates: list[x509.Certificate] = []
    for part in source:
        if not isinstance(part, (bytes, bytearray, str, os.PathLike, x509.Certificate)):
            raise TypeError(
                f"source must contain bytes, str, paths or x509.Certificate objects, not {type(part).__name__}."
            )
        certificates.extend(load_certificates(part))
    if not certificates:
        raise SecureError(
            SecureError.Code.BadCertificate,
            "No certificate was given: the list of certificates is empty.",
        )
    return tuple(certificates)


def load_private_key(source: PrivateKeySource, passphrase: Passphrase = None) -> PrivateKey:
    """Read a private key of type RSA, EC, Ed25519 or Ed448.

    Args:
        source: PEM or DER bytes (PKCS#8, PKCS#1 or SEC 1), PEM text, a path, or a key object.
            A PEM file may also hold certificates.
        passphrase: What the key is encrypted with, or a function that asks for it. Not looked at if
            the key is not encrypted.

    Returns:
        The key.

    Raises:
        SecureError: ``BadCertificatePassword`` if the passphrase is missing or wrong;
            ``BadCertificate`` if a file cannot be read, is larger than 16 MiB, has no private key
            in it, or a key of another type.
        TypeError: If an argument is of another type.
    """
    if not (passphrase is None or callable(passphrase) or isinstance(passphrase, (bytes, bytearray, str))):
        raise TypeError(f"passphrase must be bytes, bytearray, str or None, not {type(passphrase).__name__}.")
    if isinstance(source, tuple(_KEY_TYPES)):
        return cast(PrivateKey, source)
    if not isinstance(source, (bytes, bytearray, str, os.PathLike)):
        raise TypeError(f"source must be bytes, str, a path or a private key, not {type(source).__name__}.")
    data, origin = read_source(source, "private key")
    load = load_pem_private_key if _PEM_MARK.encode() in data else load_der_private_key
    try:
        # First without a passphrase, because TypeError is how cryptography says that a key is
        # encrypted: ValueError alone cannot tell a wrong passphrase from a damaged file.
        key: object = load(data, None)
    except TypeError:
        key = _decrypt(load, data, origin, passphrase)
    except (ValueError, UnsupportedAlgorithm, InternalError) as error:  # the last: RFC 8410, of a wrong length
        raise unusable(f"{origin} contains no private key that can be read", error) from None
    return usable_key(key, origin)


def usable_key(key: object, origin: str) -> PrivateKey:
    """The key, if TLS certificates can have one of its kind.

    Args:
        key: Any private key.
        origin: How to call its source at the beginning of a sentence.

    Raises:
        SecureError: ``BadCertificate``.
    """
    if isinstance(key, tuple(_KEY_TYPES)):
        return cast(PrivateKey, key)
    raise SecureError(
        SecureError.Code.BadCertificate,
        f"{origin} contains a key of the type {type(key).__name__.removesuffix('PrivateKey')}; "
        "TLS needs an RSA, EC, Ed25519 or Ed448 key.",
    )


@contextlib.contextmanager
def tolerating_old_certificates() -> Iterator[None]:
    """Keep cryptography from warning about certificates that break RFC 5280 but are in use.

    Every Linux has a few roots in its bundle with a serial number of zero or the like; neither the
    user nor the application can do anything about them, and no peer is to reach the program's
    warning filters. These are global: two threads at once would restore each other's.
    """
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)  # of a name; may be empty
        yield


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Credentials:
    """A certificate chain together with the private key of its first certificate.

    Immutable, hashable, usable from any thread, and not picklable. Two are equal if their chains
    are: the public key is part of the certificate, and the private key must belong to it.

    Args:
        chain: The own certificate first, then its issuers in order; the root may be left out.
        private_key: The key of the first certificate.

    Raises:
        SecureError: ``BadCertificate`` if the chain is empty or the key does not belong to its
            first certificate; ``NotSupported`` if that is for RSA-PSS alone (RFC 4055).
        TypeError: If an argument is of another type.
    """

    chain: tuple[x509.Certificate, ...]
    private_key: PrivateKey
    _der: tuple[bytes, ...] = field(init=False)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        chain = tuple(self.chain)
        for certificate in chain:
            if not isinstance(certificate, x509.Certificate):
                raise TypeError(f"chain must contain x509.Certificate objects, not {type(certificate).__name__}.")
        if not isinstance(self.private_key, tuple(_KEY_TYPES)):
            raise TypeError(
                f"private_key must be an RSA, EC, Ed25519 or Ed448 private key, not {type(self.private_key).__name__}."
            )
        if not chain:
            raise SecureError(
                SecureError.Code.BadCertificate,
                "Credentials need at least one certificate: the chain is empty.",
            )
        if _public_key_of(chain[0]) != _spki(self.private_key):
            raise SecureError(
                SecureError.Code.BadCertificate,
                f"The private key does not belong to the certificate {describe_subject(chain[0])}; "
                "give the key that the certificate was issued for, and the own certificate first.",
            )
        if chain[0].public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
            # cryptography makes an ordinary RSA key of its key, and OpenSSL finds no certificate for that one.
            raise SecureError(
                SecureError.Code.NotSupported,
                f"The certificate {describe_subject(chain[0])} is for RSA-PSS alone, which cannot be used here; "
                "take one for an ordinary RSA key, which TLS 1.3 signs with RSA-PSS as well.",
            )
        der = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
        object.__setattr__(self, "chain", chain)
        object.__setattr__(self, "_der", der)
        object.__setattr__(self, "_hash", hash(der))

    @property
    def certificate(self) -> x509.Certificate:
        """The own certificate, the first of the chain."""
        return self.chain[0]

    @property
    def encoded_chain(self) -> tuple[bytes, ...]:
        """The chain as DER."""
        return self._der

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credentials):
            return NotImplemented
        return self._der == other._der

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<Credentials {describe_subject(self.chain[0])}, {_key_type(self.private_key)} key>"

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Credentials:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials contain a private key and cannot be pickled.")


def read_source(source: bytes | bytearray | str | os.PathLike[str], what: str) -> tuple[bytes, str]:
    """The bytes behind a source, and how to call it at the beginning of a sentence."""
    if isinstance(source, str) and _PEM_MARK in source:
        data, origin = source.encode("utf-8", "surrogateescape"), f"The {what} text"
    elif isinstance(source, (bytes, bytearray)):
        data, origin = bytes(source), f"The {what} data"
    else:
        path = os.fspath(source)
        origin = f"The {what} file {path!r}"
        try:
            with open(path, "rb") as file:
                data = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            # ValueError is a path with a NUL character.
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise unusable(f"{origin} cannot be read: {reason}") from error
    if not data.strip():
        raise unusable(f"{origin} is empty")
    if len(data) > _LARGEST:
        raise unusable(f"{origin} is larger than 16 MiB")
    return data, origin


def _parse_certificates(data: bytes, origin: str) -> tuple[x509.Certificate, ...]:
    try:
        if _PEM_MARK.encode() not in data:
            with tolerating_old_certificates():
                return (x509.load_der_x509_certificate(data),)
        announced = data.count(b"-----BEGIN CERTIFICATE-----") + data.count(b"-----BEGIN X509 CERTIFICATE-----")
        if not announced:
            raise unusable(f"{origin} contains no certificate")
        with tolerating_old_certificates():
            certificates = tuple(x509.load_pem_x509_certificates(data))
    except UNREADABLE as error:
        raise unusable(f"{origin} contains no certificate that can be read, or a damaged one", error) from None
    # The parser drops a last block without an END line instead of complaining.
    if len(certificates) != announced:
        raise unusable(f"{origin} announces {announced} certificates, but only {len(certificates)} are complete")
    return certificates


def _decrypt(load: Callable[[bytes, bytes], object], data: bytes, origin: str, passphrase: Passphrase) -> object:
    wrong: ValueError | None = None
    for secret in passphrases(passphrase, f"{origin[0].lower()}{origin[1:]}"):
        try:
            return load(data, secret)
        except ValueError as error:
            wrong = error
        except UnsupportedAlgorithm as error:
            raise unusable(f"{origin} contains a private key with an unsupported encryption", error) from None
        except InternalError as error:  # it is decrypted
            raise unusable(f"{origin} contains no private key that can be read", error) from None
    if wrong is None:
        raise SecureError(
            SecureError.Code.BadCertificatePassword,
            f"{origin} contains an encrypted private key; give its passphrase.",
        )
    raise SecureError(
        SecureError.Code.BadCertificatePassword,
        f"The passphrase does not open the private key: {origin[0].lower()}{origin[1:]} "
        "was encrypted with another one or is damaged.",
        engineReasons=(str(wrong),),
    )


def unusable(what: str, error: Exception | None = None) -> SecureError:
    """The error for a source without anything usable in it."""
    if isinstance(error, InternalError):  # its text is about reporting a bug
        reasons = tuple(each.reason_text.decode("utf-8", "replace") for each in error.err_code or ())
    else:
        reasons = () if error is None else (str(error),)
    return SecureError(SecureError.Code.BadCertificate, f"{what}.", engineReasons=reasons)


def _public_key_of(certificate: x509.Certificate) -> bytes | None:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_type(key: PrivateKey) -> str:
    return next(name for kind, name in _KEY_TYPES.items() if isinstance(key, kind))


def describe_subject(certificate: x509.Certificate) -> str:
    """Whose certificate it is, for a message."""
    try:
        with tolerating_old_certificates():
            return repr(certificate.subject.rfc4514_string())
    except UNREADABLE:
        return "with an unreadable subject"
