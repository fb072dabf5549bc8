"""SslServer: limits, pauses, deadlines, failing clients, and closing in every state."""

from __future__ import annotations

import contextlib
import os
import socket as native
import struct
from collections.abc import Callable

import pytest
from PySide6.QtCore import QMetaMethod, QObject
from PySide6.QtNetwork import QHostAddress
from shiboken6 import delete, isValid

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import HTTP_REQUEST, RawClient
from tests.net.conversation import (
    Conversation,
    Error,
    FakeClock,
    State,
    assertNoneLeft,
    deleteEverything,
    openDescriptors,
    settle,
    spin,
)

pytestmark = pytest.mark.usefixtures("transport_mode")


def goodClient(conversation: Conversation) -> SslSocket:
    client = SslSocket(conversation.server)
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    return client


@pytest.mark.parametrize("data", [b"", b"garbage", HTTP_REQUEST, b"\x16\x03\x01\x00\x05hello"])
def test_31_failing_clients_do_not_stall_the_server(conversation: Conversation, data: bytes) -> None:
    """After more failing clients than any limit a good one is served (QSslServer accepts nobody any more)."""
    conversation.server.setMaxPendingConnections(30)
    conversation.server.setMaxHandshakingConnections(30)
    conversation.listen()
    for _ in range(31):
        with native.create_connection(("127.0.0.1", conversation.server.serverPort())) as client:
            client.sendall(data)
    spin(lambda: conversation.server.statistics().failed == 31)
    good = goodClient(conversation)
    spin(lambda: good.isEncrypted() and conversation.server.hasPendingConnections())
    assert conversation.server.statistics().accepted == 32
    assert conversation.server.statistics().handshaking == 0


@pytest.mark.parametrize("superclass", [True, False])
def test_a_subclass_of_the_server_with_a_connect_notify_of_its_own(
    conversation: Conversation, superclass: bool
) -> None:
    """Qt's does nothing, so nobody has to call it."""

    class Noting(SslServer):
        def connectNotify(self, signal: QMetaMethod) -> None:
            if superclass:
                super().connectNotify(signal)

    server = Noting()
    server.setSslConfiguration(conversation.serverConfiguration)
    heard: list[str] = []
    names = ["newConnection", "startedEncryptionHandshake", "pendingConnectionAvailable"]
    for name in names:
        getattr(server, name).connect(lambda *_, name=name: heard.append(name))
    assert server.listen("127.0.0.1")
    client = SslSocket(server)
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    assert heard == names
    server.close()


def test_signals_of_the_server_may_be_connected_at_any_time(conversation: Conversation) -> None:
    """What nobody listens to is not emitted, from the first connection on it is."""
    server = SslServer()
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.listen("127.0.0.1")
    clients, heard = [], []
    for wanted in (0, 2):
        client = SslSocket(server)
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
        clients.append(client)
        spin(lambda: clients[-1].isEncrypted() and server.nextPendingConnection() is not None)
        assert len(heard) == wanted
        server.newConnection.connect(lambda: heard.append("newConnection"))
        server.startedEncryptionHandshake.connect(lambda socket: heard.append(socket))
    server.close()


def test_qt_1_1_6_a_failed_handshake_frees_its_place(conversation: Conversation) -> None:
    """With room for one handshake, a waiting client gets the place of one that failed."""
    conversation.server.setMaxHandshakingConnections(1)
    conversation.listen()
    with RawClient(conversation.server.serverPort(), b"\x16\x03\x01\x02\x00") as bad:
        spin(lambda: conversation.server.statistics().handshaking == 1)
        good = goodClient(conversation)
        spin(lambda: good.state() == State.ConnectedState)
        settle()
        assert conversation.server.statistics().accepted == 1
        bad.send(b"\x02this is no hello" * 50)
        spin(good.isEncrypted)


def test_pending_limit(conversation: Conversation) -> None:
    """A full queue leaves clients in the kernel until one is fetched."""
    conversation.server.setMaxPendingConnections(2)
    conversation.listen()
    clients = [goodClient(conversation) for _ in range(2)]
    spin(lambda: conversation.server.statistics().pending == 2)
    clients += [goodClient(conversation) for _ in range(3)]
    spin(lambda: all(client.state() == State.ConnectedState for client in clients))
    settle()
    assert conversation.server.statistics().accepted == 2
    for _ in range(5):
        spin(conversation.server.hasPendingConnections)
        assert conversation.server.nextPendingConnection() is not None
    spin(lambda: all(client.isEncrypted() for client in clients))
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 5
    assert conversation.server.nextPendingConnection() is None


def test_limit_per_address(conversation: Conversation) -> None:
    """More than the allowed number of one address is refused; the place comes back."""
    conversation.server.setMaxConnectionsPerAddress(2)
    conversation.listen()
    port = conversation.server.serverPort()
    with RawClient(port) as first, RawClient(port):
        spin(lambda: conversation.server.statistics().handshaking == 2)
        with RawClient(port) as third:
            third.waitForEnding()
        first.reset()
        spin(lambda: conversation.server.statistics().handshaking == 1)
        good = goodClient(conversation)
        spin(good.isEncrypted)


def test_qt_1_1_7_a_pause_is_honoured(conversation: Conversation, clock: FakeClock) -> None:
    """Neither fetching a socket nor a time-out ends the user's pause; resumeAccepting() does."""
    conversation.server.setHandshakeTimeout(5000)
    peer = conversation.establish()
    conversation.server.pauseAccepting()
    waiting = goodClient(conversation)
    spin(lambda: waiting.state() == State.ConnectedState)
    assert conversation.server.nextPendingConnection() is None
    settle()
    assert conversation.server.statistics().accepted == 1
    peer.close()
    settle()
    clock.advance(5.1)
    settle()
    assert conversation.server.statistics().accepted == 1
    conversation.server.resumeAccepting()
    spin(waiting.isEncrypted)


def test_qt_1_1_8_pausing_a_server_that_does_not_listen(qapp: object) -> None:
    """No-op before listen() and after close()."""
    server = SslServer()
    server.pauseAccepting()
    server.resumeAccepting()
    assert server.listen("127.0.0.1", 0)
    server.close()
    server.pauseAccepting()
    server.resumeAccepting()
    server.close()


def test_qt_1_1_9_listening(qapp: object) -> None:
    """Twice: False. A busy port: False with AddressInUseError. After close(): again."""
    server, other = SslServer(), SslServer()
    assert server.listen("127.0.0.1", 0)
    port = server.serverPort()
    assert server.serverAddress() == QHostAddress("127.0.0.1")
    assert not server.listen("127.0.0.1", 0)
    assert server.serverError() == Error.UnknownSocketError
    assert not other.listen("127.0.0.1", port)
    assert other.serverError() == Error.AddressInUseError
    assert other.errorString()
    assert other.serverPort() == 0
    assert other.serverAddress().isNull()
    server.close()
    assert server.serverPort() == 0
    assert server.socketDescriptor() == -1
    assert not server.isListening()
    assert server.listen("127.0.0.1", port)
    server.close()


def test_qt_1_1_10_adopting_a_listening_descriptor(conversation: Conversation) -> None:
    """setSocketDescriptor() takes a listening socket and refuses any other."""
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    with native.create_server(("127.0.0.1", 0)) as listener:
        assert server.setSocketDescriptor(os.dup(listener.fileno()))
        assert server.serverPort() == listener.getsockname()[1]
        client = goodClient(conversation)
        spin(client.isEncrypted)
        server.close()
    assert not server.setSocketDescriptor(-1)
    with native.socket() as unconnected:
        assert not server.setSocketDescriptor(unconnected.fileno())


@pytest.mark.parametrize("state", ["idle", "handshaking", "pending", "fetched", "paused"])
def test_closing_in_every_state(conversation: Conversation, state: str) -> None:
    """close() ends what nobody fetched, keeps what was fetched, and nothing comes afterwards."""
    server = conversation.server
    conversation.listen()
    port = server.serverPort()
    raw = native.create_connection(("127.0.0.1", port)) if state == "handshaking" else None
    peer = None
    if raw is not None:
        spin(lambda: server.statistics().handshaking == 1)
    elif state in ("pending", "fetched"):
        conversation.connect()
        spin(lambda: conversation.client.isEncrypted() and server.hasPendingConnections())
        peer = server.nextPendingConnection() if state == "fetched" else None
    elif state == "paused":
        server.pauseAccepting()
    server.close()
    conversation.recorder.clear()
    settle()
    assert server.statistics().handshaking == server.statistics().pending == 0
    if raw is not None:
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(10) == b""
        raw.close()
    if state == "pending":
        conversation.waitForClientEnd()
        assert not isValid(conversation.accepted[0])
    if peer is not None:
        conversation.client.write(b"still here")
        spin(lambda: peer.bytesAvailable() == 10)
        peer.deleteLater()
    assert conversation.story("server") == []


def test_closing_in_slots_of_the_server(conversation: Conversation) -> None:
    """close() in newConnection leaves nothing behind."""
    conversation.server.newConnection.connect(conversation.server.close)
    conversation.connect()
    conversation.waitForClientEnd()
    assert not conversation.server.isListening()
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0


@pytest.mark.parametrize("drip", [False, True])
def test_the_deadline_is_total(conversation: Conversation, clock: FakeClock, drip: bool) -> None:
    """From accept to encrypted; neither silence nor dripping bytes move it (qt-1.2#21 mended)."""
    conversation.server.setHandshakeTimeout(5000)
    conversation.listen()
    with RawClient(conversation.server.serverPort(), b"\x16\x03\x01\x02\x00\x01\x00" if drip else b"") as client:
        spin(lambda: conversation.server.statistics().handshaking == 1)
        if drip:
            conversation.recorder.waitFor("server.startedEncryptionHandshake")
        for _ in range(4):
            clock.advance(1)
            if drip:
                client.send(b"\0")
            settle()
            assert conversation.server.statistics().handshaking == 1
        clock.advance(1.1)
        client.waitForEnding()
    assert conversation.recorder.of("server.errorOccurred")[0][1] == Error.SocketTimeoutError
    assert conversation.recorder.count("server.errorOccurred") == 1
    assert conversation.server.statistics().failed == 1


def test_settings_are_checked(qapp: object) -> None:
    """Every setter names its argument."""
    server = SslServer()
    for setter in (server.setMaxPendingConnections, server.setMaxHandshakingConnections, server.setListenBacklogSize):
        with pytest.raises(ValueError, match="must be at least 1"):
            setter(0)
        with pytest.raises(TypeError):
            setter("5")  # type: ignore[arg-type]  # the mistake under test
    numbers: dict[str, Callable[[int], object]] = {
        "numConnections": server.setMaxConnectionsPerAddress,
        "size": server.setListenBacklogSize,
        "timeout": server.setHandshakeTimeout,
        "socketDescriptor": server.setSocketDescriptor,
        "port": lambda wrong: server.listen("127.0.0.1", wrong),
    }
    for name, method in numbers.items():
        for wrong in (True, 1.5, "5"):
            with pytest.raises(TypeError, match=f"{name} must be an int"):
                method(wrong)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="-7"):
        server.setHandshakeTimeout(-7)
    with pytest.raises(TypeError, match="configuration"):
        server.setSslConfiguration("no")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="port"):
        server.listen("127.0.0.1", 70000)
    assert (server.handshakeTimeout(), server.maxPendingConnections(), server.listenBacklogSize()) == (5000, 30, 50)


def test_a_client_that_is_gone_before_accept_costs_no_descriptor(conversation: Conversation) -> None:
    """Connections that were reset in the kernel's queue are closed again."""
    conversation.listen()
    port = conversation.server.serverPort()
    conversation.server.pauseAccepting()
    for _ in range(5):
        client = native.create_connection(("127.0.0.1", port))
        client.setsockopt(native.SOL_SOCKET, native.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    before = openDescriptors()
    conversation.server.resumeAccepting()
    spin(lambda: conversation.server.statistics().accepted == 5)
    spin(lambda: conversation.server.statistics().handshaking == 0)
    deleteEverything()
    assertNoneLeft(before, "socket:")
    good = goodClient(conversation)
    spin(good.isEncrypted)


def test_qt_1_1_15_a_new_configuration_is_for_new_connections(conversation: Conversation) -> None:
    """setSslConfiguration() while listening changes what the next client sees."""
    conversation.establish()
    first = conversation.client.peerCertificate()
    conversation.showServer(conversation.pki.rsaServer)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    other = goodClient(conversation)
    spin(other.isEncrypted)
    assert other.peerCertificate() != first
    assert conversation.peer.sslConfiguration().localCertificate() == first


def test_an_override_may_queue_a_socket_of_its_own(conversation: Conversation) -> None:
    """addPendingConnection() takes SslSockets only."""
    server = conversation.server
    own = SslSocket(server)
    server.addPendingConnection(own)
    assert server.nextPendingConnection() is own
    with pytest.raises(TypeError, match="socket"):
        server.addPendingConnection("no")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    "address", ["", "not an address", "127.0.0.1:0", QHostAddress(), QHostAddress.SpecialAddress.Null]
)
def test_what_is_no_address_never_means_every_interface(qapp: object, address: object) -> None:
    """A misspelt address is refused by its name instead of listening for everybody."""
    server = SslServer()
    with pytest.raises(ValueError, match="address must be an IP address"):
        server.listen(address)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="address"):
        server.listen(5)  # type: ignore[arg-type]  # the mistake under test
    assert not server.isListening()


def test_listening_on_localhost(qapp: object) -> None:
    """Means the loopback interface."""
    server = SslServer()
    assert server.listen("localhost")
    assert server.serverAddress() == QHostAddress("127.0.0.1")
    with native.socket(fileno=os.dup(server.socketDescriptor())) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    server.close()


@pytest.mark.parametrize("way", [delete, SslSocket.deleteLater])
def test_deleted_handshaking_sockets_free_their_places(
    conversation: Conversation, way: Callable[[SslSocket], None]
) -> None:
    """A program that deletes what it does not like never exhausts the limit."""
    server = conversation.server
    server.setMaxHandshakingConnections(2)
    conversation.listen()
    hello = b"\x16\x03\x01\x02\x00\x01\x00"
    with RawClient(server.serverPort(), hello), RawClient(server.serverPort(), hello):
        spin(lambda: conversation.recorder.count("server.startedEncryptionHandshake") == 2)
        good = goodClient(conversation)
        spin(lambda: good.state() == State.ConnectedState)
        settle()
        assert server.statistics().accepted == 2
        for socket in list(server._room.handshaking):
            way(socket)
        deleteEverything()
        spin(good.isEncrypted)
    spin(server.hasPendingConnections)
    assert (server.statistics().handshaking, server.statistics().failed) == (0, 2)


@pytest.mark.parametrize("owned", [True, False])
def test_deleted_pending_sockets_free_their_places(conversation: Conversation, owned: bool) -> None:
    """Also when somebody else is their parent; a queue of nothing but deleted ones is empty."""
    server = conversation.server
    server.setMaxPendingConnections(2)
    conversation.listen()
    sockets = [SslSocket(server if owned else None) for _ in range(2)]
    for socket in sockets:
        server.addPendingConnection(socket)
    good = goodClient(conversation)
    spin(lambda: good.state() == State.ConnectedState)
    settle()
    assert server.statistics().accepted == 0
    for socket in sockets:
        delete(socket)
    assert not server.hasPendingConnections()
    spin(good.isEncrypted)
    spin(server.hasPendingConnections)
    fetched = server.nextPendingConnection()
    assert fetched is not None
    assert fetched not in sockets
    assert server.statistics().pending == 0


@pytest.mark.parametrize("station", ["handshaking", "pending"])
def test_a_reparented_socket_that_is_deleted_frees_its_place(conversation: Conversation, station: str) -> None:
    """The server no longer sees it go as a child, and accepts all the same."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    server.setMaxPendingConnections(1)
    other = QObject()
    conversation.listen()
    if station == "handshaking":
        silent = native.create_connection(("127.0.0.1", server.serverPort()))
        spin(lambda: bool(conversation.accepted))
    else:
        silent = None
        conversation.connect()
        spin(server.hasPendingConnections)
    socket = conversation.accepted[0]
    socket.setParent(other)
    settle()
    delete(socket)
    later = SslSocket()
    later.setSslConfiguration(conversation.clientConfiguration)
    later.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: later.isEncrypted() and server.hasPendingConnections())
    later.abort()
    if silent is not None:
        silent.close()
