"""What the tests of the network layer share: a server, a client, and a story of their signals."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.event_loop.turn import Turn
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder

State = QAbstractSocket.SocketState
Error = QAbstractSocket.SocketError
VerifyMode = QSslSocket.PeerVerifyMode
PROTOCOLS = {"1.2": Protocol.TlsV1_2, "1.3": Protocol.TlsV1_3}

# Connecting to preSharedKeyAuthenticationRequired is what turns pre-shared keys on, so it is left out.
SOCKET_SIGNALS = (
    "connected",
    "disconnected",
    "errorOccurred",
    "hostFound",
    "stateChanged",
    "encrypted",
    "modeChanged",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "encryptedBytesWritten",
    "acceptCertificate",
    "readyRead",
    "bytesWritten",
    "aboutToClose",
    "readChannelFinished",
)
SERVER_SIGNALS = (
    "newConnection",
    "pendingConnectionAvailable",
    "acceptError",
    "startedEncryptionHandshake",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "acceptCertificate",
)
BYTE_COUNTS = ("encryptedBytesWritten", "bytesWritten")


_TICK_MS = 10
_Result = TypeVar("_Result")


def takeARest(turn: Turn) -> bool:
    """Instead of Turn.hasTime(): the thread is always busy."""
    if not turn.isOver():
        turn.rest()
    return False


def spin(condition: Callable[[], bool], timeout: int = 20_000) -> None:
    """Run the event loop until the condition holds; fail after the time-out (ms).

    What another thread or the kernel makes true is no event of this thread, so it is also looked at from time to time.
    """
    loop = QEventLoop()
    expired, tick = QTimer(), QTimer()
    expired.setSingleShot(True)
    expired.timeout.connect(loop.quit)
    expired.start(timeout)
    tick.start(_TICK_MS)
    try:
        while not condition():
            assert expired.isActive(), f"The condition did not hold within {timeout} ms."
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    finally:
        # An exception may keep this frame. Where the garbage is collected in another thread, a timer that still runs
        # leaves the event dispatcher with a dangling pointer.
        expired.stop()
        tick.stop()


def assertNoneLeft(before: set[tuple[str, str]], kind: str = "") -> None:
    """Wait until no descriptor of a kind is open that was not open before.

    The kind is ``socket:`` where Qt looks a name up: its resolver's threads have an eventfd each, for half a minute.
    """

    def left() -> list[tuple[str, str]]:
        return [each for each in openDescriptors() - before if kind in each[1]]

    try:
        spin(lambda: left() == [])
    except AssertionError:
        raise AssertionError(f"Left open: {left()}") from None


def settle() -> None:
    """Run the event loop until nothing is left to do at once."""
    scheduler = schedulerOfThisThread()
    for _ in range(5):
        QCoreApplication.processEvents()
        while scheduler.turn.isOver() or scheduler.tasks:  # on a slow machine a turn is over at any time
            QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def inAnotherThread(work: Callable[[], _Result]) -> _Result:
    """Do something to its end while this thread has no event loop; what came of it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def openDescriptors() -> set[tuple[str, str]]:
    """The descriptors that this process has open, and what each of them is.

    What earlier tests have left may go meanwhile, so compare with ``<=``: nothing is open that was not before.
    """
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of listdir() itself
            found.add((name, os.readlink(f"/proc/self/fd/{name}")))
    return found


def deleteEverything() -> None:
    """Let deferred deletions and the garbage collector do their work."""
    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()


def story(recorder: SignalRecorder, prefix: str, *, leaveOut: Iterable[str] = BYTE_COUNTS) -> list[str]:
    """The signals of one object in order: name and the names of the enum values."""
    lines = []
    skipped = set(leaveOut)
    for record in recorder.records():
        owner, _, name = record.name.partition(".")
        if owner == prefix and name not in skipped:
            values = [str(value.name) for value in record.args if hasattr(value, "name")]
            lines.append(" ".join([name, *values]))
    return lines


