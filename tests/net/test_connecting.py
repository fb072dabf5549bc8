"""Connecting: failures with precise errors, time-outs, arguments, descriptors."""

from __future__ import annotations

import socket as native
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QSslSocket

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import (
    GarbageServer,
    PlainHttpServer,
    PythonTlsServer,
    ResettingServer,
    SilentServer,
    SlowServer,
)
from tests.net.conversation import Conversation, Error, FakeClock, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


def freePort() -> int:
    with native.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def begin(conversation: Conversation, host: str, port: int) -> SslSocket:
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.connectToHostEncrypted(host, port)
    return conversation.client


def test_refused(conversation: Conversation, closedPort: int) -> None:
    """Nothing listens: Unconnected first, then ConnectionRefusedError with a helpful sentence."""
    client = begin(conversation, "127.0.0.1", closedPort)
    conversation.recorder.waitFor("client.errorOccurred")
    assert conversation.story("client") == [
        "stateChanged HostLookupState",
        "stateChanged ConnectingState",
        "hostFound",
        "stateChanged UnconnectedState",
        "errorOccurred ConnectionRefusedError",
    ]
    assert client.errorString() == f"Connection refused: nothing listens on port {closedPort} of 127.0.0.1."


def test_unknown_host(conversation: Conversation) -> None:
    """A name that cannot exist (RFC 6761) is HostNotFoundError, with the name in the sentence."""
    client = begin(conversation, "no-such-host.invalid", 443)
    conversation.recorder.waitFor("client.errorOccurred")
    assert client.error() == Error.HostNotFoundError
    assert "no-such-host.invalid" in client.errorString()
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.count("client.hostFound") == 0


def test_aborting_a_look_up(conversation: Conversation) -> None:
    """abort() in the look-up: no signal comes any more."""
    client = begin(conversation, "no-such-host.invalid", 443)
    assert client.state() == State.HostLookupState
    client.abort()
    assert client.state() == State.UnconnectedState
    count = len(conversation.recorder.records())
    other = SslSocket()
    other.connectToHost("no-such-host.invalid", 443)
    spin(lambda: other.error() == Error.HostNotFoundError)
    assert len(conversation.recorder.records()) == count


def test_a_host_that_does_not_answer(conversation: Conversation, clock: FakeClock) -> None:
    """No answer to the first packet: SocketTimeoutError after the address's time."""
    # A full backlog makes the kernel drop the first packet of the next connection.
    with native.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [native.create_connection(("127.0.0.1", port))]  # in the backlog before the others come
        for _ in range(3):
            filler = native.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        client = begin(conversation, "127.0.0.1", port)
        spin(lambda: client.state() == State.ConnectingState)
        clock.advance(29)
        assert client.state() == State.ConnectingState
        clock.advance(2)
        if client.state() != State.UnconnectedState:  # a QTcpSocket: only the event loop can tell whether it is late
            clock.advance(1.1)
        assert client.state() == State.UnconnectedState
        assert client.error() == Error.SocketTimeoutError
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("server", [SilentServer, SlowServer])
def test_the_handshake_time_is_total(
    conversation: Conversation, clock: FakeClock, server: type[SilentServer | SlowServer]
) -> None:
    """A server that says nothing, or drips for ever, is left at the deadline, whatever progress there was."""
    with server() as peer:
        conversation.client.setHandshakeTimeout(10_000)
        client = begin(conversation, "127.0.0.1", peer.port)
        conversation.recorder.waitFor("client.connected")
        for _ in range(9):
            clock.advance(1)
            assert client.state() == State.ConnectedState
        clock.advance(1)
        conversation.recorder.waitFor("client.errorOccurred")
        assert client.error() == Error.SocketTimeoutError
        assert client.state() == State.UnconnectedState
        assert conversation.recorder.count("client.disconnected") == 1


def test_no_limit(conversation: Conversation, clock: FakeClock) -> None:
    """0 and -1 switch the limit off; other negative numbers raise."""
    with SilentServer() as peer:
        conversation.client.setHandshakeTimeout(-1)
        client = begin(conversation, "127.0.0.1", peer.port)
        conversation.recorder.waitFor("client.connected")
        clock.advance(100_000)
        assert client.state() == State.ConnectedState
        client.abort()
    client.setHandshakeTimeout(0)
    with pytest.raises(ValueError, match="-2"):
        client.setHandshakeTimeout(-2)


