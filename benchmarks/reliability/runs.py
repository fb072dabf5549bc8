"""Runs the tests of the figures: those that measure time one by one and alone, the others two at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reliability.catalog import FIGURES, PLACES

__all__ = ["run", "runSuite"]

ROOT = Path(__file__).parents[2]
PROCESSES = 2
TEST_LIMIT = 900
"""Seconds for one test."""
_NOTHING_WAS_WRONG = (0, 1, 5)
"""pytest's exit codes for: all passed, some failed, there were none."""


def run(names: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Run these figures; what their tests have measured."""
    alone = [name for name in names if FIGURES[name].alone]
    others = [name for name in names if not FIGURES[name].alone]
    return [
        test for group, processes in ((alone, 0), (others, PROCESSES)) if group for test in _run(group, seed, processes)
    ]


def _run(names: Sequence[str], seed: int, processes: int) -> list[dict[str, Any]]:
    print(f"{' '.join(names)}, {processes or 1} at a time", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results.json"
        code = _pytest(
            *(place for place in PLACES if (ROOT / place).exists()),
            *("-m", "figure", "-p", "no:randomly", "-n", str(processes), "--dist", "worksteal"),
            *(f"--figures={','.join(names)}", f"--figure-seed={seed}", f"--figure-results={results}"),
            *("-q", "--tb=short", f"--timeout={TEST_LIMIT}", "-o", f"faulthandler_timeout={TEST_LIMIT}"),
        )
        if code not in _NOTHING_WAS_WRONG or not results.exists():
            raise SystemExit(f"pytest ended with {code}.")
        tests: dict[str, dict[str, Any]] = json.loads(results.read_text("utf-8"))
    return list(tests.values())


def runSuite(seed: int) -> bool:
    """Run the ordinary suite in an order by chance; whether all of it passed."""
    return _pytest("tests", "-q", "--tb=short", "-n", str(PROCESSES), f"--randomly-seed={seed}") == 0


def _pytest(*arguments: str) -> int:
    """Its exit code; what it prints goes to the standard error, so that the table stays alone."""
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode
