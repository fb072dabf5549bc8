"""qt-1.7: bytes after the handshake, and the ends of a connection."""

from __future__ import annotations

import socket as native
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PySide6.QtCore import QDataStream, QIODevice
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkProxy, QSslSocket
from shiboken6 import delete

from qtsecure import Protocol, SslSocket
from qtsecure.testing.peers import PythonTlsClient
from qtsecure.testing.signals import SignalRecorder
from tests.net.conftest import MakeConversation
from tests.net.conversation import (
    PROTOCOLS,
    SOCKET_SIGNALS,
    Conversation,
    State,
    assertNoneLeft,
    openDescriptors,
    settle,
    spin,
    story,
)
from tests.semantics.qt.support import CONNECTED, CONNECTING, GOODBYE, UNCONNECTED, SocketError

pytestmark = pytest.mark.usefixtures("transport_mode")

both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
RECORD = 16384
OVERHEAD_OF_A_TLS_1_3_RECORD = 5 + 1 + 16
"""Header, content type, and the tag of AES-GCM and ChaCha20-Poly1305."""


@both_versions
def test_qt_1_7_68_early_writes_wait_for_encrypted(make_conversation: MakeConversation, version: str) -> None:
    """Taken at once, kept as they are, and sent right after encrypted."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.connect()
    client = conversation.client
    waiting: list[int] = []
    client.encrypted.connect(lambda: waiting.append(client.bytesToWrite()))
    assert client.write(b"early") == 5
    assert client.bytesToWrite() == 5
    conversation.recorder.waitFor("client.bytesWritten")
    assert waiting == [5]
    assert conversation.recorder.of("client.bytesWritten") == [(5,)]
    conversation.recorder.assertOrder(["client.encrypted", "client.bytesWritten"])
    spin(lambda: bool(conversation.accepted) and conversation.accepted[0].bytesAvailable() == 5)
    assert conversation.accepted[0].readBytes() == b"early"


def test_qt_1_7_69_what_the_counts_mean(make_conversation: MakeConversation) -> None:
    """bytesWritten counts plaintext given to TLS, encryptedBytesWritten ciphertext given to the kernel."""
    conversation = make_conversation(Protocol.TlsV1_3)
    peer = conversation.establish()
    settle()
    conversation.recorder.clear()
    assert conversation.client.write(bytes(50_000)) == 50_000
    spin(lambda: peer.bytesAvailable() == 50_000)
    settle()
    assert conversation.recorder.of("client.bytesWritten") == [(50_000,)]
    counts = [args[0] for args in conversation.recorder.of("client.encryptedBytesWritten")]
    assert sum(counts) == 50_000 + 4 * OVERHEAD_OF_A_TLS_1_3_RECORD  # type: ignore[arg-type]  # ints


def test_qt_1_7_69_bytes_written_is_not_emitted_inside_itself(conversation: Conversation) -> None:
    """A slot that writes more hears of it afterwards."""
    peer = conversation.establish()
    client = conversation.client
    inside = 0
    deepest = 0
    left = 5

    def more(count: int) -> None:
        nonlocal inside, deepest, left
        inside += 1
        deepest = max(deepest, inside)
        if left:
            left -= 1
            client.write(b"x")
        inside -= 1

    client.bytesWritten.connect(more)
    client.write(b"x")
    spin(lambda: peer.bytesAvailable() == 6)
    assert deepest == 1
    assert sum(args[0] for args in conversation.recorder.of("client.bytesWritten")) == 6


def test_qt_1_7_70_where_bytes_wait(conversation: Conversation) -> None:
    """write() only queues plaintext; flush() encrypts and sends."""
    peer = conversation.establish()
    client = conversation.client
    assert client.write(bytes(1000)) == 1000
    assert (client.bytesToWrite(), client.encryptedBytesToWrite(), client.encryptedBytesAvailable()) == (1000, 0, 0)
    assert client.flush()
    assert client.bytesToWrite() == 0
    assert not client.flush()
    spin(lambda: peer.bytesAvailable() == 1000)
    assert client.encryptedBytesToWrite() == 0
    assert peer.encryptedBytesAvailable() == 0


def test_qt_1_7_71_a_slow_reader_is_felt(conversation: Conversation) -> None:
    """What the peer does not read stays plaintext, and write() can be limited."""
    peer = conversation.establish()
    peer.setReadBufferSize(1)
    client = conversation.client
    size = 24 << 20  # more than the kernel's buffers
    assert client.write(bytes(size)) == size
    before = -1
    while before != client.bytesToWrite():
        before = client.bytesToWrite()
        for _ in range(20):
            settle()
    assert client.bytesToWrite() > size // 2
    assert client.encryptedBytesToWrite() < 1 << 20
    client.setWriteBufferLimit(client.bytesToWrite() + 10)
    assert client.write(b"a whole sentence") == 10
    assert client.write(b"x") == 0


def test_qt_1_7_72_ready_read_comes_for_batches(conversation: Conversation) -> None:
    """At most once for a record (Qt: for each 4096 bytes, 13 times here), and only for new data."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(bytes(50_000))
    spin(lambda: client.bytesAvailable() == 50_000)
    assert 1 <= conversation.recorder.count("client.readyRead") <= 4
    conversation.recorder.clear()
    assert len(client.read(10)) == 10
    settle()
    assert conversation.recorder.count("client.readyRead") == 0
    peer.write(b"x")
    spin(lambda: client.bytesAvailable() == 49_991)
    assert conversation.recorder.count("client.readyRead") == 1


def test_qt_1_7_73_the_read_limit(conversation: Conversation) -> None:
    """Exactly so many bytes (Qt: up to the end of a record); reading makes room; 0 is no limit."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(10_000)
    assert client.readBufferSize() == 10_000
    peer.write(bytes(3 * RECORD))
    spin(lambda: client.bytesAvailable() == 10_000)
    settle()
    assert client.bytesAvailable() == 10_000
    assert len(client.readBytes(4000)) == 4000
    assert client.bytesAvailable() == 6000  # from the event loop
    spin(lambda: client.bytesAvailable() == 10_000)
    client.setReadBufferSize(0)
    spin(lambda: client.bytesAvailable() == 3 * RECORD - 4000)


def test_qt_1_7_74_disconnecting_without_connection(conversation: Conversation) -> None:
    """Does nothing."""
    conversation.client.disconnectFromHost()
    settle()
    assert conversation.story("client") == []


@both_versions
def test_qt_1_7_74_disconnecting_while_connecting(make_conversation: MakeConversation, version: str) -> None:
    """The handshake is completed, what was written is delivered, and then comes the goodbye."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.connect()
    client = conversation.client
    client.write(b"last words")
    state = client.state()
    assert state in (State.HostLookupState, State.ConnectingState)
    client.disconnectFromHost()
    assert client.state() == state
    conversation.waitForClientEnd()
    assert conversation.story("client") == [*CONNECTING, *CONNECTED, "encrypted", *GOODBYE]
    conversation.recorder.waitFor("accepted.disconnected")
    assert conversation.accepted[0].readBytes() == b"last words"
    assert conversation.accepted[0].peerClosedCleanly()


@both_versions
def test_qt_1_7_74_disconnecting_when_connected(make_conversation: MakeConversation, version: str) -> None:
    """ClosingState at once and once (Qt tells it twice), close_notify behind the data, the end."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    conversation.recorder.clear()
    client = conversation.client
    client.write(b"last words")
    client.disconnectFromHost()
    assert conversation.story("client")[0] == "stateChanged ClosingState"
    conversation.waitForClientEnd()
    assert conversation.story("client") == GOODBYE
    conversation.recorder.waitFor("accepted.disconnected")
    assert (peer.readBytes(), peer.peerClosedCleanly()) == (b"last words", True)


def test_qt_1_7_75_writing_in_closing_state(conversation: Conversation) -> None:
    """Is still accepted and delivered."""
    peer = conversation.establish()
    peer.setReadBufferSize(1000)
    client = conversation.client
    size = 8 << 20
    client.write(bytes(size))
    client.disconnectFromHost()
    settle()
    assert client.state() == State.ClosingState
    assert client.write(b"and this") == 8
    received: list[bytes] = []
    peer.readyRead.connect(lambda: received.append(peer.readBytes()))
    peer.setReadBufferSize(0)
    spin(lambda: client.state() == peer.state() == State.UnconnectedState, timeout=20_000)
    data = b"".join(received) + peer.readBytes()
    assert len(data) == size + 8
    assert data.endswith(b"\0and this")
    assert peer.peerClosedCleanly()


def test_qt_1_7_76_closing(conversation: Conversation) -> None:
    """close(): not open at once, unread data dropped, what was written still delivered."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"never read")
    spin(lambda: client.bytesAvailable() == 10)
    conversation.recorder.clear()
    client.write(bytes(100_000))
    client.close()
    assert not client.isOpen()
    assert client.bytesAvailable() == 0
    assert conversation.story("client")[0] == "aboutToClose"
    assert client.write(b"x") == -1
    conversation.waitForClientEnd()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert len(peer.readBytes()) == 100_000
    assert peer.peerClosedCleanly()
    assert conversation.story("client") == ["aboutToClose", *GOODBYE]


