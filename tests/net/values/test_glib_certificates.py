"""glib-networking's certificate.c and file-database.c, said anew for SslCertificate, SslConfiguration and TrustStore.

Each test names the upstream one. What exists there for PKCS #11 and for handles of certificates has
no counterpart here; the tests of PKCS #12 are in test_identity and tests/engine/test_pkcs12.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PySide6.QtCore import QDateTime
from PySide6.QtNetwork import QSsl, QSslCertificate, QSslError

from qtsecure import SecureError, SslCertificate, SslConfiguration, SslError, TrustStore
from qtsecure.engine.examination import examine_chain
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import make_certificate

Code = QSslError.SslError
NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


@pytest.fixture
def files(pki: PublicKeyInfrastructure, tmp_path: Path) -> dict[str, Path]:
    """A certificate with its chain, its key in both encodings, and the authority."""
    identity = pki.viaIntermediate
    paths = {name: tmp_path / name for name in ("chain.pem", "leaf.der", "key.pem", "key.der", "ca.pem", "both.pem")}
    paths["chain.pem"].write_bytes(identity.chainPem())
    paths["leaf.der"].write_bytes(identity.certificate.public_bytes(Encoding.DER))
    paths["key.pem"].write_bytes(identity.keyPem())
    paths["key.der"].write_bytes(identity.privateKey.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    paths["ca.pem"].write_bytes(pki.ca.certificatePem())
    paths["both.pem"].write_bytes(identity.keyPem() + identity.chainPem())
    return paths


def verify(store: TrustStore, identity: IssuedCertificate, name: str | None = "localhost") -> set[QSslError.SslError]:
    """What a client that trusts this store finds wrong."""
    configuration = SslConfiguration()
    configuration.setTrustStore(store)
    if name is None:
        configuration = configuration.withoutHostNames()
    issues = examine_chain(configuration.toEngine("client", pskEnabled=False), identity.chain, name or "")
    return {SslError.fromIssue(issue).error() for issue in issues}


# ------------------------------------------------------------------------------------ making them


@pytest.mark.parametrize("source", ["chain.pem", "leaf.der"])
def test_glib_certificate_create(files: dict[str, Path], pki: PublicKeyInfrastructure, source: str) -> None:
    """create-pem, create-der: the same certificate from both encodings, and from bytes as from a file."""
    certificate = SslCertificate(pki.viaIntermediate.certificate)
    assert SslCertificate.fromPath(files[source])[0] == certificate
    assert SslCertificate(files[source].read_bytes()) == certificate


@pytest.mark.parametrize("key", ["key.pem", "key.der"])
@pytest.mark.parametrize("chain", ["chain.pem", "leaf.der"])
def test_glib_certificate_create_with_key(files: dict[str, Path], chain: str, key: str) -> None:
    """create-with-key-pem, create-with-key-der, private-key: certificate and key in any two encodings."""
    configuration = SslConfiguration.forServer(files[chain], files[key])
    assert configuration.localCertificate() == SslCertificate.fromPath(files["leaf.der"])[0]
    assert configuration.privateKey() is not None
    assert len(configuration.localCertificateChain()) == (2 if chain == "chain.pem" else 1)


def test_glib_certificate_create_from_one_file(files: dict[str, Path]) -> None:
    """create-with-key-pem: key and chain may be in one file."""
    configuration = SslConfiguration.forServer(files["both.pem"], files["both.pem"])
    assert configuration == SslConfiguration.forServer(files["chain.pem"], files["key.pem"])


def test_glib_certificate_create_with_issuer(pki: PublicKeyInfrastructure) -> None:
    """create-certificate-with-issuer: a certificate knows its issuer by name, and a chain keeps its order."""
    leaf, middle = (SslCertificate(each) for each in pki.viaIntermediate.chain)
    assert leaf.issuerDisplayName() == middle.subjectDisplayName()
    assert middle.issuerDisplayName() == SslCertificate(pki.ca.certificate).subjectDisplayName()
    configuration = SslConfiguration()
    configuration.setLocalCertificateChain([leaf, middle])
    assert configuration.localCertificateChain() == [leaf, middle]


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"\x30\x82\xff\xff", b"-----BEGIN CERTIFICATE-----\nA\n"])
def test_glib_certificate_create_garbage(garbage: bytes, tmp_path: Path) -> None:
    """create-certificate-with-garbage-input: null for display, an error wherever it would be used."""
    assert SslCertificate.fromData(garbage) == []
    path = tmp_path / "garbage.pem"
    path.write_bytes(garbage)
    uses: list[Any] = [
        lambda: SslConfiguration().setLocalCertificate(garbage),
        lambda: SslConfiguration().setCaCertificates(garbage),
        lambda: TrustStore.fromFile(path),
    ]
    for use in uses:
        with pytest.raises(SecureError) as caught:
            use()
        assert caught.value.code is SecureError.Code.BadCertificate


def test_glib_certificate_create_chain(files: dict[str, Path], pki: PublicKeyInfrastructure) -> None:
    """create-certificate-chain, create-certificate-no-chain: what is in the file, no more and no less."""
    assert SslCertificate.fromPath(files["chain.pem"]) == [SslCertificate(each) for each in pki.viaIntermediate.chain]
    assert len(SslCertificate.fromPath(files["leaf.der"])) == 1


def test_glib_certificate_create_list(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """create-list: many certificates that have nothing to do with each other."""
    all_of_them = [pki.ca, pki.otherCa, pki.revokingCa, pki.intermediate]
    path = tmp_path / "list.pem"
    path.write_bytes(b"".join(each.certificatePem() for each in all_of_them))
    assert SslCertificate.fromPath(path) == [SslCertificate(each.certificate) for each in all_of_them]
    assert len(TrustStore.fromFile(path).certificates()) == 4


def test_glib_certificate_create_list_bad(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """create-list-bad: one that is damaged spoils a list that is to be trusted; none is left out silently."""
    path = tmp_path / "list.pem"
    damaged = pki.otherCa.certificatePem().replace(b"MIIB", b"AAAA", 1)
    path.write_bytes(pki.ca.certificatePem() + damaged + pki.revokingCa.certificatePem())
    with pytest.raises(SecureError, match="damaged"):
        TrustStore.fromFile(path)
    path.write_bytes(pki.ca.certificatePem() + pki.otherCa.certificatePem()[:-40])
    with pytest.raises(SecureError):
        TrustStore.fromFile(path)


# ------------------------------------------------------------------------------------- verifying


def authority(pki: PublicKeyInfrastructure) -> TrustStore:
    return TrustStore.fromCertificates(pki.ca.certificate)


def test_glib_certificate_verify_good(pki: PublicKeyInfrastructure) -> None:
    """verify-good, database/verify-good: with a name, with an address, and without either."""
    for name in ("localhost", "127.0.0.1", "::1", None):
        assert verify(authority(pki), pki.server, name) == set()
        assert verify(authority(pki), pki.viaIntermediate, name) == set()


def test_glib_certificate_verify_bad_identity(pki: PublicKeyInfrastructure) -> None:
    """verify-bad-identity, database/verify-bad-identity."""
    assert verify(authority(pki), pki.server, "other.example") == {Code.HostNameMismatch}
    assert verify(authority(pki), pki.server, "127.0.0.2") == {Code.HostNameMismatch}


def test_glib_certificate_verify_bad_ca(pki: PublicKeyInfrastructure) -> None:
    """verify-bad-ca, database/verify-bad-ca: another authority, and no authority at all."""
    wanted = {Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate}
    assert verify(TrustStore.fromCertificates(pki.otherCa.certificate), pki.server) == wanted
    assert verify(TrustStore.empty(), pki.server) == wanted
    assert verify(authority(pki), pki.selfSigned) == {Code.SelfSignedCertificate}


def test_glib_certificate_verify_bad_before(pki: PublicKeyInfrastructure) -> None:
    """verify-bad-before, database/verify-bad-before."""
    assert verify(authority(pki), pki.notYetValid) == {Code.CertificateNotYetValid}


def test_glib_certificate_verify_bad_expired(pki: PublicKeyInfrastructure) -> None:
    """verify-bad-expired, database/verify-bad-expired."""
    assert verify(authority(pki), pki.expired) == {Code.CertificateExpired}


def test_glib_certificate_verify_bad_combo(pki: PublicKeyInfrastructure) -> None:
    """verify-bad-combo, database/verify-bad-combo: every error, not only the first."""
    other = TrustStore.fromCertificates(pki.otherCa.certificate)
    assert verify(other, pki.expired, "other.example") == {
        Code.HostNameMismatch,
        Code.UnableToGetLocalIssuerCertificate,
        Code.UnableToVerifyFirstCertificate,
        Code.CertificateExpired,
    }


# ---------------------------------------------------------------------------------------- reading


def test_glib_certificate_is_same(pki: PublicKeyInfrastructure) -> None:
    """is-same: by content, wherever it comes from."""
    one = SslCertificate(pki.server.certificate)
    assert one == SslCertificate(pki.server.certificatePem())
    assert one == SslCertificate(one.toQt())
    assert hash(one) == hash(SslCertificate(one.toDer()))
    assert one != SslCertificate(pki.expired.certificate)
    assert one != SslCertificate()


def test_glib_certificate_dates(pki: PublicKeyInfrastructure) -> None:
    """not-valid-before, not-valid-after: to the second, in UTC."""
    begin, end = NOW.replace(microsecond=0) - DAY, NOW.replace(microsecond=0) + 9 * DAY
    certificate = SslCertificate(pki.ca.issue(notBefore=begin, notAfter=end).certificate)
    assert certificate.effectiveDate() == QDateTime.fromSecsSinceEpoch(int(begin.timestamp()))
    assert certificate.expiryDate() == QDateTime.fromSecsSinceEpoch(int(end.timestamp()))
    assert certificate.expiryDate().offsetFromUtc() == 0


def test_glib_certificate_names(pki: PublicKeyInfrastructure) -> None:
    """subject-name, issuer-name."""
    certificate = SslCertificate(pki.ca.issue(commonName="server.example").certificate)
    assert certificate.subjectInfo(QSslCertificate.SubjectInfo.CommonName) == ["server.example"]
    assert certificate.issuerInfo("CN") == ["qtsecure throw-away CA"]


def test_glib_certificate_alternative_names(pki: PublicKeyInfrastructure) -> None:
    """dns-names, ip-addresses: apart, and empty without any."""
    names = SslCertificate(pki.server.certificate).subjectAlternativeNames()
    assert names[QSsl.AlternativeNameEntryType.DnsEntry] == ["localhost"]
    assert names[QSsl.AlternativeNameEntryType.IpAddressEntry] == ["127.0.0.1", "::1"]
    assert SslCertificate(pki.ca.issue([]).certificate).subjectAlternativeNames() == {}


# --------------------------------------------------------------------------------------- databases


def test_glib_default_database_is_singleton(systemRoots: list[SslCertificate]) -> None:
    """default-database-is-singleton: the system's store is one value, and loaded once (tests/engine/test_trust)."""
    assert TrustStore.system() == TrustStore.system()
    assert TrustStore.system().certificates() == systemRoots


