"""Reading: every method gives the same stream of bytes, whoever reads, in whatever mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from PySide6.QtCore import (
    SIGNAL,
    SLOT,
    QByteArray,
    QDataStream,
    QIODevice,
    QMetaMethod,
    QObject,
    QTextStream,
    QXmlStreamReader,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtQml import QQmlComponent, QQmlEngine
from PySide6.QtTest import QSignalSpy

from qtsecure.engine._openssl_pipes import LANDING_SIZE
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.ssl_socket import SslSocket
from tests.net.conversation import Conversation, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


def deliver(conversation: Conversation, data: bytes) -> SslSocket:
    """Let the peer send, and wait until the client could read it all."""
    client = conversation.client
    before = client.bytesAvailable()
    assert conversation.peer.write(data) == len(data)
    spin(lambda: client.bytesAvailable() == before + len(data))
    return client


def test_ways_of_reading(conversation: Conversation) -> None:
    """Each reading method takes exactly its part."""
    conversation.establish()
    client = deliver(conversation, b"0123456789first line\nsecond line\nrest")
    assert client.bytesAvailable() == 37
    assert not client.atEnd()
    assert client.peek(4) == QByteArray(b"0123")
    assert client.read(3) == QByteArray(b"012")
    assert client.readBytes(4) == b"3456"
    assert client.skip(2) == 2
    assert client.canReadLine()
    assert client.readLine(3) == QByteArray(b"9fi")
    assert client.readLine() == QByteArray(b"rst line\n")
    assert client.readLine(maxlen=100) == QByteArray(b"second line\n")
    assert not client.canReadLine()
    assert client.readAll() == QByteArray(b"rest")
    assert client.atEnd()
    assert client.bytesAvailable() == 0


def test_reading_nothing(conversation: Conversation) -> None:
    """With nothing there every method gives nothing and does not wait."""
    conversation.establish()
    client = conversation.client
    assert client.read(10).isEmpty()
    assert client.readAll().isEmpty()
    assert client.readBytes() == b""
    assert client.readBytes(10) == b""
    assert client.readLine().isEmpty()
    assert client.peek(10).isEmpty()
    assert client.skip(10) == 0
    assert client.atEnd()


def test_zero_sizes_take_nothing(conversation: Conversation) -> None:
    """A size of 0 takes nothing."""
    conversation.establish()
    client = deliver(conversation, b"abc")
    assert client.read(0).isEmpty()
    assert client.readBytes(0) == b""
    assert client.peek(0).isEmpty()
    assert client.skip(0) == 0
    assert client.readBytes() == b"abc"


def test_ready_read_only_for_new_data(conversation: Conversation) -> None:
    """Reading in part brings no second readyRead; new data does."""
    conversation.establish()
    client = deliver(conversation, b"abcdef")
    count = conversation.recorder.count("client.readyRead")
    client.read(2)
    deliver(conversation, b"gh")
    assert conversation.recorder.count("client.readyRead") == count + 1
    assert client.readBytes() == b"cdefgh"


def test_ready_read_is_not_emitted_inside_itself(conversation: Conversation) -> None:
    """A slot with an event loop of its own is not entered again; what came meanwhile is announced later."""
    conversation.establish()
    client = conversation.client
    depths: list[int] = []
    depth = 0
    received = b""

    def slot() -> None:
        nonlocal depth, received
        depth += 1
        depths.append(depth)
        if len(depths) == 1:
            conversation.peer.write(b"second")
            before = client.bytesAvailable()
            spin(lambda: client.bytesAvailable() == before + 6)
            received += client.readBytes(5)
        else:
            received += client.readBytes()
        depth -= 1

    client.readyRead.connect(slot)
    conversation.peer.write(b"first")
    spin(lambda: received == b"firstsecond")
    assert depths == [1, 1]


def test_cpp_readers_share_the_stream_with_python(conversation: Conversation) -> None:
    """QDataStream and Python reads alternate without losing or reordering a byte."""
    conversation.establish()
    block = QByteArray()
    writer = QDataStream(block, QIODevice.OpenModeFlag.WriteOnly)
    writer.writeInt32(-7)
    writer.writeQString("grüße")
    client = deliver(conversation, bytes(block.data()) + b"tail\n" + bytes(block.data()))
    reader = QDataStream(client)
    assert reader.readInt32() == -7
    assert reader.readQString() == "grüße"
    assert client.peek(2) == QByteArray(b"ta")
    assert client.readBytes(1) == b"t"
    assert client.readLine() == QByteArray(b"ail\n")
    assert reader.readInt32() == -7
    assert reader.readQString() == "grüße"
    assert client.atEnd()


def test_text_stream(conversation: Conversation) -> None:
    """QTextStream reads lines."""
    conversation.establish()
    client = deliver(conversation, "erste Zeile\nzwölf\n".encode())
    stream = QTextStream(client)
    assert stream.readLine() == "erste Zeile"
    assert stream.readLine() == "zwölf"


def test_xml_stream_reader(conversation: Conversation) -> None:
    """QXmlStreamReader reads straight from the socket, also in two parts."""
    conversation.establish()
    client = deliver(conversation, b"<a><b>te")
    reader = QXmlStreamReader(client)
    texts: list[str] = []

    def advance() -> None:
        while not reader.atEnd():
            if reader.readNext() == QXmlStreamReader.TokenType.Characters:
                texts.append(reader.text())

    advance()
    assert reader.error() == QXmlStreamReader.Error.PrematureEndOfDocumentError
    deliver(conversation, b"xt</b></a>")
    advance()
    assert reader.error() == QXmlStreamReader.Error.NoError
    assert "".join(texts) == "text"


def test_transactions(conversation: Conversation) -> None:
    """A rolled back transaction gives everything back; a committed one keeps it."""
    conversation.establish()
    client = deliver(conversation, b"header")
    client.startTransaction()
    assert client.isTransactionStarted()
    assert client.read(4) == QByteArray(b"head")
    client.rollbackTransaction()
    deliver(conversation, b"+body")
    client.startTransaction()
    assert client.readBytes(6) == b"header"
    assert client.readLine() == QByteArray(b"+body")
    client.commitTransaction()
    assert client.bytesAvailable() == 0


def test_data_stream_transaction_over_two_deliveries(conversation: Conversation) -> None:
    """Qt's idiom for partial messages works."""
    conversation.establish()
    block = QByteArray()
    QDataStream(block, QIODevice.OpenModeFlag.WriteOnly).writeQString("a longer message")
    raw = bytes(block.data())
    client = deliver(conversation, raw[:9])
    reader = QDataStream(client)
    reader.startTransaction()
    reader.readQString()
    assert not reader.commitTransaction()
    spin(lambda: conversation.peer.write(raw[9:]) > 0)
    spin(lambda: client.bytesAvailable() == len(raw))
    reader.startTransaction()
    assert reader.readQString() == "a longer message"
    assert reader.commitTransaction()


def test_a_cpp_writer_fails_at_once(conversation: Conversation) -> None:
    """A C++ writer is refused instead of losing data."""
    conversation.establish()
    stream = QDataStream(conversation.client)
    stream.writeInt32(1)
    assert stream.status() != QDataStream.Status.Ok


@pytest.mark.parametrize("limit", [1, 1000, 16384, 100_000])
def test_read_buffer_size_is_felt_by_the_peer(conversation: Conversation, limit: int) -> None:
    """No more than the limit is decrypted ahead, the sender stalls, and everything arrives in the end."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(limit)
    total = 8 * 1024 * 1024 if limit >= 1000 else 20_000
    data = bytes(range(251)) * (total // 251)
    peer.write(data)
    spin(lambda: client.bytesAvailable() >= min(limit, len(data)))
    if total > 1024 * 1024:
        spin(lambda: peer.encryptedBytesToWrite() > 0)
    received = bytearray()
    largest = 0

    def take() -> None:
        nonlocal largest
        largest = max(largest, client.bytesAvailable())
        received.extend(client.readBytes())

    client.readyRead.connect(take)
    take()
    spin(lambda: len(received) == len(data), timeout=20_000)
    assert bytes(received) == data
    assert largest <= limit


def test_a_program_that_reads_at_once_takes_no_more_from_the_network(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has arrived is decrypted first: else the engine would hold megabytes, whatever the limit."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(1000)
    stream, receive = client._dataPath.stream, TlsStream.receive_and_read
    landed = largest = read = 0

    def count(self: TlsStream, size: int, limit: int) -> bytes:
        nonlocal landed
        landed += size if self is stream else 0
        return receive(self, size, limit)

    def take() -> None:
        nonlocal largest, read
        largest = max(largest, landed - read)
        read += len(client.readBytes())

    monkeypatch.setattr(TlsStream, "receive_and_read", count)
    client.readyRead.connect(take)
    peer.write(bytes(4_000_000))
    spin(lambda: read == 4_000_000, timeout=20_000)
    assert largest <= 2 * LANDING_SIZE


def test_lifting_the_limit_resumes(conversation: Conversation) -> None:
    """setReadBufferSize(0) lets the rest come without a read."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(100)
    peer.write(b"x" * 300_000)
    spin(lambda: client.bytesAvailable() == 100)
    client.setReadBufferSize(0)
    spin(lambda: client.bytesAvailable() == 300_000)


def test_what_is_left_after_the_end_can_be_read_beyond_the_limit(conversation: Conversation) -> None:
    """The peer's end does not cost data that the limit held back."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(1000)
    peer.write(b"y" * 50_000)
    peer.disconnectFromHost()
    received = bytearray()

    def take() -> None:
        received.extend(client.readBytes(1000))

    client.readyRead.connect(take)
    spin(lambda: conversation.recorder.count("client.disconnected") == 1)
    received.extend(client.readBytes())
    assert len(received) == 50_000
    assert client.peerClosedCleanly()


def test_a_review_of_the_limit_that_was_lost_with_its_thread_is_none_of_the_next_connection(
    conversation: Conversation,
) -> None:
    """Else a C++ reader would wait for ever: only such reviews tell that it has read."""
    client = conversation.client
    client.setReadBufferSize(10)
    received = bytearray()
    for last in (False, True):
        peer = conversation.establish()
        peer.write(bytes(100))
        spin(lambda: client.bytesAvailable() == 10)
        received.clear()
        if not last:
            received += QIODevice.read(client, 5).data()
            client._dataPath.scheduler.forgetTasksOf(client)  # what the end of a thread does, and a fork
            client.abort()

    def readAll() -> bool:
        received.extend(QIODevice.read(client, 5).data())
        return len(received) == 100

    spin(readAll)


def _transactions(client: SslSocket) -> Callable[[], bytes]:
    stream = QDataStream(client)

    def read() -> bytes:
        stream.startTransaction()
        data = bytes(stream.readRawData(24))
        return data if stream.commitTransaction() else b""

    return read


def _rawData(client: SslSocket) -> Callable[[], bytes]:
    stream = QDataStream(client)
    return lambda: bytes(stream.readRawData(24)) if client.bytesAvailable() >= 24 else b""


def _peekAndRead(client: SslSocket) -> Callable[[], bytes]:
    def read() -> bytes:
        if client.bytesAvailable() < 24:
            return b""
        QIODevice.peek(client, 24)
        return bytes(QIODevice.read(client, 24).data())

    return read


def _peekAndReadInPython(client: SslSocket) -> Callable[[], bytes]:
    def read() -> bytes:
        QIODevice.peek(client, 24)
        return client.readBytes(24)

    return read


def _transactionsInPython(client: SslSocket) -> Callable[[], bytes]:
    def read() -> bytes:
        client.startTransaction()
        data = client.readBytes(24)
        client.commitTransaction()
        return data

    return read


_LIMITED_READERS = [_transactions, _rawData, _peekAndRead, _peekAndReadInPython, _transactionsInPython]


@pytest.mark.parametrize("way", _LIMITED_READERS)
@pytest.mark.parametrize("limit", [30, 64])
def test_readers_served_from_qts_buffer_do_not_stall_under_a_limit(
    conversation: Conversation, way: Callable[[SslSocket], Callable[[], bytes]], limit: int
) -> None:
    """The limit counts Qt's buffer as well, and room that is made there is noticed."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(limit)
    read = way(client)
    received = bytearray()
    largest = 0

    def take() -> None:
        nonlocal largest
        largest = max(largest, client.bytesAvailable())
        while data := read():
            received.extend(data)

    client.readyRead.connect(take)
    data = bytes(range(240)) * 20
    peer.write(data)
    spin(lambda: len(received) == len(data))
    assert bytes(received) == data
    assert largest <= limit


