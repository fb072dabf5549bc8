"""The tests that are written in QML."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import qtsecure

ROOT = Path(qtsecure.__file__).parents[1]


def test_qt_quick_tests() -> None:
    """All pass, and there are some."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "quick" / "run.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    totals = re.search(r"Totals: (\d+) passed, 0 failed", done.stdout)
    assert totals is not None, done.stdout
    assert int(totals[1]) > 10
