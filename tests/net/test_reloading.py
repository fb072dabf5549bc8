"""What is set on a listening server, or as the default, is used by the next connection and by no earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSsl

from qtsecure import DtlsPeer, SslConfiguration, SslServer, SslSocket, TrustStore
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import make_certificate
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, State, VerifyMode, spin
from tests.net.dtls.conversation import DtlsConversation

both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
KINDS = ("rsaServer", "ed25519Server", "server")


@pytest.fixture
def dtls(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[DtlsConversation]:
    """A DTLS server and client."""
    made = DtlsConversation(qtsecure_pki)
    yield made
    made.close()


def another(conversation: Conversation) -> SslSocket:
    """One more client, which has connected or failed."""
    socket = SslSocket(conversation.client)
    socket.setSslConfiguration(conversation.clientConfiguration)
    socket.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: socket.isEncrypted() or socket.state() == State.UnconnectedState)
    return socket


def anotherPeer(conversation: DtlsConversation) -> DtlsPeer:
    """The same over DTLS."""
    peer = conversation.makeClient("another")
    conversation.connect(peer)
    spin(lambda: peer.status() in (DtlsPeer.Status.Connected, DtlsPeer.Status.Error))
    return peer


@both_versions
def test_sec_d21_certificates_of_a_listening_server(make_conversation: MakeConversation, version: str) -> None:
    """RSA, Ed25519, EC: a renewed certificate is shown to the next client; the others keep their connection."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    clients: list[tuple[SslSocket, IssuedCertificate]] = []
    for kind in KINDS:
        identity = getattr(conversation.pki, kind)
        conversation.showServer(identity)
        conversation.server.setSslConfiguration(conversation.serverConfiguration)
        clients.append((another(conversation), identity))
    for client, identity in clients:
        assert client.isEncrypted()
        assert client.peerCertificate().toCryptography() == identity.certificate
    peer.write(b"still here")
    spin(lambda: conversation.client.bytesAvailable() == 10)


def test_sec_d21_certificates_of_a_listening_dtls_server(dtls: DtlsConversation) -> None:
    """The same for associations; Ed25519 is refused there, and test_bad_input tells how."""
    dtls.establish()
    for kind in ("rsaServer", "server"):
        identity = getattr(dtls.pki, kind)
        dtls.showServer(identity)
        dtls.server.setSslConfiguration(dtls.serverConfiguration)
        client = anotherPeer(dtls)
        assert client.isEncrypted()
        assert client.peerCertificate().toCryptography() == identity.certificate
    assert dtls.client.isEncrypted()


@both_versions
def test_the_trust_store_of_a_listening_server(make_conversation: MakeConversation, version: str) -> None:
    """An authority that is no longer trusted is refused at once; a new one is accepted."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.client)
    conversation.establish()

    def outcome(store: TrustStore) -> bool:
        before = conversation.server.statistics()
        conversation.serverConfiguration.setTrustStore(store)
        conversation.server.setSslConfiguration(conversation.serverConfiguration)
        another(conversation)
        spin(lambda: conversation.server.statistics().handshaking == 0)
        after = conversation.server.statistics()
        assert after.accepted == before.accepted + 1
        return after.encrypted > before.encrypted

    ca, other = (
        TrustStore.fromCertificates(each.certificate) for each in (conversation.pki.ca, conversation.pki.otherCa)
    )
    assert not outcome(other)
    assert not outcome(TrustStore.empty())
    assert outcome(ca)
    assert outcome(other + ca)
    assert conversation.client.isEncrypted()


def test_the_trust_store_of_a_listening_dtls_server(dtls: DtlsConversation) -> None:
    """The same for associations."""
    dtls.demandClientCertificate()
    dtls.showClient(dtls.pki.client)
    dtls.establish()
    dtls.serverConfiguration.setTrustStore(TrustStore.fromCertificates(dtls.pki.otherCa.certificate))
    dtls.server.setSslConfiguration(dtls.serverConfiguration)
    assert not anotherPeer(dtls).isEncrypted()
    dtls.serverConfiguration.setTrustStore(TrustStore.fromCertificates(dtls.pki.ca.certificate))
    dtls.server.setSslConfiguration(dtls.serverConfiguration)
    assert anotherPeer(dtls).isEncrypted()


@both_versions
def test_sec_d14_hot_revocation(make_conversation: MakeConversation, version: str) -> None:
    """A revocation list that is added to a listening server shuts the revoked client out, nobody else."""
    conversation = make_conversation(PROTOCOLS[version])
    authority = CertificateAuthority("clients")
    good, bad = (authority.issue(["client.example"], usage="client") for _ in range(2))
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.serverConfiguration.setCaCertificates(authority.certificate)

    def admitted(identity: IssuedCertificate) -> bool:
        conversation.clientConfiguration.setPrivateKey(None)
        conversation.showClient(identity)
        before = conversation.server.statistics().encrypted
        another(conversation)
        spin(lambda: conversation.server.statistics().handshaking == 0)
        return conversation.server.statistics().encrypted > before

    conversation.listen()
    assert admitted(bad)
    authority.revoke(bad)
    conversation.serverConfiguration.setCrls(authority.crl())
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert not admitted(bad)
    assert admitted(good)


def test_the_default_configuration(make_conversation: MakeConversation) -> None:
    """Sockets and servers that are made later begin with it; those that exist keep theirs."""
    conversation = make_conversation()
    conversation.listen()
    earlier = SslSocket(conversation.client)
    before = SslConfiguration.defaultConfiguration()
    try:
        SslConfiguration.setDefaultConfiguration(conversation.clientConfiguration)
        later = SslSocket(conversation.client)
        assert SslServer().sslConfiguration() == SslConfiguration.defaultConfiguration()
    finally:
        SslConfiguration.setDefaultConfiguration(before)
    later.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(later.isEncrypted)
    assert earlier.sslConfiguration() == before


@both_versions
@pytest.mark.parametrize("trouble", ["short key", "key log", "two hosts"])
def test_sec_d21_settings_that_only_openssl_can_refuse(
    make_conversation: MakeConversation, tmp_path: Path, version: str, trouble: str
) -> None:
    """They cost the clients that come meanwhile: with an alert at once, and the reason at the server."""
    conversation = make_conversation(PROTOCOLS[version])
    good = SslConfiguration(conversation.serverConfiguration)
    if trouble == "key log":
        conversation.serverConfiguration.setKeyLogFile(tmp_path / "missing" / "keys.log")
    else:
        weak = make_certificate(None, key=rsa.generate_private_key(65537, 1024))
        conversation.showServer(weak)
    if trouble == "two hosts":
        weak_host, conversation.serverConfiguration = conversation.serverConfiguration, SslConfiguration(good)
        conversation.serverConfiguration.setVirtualHosts({"localhost": weak_host})
        conversation.client.setPeerVerifyName("localhost")
    reasons: list[str] = []
    conversation.server.errorOccurred.connect(lambda socket, error: reasons.append(socket.errorString()))
    conversation.connect()
    spin(lambda: conversation.client.state() == State.UnconnectedState and bool(reasons))
    assert conversation.recorder.of("client.alertReceived")[0][1] == QSsl.AlertType.InternalError
    (reason,) = reasons
    assert ("key log file" if trouble == "key log" else "ee key too small") in reason
    conversation.server.setSslConfiguration(good)
    assert another(conversation).isEncrypted()
