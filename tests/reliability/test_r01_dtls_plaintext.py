"""R1 with DTLS: not one byte of the application is on the wire in plain text, whatever a slot does, and when."""

from __future__ import annotations

import socket
import sys

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication

from qtsecure import DtlsPeer
from tests.figures import Figure
from tests.reliability.dtls_reentrancy_worker import CANARY, SIGNALS, Cell, Run
from tests.reliability.wiretap import DatagramTap

pytestmark = pytest.mark.figure("R1")

ACTIONS = ("write", "close")
_ENOUGH = 3
"""The other end returns what it gets, which is a signal again."""
_BEFORE = ("newConnection", "preSharedKeyAuthenticationRequired", "handshakeInterruptedOnError", "sslErrors")


class TappedRun(Run):
    """Writes the canary at every emission of the signal, and then perhaps closes."""

    def route(self) -> int:
        self.tap = DatagramTap(self.port)
        self.tap.__enter__()
        return self.tap.port

    def _slot(self, *arguments: object) -> None:
        self.acted = True
        subject = self.client if self.cell.owner == "client" else self.accepted
        for peer in (subject, *(each for each in arguments if isinstance(each, DtlsPeer))):
            if peer is not None and shiboken6.isValid(peer) and self.written < _ENOUGH:
                self.write(peer)
                if self.cell.action == "close":
                    peer.close()

    def wire(self) -> bytes:
        """What the tap has seen in the whole run."""
        faults = self.run()
        assert not faults, f"{'/'.join(self.cell)}: {faults}"
        if not hasattr(self, "tap"):
            return b""  # the client has talked to nobody
        self.tap.__exit__()
        return bytes(self.tap.recorded)


@pytest.mark.parametrize("owner", list(SIGNALS))
def test_r01_no_canary_on_the_wire(
    qapp: QCoreApplication, figure: Figure, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """Every signal of one kind of object x every action (in the sample one of them): the tap never sees the canary."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back what the runs replace
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    seen = cells = written = 0
    for number, signal in enumerate(SIGNALS[owner]):
        for action in figure.size(ACTIONS[number % 2 :][:1], ACTIONS):
            run = TappedRun(Cell(owner, signal, action))
            seen += run.wire().count(CANARY)
            written += run.written
            cells += 1
            assert not (run.written and signal in _BEFORE), f"{signal}: written before the end of the handshake"
    figure.none("plain text on the wire", seen, cells, f"{owner}, DTLS")
    assert written > 0


def test_the_tap_sees_plain_text() -> None:
    """A datagram without DTLS is found, so the tap works."""
    datagrams = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*datagrams) as target, socket.socket(*datagrams) as source:
        target.bind(("127.0.0.1", 0))
        target.settimeout(5)
        with DatagramTap(target.getsockname()[1]) as tap:
            source.sendto(CANARY, ("127.0.0.1", tap.port))
            assert target.recv(100) == CANARY
        assert tap.recorded.count(CANARY) == 1
