"""SslCertificate: Qt's answers for good certificates, empty ones for hostile ones."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import hashlib
import ipaddress
import pickle
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray, QCryptographicHash, Qt
from PySide6.QtNetwork import QSsl, QSslCertificate

from qtsecure import SecureError
from qtsecure.engine.certificates import describe_subject
from qtsecure.net.values import SslCertificate
from qtsecure.testing.pki import PublicKeyInfrastructure

_Info = QSslCertificate.SubjectInfo
_Entry = QSsl.AlternativeNameEntryType
_START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
_END = dt.datetime(2029, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
_SERIAL = 0x7BCDEF0123
_KEY = ec.generate_private_key(ec.SECP256R1())


def _build(subject: list[tuple[x509.ObjectIdentifier, str]], names: list[x509.GeneralName] | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(_SERIAL)
        .not_valid_before(_START)
        .not_valid_after(_END)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER)


_RICH = _build(
    [
        (x509.NameOID.COUNTRY_NAME, "DE"),
        (x509.NameOID.ORGANIZATION_NAME, "Bücher & Co"),
        (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "One"),
        (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Two"),
        (x509.NameOID.COMMON_NAME, "example.org"),
        (x509.ObjectIdentifier("1.2.3.4"), "odd"),
    ],
    [
        x509.DNSName("example.org"),
        x509.DNSName("*.example.org"),
        x509.RFC822Name("me@example.org"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.UniformResourceIdentifier("https://example.org"),
    ],
)


def _assertGettersAreQuiet(certificate: SslCertificate) -> None:
    """Call everything that reads the certificate."""
    for getter in (
        certificate.version,
        certificate.serialNumber,
        certificate.fingerprint,
        certificate.subjectInfoAttributes,
        certificate.issuerInfoAttributes,
        certificate.subjectDisplayName,
        certificate.issuerDisplayName,
        certificate.subjectAlternativeNames,
        certificate.effectiveDate,
        certificate.expiryDate,
        certificate.isSelfSigned,
        certificate.toText,
        certificate.toPem,
        certificate.toDer,
    ):
        getter()
    certificate.subjectInfo(_Info.CommonName)
    certificate.issuerInfo("O")
    repr(certificate)


def test_agrees_with_qt() -> None:
    """Every getter that Qt has too gives what Qt gives."""
    ours, theirs = SslCertificate(_RICH), QSslCertificate(QByteArray(_RICH), QSsl.EncodingFormat.Der)
    assert ours.toPem() == theirs.toPem()
    assert ours.toDer() == theirs.toDer()
    assert ours.version() == theirs.version()
    assert ours.serialNumber() == bytes(theirs.serialNumber().data()).decode().replace(":", "")
    assert ours.effectiveDate() == theirs.effectiveDate()
    assert ours.expiryDate() == theirs.expiryDate()
    assert ours.subjectDisplayName() == theirs.subjectDisplayName()
    assert ours.issuerDisplayName() == theirs.issuerDisplayName()
    assert ours.isSelfSigned() == theirs.isSelfSigned()
    for info in _Info:
        # Qt reverses several values of one attribute.
        assert ours.subjectInfo(info) == theirs.subjectInfo(info)[::-1], info
        assert ours.issuerInfo(info) == theirs.issuerInfo(info)[::-1], info
    assert sorted(a.data() for a in ours.subjectInfoAttributes()) == sorted(
        a.data() for a in theirs.subjectInfoAttributes()
    )
    for algorithm in (QCryptographicHash.Algorithm.Md5, QCryptographicHash.Algorithm.RealSha3_256):
        assert ours.digest(algorithm) == theirs.digest(algorithm)


def test_names() -> None:
    """Keys of all kinds, several values in order, unknown names empty."""
    certificate = SslCertificate(_RICH)
    assert certificate.subjectInfo("OU") == ["One", "Two"]
    assert certificate.subjectInfo(QByteArray(b"O")) == certificate.subjectInfo(b"O") == ["Bücher & Co"]
    assert certificate.subjectInfo("2.5.4.3") == ["example.org"]
    assert certificate.subjectInfo("1.2.3.4") == ["odd"]
    assert certificate.subjectInfo("no such name") == []
    with pytest.raises(TypeError, match="key"):
        certificate.subjectInfo(3)  # type: ignore[arg-type] # the mistake under test


def test_alternative_names() -> None:
    """Grouped by Qt's kinds; kinds that Qt has no value for are left out."""
    assert SslCertificate(_RICH).subjectAlternativeNames() == {
        _Entry.DnsEntry: ["example.org", "*.example.org"],
        _Entry.EmailEntry: ["me@example.org"],
        _Entry.IpAddressEntry: ["127.0.0.1", "::1"],
    }


