"""The example of a tested program passes its own tests, as a project of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.examples.running import ROOT


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """Outside the checkout, with nothing but the installed plugin."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "examples" / "pytest_gui", project)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin"],
        cwd=project,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout
