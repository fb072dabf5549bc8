"""Writing: what is queued when, what is told about it, and what is refused."""

from __future__ import annotations

import os
import socket as native
import ssl
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from PySide6.QtCore import QByteArray, QTimer
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.event_loop.turn import Turn
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.reactor_stream import ReactorStream
from qtsecure.net.transports.stream import StreamOwner
from qtsecure.testing.peers import PythonTlsServer, SilentServer
from qtsecure.testing.peers._python_tls import serverContext
from qtsecure.testing.peers._waiting import waitUntil
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, State, inAnotherThread, settle, spin, story, takeARest

SocketError = QAbstractSocket.SocketError
pytestmark = pytest.mark.usefixtures("transport_mode")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_is_written_before_encrypted_is_sent_after_it(make_conversation: MakeConversation, version: str) -> None:
    """Bytes written while connecting wait, count as bytesToWrite, and arrive in order."""
    conversation = make_conversation(PROTOCOLS[version])
    client = conversation.client
    conversation.connect()
    assert client.write(b"one ") == 4
    client.stateChanged.connect(lambda state: client.write(b"two ") if state == State.ConnectedState else None)
    client.encrypted.connect(lambda: client.write(b"three"))
    assert client.bytesToWrite() == 4
    spin(lambda: conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(lambda: peer.bytesAvailable() == 13)
    assert peer.readBytes() == b"one two three"
    assert client.bytesToWrite() == 0


def test_counts_add_up(conversation: Conversation) -> None:
    """bytesWritten tells every plaintext byte, encryptedBytesWritten every byte of ciphertext."""
    peer = conversation.establish()
    client = conversation.client
    conversation.recorder.clear()
    total = 0
    for size in (1, 100, 5000, 70_000, 1_000_000):
        total += client.write(b"z" * size)
    assert client.bytesToWrite() == total
    peer.readyRead.connect(lambda: None)
    spin(lambda: peer.bytesAvailable() == total)
    spin(lambda: client.encryptedBytesToWrite() == 0)
    plain = sum(int(str(args[0])) for args in conversation.recorder.of("client.bytesWritten"))
    cipher = sum(int(str(args[0])) for args in conversation.recorder.of("client.encryptedBytesWritten"))
    assert plain == total
    records = total // 16384 + 5
    assert total < cipher <= total + 60 * (records + 20)


def test_small_writes_of_one_slot_share_a_record(conversation: Conversation) -> None:
    """A thousand small writes become one record, in one emission of bytesWritten."""
    peer = conversation.establish()
    conversation.recorder.clear()
    for _ in range(1000):
        conversation.client.write(b"0123456789")
    spin(lambda: peer.bytesAvailable() == 10_000)
    assert conversation.recorder.of("client.bytesWritten") == [(10_000,)]
    assert conversation.recorder.of("client.encryptedBytesWritten")[0][0] < 10_100


def test_flush_sends_at_once(conversation: Conversation) -> None:
    """flush() encrypts what is queued and tells whether there was anything."""
    conversation.establish()
    client = conversation.client
    assert client.flush() is False
    client.write(b"now")
    assert client.bytesToWrite() == 3
    assert client.flush() is True
    assert client.bytesToWrite() == 0
    assert conversation.recorder.of("client.bytesWritten") == [(3,)]


def test_flush_needs_no_event_loop(conversation: Conversation) -> None:
    """The peer has what was written when flush() returns; there is nothing left to flush."""
    client = conversation.client
    with PythonTlsServer(conversation.pki.server, echo=False) as server:
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(client.isEncrypted)
        connection = server.waitForConnection()
        client.write(b"now")
        assert client.flush() is True
        assert client.encryptedBytesToWrite() == 0
        assert inAnotherThread(lambda: waitUntil(lambda: connection.received == b"now", 20_000))
        assert client.flush() is False


@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize("behind", ["nothing", "goodbye", "damage"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_flush_loses_nothing_of_what_has_come(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch, busy: bool, behind: str, limit: int
) -> None:
    """A server that refuses while the client still sends resets the connection; its answer is there.

    A busy thread has no time to read when the answer comes, and learns of it when a write fails. Then the client has to
    answer: a goodbye with its own, damaged data with an alert, and a slot writes, too.
    """
    with native.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def accept() -> ssl.SSLSocket:
            connection, _ = listener.accept()
            connection.settimeout(20)
            connection.setsockopt(native.IPPROTO_TCP, native.TCP_NODELAY, 1)  # or the reset overtakes the answer
            return serverContext(conversation.pki.server).wrap_socket(connection, server_side=True)

        def refuse() -> None:
            peer.sendall(b"refused")
            peer.setblocking(False)
            if behind == "goodbye":
                with pytest.raises(ssl.SSLWantReadError):
                    peer.unwrap()
            elif behind == "damage":
                with native.socket(fileno=os.dup(peer.fileno())) as same:
                    same.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            peer.setsockopt(native.SOL_SOCKET, native.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

        def answer() -> None:
            received.extend(client.readBytes())
            client.write(b"answer")
            client.flush()

        accepted = pool.submit(accept)
        client, received = conversation.client, bytearray()
        client.readyRead.connect(answer)
        client.setReadBufferSize(limit)
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.isEncrypted() and accepted.done())
        peer = accepted.result()
        settle()
        pool.submit(refuse).result()
    if busy:
        monkeypatch.setattr(Turn, "hasTime", takeARest)
    client.write(b"more")
    client.flush()
    conversation.recorder.waitFor("client.disconnected")
    assert received == b"refused"
    error = SocketError.SslInternalError if behind == "damage" else SocketError.RemoteHostClosedError
    assert conversation.recorder.of("client.errorOccurred") == [(error,)]


@pytest.mark.parametrize("name", ["bytesWritten", "encryptedBytesWritten"])
def test_flushing_in_every_slot_of_progress(conversation: Conversation, name: str) -> None:
    """However often: one after the other, not one inside the other, and nothing is lost."""
    peer = conversation.establish()
    client = conversation.client
    running, left = 0, 2 * sys.getrecursionlimit()
    told: list[int] = []

    def goOn(count: int) -> None:
        nonlocal running, left
        running += 1
        assert running == 1
        told.append(count)
        if left:
            left -= 1
            client.write(b"m")
            client.flush()
        running -= 1

    size = left + 1
    getattr(client, name).connect(goOn)
    client.write(b"m")
    client.flush()
    spin(lambda: peer.bytesAvailable() == size)
    settle()
    assert name == "encryptedBytesWritten" or sum(told) == size


def _endInTheSlotOfProgress(conversation: Conversation, end: Callable[[SslSocket], None]) -> None:
    """Write a byte, flush two more in the slot that hears of it, and end there."""
    conversation.establish()
    client = conversation.client

    def goOn() -> None:
        client.bytesWritten.disconnect(goOn)
        client.write(b"23")
        client.flush()
        end(client)

    conversation.recorder.clear()
    client.bytesWritten.connect(goOn)
    client.write(b"1")
    conversation.recorder.waitFor("client.disconnected")
    settle()


def test_progress_is_told_before_the_end(conversation: Conversation) -> None:
    """Also that of what the slot of progress has flushed before it closes."""

    def writeAndClose(client: SslSocket) -> None:
        client.write(b"456")
        client.close()

    _endInTheSlotOfProgress(conversation, writeAndClose)
    assert sum(count for (count,) in conversation.recorder.of("client.bytesWritten")) == 6
    told = story(conversation.recorder, "client", leaveOut=())
    assert "bytesWritten" not in told[told.index("disconnected") :]


def test_progress_of_what_was_aborted_is_not_told(conversation: Conversation) -> None:
    """A connection that is over, or the next one, does not count what the old one has sent."""
    _endInTheSlotOfProgress(conversation, SslSocket.abort)
    assert conversation.recorder.of("client.bytesWritten") == [(1,)]


@pytest.mark.parametrize("more", [SslSocket.flush, SslSocket.close, SslSocket.waitForBytesWritten])
def test_sending_in_the_slot_of_progress(conversation: Conversation, more: Callable[[SslSocket], object]) -> None:
    """What a slot sends is known to be sent, although Qt's sockets do not emit bytesWritten inside of bytesWritten."""
    client = conversation.client
    with PythonTlsServer(conversation.pki.server, echo=False) as server:
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(client.isEncrypted)
        connection = server.waitForConnection()

        def goOn() -> None:
            client.encryptedBytesWritten.disconnect(goOn)
            client.write(b"second")
            more(client)

        client.encryptedBytesWritten.connect(goOn)
        client.write(b"first")
        spin(lambda: connection.received == b"firstsecond", 5000)
        spin(lambda: client.encryptedBytesToWrite() == 0, 5000)
        client.close()
        spin(lambda: client.state() == State.UnconnectedState, 5000)
        assert server.waitForEnding().ending == "closeNotify"


def test_flush_before_encrypted_sends_nothing(conversation: Conversation) -> None:
    """flush() in the handshake leaves the queue alone."""
    client = conversation.client
    conversation.connect()
    client.write(b"secret")
    assert client.flush() is False
    assert client.bytesToWrite() == 6
    seen: list[tuple[bool, int]] = []
    client.connected.connect(lambda: seen.append((client.flush(), client.bytesToWrite())))
    spin(lambda: client.isEncrypted() and client.bytesToWrite() == 0)
    assert seen == [(False, 6)]


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), QByteArray(b"abc")])
def test_types(conversation: Conversation, data: bytes) -> None:
    """Everything that is bytes can be written."""
    peer = conversation.establish()
    assert conversation.client.write(data) == 3
    spin(lambda: peer.bytesAvailable() == 3)
    assert peer.readBytes() == b"abc"