def test_qt_1_7_76_about_to_close_is_the_last_chance_to_write(conversation: Conversation) -> None:
    """QIODevice: the device is still open then. Closing again in the slot does nothing."""
    peer = conversation.establish()
    client = conversation.client

    def farewell() -> None:
        assert client.write(b"farewell") == 8
        client.close()

    client.aboutToClose.connect(farewell)
    client.close()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.readBytes() == b"farewell"
    assert peer.peerClosedCleanly()
    assert conversation.recorder.count("client.aboutToClose") == 1


def test_qt_1_7_77_aborting_an_attempt(conversation: Conversation) -> None:
    """There was no connection, so nothing is disconnected."""
    conversation.connect()
    conversation.client.abort()
    settle()
    assert conversation.story("client") == [*CONNECTING, *UNCONNECTED[:2], "aboutToClose"]


@both_versions
def test_qt_1_7_77_aborting(make_conversation: MakeConversation, version: str) -> None:
    """Everything is dropped, without any error of our own; the peer sees the end without close_notify."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    client = conversation.client
    conversation.recorder.clear()
    client.write(b"dropped")
    client.abort()
    assert conversation.story("client") == [*UNCONNECTED, "aboutToClose"]
    assert (client.bytesToWrite(), client.encryptedBytesToWrite(), client.isOpen()) == (0, 0, False)
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.error() == SocketError.RemoteHostClosedError
    assert not peer.peerClosedCleanly()
    assert peer.readBytes() == b""


@both_versions
def test_qt_1_7_78_after_the_peers_end(make_conversation: MakeConversation, version: str) -> None:
    """Data, mode and certificate stay, session facts go; addresses stay as well (Qt clears them)."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    client = conversation.client
    address, port = client.peerAddress(), client.peerPort()
    peer.write(b"unread")
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert client.isOpen()
    assert client.readBytes(4) == b"unre"
    assert client.readAll() == b"ad"
    assert client.readAll() == b""
    assert client.mode() == QSslSocket.SslMode.SslClientMode
    assert client.peerCertificate() == conversation.serverConfiguration.localCertificate()
    assert client.sessionCipher().isNull()
    assert client.sessionProtocol() == Protocol.Unknown
    assert not client.isEncrypted()
    assert (client.peerAddress(), client.peerPort()) == (address, port)


def test_qt_1_7_79_writing_after_the_end(conversation: Conversation) -> None:
    """-1, although the device is still open for reading (Qt takes the bytes and never sends them)."""
    peer = conversation.establish()
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    client = conversation.client
    assert client.isOpen()
    assert client.write(b"too late") == -1
    assert client.bytesToWrite() == 0


def test_qt_1_7_80_what_a_socket_says_of_itself(conversation: Conversation) -> None:
    """isValid() means isOpen(); a sequential device without size or position."""
    client = conversation.client
    assert not client.isValid()
    conversation.establish()
    assert client.isValid() is client.isOpen() is True
    assert client.isSequential()
    assert (client.size(), client.pos()) == (0, 0)
    client.close()
    assert not client.isValid()


def test_qt_1_7_80_lines_peeks_and_transactions(conversation: Conversation) -> None:
    """Work on decrypted data."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"one\ntwo")
    spin(lambda: client.bytesAvailable() == 7)
    assert client.canReadLine()
    assert client.peek(20) == b"one\ntwo"
    assert client.readLine() == b"one\n"
    assert not client.canReadLine()
    client.startTransaction()
    assert client.read(2) == b"tw"
    client.rollbackTransaction()
    assert client.bytesAvailable() == 3
    stream = QDataStream(client)
    stream.startTransaction()
    assert stream.readUInt16() == 0x7477
    assert stream.commitTransaction()
    assert client.readAll() == b"o"


@pytest.mark.parametrize("count", [1, 5, 100, 100_000])
def test_qt_1_7_80_peeking_before_starttls_takes_nothing(conversation: Conversation, count: int) -> None:
    """A server may look at the first bytes in plain mode and then begin TLS with them."""
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = conversation.client
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
        accepted, _ = listener.accept()
    server = SslSocket()
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.setSocketDescriptor(accepted.detach())
    spin(lambda: server.bytesAvailable() > 100)
    peeked = bytes(server.peek(count).data())
    assert peeked.startswith(b"\x16")
    assert len(peeked) == min(count, server.bytesAvailable())
    server.startServerEncryption()
    spin(lambda: client.isEncrypted() and server.isEncrypted())
    server.abort()


@both_versions
def test_qt_1_7_81_one_direction_can_be_ended(make_conversation: MakeConversation, version: str) -> None:
    """shutdownWrite(): the peer reads the end, and its answer still arrives (Qt has no half close)."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    client: Any = conversation.client
    peer.alertReceived.connect(lambda *_: peer.write(b"answer to " + peer.readBytes()))
    client.write(b"question")
    client.shutdownWrite()
    assert client.write(b"more") == -1
    conversation.waitForClientEnd()
    assert peer.peerClosedCleanly()
    assert client.readBytes() == b"answer to question"
    assert client.peerClosedCleanly()


