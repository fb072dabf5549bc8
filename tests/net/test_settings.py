"""QSslSocket's own getters and setters for what is in its configuration."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSsl, QSslError

from qtsecure import Protocol, SecureError, SslCertificate, SslConfiguration, SslSocket
from qtsecure.engine.features import probe_features
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import Conversation, State, VerifyMode, spin


def test_the_settings_are_those_of_the_configuration(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Whichever of the two is asked."""
    socket = SslSocket()
    identity = qtsecure_pki.intermediate.issue(usage="client")
    chain = [SslCertificate(certificate) for certificate in identity.chain]
    socket.setProtocol(Protocol.TlsV1_3)
    socket.setPeerVerifyMode(VerifyMode.QueryPeer)
    socket.setPeerVerifyDepth(3)
    socket.setLocalCertificateChain(chain)
    socket.setPrivateKey(identity.privateKey)
    configuration = socket.sslConfiguration()
    assert socket.protocol() == configuration.protocol() == Protocol.TlsV1_3
    assert socket.peerVerifyMode() == configuration.peerVerifyMode() == VerifyMode.QueryPeer
    assert socket.peerVerifyDepth() == configuration.peerVerifyDepth() == 3
    assert socket.localCertificate() == configuration.localCertificate() == chain[0]
    assert socket.localCertificateChain() == configuration.localCertificateChain() == chain
    assert socket.privateKey() is configuration.privateKey() is identity.privateKey
    socket.setSslConfiguration(SslConfiguration())
    assert socket.localCertificateChain() == []
    assert socket.privateKey() is None
    assert socket.protocol() == Protocol.SecureProtocols


def test_one_socket_does_not_change_the_others(qapp: QObject) -> None:
    """Nor the default configuration."""
    first, second = SslSocket(), SslSocket()
    first.setPeerVerifyMode(VerifyMode.VerifyNone)
    assert second.peerVerifyMode() == VerifyMode.AutoVerifyPeer
    assert SslConfiguration.defaultConfiguration().peerVerifyMode() == VerifyMode.AutoVerifyPeer


