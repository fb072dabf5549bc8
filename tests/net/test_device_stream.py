"""TLS over devices of the program: every kind, their ends, their deaths, and what is refused."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest
import shiboken6
from PySide6.QtCore import QBuffer, QIODevice, QObject, QProcess, QThread, Signal
from PySide6.QtNetwork import QHostAddress, QLocalSocket, QSslSocket, QTcpSocket, QUdpSocket

from qtsecure.errors import SecureError
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports import device_stream
from qtsecure.net.transports.devices import abortDevice, isConnected
from qtsecure.net.transports.stream import HIGH_WATER
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.peers import PythonTlsServer
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.carriers import CARRIERS, Pair, PipeEnd, overPair, pipePair, tcpPair, tlsPair
from tests.net.conversation import Error, FakeClock, State, settle, spin

ReadWrite = QIODevice.OpenModeFlag.ReadWrite
BIG = bytes(range(256)) * 4096


class Link:
    """Two devices and the sockets over them."""

    def __init__(self, pki: PublicKeyInfrastructure, below: Pair) -> None:
        self.below = below
        self.client, self.server = overPair(pki, below)
        self.recorder = SignalRecorder()
        names = ["encrypted", "errorOccurred", "disconnected", "stateChanged", "readChannelFinished"]
        self.recorder.watch(self.client, names, prefix="client")
        self.recorder.watch(self.server, names, prefix="server")

    def encrypt(self) -> None:
        self.server.startServerEncryption()
        self.client.startClientEncryption()
        spin(lambda: self.client.isEncrypted() and self.server.isEncrypted())

    def close(self) -> None:
        self.recorder.close()
        for socket in (self.client, self.server):
            if shiboken6.isValid(socket):
                socket.abort()
        for device in self.below:
            if shiboken6.isValid(device):
                abortDevice(device)


@pytest.fixture(params=list(CARRIERS))
def link(request: pytest.FixtureRequest, qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Link]:
    """A link over every kind of device."""
    made = Link(qtsecure_pki, CARRIERS[request.param](qtsecure_pki))
    yield made
    made.close()


@pytest.fixture
def piped(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Link]:
    """A link over devices written in Python."""
    made = Link(qtsecure_pki, pipePair())
    yield made
    made.close()


@pytest.fixture
def overTcp(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Link]:
    """A link over QTcpSockets."""
    made = Link(qtsecure_pki, tcpPair())
    yield made
    made.close()


def test_a_conversation(link: Link) -> None:
    """Plain first, then TLS, a mebibyte each way, and an end that closes the devices."""
    assert link.client.state() == State.ConnectedState
    assert link.client.mode() == QSslSocket.SslMode.UnencryptedMode
    assert link.client.isOpen()
    assert link.client.openMode() == ReadWrite
    link.client.write(b"STARTTLS\n")
    spin(link.server.canReadLine)
    assert link.server.readLine().data() == b"STARTTLS\n"
    link.encrypt()
    link.client.write(BIG)
    link.server.write(BIG[::-1])
    there, back = bytearray(), bytearray()

    def received() -> bool:
        there.extend(link.server.readBytes())
        back.extend(link.client.readBytes())
        return len(there) >= len(BIG) and len(back) >= len(BIG)

    spin(received, timeout=20_000)
    assert there == BIG
    assert back == BIG[::-1]
    link.client.write(b"goodbye")
    link.client.disconnectFromHost()
    link.recorder.waitFor("client.disconnected")
    link.recorder.waitFor("server.disconnected")
    assert link.server.readAll().data() == b"goodbye"
    assert link.server.peerClosedCleanly()
    spin(lambda: not isConnected(link.below[0]) and not isConnected(link.below[1]))
    assert link.recorder.count("client.errorOccurred") == 0
    assert link.recorder.of("server.errorOccurred") == [(Error.RemoteHostClosedError,)]


@pytest.mark.parametrize("signal", ["encrypted", "readyRead"])
def test_a_loop_in_a_slot_is_served(link: Link, signal: str) -> None:
    """Most devices emit readyRead no second time while one of its slots runs; ours are not among these slots."""
    client, server = link.client, link.server
    server.readyRead.connect(lambda: server.write(server.readAll()))
    answers: list[bytes] = []

    def ask() -> None:
        if not answers:
            answers.append(client.readBytes())
            client.write(b"question")
            spin(lambda: client.bytesAvailable() == len(b"question"))
            answers.append(client.readBytes())

    getattr(client, signal).connect(ask)
    link.encrypt()
    if signal == "readyRead":
        server.write(b"hello")
    spin(lambda: len(answers) == 2)
    assert answers[-1] == b"question"


def test_a_device_that_is_about_to_end_takes_no_more(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """What an outer TLS connection refuses behind its close_notify is no failure: its end follows."""
    link = Link(qtsecure_pki, tlsPair(qtsecure_pki))
    link.encrypt()
    below = link.below[1]
    assert isinstance(below, SslSocket)
    states: list[State] = []

    def writeBehindTheEnd() -> None:
        states.append(below.state())
        link.server.write(b"too late")
        link.server.flush()

    below.alertSent.connect(writeBehindTheEnd)
    link.below[0].disconnectFromHost()  # type: ignore[attr-defined]  # an SslSocket
    link.recorder.waitFor("server.disconnected")
    assert states == [State.ClosingState]
    assert link.recorder.of("server.errorOccurred") == [(Error.RemoteHostClosedError,)]
    link.close()


class Unfinished(PipeEnd):
    """Takes its time to end, as a process or a socket with unsent data does."""

    def abort(self) -> None:
        self.told = True

    def disconnectFromHost(self) -> None:
        self.told = True


class _DyingPipeEnd(PipeEnd):
    """Ends as Qt's sockets do: it is still connected when it says so first."""

    disconnected = Signal()
    _state = State.ConnectedState

    def state(self) -> State:
        return self._state

    def die(self) -> None:
        self.readChannelFinished.emit()
        self._state = State.UnconnectedState
        self.disconnected.emit()


