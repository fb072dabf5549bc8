"""Servers without TLS that speak first: what they say, and that they end, comes when the program has the connection."""

from __future__ import annotations

import socket as native
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket
from shiboken6 import delete

from qtsecure import (
    ClientEvent,
    ConnectOperation,
    SecureError,
    SocketClient,
    SocketConnectable,
    SslConfiguration,
    SslServer,
    SslSocket,
    UnixAddress,
)
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import settle, spin

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")


class _Greeter:
    """Says the same to everybody, and may end the connection with that."""

    def __init__(self, *, leaves: bool) -> None:
        self._leaves = leaves
        self._kept: list[QTcpSocket] = []
        self.done = 0
        self.server = QTcpServer()
        assert self.server.listen(QHostAddress("127.0.0.1"), 0)
        self.server.newConnection.connect(self._greet)

    def _greet(self) -> None:
        socket = self.server.nextPendingConnection()
        self._kept.append(socket)
        socket.write(b"220 hello\r\n")
        if self._leaves:
            socket.disconnectFromHost()
        else:
            socket.flush()
        self.done += 1


def _slowClient(greeter: _Greeter, *, settles: bool = True) -> SocketClient:
    """One with a slot that runs an event loop until the greeter has spoken, before the program has the connection.

    Args:
        greeter: The server.
        settles: Whether it also runs until the greeting has arrived.
    """
    client = SocketClient()
    client.setEnableProxy(False)

    def stall(what: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if what is ClientEvent.Connected:
            spin(lambda: greeter.done == 1)
            if settles:
                settle()

    client.clientEvent.connect(stall)
    return client


@pytest.mark.parametrize("leaves", [False, True])
def test_a_greeting_comes_after_the_connection(leaves: bool) -> None:
    """So does the end, if the server has left with it."""
    greeter = _Greeter(leaves=leaves)
    client = _slowClient(greeter)
    story: list[object] = []

    def finished(connection: SslSocket) -> None:
        story.append("finished")
        connection.readyRead.connect(lambda: story.append(connection.readBytes()))
        connection.disconnected.connect(lambda: story.append("disconnected"))

    operation: ConnectOperation = client.connectToHost("127.0.0.1", greeter.server.serverPort())
    operation.finished.connect(finished)
    spin(operation.isFinished)
    assert operation.error() is None
    spin(lambda: len(story) == (3 if leaves else 2))
    assert story == ["finished", b"220 hello\r\n", "disconnected"][: len(story)]


ACTIONS: dict[str, Callable[[SslSocket], object]] = {
    "read": lambda connection: connection.readBytes(),
    "peek": lambda connection: connection.peek(10),
    "look": lambda connection: connection.bytesAvailable(),
    "limit": lambda connection: connection.setReadBufferSize(1000),
    "wait": lambda connection: connection.waitForReadyRead(0),
    "write": lambda connection: connection.write(b"hello") and connection.waitForBytesWritten(10_000),
}
ENDS: dict[str, Callable[[SslSocket], object]] = {
    "close": SslSocket.close,
    "abort": SslSocket.abort,
    "disconnectFromHost": SslSocket.disconnectFromHost,
    "write and close": lambda connection: connection.write(b"hello") and connection.close(),
    "delete": delete,
}


def _during(action: Callable[[SslSocket], object], greeter: _Greeter) -> tuple[ConnectOperation, list[object]]:
    """An operation in whose event Connected something is done, with an event loop afterwards; and what it tells."""
    client = SocketClient()
    client.setEnableProxy(False)
    story: list[object] = []

    def act(what: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if what is ClientEvent.Connected:
            assert connection is not None
            spin(lambda: greeter.done == 1)
            action(connection)
            settle()

    def finished(connection: SslSocket) -> None:
        story.append("finished")
        connection.readyRead.connect(lambda: story.append(connection.readBytes()))
        connection.disconnected.connect(lambda: story.append("disconnected"))

    client.clientEvent.connect(act)
    operation = client.connectToHost("127.0.0.1", greeter.server.serverPort())
    operation.finished.connect(finished)
    operation.failed.connect(lambda error: story.append(error.code))
    spin(operation.isFinished)
    return operation, story


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("leaves", [False, True])
def test_a_slot_uses_the_connection_before_it_is_told(action: str, leaves: bool) -> None:
    """Nothing of it lets what the server says, or its end, come sooner."""
    greeter = _Greeter(leaves=leaves)
    operation, story = _during(ACTIONS[action], greeter)
    assert operation.error() is None
    spin(lambda: len(story) == (3 if leaves else 2))
    assert story == ["finished", b"220 hello\r\n", "disconnected"][: len(story)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("leaves", [False, True])
def test_a_slot_ends_the_connection_before_it_is_told(end: str, leaves: bool) -> None:
    """That is a failure, which is told once; the pause keeps nothing waiting."""
    greeter = _Greeter(leaves=leaves)
    operation, story = _during(ENDS[end], greeter)
    settle()
    assert operation.connection() is None
    assert story == [SecureError.Code.Closed]


def test_a_slot_begins_tls_before_the_connection_is_told(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The handshake goes on when reading does."""
    server, client = SslServer(), SocketClient()
    server.setSslConfiguration(
        SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    )
    assert server.listen("127.0.0.1", 0)
    client.setEnableProxy(False)

    def act(what: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if what is ClientEvent.Connected and connection is not None:
            connection.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
            connection.setPeerVerifyName("localhost")
            connection.startClientEncryption()
            settle()

    client.clientEvent.connect(act)
    operation = client.connectToHost("127.0.0.1", server.serverPort())
    assert operation.waitForFinished(20_000)
    connection = operation.connection()
    assert connection is not None
    spin(connection.isEncrypted)
    connection.abort()
    server.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe there")
@pytest.mark.parametrize("leaves", [False, True])
def test_a_greeting_on_a_local_socket(leaves: bool, tmp_path: Path) -> None:
    """The same over another kind of transport."""
    path = str(tmp_path / "server")
    with native.socket(native.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        client = SocketClient()
        story: list[object] = []
        accepted: list[native.socket] = []

        def greet(what: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
            if what is ClientEvent.Connected and connection is not None:
                accepted.append(listener.accept()[0])
                accepted[0].send(b"220 hello\r\n")
                if leaves:
                    accepted[0].close()
                connection.readBytes()
                settle()

        def finished(connection: SslSocket) -> None:
            story.append("finished")
            connection.readyRead.connect(lambda: story.append(connection.readBytes()))
            connection.disconnected.connect(lambda: story.append("disconnected"))

        client.clientEvent.connect(greet)
        operation = client.connectTo(UnixAddress(path))
        operation.finished.connect(finished)
        spin(operation.isFinished)
        assert operation.error() is None
        spin(lambda: len(story) == (3 if leaves else 2))
        assert story == ["finished", b"220 hello\r\n", "disconnected"][: len(story)]
        accepted[0].close()


@pytest.mark.parametrize("arrived", [False, True])
def test_waiting_for_the_greeting_without_an_event_loop(arrived: bool) -> None:
    """In the slot that gets the connection, which reads on at once."""
    greeter = _Greeter(leaves=False)
    client = _slowClient(greeter, settles=arrived)
    heard: list[object] = []
    operation = client.connectToHost("127.0.0.1", greeter.server.serverPort())
    operation.finished.connect(lambda connection: heard.append(connection.waitForReadyRead(20_000)))
    operation.finished.connect(lambda connection: heard.append(connection.readBytes()))
    spin(operation.isFinished)
    assert heard == [True, b"220 hello\r\n"]