def test_dates_are_utc_and_serial_is_hexadecimal() -> None:
    """QML needs hexadecimal serials: its numbers end at 64 bits."""
    certificate = SslCertificate(_RICH)
    assert certificate.effectiveDate().timeSpec() == Qt.TimeSpec.UTC
    assert certificate.expiryDate().toSecsSinceEpoch() == int(_END.timestamp())
    assert int(certificate.serialNumber(), 16) == _SERIAL


def test_display_name_without_common_name() -> None:
    """The organization, else the first DNS name; newer certificates often have an empty subject."""
    assert SslCertificate(_build([(x509.NameOID.ORGANIZATION_NAME, "Org")])).subjectDisplayName() == "Org"
    assert SslCertificate(_build([], [x509.DNSName("a.example")])).subjectDisplayName() == "a.example"


def test_digests() -> None:
    """Qt's values and hashlib's names; what hashlib does not have is refused by name."""
    certificate = SslCertificate(_RICH)
    expected = hashlib.sha256(_RICH).digest()
    assert certificate.digest("sha256").data() == expected
    assert certificate.digest(QCryptographicHash.Algorithm.Sha256).data() == expected
    assert certificate.digest(QCryptographicHash.Algorithm.Blake2s_128).size() == 16
    assert bytes.fromhex(certificate.fingerprint().replace(":", "")) == expected
    assert certificate.fingerprint() == certificate.fingerprint().upper()
    for unavailable in (QCryptographicHash.Algorithm.Keccak_256, "no-such-hash", "shake_128"):
        with pytest.raises(ValueError, match="algorithm"):
            certificate.digest(unavailable)
    with pytest.raises(TypeError, match="algorithm"):
        certificate.digest(4)  # type: ignore[arg-type] # the mistake under test


def test_null_certificate() -> None:
    """Everything is empty."""
    null = SslCertificate()
    assert null.isNull()
    assert null.toDer().isEmpty()
    assert null.toPem().isEmpty()
    assert null.fingerprint() == null.toText() == null.serialNumber() == ""
    assert not null.effectiveDate().isValid()
    assert not null.isSelfSigned()
    assert null.toQt().isNull()
    _assertGettersAreQuiet(null)
    with pytest.raises(SecureError, match="null"):
        null.toCryptography()


def test_a_null_certificate_is_false(pki: PublicKeyInfrastructure) -> None:
    """As PySide's: a server's ``if not socket.peerCertificate()`` must not let everybody in."""
    assert not SslCertificate()
    assert not QSslCertificate()
    assert SslCertificate(pki.server.certificate)
    assert SslCertificate(pki.server.certificate).toQt()


def test_all_sources_give_the_same_value(pki: PublicKeyInfrastructure) -> None:
    """PEM, DER, cryptography, Qt and copies are equal and hash alike."""
    certificate = pki.server.certificate
    der = certificate.public_bytes(Encoding.DER)
    pem = certificate.public_bytes(Encoding.PEM)
    one = SslCertificate(certificate)
    sources = [der, bytearray(der), QByteArray(der), pem, QByteArray(pem), b"text before\n" + pem, one, one.toQt()]
    same = {one, *(SslCertificate(source) for source in sources), copy.copy(one), copy.deepcopy(one)}
    assert same == {one}
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.toCryptography() == certificate
    assert one != SslCertificate(pki.ca.certificate)
    assert one != der


