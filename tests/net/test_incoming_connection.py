"""SslServer: overrides of incomingConnection(), sockets of the program's own, and their faults."""

from __future__ import annotations

import gc
import os
import socket as native
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication
from shiboken6 import delete, isValid

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, FakeClock, State, assertNoneLeft, openDescriptors, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class Guest(SslSocket):
    """A program's own socket."""

    def __init__(self, parent: SslServer) -> None:
        super().__init__(parent)
        self.note = "from the program"
        self.encrypted.connect(self._queue)
        self.disconnected.connect(self.deleteLater)

    def _queue(self) -> None:
        server = self.parent()
        assert isinstance(server, SslServer)
        server.addPendingConnection(self)


class OwnServer(SslServer):
    """Makes sockets of its own class, and queues them when they are encrypted."""

    def incomingConnection(self, socketDescriptor: int) -> None:
        guest = Guest(self)
        guest.setSslConfiguration(self.sslConfiguration())
        assert guest.setSocketDescriptor(socketDescriptor)
        guest.startServerEncryption()


def listening(server: SslServer, conversation: Conversation) -> SslServer:
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.listen("127.0.0.1"), server.errorString()
    return server


def connected(conversation: Conversation, server: SslServer) -> SslSocket:
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    return client


def test_sockets_of_the_programs_own_class(conversation: Conversation) -> None:
    """The very object comes out of the queue, encrypted, and is a child of the server."""
    server = listening(OwnServer(), conversation)
    client = connected(conversation, server)
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    guest = server.nextPendingConnection()
    assert isinstance(guest, Guest)
    assert guest.note == "from the program"
    assert guest.parent() is server
    client.write(b"hello")
    spin(lambda: guest.bytesAvailable() == 5)
    client.abort()
    spin(lambda: not isValid(guest) or guest.state() == State.UnconnectedState)
    server.close()


def test_qt_1_2_31_an_override_may_call_the_base_or_queue_nothing(conversation: Conversation) -> None:
    """newConnection comes in either case; only the base queues."""
    descriptors: list[int] = []

    class Keeping(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            descriptors.append(socketDescriptor)

    class Calling(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            descriptors.append(socketDescriptor)
            super().incomingConnection(socketDescriptor)

    keeping = listening(Keeping(), conversation)
    seen: list[str] = []
    keeping.newConnection.connect(lambda: seen.append("new"))
    with RawClient(keeping.serverPort()):
        spin(lambda: bool(seen))
        assert not keeping.hasPendingConnections()
        os.close(descriptors.pop())
    assert (keeping.statistics().accepted, keeping.statistics().handshaking) == (1, 0)
    keeping.close()
    calling = listening(Calling(), conversation)
    client = connected(conversation, calling)
    spin(lambda: client.isEncrypted() and calling.hasPendingConnections())
    assert len(descriptors) == 1
    client.abort()
    calling.close()


def _before(server: SslServer, descriptor: int) -> None:
    raise LookupError("before")


def _afterBase(server: SslServer, descriptor: int) -> None:
    SslServer.incomingConnection(server, descriptor)
    raise LookupError("after the base")


def _afterOwn(server: SslServer, descriptor: int) -> None:
    own = SslSocket(server)
    own.setSocketDescriptor(descriptor)
    raise LookupError("after an own socket")


def _closedByItself(server: SslServer, descriptor: int) -> None:
    os.close(descriptor)
    raise LookupError("closed already")


def test_a_descriptor_of_an_orphan_is_its_own(conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an exception it is not closed under a socket that has another parent, or none."""
    reported: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: reported.append(str(value)))
    orphans: list[SslSocket] = []

    class Faulty(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            orphans.append(SslSocket())
            assert orphans[-1].setSocketDescriptor(socketDescriptor)
            raise LookupError("after an orphan")

    server = listening(Faulty(), conversation)
    with native.create_connection(("127.0.0.1", server.serverPort())) as client:
        spin(lambda: reported == ["after an orphan"])
        client.sendall(b"still there")
        spin(lambda: orphans[0].bytesAvailable() == 11)
    orphans[0].abort()
    server.close()


@pytest.mark.parametrize("fault", [_before, _afterBase, _afterOwn, _closedByItself])
def test_an_exception_in_an_override_leaks_no_descriptor(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch, fault: Callable[[SslServer, int], None]
) -> None:
    """It is reported once, the descriptor is closed unless a socket has it, and the server goes on."""
    reported: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: reported.append(str(value)))

    class Faulty(SslServer):
        good = False

        def incomingConnection(self, socketDescriptor: int) -> None:
            if self.good:
                super().incomingConnection(socketDescriptor)
            else:
                fault(self, socketDescriptor)

    server = listening(Faulty(), conversation)
    new: list[None] = []
    server.newConnection.connect(lambda: new.append(None))
    before = openDescriptors()
    for count in range(1, 4):
        with native.create_connection(("127.0.0.1", server.serverPort())) as client:
            spin(lambda: len(reported) == count)  # noqa: B023 - called in this round only
            client.settimeout(5)
            if fault in (_before, _closedByItself):
                assert client.recv(1) == b""
    spin(lambda: len(new) == 3)
    for socket in server.findChildren(SslSocket):
        delete(socket)
    settle()
    assertNoneLeft(before, "socket:")
    server.good = True
    client = connected(conversation, server)
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    assert len(reported) == 3
    client.abort()
    server.close()


def test_qt_1_1_2_the_order_inside_one_accept(conversation: Conversation) -> None:
    """incomingConnection(), what it queues, then newConnection."""
    order: list[str] = []

    class Queueing(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            order.append("incomingConnection")
            socket = SslSocket(self)
            socket.setSocketDescriptor(socketDescriptor)
            self.addPendingConnection(socket)

    server = listening(Queueing(), conversation)
    server.pendingConnectionAvailable.connect(lambda: order.append("pendingConnectionAvailable"))
    server.newConnection.connect(lambda: order.append("newConnection"))
    with RawClient(server.serverPort()):
        spin(lambda: "newConnection" in order)
    assert order == ["incomingConnection", "pendingConnectionAvailable", "newConnection"]
    server.close()


def test_a_queued_socket_without_a_parent_is_kept(conversation: Conversation) -> None:
    """The queue refers to it (with QTcpServer it is collected, and the process crashes)."""
    import gc

    server = conversation.server
    server.addPendingConnection(SslSocket())
    gc.collect()
    socket = server.nextPendingConnection()
    assert socket is not None
    assert isValid(socket)


def test_ending_the_server_in_an_override(conversation: Conversation, qapp: QCoreApplication) -> None:
    """close() and deletion inside incomingConnection() leave nothing open."""
    for end in (SslServer.close, delete):

        class Ending(SslServer):
            way = staticmethod(end)

            def incomingConnection(self, socketDescriptor: int) -> None:
                super().incomingConnection(socketDescriptor)
                self.way(self)

        server = listening(Ending(), conversation)
        with native.create_connection(("127.0.0.1", server.serverPort())) as client:
            client.settimeout(5)
            spin(lambda: not isValid(server) or not server.isListening())  # noqa: B023 - called in this round only
            settle()
            assert client.recv(1) == b""


def test_descriptors_that_belong_to_sockets_stay_theirs(conversation: Conversation, transport_mode: str) -> None:
    """Neither a socket's own nor, on the reactor, another socket's can be taken over; both go on."""
    peer = conversation.establish()
    descriptor = conversation.client.socketDescriptor()
    assert not conversation.client.setSocketDescriptor(descriptor)
    if transport_mode == "reactor":
        other = SslSocket()
        assert not other.setSocketDescriptor(descriptor)
        assert "registered" in other.errorString()
        gc.collect()
    peer.write(b"still there")
    spin(lambda: conversation.client.bytesAvailable() == 11)


def test_a_handshaking_socket_takes_no_other_descriptor(conversation: Conversation, clock: FakeClock) -> None:
    """Its deadline would go with its connection, and its place would never be given back."""
    server = conversation.server
    server.setHandshakeTimeout(200)
    conversation.listen()
    with native.create_connection(("127.0.0.1", server.serverPort())):
        spin(lambda: server.statistics().handshaking == 1)
        (socket,) = server.findChildren(SslSocket)
        left, right = native.socketpair()
        with left, right:
            assert not socket.setSocketDescriptor(left.fileno())
            assert "server's" in socket.errorString()
        clock.advance(0.21)
        spin(lambda: server.statistics().timedOut == 1)
