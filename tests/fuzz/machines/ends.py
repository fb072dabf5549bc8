"""One SslSocket of a machine: what it has told, sent and got, and what slots do to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.errors import SecureError
from qtsecure.net.ssl_socket import SslSocket
from tests.fuzz.machines.participant import COMMON_ACTIONS, Participant
from tests.fuzz.machines.wires import BLOCK, block

if TYPE_CHECKING:
    from tests.fuzz.machines.tls import TlsMachine

__all__ = ["ACTIONS", "SIGNALS", "End"]

State = QAbstractSocket.SocketState
_TIMED_OUT = QAbstractSocket.SocketError.SocketTimeoutError

SIGNALS = (
    "connected",
    "stateChanged",
    "modeChanged",
    "encrypted",
    "readyRead",
    "bytesWritten",
    "encryptedBytesWritten",
    "peerVerifyError",
    "sslErrors",
    "acceptCertificate",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "readChannelFinished",
    "aboutToClose",
    "disconnected",
    "handshakeMessage",
    "newSessionTicketReceived",
)


class End(Participant):
    """One SslSocket.

    Attributes:
        key: Of this attempt, is in every block that it sends.
        sent: How many bytes it has taken.
        got: What it has received.
        counts: How often it has emitted which signal, in this attempt.
        peerPort: On an accepted one, where the connection comes from.
        isStarted: Whether there has been an attempt.
        isProgramEnded: Whether the program has ended or deleted it in this attempt.
        saidGoodbye: Whether it was ended so that everything still goes out.
    """

    def __init__(self, machine: TlsMachine, socket: SslSocket, role: str) -> None:
        super().__init__(machine, socket, role)
        self.machine: TlsMachine = machine
        self._attempts = self._connections = self._disconnections = 0
        self._expectedKey, self._expected = 0, bytearray()
        self.peerPort = socket.peerPort()
        # A client that resets its connection in the kernel's queue never becomes one of the server's.
        self.isStarted = role == "accepted" and socket.state() is not State.UnconnectedState
        self.begin()
        for name in ("connected", "encrypted", "disconnected"):
            getattr(socket, name).connect(getattr(self, f"_{name}"))
        socket.errorOccurred.connect(self._errorOccurred)
        socket.readyRead.connect(self._readyRead)

    def begin(self) -> None:
        """A new attempt."""
        self._attempts += 1
        self.key = self.machine.newKey(self)
        self.number = self.sent = 0
        self.got = bytearray()
        self.counts: Counter[str] = Counter()
        self.isProgramEnded = False
        self.saidGoodbye = False
        self.mayDrop = False
        self.port = 0
        self.reads = True

    # -------------------------------------------------------------------------- signals

    def _connected(self) -> None:
        self.counts["connected"] += 1
        self._connections += 1
        self.port = self.socket.localPort()

    def _encrypted(self) -> None:
        self.counts["encrypted"] += 1
        if not self.socket.isEncrypted():
            self.machine.world.faults.append("encrypted() of a socket that is not")

    def _disconnected(self) -> None:
        # Not of this attempt, if a slot of readChannelFinished has begun it: as in Qt, it is told all the same.
        self._disconnections += 1

    def _errorOccurred(self, error: QAbstractSocket.SocketError) -> None:
        if not (self.isWaiting and error is _TIMED_OUT):
            self.counts["errorOccurred"] += 1
        if not self.socket.errorString() or self.socket.error() != error:
            self.machine.world.faults.append(f"errorOccurred({error.name}) without a sentence, or with another error")

    def _readyRead(self) -> None:
        if self.reads:
            self.read()

    # ----------------------------------------------------------------------------- data

    def write(self, blocks: int) -> None:
        """Write so many numbered blocks."""
        socket = self.socket
        if not self.isAlive or not socket.isOpen() or not socket.isWritable():
            return
        data = b"".join(block(self.key, self.number + each) for each in range(blocks))
        key = self.key
        taken = socket.write(data)
        assert taken in (-1, len(data)), f"write() has taken {taken} bytes of {len(data)}"
        if taken > 0 and key == self.key:
            self.number += blocks
            self.sent += taken

    def read(self) -> None:
        """Take everything."""
        if self.isAlive and self.socket.isOpen():
            self.got += bytes(self.socket.readAll().data())
            self.checkData()

    def checkData(self) -> None:
        """What came was sent by the other end, from its first byte on."""
        got = bytes(self.got)
        if len(got) < BLOCK:
            return
        key = self.partnerKey()
        if not self._blocksOf(key, len(got)).startswith(got):
            self.machine.world.faults.append(f"{self.role} got what nobody sent: {got[:64]!r}")
        elif not self.machine.isPartner(self, key, len(got)):
            self.machine.world.faults.append(f"{self.role} got what another one sent, or more than was sent")

    def _blocksOf(self, key: int, size: int) -> bytearray:
        """What the end with this key sends, at least so many bytes of it."""
        if key != self._expectedKey:
            self._expectedKey, self._expected = key, bytearray()
        while len(self._expected) < size:  # only what is new: much of it comes in small pieces
            self._expected += block(key, len(self._expected) // BLOCK)
        return self._expected

    def partnerKey(self) -> int:
        """The key in what came; 0, which nobody has, if there is none."""
        digits = bytes(self.got[6:10])
        return int(digits, 16) if re.fullmatch(rb"[0-9a-f]{4}", digits) else 0

    # --------------------------------------------------------------------------- invariants

    def check(self) -> None:
        """What holds at every time."""
        counts = self.counts
        assert self._disconnections <= self._attempts
        for name in ("connected", "encrypted", "errorOccurred", "server.errorOccurred"):
            assert counts[name] <= 1, f"{name} came {counts[name]} times to {self.role}: {counts}"
        if not self.isAlive:
            return
        socket = self.socket
        state = socket.state()
        if socket.isEncrypted():
            assert state in (State.ConnectedState, State.ClosingState), state
        if state is State.UnconnectedState:
            assert socket.bytesToWrite() == socket.encryptedBytesToWrite() == 0

    def checkFinal(self) -> None:
        """What holds after every deadline has passed."""
        counts = self.counts
        if self.role == "accepted" and self.isStarted and not self.isProgramEnded:  # perhaps deleted by the server
            assert counts["encrypted"] or counts["server.errorOccurred"], f"the server has told no end: {counts}"
        if not self.isAlive:
            return
        state = self.socket.state()
        assert state in (State.UnconnectedState, State.ConnectedState), f"{self.role} is stuck in {state.name}"
        if state is State.ConnectedState:
            assert self.socket.isEncrypted(), f"{self.role} is stuck in its handshake: {counts}"
        if self.isStarted and not self.isProgramEnded:
            assert counts["encrypted"] or counts["errorOccurred"], f"no final signal: {counts}"
        if state is State.UnconnectedState:
            assert self._disconnections >= self._connections, (
                f"{self.role} has not said that it is unconnected: {counts}"
            )

    isWaiting = False

    # --------------------------------------------------------------------------- actions

    def connectTo(self, port: int) -> None:
        if self.isAlive and self.socket.state() is State.UnconnectedState:
            self.begin()
            self.isStarted = True
            self.socket.connectToHostEncrypted("127.0.0.1", port, sslPeerName="localhost")

    def act(self, action: str) -> None:
        self.attempt(ACTIONS[action], SecureError.Code.Pending)  # while OpenSSL is on the stack

    def ending(self, *, goodbye: bool = False) -> None:
        """The program ends it now."""
        if self.isAlive and self.socket.state() is not State.UnconnectedState:
            self.isProgramEnded = True
            self.saidGoodbye = goodbye and not self.mayDrop
            self.mayDrop = True

    def dropping(self) -> None:
        self.ending()
        self.saidGoodbye = False


def _close(end: End) -> None:
    end.ending(goodbye=True)
    end.socket.close()


def _disconnect(end: End) -> None:
    end.ending(goodbye=True)
    end.socket.disconnectFromHost()


def _shutdownWrite(end: End) -> None:
    end.socket.shutdownWrite()


def _limitReading(end: End) -> None:
    end.socket.setReadBufferSize(100)
    end.reads = False


def _stopReading(end: End) -> None:
    end.reads = False


def _readAgain(end: End) -> None:
    end.socket.setReadBufferSize(0)
    end.reads = True
    end.read()


def _shortHandshake(end: End) -> None:
    end.socket.setHandshakeTimeout(300)


def _transaction(end: End) -> None:
    if end.socket.isOpen() and end.socket.openMode() & QIODevice.OpenModeFlag.ReadOnly:
        end.socket.startTransaction()
        end.socket.peek(20)
        end.socket.rollbackTransaction()


def _wait(end: End) -> None:
    end.isWaiting = True  # a wait that takes too long is told in errorOccurred, as in Qt
    try:
        end.socket.waitForReadyRead(1)
    finally:
        end.isWaiting = False


ACTIONS: dict[str, Callable[[End], object]] = {
    **COMMON_ACTIONS,
    "close": _close,
    "disconnectFromHost": _disconnect,
    "shutdownWrite": _shutdownWrite,
    "write": lambda end: end.write(3),
    "writeMuch": lambda end: end.write(5000),
    "flush": lambda end: end.socket.flush(),
    "read": End.read,
    "limitReading": _limitReading,
    "stopReading": _stopReading,
    "readAgain": _readAgain,
    "transaction": _transaction,
    "continueInterruptedHandshake": lambda end: end.socket.continueInterruptedHandshake(),
    "shortHandshake": _shortHandshake,
    "wait": _wait,
}
