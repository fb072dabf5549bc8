"""Variables of the environment: what the doctor says about them, and what wrong ones lead to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qtsecure.cli.environment import remarkableVariables
from tests.cli.conftest import ENVIRONMENT, TIMEOUT_S


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OPENSSL_CONF", "missing.cnf", "there is no such file"),
        ("OPENSSL_CONF", "{file}", "OpenSSL takes settings from there"),
        ("OPENSSL_MODULES", "{directory}", "OpenSSL loads code from there"),
        ("SSL_CERT_FILE", "missing.pem", "nobody is trusted"),
        ("SSL_CERT_FILE", "{file}", "trusted instead of those of the system"),
        ("SSL_CERT_DIR", "{directory}", "trusted instead of those of the system"),
        ("SSL_CERT_DIR", "{directory}:missing", "'missing' is no directory"),
        ("SSLKEYLOGFILE", "keys.txt", "can decrypt them"),
        ("QTSECURE_RAW_PATH", "0", "switched off"),
        ("QTSECURE_RAW_PATH", "1", "no effect"),
    ],
)
def test_remarks(tmp_path: Path, name: str, value: str, words: str) -> None:
    """Each variable with its value and what it does."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    value = value.format(file=file, directory=tmp_path)
    ((found, remark),) = remarkableVariables({name: value, "PATH": "somewhere"})
    assert found == name
    assert remark.startswith(f"{value}: ")
    assert words in remark


def test_nothing_remarkable() -> None:
    """Neither unset nor empty ones."""
    assert list(remarkableVariables({"PATH": "somewhere", "SSL_CERT_FILE": ""})) == []


@pytest.mark.parametrize("variable", ["QTSECURE_TRANSPORT", "QTSECURE_REACTOR_BUDGET_MS"])
@pytest.mark.parametrize("words", [["connect", "localhost:1"], ["serve", "--dtls", "--psk", "a:00"], ["demo"]])
def test_variables_of_our_own(words: list[str], variable: str) -> None:
    """A wrong value is told in a sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "qtsecure", *words],
        env=ENVIRONMENT | {variable: "nonsense"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert f"{variable} must be" in sentence