def test_what_the_device_can_no_longer_send_is_not_waited_for(
    qapp: QObject, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """The peer says goodbye and is gone before it has read everything."""
    near, far = _DyingPipeEnd(), PipeEnd(100_000)
    near.other, far.other = far, near
    link = Link(qtsecure_pki, (far, near))
    link.encrypt()
    link.client.setReadBufferSize(1)
    link.server.write(BIG)
    link.client.shutdownWrite()
    spin(lambda: link.server.state() == State.ClosingState)
    assert link.server.encryptedBytesToWrite() > 0
    near.die()
    link.recorder.waitFor("server.disconnected")
    assert link.server.peerClosedCleanly()
    link.close()


def test_signals_of_an_end(overTcp: Link) -> None:
    """The order is that of any other connection."""
    overTcp.encrypt()
    overTcp.recorder.clear()
    overTcp.client.disconnectFromHost()
    overTcp.recorder.waitFor("client.disconnected")
    client = [(r.name, *r.args) for r in overTcp.recorder.records() if r.name.startswith("client.")]
    assert client == [
        ("client.stateChanged", State.ClosingState),
        ("client.stateChanged", State.UnconnectedState),
        ("client.readChannelFinished",),
        ("client.disconnected",),
    ]


def test_the_facts_come_from_the_socket_below(overTcp: Link) -> None:
    """Addresses, ports, descriptor and the host name, which is also what the certificate must prove."""
    below = overTcp.below[0]
    assert isinstance(below, QTcpSocket)
    client = overTcp.client
    assert client.peerAddress() == QHostAddress("127.0.0.1")
    assert (client.peerPort(), client.localPort()) == (below.peerPort(), below.localPort())
    assert client.peerName() == "127.0.0.1"
    assert client.socketDescriptor() == below.socketDescriptor()
    client.setPeerVerifyName("")
    overTcp.encrypt()


def test_without_a_name_the_certificate_proves_nothing(piped: Link) -> None:
    """A device that is no socket has no host name: without setPeerVerifyName() the client refuses."""
    assert piped.client.peerName() == ""
    assert piped.client.socketDescriptor() == -1
    assert piped.client.peerPort() == 0
    piped.client.setPeerVerifyName("")
    piped.server.startServerEncryption()
    piped.client.startClientEncryption()
    piped.recorder.waitFor("client.disconnected")
    assert piped.client.error() == Error.SslHandshakeFailedError


def test_ciphertext_does_not_pile_up_in_the_device(link: Link) -> None:
    """A peer that does not read: the device holds a bounded amount, the rest stays plaintext here."""
    link.encrypt()
    if isinstance(link.below[0], PipeEnd) and link.below[0].capacity > HIGH_WATER:
        return  # takes everything, as it says
    link.server.setReadBufferSize(1000)
    link.client.write(BIG * 16)
    spin(lambda: link.client.bytesToWrite() < len(BIG) * 16)
    highest = 0
    for _ in range(200):
        settle()
        highest = max(highest, link.below[0].bytesToWrite(), link.client.encryptedBytesToWrite())
    assert link.client.bytesToWrite() > 0
    assert highest <= HIGH_WATER + 2 * 66_000
    received = 0
    link.server.setReadBufferSize(0)

    def readOn() -> bool:
        nonlocal received
        received += len(link.server.readBytes())
        return received == len(BIG) * 16

    spin(readOn, timeout=20_000)


def test_a_device_that_reports_inside_write_is_not_reentered(piped: Link) -> None:
    """readyRead inside write(): the engine has returned before it gets input, however deep the calls go."""
    depths: list[int] = []
    below = piped.below[0]
    assert isinstance(below, PipeEnd)
    original, depth = below.write, 0

    def write(data: bytes) -> int:
        nonlocal depth
        depth += 1
        depths.append(depth)
        taken = original(data)
        depth -= 1
        return taken

    below.write = write  # type: ignore[assignment,method-assign]  # watched
    piped.server.readyRead.connect(lambda: piped.server.write(piped.server.readAll()) or piped.server.flush())
    piped.client.readyRead.connect(lambda: piped.client.write(piped.client.readAll()) or piped.client.flush())
    piped.encrypt()
    piped.client.write(b"for ever")
    spin(lambda: len(depths) > 300)
    assert max(depths) == 1


@pytest.mark.parametrize("encrypted", [True, False])
def test_what_is_written_in_a_loop_inside_write_goes_out(piped: Link, encrypted: bool) -> None:
    """A device may run an event loop until it has sent; what slots write meanwhile follows by itself."""
    if encrypted:
        piped.encrypt()
    below = piped.below[0]
    assert isinstance(below, PipeEnd)
    original, more = below.write, [b"second"]

    def write(data: bytes) -> int:
        if more:
            piped.client.write(more.pop())
            settle()
        return original(data)

    below.write = write  # type: ignore[assignment,method-assign]  # one that waits
    piped.client.write(b"first ")
    spin(lambda: piped.server.bytesAvailable() == 12)
    assert piped.server.readBytes() == b"first second"


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_device_that_closes_itself(link: Link, encrypted: bool) -> None:
    """The end of the device is the end of the connection, unclean with TLS."""
    if encrypted:
        link.encrypt()
    link.below[0].close()
    link.recorder.waitFor("client.disconnected")
    link.recorder.waitFor("server.disconnected")
    assert link.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert not link.client.peerClosedCleanly()
    assert link.client.write(b"x") == -1


@pytest.mark.parametrize("signal", ["encrypted", "readyRead", "disconnected", "stateChanged"])
@pytest.mark.parametrize("later", [True, False])
def test_deleting_the_device_in_a_slot(link: Link, signal: str, later: bool) -> None:
    """The program deletes the device in a slot of the connection: one end, no crash."""
    device = link.below[0]

    def delete(*_: object) -> None:
        if not shiboken6.isValid(device):
            return
        if later or isinstance(device, (QTcpSocket, QLocalSocket)):
            device.deleteLater()  # Qt's sockets do not survive more inside their own signals
        else:
            shiboken6.delete(device)

    getattr(link.client, signal).connect(delete)
    link.server.encrypted.connect(lambda: link.server.write(b"hello"))
    link.server.startServerEncryption()
    link.client.startClientEncryption()
    if signal in ("disconnected", "stateChanged"):
        spin(link.client.isEncrypted)
        link.client.disconnectFromHost()
    link.recorder.waitFor("client.disconnected")
    settle()
    assert not shiboken6.isValid(device)
    assert link.client.state() == State.UnconnectedState
    assert link.recorder.count("client.disconnected") == 1


def test_deleting_the_device_outside_of_a_slot(link: Link) -> None:
    """It counts as a broken network, with a sentence that says what happened."""
    link.encrypt()
    shiboken6.delete(link.below[0])
    link.recorder.waitFor("client.disconnected")
    assert link.recorder.count("client.errorOccurred") == 1
    assert link.client.error() in (Error.NetworkError, Error.RemoteHostClosedError)


@pytest.mark.parametrize("signal", ["encrypted", "readyRead"])
def test_dropping_everything_in_a_slot(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure, signal: str) -> None:
    """The last references to socket and device go in a slot that the device's own signal has caused."""
    for carrier in CARRIERS.values():
        holder = [Link(qtsecure_pki, carrier(qtsecure_pki))]
        server, far = holder[0].server, holder[0].below[1]
        dropped: list[bool] = []

        def drop(holder: list[Link] = holder, dropped: list[bool] = dropped) -> None:
            holder[0].recorder.close()
            holder.clear()
            dropped.append(True)

        getattr(holder[0].client, signal).connect(drop)
        server.encrypted.connect(lambda server=server: server.write(b"hello"))
        server.startServerEncryption()
        holder[0].client.startClientEncryption()
        spin(lambda dropped=dropped: bool(dropped))  # type: ignore[misc]  # bound now
        gc.collect()
        spin(lambda server=server: server.state() == State.UnconnectedState)  # type: ignore[misc]  # bound now
        abortDevice(far)


def test_the_socket_keeps_the_device_alive(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A device that only the socket knows lives as long as the connection."""
    link = Link(qtsecure_pki, tcpPair())
    below = link.below[1]
    link.below = (below, below)
    gc.collect()
    link.encrypt()
    link.client.write(b"still here")
    spin(lambda: link.server.bytesAvailable() == 10)
    link.close()


@pytest.mark.parametrize("way", ["abort", "delete", "drop"])
def test_the_end_of_the_socket_closes_the_device(link: Link, way: str) -> None:
    """abort(), deletion and the last reference: the device is closed, and the peer notices."""
    link.encrypt()
    link.recorder.close()
    if way == "abort":
        link.client.abort()
    elif way == "delete":
        shiboken6.delete(link.client)
    else:
        link.client = link.server
        gc.collect()
    assert not isConnected(link.below[0])
    assert shiboken6.isValid(link.below[0])
    spin(lambda: link.server.state() == State.UnconnectedState)


def test_a_device_that_cannot_finish_goes_with_its_thread(qapp: QObject) -> None:
    """Nobody would ever let go of it afterwards, and it belongs to a thread that is no more."""
    devices: list[weakref.ref[QIODevice]] = []

    def run() -> None:
        device = Unfinished()
        devices.append(weakref.ref(device))
        socket = SslSocket(transport=device)
        socket.abort()
        assert isConnected(device)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    gc.collect()
    assert [device() for device in devices] == [None]


def test_a_device_is_ended_once(piped: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although a slot of its own runs an event loop meanwhile, in which its stream still has something to do."""
    ends: list[QIODevice] = []
    below, original = piped.below[0], device_stream.abortDevice

    def abort(device: QIODevice) -> None:
        ends.append(device)
        original(device)

    def endIt() -> None:
        below.readyRead.emit()  # it is read later
        piped.client.abort()

    monkeypatch.setattr(device_stream, "abortDevice", abort)
    piped.client.readyRead.connect(endIt)
    below.aboutToClose.connect(settle)
    piped.server.write(b"data")
    spin(lambda: piped.server.state() == State.UnconnectedState)
    assert ends == [below]


def test_the_handshake_deadline_closes_the_device(overTcp: Link, clock: FakeClock) -> None:
    """A peer that says nothing costs neither the socket nor the device more than the time it has."""
    overTcp.client.setHandshakeTimeout(1000)
    overTcp.client.startClientEncryption()
    clock.advance(1)
    assert overTcp.client.state() == State.ConnectedState  # the event loop has its turn, for what may wait
    clock.advance(0.05)
    assert overTcp.client.error() == Error.SocketTimeoutError
    spin(lambda: not isConnected(overTcp.below[0]))


def test_slots_of_the_device_may_delete_the_socket(overTcp: Link) -> None:
    """The device's own signals come in the middle of our end."""
    overTcp.encrypt()
    below, client = overTcp.below[0], overTcp.client
    assert isinstance(below, QTcpSocket)
    below.disconnected.connect(lambda: shiboken6.delete(client))
    client.abort()
    assert not shiboken6.isValid(client)


def test_a_waiting_program_does_not_end_the_connection(overTcp: Link) -> None:
    """A time-out of the device's own waitForReadyRead() is an error of that call only."""
    overTcp.encrypt()
    overTcp.server.write(b"x")
    spin(lambda: overTcp.client.bytesAvailable() == 1)  # and with it the session tickets, for which nobody waits then
    assert not overTcp.below[0].waitForReadyRead(1)
    overTcp.client.write(b"alive")
    spin(lambda: overTcp.server.bytesAvailable() == 5)
    assert overTcp.recorder.count("client.errorOccurred") == 0


@pytest.mark.parametrize("ending", [False, True])
def test_a_loop_in_the_programs_own_slot_of_progress(overTcp: Link, ending: bool) -> None:
    """What the device has sent counts before its other slots run, although one signal of it comes behind them."""
    overTcp.encrypt()
    settle()
    device, client = overTcp.below[0], overTcp.client
    waited: list[bool] = []

    def slot() -> None:
        if not waited:
            waited.append(False)
            spin(lambda: client.state() == State.UnconnectedState if ending else not client.encryptedBytesToWrite())
            waited.append(True)

    device.bytesWritten.connect(slot)
    client.write(b"abc")
    if ending:
        client.disconnectFromHost()
    spin(lambda: waited == [False, True])


def test_what_the_program_wrote_to_the_device_goes_first(qapp: QObject) -> None:
    """Bytes that wait in the device are not counted as ours."""
    below = tcpPair()
    below[0].write(b"ahead\n")
    client = SslSocket(transport=below[0])
    recorder = SignalRecorder(client, ["encryptedBytesWritten"])
    client.startClientEncryption()
    spin(lambda: below[1].bytesAvailable() > 6)
    assert below[1].readLine().data() == b"ahead\n"
    settle()
    assert sum(int(count) for (count,) in recorder.of("encryptedBytesWritten")) == below[1].bytesAvailable()
    client.abort()


def test_bytes_that_wait_in_the_device_are_read(qapp: QObject) -> None:
    """What arrived before the socket was made over the device is not lost."""
    below = tcpPair()
    below[1].write(b"early")
    spin(lambda: below[0].bytesAvailable() == 5)
    client = SslSocket(transport=below[0])
    spin(lambda: client.bytesAvailable() == 5)
    assert client.readAll().data() == b"early"
    client.abort()


class Broken(PipeEnd):
    """Misbehaves in write()."""

    answer: object = 0

    def write(self, data: object) -> int:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]  # on purpose


@pytest.mark.parametrize("answer", [-1, None, 1 << 40, "x"])
def test_a_device_that_cannot_write(qapp: QObject, answer: object) -> None:
    """-1 and nonsense end the connection with an error instead of a gap in the stream."""
    device = Broken()
    device.answer = answer
    client = SslSocket(transport=device)
    recorder = SignalRecorder(client, ["errorOccurred", "disconnected"])
    client.write(b"x")
    recorder.waitFor("disconnected")
    recorder.assertExactly(["errorOccurred", "disconnected"])
    assert client.error() == Error.NetworkError


class _WriteData(QIODevice):
    def isSequential(self) -> bool:
        return True

    def writeData(self, data: object, size: int) -> int:  # type: ignore[override]  # as PySide calls it
        raise AssertionError("PySide would cut the bytes at the first NUL")


class _Nothing(QIODevice):
    def isSequential(self) -> bool:
        return True


class _Mixed(_WriteData):
    def write(self, data: object) -> int:  # type: ignore[override]  # enough for the test
        return 0


def _opened(device: QIODevice, mode: QIODevice.OpenModeFlag = ReadWrite) -> QIODevice:
    assert device.open(mode)
    return device


def _deleted() -> QIODevice:
    device = PipeEnd()
    shiboken6.delete(device)
    return device


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: "tcp", TypeError, "str"),
        (QObject, TypeError, "QObject"),
        (lambda: _opened(_WriteData()), TypeError, "_WriteData must define write"),
        (lambda: _opened(_Nothing()), TypeError, "_Nothing must define write"),
        (QTcpSocket, SecureError, "not open"),
        (lambda: _opened(QTcpSocket()), SecureError, "not connected"),
        (QLocalSocket, SecureError, "not open"),
        (QProcess, SecureError, "not open"),
        (lambda: _opened(QBuffer()), SecureError, "no stream"),
        (lambda: _opened(_Mixed(), QIODevice.OpenModeFlag.ReadOnly), SecureError, "reading and writing"),
        (_deleted, SecureError, "deleted"),
        (SslSocket, SecureError, "not open"),
    ],
)
def test_devices_that_are_refused(qapp: QObject, make: Callable[[], object], kind: type[Exception], text: str) -> None:
    """A device that cannot carry TLS raises at once, and leaves no child behind."""
    parent, device = QObject(), make()
    with pytest.raises(kind, match=text) as caught:
        SslSocket(parent, transport=device)  # type: ignore[arg-type]  # on purpose
    if isinstance(caught.value, SecureError):
        assert caught.value.code is SecureError.Code.InvalidArgument
    assert parent.children() == []


