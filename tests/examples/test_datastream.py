"""The QDataStream example: short, and its two ends talk to each other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QDataStream, QIODevice

from qtsecure.testing.peers import PythonTlsClient
from tests.examples.running import ROOT, certificateFiles, startOnPort

EXAMPLE = ROOT / "examples" / "datastream"
LONGEST = 120


def start(name: str, directory: Path, port: int) -> subprocess.Popen[str]:
    """Run one end in a directory with the certificate."""
    return startOnPort((EXAMPLE / name).read_text("utf-8"), directory, port, EXAMPLE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    certificateFiles(tmp_path)
    return tmp_path


def test_it_is_short() -> None:
    """All three files together."""
    assert sum(len(path.read_text("utf-8").splitlines()) for path in EXAMPLE.glob("*.py")) <= LONGEST


def test_the_ends_talk(directory: Path) -> None:
    """And a client with another protocol is thrown out, at the expense of nobody else."""
    server = start("server.py", directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        assert converse(directory, port) == "mean temperature: [21.0]\n"
        block = QByteArray()
        stream = QDataStream(block, QIODevice.OpenModeFlag.WriteOnly)
        stream.writeUInt8(1)
        stream.writeQString("many")
        stream.writeUInt32(1001)
        with PythonTlsClient(port) as intruder:
            intruder.send(bytes(block.data()))
            assert intruder.waitForEnding().received == b""
        assert converse(directory, port) == "mean temperature: [21.0]\n"
    finally:
        server.kill()
        _, err = server.communicate(timeout=120)
    assert err == ""


def converse(directory: Path, port: int) -> str:
    """What the client prints."""
    client = start("client.py", directory, port)
    out, err = client.communicate(timeout=120)
    assert (client.returncode, err) == (0, "")
    return out
