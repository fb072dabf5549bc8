"""Sessions of DtlsPeer: the rules of SslSocket with TLS 1.2."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QSsl

from qtsecure import SecureError, SslSocket, TlsSession
from qtsecure.net.session_cache import sharedSessions
from tests.net.conversation import spin
from tests.net.dtls.conversation import DtlsConversation, Keys, Status, VerifyMode

SHARING_OFF = QSsl.SslOption.SslOptionDisableSessionSharing


@pytest.fixture
def alone(conversation: DtlsConversation) -> DtlsConversation:
    """A conversation whose client resumes only what it is given."""
    conversation.clientConfiguration.setSslOption(SHARING_OFF, True)
    return conversation


def sessionOf(conversation: DtlsConversation) -> TlsSession:
    """The session of a first association, which is over then."""
    conversation.establish()
    session = conversation.client.session()
    assert session is not None
    conversation.client.close()
    return session


def again(conversation: DtlsConversation) -> bool:
    """Connect once more; whether both ends say that they have resumed."""
    peer = conversation.establish()
    reused = conversation.client.isSessionReused()
    assert peer.isSessionReused() is reused
    assert conversation.client.peerCertificate() == conversation.client.peerCertificateChain()[0]
    conversation.client.writeDatagram(b"there")
    spin(peer.hasPendingDatagrams)
    peer.writeDatagram(peer.readDatagram())
    spin(conversation.client.hasPendingDatagrams)
    assert conversation.client.readDatagram() == b"there"
    conversation.client.close()
    return reused


def test_qt_2_26_sessions(alone: DtlsConversation) -> None:
    """It is resumed, once: afterwards the peer is as it was."""
    session = sessionOf(alone)
    chain = alone.client.peerCertificateChain()
    alone.client.setSession(session)
    assert again(alone)
    assert alone.client.peerCertificateChain() == chain
    assert alone.client.sslHandshakeErrors() == []
    assert not again(alone)
    alone.client.setSession(session)
    alone.client.setSession(None)
    assert not again(alone)


def test_a_session_is_there_with_encrypted(alone: DtlsConversation) -> None:
    """On the client, also after the end, until the next association; a server's peer has none."""
    told: list[TlsSession | None] = []
    alone.client.encrypted.connect(lambda: told.append(alone.client.session()))
    assert alone.client.session() is None
    peer = alone.establish()
    assert told[0] is not None
    assert peer.session() is None
    alone.client.close()
    assert alone.client.session() is not None
    alone.connect()
    assert alone.client.session() is None


def test_stored_and_restored(alone: DtlsConversation) -> None:
    alone.client.setSession(TlsSession.fromBytes(sessionOf(alone).toBytes()))
    assert again(alone)


def test_another_configuration_is_refused_when_it_is_set(alone: DtlsConversation) -> None:
    session = sessionOf(alone)
    alone.clientConfiguration.addCaCertificate(alone.pki.otherCa.certificate)
    alone.client.setSslConfiguration(alone.clientConfiguration)
    with pytest.raises(SecureError, match="another configuration, which has to be set before it"):
        alone.client.setSession(session)


@pytest.mark.parametrize("what", ["name", "host"])
def test_another_peer_is_refused_when_connecting(alone: DtlsConversation, what: str) -> None:
    """connectToHost() raises, nothing has happened, and the session is gone."""
    alone.client.setSession(sessionOf(alone))
    before = alone.statuses()
    keywords = {"name": {"peerVerifyName": "localhost"}, "host": {"host": "127.0.0.2"}}[what]
    with pytest.raises(SecureError, match="The TLS session cannot be used here"):
        alone.connect(**keywords)
    assert alone.client.status() is Status.Disconnected
    assert alone.statuses() == before
    assert not again(alone)


def test_wrong_types(alone: DtlsConversation) -> None:
    with pytest.raises(TypeError, match="session must be"):
        alone.client.setSession(b"session")  # type: ignore[arg-type]  # the mistake under test


def test_no_session_with_keys(conversation: DtlsConversation) -> None:
    keys = Keys()
    conversation.client.preSharedKeyAuthenticationRequired.connect(keys.forClient)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.clientConfiguration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
    conversation.serverConfiguration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
    conversation.establish()
    assert keys.asked == [b"", b"sensor"]
    assert conversation.client.session() is None
    assert len(sharedSessions) == 0


def test_no_session_after_ignored_errors(conversation: DtlsConversation) -> None:
    conversation.showServer(conversation.pki.expired)
    conversation.client.sslErrors.connect(lambda _: conversation.client.ignoreSslErrors())
    conversation.establish()
    assert conversation.client.session() is None
    assert len(sharedSessions) == 0


@pytest.mark.parametrize("order", ["one", "other"])
def test_tests_share_no_sessions(conversation: DtlsConversation, order: str) -> None:
    """Whichever comes second: its server may have the port of the first one's."""
    assert len(sharedSessions) == 0, order
    conversation.establish()
    assert len(sharedSessions) == 1


def test_peers_of_a_process_share_their_sessions(conversation: DtlsConversation) -> None:
    """Without being asked to; the signals are those of a full handshake."""
    conversation.establish()
    conversation.client.close()
    first = conversation.names("client")
    for _ in range(3):
        conversation.recorder.clear()
        conversation.establish()
        assert conversation.client.isSessionReused()
        conversation.client.close()
        assert conversation.names("client") == first
    other = conversation.makeClient("other")
    conversation.establish(other)
    assert other.isSessionReused()


@pytest.mark.parametrize("case", ["tickets off", "query", "other trust", "other name"])
def test_what_is_not_shared(conversation: DtlsConversation, case: str) -> None:
    """Whatever was not verified whole, or differs in anything that decides trust."""
    configuration = conversation.clientConfiguration
    if case == "tickets off":
        configuration.setSessionTicketsEnabled(False)
    elif case == "query":
        configuration.setPeerVerifyMode(VerifyMode.QueryPeer)
    conversation.establish()
    conversation.client.close()
    assert len(sharedSessions) == (1 if case.startswith("other") else 0)
    if case == "other trust":
        configuration.addCaCertificate(conversation.pki.otherCa.certificate)
    conversation.connect(peerVerifyName="localhost" if case == "other name" else "")
    spin(conversation.client.isEncrypted)
    assert not conversation.client.isSessionReused()


def test_a_failure_empties_the_cache(conversation: DtlsConversation) -> None:
    """A server that has trouble with resuming is not asked for it again."""
    conversation.establish()
    conversation.client.close()
    assert len(sharedSessions) == 1
    conversation.showServer(conversation.pki.expired)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    assert len(sharedSessions) == 0


def test_a_server_with_client_certificates_resumes_nothing(conversation: DtlsConversation) -> None:
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.client)
    for _ in range(2):
        peer = conversation.establish()
        assert not peer.isSessionReused()
        assert not peer.peerCertificate().isNull()
        conversation.client.close()


def test_new_certificates_end_the_tickets(conversation: DtlsConversation) -> None:
    """A server with another configuration does not know the tickets of the one before."""
    conversation.establish()
    conversation.client.close()
    conversation.serverConfiguration.setAllowedNextProtocols(["x"])
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.establish()
    assert not conversation.client.isSessionReused()


@pytest.mark.parametrize(
    ("client", "server", "agreed"),
    [
        (["SRTP_AES128_CM_SHA1_80", "SRTP_AEAD_AES_128_GCM"], ["SRTP_AEAD_AES_128_GCM"], "SRTP_AEAD_AES_128_GCM"),
        (["SRTP_AES128_CM_SHA1_80"], ["SRTP_AEAD_AES_128_GCM"], ""),
        (["SRTP_AES128_CM_SHA1_80"], [], ""),
        ([], ["SRTP_AEAD_AES_128_GCM"], ""),
    ],
    ids=["common", "nothing in common", "client only", "server only"],
)
def test_srtp_profiles(conversation: DtlsConversation, client: list[str], server: list[str], agreed: str) -> None:
    """Both ends agree on a profile and on the keys, or go on without; also when resuming."""
    conversation.clientConfiguration.setSrtpProfiles(client)
    conversation.serverConfiguration.setSrtpProfiles(server)
    for reused in (False, True):
        peer = conversation.establish()
        assert conversation.client.isSessionReused() is reused
        assert conversation.client.srtpProfile() == peer.srtpProfile() == agreed
        label = "EXTRACTOR-dtls_srtp"
        assert conversation.client.exportKeyingMaterial(label, 60) == peer.exportKeyingMaterial(label, 60)
        conversation.client.close()


def test_tls_does_not_take_sessions_of_dtls(conversation: DtlsConversation) -> None:
    """The same host and certificates, but another protocol."""
    conversation.establish()
    socket = SslSocket()
    socket.setSslConfiguration(conversation.clientConfiguration)
    with pytest.raises(SecureError, match="another configuration"):
        socket.setSession(conversation.client.session())
