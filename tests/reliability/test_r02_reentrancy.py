"""R2: whatever a slot does, nothing crashes, hangs, or gets past the guard of the engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import SslServer, SslSocket
from tests.figures import Figure
from tests.reliability.cell_run import signalsOf
from tests.reliability.fork_server import judge, run
from tests.reliability.reentrancy_worker import NOT_HERE, SIGNALS, Cell, allCells

_WORKER = "tests.reliability.reentrancy_worker"
_QUICK = 100
"""Cells for each transport."""

pytestmark = [pytest.mark.figure("R2"), pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


def test_matrix_is_large_enough() -> None:
    """At least 360 cells, at least 12 actions, both versions, every owner."""
    cells = allCells()
    assert len(cells) == len(set(cells)) >= 360
    assert len({cell.action for cell in cells}) >= 12
    assert {cell.version for cell in cells} == {"1.2", "1.3"}


@pytest.mark.parametrize("kind", [SslSocket, SslServer])
def test_no_signal_is_missing(qapp: QCoreApplication, kind: type[QObject]) -> None:
    """What a class can emit is in the matrix, also what it has learned since."""
    owners = ("client", "accepted") if kind is SslSocket else ("server",)
    listed = {signal for owner in owners for signal in SIGNALS[owner]}
    assert listed == signalsOf(kind) - NOT_HERE


@pytest.mark.timeout(900)
def test_r02_matrix(tmp_path: Path, figure: Figure, transport_mode: str) -> None:
    """Every signal of every object with every action; in the suite, and over Qt's sockets, a part of them."""
    cells = allCells()
    # The dangerous ones are a half of each sample: OpenSSL is on the stack.
    inside = [cell for cell in cells if cell.insideEngine and cell.owner != "server"]
    rest = [cell for cell in cells if cell not in set(inside)]
    count = figure.size(_QUICK, len(cells) // 3)
    sample = figure.chance.sample(inside, min(count // 2, len(inside)))
    sample += figure.chance.sample(rest, count - len(sample))
    chosen = figure.size(sample, cells if transport_mode == "reactor" else sample)
    judge(run(_WORKER, chosen, tmp_path), figure, f"TLS, {transport_mode}")


def test_the_worker_notices_faults(tmp_path: Path) -> None:
    """A cell whose signal cannot come is a fault, so silence is no success."""
    good = Cell("client", "hostFound", "no such action", "1.3")
    missing = Cell("accepted", "connected", "write", "1.3")
    told = {Cell(*cell): texts for cell, texts in run(_WORKER, [good, missing], tmp_path)}
    assert told == {good: [], missing: ["the signal did not come"]}
