"""R2 with DTLS: whatever a slot does, nothing crashes, hangs, or gets past the guard of the engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import DtlsPeer, DtlsServer
from tests.figures import Figure
from tests.reliability.cell_run import signalsOf
from tests.reliability.dtls_reentrancy_worker import ACTIONS, SIGNALS, Cell, allCells
from tests.reliability.fork_server import judge, run

_WORKER = "tests.reliability.dtls_reentrancy_worker"
_QUICK = 60
"""Cells for each transport."""

pytestmark = [pytest.mark.figure("R2"), pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


def test_matrix_is_large_enough() -> None:
    """At least 360 cells, at least 12 actions, every owner."""
    cells = allCells()
    assert len(cells) == len(set(cells)) >= 360
    assert len(ACTIONS) >= 12
    assert {cell.owner for cell in cells} == {"client", "accepted", "server"}


@pytest.mark.parametrize("kind", [DtlsPeer, DtlsServer])
def test_no_signal_is_missing(qapp: QCoreApplication, kind: type[QObject]) -> None:
    """What a class can emit is in the matrix, also what it has learned since."""
    owners = ("client", "accepted") if kind is DtlsPeer else ("server",)
    assert {signal for owner in owners for signal in SIGNALS[owner]} == signalsOf(kind)


@pytest.mark.timeout(900)
def test_r02_dtls_matrix(tmp_path: Path, figure: Figure, transport_mode: str) -> None:
    """Every signal of every object with every action; in the suite, and over Qt's sockets, a part of them."""
    cells = allCells()
    # The dangerous ones are a third of each sample, if there are so many: OpenSSL is on the stack.
    inside = [cell for cell in cells if cell.insideEngine]
    rest = [cell for cell in cells if cell not in set(inside)]
    count = figure.size(_QUICK, len(cells) // 3)
    sample = figure.chance.sample(inside, min(count // 3, len(inside)))
    sample += figure.chance.sample(rest, count - len(sample))
    chosen = figure.size(sample, cells if transport_mode == "reactor" else sample)
    judge(run(_WORKER, chosen, tmp_path), figure, f"DTLS, {transport_mode}")


def test_the_worker_notices_faults(tmp_path: Path) -> None:
    """A cell whose signal cannot come is a fault, so silence is no success."""
    (missing,) = run(_WORKER, [Cell("accepted", "retransmissionTimeout", "write")], tmp_path)
    assert missing[1] == ["the signal did not come"]
