"""The cases of Qt's own tests of QDtls (tst_qdtls), in our words, over both transports.

Each docstring begins with the name of the case that the test stands for. blacklistedCertificate has none: Qt's
list is of certificates that were withdrawn a decade ago.
"""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QHostAddress, QSsl, QSslError
from shiboken6 import isValid

from qtsecure import DtlsPeer, DtlsServer, Protocol, SecureError, SslCertificate, SslConfiguration, SslError
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Keys, Status, VerifyMode
from tests.net.dtls.wires import Relay

Code = SecureError.Code
NO_SERVER_PREFERENCE = QSsl.SslOption.SslOptionDisableServerCipherPreference


def talk(client: DtlsPeer, peer: DtlsPeer) -> None:
    """A message there, and one back."""
    client.writeDatagram(b"Hello, I'm a tiny datagram")
    spin(peer.hasPendingDatagrams)
    peer.writeDatagram(peer.readDatagram())
    spin(client.hasPendingDatagrams)
    assert client.readDatagram() == b"Hello, I'm a tiny datagram"


def relayed(conversation: DtlsConversation) -> Relay:
    """Let the client begin through a relay."""
    relay = Relay(conversation.listen())
    conversation.connect(port=relay.port)
    return relay


def test_construction(conversation: DtlsConversation) -> None:
    """construction: a fresh peer has no association, no error, and the defaults."""
    peer = DtlsPeer()
    assert peer.status() is Status.Disconnected
    assert (peer.peerAddress(), peer.peerPort(), peer.peerVerifyName()) == (QHostAddress(), 0, "")
    assert (peer.mtu(), peer.handshakeTimeout()) == (1200, 30_000)
    assert not peer.isEncrypted()
    assert peer.error() is None
    assert peer.sslHandshakeErrors() == []
    assert peer.sessionCipher().isNull()
    assert peer.sessionProtocol() is Protocol.Unknown
    assert DtlsServer().isCookieVerificationEnabled()


def test_configuration(conversation: DtlsConversation) -> None:
    """configuration: the default is the default configuration; what changes during an association is for the next."""
    peer = DtlsPeer()
    assert peer.sslConfiguration() == SslConfiguration.defaultConfiguration()
    other = SslConfiguration()
    other.setPeerVerifyDepth(3)
    peer.setSslConfiguration(other)
    assert peer.sslConfiguration() == other
    conversation.establish()
    conversation.client.setSslConfiguration(other)
    assert conversation.client.isEncrypted()
    assert conversation.client.sessionProtocol() is Protocol.DtlsV1_2


@pytest.mark.parametrize("protocol", [Protocol.TlsV1_2, Protocol.TlsV1_3, Protocol.TlsV1_2OrLater])
def test_invalid_configuration(conversation: DtlsConversation, protocol: Protocol) -> None:
    """invalidConfiguration: a version of TLS is refused by both roles when the handshake would begin."""
    conversation.clientConfiguration.setProtocol(protocol)
    with pytest.raises(SecureError) as caught:
        conversation.connect()
    assert caught.value.code is Code.InvalidArgument
    assert conversation.client.status() is Status.Disconnected
    conversation.server.close()
    conversation.clientConfiguration.setProtocol(Protocol.DtlsV1_2)
    conversation.serverConfiguration.setProtocol(protocol)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("server.acceptError")))
    assert conversation.server.statistics().live == 0


@pytest.mark.parametrize("host", ["", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "0.0.0.0"])
def test_set_peer_invalid(conversation: DtlsConversation, host: str) -> None:
    """setPeer: null, broadcast and multicast addresses cannot be peers."""
    with pytest.raises(ValueError, match="host must be"):
        conversation.client.connectToHost(host, 4433)
    assert conversation.client.status() is Status.Disconnected


