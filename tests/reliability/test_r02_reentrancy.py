"""R2: whatever a slot does, nothing crashes, hangs, or gets past the guard of the engine."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.fork_server import judge, run
from tests.reliability.reentrancy_worker import Cell, allCells

_WORKER = "tests.reliability.reentrancy_worker"
_QUICK = 120
"""Cells for each transport."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_matrix_is_large_enough() -> None:
    """At least 360 cells, at least 12 actions, both versions, every owner."""
    cells = allCells()
    assert len(cells) == len(set(cells)) >= 360
    assert len({cell.action for cell in cells}) >= 12
    assert {cell.version for cell in cells} == {"1.2", "1.3"}


def test_r02_sample(tmp_path: Path, figure: Callable[[str, str], None], transport_mode: str) -> None:
    """Every signal of every object, each with a changing part of the actions."""
    cells = allCells()
    # The dangerous ones always: OpenSSL is on the stack.
    inside = [cell for cell in cells if cell.insideEngine and cell.owner != "server"]
    rest = [cell for cell in cells if cell not in set(inside)]
    chooser = random.Random(f"2 {transport_mode}")
    sample = chooser.sample(inside, _QUICK // 2) + chooser.sample(rest, _QUICK // 2)
    judge(run(_WORKER, sample, tmp_path, 200), figure, f"sample, {transport_mode}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_r02_everything(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """The whole matrix."""
    judge(run(_WORKER, allCells(), tmp_path, 590), figure, "whole matrix")


def test_the_worker_notices_faults(tmp_path: Path) -> None:
    """A cell whose signal cannot come is a fault, so silence is no success."""
    (result,) = run(_WORKER, [Cell("client", "hostFound", "no such action", "1.3")], tmp_path, 30)
    assert result[1] == []
    (missing,) = run(_WORKER, [Cell("accepted", "connected", "write", "1.3")], tmp_path, 30)
    assert missing[1] == ["the signal did not come"]