@pytest.mark.parametrize("server", [GarbageServer, PlainHttpServer])
def test_servers_without_tls(conversation: Conversation, server: type[GarbageServer | PlainHttpServer]) -> None:
    """Something that is no TLS: SslHandshakeFailedError and a sentence that says so."""
    with server() as peer:
        client = begin(conversation, "127.0.0.1", peer.port)
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]
    assert "TLS" in client.errorString() or "HTTP" in client.errorString()


def test_reset_in_the_handshake(conversation: Conversation) -> None:
    """A reset is RemoteHostClosedError, once."""
    with ResettingServer() as peer:
        begin(conversation, "127.0.0.1", peer.port)
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]


def test_reset_after_the_handshake(conversation: Conversation) -> None:
    """A reset later is the same, and not clean."""
    with ResettingServer(conversation.pki.server) as peer:
        client = begin(conversation, "127.0.0.1", peer.port)
        conversation.recorder.waitFor("client.encrypted")
        client.write(b"x")
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert not client.peerClosedCleanly()


@pytest.mark.parametrize(
    ("host", "port", "kind"),
    [
        ("", 443, ValueError),
        ("a\0b", 443, ValueError),
        (5, 443, TypeError),
        (None, 443, TypeError),
        ("localhost", 0, ValueError),
        ("localhost", 65536, ValueError),
        ("localhost", -1, ValueError),
        ("localhost", "443", TypeError),
        ("localhost", True, TypeError),
    ],
)
def test_bad_arguments_raise(conversation: Conversation, host: object, port: object, kind: type[Exception]) -> None:
    """Bad hosts and ports raise at once and leave the socket unconnected."""
    for method in (conversation.client.connectToHost, conversation.client.connectToHostEncrypted):
        with pytest.raises(kind):
            method(host, port)  # type: ignore[arg-type]  # the mistake under test
    assert conversation.client.state() == State.UnconnectedState
    assert conversation.story("client") == []


def test_positional_forms(conversation: Conversation) -> None:
    """Qt's overloads: (host, port, verify name, mode, protocol)."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted(
        "127.0.0.1",
        conversation.server.serverPort(),
        "localhost",
        QIODevice.OpenModeFlag.ReadWrite,
        QAbstractSocket.NetworkLayerProtocol.IPv4Protocol,
    )
    spin(client.isEncrypted)
    assert client.peerVerifyName() == "localhost"
    with pytest.raises(TypeError):
        client.connectToHostEncrypted("127.0.0.1", 1, 5)  # type: ignore[arg-type]  # the mistake under test


def test_the_computer_itself_by_its_special_address(conversation: Conversation) -> None:
    """PySide's connectToHost() takes QHostAddress.SpecialAddress.LocalHost for an address, too."""
    conversation.listen()
    client, port = conversation.client, conversation.server.serverPort()
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost(QHostAddress.SpecialAddress.LocalHost, port)
    spin(lambda: client.state() == State.ConnectedState)
    assert client.peerName() == "127.0.0.1"
    client.abort()
    client.connectToHostEncrypted(QHostAddress.SpecialAddress.LocalHost, port)
    spin(client.isEncrypted)
    client.abort()
    with pytest.raises(ValueError, match="hostName"):
        client.connectToHost(QHostAddress.SpecialAddress.Null, port)


def test_wrong_family(conversation: Conversation) -> None:
    """An address of the unwanted kind is HostNotFoundError."""
    client = conversation.client
    client.connectToHost(
        "127.0.0.1", 443, QIODevice.OpenModeFlag.ReadWrite, QAbstractSocket.NetworkLayerProtocol.IPv6Protocol
    )
    conversation.recorder.waitFor("client.errorOccurred")
    assert client.error() == Error.HostNotFoundError


def test_addresses_and_ports(conversation: Conversation) -> None:
    """Both ends agree about addresses and ports; they are kept after the end."""
    peer = conversation.establish()
    client = conversation.client
    assert client.peerPort() == conversation.server.serverPort() == peer.localPort()
    assert client.localPort() == peer.peerPort() != 0
    assert peer.peerAddress() == client.localAddress() == QHostAddress("127.0.0.1")
    assert client.socketDescriptor() >= 0
    port = client.localPort()
    client.abort()
    assert client.socketDescriptor() == -1
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.peerPort() == port


