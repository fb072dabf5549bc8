"""Where a DtlsServer listens, what close() ends and what it leaves, ports and sockets that are shared."""

from __future__ import annotations

import os
import socket as native
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QThread
from PySide6.QtNetwork import QHostAddress, QUdpSocket
from shiboken6 import delete, isValid

from qtsecure import DtlsPeer, DtlsServer, SecureError
from qtsecure.engine.dtls.wire import HandshakeType
from tests.net.conversation import assertNoneLeft, deleteEverything, openDescriptors, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status, closeAll, connectMany
from tests.net.dtls.wires import RawClient

needs_reuse_port = pytest.mark.skipif(not hasattr(native, "SO_REUSEPORT"), reason="needs SO_REUSEPORT")


def talk(client: DtlsPeer, peer: DtlsPeer) -> None:
    """A message there, and one back."""
    client.writeDatagram(b"there")
    spin(peer.hasPendingDatagrams)
    peer.writeDatagram(peer.readDatagram())
    spin(client.hasPendingDatagrams)
    assert client.readDatagram() == b"there"


def test_closing_leaves_the_fetched_peers_alone(conversation: DtlsConversation) -> None:
    """Everybody else is said goodbye to; nobody new is let in; the last fetched peer takes the socket with it."""
    fetched = conversation.establish()
    clients = connectMany(conversation, 2)
    spin(lambda: conversation.server.statistics().pending == 2)
    port = conversation.server.serverPort()
    conversation.server.close()
    assert (conversation.server.serverPort(), conversation.server.isListening()) == (0, False)
    assert not conversation.server.hasPendingConnections()
    spin(lambda: all(client.status() is Status.Disconnected for client in clients))
    deleteEverything()
    assert conversation.server.findChildren(DtlsPeer) == [fetched]
    talk(conversation.client, fetched)
    assert conversation.server.statistics().live == 1

    late = DtlsPeer()
    late.setSslConfiguration(conversation.clientConfiguration)
    late.connectToHost("127.0.0.1", port)
    spin(lambda: conversation.server.statistics().dropped.get("not listening", 0) > 0)
    assert conversation.server.statistics().accepted == 3
    late.abort()

    before = openDescriptors()
    fetched.close()
    spin(lambda: conversation.client.status() is Status.Disconnected)
    settle()
    assert len(before - openDescriptors()) >= 2  # this one and the client's
    assertNoneLeft(before, "socket:")
    assert conversation.server.statistics().live == 0
    closeAll(clients)


@pytest.mark.parametrize("failed", [False, True])
def test_closing_without_peers_frees_the_port(conversation: DtlsConversation, failed: bool) -> None:
    """Also when the last alert of a failed handshake would be repeated for a while."""
    port = conversation.listen()
    if failed:
        conversation.demandClientCertificate()
        conversation.server.setSslConfiguration(conversation.serverConfiguration)
        conversation.connect()
        spin(lambda: conversation.server.statistics().failed == 1)
    conversation.server.close()
    conversation.server.close()
    other = native.socket(native.AF_INET, native.SOCK_DGRAM)
    other.bind(("127.0.0.1", port))
    other.close()


def test_handshakes_are_ended_by_closing(conversation: DtlsConversation) -> None:
    conversation.server.newConnection.connect(conversation.server.close)
    conversation.connect()
    spin(lambda: not conversation.server.isListening())
    settle()
    assert conversation.server.statistics().failed == 1
    assert conversation.server.statistics().live == 0
    deleteEverything()
    assert conversation.server.findChildren(DtlsPeer) == []


def test_listening_again_at_the_same_place(conversation: DtlsConversation) -> None:
    """The socket that the fetched peers have kept open goes on to serve."""
    fetched = conversation.establish()
    port = conversation.server.serverPort()
    descriptor = conversation.server.socketDescriptor()
    conversation.server.close()
    assert conversation.server.listen("127.0.0.1", port)
    assert conversation.server.socketDescriptor() == descriptor
    talk(conversation.client, fetched)
    other = conversation.makeClient("other")
    conversation.establish(other)
    other.close()


def test_listening_again_elsewhere(conversation: DtlsConversation) -> None:
    """Peers of both sockets are counted, and end with the server."""
    fetched = conversation.establish()
    conversation.server.close()
    conversation.listen()
    other = conversation.makeClient("other")
    conversation.establish(other)
    talk(conversation.client, fetched)
    assert conversation.server.statistics().live == 2
    delete(conversation.server)
    assert not isValid(fetched)
    spin(lambda: conversation.client.status() is other.status() is Status.Disconnected)


def test_a_restarted_client_of_a_closed_server_stays_outside(conversation: DtlsConversation) -> None:
    """Its old association lives on until it idles out."""
    fetched = conversation.establish()
    port, own = conversation.server.serverPort(), conversation.client.localPort()
    conversation.server.close()
    conversation.client.abort()
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", own))
        hello = b"\x16\xfe\xff" + bytes(8) + b"\x00\x36" + b"\x01\0\0\x2a" + bytes(5) + b"\0\0\x2a" + b"\xfe\xfd"
        again.sendto(hello + bytes(40), ("127.0.0.1", port))
        spin(lambda: conversation.server.statistics().dropped.get("not listening", 0) == 1)
    assert fetched.status() is Status.Connected