def test_datagrams_are_refused(qapp: QObject) -> None:
    """A connected UDP socket is open, but no stream."""
    udp = QUdpSocket()
    udp.connectToHost("127.0.0.1", 9)
    spin(lambda: udp.state() == State.ConnectedState)
    with pytest.raises(SecureError, match="datagrams"):
        SslSocket(transport=udp)


def test_a_device_of_another_thread_is_refused(qapp: QObject) -> None:
    """Both belong to one event loop."""
    thread, device = QThread(), PipeEnd()
    device.moveToThread(thread)
    with pytest.raises(SecureError, match="another thread"):
        SslSocket(transport=device)


def test_a_python_subclass_of_a_socket_is_fine(qapp: QObject) -> None:
    """Its write() is C++ all the way down; and a Python write() saves a class with writeData()."""

    class Socket(QTcpSocket):
        pass

    with pytest.raises(SecureError, match="not open"):
        SslSocket(transport=Socket())
    SslSocket(transport=_opened(_Mixed())).abort()


_RELAY = """
import os, select, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    ready, _, _ = select.select([0, peer], [], [])
    for source in ready:
        data = os.read(0, 65536) if source == 0 else peer.recv(65536)
        if not data:
            sys.exit()
        if source == 0:
            peer.sendall(data)
        else:
            view = memoryview(data)
            while view:
                view = view[os.write(1, view):]
"""


def test_a_process_as_device(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """TLS over the standard input and output of a program, such as ssh."""
    with PythonTlsServer(qtsecure_pki.server, echo=True) as server:
        process = QProcess()
        process.start(sys.executable, ["-c", _RELAY, str(server.port)])
        assert process.waitForStarted()
        client = SslSocket(transport=process)
        client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        client.setPeerVerifyName("localhost")
        client.startClientEncryption()
        client.write(BIG)
        received = bytearray()

        def complete() -> bool:
            received.extend(client.readBytes())
            return len(received) == len(BIG)

        spin(complete, timeout=20_000)
        assert received == BIG
        client.disconnectFromHost()
        spin(lambda: client.state() == State.UnconnectedState)
        spin(lambda: process.state() == QProcess.ProcessState.NotRunning)  # its input was closed
        assert process.exitStatus() == QProcess.ExitStatus.NormalExit
        assert server.waitForEnding().ending == "closeNotify"


def test_a_device_as_child_of_its_socket(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Both go together."""
    link = Link(qtsecure_pki, tcpPair())
    link.encrypt()
    device = link.below[0]
    device.setParent(link.client)
    link.recorder.close()
    shiboken6.delete(link.client)
    assert not shiboken6.isValid(device)
    spin(lambda: link.server.state() == State.UnconnectedState)
    link.close()


def test_leaving_the_device_is_refused(piped: Link) -> None:
    """A socket over a tunnel never connects by another way, also when the tunnel has ended."""
    piped.client.abort()
    for call in (
        lambda: piped.client.connectToHost("127.0.0.1", 9),
        lambda: piped.client.connectToHostEncrypted("127.0.0.1", 9),
        lambda: piped.client.setSocketDescriptor(0),
    ):
        with pytest.raises(SecureError, match="another SslSocket") as caught:
            call()
        assert caught.value.code is SecureError.Code.NotSupported


def test_tls_in_tls_needs_no_encrypted_outer_yet(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The inner hello waits until the outer handshake is complete."""
    below = tcpPair()
    outer = overPair(qtsecure_pki, below)
    inner = overPair(qtsecure_pki, outer)
    for client in (outer[0], inner[0]):
        client.startClientEncryption()
    for server in (outer[1], inner[1]):
        server.startServerEncryption()
    spin(lambda: all(socket.isEncrypted() for socket in (*outer, *inner)))
    inner[0].write(b"twice")
    spin(lambda: inner[1].bytesAvailable() == 5)
    inner[0].disconnectFromHost()
    spin(lambda: all(socket.state() == State.UnconnectedState for socket in (*outer, *inner)))


def test_a_failing_outer_connection_fails_the_inner(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The error below is told above."""
    outer = tlsPair(qtsecure_pki)
    inner = overPair(qtsecure_pki, outer)
    recorder = SignalRecorder(inner[0], ["errorOccurred", "disconnected"])
    inner[0].startClientEncryption()
    outer[1].abort()
    recorder.waitFor("disconnected")
    recorder.assertExactly(["errorOccurred", "disconnected"])
    inner[1].abort()