def test_set_peer(conversation: DtlsConversation) -> None:
    """setPeer: address, port and name stay as they were given, and cannot be changed once it has begun."""
    conversation.connect(peerVerifyName="localhost")
    client = conversation.client
    facts = (QHostAddress("127.0.0.1"), conversation.server.serverPort(), "localhost")
    assert (client.peerAddress(), client.peerPort(), client.peerVerifyName()) == facts
    with pytest.raises(SecureError) as caught:
        client.connectToHost("127.0.0.2", 1)
    assert caught.value.code is Code.Pending
    assert (client.peerAddress(), client.peerPort(), client.peerVerifyName()) == facts


@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_handshake(conversation: DtlsConversation, kind: str) -> None:
    """handshake: with a certificate and with a key; misuse before and after it changes nothing."""
    client, keys = conversation.client, Keys()
    if kind == "key":
        client.preSharedKeyAuthenticationRequired.connect(keys.forClient)
        conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
        conversation.serverConfiguration = SslConfiguration()
        conversation.clientConfiguration = SslConfiguration()
        for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
            configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
    assert not client.resumeHandshake()
    assert not client.abortHandshake()
    client.close()
    assert conversation.names("client") == []
    peer = conversation.establish()
    for end in (client, peer):
        assert end.status() is Status.Connected
        assert end.error() is None
        assert not end.resumeHandshake()
        assert not end.abortHandshake()
    assert ("PSK" in client.cipherName()) is (kind == "key")
    talk(client, peer)


def test_handshake_with_retransmission(conversation: DtlsConversation, clock: FakeClock) -> None:
    """handshakeWithRetransmission: the first hello and the first answer to the cookie get lost."""
    seen = {"hello": 0, "answer": 0}
    told: list[None] = []
    conversation.client.retransmissionTimeout.connect(lambda: told.append(None))

    def lose(datagram: bytes, fromClient: bool) -> list[bytes]:
        kind = "hello" if fromClient else "answer"
        if fromClient or datagram[13] == 2:  # the ServerHello
            seen[kind] += 1
            return [] if seen[kind] == 1 else [datagram]
        return [datagram]

    relay = relayed(conversation)
    relay.tamper = lose
    started = clock.now
    while not (conversation.client.isEncrypted() and conversation.server.hasPendingConnections()):
        for _ in range(5):
            settle()
        clock.advance(0.01)
        assert clock.now - started < 3, seen
    assert told
    assert min(seen.values()) > 1
    relay.close()


def test_session_cipher(conversation: DtlsConversation) -> None:
    """sessionCipher: null before, one of the configured ones on both ends afterwards."""
    name = "ECDHE-ECDSA-AES256-GCM-SHA384"
    conversation.clientConfiguration.setCiphers(name)
    assert conversation.client.sessionCipher().isNull()
    peer = conversation.establish()
    for end in (conversation.client, peer):
        assert end.sessionCipher().name() == name
        assert name in [cipher.name() for cipher in SslConfiguration.supportedCiphers()]
        assert end.sessionProtocol() is Protocol.DtlsV1_2


@pytest.mark.parametrize("serverDecides", [True, False])
def test_cipher_preferences(conversation: DtlsConversation, serverDecides: bool) -> None:
    """cipherPreferences: the server's order counts, unless it leaves that to the client."""
    ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]
    conversation.clientConfiguration.setCiphers(ciphers)
    conversation.serverConfiguration.setCiphers(ciphers[::-1])
    conversation.serverConfiguration.setSslOption(NO_SERVER_PREFERENCE, not serverDecides)
    conversation.establish()
    assert conversation.client.cipherName() == ciphers[1 if serverDecides else 0]


@pytest.mark.parametrize("server", [Protocol.DtlsV1_2, Protocol.DtlsV1_2OrLater, Protocol.SecureProtocols])
@pytest.mark.parametrize("client", [Protocol.DtlsV1_2, Protocol.DtlsV1_2OrLater, Protocol.SecureProtocols])
def test_protocol_version_matching(conversation: DtlsConversation, client: Protocol, server: Protocol) -> None:
    """protocolVersionMatching: every pair of names for DTLS 1.2 works."""
    conversation.clientConfiguration.setProtocol(client)
    conversation.serverConfiguration.setProtocol(server)
    peer = conversation.establish()
    assert conversation.client.sessionProtocol() is peer.sessionProtocol() is Protocol.DtlsV1_2


