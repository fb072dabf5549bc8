"""The example of a tested program passes its own tests, as a project of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

from tests.examples.running import ROOT

# Everything that would let the tests find this checkout, choose plugins for them, or show their windows.
LEAVE_OUT = {
    *("PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"),
    *("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"),
}
WHERE = """
import importlib.metadata, pathlib, sys
import qtsecure
assert pathlib.Path(qtsecure.__file__).is_relative_to(sys.prefix), qtsecure.__file__
print(importlib.metadata.version("qtsecure") == qtsecure.__version__)
"""


def run(arguments: list[str | Path], directory: Path, **environment: str) -> str:
    """Run a program to its successful end."""
    kept = {name: value for name, value in os.environ.items() if name not in LEAVE_OUT}
    done = subprocess.run(
        arguments,
        cwd=directory,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, outside of this checkout."""
    return Path(shutil.copytree(ROOT / "examples" / "pytest_gui", tmp_path / "project"))


def test_its_own_tests_pass(project: Path) -> None:
    """With nothing but the plugin of this checkout, and without a display."""
    plugins = ["-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin"]
    out = run(
        [sys.executable, "-m", "pytest", "-q", *plugins],
        project,
        PYTHONPATH=str(ROOT),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    assert "12 passed" in out


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a fresh environment with the built wheel, and with the packages that it depends on."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "wheels"], ROOT)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    environment = tmp_path / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", environment], tmp_path)
    interpreter = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ours = Path(run([interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], tmp_path).strip())
    # Of a directory that is named here no .pth file counts, so an editable installation is not found.
    packages = {str(Path(module.__file__ or "").parents[1]) for module in (pytest, PySide6)}
    (ours / "dependencies.pth").write_text("\n".join(sorted(packages)), "utf-8")
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", ours, wheel], tmp_path)
    return interpreter


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_the_wheel(project: Path, python: Path) -> None:
    """Installed as users install it: the plugin is found by its entry point, and the suites are there, too."""
    assert run([python, "-c", WHERE], project) == "True\n"
    out = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"], project)
    assert "12 passed" in out
    assert "qtsecure_stream_link" in run([python, "-m", "pytest", "--fixtures", "-q"], project)
    suite = project / "test_suite.py"
    suite.write_text(
        "import pytest\nfrom qtsecure import DatagramTransport\n"
        "from qtsecure.testing.conformance import TransportConformance\n\n\n"
        "class TestMemory(TransportConformance):\n"
        "    @pytest.fixture\n    def transports(self, qapp):\n        return DatagramTransport.pair()\n",
        "utf-8",
    )
    assert " passed" in run([python, "-m", "pytest", "-q", suite], project)