def test_a_transaction_that_is_never_complete_stays_within_the_limit(conversation: Conversation) -> None:
    """A peer that announces an endless string does not fill the memory by QDataStream's transactions."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(10_000)
    stream = QDataStream(client)

    def take() -> None:
        stream.startTransaction()
        stream.readRawData(1_000_000)
        assert not stream.commitTransaction()

    client.readyRead.connect(take)
    peer.write(b"x" * 1_000_000)
    spin(lambda: client.bytesAvailable() == 10_000)
    for _ in range(10):
        settle()
        assert client.bytesAvailable() <= 10_000


def test_reading_during_a_certificate_decision_does_not_lift_its_pause(conversation: Conversation) -> None:
    """What the program tries to read meanwhile is no answer."""
    requests: list[CertificateRequest] = []

    def wait(request: CertificateRequest) -> None:
        request.defer()
        requests.append(request)

    conversation.clientConfiguration.setCaCertificates([])
    client = conversation.client
    client.acceptCertificate.connect(wait)
    conversation.connect()
    spin(lambda: bool(requests))
    client._dataPath.pauseReading()
    client.setReadBufferSize(100)
    assert client.readAll().isEmpty()
    assert client.bytesAvailable() == 0
    settle()
    assert client._dataPath.readingPaused
    requests[0].accept()
    spin(client.isEncrypted)


def test_limits_are_checked(conversation: Conversation) -> None:
    """A negative limit is refused, and what is no number of bytes."""
    with pytest.raises(ValueError, match="size"):
        conversation.client.setReadBufferSize(-1)
    for wrong in (1.5, "1", True):
        with pytest.raises(TypeError, match="size must be an int"):
            conversation.client.setReadBufferSize(wrong)  # type: ignore[arg-type]  # the mistake under test
    assert conversation.client.readBufferSize() == 0


def test_not_open(conversation: Conversation) -> None:
    """A socket that was never opened has nothing to read."""
    socket = SslSocket()
    assert socket.readBytes() == b""
    assert socket.readAll().isEmpty()
    assert socket.skip(1) == -1


def test_write_only_mode(conversation: Conversation) -> None:
    """What arrives at a socket that was opened for writing only is dropped, unannounced."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort(), QIODevice.OpenModeFlag.WriteOnly)
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert client.isWritable()
    assert not client.isReadable()
    for _ in range(2):
        peer.write(bytes(50_000))
        settle()
    client.write(b"heard nothing")
    spin(lambda: peer.bytesAvailable() == 13)
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert client.bytesAvailable() == 0
    assert conversation.recorder.count("client.readyRead") == 0
    assert client.peerClosedCleanly()


class MixedReading(RuleBasedStateMachine):
    """Reads in every way against one expected stream."""

    conversation: Conversation

    def __init__(self) -> None:
        super().__init__()
        self.client = self.conversation.client
        self.client.readAll()
        self.expected = b""
        self.sent = 0
        self.transaction: bytes | None = None

    def teardown(self) -> None:
        if self.transaction is not None:
            self.client.rollbackTransaction()
        assert self.client.readBytes() == (self.expected if self.transaction is None else self.transaction)

    def took(self, data: bytes) -> None:
        assert self.expected.startswith(data)
        self.expected = self.expected[len(data) :]

    @rule(data=st.binary(min_size=1, max_size=60), lines=st.booleans())
    def deliver(self, data: bytes, lines: bool) -> None:
        if lines:
            data = data + b"\n"
        deliver(self.conversation, data)
        self.expected += data
        if self.transaction is not None:
            self.transaction += data

    @rule(size=st.integers(0, 40))
    def read(self, size: int) -> None:
        data = bytes(self.client.read(size).data())
        assert len(data) == min(size, len(self.expected))
        self.took(data)

    @rule(size=st.integers(0, 40))
    def read_bytes(self, size: int) -> None:
        data = self.client.readBytes(size)
        assert len(data) == min(size, len(self.expected))
        self.took(data)

    @rule()
    def read_all(self) -> None:
        assert bytes(self.client.readAll().data()) == self.expected
        self.expected = b""

    @rule(size=st.integers(0, 40))
    def read_line(self, size: int) -> None:
        data = bytes(self.client.readLine(size).data())
        end = self.expected.find(b"\n")
        line = self.expected if end < 0 else self.expected[: end + 1]
        assert data == (line[:size] if size else line)
        self.took(data)

    @rule(size=st.integers(0, 40))
    def peek(self, size: int) -> None:
        assert bytes(self.client.peek(size).data()) == self.expected[:size]

    @rule(size=st.integers(1, 40))
    def cpp_peek(self, size: int) -> None:
        # Moves what it peeks into Qt's own buffer.
        assert bytes(QIODevice.peek(self.client, size).data()) == self.expected[:size]

    @rule(size=st.integers(1, 40))
    def cpp_read(self, size: int) -> None:
        stream = QDataStream(self.client)
        data = bytes(stream.readRawData(min(size, len(self.expected)))) if self.expected else b""
        assert len(data) == min(size, len(self.expected))
        self.took(data)

    @rule(size=st.integers(0, 40))
    def skip(self, size: int) -> None:
        assert self.client.skip(size) == min(size, len(self.expected))
        self.expected = self.expected[size:]

    @rule()
    def start_transaction(self) -> None:
        if self.transaction is None:
            self.client.startTransaction()
            self.transaction = self.expected

    @rule(commit=st.booleans())
    def end_transaction(self, commit: bool) -> None:
        if self.transaction is None:
            return
        if commit:
            self.client.commitTransaction()
        else:
            self.client.rollbackTransaction()
            self.expected = self.transaction
        self.transaction = None

    @invariant()
    def counts_agree(self) -> None:
        assert self.client.bytesAvailable() == len(self.expected)
        assert self.client.canReadLine() == (b"\n" in self.expected)
        assert self.client.atEnd() == (not self.expected)


def test_any_mixture_of_reads_loses_nothing(conversation: Conversation) -> None:
    """Random mixtures of Python reads, C++ reads and transactions, compared with a plain bytes object."""
    conversation.establish()

    class Mixture(MixedReading):
        pass

    Mixture.conversation = conversation
    run_state_machine_as_test(
        Mixture,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )


# ------------------------------------------------------------------------- odd requests


@pytest.mark.parametrize("held", [False, True], ids=["python", "qt"])
def test_negative_sizes_take_nothing(conversation: Conversation, held: bool) -> None:
    """Whoever holds the data."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"one\ntwo\n")
    spin(lambda: client.bytesAvailable() == 8)
    if held:
        assert QIODevice.peek(client, 1).data() == b"o"
    assert client.read(-1).data() == client.readLine(-1).data() == client.peek(-1).data() == b""
    assert client.skip(-1) == -1
    assert client.readAll().data() == b"one\ntwo\n"


def test_closing_drops_what_qt_holds_without_a_word(conversation: Conversation) -> None:
    """Reading from a closed device would be a mistake of the program's."""
    peer = conversation.establish()
    peer.write(b"12345678")
    spin(lambda: conversation.client.bytesAvailable() == 8)
    assert QDataStream(conversation.client).readInt32() == int.from_bytes(b"1234", "big")
    warnings: list[str] = []
    before = qInstallMessageHandler(lambda kind, context, text: warnings.append(text))
    try:
        conversation.client.close()
    finally:
        qInstallMessageHandler(before)
    assert conversation.client.bytesAvailable() == 0
    assert warnings == []


def test_a_transaction_does_not_survive_its_connection(conversation: Conversation) -> None:
    """A roll-back would hand out the last connection's data as the next one's."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"old")
    spin(lambda: client.bytesAvailable() == 3)
    client.startTransaction()
    assert client.read(3).data() == b"old"
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(client.isEncrypted)
    client.rollbackTransaction()
    assert client.bytesAvailable() == 0
    assert QIODevice.readAll(client).data() == b""


# ------------------------------------------------------------- who hears of what has come


def test_qt_1_7_72_channel_ready_read(conversation: Conversation) -> None:
    """It follows readyRead, and unlike that it comes inside its slots, too (QAbstractSocket)."""
    peer = conversation.establish()
    client = conversation.client
    heard: list[str] = []

    def read() -> None:
        heard.append("readyRead")
        client.readAll()
        if heard == ["readyRead"]:
            peer.write(b"second")
            spin(lambda: len(heard) > 1)

    client.readyRead.connect(read)
    client.channelReadyRead.connect(lambda channel: heard.append(f"channel {channel}"))
    peer.write(b"first")
    spin(lambda: heard.count("channel 0") >= 2)
    assert heard[:2] == ["readyRead", "channel 0"]
    peer.write(b"third")
    spin(lambda: heard.count("readyRead") >= 2)
    assert heard[-2:] == ["readyRead", "channel 0"]


@pytest.mark.parametrize("superclass", [True, False])
def test_a_subclass_with_a_connect_notify_of_its_own(conversation: Conversation, superclass: bool) -> None:
    """Qt's does nothing, so nobody has to call it."""

    class Noting(SslSocket):
        notes: ClassVar[list[str]] = []

        def connectNotify(self, signal: QMetaMethod) -> None:
            self.notes.append(signal.name().toStdString())
            if superclass:
                super().connectNotify(signal)

    socket = Noting()
    heard: list[str] = []
    names = {"connected", "encrypted", "bytesWritten", "encryptedBytesWritten", "disconnected"}
    for name in names:
        getattr(socket, name).connect(lambda *_, name=name: heard.append(name))
    conversation.listen()
    socket.setSslConfiguration(conversation.clientConfiguration)
    socket.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(socket.isEncrypted)
    socket.write(b"x")
    socket.disconnectFromHost()
    spin(lambda: socket.state() == State.UnconnectedState)
    assert set(heard) == names <= set(Noting.notes)


class _Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @Slot()
    def note(self) -> None:
        self.count += 1


def test_connections_made_by_cpp_are_heard(conversation: Conversation) -> None:
    """By text, by a spy, from signal to signal and from QML."""
    client = conversation.client
    conversation.recorder.close()  # which has connected everything
    client = SslSocket()
    receiver, relay = _Receiver(), SslSocket()
    assert QObject.connect(client, SIGNAL("encrypted()"), receiver, SLOT("note()"))
    spy = QSignalSpy(client, SIGNAL("connected()"))
    client.readChannelFinished.connect(relay.readChannelFinished)
    relay.readChannelFinished.connect(receiver.note)
    engine = QQmlEngine()
    engine.rootContext().setContextProperty("client", client)
    component = QQmlComponent(engine)
    component.setData(
        b"import QtQml\nConnections { property int count: 0; target: client;"
        b" function onDisconnected() { count += 1 } }",
        "",
    )
    connections = component.create()
    assert connections is not None, component.errorString()
    conversation.listen()
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(client.isEncrypted)
    assert receiver.count == 1
    assert spy.count() == 1
    client.disconnectFromHost()
    spin(lambda: client.state() == State.UnconnectedState)
    assert receiver.count == 2
    assert connections.property("count") == 1


def test_any_byte_can_be_put_back(conversation: Conversation) -> None:
    """PySide's own method takes those below 128 only."""
    conversation.establish()
    client = conversation.client
    for byte in range(256):
        client.ungetChar(byte)
        assert client.read(1).data() == bytes((byte,))
    client.ungetChar("\xe9")
    assert client.readAll().data() == b"\xe9"
    for wrong in (256, -1, "", "ab"):
        with pytest.raises(ValueError, match=r"range|one character"):
            client.ungetChar(wrong)
    assert client.bytesAvailable() == 0