def test_everybody_can_be_ended(conversation: DtlsConversation) -> None:
    """What Godot calls stop()."""
    fetched = conversation.establish()
    conversation.server._closeAll()
    assert fetched.status() is Status.Disconnected
    spin(lambda: conversation.client.status() is Status.Disconnected)


def test_listening_twice(conversation: DtlsConversation) -> None:
    port = conversation.listen()
    assert not conversation.server.listen("127.0.0.1", 0)
    assert conversation.server.serverPort() == port
    assert conversation.server.serverAddress() == QHostAddress("127.0.0.1")
    assert conversation.server.socketDescriptor() >= 0


def test_a_shared_socket(conversation: DtlsConversation) -> None:
    """It stays the program's, also when the server closes, which may bind it again."""
    shared = QUdpSocket()
    with pytest.raises(ValueError, match="bound"):
        conversation.server.bind(shared)
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert conversation.server.bind(shared)
    assert conversation.server.serverPort() == shared.localPort()
    peer = conversation.establish()
    talk(conversation.client, peer)
    conversation.server.close()
    assert shared.state() == QUdpSocket.SocketState.BoundState
    talk(conversation.client, peer)
    assert conversation.server.bind(shared)
    other = conversation.makeClient("other")
    conversation.establish(other)
    talk(conversation.client, peer)
    other.close()


def test_the_last_reference_to_a_shared_socket(conversation: DtlsConversation) -> None:
    """It goes with the last peer, whose end comes in the socket's own signal."""
    shared = QUdpSocket()
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.server.bind(shared)
    peer = conversation.establish()
    gone: list[bool] = []
    shared.destroyed.connect(lambda: gone.append(True))
    del shared
    conversation.server.close()
    conversation.client.close()
    spin(lambda: peer.status() is Status.Disconnected)
    spin(lambda: bool(gone))


def test_a_shared_socket_that_is_deleted(conversation: DtlsConversation) -> None:
    shared = QUdpSocket()
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.server.bind(shared)
    peer = conversation.establish()
    delete(shared)
    assert not conversation.server.isListening()
    assert peer.status() is Status.Error
    error = peer.error()
    assert error is not None
    assert error.code is SecureError.Code.UncleanClose
    assert len(conversation.arguments("server.acceptError")) == 1


@pytest.mark.parametrize("when", ["listening", "fetched"])
def test_a_server_in_use_stays_in_its_thread(conversation: DtlsConversation, when: str) -> None:
    thread = QThread()
    if when == "listening":
        conversation.listen()
    else:
        conversation.establish()
        conversation.server.close()
    with pytest.raises(SecureError, match="move it before listen"):
        conversation.server.moveToThread(thread)
    unused = DtlsServer()
    assert unused.moveToThread(thread)


@needs_reuse_port
def test_a_port_of_several_servers(conversation: DtlsConversation) -> None:
    """The kernel spreads the clients; each stays with its server, also from the hello to the cookie."""
    conversation.server.setReusePort(True)
    assert conversation.server.reusePort()
    conversation.server.setMaxPendingConnections(40)  # nobody fetches them, and one server may get nearly all
    port = conversation.listen()
    second = DtlsServer()
    second.setSslConfiguration(conversation.serverConfiguration)
    assert not second.listen("127.0.0.1", port)  # it has not asked for it
    second.setReusePort(True)
    second.setMaxPendingConnections(40)
    assert second.listen("127.0.0.1", port), second.errorString()
    clients = connectMany(conversation, 40)
    servers = (conversation.server, second)
    spin(lambda: sum(server.statistics().encrypted for server in servers) == 40)
    assert all(server.statistics().encrypted for server in servers)
    for server in servers:
        assert server.statistics().encrypted == server.statistics().accepted
    closeAll(clients)
    second.close()


@needs_reuse_port
def test_reuse_port_takes_a_bool() -> None:
    with pytest.raises(TypeError, match="enabled must be a bool"):
        DtlsServer().setReusePort(1)  # type: ignore[arg-type]  # the mistake under test


_OTHER_PROCESS = """
import sys
from PySide6.QtCore import QCoreApplication
from qtsecure import DtlsServer, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure

application = QCoreApplication(sys.argv)
pki = PublicKeyInfrastructure()
server = DtlsServer()
server.setSslConfiguration(SslConfiguration.forServer(pki.server.chain, pki.server.privateKey))
server.setCookieSecret(bytes.fromhex(sys.argv[1]))
assert server.listen("127.0.0.1")
print(server.serverPort(), flush=True)
application.exec()
"""


@pytest.mark.parametrize("shared", [True, False])
def test_processes_share_their_cookies(conversation: DtlsConversation, shared: bool) -> None:
    """A client that was challenged by one process is let in by another, if both have the same secret."""
    secret = os.urandom(32)
    conversation.server.setCookieSecret(secret)
    port = conversation.listen()
    known = secret if shared else os.urandom(32)
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, known.hex()], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    try:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        with RawClient(conversation.clientConfiguration) as client:
            client.send(client.hello(), port)
            spin(lambda: conversation.server.statistics().challenges == 1)
            client.send(client.answerTo(client.receive()), other)
            answer = client.receive()
        assert answer[13] == (HandshakeType.SERVER_HELLO if shared else HandshakeType.HELLO_VERIFY_REQUEST)
    finally:
        process.kill()
        process.communicate()
