"""Pre-shared keys through sockets and servers: who is asked, when, how often, and what becomes of the key."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCryptographicHash

from qtsecure import PreSharedKeyAuthenticator, SecureError, SslConfiguration, SslSocket
from tests.net.conversation import PROTOCOLS, Conversation, Error, VerifyMode, spin

IDENTITY = b"sensor"
KEY = bytes(range(32))
Algorithm = QCryptographicHash.Algorithm


class Keys:
    """Gives keys to both ends of a conversation, and remembers who asked.

    Attributes:
        asked: In order: who asked, the hint, and the identity.
        client: What the client answers: identity and key.
        server: What the server knows.
        algorithm: The hash that both say.
    """

    def __init__(self, conversation: Conversation, version: str | None) -> None:
        self.asked: list[tuple[str, bytes, bytes]] = []
        self.authenticators: list[PreSharedKeyAuthenticator] = []
        self.client = (IDENTITY, KEY)
        self.server = {IDENTITY: KEY}
        self.algorithm = Algorithm.Sha256
        self.errors: list[Exception] = []
        conversation.serverConfiguration = SslConfiguration()
        conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
        conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
        if version is not None:
            conversation.serverConfiguration.setProtocol(PROTOCOLS[version])
            conversation.clientConfiguration.setProtocol(PROTOCOLS[version])
        conversation.client.preSharedKeyAuthenticationRequired.connect(self._askedByClient)
        conversation.server.preSharedKeyAuthenticationRequired.connect(self._askedByServer)

    def _note(self, who: str, authenticator: PreSharedKeyAuthenticator) -> None:
        self.asked.append((who, authenticator.identityHint().data(), authenticator.identity().data()))
        self.authenticators.append(authenticator)
        authenticator.setHashAlgorithm(self.algorithm)

    def _askedByClient(self, authenticator: PreSharedKeyAuthenticator) -> None:
        self._note("client", authenticator)
        identity, key = self.client
        try:
            authenticator.setIdentity(identity)
        except ValueError as error:
            self.errors.append(error)
        authenticator.setPreSharedKey(key)

    def _askedByServer(self, socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        self._note("server", authenticator)
        key = self.server.get(authenticator.identity().data())
        if key is not None:
            authenticator.setPreSharedKey(key)


@pytest.mark.parametrize("version", ["1.2", "1.3", None])
def test_qt_1_5_61_order(conversation: Conversation, transport_mode: str, version: str | None) -> None:
    """The client is asked first, then the server, each exactly once; then the connection is queued."""
    keys = Keys(conversation, version)
    conversation.establish()
    assert keys.asked == [("client", b"", b""), ("server", b"", IDENTITY)]
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 1
    assert conversation.recorder.count("client.encrypted") == 1
    assert conversation.recorder.count("client.errorOccurred") == 0
    assert conversation.client.peerCertificate().isNull()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_qt_1_5_65_authenticators_end_with_the_slot(conversation: Conversation, version: str) -> None:
    """Afterwards they hold no key, and take none."""
    keys = Keys(conversation, version)
    conversation.establish()
    for authenticator in keys.authenticators:
        assert not authenticator.isValid()
        assert authenticator.preSharedKey().isEmpty()
        with pytest.raises(SecureError, match="inside the slot"):
            authenticator.setPreSharedKey(KEY)


@pytest.mark.parametrize("identity", [b"sen\0sor", b"\0", b"sensor\0", bytes(range(256))[:255]])
def test_binary_identities(conversation: Conversation, identity: bytes) -> None:
    """TLS 1.3 carries any bytes."""
    keys = Keys(conversation, "1.3")
    keys.client, keys.server = (identity, KEY), {identity: KEY}
    conversation.establish()
    assert keys.asked == [("client", b"", b""), ("server", b"", identity)]
    assert keys.errors == []


def test_tls_1_2_refuses_a_nul(conversation: Conversation) -> None:
    """Where it can only be TLS 1.2, the setter says so; nothing is connected with half an identity."""
    keys = Keys(conversation, "1.2")
    keys.client, keys.server = (b"sensor\0", KEY), {b"sensor": KEY}
    conversation.connect()
    conversation.waitForClientEnd()
    assert len(keys.errors) == 1
    assert "only TLS 1.3" in str(keys.errors[0])
    assert conversation.recorder.count("client.encrypted") == 0


def test_a_nul_and_a_server_of_tls_1_2(conversation: Conversation) -> None:
    """The setter could not know; the handshake fails rather than cutting the identity off."""
    keys = Keys(conversation, "1.2")
    conversation.clientConfiguration.setProtocol(SslConfiguration().protocol())
    keys.client, keys.server = (b"sensor\0", KEY), {b"sensor": KEY}
    conversation.connect()
    conversation.waitForClientEnd()
    assert keys.errors == []
    assert [who for who, _, _ in keys.asked] == ["client"]
    assert conversation.recorder.count("client.encrypted") == 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sha384(conversation: Conversation, version: str) -> None:
    """A key for SHA-384 uses the suite for it."""
    keys = Keys(conversation, version)
    keys.algorithm = Algorithm.Sha384
    peer = conversation.establish()
    if version == "1.3":
        assert peer.sessionCipher().name() == "TLS_AES_256_GCM_SHA384"
    assert [who for who, _, _ in keys.asked] == ["client", "server"]


@pytest.mark.parametrize(("version", "alert"), [("1.2", 20), ("1.3", 51)])
def test_wrong_key(conversation: Conversation, transport_mode: str, version: str, alert: int) -> None:
    """Both ends fail, and their sentences speak of keys."""
    keys = Keys(conversation, version)
    keys.server = {IDENTITY: KEY[::-1]}
    texts: list[str] = []
    conversation.server.errorOccurred.connect(lambda socket, _: texts.append(socket.errorString()))
    conversation.connect()
    conversation.waitForClientEnd()
    spin(lambda: bool(texts))
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]
    texts.append(conversation.client.errorString())
    assert all("key" in text for text in texts)
    received = conversation.recorder.of("client.alertReceived")
    assert [record[1].value for record in received] == [alert]  # type: ignore[attr-defined]  # a signal's argument


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_certificate_instead_of_the_key(conversation: Conversation, version: str) -> None:
    """A server that shows its certificate instead: only for a client that verifies it."""
    serverConfiguration = conversation.serverConfiguration
    keys = Keys(conversation, version)
    conversation.serverConfiguration = serverConfiguration
    conversation.serverConfiguration.setProtocol(PROTOCOLS[version])
    conversation.serverConfiguration.setCiphers("TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    keys.server = {}
    conversation.connect()
    conversation.waitForClientEnd()
    assert "did not use the pre-shared key" in conversation.client.errorString()
    assert conversation.recorder.count("client.encrypted") == 0
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.client.setPeerVerifyName("localhost")
    peer = conversation.establish()
    assert not conversation.client.peerCertificate().isNull()
    peer.abort()


def test_every_connection_asks_anew(conversation: Conversation) -> None:
    """The same socket again: nothing is remembered."""
    keys = Keys(conversation, "1.3")
    for _ in range(2):
        conversation.establish()
        conversation.client.abort()
        conversation.waitForServerEnd()
    assert [who for who, _, _ in keys.asked] == ["client", "server"] * 2


def test_algorithm_is_checked() -> None:
    """Two hashes belong to suites of TLS 1.3."""
    authenticator = PreSharedKeyAuthenticator.forClient()
    assert authenticator.hashAlgorithm() is Algorithm.Sha256
    authenticator.setHashAlgorithm(Algorithm.Sha384)
    assert authenticator.hashAlgorithm() is Algorithm.Sha384
    with pytest.raises(ValueError, match="Sha256 or Sha384"):
        authenticator.setHashAlgorithm(Algorithm.Sha1)
    with pytest.raises(TypeError, match="algorithm"):
        authenticator.setHashAlgorithm("sha256")  # type: ignore[arg-type]  # the mistake under test
