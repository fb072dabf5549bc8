"""The throw-away certificates are what they claim to be."""

from __future__ import annotations

import ipaddress
import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure, selfSignedCertificate


def verifyServer(issued: IssuedCertificate, ca: CertificateAuthority, name: str = "localhost") -> None:
    """Verify a chain as a TLS client does it."""
    builder = verification.PolicyBuilder().store(verification.Store([ca.certificate]))
    builder.build_server_verifier(x509.DNSName(name)).verify(issued.certificate, list(issued.chain[1:]))


def test_names_become_dns_names_and_addresses() -> None:
    """subjectAltName has the right type for each name."""
    issued = CertificateAuthority().issue(["a.example", "127.0.0.1", "::1"])
    names = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]


@pytest.mark.parametrize(
    ("key", "kind"),
    [("ec", ec.EllipticCurvePrivateKey), ("rsa", rsa.RSAPrivateKey), ("ed25519", ed25519.Ed25519PrivateKey)],
)
def test_key_kinds(key: str, kind: type) -> None:
    """Each kind of key can be asked for and is read back from PEM."""
    issued = CertificateAuthority().issue(key=key)
    assert isinstance(issued.privateKey, kind)
    assert isinstance(load_pem_private_key(issued.keyPem(), None), kind)


def test_unknown_key_kind_is_refused() -> None:
    """A typing error in the kind of key is told."""
    with pytest.raises(ValueError, match="key must be 'ec', 'rsa' or 'ed25519'"):
        CertificateAuthority().issue(key="dsa")


def test_unknown_usage_is_refused() -> None:
    """A typing error in the usage is told."""
    with pytest.raises(ValueError, match="usage must be"):
        CertificateAuthority().issue(usage="sever")


def test_key_pem_can_be_encrypted() -> None:
    """An encrypted key needs its passphrase."""
    issued = CertificateAuthority().issue()
    pem = issued.keyPem(b"secret")
    assert b"ENCRYPTED" in pem
    assert load_pem_private_key(pem, b"secret") is not None
    with pytest.raises(TypeError):
        load_pem_private_key(pem, None)


def test_repr_hides_the_key() -> None:
    """The private key is not part of the repr."""
    assert "PrivateKey" not in repr(CertificateAuthority().issue())


def test_written_files(tmp_path) -> None:
    """Certificate chain and key are written, the key for its owner only."""
    issued = CertificateAuthority().intermediate().issue()
    files = issued.writeTo(tmp_path, "leaf")
    assert files.certificate == tmp_path / "leaf.pem"
    assert tuple(x509.load_pem_x509_certificates(files.certificate.read_bytes())) == issued.chain
    assert load_pem_private_key(files.key.read_bytes(), None) is not None
    if os.name == "posix":
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_key_takes_the_place_of_a_file_that_all_may_read(tmp_path) -> None:
    """Of an earlier one, with other habits, nothing is left: neither its mode nor what a link names."""
    issued = CertificateAuthority().issue()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"untouched")
    (tmp_path / "linked.key.pem").symlink_to(elsewhere)
    (tmp_path / "leaf.key.pem").touch(mode=0o644)
    for name in ("leaf", "linked"):
        key = issued.writeTo(tmp_path, name).key
        assert stat.S_IMODE(key.lstat().st_mode) == 0o600
        assert key.read_bytes() == issued.keyPem()
    assert elsewhere.read_bytes() == b"untouched"


def test_intermediate_appears_in_the_chain_and_verifies() -> None:
    """What an intermediate issues carries the intermediate, not the root."""
    ca = CertificateAuthority()
    middle = ca.intermediate()
    issued = middle.issue()
    assert issued.chain == (issued.certificate, middle.certificate)
    verifyServer(issued, ca)


def test_intermediate_without_ca_bit_is_not_believed() -> None:
    """An authority that may not be one does not verify."""
    ca = CertificateAuthority()
    middle = ca.intermediate(basicConstraints=x509.BasicConstraints(ca=False, path_length=None))
    with pytest.raises(verification.VerificationError):
        verifyServer(middle.issue(), ca)


