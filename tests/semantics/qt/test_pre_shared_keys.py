"""qt-1.5: pre-shared keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslError

from qtsecure import PreSharedKeyAuthenticator, Protocol, SecureError, SslConfiguration, SslSocket
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, State, VerifyMode, settle, spin
from tests.semantics.qt.support import SocketError

KEY = bytes(range(32))
IDENTITY = b"Client 1"
HINT = b"the blue one"


class Keys:
    """A conversation with pre-shared keys in TLS 1.2, and what was asked in which order."""

    def __init__(self, conversation: Conversation, cipher: str = "DHE-PSK-AES256-GCM-SHA384") -> None:
        self.conversation = conversation
        self.clientKey: bytes | None = KEY
        self.serverKey: bytes | None = KEY
        self.order: list[str] = []
        self.asked: dict[str, PreSharedKeyAuthenticator] = {}
        self.seen: dict[str, tuple[bytes, bytes, int, int]] = {}
        conversation.serverConfiguration = SslConfiguration()
        for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
            configuration.setProtocol(Protocol.TlsV1_2)
            configuration.setCiphers(cipher)
            configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
        conversation.serverConfiguration.setPreSharedKeyIdentityHint(HINT)
        conversation.client.preSharedKeyAuthenticationRequired.connect(self._client)
        conversation.server.preSharedKeyAuthenticationRequired.connect(self._server)
        conversation.server.pendingConnectionAvailable.connect(lambda: self.order.append("queued"))

    def _note(self, role: str, authenticator: PreSharedKeyAuthenticator) -> None:
        self.order.append(role)
        self.asked[role] = authenticator
        self.seen[role] = (
            bytes(authenticator.identityHint().data()),
            bytes(authenticator.identity().data()),
            authenticator.maximumIdentityLength(),
            authenticator.maximumPreSharedKeyLength(),
        )

    def _client(self, authenticator: PreSharedKeyAuthenticator) -> None:
        self._note("client", authenticator)
        authenticator.setIdentity(IDENTITY)
        if self.clientKey is not None:
            authenticator.setPreSharedKey(self.clientKey)

    def _server(self, socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        self._note("server", authenticator)
        if self.serverKey is not None:
            authenticator.setPreSharedKey(self.serverKey)

    def alerts(self, owner: str) -> list[QSsl.AlertType]:
        """The types of the alerts of one signal."""
        return [args[-2] for args in self.conversation.recorder.of(owner)]


@pytest.fixture
def keys(conversation: Conversation) -> Keys:
    return Keys(conversation)


def test_qt_1_5_59_what_a_client_is_asked(keys: Keys) -> None:
    """The server's hint and Qt's limits."""
    keys.conversation.establish()
    assert keys.seen["client"] == (HINT, b"", 255, 512)


@pytest.mark.parametrize(
    ("method", "value"), [("setIdentity", b"i" * 256), ("setPreSharedKey", b"k" * 513), ("setPreSharedKey", b"")]
)
def test_qt_1_5_59_what_does_not_fit_raises(keys: Keys, method: str, value: bytes) -> None:
    """Qt cuts it off and fails later."""
    messages: list[str] = []

    def ask(authenticator: PreSharedKeyAuthenticator) -> None:
        with pytest.raises(ValueError, match=r"identity|key") as failure:
            getattr(authenticator, method)(value)
        messages.append(str(failure.value))

    keys.conversation.client.preSharedKeyAuthenticationRequired.connect(ask)
    keys.conversation.establish()  # with the values that were set before
    assert len(messages) == 1
    assert value.decode() not in messages[0] or not value


def test_qt_1_5_60_what_a_server_is_asked(keys: Keys) -> None:
    """Its own hint, the client's identity, which it cannot change, and the limit of the key."""
    refused: list[str] = []

    def ask(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        with pytest.raises(ValueError, match="identity") as failure:
            authenticator.setIdentity(b"me")
        refused.append(str(failure.value))

    keys.conversation.server.preSharedKeyAuthenticationRequired.connect(ask)
    keys.conversation.establish()
    assert keys.seen["server"] == (HINT, IDENTITY, 0, 512)
    assert len(refused) == 1


def test_qt_1_5_61_the_order(keys: Keys) -> None:
    """The client is asked, then the server, then the connection is queued; each once."""
    keys.conversation.establish()
    assert keys.order == ["client", "server", "queued"]
    assert keys.conversation.client.sessionCipher().name() == "DHE-PSK-AES256-GCM-SHA384"


def test_qt_1_5_62_no_key_on_the_client(keys: Keys) -> None:
    """handshake_failure goes to the server."""
    keys.clientKey = None
    keys.conversation.connect()
    keys.conversation.waitForClientEnd()
    keys.conversation.recorder.waitFor("server.errorOccurred")
    assert keys.alerts("client.alertSent") == [QSsl.AlertType.HandshakeFailure]
    assert keys.alerts("server.alertReceived") == [QSsl.AlertType.HandshakeFailure]
    assert keys.conversation.recorder.of("client.errorOccurred") == [(SocketError.SslHandshakeFailedError,)]


def test_qt_1_5_62_no_key_on_the_server(keys: Keys) -> None:
    """unknown_psk_identity goes to the client."""
    keys.serverKey = None
    keys.conversation.connect()
    keys.conversation.waitForClientEnd()
    assert keys.alerts("server.alertSent") == [QSsl.AlertType.UnknownPskIdentity]
    assert keys.alerts("client.alertReceived") == [QSsl.AlertType.UnknownPskIdentity]
    assert keys.conversation.recorder.of("client.errorOccurred") == [(SocketError.SslHandshakeFailedError,)]


def test_qt_1_5_62_another_key(make_conversation: MakeConversation) -> None:
    """The server cannot authenticate the client's Finished: bad_record_mac."""
    keys = Keys(make_conversation(), "PSK-AES256-CBC-SHA")
    keys.serverKey = KEY[::-1]
    keys.conversation.connect()
    keys.conversation.waitForClientEnd()
    assert keys.alerts("server.alertSent") == [QSsl.AlertType.BadRecordMac]
    assert keys.alerts("client.alertReceived") == [QSsl.AlertType.BadRecordMac]
    assert not keys.conversation.server.hasPendingConnections()


@pytest.mark.parametrize("ignores", [True, False])
def test_qt_1_5_63_a_verifying_client_misses_the_certificate(keys: Keys, ignores: bool) -> None:
    """NoPeerCertificate comes at the end and has to be ignored."""
    conversation = keys.conversation
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.AutoVerifyPeer)
    codes: list[QSslError.SslError] = []

    def answer(errors: list[object]) -> None:
        codes.extend(error.error() for error in errors)  # type: ignore[attr-defined]  # SslError
        if ignores:
            conversation.client.ignoreSslErrors()

    conversation.client.sslErrors.connect(answer)
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() or conversation.client.state() == State.UnconnectedState)
    assert codes == [QSslError.SslError.NoPeerCertificate]
    assert conversation.client.isEncrypted() is ignores
    assert conversation.recorder.count("client.errorOccurred") == (0 if ignores else 1)
    if not ignores:
        spin(lambda: bool(keys.alerts("server.alertReceived")))
        assert keys.alerts("client.alertSent") == [QSsl.AlertType.HandshakeFailure]
        assert keys.alerts("server.alertReceived") == [QSsl.AlertType.HandshakeFailure]


