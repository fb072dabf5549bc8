"""The QDataStream example: short, and its two ends talk to each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QDataStream, QIODevice

import qtsecure
from qtsecure.testing.certificates import selfSignedCertificate
from qtsecure.testing.peers import PythonTlsClient

ROOT = Path(qtsecure.__file__).parents[1]
EXAMPLE = ROOT / "examples" / "datastream"
LONGEST = 120


def start(name: str, directory: Path, port: int) -> subprocess.Popen[str]:
    """Run one end in a directory with the certificate, on another port than everybody's."""
    source = (EXAMPLE / name).read_text("utf-8")
    assert source.count("4433") == 1
    return subprocess.Popen(
        [sys.executable, "-u", "-c", source.replace("4433", str(port))],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLE)])},
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    files = selfSignedCertificate().writeTo(tmp_path, "server")
    files.key.rename(tmp_path / "server-key.pem")
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