@both_versions
def test_qt_1_7_82_a_second_connection_begins_afresh(make_conversation: MakeConversation, version: str) -> None:
    """Mode, certificates, errors and buffers of the first are gone when the second begins."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
    peer = conversation.establish()
    peer.write(b"unread")
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert len(client.sslHandshakeErrors()) == 2
    assert client.error() == SocketError.RemoteHostClosedError
    conversation.showServer(conversation.pki.server)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    assert client.mode() == QSslSocket.SslMode.UnencryptedMode
    assert client.peerCertificate().isNull()
    assert client.sslHandshakeErrors() == []
    assert client.bytesAvailable() == 0
    assert (client.error(), client.errorString()) == (SocketError.UnknownSocketError, "Unknown error")
    spin(client.isEncrypted)
    assert client.sslHandshakeErrors() == []
    assert client.peerCertificate() == conversation.serverConfiguration.localCertificate()


def test_qt_1_7_83_adopting_a_descriptor(conversation: Conversation) -> None:
    """State and addresses come from the descriptor, settings of the socket hold, TLS can begin."""
    with native.create_server(("127.0.0.1", 0)) as listener, PythonTlsClient(listener.getsockname()[1]) as client:
        accepted, (host, port) = listener.accept()
        own = accepted.getsockname()
        server = SslSocket()
        server.setSslConfiguration(conversation.serverConfiguration)
        server.setReadBufferSize(10)
        assert server.setSocketDescriptor(accepted.detach(), State.ConnectedState, QIODevice.OpenModeFlag.ReadWrite)
        assert server.state() == State.ConnectedState
        assert (server.peerAddress(), server.peerPort()) == (QHostAddress(host), port)
        assert (server.localAddress(), server.localPort()) == (QHostAddress(own[0]), own[1])
        assert server.readBufferSize() == 10
        server.startServerEncryption()
        assert server.mode() == QSslSocket.SslMode.SslServerMode
        spin(server.isEncrypted)
        client.waitForConnection()
        client.send(bytes(100))
        spin(lambda: server.bytesAvailable() == 10)
        server.abort()
    assert not SslSocket().setSocketDescriptor(-1)


def test_qt_1_7_83_socket_options(conversation: Conversation) -> None:
    """They are those of the TCP socket; without one there is no value."""
    option = QAbstractSocket.SocketOption.LowDelayOption
    assert conversation.client.socketOption(option) is None
    conversation.establish()
    for value in (1, 0):
        conversation.client.setSocketOption(option, value)
        assert conversation.client.socketOption(option) == value


class _Proxy(BaseHTTPRequestHandler):
    """Connects whatever name it is given to the port on the loopback interface."""

    names: list[str]

    def do_CONNECT(self) -> None:
        self.names.append(self.path)
        with native.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self._pump, args=(upstream, self.connection))
            back.start()
            self._pump(self.connection, upstream)
            back.join()

    def _pump(self, source: native.socket, target: native.socket) -> None:
        with suppress(OSError):  # either end may just go
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(native.SHUT_WR)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def httpProxy() -> Iterator[tuple[QNetworkProxy, list[str]]]:
    names: list[str] = []
    handler = type("Handler", (_Proxy,), {"names": names, "protocol_version": "HTTP/1.1"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # so often it looks for its end
        thread.start()
        try:
            yield QNetworkProxy(QNetworkProxy.ProxyType.HttpProxy, "127.0.0.1", server.server_address[1]), names
        finally:
            server.shutdown()
            thread.join()


def test_qt_1_7_84_a_proxy_gets_the_name(conversation: Conversation) -> None:
    """Names are looked up by the proxy; TLS goes through it."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.setPeerVerifyName("localhost")
    port = conversation.server.serverPort()
    with httpProxy() as (proxy, names):
        client.setProxy(proxy)
        assert client.proxy() == proxy
        client.connectToHostEncrypted("nowhere.invalid", port)
        spin(client.isEncrypted)
        client.disconnectFromHost()
        conversation.waitForClientEnd()
        conversation.recorder.waitFor("accepted.disconnected")
    assert names == [f"nowhere.invalid:{port}"]


@pytest.fixture
def applicationProxy() -> Iterator[Callable[[QNetworkProxy], None]]:
    before = QNetworkProxy.applicationProxy()
    yield QNetworkProxy.setApplicationProxy
    QNetworkProxy.setApplicationProxy(before)


def test_qt_1_7_84_the_proxy_of_the_application(
    conversation: Conversation, applicationProxy: Callable[[QNetworkProxy], None]
) -> None:
    """Is used where the socket has none of its own."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.setPeerVerifyName("localhost")
    port = conversation.server.serverPort()
    with httpProxy() as (proxy, names):
        applicationProxy(proxy)
        client.connectToHostEncrypted("nowhere.invalid", port)
        spin(client.isEncrypted)
        client.disconnectFromHost()
        conversation.waitForClientEnd()
        conversation.recorder.waitFor("accepted.disconnected")
    assert names == [f"nowhere.invalid:{port}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_qt_1_7_84_loopback_bypasses_the_proxy_of_the_application(
    conversation: Conversation, applicationProxy: Callable[[QNetworkProxy], None], host: str
) -> None:
    """As Qt's own look-up of proxies does it."""
    conversation.listen()
    with httpProxy() as (proxy, names):
        applicationProxy(proxy)
        assert conversation.establish(host).isEncrypted()
        conversation.client.abort()
        conversation.recorder.waitFor("accepted.disconnected")
    assert names == []


@pytest.mark.parametrize("whose", ["the server's", "the application's"])
@pytest.mark.parametrize("kind", ["HttpProxy", "Socks5Proxy"])
def test_qt_1_7_84_a_server_cannot_listen_through_a_proxy(conversation: Conversation, kind: str, whose: str) -> None:
    """UnsupportedSocketOperationError; but loopback addresses need no proxy, nor does NoProxy's server."""
    server = conversation.server
    assert server.proxy().type() == QNetworkProxy.ProxyType.DefaultProxy
    proxy = QNetworkProxy(QNetworkProxy.ProxyType[kind], "127.0.0.1", 1)
    if whose == "the application's":
        QNetworkProxy.setApplicationProxy(proxy)
    else:
        server.setProxy(proxy)
        assert server.proxy() == proxy
    try:
        assert not server.listen(QHostAddress.SpecialAddress.AnyIPv4, 0)
        assert server.serverError() == SocketError.UnsupportedSocketOperationError
        assert "setProxy" in server.errorString()
        assert server.listen("127.0.0.1", 0)
        assert server.serverError() == SocketError.UnknownSocketError
        server.close()
        server.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        assert server.listen(QHostAddress.SpecialAddress.AnyIPv4, 0)
    finally:
        QNetworkProxy.setApplicationProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
    with pytest.raises(TypeError, match="networkProxy"):
        server.setProxy(None)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("method", [SslSocket.deleteLater, SslSocket.close, SslSocket.abort, delete])
def test_qt_1_7_85_ending_inside_ready_read(conversation: Conversation, method: Callable[[SslSocket], None]) -> None:
    """A slot of readyRead may do anything to its socket; nothing is announced of one that is not open."""
    peer = conversation.establish()
    client = conversation.client
    called: list[int] = []

    def end() -> None:
        called.append(1)
        method(client)

    client.readyRead.connect(end)
    peer.write(bytes(100_000))
    spin(lambda: peer.state() == State.UnconnectedState)
    settle()
    if method is SslSocket.deleteLater:
        assert called  # alive until the next turn, so it may hear of a second batch
    else:
        assert called == [1]


def test_qt_1_7_86_destroying_a_connected_socket(conversation: Conversation) -> None:
    """Only destroyed() is left to tell; the descriptor is closed and the peer sees an end."""
    client = SslSocket()
    recorder = SignalRecorder(client, [*SOCKET_SIGNALS, "destroyed"], prefix="client")
    conversation.listen()
    before = openDescriptors()
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    settle()
    recorder.clear()
    delete(client)
    assert story(recorder, "client") == ["destroyed"]
    recorder.close()
    conversation.recorder.waitFor("accepted.disconnected")
    assert not conversation.accepted[0].peerClosedCleanly()
    assertNoneLeft(before, "socket:")
