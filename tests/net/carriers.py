"""Pairs of connected devices for TLS to run over."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from PySide6.QtCore import QByteArray, QIODevice, QTimer
from PySide6.QtNetwork import QHostAddress, QLocalServer, QLocalSocket, QTcpServer, QTcpSocket
from shiboken6 import isValid

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import State, spin

Pair = tuple[QIODevice, QIODevice]
_UNLIMITED = 1 << 30


class PipeEnd(QIODevice):
    """One end of a pipe in memory: what a program would write for a serial line or a message channel.

    Args:
        capacity: How many bytes the other end holds before write() takes no more.
    """

    def __init__(self, capacity: int = _UNLIMITED) -> None:
        super().__init__()
        self.other: PipeEnd = self
        self.capacity = capacity
        self._incoming = bytearray()
        self.open(QIODevice.OpenModeFlag.ReadWrite)

    def isSequential(self) -> bool:
        return True

    def bytesAvailable(self) -> int:
        return len(self._incoming) + super().bytesAvailable()

    def readData(self, maxlen: int) -> bytes:
        data = bytes(self._incoming[:maxlen])
        del self._incoming[:maxlen]
        if data and self.capacity < _UNLIMITED:
            QTimer.singleShot(0, self, self._tellRoom)
        return data

    def _tellRoom(self) -> None:
        if self.other is not self and isValid(self.other):
            self.other.bytesWritten.emit(0)

    def write(self, data: bytes | bytearray | memoryview | QByteArray) -> int:
        other = self.other
        taken = bytes(data)[: max(0, other.capacity - len(other._incoming))]
        if taken and isValid(other):
            other._incoming += taken
            other.readyRead.emit()
        return len(taken)

    def close(self) -> None:
        other, self.other = self.other, self
        super().close()
        if other is not self and isValid(other):
            other.readChannelFinished.emit()


def pipePair(capacity: int = _UNLIMITED) -> Pair:
    one, two = PipeEnd(capacity), PipeEnd(capacity)
    one.other, two.other = two, one
    return one, two


def narrowPipePair() -> Pair:
    """A pipe that takes 1000 bytes at a time."""
    return pipePair(1000)


def tcpPair() -> tuple[QTcpSocket, QTcpSocket]:
    server = QTcpServer()
    assert server.listen(QHostAddress("127.0.0.1"))
    client = QTcpSocket()
    client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: server.hasPendingConnections() and client.state() == State.ConnectedState)
    accepted = server.nextPendingConnection()
    accepted.setParent(None)
    return client, accepted


def localPair() -> tuple[QLocalSocket, QLocalSocket]:
    server = QLocalServer()
    assert server.listen(f"qtsecure-{uuid.uuid4().hex}")
    client = QLocalSocket()
    client.connectToServer(server.fullServerName())
    spin(lambda: server.hasPendingConnections() and client.state() == QLocalSocket.LocalSocketState.ConnectedState)
    accepted = server.nextPendingConnection()
    accepted.setParent(None)
    return client, accepted


def tlsPair(pki: PublicKeyInfrastructure) -> tuple[SslSocket, SslSocket]:
    """Two sockets of ours, encrypted."""
    below = tcpPair()
    client, server = overPair(pki, below)
    client.startClientEncryption()
    server.startServerEncryption()
    spin(lambda: client.isEncrypted() and server.isEncrypted())
    return client, server


def overPair(pki: PublicKeyInfrastructure, below: Pair) -> tuple[SslSocket, SslSocket]:
    """Sockets over a pair of devices, with certificates, and plain so far."""
    client, server = SslSocket(transport=below[0]), SslSocket(transport=below[1])
    client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    client.setPeerVerifyName("localhost")
    server.setSslConfiguration(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
    return client, server


CARRIERS: dict[str, Callable[[PublicKeyInfrastructure], Pair]] = {
    "tcp": lambda pki: tcpPair(),
    "local": lambda pki: localPair(),
    "pipe": lambda pki: pipePair(),
    "narrow pipe": lambda pki: narrowPipePair(),
    "tls": tlsPair,
}
