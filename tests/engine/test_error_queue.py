"""OpenSSL's error queue is empty after each call, whatever was wrong (checked in every test here; see conftest)."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL._util import lib

from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.pins import Pins
from qtsecure.engine.verification import IssueCode
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Answer,
    Pair,
    Version,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)


def forged(pki: PublicKeyInfrastructure) -> IssuedCertificate:
    """A certificate with a bit of its signature flipped."""
    good = make_certificate(pki.ca)
    der = bytearray(good.certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    certificate = x509.load_der_x509_certificate(bytes(der))
    return IssuedCertificate(certificate, good.privateKey, (certificate,))


def foreign_signature(pki: PublicKeyInfrastructure) -> IssuedCertificate:
    """A certificate that names the authority but was signed with another key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(pki.ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(ec.generate_private_key(ec.SECP384R1()), pki.ca.certificate.signature_hash_algorithm)  # type: ignore[arg-type]  # it has one
    )
    return IssuedCertificate(certificate, key, (certificate,))


@pytest.mark.parametrize("make", [forged, foreign_signature])
@pytest.mark.parametrize("mode", [VerifyMode.QUERY, VerifyMode.PEER])
@pytest.mark.parametrize("answer", ["accept", "reject"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_forged_certificates(
    engine_path: str,
    pki: PublicKeyInfrastructure,
    role: str,
    version: Version,
    answer: Answer,
    mode: VerifyMode,
    make: object,
) -> None:
    """OpenSSL notes each failed signature in the queue, also where the handshake goes on in spite of it."""
    bad = make(pki)  # type: ignore[operator] # one of the two above
    own = credentials(bad if role == "server" else pki.client)
    client = client_configuration([pki.ca.certificate], version, credentials=own, verify_mode=mode)
    server = server_configuration(
        bad if role == "client" else pki.server, version, clients=[pki.ca.certificate], verify_mode=mode
    )
    pair = Pair(client, server, client_answer=answer, server_answer=answer).start()
    side = pair.client if role == "client" else pair.server
    pair.run()
    assert lib.ERR_peek_error() == 0
    assert IssueCode.CERT_SIGNATURE_FAILURE in side.issue_codes
    if answer == "accept" or mode is VerifyMode.QUERY:
        assert pair.say(b"hello") == b"hello"
        assert pair.say(b"hello", from_server=True) == b"hello"
    else:
        assert side.failure is not None
    # Another connection of the thread finds nothing of it.
    Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version)).established()


@pytest.mark.parametrize("make", [forged, foreign_signature])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_forged_certificate_that_is_pinned(
    engine_path: str, pki: PublicKeyInfrastructure, version: Version, make: object
) -> None:
    """With pins alone nobody verifies the chain, and OpenSSL notes the failed signature all the same."""
    bad: IssuedCertificate = make(pki)  # type: ignore[operator] # one of the two above
    chain = (bad.certificate, pki.ca.certificate)
    own = credentials(IssuedCertificate(bad.certificate, bad.privateKey, chain))
    pins = Pins(certificates=frozenset({hashlib.sha256(bad.certificate.public_bytes(Encoding.DER)).digest()}))
    pair = Pair(
        client_configuration([pki.ca.certificate], version, credentials=own),
        server_configuration(pki.server, version, verify_mode=VerifyMode.NONE, pins=pins),
    ).established()
    assert pair.say(b"hello") == b"hello"
