"""What Qt tests of QTcpSocket, in our words: with and without TLS, over both transports."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop, QIODevice, QObject, QThread, QTimer, Signal, Slot

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.peers import PythonTlsServer, SilentServer
from qtsecure.testing.peers._threads import ThreadedServer
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import Conversation, Error, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class PlainEchoServer(ThreadedServer):
    """Echoes over TCP."""

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            return


class Echo:
    """An echoing server in a thread, and how to connect to it."""

    def __init__(self, pki: PublicKeyInfrastructure, encrypted: bool) -> None:
        self.encrypted = encrypted
        self.server = PythonTlsServer(pki.server) if encrypted else PlainEchoServer()
        self.configuration = SslConfiguration.forClient([pki.ca.certificate])

    def begin(self, client: SslSocket, host: str = "127.0.0.1", port: int = 0) -> None:
        client.setSslConfiguration(self.configuration)
        connect = client.connectToHostEncrypted if self.encrypted else client.connectToHost
        connect(host, port or self.server.port)

    def isReady(self, client: SslSocket) -> bool:
        return client.isEncrypted() if self.encrypted else client.state() == State.ConnectedState

    def connect(self, client: SslSocket) -> None:
        self.begin(client)
        assert client.waitForEncrypted(20_000) if self.encrypted else client.waitForConnected(20_000)

    def echo(self, client: SslSocket, data: bytes) -> None:
        """Have data come back, without an event loop."""
        before = client.bytesAvailable()
        client.write(data)
        while client.bytesAvailable() < before + len(data):
            assert client.waitForReadyRead(20_000), client.errorString()


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def echo(request: pytest.FixtureRequest, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Echo]:
    echo = Echo(qtsecure_pki, request.param)
    with echo.server:
        yield echo
        settle()
        echo.server.takeErrors()  # of clients that broke off


@pytest.fixture
def client(qapp: QCoreApplication) -> Iterator[SslSocket]:
    client = SslSocket()
    yield client
    client.abort()


# ---------------------------------------------------------------------- opening and ending


def test_open_close_open_close(client: SslSocket) -> None:
    """open() is not how a socket is opened; close() of what is closed does nothing."""
    for _ in range(3):
        assert not client.isOpen()
        assert not client.open(QIODevice.OpenModeFlag.ReadWrite)
        assert not client.isOpen()
        assert client.openMode() == QIODevice.OpenModeFlag.NotOpen
        client.close()
    assert client.state() == State.UnconnectedState


def test_connect_disconnect_connect_disconnect(client: SslSocket, echo: Echo) -> None:
    """One object, again and again, without an event loop."""
    for number in range(3):
        assert client.state() == State.UnconnectedState
        echo.connect(client)
        assert client.isOpen()
        echo.echo(client, b"%d" % number)
        assert client.readBytes() == b"%d" % number
        client.disconnectFromHost()
        assert client.state() == State.UnconnectedState or client.waitForDisconnected(20_000)
        assert client.readAll().isEmpty()


@pytest.mark.parametrize("loop", [True, False], ids=["loop", "no loop"])
@pytest.mark.parametrize("data", [b"", b"hello", b"h" * 100_000])
@pytest.mark.parametrize("directly", [True, False], ids=["close", "disconnectFromHost"])
def test_disconnect_while_connecting(
    qapp: QCoreApplication,
    client: SslSocket,
    qtsecure_pki: PublicKeyInfrastructure,
    data: bytes,
    directly: bool,
    loop: bool,
) -> None:
    """What was written is delivered; without anything to deliver, close() gives up at once."""
    with PythonTlsServer(qtsecure_pki.server, echo=False) as server:
        client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        client.connectToHostEncrypted("127.0.0.1", server.port)
        if data:
            assert client.write(data) == len(data)
        if directly:
            client.close()
            assert not client.isOpen()
        else:
            client.disconnectFromHost()
            assert client.isOpen()
        gone = directly and not data
        assert (client.state() == State.UnconnectedState) == gone
        if loop:
            spin(lambda: client.state() == State.UnconnectedState)
        elif not gone:
            assert client.waitForDisconnected(10_000)
        assert client.state() == State.UnconnectedState
        if data:
            connection = server.waitForEnding()
            assert (connection.received, connection.ending) == (data, "closeNotify")
        settle()
        server.takeErrors()


@pytest.mark.parametrize("method", ["disconnectFromHost", "close", "abort"])
def test_disconnect_while_looking_up(client: SslSocket, echo: Echo, method: str) -> None:
    """close() and abort() end the look-up; disconnectFromHost() lets it come to its end."""
    errors: list[Error] = []
    client.errorOccurred.connect(errors.append)
    echo.begin(client, "no-such-host.invalid.", 1)
    assert client.state() == State.HostLookupState
    getattr(client, method)()
    spin(lambda: client.state() == State.UnconnectedState)
    settle()
    assert errors == ([Error.HostNotFoundError] if method == "disconnectFromHost" else [])
    assert client.isOpen() == (method == "disconnectFromHost")


def test_sudden_remote_disconnect(conversation: Conversation) -> None:
    """One error, all data, disconnected once."""
    peer = conversation.establish()
    client = conversation.client
    conversation.recorder.clear()
    peer.write(b"before the end")
    peer.flush()
    spin(lambda: client.bytesAvailable() == 14)
    peer.abort()
    conversation.waitForClientEnd()
    assert client.readBytes() == b"before the end"
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert conversation.recorder.count("client.disconnected") == 1
    assert conversation.recorder.count("client.readChannelFinished") == 1


def test_connect_to_host_error(client: SslSocket, echo: Echo, closedPort: int) -> None:
    """Refused: the state first, then one error with a sentence."""
    seen: list[tuple[Error, State]] = []
    client.errorOccurred.connect(lambda error: seen.append((error, client.state())))
    echo.begin(client, port=closedPort)
    spin(lambda: bool(seen))
    assert seen == [(Error.ConnectionRefusedError, State.UnconnectedState)]
    assert "refused" in client.errorString()


def test_nested_event_loop_in_error_slot(client: SslSocket, echo: Echo) -> None:
    """A dialog in the slot of errorOccurred is no trap."""
    finished: list[bool] = []

    def dialog() -> None:
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()
        finished.append(True)

    client.errorOccurred.connect(dialog)
    echo.begin(client, "no-such-host.invalid.", 1)
    spin(lambda: finished == [True])
    assert client.state() == State.UnconnectedState


# --------------------------------------------------------------------------------- reading


def test_read_all_after_close(client: SslSocket, echo: Echo) -> None:
    """close() drops what was not read."""
    echo.connect(client)
    echo.echo(client, b"never read")
    client.close()
    assert client.readAll().isEmpty()
    assert client.bytesAvailable() == 0


def test_read_line(client: SslSocket, echo: Echo) -> None:
    """Whole lines, parts of lines, and the rest."""
    echo.connect(client)
    echo.echo(client, b"one\ntwo\r\n\nfour")
    assert client.canReadLine()
    assert client.readLine() == b"one\n"
    assert client.readLine(2) == b"tw"
    assert client.readLine() == b"o\r\n"
    assert client.readLine() == b"\n"
    assert not client.canReadLine()
    assert client.readLine() == b"four"
    assert client.readLine().isEmpty()


def test_read_chunks(client: SslSocket, echo: Echo) -> None:
    """A large answer in small reads."""
    echo.connect(client)
    data = bytes(range(256)) * 400
    echo.echo(client, data)
    received = bytearray()
    while chunk := client.readBytes(777):
        assert len(chunk) == min(777, len(data) - len(received))
        received += chunk
    assert bytes(received) == data


def test_partial_read_and_unget(client: SslSocket, echo: Echo) -> None:
    """What is put back comes first."""
    echo.connect(client)
    echo.echo(client, b"HELLO")
    first = client.read(1)
    assert first == b"H"
    client.ungetChar(ord("H"))
    assert client.bytesAvailable() == 5
    assert client.peek(2) == b"HE"
    assert client.read(3) == b"HEL"
    client.ungetChar(ord("L"))
    client.ungetChar(ord("E"))
    assert client.readAll() == b"ELLO"


def test_at_end(client: SslSocket, echo: Echo) -> None:
    """As long as there is something to read, it is not the end."""
    echo.connect(client)
    assert client.atEnd()
    echo.echo(client, b"ab")
    assert not client.atEnd()
    client.readBytes(1)
    assert not client.atEnd()
    client.readBytes()
    assert client.atEnd()


def test_zero_and_minus_one_returns(client: SslSocket, echo: Echo) -> None:
    """Reading and writing nothing, and after the end."""
    echo.connect(client)
    echo.echo(client, b"abc")
    assert client.read(0).isEmpty()
    assert client.write(b"") == 0
    assert client.bytesAvailable() == 3
    client.readAll()
    assert client.read(10).isEmpty()
    assert client.readLine().isEmpty()
    client.close()
    spin(lambda: client.state() == State.UnconnectedState)
    assert client.write(b"x") == -1
    assert client.skip(1) == -1


def test_recursive_ready_read(client: SslSocket, echo: Echo) -> None:
    """A loop in the slot brings more data, and no second entry into the slot."""
    echo.connect(client)
    depth, deepest, received = 0, 0, bytearray()

    def slot() -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)
        received.extend(client.readBytes())
        if bytes(received) == b"first":
            client.write(b"second")
            spin(lambda: client.bytesAvailable() == 6)
        depth -= 1

    client.readyRead.connect(slot)
    client.write(b"first")
    spin(lambda: bytes(received) == b"firstsecond")
    assert deepest == 1


def test_wait_for_ready_read_in_a_slot(client: SslSocket, echo: Echo) -> None:
    """In the slot of connected a whole conversation is possible."""
    answers: list[tuple[bool, bytes]] = []

    def slot() -> None:
        client.write(b"from the slot")
        answers.append((client.waitForReadyRead(20_000), client.readBytes()))

    client.connected.connect(slot)
    echo.begin(client)
    spin(lambda: bool(answers))
    assert answers == [(True, b"from the slot")]


def test_increase_read_buffer_size(conversation: Conversation) -> None:
    """More room brings more data, without a read."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(1000)
    peer.write(bytes(50_000))
    spin(lambda: client.bytesAvailable() == 1000)
    client.setReadBufferSize(20_000)
    spin(lambda: client.bytesAvailable() == 20_000)
    client.setReadBufferSize(0)
    spin(lambda: client.bytesAvailable() == 50_000)


