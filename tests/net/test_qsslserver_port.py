"""The cases of Qt's own tests of QSslServer, in our words, over both transports."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSsl, QSslError
from shiboken6 import isValid

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslError
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, Error, FakeClock, State, VerifyMode, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


def test_one_successful_connection(conversation: Conversation) -> None:
    """Only startedEncryptionHandshake and pendingConnectionAvailable tell of a good client, once each."""
    conversation.showServer(conversation.pki.selfSigned)
    ignored: list[QSslError.SslError] = []

    def ignore(errors: list[SslError]) -> None:
        ignored.extend(error.error() for error in errors)
        conversation.client.ignoreSslErrors()

    conversation.client.sslErrors.connect(ignore)
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    assert ignored
    assert conversation.story("server") == [
        "newConnection",
        "startedEncryptionHandshake",
        "pendingConnectionAvailable",
    ]


def test_self_signed_certificate_rejected_by_server(conversation: Conversation) -> None:
    """A server that verifies tells sslErrors, peerVerifyError, errorOccurred and alertSent once, and queues nothing."""
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.connect()
    conversation.recorder.waitFor("client.disconnected")
    conversation.recorder.waitFor("server.errorOccurred")
    count = conversation.recorder.count
    assert count("server.sslErrors") == 1
    assert count("server.peerVerifyError") == len(conversation.recorder.of("server.sslErrors")[0][1])
    assert count("server.errorOccurred") == 1
    assert count("server.alertSent") == 1
    assert count("server.pendingConnectionAvailable") == 0
    assert not conversation.server.hasPendingConnections()
    assert conversation.client.state() == State.UnconnectedState


def test_self_signed_certificate_rejected_by_client(conversation: Conversation) -> None:
    """A client that interrupts on errors rejects an untrusted server, which hears one alert."""
    conversation.clientConfiguration.setCaCertificates([])
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.connect()
    conversation.recorder.waitFor("server.alertReceived")
    conversation.recorder.waitFor("server.errorOccurred")
    conversation.waitForClientEnd()
    assert conversation.recorder.count("client.handshakeInterruptedOnError") == 1
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]
    assert conversation.recorder.count("server.alertReceived") == 1
    assert conversation.recorder.count("client.encrypted") == 0
    assert not conversation.server.hasPendingConnections()


def test_handshake_interrupted_on_error(conversation: Conversation) -> None:
    """A server in the early mode interrupts, sends an alert and fails, without the late signals."""
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.serverConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.connect()
    conversation.recorder.waitFor("client.disconnected")
    conversation.recorder.waitFor("server.errorOccurred")
    count = conversation.recorder.count
    assert count("server.handshakeInterruptedOnError") == 1
    assert count("server.alertSent") == 1
    assert count("server.errorOccurred") == 1
    assert count("server.sslErrors") == 0
    assert count("server.peerVerifyError") == 0
    assert count("server.pendingConnectionAvailable") == 0


def test_pre_shared_key_authentication_required(conversation: Conversation) -> None:
    """Hint and identity travel, both ends set the key, and the server queues the connection."""
    hint, identity, key = b"use the blue key", b"Client 1", bytes(range(32))
    asked: list[tuple[str, bytes, bytes]] = []

    def clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
        asked.append(("client", bytes(authenticator.identityHint().data()), b""))
        authenticator.setIdentity(identity)
        authenticator.setPreSharedKey(key)

    def serverKey(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        asked.append(("server", bytes(authenticator.identityHint().data()), bytes(authenticator.identity().data())))
        assert authenticator.maximumIdentityLength() == 0
        authenticator.setPreSharedKey(key)

    conversation.client.preSharedKeyAuthenticationRequired.connect(clientKey)
    conversation.server.preSharedKeyAuthenticationRequired.connect(serverKey)
    conversation.client.sslErrors.connect(lambda errors: conversation.client.ignoreSslErrors())
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol.TlsV1_2)
        configuration.setCiphers("DHE-PSK-AES256-GCM-SHA384")
    conversation.serverConfiguration.setPreSharedKeyIdentityHint(hint)
    peer = conversation.establish()
    assert [entry for entry in asked if entry[0] == "server"] == [("server", hint, identity)]
    assert ("client", hint, b"") in asked
    assert "PSK" in peer.sessionCipher().name()
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 1
    assert conversation.recorder.count("server.errorOccurred") == 0


def test_plaintext_client(conversation: Conversation) -> None:
    """A client that says nothing stays; its first bytes that are not TLS end the connection."""
    conversation.listen()
    with RawClient(conversation.server.serverPort()) as client:
        conversation.recorder.waitFor("server.newConnection")
        settle()
        assert client.ending == "open"
        client.send(b"Hello, I would like to talk plainly.\r\n")
        client.waitForEnding()
        spin(lambda: conversation.server.statistics().handshaking == 0)
    settle()
    assert not conversation.server.hasPendingConnections()
    assert conversation.recorder.count("server.startedEncryptionHandshake") == 0
    assert conversation.recorder.count("server.alertSent") == 0
    assert not isValid(conversation.accepted[0])


def test_quiet_client(conversation: Conversation) -> None:
    """A client that never speaks is disconnected at the handshake time-out, and the slot can tell which it was."""
    conversation.server.setHandshakeTimeout(200)
    seen: list[tuple[int, State, str, Error]] = []

    def failed(socket: SslSocket, error: Error) -> None:
        seen.append((socket.peerPort(), socket.state(), socket.errorString(), error))

    conversation.server.errorOccurred.connect(failed)
    conversation.listen()
    with RawClient(conversation.server.serverPort()) as client:
        port = client.localPort()
        client.waitForEnding()
    assert len(seen) == 1
    assert seen[0][0] == port != 0
    assert seen[0][1] == State.UnconnectedState
    assert "time" in seen[0][2]
    assert seen[0][3] == Error.SocketTimeoutError
    settle()
    assert not isValid(conversation.accepted[0])


def test_two_good_and_many_bad_clients(conversation: Conversation, clock: FakeClock) -> None:
    """Slow clients fill the limit of handshakes; when they time out, later good clients get in."""
    conversation.server.setHandshakeTimeout(750)
    conversation.server.setMaxHandshakingConnections(5)
    conversation.listen()
    port = conversation.server.serverPort()
    first = _goodClient(conversation)
    spin(lambda: first.isEncrypted() and conversation.server.statistics().pending == 1)
    bad = [RawClient(port, b"\x16\x03\x01\x02\x00") for _ in range(8)]
    second = _goodClient(conversation, connect=False)
    try:
        for client in bad:
            client.start()
        spin(lambda: conversation.server.statistics().handshaking == 5)
        settle()
        assert conversation.server.statistics().handshaking == 5  # the others wait in the kernel
        second.connectToHostEncrypted("127.0.0.1", port)
        settle()
        assert not second.isEncrypted()
        clock.advance(0.76)
        spin(lambda: second.isEncrypted() and conversation.server.statistics().pending == 2)
    finally:
        for client in bad:
            client.stop()
    for good in (first, second):
        good.abort()
        good.deleteLater()
    QCoreApplication.processEvents()


def _goodClient(conversation: Conversation, *, connect: bool = True) -> SslSocket:
    client = SslSocket()
    client.setSslConfiguration(conversation.clientConfiguration)
    if connect:
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    return client


def test_alert_levels_are_qt_values(conversation: Conversation) -> None:
    """The alert that a rejected client hears has Qt's types."""
    conversation.clientConfiguration.setCaCertificates([])
    conversation.connect()
    conversation.waitForClientEnd()
    level, kind, text = conversation.recorder.of("client.alertSent")[0]
    assert level is QSsl.AlertLevel.Fatal
    assert isinstance(kind, QSsl.AlertType)
    assert isinstance(text, str)
    assert text
