"""What the engine is told: roles, trust, versions and ciphers, and what is refused."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QSsl, QSslSocket

from qtsecure import SecureError
from qtsecure.engine.ciphers import DEFAULT_TLS12_CIPHERS, DEFAULT_TLS13_SUITES, PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.values import Protocol, SslCertificate, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure

_Mode = QSslSocket.PeerVerifyMode
_Code = SecureError.Code


def _client(pki: PublicKeyInfrastructure) -> SslConfiguration:
    return SslConfiguration.forClient(pki.ca.certificate)


def _server(pki: PublicKeyInfrastructure) -> SslConfiguration:
    return SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)


def _refused(configuration: SslConfiguration, role: str, *, pskEnabled: bool = False) -> SecureError:
    with pytest.raises(SecureError) as caught:
        configuration.toEngine(role, pskEnabled=pskEnabled)  # type: ignore[arg-type] # one of both roles
    return caught.value


def test_client(pki: PublicKeyInfrastructure) -> None:
    """A client verifies against its authorities and nothing else."""
    engine = _client(pki).toEngine("client", pskEnabled=False)
    assert engine == TlsConfiguration(trust=TrustAnchors.of(pki.ca.certificate))
    assert engine.verify_mode is VerifyMode.PEER
    context_for(engine, server=False)


def test_server(pki: PublicKeyInfrastructure) -> None:
    """A server looks at certificates that clients volunteer, and needs no system roots for that."""
    engine = _server(pki).toEngine("server", pskEnabled=False)
    assert engine.credentials is not None
    assert engine.credentials.certificate == pki.server.certificate
    assert engine.verify_mode is VerifyMode.QUERY
    assert engine.trust == TrustAnchors.empty()
    context_for(engine, server=True)


@pytest.mark.parametrize(
    ("mode", "client", "server"),
    [
        (_Mode.VerifyNone, VerifyMode.NONE, VerifyMode.NONE),
        (_Mode.QueryPeer, VerifyMode.QUERY, VerifyMode.QUERY),
        (_Mode.VerifyPeer, VerifyMode.PEER, VerifyMode.PEER),
        (_Mode.AutoVerifyPeer, VerifyMode.PEER, VerifyMode.QUERY),
    ],
)
def test_verify_modes(
    pki: PublicKeyInfrastructure, mode: QSslSocket.PeerVerifyMode, client: VerifyMode, server: VerifyMode
) -> None:
    """Auto depends on the role, as in Qt."""
    configuration = _server(pki)
    configuration.setCaCertificates(pki.ca.certificate)
    configuration.setPeerVerifyMode(mode)
    assert configuration.toEngine("client", pskEnabled=False).verify_mode is client
    assert configuration.toEngine("server", pskEnabled=False).verify_mode is server


def test_system_roots(pki: PublicKeyInfrastructure, systemRoots: list[SslCertificate]) -> None:
    """Used by clients, by servers that verify, on demand and along with added authorities."""
    roots = [certificate.toCryptography() for certificate in systemRoots]
    system = TrustAnchors.of(roots)
    both = TrustAnchors.of([*roots, pki.ca.certificate])
    assert SslConfiguration().toEngine("client", pskEnabled=False).trust == system
    assert SslConfiguration.forClient().toEngine("client", pskEnabled=False).trust == system
    added = SslConfiguration.defaultConfiguration()
    added.addCaCertificate(pki.ca.certificate)
    assert added.toEngine("client", pskEnabled=False).trust == both
    server = _server(pki)
    assert server.toEngine("server", pskEnabled=False).trust == TrustAnchors.empty()
    server.setPeerVerifyMode(_Mode.VerifyPeer)
    assert server.toEngine("server", pskEnabled=False).trust == system


def test_authority_added_to_a_server_is_the_only_one(
    pki: PublicKeyInfrastructure, systemRoots: list[SslCertificate]
) -> None:
    """Else every client with a certificate of a public authority could log in."""
    server = _server(pki)
    server.addCaCertificate(pki.ca.certificate)
    for mode in (_Mode.AutoVerifyPeer, _Mode.VerifyPeer):
        server.setPeerVerifyMode(mode)
        assert server.toEngine("server", pskEnabled=False).trust == TrustAnchors.of(pki.ca.certificate)


def test_system_roots_are_not_looked_for_in_vain(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without roots can run servers and clients that do not verify or have their own."""

    def missing() -> TrustAnchors:
        raise SecureError(_Code.TlsUnavailable, "No roots.")

    monkeypatch.setattr(TrustAnchors, "system", missing)
    _server(pki).toEngine("server", pskEnabled=False)
    _client(pki).toEngine("client", pskEnabled=False)
    unverified = SslConfiguration()
    unverified.setPeerVerifyMode(_Mode.VerifyNone)
    assert unverified.toEngine("client", pskEnabled=False).trust == TrustAnchors.empty()
    assert _refused(SslConfiguration(), "client").code is _Code.TlsUnavailable


def test_empty_list_of_authorities_trusts_nobody(pki: PublicKeyInfrastructure) -> None:
    """Fail closed."""
    configuration = SslConfiguration()
    configuration.setCaCertificates([])
    engine = configuration.toEngine("client", pskEnabled=False)
    assert engine.trust == TrustAnchors.empty()
    assert engine.verify_mode is VerifyMode.PEER