def test_glib_file_database_anchors(files: dict[str, Path], pki: PublicKeyInfrastructure) -> None:
    """anchors-property: a store tells what it trusts; a relative path is as good as an absolute one."""
    store = TrustStore.fromFile(files["ca.pem"])
    assert store.certificates() == [SslCertificate(pki.ca.certificate)]
    assert store == authority(pki)


def test_glib_file_database_relative_path(
    files: dict[str, Path], pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Gio warns and then trusts nobody."""
    monkeypatch.chdir(files["ca.pem"].parent)
    assert verify(TrustStore.fromFile("ca.pem"), pki.server) == set()


def test_glib_file_database_lookup_certificates_issued_by(pki: PublicKeyInfrastructure) -> None:
    """lookup-certificates-issued-by: of all certificates those of one issuer, by their names."""
    certificates = [SslCertificate(each.certificate) for each in (pki.server, pki.client, pki.unknownCa, pki.ca)]
    name = SslCertificate(pki.ca.certificate).subjectInfo("CN")
    of_the_authority = [each for each in certificates if each.issuerInfo("CN") == name]
    assert of_the_authority == [certificates[0], certificates[1], certificates[3]]


def test_glib_alternative_ca_of_the_same_name(pki: PublicKeyInfrastructure) -> None:
    """verified-chain-with-alternative-ca-cert: of two authorities with one name the right one is found."""
    first = make_certificate(None, (), ca=True, common_name="one name")
    second = make_certificate(None, (), ca=True, common_name="one name")
    leaf = make_certificate(second, ["localhost"])
    both = TrustStore.fromCertificates([first.certificate, second.certificate])
    assert verify(both, leaf) == set()
    assert verify(TrustStore.fromCertificates(first.certificate), leaf) != set()
