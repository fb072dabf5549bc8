"""A connection to a proxy that says what the test lets it say, and what lies behind proxies."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiator import ProxyNegotiator
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import IssuedCertificate
from tests.net.conversation import State, settle, spin

LOCAL = QHostAddress(QHostAddress.SpecialAddress.LocalHost)


def connectedTo(port: int) -> SslSocket:
    """A plain connection to a port of this machine."""
    socket = SslSocket()
    socket.connectToHost("127.0.0.1", port)
    spin(lambda: socket.state() == State.ConnectedState)
    return socket


class Negotiating:
    """A negotiator with its outcome."""

    def __init__(self, socket: SslSocket, address: ProxyAddress) -> None:
        self.socket = socket
        self.address = address
        self.outcomes: list[object] = []
        self.negotiator = ProxyNegotiator(socket, address)
        self.negotiator.negotiated.connect(self.outcomes.append)
        self.negotiator.failed.connect(self.outcomes.append)

    def start(self) -> None:
        self.negotiator.start()
        assert self.outcomes == []

    def connection(self) -> SslSocket:
        """The connection that came out."""
        spin(lambda: self.outcomes != [])
        settle()
        (outcome,) = self.outcomes
        assert isinstance(outcome, SslSocket), outcome
        return outcome

    def failure(self) -> SecureError:
        """The error that came out, of a connection that is over."""
        spin(lambda: self.outcomes != [])
        settle()
        (outcome,) = self.outcomes
        assert isinstance(outcome, SecureError), outcome
        assert not isValid(self.socket) or self.socket.state() == State.UnconnectedState
        return outcome


class Rig(Negotiating):
    """A negotiator whose proxy is the test.

    Args:
        protocol: Of the proxy.
        host: What to reach.
        login: ``user:password`` as it stands in the URI.
        port: What to reach.
    """

    def __init__(self, protocol: str, host: str = "mail.example", login: str = "", port: int = 993) -> None:
        self.listener = QTcpServer()
        assert self.listener.listen(LOCAL, 0)
        socket = connectedTo(self.listener.serverPort())
        spin(self.listener.hasPendingConnections)
        self.proxy: QTcpSocket = self.listener.nextPendingConnection()
        self.heard = bytearray()
        self.proxy.readyRead.connect(self._hear)
        at = f"{login}@" if login else ""
        uri = f"{protocol}://{at}127.0.0.1:{self.listener.serverPort()}"
        super().__init__(socket, ProxyAddress(uri, "127.0.0.1", host, port, "imaps"))

    def _hear(self) -> None:
        self.heard += self.proxy.readAll().data()

    def hear(self, size: int) -> bytes:
        """What the negotiator says next, which has to be so many bytes."""
        spin(lambda: len(self.heard) >= size)
        heard = bytes(self.heard)
        self.heard.clear()
        assert len(heard) == size, heard
        return heard

    def hearHeader(self) -> bytes:
        """A whole HTTP header."""
        spin(lambda: self.heard.endswith(b"\r\n\r\n"))
        return self.hear(len(self.heard))

    def hearSomething(self) -> bytes:
        """What the negotiator says next; it is one message, of a size that the test does not know."""
        spin(lambda: len(self.heard) > 0)
        return self.hear(len(self.heard))

    def say(self, data: bytes) -> None:
        """Let the proxy say something."""
        self.proxy.write(data)

    def close(self) -> None:
        """End everything."""
        for obj in (self.negotiator, self.socket, self.proxy, self.listener):
            if isValid(obj):
                obj.deleteLater()
        settle()


class EchoServer(QTcpServer):
    """A destination that greets and echoes.

    Args:
        greeting: What it says first.
    """

    def __init__(self, greeting: bytes = b"") -> None:
        super().__init__()
        self._greeting = greeting
        self._clients: list[QTcpSocket] = []
        self.newConnection.connect(self._accept)
        assert self.listen(LOCAL, 0)

    def _accept(self) -> None:
        client = self.nextPendingConnection()
        self._clients.append(client)
        client.write(self._greeting)
        client.readyRead.connect(self._echo)

    def _echo(self) -> None:
        for client in self._clients:
            if client.bytesAvailable():
                client.write(client.readAll())


class TlsEchoServer(SslServer):
    """A destination that echoes inside TLS."""

    def __init__(self, identity: IssuedCertificate) -> None:
        super().__init__()
        self.setSslConfiguration(SslConfiguration.forServer(identity.chain, identity.privateKey))
        self.pendingConnectionAvailable.connect(self._serve)
        self._clients: list[SslSocket] = []
        assert self.listen("127.0.0.1", 0), self.errorString()

    def _serve(self) -> None:
        while (client := self.nextPendingConnection()) is not None:
            self._clients.append(client)
            client.readyRead.connect(self._echo)

    def _echo(self) -> None:
        for client in self._clients:
            if isValid(client) and client.bytesAvailable():
                client.write(client.readBytes())


class HttpsProxy(SslServer):
    """An HTTP proxy inside TLS, in this thread; every host is this machine.

    Attributes:
        heads: The headers of the requests.
        answer: Said instead of connecting, unless it is empty.
    """

    def __init__(self, identity: IssuedCertificate) -> None:
        super().__init__()
        self.heads: list[bytes] = []
        self.answer = b""
        self._tunnels: list[_Tunnel] = []
        self.setSslConfiguration(SslConfiguration.forServer(identity.chain, identity.privateKey))
        self.pendingConnectionAvailable.connect(self._serve)
        assert self.listen("127.0.0.1", 0), self.errorString()

    def _serve(self) -> None:
        while (client := self.nextPendingConnection()) is not None:
            self._tunnels.append(_Tunnel(self, client))


class _Tunnel(QObject):
    def __init__(self, proxy: HttpsProxy, client: SslSocket) -> None:
        super().__init__()
        self._proxy, self._client = proxy, client
        self._head = b""
        self._target: QTcpSocket | None = None
        client.readyRead.connect(self._fromClient)
        client.disconnected.connect(self._end)
        self._fromClient()

    def _fromClient(self) -> None:
        data = self._client.readBytes()
        if self._target is not None:
            self._target.write(data)
            return
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        self._proxy.heads.append(self._head)
        if self._proxy.answer:
            self._client.write(self._proxy.answer)
            return
        self._target = QTcpSocket(self)
        self._target.connected.connect(self._connected)
        self._target.readyRead.connect(self._fromTarget)
        self._target.disconnected.connect(self._client.disconnectFromHost)
        self._target.connectToHost(LOCAL, int(self._head.split(b" ")[1].rpartition(b":")[2]))

    def _connected(self) -> None:
        self._client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _fromTarget(self) -> None:
        assert self._target is not None
        self._client.write(self._target.readAll())

    def _end(self) -> None:
        if self._target is not None:
            self._target.abort()


MakeRig = Callable[..., Rig]


def exchange(connection: SslSocket, data: bytes) -> None:
    """Send bytes to an echo server and get them back."""
    heard = bytearray()
    slot = connection.readyRead.connect(lambda: heard.extend(connection.readBytes()))
    connection.write(data)
    spin(lambda: len(heard) >= len(data))
    assert bytes(heard) == data
    QObject.disconnect(slot)
