"""qt-1.1: what a server does between the kernel and the handshake."""

from __future__ import annotations

import os
import socket as native
import struct
import sys
from typing import Any

import pytest
from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure import SslServer, SslSocket
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, FakeClock, State, settle, spin
from tests.net.own_process import assertFine
from tests.semantics.qt.support import SocketError, anotherClient

pytestmark = pytest.mark.usefixtures("transport_mode")


def test_qt_1_1_1_new_connection_is_told_before_any_tls(conversation: Conversation) -> None:
    """newConnection means TCP only: nothing is queued then; pendingConnectionAvailable means encrypted."""
    server = conversation.server
    queued: list[tuple[bool, object]] = []
    server.newConnection.connect(
        lambda: queued.append((server.hasPendingConnections(), server.nextPendingConnection()))
    )
    conversation.listen()
    with RawClient(server.serverPort()):
        conversation.recorder.waitFor("server.newConnection")
        settle()
        assert conversation.story("server") == ["newConnection"]
        assert queued == [(False, None)]
    conversation.recorder.waitFor("server.errorOccurred")
    conversation.recorder.clear()
    states: list[bool] = []
    server.pendingConnectionAvailable.connect(lambda: states.append(server.hasPendingConnections()))
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() and bool(states))
    assert states == [True]
    assert conversation.accepted[-1].isEncrypted()


def test_qt_1_1_2_order_inside_one_accept(qapp: QObject) -> None:
    """incomingConnection(), then what it queues at once, then newConnection."""
    events: list[str] = []

    class Queueing(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            events.append("incomingConnection")
            socket = SslSocket(self)
            assert socket.setSocketDescriptor(socketDescriptor)
            self.addPendingConnection(socket)

    server = Queueing()
    server.pendingConnectionAvailable.connect(lambda: events.append("pendingConnectionAvailable"))
    server.newConnection.connect(lambda: events.append("newConnection"))
    assert server.listen("127.0.0.1", 0)
    with native.create_connection(("127.0.0.1", server.serverPort())):
        spin(lambda: "newConnection" in events)
        assert events == ["incomingConnection", "pendingConnectionAvailable", "newConnection"]
    server.close()


def test_qt_1_1_3_defaults(qapp: QObject) -> None:
    """Qt's numbers, and one of our own for handshakes under way."""
    server = SslServer()
    assert server.handshakeTimeout() == 5000
    assert server.maxPendingConnections() == 30
    assert server.listenBacklogSize() == 50
    assert server.maxHandshakingConnections() == 128


@pytest.mark.skipif(sys.platform != "linux", reason="reads the backlog of a listening socket as Linux tells it")
def test_qt_1_1_3_the_backlog_counts_from_listen_on(qapp: QObject) -> None:
    """setListenBacklogSize() has to come before listen()."""
    server = SslServer()
    server.setListenBacklogSize(7)
    assert server.listen("127.0.0.1", 0)
    server.setListenBacklogSize(9)
    with native.socket(fileno=os.dup(server.socketDescriptor())) as listening:
        information = listening.getsockopt(native.IPPROTO_TCP, native.TCP_INFO, 104)
    # Of a listening socket, tcpi_sacked is the largest backlog.
    assert struct.unpack_from("I", information, 28) == (7,)
    server.close()


def test_qt_1_1_4_handshakes_and_queue_have_limits_of_their_own(conversation: Conversation) -> None:
    """Handshakes do not fill the queue's limit; a full queue leaves clients to the kernel."""
    server = conversation.server
    server.setMaxPendingConnections(1)
    server.setMaxHandshakingConnections(3)
    conversation.listen()
    with RawClient(server.serverPort()), RawClient(server.serverPort()):
        spin(lambda: server.statistics().handshaking == 2)
        good = anotherClient(conversation)
        spin(lambda: server.statistics().pending == 1)
        waiting = anotherClient(conversation)
        spin(lambda: waiting.state() == State.ConnectedState)
        settle()
        assert server.statistics().accepted == 3
        assert not waiting.isEncrypted()
        assert server.nextPendingConnection() is not None
        spin(lambda: waiting.isEncrypted() and good.isEncrypted())


def test_qt_1_1_5_fetching_goes_on_accepting(conversation: Conversation) -> None:
    """nextPendingConnection() makes room; it returns None when there is nothing."""
    server = conversation.server
    server.setMaxPendingConnections(1)
    conversation.listen()
    assert server.nextPendingConnection() is None
    first = anotherClient(conversation)
    spin(server.hasPendingConnections)
    second = anotherClient(conversation)
    spin(lambda: second.state() == State.ConnectedState)
    settle()
    assert server.statistics().accepted == 1
    assert server.nextPendingConnection() is not None
    spin(lambda: first.isEncrypted() and second.isEncrypted() and server.hasPendingConnections())
    assert server.nextPendingConnection() is not None
    assert server.nextPendingConnection() is None


def test_qt_1_1_5_fetching_after_close_warns(qapp: QObject, qtlog: Any) -> None:
    """What was queued by hand on a closed server is still handed out."""
    server = SslServer()
    own = SslSocket(server)
    server.addPendingConnection(own)
    assert server.nextPendingConnection() is own
    # Qt may also have something to say about what an earlier test has left.
    assert sum("does not listen" in record.message for record in qtlog.records) == 1


def test_qt_1_1_11_closing_deletes_what_nobody_fetched(conversation: Conversation) -> None:
    """The client of a queued socket sees an end without close_notify; fetched sockets live on."""
    server = conversation.server
    fetched = conversation.establish()
    other = anotherClient(conversation)
    other.setParent(None)
    spin(server.hasPendingConnections)
    server.close()
    settle()
    assert not server.isListening()
    assert not isValid(conversation.accepted[1])
    spin(lambda: other.state() == State.UnconnectedState)
    assert other.error() == SocketError.RemoteHostClosedError
    assert not other.peerClosedCleanly()
    assert fetched.parent() is server
    conversation.client.write(b"still here")
    spin(lambda: fetched.bytesAvailable() == 10)


def test_qt_1_1_12_closing_aborts_handshakes(conversation: Conversation, clock: FakeClock) -> None:
    """Nothing is told of them afterwards, neither success nor a time-out."""
    conversation.listen()
    server = conversation.server
    with RawClient(server.serverPort(), b"\x16\x03\x01\x02\x00\x01") as client:
        conversation.recorder.waitFor("server.startedEncryptionHandshake")
        server.close()
        conversation.recorder.clear()
        client.waitForEnding()
    clock.advance(60)
    settle()
    assert conversation.story("server") == []
    assert not isValid(conversation.accepted[0])
    assert server.statistics().handshaking == 0


_NO_DESCRIPTORS = """
import os, socket
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QAbstractSocket
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conversation import Conversation, FakeClock, settle, spin
from tests.net.own_process import useUpDescriptors

SocketError = QAbstractSocket.SocketError
application = QCoreApplication([])
schedulerOfThisThread().clock = clock = FakeClock()
conversation = Conversation(PublicKeyInfrastructure())
conversation.listen()
server = conversation.server
seen = []
server.acceptError.connect(lambda error: seen.append((error, server.serverError(), server.errorString())))
with socket.socket() as client:
    fillers = useUpDescriptors()
    client.connect(("127.0.0.1", server.serverPort()))
    spin(lambda: bool(seen))
    for filler in fillers:
        os.close(filler)
    settle()
    assert [entry[:2] for entry in seen] == [(SocketError.SocketResourceError,) * 2]
    assert "too many" in seen[0][2]
    assert server.statistics().accepted == 0  # paused, although there is room again
    server.resumeAccepting()
    spin(lambda: server.statistics().accepted == 1)
    clock.advance(1)
    settle()
    assert server.statistics().accepted == len(seen) == 1
conversation.close()
print("fine")
"""


def test_qt_1_1_13_an_error_of_accept_is_known_in_its_slot() -> None:
    """Accepting is paused, then serverError() is set, then acceptError comes."""
    pytest.importorskip("resource", reason="Windows has no such limits")
    assertFine(_NO_DESCRIPTORS)


def test_qt_1_1_14_waiting_for_a_new_connection(conversation: Conversation) -> None:
    """Returns when a TCP connection was accepted, not when one is encrypted."""
    conversation.listen()
    with native.create_connection(("127.0.0.1", conversation.server.serverPort())):
        assert conversation.server.waitForNewConnection(20_000) == (True, False)
        assert conversation.server.statistics().accepted == 1
        assert not conversation.server.hasPendingConnections()


def test_qt_1_1_14_waiting_in_vain(conversation: Conversation) -> None:
    """The second value tells that time ran out; a server that does not listen waits for nothing."""
    assert conversation.server.waitForNewConnection(50) == (False, False)
    conversation.listen()
    assert conversation.server.waitForNewConnection(20) == (False, True)


@pytest.mark.parametrize("timeout", [0, -1])
def test_qt_1_1_16_zero_and_minus_one_switch_the_deadline_off(
    conversation: Conversation, clock: FakeClock, timeout: int
) -> None:
    """In Qt, 0 kills every connection at once; other negative numbers are refused here."""
    server = conversation.server
    server.setHandshakeTimeout(timeout)
    assert server.handshakeTimeout() == timeout
    conversation.listen()
    with RawClient(server.serverPort()) as client:
        spin(lambda: server.statistics().handshaking == 1)
        clock.advance(100_000)
        settle()
        assert client.ending == "open"
        assert server.statistics().handshaking == 1
    with pytest.raises(ValueError, match="-2"):
        server.setHandshakeTimeout(-2)
