"""R2: whatever a slot does, nothing crashes, hangs, or gets past the guard of the engine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.reentrancy_worker import Cell, allCells

_ROOT = Path(__file__).parents[2]
_QUICK = 120
"""Cells for each transport."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(cells: list[Cell], directory: Path, timeout: float) -> list[tuple[list[str], list[str]]]:
    """Run the cells in the fork server; each cell with what went wrong."""
    path = directory / "cells.json"
    path.write_text(json.dumps(cells), "ascii")
    result = subprocess.run(
        [sys.executable, "-m", "tests.reliability.reentrancy_worker", str(path)],
        cwd=_ROOT,
        env={**os.environ, "QT_LOGGING_RULES": "default=false"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == len(cells), result.stderr
    return lines


def judge(results: list[tuple[list[str], list[str]]], figure: Callable[[str, str], None], what: str) -> None:
    faults = [(cell, text) for cell, texts in results for text in texts]
    crashes = sum(text.startswith("crash") for _, text in faults)
    hangs = sum(text.startswith("hang") for _, text in faults)
    others = len(faults) - crashes - hangs
    figure("R2", f"{crashes} crashes, {hangs} hangs, {others} other faults in {len(results)} cells, {what} (target 0)")
    assert not faults, "\n".join(f"{'/'.join(cell)}: {text}" for cell, text in faults)


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
    judge(run(sample, tmp_path, 55), figure, f"sample, {transport_mode}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_r02_everything(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """The whole matrix."""
    judge(run(allCells(), tmp_path, 590), figure, "whole matrix")


def test_the_worker_notices_faults(tmp_path: Path) -> None:
    """A cell whose signal cannot come is a fault, so silence is no success."""
    (result,) = run([Cell("client", "hostFound", "no such action", "1.3")], tmp_path, 30)
    assert result[1] == []
    (missing,) = run([Cell("accepted", "connected", "write", "1.3")], tmp_path, 30)
    assert missing[1] == ["the signal did not come"]