def test_a_written_bytearray_may_be_changed_afterwards(conversation: Conversation) -> None:
    """write() copies what could change."""
    peer = conversation.establish()
    data = bytearray(b"before")
    conversation.client.write(data)
    data[:] = b"after!"
    spin(lambda: peer.bytesAvailable() == 6)
    assert peer.readBytes() == b"before"


@pytest.mark.parametrize("data", ["text", 5, None, [1, 2]])
def test_wrong_types_raise(conversation: Conversation, data: object) -> None:
    """Anything else is a TypeError that names the argument, whatever the state."""
    with pytest.raises(TypeError, match="data must be"):
        conversation.client.write(data)  # type: ignore[arg-type]  # the mistake under test
    conversation.establish()
    with pytest.raises(TypeError, match="data must be"):
        conversation.client.write(data)  # type: ignore[arg-type]  # the mistake under test
    assert conversation.client.isEncrypted()


def test_writing_nothing(conversation: Conversation) -> None:
    """An empty write takes 0 bytes and sends nothing."""
    conversation.establish()
    conversation.recorder.clear()
    assert conversation.client.write(b"") == 0
    assert conversation.client.flush() is False
    assert conversation.client.write(b"x") == 1
    spin(lambda: conversation.peer.bytesAvailable() == 1)
    assert conversation.recorder.of("client.bytesWritten") == [(1,)]


def test_write_limit(conversation: Conversation) -> None:
    """With a limit write() takes what there is room for, and room comes back."""
    peer = conversation.establish()
    client = conversation.client
    client.setWriteBufferLimit(10)
    assert client.writeBufferLimit() == 10
    assert client.write(b"12345678") == 8
    assert client.write(b"90abc") == 2
    assert client.write(b"def") == 0
    spin(lambda: peer.bytesAvailable() == 10)
    assert client.write(b"abc") == 3
    client.setWriteBufferLimit(0)
    assert client.write(b"d" * 100) == 100
    spin(lambda: peer.bytesAvailable() == 113)
    with pytest.raises(ValueError, match="limit"):
        client.setWriteBufferLimit(-5)


def test_a_peer_that_does_not_read(conversation: Conversation) -> None:
    """Ciphertext ahead of the network stays bounded; the rest stays plaintext and can be counted."""
    peer = conversation.establish()
    peer.setReadBufferSize(1000)
    client = conversation.client
    total = 32 * 1024 * 1024
    client.write(bytes(total))
    spin(lambda: client.encryptedBytesToWrite() > 0)
    assert client.encryptedBytesToWrite() < 512 * 1024
    assert client.bytesToWrite() > total // 4
    received = 0

    def take() -> None:
        nonlocal received
        received += len(peer.readBytes())

    peer.readyRead.connect(take)
    peer.setReadBufferSize(0)
    take()
    spin(lambda: received == total, timeout=30_000)
    spin(lambda: client.encryptedBytesToWrite() == 0)
    assert client.bytesToWrite() == 0


def test_writing_without_a_connection(conversation: Conversation) -> None:
    """-1 before connecting, with the reason; it is forgotten when there is a connection."""
    client, told = conversation.client, conversation.recorder
    assert client.write(b"x") == -1
    assert client.errorString() == "The socket is not connected, so nothing can be written; connect it before."
    assert client.error() == SocketError.OperationError
    assert told.count("client.errorOccurred") == 0
    conversation.establish()
    assert client.errorString() == "Unknown error"
    assert client.error() == SocketError.UnknownSocketError


def test_writing_after_a_failure(conversation: Conversation, closedPort: int) -> None:
    """What went wrong before is the better reason."""
    conversation.client.connectToHostEncrypted("127.0.0.1", closedPort)
    conversation.recorder.waitFor("client.errorOccurred")
    assert conversation.client.write(b"x") == -1
    assert conversation.client.errorString().startswith("Connection refused")


@pytest.mark.parametrize("end", ["abort", "disconnectFromHost", "close", "peer"])
def test_writing_after_the_end(conversation: Conversation, end: str) -> None:
    """-1 when the connection is over (Qt keeps such bytes for ever)."""
    peer = conversation.establish()
    client = conversation.client
    if end == "peer":
        peer.disconnectFromHost()
    else:
        getattr(client, end)()
    conversation.waitForClientEnd()
    failure = client.failure()
    assert client.write(b"too late") == -1
    assert client.bytesToWrite() == 0
    assert str(client.failure()) == str(failure)  # the connection itself has not failed
    if failure is None:
        assert "not connected" in client.errorString()
    with pytest.raises(TypeError):
        client.write("text")  # type: ignore[arg-type]  # the mistake under test


def test_writing_while_closing(conversation: Conversation) -> None:
    """In ClosingState bytes are still taken and delivered (qt-1.7#75)."""
    peer = conversation.establish()
    client = conversation.client
    taken: list[int] = []
    client.stateChanged.connect(lambda state: taken.append(client.write(b"!")) if state == State.ClosingState else None)
    client.write(b"first")
    client.disconnectFromHost()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert taken == [1]
    assert peer.readBytes() == b"first!"


def test_read_only_mode(conversation: Conversation) -> None:
    """A socket that was opened for reading only cannot write."""
    from PySide6.QtCore import QIODevice

    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort(), QIODevice.OpenModeFlag.ReadOnly)
    spin(lambda: client.isEncrypted())
    assert not client.isWritable()
    assert client.isReadable()
    assert client.write(b"x") == -1
    assert client.errorString() == "The socket was not opened for writing."


def test_plain_writes_before_starttls(qapp: object) -> None:
    """A plain connection sends what is written as it is."""
    with SilentServer() as server:
        client = SslSocket()
        client.connectToHost("127.0.0.1", server.port)
        client.write(b"EHLO\r\n")
        spin(lambda: server.received == b"EHLO\r\n")
        client.abort()


def test_a_fast_reader_does_not_keep_the_loop(conversation: Conversation) -> None:
    """After a mebibyte everybody else gets a turn, even while the network would take more."""
    peer = conversation.establish()
    client = conversation.client
    transport = client._dataPath.transport
    assert transport is not None
    turns: list[int] = []
    QTimer.singleShot(0, lambda: turns.append(client.bytesToWrite()))
    client.write(bytes(8 << 20))
    # A network that takes everything at once, as a reader in another process can make it.
    taken: list[int] = []
    client._dataPath.transport = _Greedy(client._dataPath, taken)
    client.flush()
    assert 1 << 20 <= sum(taken) < 2 << 20
    spin(lambda: client.bytesToWrite() == 0)
    assert turns
    assert turns[0] > 0
    client._dataPath.transport = transport
    client.abort()
    peer.abort()


class _Greedy(ReactorStream):
    """Takes everything."""

    def __init__(self, owner: StreamOwner, taken: list[int]) -> None:
        super().__init__(owner)
        self.taken = taken

    def send(self, data: memoryview) -> int:
        self.taken.append(len(data))
        return len(data)


def test_channel_bytes_written(conversation: Conversation) -> None:
    """It follows bytesWritten (QAbstractSocket)."""
    conversation.establish()
    client = conversation.client
    heard: list[tuple[str, int]] = []
    client.channelBytesWritten.connect(lambda channel, count: heard.append((f"channel {channel}", count)))
    client.write(b"12345")
    spin(lambda: len(heard) == 1)
    client.bytesWritten.connect(lambda count: heard.append(("bytesWritten", count)))
    client.write(b"678")
    spin(lambda: len(heard) == 3)
    assert heard == [("channel 0", 5), ("bytesWritten", 3), ("channel 0", 3)]


def test_single_bytes(conversation: Conversation) -> None:
    """putChar() of C++ could not write."""
    peer = conversation.establish()
    assert conversation.client.putChar(0xFF)
    assert conversation.client.putChar("a")
    spin(lambda: peer.bytesAvailable() == 2)
    assert peer.readAll().data() == b"\xffa"
    for wrong, text in ((256, "range"), (-1, "range"), ("ab", "one character"), ("\u20ac", "latin-1")):
        with pytest.raises(ValueError, match=text):
            conversation.client.putChar(wrong)
    conversation.client.abort()
    assert not conversation.client.putChar("a")


def test_writing_where_the_connection_is_missing(conversation: Conversation) -> None:
    """Before there is one, and while the rest goes out behind close(): nobody has opened it for reading alone."""
    client = conversation.client
    assert client.bind("127.0.0.1")
    assert client.write(b"x") == -1
    assert client.state() == State.BoundState
    assert "not connected" in client.errorString()
    client.abort()
    peer = conversation.establish()
    peer.setReadBufferSize(1000)
    client.write(bytes(8 * 1024 * 1024))
    client.close()
    assert client.write(b"x") == -1
    assert client.state() == State.ClosingState
    assert "not connected" in client.errorString()
    client.abort()
