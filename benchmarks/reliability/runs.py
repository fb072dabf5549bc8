"""Runs the tests of the figures: those that measure time one by one and alone, the others two at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reliability.catalog import FIGURES, PLACES
from benchmarks.reliability.measurement import Measurement

__all__ = ["repeatSuite", "run"]

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


def repeatSuite(figure: str, times: int, seed: int) -> dict[str, Any]:
    """Run the ordinary suite in orders by chance; how many runs have failed, as if a test had measured it."""
    begun = time.monotonic()
    failed = [number for number in range(seed, seed + times) if _runSuite(number)]
    what = "failed runs of the whole suite in an order by chance"
    measurement = Measurement(figure=figure, what=what, value=len(failed), sense="none", of=times)
    return {
        "figure": figure,
        "outcome": "failed" if failed else "passed",
        "reason": f"{measurement}: --randomly-seed={', '.join(map(str, failed))}" if failed else "",
        "seconds": round(time.monotonic() - begun, 1),
        "measurements": [measurement.toJson()],
    }


def _runSuite(seed: int) -> int:
    return _pytest("tests", "-q", "--tb=short", "-n", str(PROCESSES), f"--randomly-seed={seed % (1 << 32)}")


def _pytest(*arguments: str) -> int:
    """Its exit code; what it prints goes to the standard error, so that the table stays alone."""
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode
