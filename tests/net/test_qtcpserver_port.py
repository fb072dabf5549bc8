"""The cases of Qt's own tests of QTcpServer, in our words, over both transports."""

from __future__ import annotations

import contextlib
import os
import socket as native
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, qInstallMessageHandler
from PySide6.QtNetwork import QHostAddress, QNetworkInterface, QSslSocket

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, Error, FakeClock, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

Special = QHostAddress.SpecialAddress


def _addresses() -> list[QHostAddress]:
    own = [entry.ip() for interface in QNetworkInterface.allInterfaces() for entry in interface.addressEntries()]
    return [QHostAddress(Special.AnyIPv4), QHostAddress(Special.Any), QHostAddress(Special.AnyIPv6), *own]


def client(conversation: Conversation, server: SslServer, host: str = "127.0.0.1") -> SslSocket:
    made = SslSocket(server)
    made.setSslConfiguration(conversation.clientConfiguration)
    made.connectToHostEncrypted(host, server.serverPort())
    return made


def test_limits_can_be_set_and_read(qapp: QCoreApplication) -> None:
    """Any number from 1 on; Qt also takes 0 and negative ones, which stop a server for good."""
    server = SslServer()
    for number in (1, 30, 2**31 - 1):
        server.setMaxPendingConnections(number)
        server.setListenBacklogSize(number)
        assert (server.maxPendingConnections(), server.listenBacklogSize()) == (number, number)


def test_a_new_server(qapp: QCoreApplication) -> None:
    """Everything about a server that has not done anything yet."""
    server = SslServer()
    assert not server.isListening()
    assert server.serverPort() == 0
    assert server.serverAddress() == QHostAddress()
    assert server.maxPendingConnections() == 30
    assert not server.hasPendingConnections()
    assert server.socketDescriptor() == -1
    assert server.nextPendingConnection() is None
    assert server.serverError() == Error.UnknownSocketError
    assert server.errorString() == ""


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (Special.Any, "127.0.0.1"),
        (Special.Any, "::1"),
        (Special.LocalHostIPv6, "::1"),
        (Special.AnyIPv6, "::1"),
        (Special.AnyIPv4, "127.0.0.1"),
    ],
)
def test_a_greeting_there_and_back(conversation: Conversation, address: QHostAddress.SpecialAddress, host: str) -> None:
    """The server greets, the client answers, whatever the family of addresses."""
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    if not server.listen(address):
        pytest.skip(f"there is no such address here: {server.errorString()}")
    assert server.isListening()
    conversation.connect(host)
    spin(server.hasPendingConnections)
    assert conversation.recorder.count("server.newConnection") == 1
    peer = server.nextPendingConnection()
    assert peer is not None
    assert peer.write(b"Greetings, client!\n") == 19
    spin(lambda: conversation.client.canReadLine())
    assert conversation.client.readAll() == b"Greetings, client!\n"
    conversation.client.write(b"Well, hello to you!\n")
    spin(lambda: peer.bytesAvailable() == 20)
    assert peer.readAll() == b"Well, hello to you!\n"


@pytest.mark.parametrize("first", [Special.AnyIPv4, Special.AnyIPv6])
def test_both_families_may_have_a_server_each(conversation: Conversation, first: QHostAddress.SpecialAddress) -> None:
    """On the same port, because an IPv6 server leaves IPv4 alone."""
    second = Special.AnyIPv6 if first == Special.AnyIPv4 else Special.AnyIPv4
    one, other = conversation.server, SslServer()
    if not one.listen(first) or not other.listen(second, one.serverPort()):
        pytest.skip(f"there is no IPv6 here: {one.errorString()}{other.errorString()}")
    for host, server in (("127.0.0.1", one if first == Special.AnyIPv4 else other), ("::1", None)):
        server = server or (other if first == Special.AnyIPv4 else one)
        with RawClient(one.serverPort(), host=host):
            spin(lambda: server.statistics().accepted == 1)  # noqa: B023 - called in this round only
    other.close()


def test_closing_what_never_listened(qapp: QCoreApplication) -> None:
    """No crash, again and again."""
    server = SslServer()
    for _ in range(2):
        server.close()
        assert not server.isListening()


def test_the_queue_holds_exactly_as_many_as_allowed(conversation: Conversation, clock: FakeClock) -> None:
    """Two of three; the third comes when one has been fetched."""
    server = conversation.server
    server.setMaxPendingConnections(2)
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    clients = [client(conversation, server) for _ in range(3)]
    spin(lambda: server.statistics().pending == 2)
    settle()
    assert server.statistics().accepted == 2
    assert server.nextPendingConnection() is not None
    assert server.nextPendingConnection() is not None
    assert server.nextPendingConnection() is None
    spin(server.hasPendingConnections)
    assert server.nextPendingConnection() is not None
    spin(lambda: all(each.isEncrypted() for each in clients))


def test_a_foreign_address_and_a_busy_one(qapp: QCoreApplication) -> None:
    """listen() is False, and the error says which it was."""
    server = SslServer()
    assert not server.listen("192.0.2.1")
    assert server.serverError() == Error.SocketAddressNotAvailableError
    assert "does not belong to this machine" in server.errorString()
    assert server.listen("127.0.0.1")
    assert server.serverError() == Error.UnknownSocketError
    other = SslServer()
    assert not other.listen("127.0.0.1", server.serverPort())
    assert other.serverError() == Error.AddressInUseError
    assert not other.isListening()
    server.close()


def test_waiting_for_connections_one_after_the_other(conversation: Conversation) -> None:
    """One that is there already, one that comes while we wait, and none."""
    conversation.listen()
    server = conversation.server
    with RawClient(server.serverPort()):
        assert server.waitForNewConnection(20_000) == (True, False)
        later = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import socket, time; time.sleep(0.1); socket.create_connection(('127.0.0.1', {server.serverPort()}))",
            ]
        )
        assert server.waitForNewConnection(120_000) == (True, False)
        later.wait(120)
        assert server.waitForNewConnection(20) == (False, True)


def test_adopting_a_bound_socket(conversation: Conversation) -> None:
    """A descriptor that is bound but does not listen is refused, and stays the program's."""
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    with native.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not server.setSocketDescriptor(bound.fileno())
        assert server.serverError() != Error.UnknownSocketError
        bound.listen(5)
        assert server.setSocketDescriptor(bound.detach())
    conversation.establish()


@pytest.mark.parametrize("blocking", [True, False])
def test_an_adopted_descriptor_never_blocks(conversation: Conversation, blocking: bool) -> None:
    """Whatever mode it came in."""
    listener = native.create_server(("127.0.0.1", 0))
    listener.setblocking(blocking)
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.setSocketDescriptor(listener.detach())
    assert not os.get_blocking(server.socketDescriptor())
    conversation.establish()


def test_listening_while_listening(qapp: QCoreApplication) -> None:
    """A warning, False, and the first one goes on."""
    warnings: list[str] = []
    server = SslServer()
    assert server.listen("127.0.0.1")
    port = server.serverPort()
    before = qInstallMessageHandler(lambda kind, context, text: warnings.append(text))
    try:
        assert not server.listen("127.0.0.1")
        with native.create_server(("127.0.0.1", 0)) as another:
            assert not server.setSocketDescriptor(another.fileno())
    finally:
        qInstallMessageHandler(before)
    assert server.serverPort() == port
    assert len(warnings) == 2
    assert all("listening already" in text for text in warnings)
    server.close()


_CRASHER = """
import os, sys
from PySide6.QtCore import QCoreApplication
from qtsecure import SslServer
application = QCoreApplication([])
server = SslServer()
assert server.listen("127.0.0.1")
server.newConnection.connect(lambda: os.abort())
print(server.serverPort(), flush=True)
application.exec()
"""


def crashedServer() -> int:
    """The port of a server that has crashed when it had a connection."""
    root = Path(__file__).parents[2]
    crasher = subprocess.Popen(
        [sys.executable, "-c", _CRASHER],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert crasher.stdout is not None
    with crasher.stdout:
        port = int(crasher.stdout.readline())
    with native.create_connection(("127.0.0.1", port)) as left, contextlib.suppress(ConnectionResetError):
        left.settimeout(120)  # the system may be busy with the core of it
        assert left.recv(1) == b""
    assert crasher.wait(120) != 0
    return port


def test_the_port_of_a_server_that_crashed(conversation: Conversation) -> None:
    """Can be used again at once, with connections of it still in TIME_WAIT or half closed."""
    for _ in range(3):
        if conversation.server.listen("127.0.0.1", crashedServer()):
            break  # else somebody else has been given the port meanwhile
    assert conversation.server.isListening(), conversation.server.errorString()
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.establish()


def test_the_address_of_a_server_is_what_it_was_given(qapp: QCoreApplication) -> None:
    """For the wildcards and for every address of this machine; nobody else can have its port then."""
    for address in _addresses():
        server, second = SslServer(), SslServer()
        if not server.listen(address):
            continue  # a family that is off, or an interface that is down
        assert server.serverAddress() == address
        assert not second.listen(address, server.serverPort())
        assert second.serverError() == Error.AddressInUseError
        server.close()


def test_one_connection_after_the_other(conversation: Conversation) -> None:
    """That nothing more waits in the kernel does not stop the server."""
    conversation.listen()
    for count in (1, 2, 3):
        with RawClient(conversation.server.serverPort()):
            spin(lambda: conversation.recorder.count("server.newConnection") == count)  # noqa: B023 - called in this round only


def test_what_was_queued_from_outside_comes_out_without_listening(qapp: QCoreApplication) -> None:
    """The queue works without a listening socket."""
    server, socket = SslServer(), SslSocket()
    server.addPendingConnection(socket)
    assert server.hasPendingConnections()
    assert server.nextPendingConnection() is socket
    server.addPendingConnection(socket)
    server.close()  # as Qt does: what nobody fetched is deleted
    assert not server.hasPendingConnections()
    assert server.statistics().unfetched == 1


def test_a_pause(conversation: Conversation) -> None:
    """One connection before it, none in it, and all the others after it."""
    server = conversation.server
    conversation.listen()
    first = client(conversation, server)
    spin(lambda: server.statistics().encrypted == 1)
    server.pauseAccepting()
    later = [client(conversation, server) for _ in range(5)]
    spin(lambda: all(each.state() == State.ConnectedState for each in later))
    settle()
    assert conversation.recorder.count("server.newConnection") == 1
    server.resumeAccepting()
    spin(lambda: all(each.isEncrypted() for each in [first, *later]))
    assert conversation.recorder.count("server.newConnection") == 6


@pytest.mark.parametrize("deferred", [False, True])
def test_pending_connection_available(conversation: Conversation, deferred: bool) -> None:
    """Comes when a socket is queued, be it long after incomingConnection()."""
    descriptors: list[int] = []

    class Deferring(SslServer):
        def incomingConnection(self, socketDescriptor: int) -> None:
            descriptors.append(socketDescriptor)

        def queueNext(self) -> None:
            socket = SslSocket(self)
            assert socket.setSocketDescriptor(descriptors.pop())
            self.addPendingConnection(socket)

    server = Deferring() if deferred else SslServer()
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.listen("127.0.0.1")
    seen: list[str] = []
    server.newConnection.connect(lambda: seen.append("new"))
    server.pendingConnectionAvailable.connect(lambda: seen.append("pending"))
    made = client(conversation, server)
    if isinstance(server, Deferring):
        spin(lambda: bool(descriptors))
        settle()
        assert seen == ["new"]
        server.queueNext()
    else:
        spin(made.isEncrypted)
        spin(server.hasPendingConnections)
    assert seen == ["new", "pending"]
    peer = server.nextPendingConnection()
    assert peer is not None
    if deferred:
        assert peer.mode() == QSslSocket.SslMode.UnencryptedMode  # begin TLS late, or never
        peer.setSslConfiguration(conversation.serverConfiguration)
        peer.startServerEncryption()
        spin(lambda: made.isEncrypted() and peer.isEncrypted())
    made.abort()
    server.close()


def test_peeking_at_what_grows(conversation: Conversation) -> None:
    """peek() on the server's end shows everything so far, each time."""
    peer = conversation.establish()
    seen: list[bytes] = []
    peer.readyRead.connect(lambda: seen.append(bytes(peer.peek(128 * 1024).data())))
    for text in (b"abc\n", b"def\n", b"ghi\n"):
        conversation.client.write(text)
        expected = (seen[-1] if seen else b"") + text
        spin(lambda: bool(seen) and seen[-1] == expected)  # noqa: B023 - called in this round only
    assert seen == [b"abc\n", b"abc\ndef\n", b"abc\ndef\nghi\n"]


def test_an_ipv4_client_of_a_dual_stack_server_by_its_mapped_address(conversation: Conversation) -> None:
    """::ffff:127.0.0.1 reaches a server of both families, which sees a plain IPv4 address."""
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    if not server.listen(Special.Any) or server.serverAddress() != QHostAddress(Special.Any):
        pytest.skip("there is no IPv6 here")
    conversation.clientConfiguration = SslConfiguration.forClient([conversation.pki.ca.certificate])
    conversation.client.setPeerVerifyName("localhost")
    peer = conversation.establish("::ffff:127.0.0.1")
    assert peer.peerAddress() == QHostAddress("127.0.0.1")
