"""From plain text to TLS on one connection: nothing is lost, nothing is smuggled across."""

from __future__ import annotations

import select
import socket as native
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QByteArray, QCryptographicHash, QDataStream, QObject
from PySide6.QtNetwork import QSslSocket

from qtsecure.errors import SecureError
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration, TlsOptions
from qtsecure.testing.peers import RawClient
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import Error, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class PlainPair:
    """Two sockets of ours with a plain connection between them, each ready for TLS."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self.client, self.server = SslSocket(), SslSocket()
        self.client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        self.client.setPeerVerifyName("localhost")
        self.server.setSslConfiguration(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
        with native.create_server(("127.0.0.1", 0)) as listener:
            self.client.connectToHost("127.0.0.1", listener.getsockname()[1])
            accepted, _ = listener.accept()
        assert self.server.setSocketDescriptor(accepted.detach())
        spin(lambda: self.client.state() == State.ConnectedState)

    def encrypted(self) -> bool:
        return self.client.isEncrypted() and self.server.isEncrypted()

    def close(self) -> None:
        self.client.abort()
        self.server.abort()


@pytest.fixture
def pair(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[PlainPair]:
    """A plain connection between two of our sockets."""
    made = PlainPair(qtsecure_pki)
    yield made
    made.close()


def arrive(socket: SslSocket, count: int) -> None:
    spin(lambda: socket.bytesAvailable() == count)


def test_what_is_queued_goes_out_before_tls_in_plain_text(pair: PlainPair) -> None:
    """write(answer) and startServerEncryption() in one slot: the answer is plain and comes first."""

    def answer() -> None:
        assert pair.server.readLine().data() == b"STARTTLS\r\n"
        pair.server.write(b"220 go ahead\r\n")
        pair.server.startServerEncryption()

    def begin() -> None:
        if not pair.client.canReadLine():
            return
        assert pair.client.readLine().data() == b"220 go ahead\r\n"
        pair.client.startClientEncryption()

    pair.server.readyRead.connect(answer)
    pair.client.readyRead.connect(begin)
    pair.client.write(b"STARTTLS\r\n")
    spin(pair.encrypted)
    pair.server.readyRead.disconnect(answer)
    pair.client.write(b"secret")
    arrive(pair.server, 6)
    assert pair.server.readAll().data() == b"secret"


def test_what_is_written_afterwards_waits_for_tls(pair: PlainPair) -> None:
    """Around startClientEncryption(): plain text before it, encrypted after it."""
    recorder = SignalRecorder(pair.client, ["bytesWritten", "encrypted"])
    pair.client.write(b"plain")
    pair.client.startClientEncryption()
    pair.client.write(b"secret")
    assert recorder.of("bytesWritten") == [(5,)]
    assert pair.client.bytesToWrite() == 6
    spin(lambda: pair.server.bytesAvailable() >= 5)
    assert pair.server.read(5).data() == b"plain"
    pair.server.startServerEncryption()
    arrive(pair.server, 6)
    assert pair.server.readAll().data() == b"secret"
    assert recorder.names() == ["bytesWritten", "encrypted", "bytesWritten"]


def test_a_hello_right_behind_the_command_is_not_lost(pair: PlainPair) -> None:
    """Command and ClientHello in one segment: peeking takes nothing, reading the line leaves the hello to TLS."""
    pair.client.write(b"STARTTLS\r\n")
    pair.client.startClientEncryption()
    spin(lambda: pair.server.bytesAvailable() > 10)
    everything = pair.server.bytesAvailable()
    assert pair.server.peek(10).data() == b"STARTTLS\r\n"
    assert pair.server.peek(everything).data()[10:12] == b"\x16\x03"
    assert pair.server.bytesAvailable() == everything
    assert pair.server.readLine().data() == b"STARTTLS\r\n"
    pair.server.startServerEncryption()
    assert pair.server.bytesAvailable() == 0
    spin(pair.encrypted)


@pytest.mark.parametrize("action", ["close", "readAll"])
def test_a_slot_of_mode_changed_takes_no_hello(pair: PlainPair, action: str) -> None:
    """What was there when TLS began belongs to TLS: closing does not drop it, and nobody reads it as data."""
    found: list[object] = []

    def act() -> None:
        pair.server.write(b"goodbye")
        found.append(getattr(pair.server, action)())

    pair.server.modeChanged.connect(act)
    pair.client.startClientEncryption()
    spin(lambda: pair.server.bytesAvailable() > 100)
    pair.server.startServerEncryption()
    arrive(pair.client, 7)
    assert pair.client.readAll().data() == b"goodbye"
    assert found == ([None] if action == "close" else [QByteArray()])


def test_what_a_cpp_reader_peeked_at_belongs_to_tls(pair: PlainPair) -> None:
    """A hello that lies in QIODevice's own buffer, after a transaction of QDataStream, reaches TLS, too."""
    pair.client.write(b"\0\0\0\x08STARTTLS")
    pair.client.startClientEncryption()
    spin(lambda: pair.server.bytesAvailable() > 100)
    stream = QDataStream(pair.server)
    stream.startTransaction()
    command = QByteArray()
    stream >> command
    assert stream.commitTransaction()
    assert command.data() == b"STARTTLS"
    pair.server.startServerEncryption()
    spin(pair.encrypted)


def test_the_read_limit_does_not_stop_the_hello(pair: PlainPair) -> None:
    """Plain reading that had been paused by the limit goes on for TLS."""
    pair.server.setReadBufferSize(10)
    pair.client.write(b"STARTTLS\r\n")
    arrive(pair.server, 10)
    pair.client.startClientEncryption()
    assert pair.server.readLine().data() == b"STARTTLS\r\n"
    pair.server.startServerEncryption()
    spin(pair.encrypted)


@pytest.mark.parametrize(
    ("injected", "named"),
    [(b"MAIL FROM:<a@example.org>\r\n", "not TLS"), (b"EHLO evil\r\n", "SMTP"), (b"\0", "not TLS")],
)
def test_injected_commands_end_the_connection(pair: PlainPair, injected: bytes, named: str) -> None:
    """Plain text behind the command is neither delivered later nor dropped silently (CVE-2011-0411)."""
    recorder = SignalRecorder(pair.server, ["errorOccurred", "disconnected", "encrypted", "modeChanged"])
    pair.client.write(b"STARTTLS\r\n" + injected)
    arrive(pair.server, 10 + len(injected))
    assert pair.server.readLine().data() == b"STARTTLS\r\n"
    pair.server.startServerEncryption()
    recorder.assertExactly(["modeChanged", "errorOccurred", "disconnected"])
    assert pair.server.error() == Error.SslHandshakeFailedError
    assert named in pair.server.errorString()
    assert "client" in pair.server.errorString()
    assert pair.server.readAll().data() == b""
    spin(lambda: pair.client.state() == State.UnconnectedState)


@pytest.mark.parametrize("injected", [b"250 evil\r\n", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_injected_answers_end_the_connection(pair: PlainPair, injected: bytes) -> None:
    """A client speaks first in TLS: whatever came before its hello is refused, also what looks like TLS."""
    pair.server.write(b"220 go ahead\r\n" + injected)
    arrive(pair.client, 14 + len(injected))
    assert pair.client.readLine().data() == b"220 go ahead\r\n"
    pair.client.startClientEncryption()
    assert pair.client.state() == State.UnconnectedState
    assert pair.client.error() == Error.SslHandshakeFailedError
    assert "server" in pair.client.errorString()
    assert "inject" in pair.client.errorString()
    assert pair.client.readAll().data() == b""
    spin(lambda: pair.server.state() == State.UnconnectedState)
    assert pair.server.readAll().data() == b""  # not even a hello


def test_text_injected_into_the_handshake_ends_the_connection(pair: PlainPair) -> None:
    """Plain text that comes after the beginning is a broken handshake."""
    pair.client.startClientEncryption()
    arrive_any = pair.server.bytesAvailable
    spin(lambda: arrive_any() > 0)
    pair.server.write(b"250 evil\r\n")
    spin(lambda: pair.client.state() == State.UnconnectedState)
    assert pair.client.error() == Error.SslHandshakeFailedError
    assert pair.client.readAll().data() == b""


def test_a_transaction_cannot_bring_plain_text_back(pair: PlainPair) -> None:
    """A roll-back after TLS would hand out plain bytes once more: beginning inside a transaction raises."""
    pair.client.write(b"STARTTLS\r\n")
    arrive(pair.server, 10)
    pair.server.startTransaction()
    assert pair.server.readLine().data() == b"STARTTLS\r\n"
    with pytest.raises(SecureError, match="transaction") as caught:
        pair.server.startServerEncryption()
    assert caught.value.code is SecureError.Code.Pending
    assert pair.server.mode() == QSslSocket.SslMode.UnencryptedMode
    pair.server.commitTransaction()
    pair.server.startServerEncryption()
    pair.client.startClientEncryption()
    spin(pair.encrypted)


def test_aborting_in_the_slot_of_the_last_plain_bytes(pair: PlainPair) -> None:
    """bytesWritten comes out of startClientEncryption(); its slot may end the connection."""
    client = pair.client
    client.bytesWritten.connect(lambda count: client.abort())
    client.write(b"plain")
    client.startClientEncryption()
    assert client.state() == State.UnconnectedState
    assert not client.isEncrypted()


def test_plain_conversation(pair: PlainPair) -> None:
    """Reading, peeking, transactions and lines work without TLS, too."""
    pair.client.write(b"one\ntwo\nrest")
    arrive(pair.server, 12)
    assert pair.server.peek(3).data() == b"one"
    assert pair.server.canReadLine()
    pair.server.startTransaction()
    assert pair.server.readLine().data() == b"one\n"
    pair.server.rollbackTransaction()
    assert pair.server.bytesAvailable() == 12
    assert pair.server.readLine().data() == b"one\n"
    assert pair.server.peek(100).data() == b"two\nrest"
    assert pair.server.read(4).data() == b"two\n"
    assert pair.server.readBytes() == b"rest"


def test_a_raw_client_injects(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The same from a socket that is not ours: it hears the end and nothing else."""
    accepted: list[SslSocket] = []
    with native.create_server(("127.0.0.1", 0)) as listener, RawClient(listener.getsockname()[1]) as client:
        peer, _ = listener.accept()
        server = SslSocket()
        server.setSslConfiguration(
            SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
        )
        assert server.setSocketDescriptor(peer.detach())
        accepted.append(server)
        client.send(b"STARTTLS\r\nRSET\r\n")
        arrive(server, 16)
        server.readLine()
        server.startServerEncryption()
        client.waitForEnding()
        assert client.received == b""
    assert server.state() == State.UnconnectedState


def test_plain_text_does_not_pass_for_encrypted_when_tls_could_not_begin(pair: PlainPair) -> None:
    """The program has been told, but it may read on."""
    configuration = SslConfiguration()
    configuration.setProtocol(Protocol.DtlsV1_2)
    pair.client.setSslConfiguration(configuration)
    announced: list[bytes] = []
    pair.client.readyRead.connect(lambda: announced.append(pair.client.readBytes()))
    pair.client.startClientEncryption()
    assert pair.client.error() == Error.SslInvalidUserDataError
    assert pair.client.state() == State.ConnectedState  # as with Qt
    pair.client.write(b"secret")
    pair.server.write(b"from nobody knows whom")
    assert pair.server.waitForBytesWritten(20_000)
    assert not pair.client.waitForReadyRead(100)
    assert announced == []
    assert pair.client.bytesAvailable() == 0
    pair.client.disconnectFromHost()  # and does not wait for a handshake that will never be
    assert pair.client.state() == State.UnconnectedState
    spin(lambda: pair.server.state() == State.UnconnectedState)
    assert pair.server.readBytes() == b""


def test_a_loop_in_the_slot_of_mode_changed_keeps_the_hello(pair: PlainPair) -> None:
    """It comes before there is an engine, and belongs to it."""

    def loop() -> None:
        pair.client.startClientEncryption()
        spin(lambda: pair.server.bytesAvailable() > 0)

    pair.server.modeChanged.connect(loop)
    pair.server.startServerEncryption()
    spin(pair.encrypted)


def _keys(authenticator: PreSharedKeyAuthenticator) -> None:
    if not authenticator.identity():
        authenticator.setIdentity(b"sensor")
    authenticator.setPreSharedKey(bytes(range(32)))
    authenticator.setHashAlgorithm(QCryptographicHash.Algorithm.Sha256)


def test_an_end_while_a_slot_is_asked_is_heard_after_a_full_buffer(
    qapp: QObject, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """A hello that fills the buffer pauses reading; what goes on with that may not disturb the engine's question."""
    size = 0
    for _ in range(2):  # the first one measures the hello
        pair = PlainPair(qtsecure_pki)
        pair.client.preSharedKeyAuthenticationRequired.connect(_keys)
        pair.server.setReadBufferSize(size)
        pair.client.startClientEncryption()
        spin(lambda pair=pair: pair.server.bytesAvailable() > 5)  # type: ignore[misc]  # a default binds the loop's value
        size = 5 + int.from_bytes(pair.server.peek(5).data()[3:5], "big")
        arrive(pair.server, size)
        if pair.server.readBufferSize():
            break
        pair.close()
    server, asked = pair.server, []

    def endMeanwhile(authenticator: PreSharedKeyAuthenticator) -> None:
        asked.append(authenticator)
        pair.client.abort()
        assert select.select([server.socketDescriptor()], [], [], 20)[0]
        for _ in range(5):
            settle()
        _keys(authenticator)

    server.preSharedKeyAuthenticationRequired.connect(endMeanwhile)
    server.setHandshakeTimeout(0)
    server.startServerEncryption()
    spin(lambda: server.state() == State.UnconnectedState)
    assert len(asked) == 1
    pair.close()


def test_godot_14_options_of_a_server_make_no_client(pair: PlainPair, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """They verify no server, so that the client would believe anybody."""
    options = TlsOptions.server(qtsecure_pki.server.privateKey, list(qtsecure_pki.server.chain))
    for socket in (pair.client, pair.server):
        socket.setSslConfiguration(options)
    pair.server.startServerEncryption()
    pair.client.startClientEncryption()
    assert pair.client.error() == Error.SslInvalidUserDataError
    assert "TlsOptions of a server" in pair.client.errorString()
    settle()
    assert not pair.client.isEncrypted()


def test_godot_14_options_of_a_server_connect_nowhere(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Nothing goes on the wire; those of a client lift that."""
    client = SslSocket()
    client.setSslConfiguration(TlsOptions.server(qtsecure_pki.server.privateKey, list(qtsecure_pki.server.chain)))
    client.connectToHostEncrypted("127.0.0.1", 9)
    assert (client.state(), client.error()) == (State.UnconnectedState, Error.SslInvalidUserDataError)
    client.setSslConfiguration(TlsOptions.client(qtsecure_pki.ca.certificate))
    client.connectToHostEncrypted("127.0.0.1", 9)
    assert client.state() != State.UnconnectedState
    client.abort()