def test_from_data(pki: PublicKeyInfrastructure) -> None:
    """All certificates of PEM or DER, without keys, garbage and damaged blocks."""
    leaf, intermediate = (SslCertificate(certificate) for certificate in pki.viaIntermediate.chain)
    pem = pki.viaIntermediate.chainPem()
    damaged = b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"
    nonsense = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert SslCertificate.fromData(damaged + pki.viaIntermediate.keyPem() + nonsense + pem) == [leaf, intermediate]
    assert SslCertificate.fromData(QByteArray(leaf.toDer() + intermediate.toDer())) == [leaf, intermediate]
    assert SslCertificate.fromData(b"") == SslCertificate.fromData(b"garbage") == []


def test_beginnings_without_an_end(pki: PublicKeyInfrastructure) -> None:
    """They take no more time than other bytes, and hide no certificate that follows."""
    own = SslCertificate(pki.server.certificate)
    begin = time.process_time()
    for garbage in (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----\n-----END X509 CERTIFICATE-----\n"):
        assert SslCertificate.fromData(garbage * 50_000 + pki.server.certificatePem()) == [own]
    assert time.process_time() - begin < 5


def test_trusted_certificate_block(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL's own PEM label carries trust information behind the certificate."""
    der = pki.server.certificate.public_bytes(Encoding.DER)
    block = base64.encodebytes(der + b"\x30\x81\x02\x05\x00")
    pem = b"-----BEGIN TRUSTED CERTIFICATE-----\n" + block + b"-----END TRUSTED CERTIFICATE-----\n"
    assert SslCertificate.fromData(pem) == [SslCertificate(der)]


def test_pem_inside_a_certificate_is_not_followed(pki: PublicKeyInfrastructure) -> None:
    """A certificate with another one as text in its subject stays itself."""
    text = pki.ca.certificatePem().decode()
    hostile = _build([(x509.NameOID.COMMON_NAME, "x"), (x509.ObjectIdentifier("1.2.3.4"), text)])
    assert SslCertificate(hostile).toDer().data() == hostile
    assert SslCertificate.fromData(hostile) == [SslCertificate(hostile)]


def test_text_that_begins_like_der(pki: PublicKeyInfrastructure) -> None:
    """The digit 0 is the tag of a SEQUENCE; s_client prints it in front of certificates."""
    pem = b"0 s:CN=example.org, with some more text\n" + pki.server.certificatePem()
    assert SslCertificate.fromData(pem) == [SslCertificate(pki.server.certificate)]


def test_from_path(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """PEM files give their certificates, others none; a missing file is an error with its name."""
    files = pki.viaIntermediate.writeTo(tmp_path)
    assert len(SslCertificate.fromPath(files.certificate)) == 2
    assert SslCertificate.fromPath(str(files.key)) == []
    with pytest.raises(SecureError, match=r"missing\.pem") as caught:
        SslCertificate.fromPath(tmp_path / "missing.pem")
    with pytest.raises(SecureError, match="null byte"):
        SslCertificate.fromPath("a\0b")
    assert caught.value.code is SecureError.Code.BadCertificate


def test_paths_and_numbers_are_no_certificates() -> None:
    """A path belongs into fromPath, and the message says so."""
    for wrong in ("server.pem", 5):
        with pytest.raises(TypeError, match="fromPath"):
            SslCertificate(wrong)  # type: ignore[arg-type] # the mistake under test


def test_self_signed(pki: PublicKeyInfrastructure) -> None:
    """The signature counts: equal names are not enough."""
    assert SslCertificate(pki.ca.certificate).isSelfSigned()
    assert not SslCertificate(pki.server.certificate).isSelfSigned()
    forged = bytearray(_RICH)
    forged[-1] ^= 1
    assert SslCertificate(_RICH).isSelfSigned()
    assert not SslCertificate(forged).isSelfSigned()


def test_text_summary_is_safe_to_print() -> None:
    """Names of a hostile certificate cannot move the cursor or reverse the line."""
    certificate = SslCertificate(_build([(x509.NameOID.COMMON_NAME, "a\x1b[2J\u202eb\nIssuer: CN=bank")]))
    text = certificate.toText()
    assert "\\x1b[2J\\u202eb\\nIssuer" in text
    assert "\x1b" not in text
    assert sum(line.startswith("Issuer:") for line in text.splitlines()) == 1
    assert certificate.fingerprint() in text
    assert "\x1b" not in repr(certificate)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"260102030405Z", b"26x102030405Z"),
        (b"\x0c\x0bexample.org", b"\x0c\x0bexamp\xffe.org"),
        (bytes.fromhex("7bcdef0123"), bytes.fromhex("fbcdef0123")),
        (b"\x82\x0bexample.org", b"\x82\x0bexamp\xffe.org"),
        (bytes.fromhex("0603551d11"), bytes.fromhex("06035f1d91")),
    ],
    ids=["date", "subject", "negative serial", "alternative name", "extension"],
)
def test_damaged_fields_are_empty(old: bytes, new: bytes) -> None:
    """No getter raises or warns, and the certificate can still be shown and compared."""
    assert old in _RICH
    der = _RICH.replace(old, new)
    certificate = SslCertificate(der)
    _assertGettersAreQuiet(certificate)
    assert not certificate.isNull()
    assert certificate.toDer().data() == der
    assert certificate.fingerprint() in certificate.toText()


def test_negative_serial_number() -> None:
    """Shown with its sign."""
    certificate = SslCertificate(_RICH.replace(bytes.fromhex("7bcdef0123"), bytes.fromhex("fbcdef0123")))
    assert int(certificate.serialNumber(), 16) < 0


def test_damaged_certificate_cannot_be_converted() -> None:
    """What cannot be parsed has no object in cryptography."""
    certificate = SslCertificate(_RICH.replace(b"260102030405Z", b"26x102030405Z"))
    with pytest.raises(SecureError, match="damaged"):
        certificate.toCryptography()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_damage_is_quiet(data: st.DataObject) -> None:
    """Random changes of a real certificate never make a getter raise."""
    der = bytearray(_RICH)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    _assertGettersAreQuiet(SslCertificate(der))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\x30\x82" + tail))
def test_any_bytes_are_quiet(data: bytes) -> None:
    """Arbitrary bytes give a null certificate or one with empty fields."""
    _assertGettersAreQuiet(SslCertificate(data))
    assert SslCertificate.fromData(data) == []


def test_reading_a_certificate_leaves_qts_tls_backend_alone() -> None:
    """Only toQt() may pay for Qt's own TLS library."""
    script = (
        "import sys, base64\n"
        "from PySide6 import QtNetwork\n"
        "for name in ('QSslCertificate', 'QSslError', 'QSslConfiguration', 'QSslCipher', 'QSslKey'):\n"
        "    def refuse(*a, **k): raise AssertionError('a Qt object was made')\n"
        "    real = getattr(QtNetwork, name)\n"
        "    setattr(QtNetwork, name, type(name, (), {'__new__': refuse, **{n: getattr(real, n) for n in dir(real)"
        " if isinstance(getattr(real, n), type)}}))\n"
        "from qtsecure.net.values import *\n"
        "c = SslCertificate(base64.b64decode(sys.argv[1]))\n"
        "print(c.toText(), SslError(QtNetwork.QSslError.SslError.CertificateExpired, c), SslConfiguration.forClient(c),"
        " SslConfiguration.supportedCiphers())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, base64.b64encode(_RICH).decode()], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "example.org" in result.stdout


def test_empty_names_bring_no_warning() -> None:
    """A peer may send a certificate with a name of no characters; the program's filters hear nothing of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empty = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "", _validate=False)])
    builder = x509.CertificateBuilder().subject_name(empty).issuer_name(empty).public_key(_KEY.public_key())
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DirectoryName(empty)]), critical=False)
    builder = builder.serial_number(1).not_valid_before(_START).not_valid_after(_END)
    certificate = SslCertificate(builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert certificate.subjectInfoAttributes() == certificate.issuerInfoAttributes() == [b"CN"]
        assert certificate.subjectAlternativeNames() == {}
        assert describe_subject(certificate.toCryptography()) == "'CN='"
