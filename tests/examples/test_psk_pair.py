"""The example of pre-shared keys: the right key, a wrong one, and an unknown client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qtsecure

ROOT = Path(qtsecure.__file__).parents[1]
PAIR = ROOT / "examples" / "psk_pair"
KEY = bytes(range(16)).hex()


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    """Run one of the two."""
    return subprocess.Popen(
        [sys.executable, "-u", str(PAIR / name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    file = tmp_path / "keys.txt"
    file.write_text(f"sensor-1:{KEY}\nFühler:2:{KEY[::-1]}\n", "utf-8")
    process = start("server.py", str(file), "0")
    yield process
    process.kill()
    process.communicate(timeout=120)


def test_conversations(server: subprocess.Popen[str]) -> None:
    """One after the other."""
    port = line(server).removeprefix("listening on port ")

    def client(*arguments: str) -> tuple[int, str, str]:
        process = start("client.py", *arguments, port)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    assert client("sensor-1", KEY, "21.5 degrees") == (0, "the server says noted\n", "")
    assert line(server) == "sensor-1 is here, TlsV1_3"
    assert line(server) == "sensor-1 says 21.5 degrees"
    assert client("Fühler:2", KEY[::-1], "22 degrees")[0] == 0
    assert line(server) == "Fühler:2 is here, TlsV1_3"
    assert line(server) == "Fühler:2 says 22 degrees"
    for arguments, text in ((("sensor-1", KEY[::-1], "x"), "keys"), (("stranger", KEY, "x"), "identity")):
        code, out, err = client(*arguments)
        assert (code, out) == (1, "")
        assert text in err
        assert line(server).startswith("refused: Error during SSL handshake")