class Exchange:
    """What the conversations of TLS and DTLS have in common: who shows which certificate, and the record.

    Args:
        pki: The authority of the tests.
    """

    server: SslServer | DtlsServer
    client: SslSocket | DtlsPeer

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self.pki = pki
        self.recorder = SignalRecorder()
        self.serverConfiguration = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
        self.clientConfiguration = SslConfiguration.forClient([pki.ca.certificate])

    def showServer(self, identity: IssuedCertificate) -> None:
        """Let the server show another certificate."""
        protocol = self.serverConfiguration.protocol()
        self.serverConfiguration = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
        self.serverConfiguration.setProtocol(protocol)

    def showClient(self, identity: IssuedCertificate) -> None:
        """Let the client show a certificate."""
        self.clientConfiguration.setLocalCertificateChain(list(identity.chain))
        self.clientConfiguration.setPrivateKey(identity.privateKey)

    def demandClientCertificate(self) -> None:
        """Let the server verify the client's certificate, as issued by the authority of the tests."""
        self.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
        self.serverConfiguration.setCaCertificates([self.pki.ca.certificate])

    def close(self) -> None:
        self.recorder.close()
        for obj in (self.server, self.client):
            if isValid(obj):
                obj.close()
                obj.deleteLater()
        settle()


class Conversation(Exchange):
    """A server on the loopback interface, a client, and the server's end of the connection.

    Every signal is recorded, with the prefixes ``server``, ``accepted`` (the server's socket, from
    the first moment) and ``client``.
    """

    server: SslServer
    client: SslSocket

    def __init__(self, pki: PublicKeyInfrastructure, *, protocol: Protocol = Protocol.TlsV1_2OrLater) -> None:
        super().__init__(pki)
        self.serverConfiguration.setProtocol(protocol)
        self.clientConfiguration.setProtocol(protocol)
        self.accepted: list[SslSocket] = []
        self.server = _WatchedServer(self)
        self.recorder.watch(self.server, SERVER_SIGNALS, prefix="server")
        self.client = SslSocket()
        self.recorder.watch(self.client, SOCKET_SIGNALS, prefix="client")
        self.peer: SslSocket = self.client  # until there is one

    def listen(self) -> None:
        self.server.setSslConfiguration(self.serverConfiguration)
        assert self.server.listen("127.0.0.1", 0), self.server.errorString()

    def connect(self, host: str = "127.0.0.1") -> None:
        """Listen and let the client begin."""
        if not self.server.isListening():
            self.listen()
        self.client.setSslConfiguration(self.clientConfiguration)
        self.client.connectToHostEncrypted(host, self.server.serverPort())

    def establish(self, host: str = "127.0.0.1") -> SslSocket:
        """Connect, wait until both ends are encrypted, and return the server's end."""
        self.connect(host)
        spin(lambda: self.client.isEncrypted() and self.server.hasPendingConnections())
        peer = self.server.nextPendingConnection()
        assert peer is not None
        self.peer = peer
        return peer

    def waitForClientEnd(self) -> None:
        spin(lambda: self.client.state() == State.UnconnectedState)

    def waitForServerEnd(self) -> None:
        """Wait until the last accepted socket is deleted or unconnected."""
        spin(
            lambda: (
                bool(self.accepted)
                and (not isValid(self.accepted[-1]) or self.accepted[-1].state() == State.UnconnectedState)
            )
        )

    def story(self, prefix: str) -> list[str]:
        return story(self.recorder, prefix)


class _WatchedServer(SslServer):
    """Records the signals of its sockets from before the first byte."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._signalRecorder = conversation.recorder
        self._acceptedSockets = conversation.accepted

    def incomingConnection(self, socketDescriptor: int) -> None:
        known = set(self.findChildren(SslSocket))
        super().incomingConnection(socketDescriptor)
        for socket in self.findChildren(SslSocket):
            if socket not in known:
                self._signalRecorder.watch(socket, SOCKET_SIGNALS, prefix="accepted")
                self._acceptedSockets.append(socket)


class FakeClock:
    """A clock for the thread's scheduler that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()  # what the other tests left waiting keeps its place
        self._scheduler = schedulerOfThisThread()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds + 1e-9  # several steps must not round to less than their sum
        self._scheduler.fireDue()


@contextlib.contextmanager
def fakeClock() -> Iterator[FakeClock]:
    """Replace the clock of this thread's scheduler."""
    scheduler = schedulerOfThisThread()
    real = scheduler.clock
    scheduler.clock = fake = FakeClock()
    try:
        yield fake
    finally:
        scheduler.clock = real
        scheduler.fireDue()  # sets the timer anew, by the real clock
