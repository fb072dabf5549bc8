"""The two quick examples are what the README shows, are short, and talk to each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import ROOT, certificateFiles, startOnPort
from tests.ports import closedPort

QUICK = ROOT / "examples" / "quick"
README = (ROOT / "README.md").read_text("utf-8")
LONGEST = 20


@pytest.mark.parametrize("name", ["client.py", "server.py"])
def test_readme_shows_it(name: str) -> None:
    """A code block of the README is the file."""
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    source = (QUICK / name).read_text("utf-8")
    assert source in blocks
    assert len(source.splitlines()) <= LONGEST


def start(name: str, directory: Path, port: int) -> subprocess.Popen[str]:
    """Run an example in a directory."""
    return startOnPort((QUICK / name).read_text("utf-8"), directory, port)


@pytest.fixture(params=["own", "openssl"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with server.pem and server-key.pem, also made as the README says."""
    if request.param == "openssl":
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl command here")
        command = re.search(r"^openssl req .*?[^\\]\n", README, re.DOTALL | re.MULTILINE)
        assert command is not None
        subprocess.run(["sh", "-c", command[0]], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    else:
        certificateFiles(tmp_path)
    return tmp_path


def test_conversation(directory: Path) -> None:
    """The client gets its word back and ends; the server goes on."""
    server = start("server.py", directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = start("client.py", directory, port)
        out, err = client.communicate(timeout=120)
        assert (client.returncode, out, err) == (0, "TlsV1_3 -> hello\n", "")
        assert server.poll() is None
        busy = start("server.py", directory, port)
        out, err = busy.communicate(timeout=120)
        assert busy.returncode == 1
        assert "in use" in err
        (directory / "server.pem").write_bytes(selfSignedCertificate().chainPem())
        client = start("client.py", directory, port)
        out, err = client.communicate(timeout=120)
        assert (client.returncode, err) == (1, "")
        assert "trusted authority" in out
    finally:
        server.kill()
        server.communicate(timeout=120)
    with closedPort(port):  # nobody listens any more
        client = start("client.py", directory, port)
        out, err = client.communicate(timeout=120)
    assert (client.returncode, err) == (1, "")
    assert "refused" in out
