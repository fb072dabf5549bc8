"""qt-1.8: the blocking calls, against peers in other threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject

from qtsecure import SslConfiguration, SslSocket
from qtsecure.testing.peers import PeerError, PythonTlsServer
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import SOCKET_SIGNALS, State, story
from tests.ports import closedPort
from tests.semantics.qt.support import SocketError

pytestmark = pytest.mark.usefixtures("transport_mode")

LONG = 30_000
"""Milliseconds that nothing here should need."""


@pytest.fixture
def server(qtsecure_pki: PublicKeyInfrastructure) -> Iterator[PythonTlsServer]:
    with PythonTlsServer(qtsecure_pki.server) as server:
        yield server


@pytest.fixture
def client(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslSocket]:
    client = SslSocket()
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    yield client
    client.abort()


@pytest.fixture
def recorder(client: SslSocket) -> Iterator[SignalRecorder]:
    with SignalRecorder(client, SOCKET_SIGNALS, prefix="client") as recorder:
        yield recorder


def ask(client: SslSocket) -> None:
    """Send a question and wait for its echo."""
    client.write(b"?")
    assert client.waitForReadyRead(LONG) is True
    assert client.readBytes() == b"?"


def test_qt_1_8_87_waiting_for_the_connection(client: SslSocket, server: PythonTlsServer) -> None:
    """Looks the name up as well; True at once when it is there."""
    client.connectToHostEncrypted("localhost", server.port)
    assert client.state() == State.HostLookupState
    assert client.waitForConnected(LONG) is True
    assert client.state() == State.ConnectedState
    assert client.waitForConnected(0) is True
    server.stop()
    server.takeErrors()  # the handshake that was left


def test_qt_1_8_88_waiting_for_the_handshake(
    client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder
) -> None:
    """Connects first; signals come from inside; False when it is encrypted already."""
    client.connectToHostEncrypted("localhost", server.port)
    assert client.waitForEncrypted(LONG) is True
    assert client.isEncrypted()
    recorder.assertOrder(["client.connected", "client.encrypted"])
    assert client.waitForEncrypted(LONG) is False
    ask(client)
    client.abort()
    server.waitForEnding()


def test_qt_1_8_88_waiting_for_a_handshake_that_fails(
    client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder
) -> None:
    """False, with the error."""
    client.setSslConfiguration(SslConfiguration.forClient([]))
    client.connectToHostEncrypted("localhost", server.port)
    assert client.waitForEncrypted(LONG) is False
    assert client.error() == SocketError.SslHandshakeFailedError
    assert recorder.count("client.sslErrors") == 1
    server.waitForError()
    server.takeErrors()


def test_qt_1_8_88_waiting_for_a_handshake_that_nobody_wants(client: SslSocket, server: PythonTlsServer) -> None:
    """A plain connection is not turned into an encrypted one."""
    client.connectToHost("127.0.0.1", server.port)
    assert client.waitForConnected(LONG) is True
    assert client.waitForEncrypted(20) is False
    client.abort()
    with contextlib.suppress(PeerError):  # it may notice the end of the connection before it is stopped
        server.stop()


def test_qt_1_8_89_waiting_for_data(client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder) -> None:
    """Connects, encrypts and writes first; True when readyRead was emitted inside."""
    client.connectToHostEncrypted("localhost", server.port)
    client.write(b"echo")
    received = b""
    while len(received) < 4:
        assert client.waitForReadyRead(LONG) is True
        received += client.readBytes()
    assert received == b"echo"
    assert recorder.count("client.readyRead") >= 1
    client.disconnectFromHost()
    assert client.state() == State.UnconnectedState or client.waitForDisconnected(LONG)


def test_qt_1_8_89_waiting_for_data_in_vain(
    client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder
) -> None:
    """A time-out is told in errorOccurred, and the connection stays."""
    client.connectToHostEncrypted("localhost", server.port)
    assert client.waitForEncrypted(LONG) is True
    assert client.waitForReadyRead(20) is False
    assert client.error() == SocketError.SocketTimeoutError
    assert recorder.of("client.errorOccurred") == [(SocketError.SocketTimeoutError,)]
    assert client.state() == State.ConnectedState
    assert client.isEncrypted()
    client.abort()
    server.waitForEnding()


def test_qt_1_8_90_waiting_until_all_is_written(client: SslSocket, server: PythonTlsServer) -> None:
    """False when nothing waits, which is no error."""
    client.connectToHostEncrypted("localhost", server.port)
    assert client.waitForEncrypted(LONG) is True
    ask(client)  # until then the end of the handshake may wait
    assert client.waitForBytesWritten(20) is False
    assert client.error() == SocketError.UnknownSocketError
    client.write(b"x" * 100_000)
    while client.bytesToWrite():
        assert client.waitForBytesWritten(LONG) is True
    client.abort()
    server.waitForEnding()


def test_qt_1_8_90_waiting_for_the_end(client: SslSocket, server: PythonTlsServer, recorder: SignalRecorder) -> None:
    """Writes what is left; True when the socket is unconnected; in that state only a warning. -1 has no limit."""
    client.connectToHostEncrypted("localhost", server.port)
    assert client.waitForEncrypted(-1) is True
    client.write(b"y" * 4_000_000)
    client.disconnectFromHost()
    if client.state() != State.UnconnectedState:
        assert client.waitForDisconnected(-1) is True
    assert client.state() == State.UnconnectedState
    assert story(recorder, "client")[-1] == "disconnected"
    assert client.waitForDisconnected(20) is False
    server.waitForEnding()


@pytest.mark.parametrize(
    "method", ["waitForConnected", "waitForEncrypted", "waitForReadyRead", "waitForBytesWritten", "waitForDisconnected"]
)
def test_qt_1_8_90_never_connected(client: SslSocket, method: str) -> None:
    """All of them are False at once."""
    assert client.waitForConnected(20) is False
    assert getattr(client, method)(20) is False
    assert client.state() == State.UnconnectedState


def test_qt_1_8_91_refused(client: SslSocket, recorder: SignalRecorder) -> None:
    """False, ConnectionRefusedError, Unconnected."""
    with closedPort() as port:
        client.connectToHostEncrypted("127.0.0.1", port)
        assert client.waitForConnected(LONG) is False
    assert client.error() == SocketError.ConnectionRefusedError
    assert client.state() == State.UnconnectedState
    assert recorder.count("client.errorOccurred") == 1


def test_qt_1_8_91_unknown_host(client: SslSocket, recorder: SignalRecorder) -> None:
    """False, HostNotFoundError, Unconnected."""
    client.connectToHostEncrypted("no-such-host.invalid", 443)
    assert client.waitForConnected(LONG) is False
    assert client.error() == SocketError.HostNotFoundError
    assert client.state() == State.UnconnectedState
    assert recorder.count("client.errorOccurred") == 1
