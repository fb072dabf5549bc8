"""SslConfiguration from and to QSslConfiguration."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslConfiguration, QSslKey, QSslSocket

from qtsecure import SecureError
from qtsecure.net.values import Protocol, SslCertificate, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure

needsQtsBackend = pytest.mark.skipif(
    "openssl" not in QSslSocket.availableBackends(), reason="Qt finds no OpenSSL of the system here"
)


def test_new_and_default_configurations() -> None:
    """Nothing set stays nothing set, and the default stays the default."""
    assert SslConfiguration.fromQt(QSslConfiguration()).isNull()
    assert SslConfiguration.fromQt(SslConfiguration().toQt()).isNull()


@needsQtsBackend
def test_default_configuration() -> None:
    """Qt's list of ciphers and roots stands for "no preference"."""
    assert SslConfiguration.fromQt(QSslConfiguration.defaultConfiguration()) == SslConfiguration.forClient()
    assert SslConfiguration.fromQt(SslConfiguration.forClient().toQt()) == SslConfiguration.forClient()


@needsQtsBackend
@pytest.mark.parametrize("kind", ["server", "rsaServer"])
def test_round_trip(pki: PublicKeyInfrastructure, kind: str) -> None:
    """Everything that both have survives both ways."""
    identity = getattr(pki, kind)
    configuration = SslConfiguration.forServer(identity.chain, identity.privateKey)
    configuration.setCaCertificates([pki.ca.certificate, pki.otherCa.certificate])
    configuration.setProtocol(Protocol.TlsV1_3OrLater)
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.QueryPeer)
    configuration.setPeerVerifyDepth(3)
    configuration.setCiphers("TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    configuration.setAllowedNextProtocols(["h2", "x"])
    configuration.setPreSharedKeyIdentityHint("hint")
    configuration.setMissingCertificateIsFatal(True)
    configuration.setHandshakeMustInterruptOnError(True)
    configuration.setSessionTicketsEnabled(False)
    configuration.setSslOption(QSsl.SslOption.SslOptionDisableCompression, False)
    assert SslConfiguration.fromQt(configuration.toQt()) == configuration


def test_authorities_from_qt(pki: PublicKeyInfrastructure) -> None:
    """An explicit list stays explicit, also an empty one: that one trusts nobody."""
    ca = SslCertificate(pki.ca.certificate)
    theirs = QSslConfiguration()
    theirs.setCaCertificates([ca.toQt()])
    assert SslConfiguration.fromQt(theirs).caCertificates() == [ca]
    theirs.setCaCertificates([])
    ours = SslConfiguration.fromQt(theirs)
    assert len(ours.toEngine("client", pskEnabled=False).trust) == 0
    added = QSslConfiguration()
    added.addCaCertificate(ca.toQt())
    assert SslConfiguration.fromQt(added).caCertificates() == [ca]
    assert SslConfiguration.fromQt(SslConfiguration.fromQt(added).toQt()).caCertificates() == [ca]


@needsQtsBackend
def test_key_from_qt(pki: PublicKeyInfrastructure) -> None:
    """QSslKey is one of the sources of a key, a null one is none."""
    key = QSslKey(QByteArray(pki.rsaServer.keyPem()), QSsl.KeyAlgorithm.Rsa)
    assert not key.isNull()
    configuration = SslConfiguration.forServer(pki.rsaServer.chain, key)
    assert configuration == SslConfiguration.forServer(pki.rsaServer.chain, pki.rsaServer.privateKey)


def test_null_key_from_qt() -> None:
    """What QSslKey could not read must not pass for "no key"."""
    with pytest.raises(SecureError, match="QSslKey"):
        SslConfiguration().setPrivateKey(QSslKey())


@pytest.mark.filterwarnings("ignore:Enum value:DeprecationWarning")
def test_old_versions_are_refused() -> None:
    """A configuration that allows TLS 1.0 is not silently changed."""
    theirs = QSslConfiguration()
    theirs.setProtocol(QSsl.SslProtocol.TlsV1_0OrLater)
    with pytest.raises(ValueError, match="TlsV1_0OrLater"):
        SslConfiguration.fromQt(theirs)


def test_what_qt_cannot_hold(pki: PublicKeyInfrastructure) -> None:
    """Ed25519 keys and DTLS 1.3."""
    configuration = SslConfiguration.forServer(pki.ed25519Server.chain, pki.ed25519Server.privateKey)
    with pytest.raises(SecureError, match="Ed25519") as caught:
        configuration.toQt()
    assert caught.value.code is SecureError.Code.NotSupported
    configuration = SslConfiguration()
    configuration.setProtocol(Protocol.DtlsV1_3)
    with pytest.raises(ValueError, match="DtlsV1_3"):
        configuration.toQt()


def test_cipher_that_qt_does_not_know() -> None:
    """Leaving it out silently would change the choice."""
    configuration = SslConfiguration()
    configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305:IDEA-CBC-SHA")
    with pytest.raises(SecureError, match="setCiphers"):
        configuration.toQt()


def test_wrong_type() -> None:
    """Only Qt's configuration."""
    with pytest.raises(TypeError, match="configuration"):
        SslConfiguration.fromQt(SslConfiguration())  # type: ignore[arg-type] # the mistake under test
