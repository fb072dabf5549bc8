"""Files and settings that a user or an administrator points at."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from PySide6.QtCore import QSettings

from qtsecure.engine.certificates import Credentials, load_certificates, load_private_key
from qtsecure.engine.ocsp import load_status
from qtsecure.engine.pkcs12 import load_pkcs12
from qtsecure.engine.revocation import load_crls
from qtsecure.engine.trust import TrustAnchors, _from_environment
from qtsecure.errors import SecureError
from qtsecure.net.trust.decision_store import DecisionStore
from qtsecure.net.trust.trust_decision import TrustDecision, parseDecision_untrusted
from tests.fuzz import materials
from tests.fuzz.targets.target import Target, frozen

__all__ = ["FILES"]

_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "X509 CRL", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")
_PEM_WORDS = (
    *(f"-----BEGIN {label}-----\n".encode() for label in _LABELS),
    *(f"-----END {label}-----\n".encode() for label in _LABELS),
    *(b"Proc-Type: 4,ENCRYPTED\n", b"DEK-Info: AES-128-CBC,00\n", b"====", b"\r\n\r\n", b"-----BEGIN"),
)
_PASSPHRASE = b"not a secret"
_MOST_ROUNDS = 1 << 18


def _certificates(data: bytes) -> None:
    assert all(certificate.public_bytes(Encoding.DER) for certificate in load_certificates(data))


def _trust(data: bytes) -> None:
    anchors = TrustAnchors.of(data)
    assert len(anchors.fingerprints) == len(anchors.certificates)
    assert "given" in repr(anchors)


def _directory(data: bytes) -> None:
    """A directory of authorities: the input in two files, as PEM or DER."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, "one.pem").write_bytes(data)
        Path(place, "two.der").write_bytes(data[len(data) // 2 :])
        anchors = _from_environment({"SSL_CERT_FILE": f"{place}/one.pem", "SSL_CERT_DIR": place})
    assert anchors is not None
    assert anchors.certificates


def _key(data: bytes) -> None:
    if _isSlow(data):
        return
    key = load_private_key(data, _PASSPHRASE)
    key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pkcs12(data: bytes) -> None:
    if _isSlow(data):
        return
    credentials = load_pkcs12(data, _PASSPHRASE)
    assert isinstance(credentials, Credentials)
    assert "key" in repr(credentials)


def _isSlow(data: bytes) -> bool:
    """Whether a number in it may ask OpenSSL for so many rounds that a passphrase would take minutes to try.

    That is what the number is for, and who gives his passphrase has chosen the file.
    """
    place = 0
    while (place := data.find(b"\x02", place)) >= 0:
        size = data[place + 1] if place + 1 < len(data) else 0
        if 2 < size <= 8 and int.from_bytes(data[place + 2 : place + 2 + size], "big") > _MOST_ROUNDS:
            return True
        place += 1
    return False


def _crls(data: bytes) -> None:
    assert all(load_crls(list_) == (list_,) for list_ in load_crls(data))


def _status(data: bytes) -> None:
    assert load_status(data) == data


def _decision(data: bytes) -> None:
    decision = parseDecision_untrusted(data.decode("utf-8", "surrogateescape"))
    assert isinstance(decision, TrustDecision)
    # A list shows it, and it can be written again.
    for text in (decision.host, decision.subject, decision.fingerprint):
        text.encode()
    again = parseDecision_untrusted(decision.toText())
    assert again.toText() == decision.toText()
    decision.covers(frozenset(), 0.0)


def _settings(data: bytes) -> None:
    """The whole file of a user who has edited it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "decisions.ini")
        path.write_bytes(data)
        store = DecisionStore(QSettings(str(path), QSettings.Format.IniFormat))
        for decision in store.decisions():
            assert store.find(decision.place) in (decision, None)
            store.remove(decision.place)
        if store.error is not None:
            assert "damaged" in store.error.message


def _containers() -> Sequence[bytes]:
    return [frozen(f"pkcs12/seed-{name}") for name in ("plain", "no-key", "encrypted")]


@functools.cache
def _keys() -> Sequence[bytes]:
    forms = (
        (Encoding.DER, PrivateFormat.PKCS8),
        (Encoding.PEM, PrivateFormat.PKCS8),
        (Encoding.DER, PrivateFormat.TraditionalOpenSSL),
        (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    )
    plain = [materials.keyBytes(*form) for form in forms]
    plain.append(materials.KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return *plain, frozen("private-key/seed-encrypted")


def _bundles() -> Sequence[bytes]:
    pem = [materials.pem(each) for each in (materials.authority(), materials.certificate())]
    return b"".join(pem), pem[0], b"# comment\n" + pem[1] + materials.keyBytes(Encoding.PEM, PrivateFormat.PKCS8)


def _lists() -> Sequence[bytes]:
    from base64 import encodebytes

    der = materials.revocationList()
    return der, b"-----BEGIN X509 CRL-----\n" + encodebytes(der) + b"-----END X509 CRL-----\n"


def _decisions() -> Sequence[bytes]:
    error = ("HostNameMismatch", 62, "aa:bb")
    made = TrustDecision("example.org", 443, "aa:bb", "somebody", frozenset({error}), 1e9, True, 1.5e9)
    text = made.toText()
    return (
        text.encode(),
        text.replace("1000000000.0", "null").encode(),
        text.replace("1000000000.0", "1e400").encode(),
        text.replace("somebody", "\\ud800").encode(),
        text.replace("443", "true").encode(),
        text.replace("1500000000.0", "-1").encode(),
        text.replace("62", "-" + "9" * 30).encode(),
    )


def _iniFiles() -> Sequence[bytes]:
    escaped = [each.replace(b'"', b'\\"') for each in _decisions()]
    return tuple(b'[qtsecure-trust]\nabc="%b"\n\n[General]\nother=@Variant(\\0\\0)\n' % each for each in escaped)


_JSON_WORDS = (b"null", b"true", b"1e999", b"NaN", b"-Infinity", b"[", b"{", b'"format": 1', b"\\ud800", b'\\"', b",")

FILES = (
    Target(
        "certificate-file",
        _certificates,
        _bundles,
        (SecureError,),
        _PEM_WORDS,
        share=0.7,
        grows=(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ),
    Target("trust-file", _trust, _bundles, (SecureError,), _PEM_WORDS, share=0.5),
    Target(
        "ca-directory",
        _directory,
        _bundles,
        (SecureError,),
        _PEM_WORDS,
        share=0.15,
        grows=(
            b"-----BEGIN CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----AAAA",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ),
    Target(
        "private-key",
        _key,
        _keys,
        (SecureError,),
        _PEM_WORDS,
        der=True,
        share=0.3,
        grows=(b"-----BEGIN PRIVATE KEY-----\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ),
    Target("pkcs12", _pkcs12, _containers, (SecureError,), der=True, share=0.2),
    Target(
        "crl-file",
        _crls,
        _lists,
        (SecureError,),
        _PEM_WORDS,
        der=True,
        share=0.7,
        grows=(
            b"-----BEGIN X509 CRL-----\n",
            b"-----BEGIN X509 CRL-----\n-----END X509 CERTIFICATE-----\n",
            b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        ),
    ),
    Target("status-file", _status, lambda: (frozen("status/seed-good"), b"\x30\3\x0a\1\3"), (SecureError,), der=True),
    Target("trust-decision", _decision, _decisions, (ValueError,), _JSON_WORDS, grows=(b"[", b'{"format":', b"9")),
    Target("decision-file", _settings, _iniFiles, (SecureError,), (b"[General]", b"@ByteArray(", b"="), share=0.15),
)