def test_server_without_certificate() -> None:
    """Only pre-shared keys make that possible."""
    error = _refused(SslConfiguration(), "server")
    assert error.code is _Code.BadCertificate
    assert "no certificate" in error.message
    assert SslConfiguration().toEngine("server", pskEnabled=True).credentials is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_half_an_identity(pki: PublicKeyInfrastructure, role: str) -> None:
    """A certificate without key, or a key without certificate."""
    half = SslConfiguration()
    half.setLocalCertificate(pki.server.certificate)
    error = _refused(half, role, pskEnabled=True)
    assert (error.code, "setPrivateKey" in error.message) == (_Code.BadCertificate, True)
    half = SslConfiguration()
    half.setPrivateKey(pki.server.privateKey)
    error = _refused(half, role, pskEnabled=True)
    assert (error.code, "setLocalCertificate" in error.message) == (_Code.BadCertificate, True)


def test_datagram_protocols_are_refused(pki: PublicKeyInfrastructure) -> None:
    """A stream cannot speak DTLS."""
    configuration = _client(pki)
    configuration.setProtocol(Protocol.DtlsV1_2OrLater)
    error = _refused(configuration, "client")
    assert error.code is _Code.InvalidArgument
    assert "DtlsV1_2OrLater" in error.message


def test_versions(pki: PublicKeyInfrastructure) -> None:
    """The range of the protocol arrives."""
    configuration = _client(pki)
    configuration.setProtocol(Protocol.TlsV1_2)
    engine = configuration.toEngine("client", pskEnabled=False)
    assert (engine.minimum_version, engine.maximum_version) == (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_2)


def test_ciphers_for_one_version_switch_the_other_off(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL would fail each handshake otherwise."""
    configuration = _client(pki)
    configuration.setCiphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    engine = configuration.toEngine("client", pskEnabled=False)
    assert engine.maximum_version is ProtocolVersion.TLS_1_2
    assert engine.tls12_ciphers == ("ECDHE-ECDSA-AES128-GCM-SHA256",)
    context_for(engine, server=False)
    configuration.setCiphers("TLS_AES_128_GCM_SHA256")
    engine = configuration.toEngine("client", pskEnabled=False)
    assert engine.minimum_version is ProtocolVersion.TLS_1_3
    assert engine.tls13_suites == ("TLS_AES_128_GCM_SHA256",)
    context_for(engine, server=False)
    configuration.setProtocol(Protocol.TlsV1_2)
    error = _refused(configuration, "client")
    assert error.code is _Code.InvalidArgument
    assert "TlsV1_2" in error.message


def test_pre_shared_keys_extend_the_default_ciphers_only(pki: PublicKeyInfrastructure) -> None:
    """Who chose ciphers gets those."""
    configuration = _client(pki)
    engine = configuration.toEngine("client", pskEnabled=True)
    assert engine.psk_enabled
    assert engine.tls12_ciphers == DEFAULT_TLS12_CIPHERS + PSK_TLS12_CIPHERS
    assert engine.tls13_suites == DEFAULT_TLS13_SUITES
    context_for(engine, server=False)
    configuration.setCiphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert configuration.toEngine("client", pskEnabled=True).tls12_ciphers == ("ECDHE-ECDSA-AES128-GCM-SHA256",)


def test_everything_else_arrives(pki: PublicKeyInfrastructure) -> None:
    """Each remaining setter changes its field."""
    configuration = _server(pki)
    configuration.setPeerVerifyDepth(2)
    configuration.setMissingCertificateIsFatal(True)
    configuration.setHandshakeMustInterruptOnError(True)
    configuration.setKeyExchangeGroups(["X25519"])
    configuration.setAllowedNextProtocols(["h2"])
    configuration.setPreSharedKeyIdentityHint("hint")
    configuration.setKeyLogFile("keys.log")
    configuration.setSessionTicketsEnabled(False)
    configuration.setSslOption(QSsl.SslOption.SslOptionDisableServerNameIndication, True)
    configuration.setSslOption(QSsl.SslOption.SslOptionDisableServerCipherPreference, True)
    engine = configuration.toEngine("server", pskEnabled=True)
    assert engine.verify_depth == 2
    assert engine.certificate_required
    assert engine.interrupt_on_error
    assert engine.groups == ("X25519",)
    assert engine.alpn_protocols == (b"h2",)
    assert engine.psk_identity_hint == b"hint"
    assert engine.key_log_file == "keys.log"
    assert not engine.session_tickets_enabled
    assert not engine.server_name_indication
    assert not engine.prefer_server_ciphers


def test_one_object_per_configuration_and_role(pki: PublicKeyInfrastructure) -> None:
    """A server asks for each connection: the answer is made once, and anew after a change."""
    configuration = _server(pki)
    engine = configuration.toEngine("server", pskEnabled=False)
    assert configuration.toEngine("server", pskEnabled=False) is engine
    assert SslConfiguration(configuration).toEngine("server", pskEnabled=False) is engine
    assert configuration.toEngine("server", pskEnabled=True) != engine
    configuration.setPeerVerifyDepth(1)
    assert configuration.toEngine("server", pskEnabled=False) != engine
    hash(engine)
