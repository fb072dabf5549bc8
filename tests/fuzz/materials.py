"""Certificates and hellos of which every byte is always the same, for the beginnings of the corpus."""

from __future__ import annotations

import functools
import ipaddress
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "KEY",
    "authority",
    "certificate",
    "der",
    "dtlsHello",
    "dtlsRecord",
    "exoticCertificate",
    "key",
    "keyBytes",
    "pem",
    "revocationList",
    "tlsHello",
]

KEY = Ed25519PrivateKey.from_private_bytes(b"qtsecure fuzzing, not a secret..")
_BEGIN, _END = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2126, 1, 1, tzinfo=timezone.utc)


@functools.cache
def key(number: int = 1) -> EllipticCurvePrivateKey:
    """A key that nobody can take for a secret."""
    return derive_private_key(number, SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "qtsecure fuzzing"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _builder(subject: str, issuer: str, number: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .serial_number(number)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
    )


@functools.cache
def authority() -> x509.Certificate:
    """Self-signed, with an EC key."""
    return (
        _builder("authority", "authority", 1)
        .public_key(key().public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .sign(key(), SHA256(), ecdsa_deterministic=True)
    )


@functools.cache
def certificate() -> x509.Certificate:
    """Of a server, by the authority."""
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.DNSName("*.example.org"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.RFC822Name("somebody@example.org"),
        x509.UniformResourceIdentifier("https://example.org/"),
    ]
    return (
        _builder("server", "authority", 2)
        .public_key(key(2).public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
        .sign(key(), SHA256(), ecdsa_deterministic=True)
    )


@functools.cache
def exoticCertificate() -> x509.Certificate:
    """With all that makes parsers work: an Ed25519 key, constraints, policies, other names."""
    directory = x509.DirectoryName(_name("elsewhere"))
    return (
        _builder("exotic", "exotic", 2**159 - 1)
        .public_key(KEY.public_key())
        .add_extension(x509.SubjectAlternativeName([directory, x509.OtherName(NameOID.TITLE, b"\x0c\1x")]), False)
        .add_extension(x509.NameConstraints([x509.DNSName(".example.org")], [directory]), critical=True)
        .add_extension(x509.CertificatePolicies([x509.PolicyInformation(NameOID.TITLE, ["text"])]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier(b"x" * 20), critical=False)
        .add_extension(x509.KeyUsage(True, False, False, False, True, True, True, False, False), critical=True)
        .sign(KEY, None)
    )


@functools.cache
def revocationList() -> bytes:
    """With two entries, as DER."""
    entries = [
        x509.RevokedCertificateBuilder().serial_number(number).revocation_date(_BEGIN).build() for number in (2, 300)
    ]
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name("authority"))
    builder = builder.last_update(_BEGIN).next_update(_END)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    return builder.sign(key(), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def keyBytes(encoding: Encoding, format: PrivateFormat, number: int = 2) -> bytes:
    """A private key in one of its forms."""
    return key(number).private_bytes(encoding, format, NoEncryption())


def _vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def _extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _vector(2, content)


def _hello(version: bytes, name: bytes, cookie: bytes | None) -> bytes:
    extensions = b"".join(
        (
            _extension(0, _vector(2, b"\0" + _vector(2, name))) if name else b"",
            _extension(10, _vector(2, b"\0\x1d\0\x17")),
            _extension(13, _vector(2, b"\4\3\x08\7")),
            _extension(16, _vector(2, _vector(1, b"h2"))),
            _extension(43, _vector(1, b"\3\4\3\3")),
            _extension(51, _vector(2, b"\0\x1d" + _vector(2, b"\x09" + bytes(31)))),
        )
    )
    return b"".join(
        (
            version,
            bytes(range(32)),
            _vector(1, b""),
            b"" if cookie is None else _vector(1, cookie),
            _vector(2, b"\x13\1\xc0\x2b\xc0\x2f"),
            _vector(1, b"\0"),
            _vector(2, extensions),
        )
    )


def tlsHello(name: bytes = b"localhost", cut: int = 16384) -> bytes:
    """A ClientHello in records of at most so many bytes."""
    message = b"\1" + _vector(3, _hello(b"\3\3", name, None))
    return b"".join(b"\x16\3\1" + _vector(2, message[begin : begin + cut]) for begin in range(0, len(message), cut))


def dtlsRecord(kind: int, sequence: int, payload: bytes, epoch: int = 0) -> bytes:
    """A record of DTLS 1.2."""
    return bytes((kind, 0xFE, 0xFD)) + epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big") + _vector(2, payload)


def dtlsHello(name: bytes = b"localhost", cookie: bytes = b"", cut: int = 16384) -> bytes:
    """A ClientHello of DTLS in fragments of at most so many bytes, one to a record."""
    body = _hello(b"\xfe\xfd", name, cookie)
    head = b"\1" + len(body).to_bytes(3, "big") + b"\0\0"
    return b"".join(
        dtlsRecord(22, number, head + begin.to_bytes(3, "big") + _vector(3, body[begin : begin + cut]))
        for number, begin in enumerate(range(0, len(body), cut))
    )
