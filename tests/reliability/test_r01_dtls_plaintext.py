"""R1 with DTLS: not one byte of the application is on the wire in plain text, whatever a slot does, and when."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.figures import Figure
from tests.reliability.dtls_reentrancy_worker import CANARY, SIGNALS, Cell
from tests.reliability.fork_server import run
from tests.reliability.wiretap import DatagramTap

pytestmark = pytest.mark.figure("R1")

ACTIONS = ("write", "close")
_WORKER = "tests.reliability.dtls_plaintext_worker"
_BEFORE = ("newConnection", "preSharedKeyAuthenticationRequired", "handshakeInterruptedOnError", "sslErrors")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.timeout(300)
def test_r01_no_canary_on_the_wire(figure: Figure, tmp_path: Path) -> None:
    """Every signal of every object x every action (in the suite one of them): the tap never sees the canary."""
    cells = [
        Cell(owner, signal, action)
        for owner, signals in SIGNALS.items()
        for number, signal in enumerate(signals)
        for action in figure.size(ACTIONS[number % 2 :][:1], ACTIONS)
    ]
    outcomes = run(_WORKER, cells, tmp_path)
    wrong = [outcome for outcome in outcomes if not isinstance(outcome[1], dict) or outcome[1]["faults"]]
    assert wrong == []
    for owner in SIGNALS:
        own = [(cell, told) for cell, told in outcomes if cell[0] == owner]
        figure.none("plain text on the wire", sum(told["seen"] for _, told in own), len(own), f"{owner}, DTLS")
        assert sum(told["written"] for _, told in own) > 0
    early = [cell for cell, told in outcomes if told["written"] and cell[1] in _BEFORE]
    assert early == [], "written before the end of the handshake"


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