def test_what_cannot_be_is_refused_at_once(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """As by the configuration."""
    socket = SslSocket()
    with pytest.raises(ValueError, match="-1"):
        socket.setPeerVerifyDepth(-1)
    with pytest.raises(ValueError, match="TlsV1_0"):
        socket.setProtocol(QSsl.SslProtocol.TlsV1_0)
    with pytest.raises(TypeError, match="mode"):
        socket.setPeerVerifyMode(0)  # type: ignore[arg-type]  # the mistake under test
    socket.setLocalCertificate(qtsecure_pki.client.certificatePem())
    with pytest.raises(SecureError, match="does not belong"):
        socket.setPrivateKey(qtsecure_pki.server.keyPem())


@pytest.mark.parametrize("protocol", [Protocol.TlsV1_2, Protocol.TlsV1_3, Protocol.TlsV1_2OrLater])
def test_the_protocol_outlives_connections(conversation: Conversation, protocol: Protocol) -> None:
    """After connecting and after an abort it is what was set; the connection has it."""
    client = conversation.client
    conversation.connect()
    client.abort()
    client.setProtocol(protocol)
    for _ in range(2):
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        assert client.protocol() == protocol
        spin(client.isEncrypted)
        assert client.protocol() == protocol
        assert client.sessionProtocol() == (Protocol.TlsV1_2 if protocol == Protocol.TlsV1_2 else Protocol.TlsV1_3)
        client.abort()
        assert client.protocol() == protocol


@pytest.mark.parametrize(
    "mode", [VerifyMode.AutoVerifyPeer, VerifyMode.VerifyPeer, VerifyMode.QueryPeer, VerifyMode.VerifyNone]
)
def test_the_verify_mode_counts(conversation: Conversation, mode: VerifyMode) -> None:
    """VerifyPeer gives exactly the expected errors; QueryPeer reports them; VerifyNone sees none."""
    conversation.showServer(conversation.pki.selfSigned)
    conversation.connect()
    client = conversation.client
    client.abort()
    client.setPeerVerifyMode(mode)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    verifies = mode in (VerifyMode.AutoVerifyPeer, VerifyMode.VerifyPeer)
    spin(lambda: client.state() == State.UnconnectedState if verifies else client.isEncrypted())
    expected = [] if mode == VerifyMode.VerifyNone else [QSslError.SslError.SelfSignedCertificate]
    assert [error.error() for error in client.sslHandshakeErrors()] == expected


def test_a_client_shows_its_certificate(conversation: Conversation) -> None:
    """Set on the socket itself."""
    identity = conversation.pki.client
    conversation.demandClientCertificate()
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.setLocalCertificate(identity.certificate)
    client.setPrivateKey(identity.keyPem(b"secret"), b"secret")
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.peerCertificate() == SslCertificate(identity.certificate)


# ------------------------------------------------------------------------- static methods


def test_the_library_is_the_one_that_encrypts() -> None:
    """And not the system's, which Qt's own classes load."""
    assert SslSocket.supportsSsl()
    assert SslSocket.sslLibraryVersionString() == SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    assert SslSocket.sslLibraryBuildVersionString().startswith("OpenSSL ")
    for number, text in (
        (SslSocket.sslLibraryVersionNumber(), SslSocket.sslLibraryVersionString()),
        (SslSocket.sslLibraryBuildVersionNumber(), SslSocket.sslLibraryBuildVersionString()),
    ):
        assert text.split()[1] == f"{number >> 28}.{number >> 20 & 0xFF}.{number >> 4 & 0xFFFF}"


def test_there_is_one_backend() -> None:
    """Nothing is supported by any other."""
    assert [SslSocket.activeBackend()] == SslSocket.availableBackends() == ["openssl"]
    assert SslSocket.setActiveBackend("openssl")
    assert not SslSocket.setActiveBackend("schannel")
    for query in (SslSocket.supportedProtocols, SslSocket.supportedFeatures, SslSocket.implementedClasses):
        assert query() == query("openssl") != []
        assert query("schannel") == []


@pytest.mark.parametrize("protocol", list(Protocol))
def test_supported_protocols_are_those_that_the_engine_takes(protocol: Protocol) -> None:
    """A context can be made for each of them, and for no other."""
    supported = protocol in SslSocket.supportedProtocols()
    assert SslSocket.isProtocolSupported(protocol) == supported
    assert not SslSocket.isProtocolSupported(protocol, "schannel")
    if protocol is Protocol.Unknown:
        assert not supported
        return
    context = SSL.Context(SSL.DTLS_METHOD if protocol.isDatagram() else SSL.TLS_METHOD)
    try:
        context.set_min_proto_version(int(protocol.range()[0]))
    except SSL.Error:
        assert not supported
    else:
        assert supported


def test_protocols_of_qts_enum() -> None:
    """Those that are no longer secure are not supported."""
    assert SslSocket.isProtocolSupported(QSsl.SslProtocol.TlsV1_3)
    assert not SslSocket.isProtocolSupported(QSsl.SslProtocol.TlsV1_0OrLater)
    with pytest.raises(TypeError, match="protocol"):
        SslSocket.isProtocolSupported("TlsV1_3")  # type: ignore[arg-type]  # the mistake under test


def test_supported_features_and_classes() -> None:
    """What is missing is not claimed."""
    feature, implemented = QSsl.SupportedFeature, QSsl.ImplementedClass
    assert SslSocket.isFeatureSupported(feature.ServerSideAlpn)
    assert SslSocket.isFeatureSupported(feature.SessionTicket)
    assert SslSocket.isFeatureSupported(feature.Psk) == probe_features().psk
    assert SslSocket.isFeatureSupported(feature.Ocsp) == probe_features().ocsp
    assert SslSocket.isClassImplemented(implemented.Socket)
    assert SslSocket.isClassImplemented(implemented.Dtls) == probe_features().dtls
    assert not SslSocket.isClassImplemented(implemented.DiffieHellman)


def test_what_nobody_asked_for(conversation: Conversation) -> None:
    """There is no stapled status, and an ephemeral key is not to be had."""
    conversation.establish()
    assert conversation.client.ocspResponses() == []
    with pytest.raises(SecureError, match="keyExchangeGroup") as raised:
        conversation.client.sslConfiguration().ephemeralServerKey()
    assert raised.value.code is SecureError.Code.NotSupported


def test_a_socket_keeps_the_default_that_it_began_with(qapp: QObject) -> None:
    """Also if nobody has looked at its configuration before the default changes."""
    before = SslConfiguration.defaultConfiguration()
    other = SslConfiguration()
    other.setProtocol(Protocol.TlsV1_3)
    old = SslSocket()
    try:
        SslConfiguration.setDefaultConfiguration(other)
        new = SslSocket()
        SslConfiguration.setDefaultConfiguration(before)
        assert old.sslConfiguration() == before
        assert new.sslConfiguration() == other
        new.setProtocol(Protocol.TlsV1_2)
        assert SslConfiguration.defaultConfiguration() == before
        assert other.protocol() == Protocol.TlsV1_3
    finally:
        SslConfiguration.setDefaultConfiguration(before)
