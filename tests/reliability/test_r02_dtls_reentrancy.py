"""R2 with DTLS: whatever a slot does, nothing crashes, hangs, or gets past the guard of the engine."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.dtls_reentrancy_worker import ACTIONS, Cell, allCells
from tests.reliability.fork_server import judge, run

_WORKER = "tests.reliability.dtls_reentrancy_worker"
_QUICK = 100
"""Cells for each transport."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_matrix_is_large_enough() -> None:
    """At least 360 cells, at least 12 actions, every owner."""
    cells = allCells()
    assert len(cells) == len(set(cells)) >= 360
    assert len(ACTIONS) >= 12
    assert {cell.owner for cell in cells} == {"client", "accepted", "server"}


def test_r02_dtls_sample(tmp_path: Path, figure: Callable[[str, str], None], transport_mode: str) -> None:
    """Every signal of every object, each with a changing part of the actions."""
    cells = allCells()
    inside = [cell for cell in cells if cell.insideEngine]
    rest = [cell for cell in cells if not cell.insideEngine]
    chooser = random.Random(f"2 DTLS {transport_mode}")
    sample = chooser.sample(inside, _QUICK // 3) + chooser.sample(rest, _QUICK - _QUICK // 3)
    judge(run(_WORKER, sample, tmp_path, 200), figure, f"DTLS, sample, {transport_mode}")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_r02_dtls_everything(tmp_path: Path, figure: Callable[[str, str], None], transport_mode: str) -> None:
    """The whole matrix."""
    judge(run(_WORKER, allCells(), tmp_path, 1700), figure, f"DTLS, whole matrix, {transport_mode}")


def test_the_worker_notices_faults(tmp_path: Path) -> None:
    """A cell whose signal cannot come is a fault, so silence is no success."""
    (missing,) = run(_WORKER, [Cell("accepted", "retransmissionTimeout", "write")], tmp_path, 30)
    assert missing[1] == ["the signal did not come"]