@pytest.mark.parametrize("abort", [True, False])
def test_verification_errors(conversation: DtlsConversation, abort: bool) -> None:
    """verificationErrors: aborting ends everything, ignoring and resuming completes; the errors stay readable."""
    conversation.showServer(conversation.pki.wrongHost)
    conversation.clientConfiguration.setCaCertificates([conversation.pki.otherCa.certificate])
    client = conversation.client
    client.setPauseMode(client.pauseMode().PauseOnSslErrors)
    conversation.connect()
    spin(lambda: len(client.sslHandshakeErrors()) > 1)
    found = client.sslHandshakeErrors()
    assert found[0].error() is QSslError.SslError.HostNameMismatch
    assert not client.isEncrypted()
    assert not client.peerCertificate().isNull()
    assert not client.resumeHandshake()  # nothing is ignored so far
    if abort:
        assert client.abortHandshake()
        assert client.status() is Status.Error
        assert client.sessionCipher().isNull()
        spin(lambda: conversation.server.statistics().failed == 1)
        return
    client.ignoreSslErrors(found)
    assert client.resumeHandshake()
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    assert client.sslHandshakeErrors() == found
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    talk(client, peer)


@pytest.mark.parametrize("enough", [True, False])
def test_preset_expected_errors(conversation: DtlsConversation, enough: bool) -> None:
    """presetExpectedErrors: a list that was set before has to cover everything that is found."""
    conversation.showServer(conversation.pki.selfSigned)
    certificate = SslCertificate(conversation.pki.selfSigned.certificate)
    expected = [SslError(QSslError.SslError.SelfSignedCertificate, certificate)]
    if not enough:
        expected = [SslError(QSslError.SslError.CertificateExpired, certificate)]
    conversation.client.ignoreSslErrors(expected)
    conversation.connect()
    ended = Status.Connected if enough else Status.Error
    spin(lambda: conversation.client.status() is ended)


SERVERS = [
    ("server", VerifyMode.AutoVerifyPeer, "", True),
    ("server", VerifyMode.VerifyPeer, "", True),
    ("server", VerifyMode.VerifyPeer, "stranger.example", False),
    ("selfSigned", VerifyMode.VerifyPeer, "", False),
    ("selfSigned", VerifyMode.QueryPeer, "", True),
    ("selfSigned", VerifyMode.VerifyNone, "", True),
    ("missingIntermediate", VerifyMode.AutoVerifyPeer, "", False),
]


@pytest.mark.parametrize(("identity", "mode", "name", "good"), SERVERS)
def test_verify_server_certificate(
    conversation: DtlsConversation, identity: str, mode: VerifyMode, name: str, good: bool
) -> None:
    """verifyServerCertificate: seven rows of a certificate, a mode, a name and the verdict."""
    conversation.showServer(getattr(conversation.pki, identity))
    conversation.clientConfiguration.setPeerVerifyMode(mode)
    conversation.connect(peerVerifyName=name)
    client = conversation.client
    spin(lambda: client.status() not in (Status.Disconnected, Status.Handshaking))
    assert client.isEncrypted() is good
    told = bool(conversation.arguments("client.sslErrors"))
    assert told is (not good or (identity == "selfSigned" and mode is VerifyMode.QueryPeer))
    if good:
        spin(conversation.server.hasPendingConnections)
        assert not client.peerCertificate().isNull()
    else:
        spin(lambda: bool(conversation.arguments("server.alertReceived")))  # Qt leaves the server in the dark