@pytest.mark.parametrize("member", ["server", "rsaServer", "viaIntermediate"])
def test_good_members_verify(qtsecure_pki: PublicKeyInfrastructure, member: str) -> None:
    """The good server certificates of the bundle are good."""
    verifyServer(getattr(qtsecure_pki, member), qtsecure_pki.ca)


@pytest.mark.parametrize(
    "member",
    [
        "expired",
        "notYetValid",
        "wrongHost",
        "badPurpose",
        "selfSigned",
        "unknownCa",
        "missingIntermediate",
        "client",
        "clientUnknownCa",
        "revoked",
    ],
)
def test_bad_members_do_not_verify(qtsecure_pki: PublicKeyInfrastructure, member: str) -> None:
    """The bad certificates of the bundle are bad servers."""
    with pytest.raises(verification.VerificationError):
        verifyServer(getattr(qtsecure_pki, member), qtsecure_pki.ca)


def test_bad_members_are_bad_in_one_way_only(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Each bad certificate would be good but for the fault that it is named after."""
    pki = qtsecure_pki
    verifyServer(pki.unknownCa, pki.otherCa)
    verifyServer(pki.revoked, pki.revokingCa)
    verifyServer(pki.wrongHost, pki.ca, "wrong.example")
    now = datetime.now(timezone.utc)
    assert pki.expired.certificate.not_valid_after_utc < now
    assert pki.notYetValid.certificate.not_valid_before_utc > now
    purpose = pki.badPurpose.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purpose) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert pki.missingIntermediate.certificate == pki.viaIntermediate.certificate


def test_client_certificate_verifies_as_client(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The client certificate of the bundle is good for a client."""
    builder = verification.PolicyBuilder().store(verification.Store([qtsecure_pki.ca.certificate]))
    builder.build_client_verifier().verify(qtsecure_pki.client.certificate, [])


def test_members_are_made_once() -> None:
    """A member stays the same object."""
    pki = PublicKeyInfrastructure()
    assert pki.server is pki.server
    assert PublicKeyInfrastructure().server is not pki.server


def test_crl_lists_the_revoked_certificate_only(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The CRL is signed by its authority and names the revoked certificate."""
    pki = qtsecure_pki
    assert pki.crl.is_signature_valid(pki.revokingCa.certificate.public_key())
    assert [entry.serial_number for entry in pki.crl] == [pki.revoked.certificate.serial_number]
    assert list(pki.ca.crl()) == []


@pytest.mark.parametrize("member", ["ca", "otherCa", "intermediate", "revokingCa"])
def test_a_shared_bundle_revokes_nothing(qtsecure_pki: PublicKeyInfrastructure, member: str) -> None:
    """Its lists and answers stay what they are for all tests; what a test makes for itself can revoke."""
    shared = getattr(qtsecure_pki, member)
    with pytest.raises(RuntimeError, match="shared by many tests"):
        shared.revoke(shared.issue())
    own = shared.intermediate()
    own.revoke(own.issue())
    assert len(list(own.crl())) == 1
    alone = getattr(PublicKeyInfrastructure(), member)
    before = len(list(alone.crl()))
    alone.revoke(alone.issue())
    assert len(list(alone.crl())) == before + 1


def test_crl_dates_can_be_given() -> None:
    """A CRL can be outdated."""
    end = datetime.now(timezone.utc) - timedelta(hours=2)
    crl = CertificateAuthority().crl(lastUpdate=end - timedelta(days=1), nextUpdate=end)
    assert crl.next_update_utc == end.replace(microsecond=0)


def test_self_signed_certificate_is_its_own_issuer() -> None:
    """A self-signed certificate is signed with its own key."""
    certificate = selfSignedCertificate(["a.example"]).certificate
    certificate.verify_directly_issued_by(certificate)


def test_pki_needs_neither_qt_nor_pytest() -> None:
    """The demo command uses it without either."""
    code = (
        "import sys; from qtsecure.testing.pki import PublicKeyInfrastructure as P; P().server;"
        "print([m for m in sys.modules if m.split('.')[0] in ('PySide6', 'pytest', 'OpenSSL')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
