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
from tests.figures import plannedFor

__all__ = ["collect", "repeatSuite", "run"]

ROOT = Path(__file__).parents[2]
PROCESSES = 2
TEST_LIMIT = 900
"""Seconds for one test."""
GROUP_LIMIT = 3600
"""Seconds for all tests that run together: what hangs outside of Python is not ended by the limit of its test."""
SUITE_LIMIT = 3600
"""Seconds for one run of the whole suite."""
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
            limit=GROUP_LIMIT,
        )
        return collect(results, names, code)


def collect(results: Path, names: Sequence[str], code: int) -> list[dict[str, Any]]:
    """What the tests of these figures have told, and those that have told nothing, as failed.

    Args:
        results: The file that the tests' plugin has written, beside the one of the tests that it has planned.
        names: The figures.
        code: pytest's exit code; negative if a signal has ended it.
    """
    planned, told = _read(plannedFor(results)), _read(results)
    tests = [{"test": name, **test} for name, test in told.items() if test["figure"]]
    tests += [_failed(name, test["reason"]) for test in told.values() if not test["figure"] for name in names]
    tests += [_failed(figure, f"did not end: {test}", test) for test, figure in planned.items() if test not in told]
    # A signal, sent by a crash or by us, has left what was planned. Nobody knows what else has made it end.
    if code not in _NOTHING_WAS_WRONG and not (code < 0 and planned):
        tests += [_failed(name, f"pytest ended with {code}") for name in names]
    return tests


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return read


def _failed(figure: str, reason: str, test: str = "") -> dict[str, Any]:
    return {"test": test, "figure": figure, "outcome": "failed", "reason": reason, "seconds": 0.0, "measurements": []}


def repeatSuite(figure: str, times: int, seed: int) -> dict[str, Any]:
    """Run the ordinary suite in orders by chance; how many runs have failed, as if a test had measured it."""
    begun = time.monotonic()
    failed = [number for number in range(seed, seed + times) if _runSuite(number)]
    what = "failed runs of the whole suite in an order by chance"
    measurement = Measurement(figure=figure, what=what, value=len(failed), sense="none", of=times)
    return {
        "test": "",
        "figure": figure,
        "outcome": "failed" if failed else "passed",
        "reason": f"{measurement}: --randomly-seed={', '.join(map(str, failed))}" if failed else "",
        "seconds": round(time.monotonic() - begun, 1),
        "measurements": [measurement.toJson()],
    }


def _runSuite(seed: int) -> int:
    chance = f"--randomly-seed={seed % (1 << 32)}"
    return _pytest("tests", "-q", "--tb=short", "-n", str(PROCESSES), chance, limit=SUITE_LIMIT)


def _pytest(*arguments: str, limit: float) -> int:
    """Its exit code; what it prints goes to the standard error, so that the table stays alone."""
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            print(f"pytest did not end within {limit:,.0f} s.", file=sys.stderr)
            process.kill()  # its workers notice
            return process.wait()
        except BaseException:
            process.kill()
            raise
