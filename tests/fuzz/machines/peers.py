"""One DtlsPeer of a machine: what it has told, sent and got, and what slots do to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from tests.fuzz.machines.participant import COMMON_ACTIONS, Participant
from tests.fuzz.machines.wires import BLOCK, block

if TYPE_CHECKING:
    from tests.fuzz.machines.dtls import DtlsMachine

__all__ = ["ACTIONS", "SIGNALS", "Peer"]

Status = DtlsPeer.Status
_Code = SecureError.Code
SIGNALS = (
    "encrypted",
    "statusChanged",
    "readyRead",
    "closed",
    "disconnected",
    "errorOccurred",
    "retransmissionTimeout",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "acceptCertificate",
    "handshakeMessage",
    "peerCertificateChanged",
)
# What needs an association, or that there is none.
_REFUSALS = (_Code.Pending, _Code.WouldBlock, _Code.Closed)


class Peer(Participant):
    """One DtlsPeer.

    Attributes:
        key: Of this association, is in every message that it sends.
        number: How many it has sent.
        counts: How often it has emitted which signal.
        seen: What has come.
        isProgramEnded: Whether the program has ended or deleted it.
        isStarted: Whether it is a client that has begun.
    """

    def __init__(self, machine: DtlsMachine, peer: DtlsPeer, role: str) -> None:
        super().__init__(machine, peer, role)
        self.machine: DtlsMachine = machine
        self.key = self.number = 0
        self.begin()
        for name in ("encrypted", "disconnected", "closed", "errorOccurred"):
            getattr(peer, name).connect(_Counter(self, name).count)
        peer.readyRead.connect(self.read)

    def begin(self) -> None:
        self.key = self.machine.newKey(self)
        self.number = 0
        self.counts: Counter[str] = Counter()
        self.seen: set[bytes] = set()
        self.isProgramEnded = False
        self.isStarted = False

    def connectTo(self, port: int) -> None:
        if self.isAlive and self.socket.status() not in (Status.Handshaking, Status.Connected):
            self.begin()
            try:
                self.socket.connectToHost("127.0.0.1", port, "localhost")
            except SecureError as error:
                assert error.code is _Code.Pending
                return
            self.isStarted = True

    def write(self, count: int) -> None:
        for _ in range(count):
            if self.isAlive and self.socket.isEncrypted():
                key, number = self.key, self.number
                self.number += 1
                self.socket.writeDatagram(block(key, number))

    def read(self) -> None:
        while self.isAlive and self.socket.hasPendingDatagrams():
            message = self.socket.readDatagram()
            faults = self.machine.world.faults
            if len(message) != BLOCK or not message.startswith(b"S3CRET"):
                faults.append(f"{self.role} got what nobody sent: {message!r}")
            elif message in self.seen:
                faults.append(f"{self.role} got the same message twice")
            elif not self.machine.hasSent(message, self):
                faults.append(f"{self.role} got what its partner has not sent")
            self.seen.add(message)

    def dropping(self) -> None:
        if self.isAlive and self.socket.status() is not Status.Disconnected:
            self.isProgramEnded = True

    def act(self, action: str) -> None:
        self.attempt(ACTIONS[action], *_REFUSALS)

    def check(self) -> None:
        for name, count in self.counts.items():
            assert count <= 1, f"{name} came {count} times to the {self.role}: {self.counts}"
        if self.isAlive and self.socket.isEncrypted():
            assert self.socket.status() is Status.Connected

    def checkFinal(self) -> None:
        if self.role == "accepted" and not self.isProgramEnded:  # perhaps deleted by the server
            assert self.counts["encrypted"] or self.counts["errorOccurred"], f"no final signal: {self.counts}"
        if not self.isAlive:
            return
        status = self.socket.status()
        assert status is not Status.Handshaking, f"the {self.role} is stuck in its handshake"
        if self.role == "client" and self.isStarted and not self.isProgramEnded:
            assert self.counts["encrypted"] or self.counts["errorOccurred"], f"no final signal: {status} {self.counts}"
        if status is not Status.Connected and self.counts["encrypted"]:
            assert self.counts["disconnected"], f"the {self.role} is over and has not said so: {status} {self.counts}"


class _Counter:
    def __init__(self, end: Peer, name: str) -> None:
        self._end = end
        self._name = name
        end.machine.keep.append(self)

    def count(self, *arguments: object) -> None:
        self._end.counts[self._name] += 1


def _close(end: Peer) -> None:
    end.dropping()
    end.socket.close()


def _disconnect(end: Peer) -> None:
    end.dropping()
    end.socket.disconnectFromPeer()


ACTIONS: dict[str, Callable[[Peer], object]] = {
    **COMMON_ACTIONS,
    "close": _close,
    "disconnectFromPeer": _disconnect,
    "write": lambda end: end.write(2),
    "read": Peer.read,
    "setMtu": lambda end: end.socket.setMtu(300),
    "shortHandshake": lambda end: end.socket.setHandshakeTimeout(700),
    "shortIdle": lambda end: end.socket.setIdleTimeout(900),
}