def test_a_name_with_several_addresses(conversation: Conversation) -> None:
    """localhost is tried at all its addresses until one answers."""
    conversation.establish(host="localhost")
    assert conversation.client.peerName() == "localhost"


def test_starttls(conversation: Conversation) -> None:
    """A plain conversation, then TLS on the same connection, over an adopted descriptor."""
    ours, theirs = native.socketpair(native.AF_UNIX)
    theirs.close()
    ours.close()
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = conversation.client
        client.setSslConfiguration(conversation.clientConfiguration)
        client.setPeerVerifyName("localhost")
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        accepted, _ = listener.accept()
    server = SslSocket()
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.setSocketDescriptor(accepted.detach())
    spin(lambda: client.state() == State.ConnectedState)
    client.write(b"STARTTLS\r\n")
    spin(server.canReadLine)
    assert server.readBytes() == b"STARTTLS\r\n"
    server.write(b"GO\r\n")
    spin(client.canReadLine)
    assert client.readBytes() == b"GO\r\n"
    server.startServerEncryption()
    client.startClientEncryption()
    spin(lambda: client.isEncrypted() and server.isEncrypted())
    client.write(b"secret")
    spin(lambda: server.bytesAvailable() == 6)
    assert server.readBytes() == b"secret"
    assert client.mode() == QSslSocket.SslMode.SslClientMode
    server.abort()


@pytest.mark.parametrize("bad", [{"mode": 3}, {"mode": "rw"}, {"protocol": 0}, {"protocol": "IPv4"}])
def test_wrong_mode_and_protocol(conversation: Conversation, bad: dict[str, Any]) -> None:
    """They are told at once, by name, and nothing has begun."""
    client = conversation.client
    for connect in (client.connectToHost, client.connectToHostEncrypted):
        with pytest.raises(TypeError, match=f"{next(iter(bad))} must be a Q"):
            connect("localhost", 9, **bad)
    assert client.state() == State.UnconnectedState


def test_a_descriptor_is_a_number(conversation: Conversation) -> None:
    """Anything else is told at once."""
    with pytest.raises(TypeError, match="socketDescriptor must be an int, not str"):
        conversation.client.setSocketDescriptor("5")  # type: ignore[arg-type]  # the mistake under test


def test_descriptors_without_a_peer(conversation: Conversation, tmp_path: Path) -> None:
    """Neither files nor sockets that nobody is connected to; they stay the caller's."""
    with native.socket() as loose, (tmp_path / "file").open("wb") as file:
        for each in (loose, file):
            assert conversation.client.setSocketDescriptor(each.fileno()) is False
            assert conversation.client.error() == Error.SocketResourceError
            assert conversation.client.state() == State.UnconnectedState
        file.write(b"still open")


@pytest.mark.parametrize("descriptor", [-1, 10_000, 1 << 40])
def test_unusable_descriptors(conversation: Conversation, descriptor: int) -> None:
    """Something that is no connected socket: False and an error, nothing raised."""
    assert conversation.client.setSocketDescriptor(descriptor) is False
    assert conversation.client.error() == Error.SocketResourceError
    assert conversation.client.state() == State.UnconnectedState


def test_python_server_sees_the_name(conversation: Conversation) -> None:
    """SNI carries the host name, never an address."""
    with PythonTlsServer(conversation.pki.server) as server:
        client = begin(conversation, "localhost", server.port)
        assert server.waitForConnection().serverName == "localhost"
        client.abort()
        spin(lambda: client.state() == State.UnconnectedState)
        begin(conversation, "127.0.0.1", server.port)
        assert server.waitForConnection(2).serverName is None
        client.abort()
        server.waitForEnding(2)


def test_adopting_a_descriptor_ends_the_look_up(conversation: Conversation, clock: FakeClock) -> None:
    """Nothing of the attempt before is left to happen."""
    client = conversation.client
    client.setTimeout(10_000)
    client.connectToHost("localhost", 9)
    assert client.state() == State.HostLookupState
    before = client._attempt
    conversation.listen()
    with native.create_connection(("127.0.0.1", conversation.server.serverPort())) as connection:
        assert client.setSocketDescriptor(connection.detach())
    assert before.lookup is None
    assert before.deadlines() == []
    settle()
    assert client.state() == State.ConnectedState
    assert client.peerPort() == conversation.server.serverPort()
