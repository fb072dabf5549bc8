"""The command line as a whole: help, usage errors, missing libraries, defects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qtsecure
from qtsecure.cli.main import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qtsecure {qtsecure.__version__}\n"


@pytest.mark.parametrize("command", [[], ["demo"], ["serve"], ["connect"], ["certificate"], ["doctor"]])
def test_help(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    """Every command has its help, with the exit codes where scripts need them."""
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: qtsecure" in text
    assert ("exit codes" in text) == (command not in (["demo"], ["doctor"]))


def test_help_of_connect(capsys: pytest.CaptureFixture[str]) -> None:
    """What a target may look like, how to wait for ever, and every exit code."""
    assert main(["connect", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("[IPv6]:PORT", "0 = no limit", "130 interrupted"):
        assert part in text


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["demo", "--gui", "--headless"],
        ["serve", "--port", "70000"],
        ["serve", "--port", "x"],
        ["serve", "--count", "0"],
        ["serve", "--psk", "nobody"],
        ["connect"],
        ["connect", "localhost"],
        ["connect", "localhost:99999"],
        ["connect", "localhost:443", "--timeout", "soon"],
        ["connect", "localhost:443", "--alpn", ""],
        ["connect", "localhost:443", "--psk", "a:00", "--psk", "b:00"],
        ["connect", "localhost:443", "--expect-echo"],
        ["connect", "localhost:443", "--cert", "only.pem"],
        ["certificate"],
        ["certificate", "nowhere.pem"],
        ["certificate", "localhost:443", "--timeout", "soon"],
        ["certificate", "localhost:443", "--ca", "nowhere.pem"],
        ["serve"],
        ["serve", "--cert", "only.pem"],
        ["serve", "--psk", "a:00", "--host", "not-an-address"],
        ["serve", "--psk", "a:00", "--require-client-cert"],
        ["serve", "--psk", "a:00", "--require-client-cert", "--ca", "x.pem"],
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Exit code 2 and one line on stderr."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("qtsecure")
    assert captured.err.count("\n") == 1


def test_secrets_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """A key with a typing error stays a key."""
    assert main(["connect", "localhost:443", "--psk", "sensor:00112233445566x"]) == 2
    assert "00112233" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [["demo"], ["serve", "--psk", "a:00"], ["connect", "localhost:1"]])
def test_missing_library(run_with_broken_pyside, command: list[str]) -> None:
    """A sentence with the package to install, on every command."""
    done = run_with_broken_pyside(command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "libglib-2.0.so.0" in done.stderr
    assert "apt-get install libglib2.0-0" in done.stderr


def test_doctor_without_library(run_with_broken_pyside) -> None:
    """The doctor works where Qt does not, and says the same."""
    done = run_with_broken_pyside(["doctor"])
    assert done.returncode == 1
    assert "QtCore                lacks libglib-2.0.so.0" in done.stdout
    assert "apt-get install libglib2.0-0" in done.stdout
    assert done.stderr.count("\n") == 1


@pytest.fixture
def run_with_broken_pyside(tmp_path: Path):
    """Run a command where PySide6 cannot be loaded."""
    package = tmp_path / "PySide6"
    package.mkdir()
    complaint = "libglib-2.0.so.0: cannot open shared object file: No such file or directory"
    (package / "__init__.py").write_text("")
    for module in ("QtCore", "QtNetwork", "QtGui", "QtWidgets", "QtQml"):
        (package / f"{module}.py").write_text(f"raise ImportError({complaint!r})\n")
    root = Path(qtsecure.__file__).parents[1]

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        # By PYTHONPATH, because the doctor imports in processes of its own.
        return subprocess.run(
            [sys.executable, "-c", f"import sys; from qtsecure.cli.main import main; sys.exit(main({command!r}))"],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
            timeout=120,
            check=False,
        )

    return run


def test_other_import_errors_are_defects(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They keep their traceback."""
    monkeypatch.setitem(sys.modules, "qtsecure.cli.demo", None)
    assert main(["demo"]) == 1
    assert "Traceback" in capsys.readouterr().err
