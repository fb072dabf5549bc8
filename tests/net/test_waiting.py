"""The blocking functions, without an event loop; the peers live in threads of their own."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets import name_lookup
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.peers import (
    GarbageServer,
    PeerError,
    PythonTlsServer,
    ResettingServer,
    SilentServer,
    TruncatingServer,
)
from qtsecure.testing.peers._python_tls import serverContext
from qtsecure.testing.peers._threads import ThreadedServer
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, SOCKET_SIGNALS, Error, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

WAITS = ["waitForConnected", "waitForEncrypted", "waitForReadyRead", "waitForBytesWritten", "waitForDisconnected"]


@pytest.fixture
def noForeignEvents(qapp: QCoreApplication) -> Iterator[list[int]]:
    """A timer of the program that is always due; nothing here may let it run unless a loop does."""
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(0)
    yield ticks
    timer.stop()


@pytest.fixture
def client(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslSocket]:
    socket = SslSocket()
    socket.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    yield socket
    if shiboken6.isValid(socket):
        socket.abort()


@pytest.fixture
def server(qtsecure_pki: PublicKeyInfrastructure) -> Iterator[PythonTlsServer]:
    """Echoes."""
    with PythonTlsServer(qtsecure_pki.server) as server:
        yield server


@pytest.fixture
def recorder(client: SslSocket) -> Iterator[SignalRecorder]:
    with SignalRecorder(client, SOCKET_SIGNALS, prefix="client") as recorder:
        yield recorder


def connectTo(client: SslSocket, port: int) -> None:
    client.connectToHostEncrypted("127.0.0.1", port)
    assert client.waitForEncrypted(20_000), client.errorString()


def errors(recorder: SignalRecorder) -> list[object]:
    return [args[0] for args in recorder.of("client.errorOccurred")]


# ------------------------------------------------------------------------- connecting


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_qt_1_8_87_connected(client: SslSocket, server: PythonTlsServer, host: str, noForeignEvents: list[int]) -> None:
    """True when it stands, also when it has stood before; the name is looked up on the way."""
    client.connectToHost(host, server.port)
    assert client.state() != State.ConnectedState
    noForeignEvents.clear()
    assert client.waitForConnected(20_000), client.errorString()
    assert client.state() == State.ConnectedState
    assert client.waitForConnected(0)
    assert client.peerAddress().toString() in ("127.0.0.1", "::1")
    assert noForeignEvents == []


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_qt_1_8_88_encrypted(
    client: SslSocket, server: PythonTlsServer, version: str, noForeignEvents: list[int]
) -> None:
    """True once; False when it is encrypted already, as in Qt."""
    configuration = client.sslConfiguration()
    configuration.setProtocol(PROTOCOLS[version])
    client.setSslConfiguration(configuration)
    noForeignEvents.clear()
    connectTo(client, server.port)
    assert client.isEncrypted()
    assert not client.waitForEncrypted(0)
    assert noForeignEvents == []


def test_qt_1_8_88_not_without_tls(client: SslSocket, server: PythonTlsServer) -> None:
    """A plain connection never becomes encrypted by itself; after startClientEncryption() it does."""
    client.connectToHost("localhost", server.port)
    assert client.waitForConnected(20_000)
    assert not client.waitForEncrypted(20_000)
    client.startClientEncryption()
    assert client.waitForEncrypted(20_000)


def test_qt_1_8_90_never_connected(client: SslSocket, recorder: SignalRecorder) -> None:
    """All False at once, without any error."""
    for name in WAITS:
        assert getattr(client, name)(5000) is False
    assert recorder.names() == []


@pytest.mark.parametrize("name", WAITS)
def test_qt_1_8_91_refused(client: SslSocket, recorder: SignalRecorder, closedPort: int, name: str) -> None:
    """Nothing listens: False, and the error."""
    client.connectToHostEncrypted("127.0.0.1", closedPort)
    client.write(b"for waitForBytesWritten")
    assert getattr(client, name)(5000) is False
    assert client.error() == Error.ConnectionRefusedError
    assert client.state() == State.UnconnectedState
    assert errors(recorder) == [Error.ConnectionRefusedError]


def test_qt_1_8_91_unknown_host(client: SslSocket, recorder: SignalRecorder) -> None:
    """No such name: False, and the error."""
    client.connectToHostEncrypted("no-such-host.invalid.", 443)
    assert not client.waitForEncrypted(20_000)
    assert errors(recorder) == [Error.HostNotFoundError]


def test_a_slow_look_up_is_given_up(
    client: SslSocket, recorder: SignalRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver knows no time-out, but the wait does."""
    name = "some.name.invalid."
    released = threading.Event()
    inTime: list[bool] = []
    genuine = socket.getaddrinfo

    def slow(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host != name:  # what another test has given up may still be looked up
            return genuine(host, *args, **kwargs)
        inTime.append(released.wait(40))
        return []

    monkeypatch.setattr(name_lookup.socket, "getaddrinfo", slow)
    client.connectToHost(name, 443)
    assert not client.waitForConnected(50)
    assert inTime == []  # the look-up goes on
    released.set()
    spin(lambda: inTime == [True])
    assert errors(recorder) == [Error.SocketTimeoutError]
    assert client.state() == State.UnconnectedState


def test_a_server_that_does_not_shake_hands(client: SslSocket, recorder: SignalRecorder) -> None:
    """waitForEncrypted() gives up waiting, not the connection; the handshake's own deadline ends that."""
    with SilentServer() as silent:
        client.connectToHostEncrypted("127.0.0.1", silent.port)
        assert client.waitForConnected(20_000)
        assert not client.waitForEncrypted(50)
        assert errors(recorder) == [Error.SocketTimeoutError]
        assert client.state() == State.ConnectedState
        client.abort()
        client.setHandshakeTimeout(50)
        client.connectToHostEncrypted("127.0.0.1", silent.port)
        assert not client.waitForEncrypted(-1)
        assert client.state() == State.UnconnectedState
        assert errors(recorder) == [Error.SocketTimeoutError] * 2
        assert "handshake" in client.errorString()


def test_a_host_that_does_not_answer(client: SslSocket, recorder: SignalRecorder) -> None:
    """waitForConnected() gives the attempt up when its time is over."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = [socket.create_connection(full.getsockname())]  # in the backlog before the others come
    for _ in range(2):
        fillers.append(filler := socket.socket())
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
    client.connectToHost("127.0.0.1", full.getsockname()[1])
    assert not client.waitForConnected(100)
    assert client.state() == State.UnconnectedState
    assert errors(recorder) == [Error.SocketTimeoutError]
    for each in [full, *fillers]:
        each.close()


@pytest.mark.parametrize("kind", [GarbageServer, ResettingServer])
def test_failing_handshakes(client: SslSocket, kind: type[GarbageServer | ResettingServer]) -> None:
    """False at once, with the handshake's error."""
    with kind() as server:
        client.connectToHostEncrypted("127.0.0.1", server.port)
        assert not client.waitForEncrypted(-1)
        assert client.state() == State.UnconnectedState
        assert client.error() in (Error.SslHandshakeFailedError, Error.RemoteHostClosedError)


# ------------------------------------------------------------------- reading and writing


def test_qt_1_8_89_a_whole_conversation(
    client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder, noForeignEvents: list[int]
) -> None:
    """waitForReadyRead() completes the handshake, sends what was written, and brings the answer."""
    noForeignEvents.clear()
    client.connectToHostEncrypted("localhost", server.port)
    client.write(b"question")
    assert client.waitForReadyRead(20_000), client.errorString()
    assert client.readBytes() == b"question"
    for number in range(50):
        client.write(b"%d" % number)
        assert client.waitForBytesWritten(20_000)
        assert client.waitForReadyRead(20_000)
        assert client.readBytes() == b"%d" % number
    client.disconnectFromHost()
    assert client.state() == State.UnconnectedState or client.waitForDisconnected(20_000)
    assert errors(recorder) == []
    assert noForeignEvents == []
    assert server.waitForEnding().ending == "closeNotify"  # this one runs an event loop


def test_qt_1_8_89_only_new_data_counts(client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder) -> None:
    """What had come before makes no success; the time-out is an error, and the connection stands."""
    connectTo(client, server.port)
    client.write(b"x")
    assert client.waitForReadyRead(20_000)
    recorder.clear()
    assert not client.waitForReadyRead(30)
    assert not client.waitForReadyRead(0)
    assert errors(recorder) == [Error.SocketTimeoutError] * 2
    assert client.error() == Error.SocketTimeoutError
    assert client.state() == State.ConnectedState
    client.write(b"y")
    assert client.waitForReadyRead(20_000)
    assert client.readBytes() == b"xy"


def test_data_that_came_with_the_handshake(client: SslSocket, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A greeting behind the server's last flight is new data in the slot of encrypted, too."""
    with PythonTlsServer(qtsecure_pki.server, greeting=b"welcome") as server:
        seen: list[tuple[bool, bytes]] = []
        client.encrypted.connect(lambda: seen.append((client.waitForReadyRead(20_000), client.readBytes())))
        client.connectToHostEncrypted("127.0.0.1", server.port)
        assert client.waitForEncrypted(20_000)
        assert seen == [(True, b"welcome")]


def test_the_peers_end_ends_the_wait(client: SslSocket, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """True for the last data, then False with the reason; even with -1."""
    with TruncatingServer(qtsecure_pki.server, b"last words") as server:
        client.connectToHostEncrypted("127.0.0.1", server.port)
        assert client.waitForReadyRead(-1)
        assert client.readBytes() == b"last words"
        assert not client.waitForReadyRead(-1)
        assert client.error() == Error.RemoteHostClosedError
        assert client.state() == State.UnconnectedState


def test_qt_1_8_90_bytes_written(
    client: SslSocket, qtsecure_pki: PublicKeyInfrastructure, recorder: SignalRecorder
) -> None:
    """False without an error when nothing waits; True as soon as some went out; everything in the end."""
    with PythonTlsServer(qtsecure_pki.server, echo=False) as server:
        connectTo(client, server.port)
        writeMuch(client, recorder)
        client.disconnectFromHost()
        server.waitForEnding()


def writeMuch(client: SslSocket, recorder: SignalRecorder) -> None:
    while client.encryptedBytesToWrite():
        assert client.waitForBytesWritten(20_000)  # the last flight of the handshake, on a QTcpSocket
    recorder.clear()
    assert not client.waitForBytesWritten(20_000)
    assert errors(recorder) == []
    total = 4 << 20
    client.write(bytes(total))
    while client.bytesToWrite() or client.encryptedBytesToWrite():
        assert client.waitForBytesWritten(20_000), client.errorString()
    assert sum(int(str(args[0])) for args in recorder.of("client.bytesWritten")) == total
    assert not client.waitForBytesWritten(20_000)


def test_qt_1_8_90_bytes_written_completes_the_handshake(client: SslSocket, server: PythonTlsServer) -> None:
    """What is written while connecting goes out in one wait."""
    client.connectToHostEncrypted("127.0.0.1", server.port)
    client.write(b"early")
    assert client.waitForBytesWritten(20_000)
    assert client.isEncrypted()
    assert client.bytesToWrite() == 0


def test_a_peer_that_does_not_read(client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder) -> None:
    """waitForBytesWritten() times out when the network takes no more."""
    with SilentReader() as stalled:
        client.connectToHost("127.0.0.1", stalled.port)
        assert client.waitForConnected(20_000)
        client.write(bytes(16 << 20))
        while client.waitForBytesWritten(200):
            pass
        assert errors(recorder) == [Error.SocketTimeoutError]
        assert client.state() == State.ConnectedState
        assert client.bytesToWrite() > 1 << 20


class SilentReader:
    """Accepts and never reads."""

    def __enter__(self) -> SilentReader:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port: int = self._listener.getsockname()[1]
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.close()


def test_refilling_in_the_slot_of_bytes_written(client: SslSocket, server: PythonTlsServer) -> None:
    """Bytes that went out count, even when the program has written as many again meanwhile."""
    connectTo(client, server.port)
    client.bytesWritten.connect(lambda count: client.write(bytes(1000)))
    client.write(bytes(1000))
    for _ in range(3):
        assert client.waitForBytesWritten(20_000)
    client.bytesWritten.disconnect()


@pytest.mark.parametrize("encrypted", [True, False])
def test_qt_1_8_90_disconnected(client: SslSocket, qtsecure_pki: PublicKeyInfrastructure, encrypted: bool) -> None:
    """disconnectFromHost() while connecting, and one wait: delivered and over."""
    with SilentServer() as silent, PythonTlsServer(qtsecure_pki.server, echo=False) as server:
        if encrypted:
            client.connectToHostEncrypted("127.0.0.1", server.port)
        else:
            client.connectToHost("127.0.0.1", silent.port)
        client.write(b"parting words" * 1000)
        client.disconnectFromHost()
        assert client.waitForDisconnected(20_000), client.errorString()
        assert client.state() == State.UnconnectedState
        if encrypted:
            connection = server.waitForEnding()
            assert (connection.received, connection.ending) == (b"parting words" * 1000, "closeNotify")
        else:
            spin(lambda: silent.received == b"parting words" * 1000)


def test_qt_1_8_90_disconnected_times_out(client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder) -> None:
    """Nobody disconnects: False, an error, and still connected."""
    connectTo(client, server.port)
    assert not client.waitForDisconnected(30)
    assert errors(recorder) == [Error.SocketTimeoutError]
    assert client.state() == State.ConnectedState


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize(("value", "kind"), [(-2, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)])
def test_arguments(client: SslSocket, name: str, value: object, kind: type[Exception]) -> None:
    """A duration in ms, or -1."""
    with pytest.raises(kind, match="msecs"):
        getattr(client, name)(value)


@pytest.mark.parametrize("msecs", [1 << 31, 10**400, -1])
def test_longer_than_the_system_can_wait(client: SslSocket, msecs: int) -> None:
    """Is as good as for ever, and no OverflowError; nor is a time-out that comes so late."""
    client.setTimeout(1 << 40)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        connection = listener.accept()[0]
        assert client.waitForConnected(msecs)
        connection.sendall(b"hello")
        assert client.waitForReadyRead(msecs)
        connecting = SocketClient()
        operation = connecting.connectToHost("127.0.0.1", listener.getsockname()[1])
        assert operation.waitForFinished(msecs)
        server = SslServer()
        assert server.listen("127.0.0.1")
        with socket.create_connection(("127.0.0.1", server.serverPort())):
            assert server.waitForNewConnection(msecs) == (True, False)
        server.close()
        connection.close()


# ------------------------------------------------------------------------------- slots


def test_inside_the_slot_of_ready_read(client: SslSocket, server: PythonTlsServer) -> None:
    """The signal is not emitted again, the answer is right all the same, and nothing is lost."""
    connectTo(client, server.port)
    received: list[bytes] = []
    answers: list[bool] = []
    depth = 0

    def slot() -> None:
        nonlocal depth
        depth += 1
        assert depth == 1
        while len(received) < 5:
            received.append(client.readBytes())
            client.write(b"again")
            answers.append(client.waitForReadyRead(20_000))
        depth -= 1

    client.readyRead.connect(slot)
    client.write(b"first")
    assert client.waitForReadyRead(20_000)
    assert answers == [True] * 5
    spin(lambda: b"".join([*received, client.peek(99).data()]) == b"first" + b"again" * 5)


def test_unread_data_of_a_nested_wait_is_announced_later(client: SslSocket, server: PythonTlsServer) -> None:
    """What came inside the slot and was not read there brings another readyRead."""
    connectTo(client, server.port)
    calls: list[bytes] = []

    def slot() -> None:
        calls.append(client.readBytes())
        if len(calls) == 1:
            client.write(b"second")
            assert client.waitForReadyRead(20_000)

    client.readyRead.connect(slot)
    client.write(b"first")
    assert client.waitForReadyRead(20_000)
    assert calls == [b"first", b"second"]


def test_a_wait_in_vain_forgets_nothing(client: SslSocket, server: PythonTlsServer) -> None:
    """What a loop in the slot brought before is announced all the same when the slot has returned."""
    connectTo(client, server.port)
    announced: list[tuple[int, bool]] = []

    def slot() -> None:
        announced.append((client.bytesAvailable(), False))
        if len(announced) == 1:
            client.write(b"more")
            spin(lambda: client.bytesAvailable() == 8)
            announced[0] = (8, client.waitForReadyRead(10))

    client.readyRead.connect(slot)
    client.write(b"data")
    spin(lambda: len(announced) == 2)
    assert announced == [(8, False), (8, False)]


def test_inside_the_slot_of_another_socket(
    client: SslSocket, server: PythonTlsServer, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """A slot of one socket may wait for another; the first is not entered anew meanwhile."""
    other = SslSocket()
    other.setSslConfiguration(client.sslConfiguration())
    connectTo(client, server.port)
    calls: list[tuple[bytes, bytes]] = []

    def slot() -> None:
        mine = client.readBytes()
        other.connectToHostEncrypted("127.0.0.1", server.port)
        other.write(b"from inside")
        client.write(b"more of the first")  # its echo comes while the other waits
        client.flush()
        assert other.waitForReadyRead(20_000)
        calls.append((mine, other.readBytes()))
        other.abort()
        if len(calls) == 2:
            client.readyRead.disconnect(slot)

    client.readyRead.connect(slot)
    client.write(b"go")
    spin(lambda: len(calls) == 2)
    assert calls == [(b"go", b"from inside"), (b"more of the first", b"from inside")]


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("waitForConnected", "connected"),
        ("waitForEncrypted", "encrypted"),
        ("waitForReadyRead", "encrypted"),
        ("waitForReadyRead", "readyRead"),
        ("waitForBytesWritten", "encrypted"),
        ("waitForBytesWritten", "bytesWritten"),
        ("waitForDisconnected", "readyRead"),
        ("waitForDisconnected", "disconnected"),
    ],
)
@pytest.mark.parametrize("end", ["abort", "delete"])
def test_the_end_inside_a_slot_of_the_wait(
    client: SslSocket, qtsecure_pki: PublicKeyInfrastructure, name: str, signal: str, end: str
) -> None:
    """A slot that ends or deletes the waiting socket ends the wait."""
    server = PythonTlsServer(qtsecure_pki.server)
    server.start()
    getattr(client, signal).connect(lambda *arguments: shiboken6.delete(client) if end == "delete" else client.abort())
    client.connectToHostEncrypted("127.0.0.1", server.port)
    client.write(b"echo")
    if signal == "disconnected":
        client.disconnectFromHost()
    began = time.monotonic()
    answer = getattr(client, name)(50_000)
    assert time.monotonic() - began < 40
    assert not shiboken6.isValid(client) or client.state() == State.UnconnectedState
    if signal == "encrypted":
        assert not answer
    with contextlib.suppress(PeerError):  # of a client that breaks off
        server.stop()


@pytest.mark.parametrize("name", WAITS)
def test_refused_inside_the_engine(make_conversation: MakeConversation, name: str) -> None:
    """Where OpenSSL waits for the slot's answer nothing can be waited for."""
    conversation = make_conversation()
    conversation.clientConfiguration.setCaCertificates([])
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    raised: list[SecureError] = []

    def slot(error: object) -> None:
        try:
            getattr(conversation.client, name)(1000)
        except SecureError as refused:
            raised.append(refused)

    conversation.client.handshakeInterruptedOnError.connect(slot)
    conversation.connect()
    conversation.waitForClientEnd()
    assert raised
    assert raised[0].code is SecureError.Code.Pending
    assert name in raised[0].message


def test_a_paused_socket_does_not_wait_for_ever(client: SslSocket, server: PythonTlsServer) -> None:
    """When only the program could go on, -1 gives up at once."""
    connectTo(client, server.port)
    client.setReadBufferSize(10)
    client.write(bytes(100_000))
    assert client.waitForReadyRead(20_000)
    assert client.bytesAvailable() == 10
    while client.bytesToWrite() or client.encryptedBytesToWrite():
        assert client.waitForBytesWritten(20_000)
    assert not client.waitForReadyRead(-1)
    assert client.error() == Error.SocketTimeoutError
    ran: list[bool] = []
    schedulerOfThisThread().defer(lambda: ran.append(True))  # another object's, which waits for the event loop
    assert not client.waitForReadyRead(-1)
    assert ran == []
    settle()
    assert ran == [True]


def test_a_wait_in_a_thread_without_a_loop(
    server: PythonTlsServer, qtsecure_pki: PublicKeyInfrastructure, qtlog: Any
) -> None:
    """A thread of Python's that never runs an event loop can use a socket from begin to end."""
    outcome: list[object] = []

    def run() -> None:
        try:
            client = SslSocket()
            client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
            client.connectToHostEncrypted("localhost", server.port)
            client.write(b"threaded")
            answers = [client.waitForReadyRead(20_000)]
            outcome.append(client.readBytes())
            client.disconnectFromHost()
            answers.append(client.state() == State.UnconnectedState or client.waitForDisconnected(20_000))
            outcome.append(answers)
        except BaseException as error:  # noqa: BLE001  # for the assertion below
            outcome.append(error)

    gc.collect()  # or the garbage of other tests is found in the thread, and Qt says something about it
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(15)
    assert outcome == [b"threaded", [True, True]]
    assert [record.message for record in qtlog.records] == []  # Qt says so when a thread cannot have timers


# ---------------------------------------------------------------------------- for ever


class _UnhurriedServer(ThreadedServer):
    """Speaks, listens and leaves when it is told to, in a thread of its own."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self._context = serverContext(pki.server)
        self.mayGoOn = threading.Semaphore(0)
        self.received = b""
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secure:
            for words in (b"first", b"second"):
                assert self.mayGoOn.acquire(timeout=20)
                secure.sendall(words)
            while len(self.received) < 1 << 20:
                self.received += secure.recv(65536)
            secure.sendall(b"third")
            secure.unwrap()


def test_qt_1_8_90_minus_one(client: SslSocket, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """No wait gives up, not even with a mebibyte still to be written, which goes out meanwhile."""
    with _UnhurriedServer(qtsecure_pki) as server:
        client.connectToHostEncrypted("127.0.0.1", server.port)
        assert client.waitForConnected(-1)
        assert client.waitForEncrypted(-1)
        for words in (b"first", b"second"):
            release = threading.Timer(0.05, server.mayGoOn.release)
            release.start()
            assert client.waitForReadyRead(-1)
            assert client.readBytes() == words
        client.write(bytes(1 << 20))
        assert client.waitForReadyRead(-1)
        assert client.readBytes() == b"third"
        assert client.bytesToWrite() == client.encryptedBytesToWrite() == 0
        assert not client.waitForBytesWritten(-1)
        assert client.state() == State.UnconnectedState or client.waitForDisconnected(-1)
        assert client.peerClosedCleanly()
        assert not client.waitForReadyRead(-1)
        assert not client.waitForDisconnected(-1)
        assert client.read(10).data() == b""
    assert server.received == bytes(1 << 20)
