"""qt-1.2: the server's part of a handshake, from accept to the queue."""

from __future__ import annotations

import os
import socket as native

import pytest
from PySide6.QtCore import QObject
from shiboken6 import delete, isValid

from qtsecure import SslServer, SslSocket
from qtsecure.testing.peers import HTTP_REQUEST, RawClient
from tests.net.conversation import Conversation, FakeClock, State, settle, spin
from tests.semantics.qt.support import SocketError, anotherClient

pytestmark = pytest.mark.usefixtures("transport_mode")

HELLO_BEGINS = b"\x16\x03\x01\x02\x00\x01\x00"


def test_qt_1_2_19_a_plaintext_client_is_told_to_the_program(conversation: Conversation) -> None:
    """Nothing goes to the client; errorOccurred says what it sent instead of TLS."""
    seen: list[tuple[SocketError, str]] = []
    conversation.server.errorOccurred.connect(lambda socket, error: seen.append((error, socket.errorString())))
    conversation.listen()
    with RawClient(conversation.server.serverPort(), HTTP_REQUEST) as client:
        client.waitForEnding()
    spin(lambda: bool(seen))
    assert [error for error, _ in seen] == [SocketError.SslHandshakeFailedError]
    assert "does not speak TLS" in seen[0][1]
    assert "HTTP" in seen[0][1]
    assert client.received == b""


def test_qt_1_2_21_the_first_byte_does_not_extend_the_deadline(conversation: Conversation, clock: FakeClock) -> None:
    """One deadline from accept to encrypted; Qt's begins anew with the first byte."""
    conversation.server.setHandshakeTimeout(5000)
    conversation.listen()
    with RawClient(conversation.server.serverPort()) as client:
        spin(lambda: conversation.server.statistics().handshaking == 1)
        clock.advance(4)
        client.send(HELLO_BEGINS)
        conversation.recorder.waitFor("server.startedEncryptionHandshake")
        assert conversation.recorder.count("server.errorOccurred") == 0
        clock.advance(1.1)
        client.waitForEnding()
    assert [args[1] for args in conversation.recorder.of("server.errorOccurred")] == [SocketError.SocketTimeoutError]


def test_qt_1_2_23_peer_facts_survive_a_timeout(conversation: Conversation, clock: FakeClock) -> None:
    """In the slot: Unconnected, the error with its text, and who it was."""
    seen: list[tuple[State, SocketError, str, int]] = []
    texts: list[str] = []

    def failed(socket: SslSocket, error: SocketError) -> None:
        seen.append((socket.state(), socket.error(), socket.peerAddress().toString(), socket.peerPort()))
        texts.append(socket.errorString())

    conversation.server.errorOccurred.connect(failed)
    conversation.listen()
    with RawClient(conversation.server.serverPort()) as client:
        port = client.localPort()
        spin(lambda: conversation.server.statistics().handshaking == 1)
        clock.advance(5.1)
        client.waitForEnding()
    assert seen == [(State.UnconnectedState, SocketError.SocketTimeoutError, "127.0.0.1", port)]
    assert "did not complete in time" in texts[0]


def test_qt_1_2_28_an_error_deletes_only_what_is_not_encrypted(conversation: Conversation) -> None:
    """A failed handshake's socket is valid in the slot and goes with the next turn; a queued one stays."""
    valid: list[bool] = []
    conversation.server.errorOccurred.connect(lambda socket, error: valid.append(isValid(socket)))
    conversation.listen()
    with RawClient(conversation.server.serverPort(), b"\x16\x03\x01\x00\x05hello") as client:
        client.waitForEnding()
        spin(lambda: bool(valid))
    settle()
    assert valid == [True]
    assert not isValid(conversation.accepted[0])
    peer = conversation.establish()
    conversation.client.abort()
    conversation.recorder.waitFor("accepted.disconnected", count=2)
    settle()
    assert isValid(peer)
    assert peer.error() == SocketError.RemoteHostClosedError


def test_qt_1_2_31_an_override_without_queueing(qapp: QObject) -> None:
    """newConnection comes all the same, and nothing is queued."""
    taken: list[int] = []

    class Diverting(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            taken.append(socketDescriptor)
            os.close(socketDescriptor)

    server = Diverting()
    told: list[int] = []
    server.newConnection.connect(lambda: told.append(1))
    assert server.listen("127.0.0.1", 0)
    with native.create_connection(("127.0.0.1", server.serverPort())) as client:
        spin(lambda: bool(told))
        client.settimeout(5)
        assert client.recv(1) == b""
    assert len(taken) == len(told) == 1
    assert not server.hasPendingConnections()
    assert server.statistics().handshaking == 0
    server.close()


def test_qt_1_2_31_an_override_that_calls_the_base(conversation: Conversation) -> None:
    """It may look on: the handshake goes its way (the conversation's server is such an override)."""
    assert type(conversation.server) is not SslServer
    assert conversation.establish().isEncrypted()
    assert len(conversation.accepted) == 1


def test_qt_1_2_32_sockets_die_with_the_server(conversation: Conversation) -> None:
    """In whatever station: in the handshake, queued, fetched."""
    server = conversation.server
    fetched = conversation.establish()
    queued = anotherClient(conversation)
    queued.setParent(None)
    spin(server.hasPendingConnections)
    with RawClient(server.serverPort(), HELLO_BEGINS) as client:
        spin(lambda: server.statistics().handshaking == 1)
        assert [socket.parent() for socket in conversation.accepted] == [server] * 3
        delete(server)
        assert [isValid(socket) for socket in conversation.accepted] == [False] * 3
        assert not isValid(fetched)
        client.waitForEnding()
    spin(lambda: queued.state() == conversation.client.state() == State.UnconnectedState)


def test_qt_1_2_33_a_fetched_socket_may_get_another_parent(conversation: Conversation) -> None:
    """Then it outlives the server."""
    peer = conversation.establish()
    owner = QObject()
    peer.setParent(owner)
    delete(conversation.server)
    assert isValid(peer)
    conversation.client.write(b"hello")
    spin(lambda: peer.bytesAvailable() == 5)
    delete(owner)
    assert not isValid(peer)


def test_qt_1_2_33_an_override_may_give_the_descriptor_away(conversation: Conversation) -> None:
    """A socket without any server makes the handshake with it, in whatever thread it lives."""
    made: list[SslSocket] = []

    class Handing(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            socket = SslSocket()
            socket.setSslConfiguration(conversation.serverConfiguration)
            assert socket.setSocketDescriptor(socketDescriptor)
            socket.startServerEncryption()
            made.append(socket)

    server = Handing()
    assert server.listen("127.0.0.1", 0)
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: client.isEncrypted() and made[0].isEncrypted())
    server.close()
    assert made[0].isEncrypted()
    made[0].abort()
