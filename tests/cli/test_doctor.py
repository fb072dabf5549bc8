"""What the doctor finds on this computer, and on worse ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtsecure.cli import doctor
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.main import main


def test_here(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that the tests need is there."""
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for topic in ("qtsecure", "Python", "PySide6-Essentials", "pyOpenSSL", "cryptography", "OpenSSL", "DTLS 1.3"):
        assert any(line.startswith(topic) for line in out.splitlines()), topic
    assert "pre-shared keys       yes" in out
    assert "DTLS 1.2              yes" in out
    assert "OCSP stapling         yes" in out
    assert "key exchange          X25519MLKEM768, " in out
    assert "QtNetwork             works" in out
    assert "transport             " in out


@pytest.mark.parametrize(("mode", "text"), [("qt", "Qt's sockets"), ("nonsense", "must be 'reactor' or 'qt'")])
def test_transport(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str, text: str) -> None:
    """The environment can choose it, also wrongly."""
    monkeypatch.setattr(doctor, "_importError", lambda module: None)
    monkeypatch.setenv("QTSECURE_TRANSPORT", mode)
    assert main(["doctor"]) == 0
    assert text in capsys.readouterr().out


def test_no_trusted_certificates(run, tmp_path: Path) -> None:
    """A hint, but connections with --ca work, so it is no failure."""
    done = run("doctor", SSL_CERT_FILE=str(tmp_path / "none.pem"), SSL_CERT_DIR="")
    assert done.code == 0
    assert "trusted certificates  none. The environment sets SSL_CERT_FILE" in done.out


def test_dangerous_variables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Told, and no failure."""
    monkeypatch.setattr(doctor, "_importError", lambda module: None)
    monkeypatch.setenv("SSLKEYLOGFILE", "keys\x1b.txt")
    assert main(["doctor"]) == 0
    assert "SSLKEYLOGFILE         keys\\x1b.txt: not looked at by qtsecure" in capsys.readouterr().out


def test_what_is_in_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is neither what programs import, nor run: anybody may have put it there."""
    (tmp_path / "PySide6.py").write_text("raise ImportError('not the real one')")
    monkeypatch.chdir(tmp_path)
    assert doctor._importError("QtCore") is None


def test_gui_libraries(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All that ldd names, not only the one that Python stops at; connections work without them."""
    stops = "ImportError: libEGL.so.1: cannot open shared object file: No such file or directory"
    monkeypatch.setattr(doctor, "_importError", lambda module: stops if module == "QtGui" else None)
    monkeypatch.setattr(doctor, "pysideFile", lambda name: Path(name) if name.startswith("QtGui") else None)
    monkeypatch.setattr(
        doctor, "unresolvedLibraries", lambda path: "libEGL.so.1 => not found\nlibodd.so.1 => not found\n"
    )
    assert doctor.doctor() == ExitCode.OK
    out = capsys.readouterr().out
    assert "QtGui                 lacks libEGL.so.1, libodd.so.1" in out
    assert "run: apt-get install libegl1\n" in out
    assert "that contain: libodd.so.1\n" in out


def test_broken_installation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be explained is shown."""
    monkeypatch.setattr(doctor, "_importError", lambda module: "ModuleNotFoundError: No module named 'PySide6'")
    monkeypatch.setattr(doctor, "pysideFile", lambda name: None)
    monkeypatch.setattr(doctor, "_DISTRIBUTIONS", ("qtsecure-without-a-distribution",))
    assert doctor.doctor() == ExitCode.INTERNAL_ERROR
    captured = capsys.readouterr()
    assert "pip install qtsecure-without-a-distribution" in captured.out
    assert "QtCore                cannot be loaded: ModuleNotFoundError" in captured.out
    assert captured.err.count("\n") == 1
