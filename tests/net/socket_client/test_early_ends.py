"""Servers without TLS that speak first: what they say, and that they end, comes when the program has the connection."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket

from qtsecure import ClientEvent, ConnectOperation, SocketClient, SocketConnectable, SslSocket
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
