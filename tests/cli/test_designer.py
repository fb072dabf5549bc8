"""What ``qtsecure designer`` says when it cannot start Designer; that it can is in tests/designer."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtsecure.cli import designer, displays


def test_no_such_form(in_process) -> None:
    """A usage error."""
    done = in_process("designer", "missing.ui")
    assert done.code == 2
    assert "no form 'missing.ui'" in done.sentence()


@pytest.mark.parametrize(
    ("shared", "environment", "words"),
    [
        (1, {}, "There is no display"),
        (0, {"DISPLAY": ":0"}, "apt-get install libpython3"),
        (1, {"DISPLAY": ":0"}, "apt-get install libxcb-cursor0"),
        (1, {"QT_QPA_PLATFORM": "offscreen"}, ""),
        (1, {"WAYLAND_DISPLAY": "wayland-0"}, ""),
        (1, {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, ""),
        (1, {"QT_QPA_PLATFORM": "linuxfb"}, ""),
        (1, {"QT_QPA_PLATFORM": "xcb"}, "There is no display"),
    ],
)
def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, shared: int, environment: dict[str, str], words: str) -> None:
    """One sentence with a remedy, instead of Qt's abort or a Designer without our widgets."""
    monkeypatch.setattr(designer.sys, "platform", "linux")
    monkeypatch.setattr(designer, "hasSharedPython", lambda: bool(shared))
    monkeypatch.setattr(displays, "unresolvedLibraries", lambda path: "libxcb-cursor.so.0 => not found")
    problem = designer._problem(environment)
    assert words in problem
    assert bool(problem) is bool(words)


def test_no_designer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another packaging of PySide6 may leave it out."""
    monkeypatch.setattr(designer, "pysideFile", lambda name: None)
    assert "pip install PySide6-Essentials" in designer._problem({})


def test_missing_is_told(in_process, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, with an exit code."""
    monkeypatch.setattr(designer, "_problem", lambda environment: "It is not there.")
    done = in_process("designer")
    assert done.code == 1
    assert done.sentence() == "qtsecure designer: It is not there."


def test_designer_fails(in_process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is told."""
    monkeypatch.setattr(designer, "_problem", lambda environment: "")
    monkeypatch.setattr(designer, "_START", "raise SystemExit(7)")
    done = in_process("designer")
    assert done.code == 1
    assert "ended with the code 7" in done.sentence()


def test_what_is_in_the_current_folder(in_process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is not run: anybody may have put it there, beside a form for example."""
    (tmp_path / "PySide6.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(designer, "_problem", lambda environment: "")
    monkeypatch.setattr(designer, "_START", "import PySide6")
    assert in_process("designer").code == 0


def test_the_script_of_an_installed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a wheel it is inside the package."""
    package = tmp_path / "qtsecure"
    (package / "designer" / "plugins").mkdir(parents=True)
    monkeypatch.setattr(designer.qtsecure, "__file__", str(package / "__init__.py"))
    assert designer.pluginDirectory() == package / "designer" / "plugins"
