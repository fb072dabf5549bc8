"""What SslConfiguration has beyond QSslConfiguration, and what it takes in Qt's types."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import (
    QSsl,
    QSslCertificate,
    QSslCipher,
    QSslConfiguration,
    QSslEllipticCurve,
    QSslError,
    QSslSocket,
)

from qtsecure import Protocol, SecureError, SslCertificate, SslCipher, SslConfiguration, SslError, SslServer, SslSocket
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.test_revocation import make_crl

_needsQtsBackend = pytest.mark.skipif(
    "openssl" not in QSslSocket.availableBackends(), reason="Qt finds no OpenSSL of the system here"
)


def _engine(configuration: SslConfiguration) -> TlsConfiguration:
    return configuration.toEngine("client", pskEnabled=False)


def _client(pki: PublicKeyInfrastructure) -> SslConfiguration:
    return SslConfiguration.forClient(pki.ca.certificate)


def test_crls(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """In every form; they reach the engine, take part in ==, and go away again."""
    crl = make_crl(pki.ca)
    der = crl.public_bytes(Encoding.DER)
    file = tmp_path / "list.crl"
    file.write_bytes(crl.public_bytes(Encoding.PEM))
    configuration = _client(pki)
    for source in (crl, [crl], der, QByteArray(der), file, str(file), crl.public_bytes(Encoding.PEM)):
        configuration.setCrls([])
        assert configuration == _client(pki)
        configuration.setCrls(source)  # type: ignore[arg-type] # a union of all these
        assert [each.data() for each in configuration.crls()] == [der]
        assert _engine(configuration).crls == (der,)
    assert configuration != _client(pki)
    with pytest.raises(SecureError):
        configuration.setCrls(b"garbage")
    assert configuration.crls()


def test_pins(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Certificates and hashes of keys, in every form."""
    public = pki.server.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    spki = hashlib.sha256(public).digest()
    text = "sha256/" + base64.b64encode(spki).decode()
    der = pki.server.certificate.public_bytes(Encoding.DER)
    whole = hashlib.sha256(der).digest()
    configuration = _client(pki)
    for source in (spki, QByteArray(spki), text, [text], [spki, text], spki.hex(), [spki.hex().upper()]):
        configuration.setPinnedCertificates(source)  # type: ignore[arg-type]  # of several types
        assert _engine(configuration).pins.keys == {spki}
        assert configuration.pinnedCertificates() == [text]
    file = tmp_path / "pin.pem"
    file.write_bytes(pki.server.certificate.public_bytes(Encoding.PEM))
    certificates = (pki.server.certificate, der, SslCertificate(der), SslCertificate(der).toQt(), file, [str(file)])
    for source in certificates:
        configuration.setPinnedCertificates(source)  # type: ignore[arg-type]  # of several types
        assert _engine(configuration).pins.certificates == {whole}
        assert not _engine(configuration).pins.keys
    configuration.setPinnedCertificates([text, pki.server.certificate])
    assert _engine(configuration).pins.keys == {spki}
    assert _engine(configuration).pins.certificates == {whole}
    again = _client(pki)
    again.setPinnedCertificates(configuration.pinnedCertificates())
    assert again == configuration
    configuration.setPinnedCertificates([])
    assert configuration == _client(pki)


@pytest.mark.parametrize("pin", ["sha256/", "sha256/AAAA", "sha256/!!!", "sha256/" + "A" * 44, "certificate-sha256/AA"])
def test_hashes_that_are_none(pki: PublicKeyInfrastructure, pin: str) -> None:
    """A typing error must not become a pin that nothing matches."""
    with pytest.raises(ValueError, match="sha256/"):
        _client(pki).setPinnedCertificates(pin)


def test_wrong_pins(pki: PublicKeyInfrastructure) -> None:
    """Garbage and other types raise at once, and change nothing."""
    configuration = _client(pki)
    for wrong, error in ((b"x" * 31, SecureError), (7, TypeError), ([7], TypeError), ([SslCertificate()], SecureError)):
        with pytest.raises(error):
            configuration.setPinnedCertificates(wrong)  # type: ignore[arg-type]  # the mistake under test
    assert configuration == _client(pki)


def test_require_close_notify(pki: PublicKeyInfrastructure) -> None:
    """On by default, as in Gio."""
    configuration = _client(pki)
    assert configuration.requireCloseNotify()
    assert _engine(configuration).require_close_notify
    configuration.setRequireCloseNotify(False)
    assert not configuration.requireCloseNotify()
    assert not _engine(configuration).require_close_notify


Call = Callable[[SslConfiguration], object]
NOT_YET: dict[str, tuple[Call, Call | None]] = {
    "ephemeralServerKey": (lambda c: c.ephemeralServerKey(), None),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_what_the_engine_cannot_do(name: str) -> None:
    """A sentence instead of a setting without effect; switching it off is no error."""
    demand, harmless = NOT_YET[name]
    with pytest.raises(SecureError, match="not supported by the engine") as caught:
        demand(SslConfiguration())
    assert caught.value.code is SecureError.Code.NotSupported
    if harmless is not None:
        harmless(SslConfiguration())


def test_srtp_profiles() -> None:
    """Kept in order, checked by name, and for datagrams only."""
    configuration = SslConfiguration()
    assert configuration.srtpProfiles() == []
    profiles = ["SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80"]
    configuration.setSrtpProfiles([*profiles, profiles[0]])
    assert configuration.srtpProfiles() == profiles
    assert configuration != SslConfiguration()
    assert configuration.toEngine("client", pskEnabled=False, datagrams=True).srtp_profiles == tuple(profiles)
    assert configuration.toEngine("client", pskEnabled=False).srtp_profiles == ()
    for wrong in ("SRTP_NOTHING", "", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"):
        with pytest.raises(ValueError, match="profiles contains"):
            configuration.setSrtpProfiles([wrong])
    with pytest.raises(TypeError, match="profiles"):
        configuration.setSrtpProfiles("SRTP_AEAD_AES_128_GCM")
    assert configuration.srtpProfiles() == profiles


def test_elliptic_curves_are_groups() -> None:
    """By Qt's name, with names."""
    configuration = SslConfiguration()
    configuration.setEllipticCurves(["X25519", "P-256"])
    assert configuration.ellipticCurves() == configuration.keyExchangeGroups() == ["X25519", "P-256"]


@_needsQtsBackend
def test_elliptic_curves_of_qt() -> None:
    """And with Qt's type."""
    configuration = SslConfiguration()
    configuration.setEllipticCurves([QSslEllipticCurve.fromShortName("prime256v1")])
    assert configuration.ellipticCurves() == ["prime256v1"]
    assert _engine(configuration).groups == ("prime256v1",)


@_needsQtsBackend
def test_qts_types_are_taken(pki: PublicKeyInfrastructure, qapp: object) -> None:
    """Certificates, errors, ciphers, protocols and configurations."""
    theirs = QSslCertificate(QByteArray(pki.ca.certificate.public_bytes(Encoding.PEM)))
    configuration = SslConfiguration()
    configuration.setCaCertificates([theirs])
    configuration.addCaCertificate(theirs)
    configuration.setCiphers([QSslCipher("ECDHE-RSA-AES128-GCM-SHA256")])
    configuration.setProtocol(QSsl.SslProtocol.TlsV1_2)
    assert configuration.caCertificates()[0] == SslCertificate(pki.ca.certificate)
    assert configuration.protocol() is Protocol.TlsV1_2
    qt = QSslConfiguration()
    qt.setPeerVerifyDepth(3)
    assert SslConfiguration(qt).peerVerifyDepth() == 3
    socket, server = SslSocket(), SslServer()
    for each in (socket, server):
        each.setSslConfiguration(qt)
        assert each.sslConfiguration().peerVerifyDepth() == 3
    before = SslConfiguration.defaultConfiguration()
    try:
        SslConfiguration.setDefaultConfiguration(qt)
        assert SslConfiguration.defaultConfiguration().peerVerifyDepth() == 3
    finally:
        SslConfiguration.setDefaultConfiguration(before)
    socket.ignoreSslErrors([QSslError(QSslError.SslError.SelfSignedCertificate, theirs)])


@_needsQtsBackend
def test_from_qt_and_back(pki: PublicKeyInfrastructure) -> None:
    """Each type by the same two names."""
    certificate = SslCertificate(pki.server.certificate)
    assert SslCertificate.fromQt(certificate.toQt()) == certificate
    error = SslError(QSslError.SslError.CertificateExpired, certificate)
    assert SslError.fromQt(error.toQt()) == error
    cipher = SslCipher("ECDHE-RSA-AES128-GCM-SHA256")
    assert SslCipher.fromQt(cipher.toQt()) == cipher
    assert SslCipher("ECDHE-RSA-AES128-GCM-SHA256", QSsl.SslProtocol.DtlsV1_2).protocol() is Protocol.DtlsV1_2
    for kind in (SslCertificate, SslError, SslCipher, SslConfiguration):
        with pytest.raises(TypeError):
            kind.fromQt("text")  # type: ignore[attr-defined]  # the mistake under test


@pytest.mark.parametrize("wrong", [None, 7, "text", {}])
def test_no_configuration(qapp: object, wrong: object) -> None:
    """The type is named."""
    socket, server = SslSocket(), SslServer()
    for take in (SslConfiguration.setDefaultConfiguration, socket.setSslConfiguration, server.setSslConfiguration):
        with pytest.raises(TypeError, match="must be an SslConfiguration, a QSslConfiguration or TlsOptions"):
            take(wrong)  # type: ignore[arg-type]  # the mistake under test
