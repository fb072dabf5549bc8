"""Revocation lists: who is revoked, and that nothing is let through for want of a list."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.engine.contexts import context_for
from qtsecure.engine.revocation import load_crls
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Recorder,
    Version,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


def make_crl(
    issuer: CertificateAuthority | IssuedCertificate,
    *revoked: IssuedCertificate,
    begin: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + DAY,
    signer: CertificateAuthority | None = None,
) -> x509.CertificateRevocationList:
    """A list of the issuer."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begin)
        .next_update(end)
    )
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
    return builder.sign((signer or issuer).privateKey, SHA256())


Make = Callable[[PublicKeyInfrastructure], list[x509.CertificateRevocationList]]
CASES: dict[str, tuple[Make, list[int], int | None]] = {
    "nobody revoked": (lambda pki: [make_crl(pki.ca)], [], None),
    "somebody else revoked": (lambda pki: [make_crl(pki.ca, pki.expired)], [], None),
    "revoked": (lambda pki: [make_crl(pki.ca, pki.server, pki.client)], [IssueCode.CERT_REVOKED], 44),
    "list of another issuer": (lambda pki: [make_crl(pki.otherCa)], [IssueCode.UNABLE_TO_GET_CRL], 48),
    "list is out of date": (lambda pki: [make_crl(pki.ca, end=NOW - DAY / 2)], [IssueCode.CRL_HAS_EXPIRED], 45),
    "list is from the future": (lambda pki: [make_crl(pki.ca, begin=NOW + DAY / 2)], [IssueCode.CRL_NOT_YET_VALID], 42),
    "forged list": (lambda pki: [make_crl(pki.ca, signer=pki.otherCa)], [IssueCode.CRL_SIGNATURE_FAILURE], 51),
}


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", VERSIONS)
def test_lists(pki: PublicKeyInfrastructure, version: Version, case: str, role: str) -> None:
    """The verdict, every error once for each certificate, and the alert; for both roles."""
    make, wanted, alert = CASES[case]
    crls = load_crls(make(pki))
    client = client_configuration(
        [pki.ca.certificate], version, credentials=credentials(pki.client), crls=crls if role == "client" else ()
    )
    server = server_configuration(
        pki.server, version, clients=[pki.ca.certificate], crls=crls if role == "server" else ()
    )
    # A TLS 1.3 server can only send an alert while its client is still waiting.
    pair = Pair(client, server, server_decisions=Recorder(accepts=False))
    pair.handshake()
    side = pair.client if role == "client" else pair.server
    assert sorted(set(side.issue_codes)) == wanted
    assert side.completed is (not wanted)
    assert side.alerts_sent == ([] if alert is None else [alert])


@pytest.mark.parametrize("version", VERSIONS)
def test_each_authority_needs_a_list(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A list of the root says nothing about what the intermediate has revoked."""
    intermediate = make_certificate(pki.ca, (), ca=True, common_name="intermediate")
    leaf = make_certificate(intermediate, send=[intermediate.certificate])
    lists = {"root": make_crl(pki.ca), "intermediate": make_crl(intermediate)}

    def completed(*names: str) -> bool:
        crls = load_crls([lists[name] for name in names])
        client = client_configuration([pki.ca.certificate], version, crls=crls)
        pair = Pair(client, server_configuration(leaf, version))
        pair.handshake()
        return pair.client.completed

    assert completed("root", "intermediate")
    assert not completed("root")
    assert not completed("intermediate")
    lists["root"] = make_crl(pki.ca, intermediate)
    assert not completed("root", "intermediate")


def test_loading(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Objects, DER, PEM with several lists, and files."""
    one, two = make_crl(pki.ca), make_crl(pki.otherCa)
    ders = (one.public_bytes(Encoding.DER), two.public_bytes(Encoding.DER))
    pem = one.public_bytes(Encoding.PEM) + b"comment\n" + two.public_bytes(Encoding.PEM)
    file = tmp_path / "lists.pem"
    file.write_bytes(pem)
    assert load_crls([one, two]) == load_crls(pem) == load_crls(pem.decode()) == load_crls(file) == ders
    assert load_crls(ders[0]) == load_crls([one, ders[0]]) == ders[:1]
    assert load_crls([]) == ()


@pytest.mark.parametrize(
    "source", [b"", b"garbage", b"-----BEGIN X509 CRL-----\n", b"-----BEGIN CERTIFICATE-----\n", "missing.pem"]
)
def test_garbage_raises(source: bytes | str) -> None:
    """When it is set, not at the handshake."""
    with pytest.raises(SecureError) as caught:
        load_crls(source)
    assert caught.value.code is SecureError.Code.BadCertificate


def test_beginnings_without_an_end() -> None:
    """They take no more time than other bytes."""
    begin = time.process_time()
    for garbage in (b"-----BEGIN X509 CRL-----\n", b"-----BEGIN X509 CRL-----\n-----END CERTIFICATE-----\n"):
        with pytest.raises(SecureError, match="no complete revocation list"):
            load_crls(garbage * 50_000)
    assert time.process_time() - begin < 5


def test_wrong_type() -> None:
    """A number is no list."""
    with pytest.raises(TypeError, match="crls"):
        load_crls(7)  # type: ignore[arg-type]  # the mistake under test


def test_a_list_of_an_unknown_version(pki: PublicKeyInfrastructure) -> None:
    """cryptography has an exception of its own for that; one sentence all the same."""
    good = make_crl(pki.ca).public_bytes(Encoding.DER)
    with pytest.raises(SecureError, match="no revocation list that can be read, or a damaged one"):
        load_crls(good.replace(b"\x02\x01\x01", b"\x02\x01\x07", 1))


def test_a_list_that_openssl_cannot_read(pki: PublicKeyInfrastructure) -> None:
    """cryptography does not look at the issuer's name before somebody asks; a clear error all the same."""
    good = make_crl(pki.ca).public_bytes(Encoding.DER)
    name = pki.ca.certificate.subject.public_bytes()
    damaged = good.replace(name, name[:-1] + b"\xff")
    assert damaged != good
    configuration = client_configuration([pki.ca.certificate], crls=load_crls(damaged))
    with pytest.raises(SecureError, match="OpenSSL refuses a revocation list, which is damaged: ") as caught:
        context_for(configuration, server=False)
    assert caught.value.code is SecureError.Code.BadCertificate