# --------------------------------------------------------------------------------- writing


def test_flush(client: SslSocket, echo: Echo) -> None:
    """False without a connection or data."""
    assert not client.flush()
    echo.connect(client)
    assert not client.flush()
    client.write(b"x")
    assert client.flush()
    assert not client.flush()
    client.abort()
    assert not client.flush()


def test_wait_for_bytes_written_minus_one(client: SslSocket, echo: Echo) -> None:
    """For ever, if it must be."""
    echo.connect(client)
    client.write(b"x" * 100_000)
    while client.bytesToWrite() or client.encryptedBytesToWrite():
        assert client.waitForBytesWritten(-1)


def test_dont_close_on_timeout(client: SslSocket, qapp: QCoreApplication) -> None:
    """A wait that times out leaves the connection alone."""
    with SilentServer() as server:
        client.connectToHost("127.0.0.1", server.port)
        assert client.waitForConnected(20_000)
        assert not client.waitForReadyRead(20)
        assert client.error() == Error.SocketTimeoutError
        assert client.isOpen()
        assert client.state() == State.ConnectedState
        client.write(b"still there")
        assert client.waitForBytesWritten(20_000)
        spin(lambda: server.received == b"still there")


def test_write_on_read_buffer_overflow(conversation: Conversation) -> None:
    """A full read buffer does not keep bytes from going out."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(10)
    peer.write(bytes(1 << 20))
    spin(lambda: client.bytesAvailable() == 10)
    client.write(b"out of a full socket")
    spin(lambda: peer.bytesAvailable() == 20)
    assert client.bytesAvailable() == 10


def test_client_sends_data_on_delayed_disconnect(conversation: Conversation) -> None:
    """Bytes written after disconnectFromHost(), while a mebibyte is still going out, arrive as well."""
    peer = conversation.establish()
    client = conversation.client
    peer.setReadBufferSize(1000)
    size = 16 << 20
    client.write(bytes(size))
    spin(lambda: client.encryptedBytesToWrite() > 0)
    client.disconnectFromHost()
    assert client.state() == State.ClosingState
    assert client.write(b"postscript") == 10
    received = bytearray()
    peer.readyRead.connect(lambda: received.extend(peer.readBytes()))
    peer.setReadBufferSize(0)
    received.extend(peer.readBytes())
    conversation.waitForClientEnd()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert len(received) == size + 10
    assert received.endswith(b"postscript")
    assert peer.peerClosedCleanly()


def test_server_disconnects_with_buffered_data(conversation: Conversation) -> None:
    """What the server wrote before it left is readable to the last byte, in small reads, after the end."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"a" * 100_000)
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    received = bytearray()
    while chunk := client.readBytes(1000):
        received += chunk
    assert len(received) == 100_000
    assert client.peerClosedCleanly()