def test_qt_1_5_64_no_hint_in_tls_1_3(make_conversation: MakeConversation) -> None:
    """Both ends are asked for an external key without any environment variable; there is no hint on the wire."""
    conversation = make_conversation(PROTOCOLS["1.3"])
    keys = Keys(conversation)
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol.TlsV1_3)
        configuration.setCiphers("TLS_AES_128_GCM_SHA256")
    peer = conversation.establish()
    assert keys.order == ["client", "server", "queued"]
    assert keys.seen["client"] == (b"", b"", 255, 512)
    assert keys.seen["server"][1] == IDENTITY
    assert peer.sessionProtocol() == Protocol.TlsV1_3
    assert peer.peerCertificate().isNull()
    assert conversation.client.peerCertificate().isNull()


@pytest.mark.parametrize("role", ["client", "server"])
def test_qt_1_5_65_the_authenticator_ends_with_the_slot(keys: Keys, role: str) -> None:
    """Afterwards it refuses and its key is wiped; Qt's pointer dangles."""
    keys.conversation.establish()
    settle()
    authenticator = keys.asked[role]
    assert not authenticator.isValid()
    assert authenticator.preSharedKey() == QByteArray()
    with pytest.raises(SecureError, match="no longer waits"):
        authenticator.setPreSharedKey(KEY)