CLIENTS = {
    "none": lambda pki: None,
    "selfSigned": lambda pki: pki.selfSigned,
    "wrong usage": lambda pki: pki.server,
    "valid": lambda pki: pki.client,
    "unknown": lambda pki: pki.clientUnknownCa,
}
ACCEPTED = {
    VerifyMode.VerifyNone: set(CLIENTS),
    VerifyMode.QueryPeer: set(CLIENTS),
    VerifyMode.AutoVerifyPeer: set(CLIENTS),  # which is QueryPeer on a server
    VerifyMode.VerifyPeer: {"valid"},
}


@pytest.mark.parametrize("shown", list(CLIENTS))
@pytest.mark.parametrize("mode", list(ACCEPTED), ids=lambda mode: mode.name)
def test_verify_client_certificate(conversation: DtlsConversation, mode: VerifyMode, shown: str) -> None:
    """verifyClientCertificate: twenty rows of a mode and a certificate; the client hears of its rejection."""
    identity = CLIENTS[shown](conversation.pki)
    if identity is not None:
        conversation.showClient(identity)
    conversation.serverConfiguration.setCaCertificates([conversation.pki.ca.certificate])
    conversation.serverConfiguration.setPeerVerifyMode(mode)
    conversation.connect()
    client, server = conversation.client, conversation.server
    if shown in ACCEPTED[mode]:
        spin(lambda: client.isEncrypted() and server.hasPendingConnections())
        peer = server.nextPendingConnection()
        assert peer is not None
        asked = mode is not VerifyMode.VerifyNone and identity is not None
        chain = [each.toCryptography() for each in peer.peerCertificateChain()]
        # Whatever of the chain its own authorities complete is sent along.
        sent = list(identity.chain) if asked and identity is not None else []
        assert chain[: len(sent)] == sent
        assert bool(chain) is bool(sent)
    else:
        spin(lambda: server.statistics().failed == 1)
        assert conversation.arguments("server.sslErrors")
        spin(lambda: client.status() is Status.Error)
        assert conversation.arguments("client.alertReceived")
        assert not server.hasPendingConnections()


def test_read_write_encrypted(conversation: DtlsConversation) -> None:
    """readWriteEncrypted: nothing goes before the handshake; a replay gives nothing; the goodbye reaches the peer."""
    client = conversation.client
    for end in (client, DtlsPeer()):
        with pytest.raises(SecureError):
            end.writeDatagram(b"too early")
        assert end.readDatagram() == b""
    relay = relayed(conversation)
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    relay.tamper = lambda datagram, _: [datagram, datagram]
    talk(client, peer)
    for end in (client, peer):
        spin(lambda end=end: end.statistics().dropped.get("unauthentic", 0) > 0)  # type: ignore[misc]  # bound now
        assert not end.hasPendingDatagrams()
    relay.tamper = lambda datagram, _: [datagram]
    with pytest.raises(ValueError, match="empty"):
        client.writeDatagram(b"")
    client.close()
    assert client.status() is Status.Disconnected
    spin(lambda: peer.status() is Status.Disconnected)
    for end in (client, peer):
        assert end.error() is None
        with pytest.raises(SecureError):
            end.writeDatagram(b"too late")
    relay.close()


def test_the_servers_goodbye(conversation: DtlsConversation) -> None:
    """readWriteEncrypted: the other direction; Qt calls it RemoteClosedConnectionError, and it is no error here."""
    peer = conversation.establish()
    peer.close()
    spin(lambda: conversation.client.status() is Status.Disconnected)
    assert conversation.client.error() is None
    assert conversation.names("client")[-2:] == ["closed", "disconnected"]
    assert isValid(peer)


def test_datagram_fragmentation(conversation: DtlsConversation) -> None:
    """datagramFragmentation: 17 kB fit into no record; the association lives."""
    peer = conversation.establish()
    with pytest.raises(SecureError) as caught:
        conversation.client.writeDatagram(bytes(17 * 1024))
    assert caught.value.code is Code.MessageTooLarge
    talk(conversation.client, peer)
