"""shutdownWrite(): the own direction ends, the other goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QIODevice, QObject

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import TruncatingServer
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])


@both_versions
def test_the_peer_gets_everything_and_may_answer(make_conversation: MakeConversation, version: str) -> None:
    """Data, close_notify, and then a mebibyte the other way."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    client = conversation.client
    conversation.recorder.clear()
    question, answer = b"q" * 300_000, bytes(1 << 20)
    client.write(question)
    client.shutdownWrite()
    assert client.write(b"too late") == -1
    assert not client.isWritable()
    assert client.openMode() == QIODevice.OpenModeFlag.ReadOnly
    assert client.state() == State.ConnectedState

    def respond() -> None:
        if peer.bytesAvailable() == len(question):
            peer.write(answer)

    peer.readyRead.connect(respond)
    # The peer of these tests is ours, which ends as soon as it hears close_notify and has sent the rest.
    respond()
    spin(lambda: peer.bytesAvailable() == len(question))
    conversation.waitForClientEnd()
    assert client.readBytes() == answer
    assert peer.peerClosedCleanly()
    assert client.peerClosedCleanly()
    assert [args[1].name for args in conversation.recorder.of("client.alertSent")] == ["CloseNotify"]
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]


@pytest.fixture
def patientServer() -> Iterator[socket.socket]:
    """Plain TCP: answers only when it has seen the client's end."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        with connection:
            received = bytearray()
            while data := connection.recv(65536):
                received += data
            connection.sendall(b"%d bytes" % len(received))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener
    thread.join(15)
    listener.close()


@pytest.mark.parametrize("when", ["connecting", "connected"])
def test_without_tls_the_end_is_a_fin(qapp: QObject, patientServer: socket.socket, when: str) -> None:
    """The peer answers what it has counted, after it has seen the end."""
    client = SslSocket()
    client.connectToHost("127.0.0.1", patientServer.getsockname()[1])
    if when == "connected":
        spin(lambda: client.state() == State.ConnectedState)
    client.write(bytes(500_000))
    client.shutdownWrite()
    spin(lambda: client.state() == State.UnconnectedState)
    assert client.readBytes() == b"500000 bytes"


@both_versions
@pytest.mark.parametrize("data", [b"", b"early"])
def test_before_the_handshake(make_conversation: MakeConversation, version: str, data: bytes) -> None:
    """Takes effect when the handshake is complete, with or without anything to send."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.connect()
    conversation.client.write(data)
    conversation.client.shutdownWrite()
    conversation.recorder.waitFor("server.pendingConnectionAvailable")
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.readBytes() == data
    assert peer.peerClosedCleanly()


def test_inside_the_engine(make_conversation: MakeConversation) -> None:
    """In a slot that OpenSSL waits for it is noted."""
    conversation = make_conversation()
    conversation.clientConfiguration.setCaCertificates([])
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    client = conversation.client

    def slot(error: object) -> None:
        client.shutdownWrite()
        client.continueInterruptedHandshake()

    client.handshakeInterruptedOnError.connect(slot)
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
    conversation.connect()
    conversation.recorder.waitFor("server.pendingConnectionAvailable")
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(lambda: peer.peerClosedCleanly())


@pytest.mark.parametrize("end", ["disconnectFromHost", "close", "abort"])
def test_ending_afterwards(conversation: Conversation, end: str) -> None:
    """The rest of the end says nothing twice."""
    peer = conversation.establish()
    client = conversation.client
    client.write(b"all")
    client.shutdownWrite()
    spin(lambda: conversation.recorder.count("client.alertSent") == 1 and not client.encryptedBytesToWrite())
    getattr(client, end)()
    conversation.waitForClientEnd()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.readBytes() == b"all"
    assert peer.peerClosedCleanly()
    assert conversation.recorder.count("client.alertSent") == 1
    assert conversation.recorder.count("client.disconnected") == 1


def test_truncation_after_the_own_end(conversation: Conversation) -> None:
    """A peer that just ends TCP is not clean, also when our direction has ended before."""
    with TruncatingServer(conversation.pki.server, b"half of it") as server:
        client = conversation.client
        client.setSslConfiguration(conversation.clientConfiguration)
        client.encrypted.connect(client.shutdownWrite)
        client.connectToHostEncrypted("127.0.0.1", server.port)
        conversation.recorder.waitFor("client.disconnected")
        server.takeErrors()
    assert client.readBytes() == b"half of it"
    assert not client.peerClosedCleanly()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert "data may be missing" in client.errorString()


def test_reuse_after_it(conversation: Conversation) -> None:
    """The next connection may be written to."""
    conversation.establish()
    conversation.client.shutdownWrite()
    conversation.client.abort()
    peer = conversation.establish()
    assert conversation.client.write(b"again") == 5
    spin(lambda: peer.bytesAvailable() == 5)


def test_without_a_connection(qapp: QObject) -> None:
    """A warning, and nothing else."""
    socket = SslSocket()
    socket.shutdownWrite()
    assert socket.state() == State.UnconnectedState
    settle()


def test_it_means_nothing_while_closing(conversation: Conversation) -> None:
    """The end is under way, and what is written until then is still delivered (qt-1.7#75)."""
    peer = conversation.establish()
    client = conversation.client
    client.write(bytes(4 << 20))
    client.disconnectFromHost()
    assert client.state() == State.ClosingState
    client.shutdownWrite()
    assert client.isWritable()
    assert client.write(b"last words") == 10
    spin(lambda: client.state() == State.UnconnectedState and peer.state() == State.UnconnectedState)
    assert peer.readBytes().endswith(b"last words")