def test_write_only_mode_discards_what_comes(conversation: Conversation) -> None:
    """A socket opened for writing only reads nothing, and its connection does not stall."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort(), QIODevice.OpenModeFlag.WriteOnly)
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    peer.write(b"unwanted")
    client.write(b"wanted")
    spin(lambda: peer.bytesAvailable() == 6)
    settle()
    assert client.readAll().isEmpty()
    assert client.readBytes() == b""
    peer.disconnectFromHost()
    conversation.waitForClientEnd()


# --------------------------------------------------------------------------------- threads


class _Traveller(QObject):
    """Connects, talks and disconnects in its thread; then lets the socket go home."""

    done = Signal()

    def __init__(self, client: SslSocket, echo: Echo, home: QThread) -> None:
        super().__init__()
        self.client, self.echo, self.home = client, echo, home
        self.outcome: list[object] = []

    @Slot()
    def travel(self) -> None:
        try:
            self.echo.connect(self.client)
            self.echo.echo(self.client, b"abroad")
            self.outcome.append(self.client.readBytes())
            self.client.abort()
            self.outcome.append(self.client.moveToThread(self.home))
        except Exception as error:  # noqa: BLE001  # for the assertion
            self.outcome.append(error)
        QThread.currentThread().quit()


def test_move_to_thread(client: SslSocket, echo: Echo, qapp: QCoreApplication) -> None:
    """Connected here, then in another thread, then here again."""
    echo.connect(client)
    echo.echo(client, b"home")
    assert client.readBytes() == b"home"
    client.abort()
    thread = QThread()
    traveller = _Traveller(client, echo, qapp.thread())
    assert client.moveToThread(thread)
    traveller.moveToThread(thread)
    thread.started.connect(traveller.travel)
    thread.start()
    spin(thread.isFinished)
    assert traveller.outcome == [b"abroad", True]
    echo.connect(client)
    echo.echo(client, b"home again")
    assert client.readBytes() == b"home again"
