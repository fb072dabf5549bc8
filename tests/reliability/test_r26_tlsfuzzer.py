"""R26: the scripts of tlsfuzzer, a program of others that has to be there, against a server of ours.

``QTSECURE_TLSFUZZER`` names a checkout of it, which may have a virtual environment ``.venv`` with
tlslite-ng 0.9 and ecdsa. Scripts about what the server has not (other keys, heartbeats, old versions)
fail; the target is how many succeed, and that the server lives on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.figures import Figure

_PLACE = os.environ.get("QTSECURE_TLSFUZZER", "")
_TOGETHER = 4
_LIMIT_S = 240
_SCRIPTS, _CONVERSATIONS = 61, 4370

pytestmark = [
    pytest.mark.figure("R26"),
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not _PLACE, reason="tlsfuzzer is not there: QTSECURE_TLSFUZZER names no checkout of it"),
]


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A server that answers requests of HTTP."""
    command = [sys.executable, "-m", "tests.reliability.answering_server"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    yield process
    process.terminate()
    process.communicate()


def converse(script: Path, port: int) -> tuple[int, int]:
    """How many conversations of a script succeed, and how many do not; those of a script that hangs do not."""
    python = script.parents[1] / ".venv" / "bin" / "python"
    command = [str(python) if python.exists() else sys.executable, str(script), "-h", "127.0.0.1", "-p", str(port)]
    source = (script.parents[1] / "tlsfuzzer" / "_apps" / f"{script.stem.replace('-', '_')}.py").read_text("utf-8")
    if "opt == '-d'" in source:
        command.append("-d")  # forward secrecy instead of RSA key exchange
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, cwd=script.parents[1], check=False
        )
    except subprocess.TimeoutExpired:
        return 0, 1
    found = re.findall(r"^(PASS|FAIL|XPASS): (\d+)$", done.stdout, re.MULTILINE)
    numbers = {kind: int(number) for kind, number in found}
    return numbers.get("PASS", 0), numbers.get("FAIL", 1) + numbers.get("XPASS", 0)


def test_r26_tlsfuzzer(server: subprocess.Popen[str], figure: Figure) -> None:
    """All scripts: how many are content, how many conversations succeed, and whether the server lives."""
    assert server.stdout is not None
    port = int(server.stdout.readline())
    scripts = sorted((Path(_PLACE) / "scripts").glob("test-*.py"))
    with ThreadPoolExecutor(_TOGETHER) as pool:
        results = list(pool.map(lambda script: converse(script, port), scripts))
    green = sum(good > 0 and not bad for good, bad in results)
    figure.atLeast("scripts that are content", green, _SCRIPTS, of=len(scripts))
    figure.atLeast("conversations that succeed", sum(good for good, _ in results), _CONVERSATIONS)
    figure.none("crashes of the server", server.poll() is not None, 1)
    still = converse(Path(_PLACE) / "scripts" / "test-tls13-conversation.py", port)
    figure.none("hangs of the server", still != (3, 0), 1)
    for script, (good, bad) in zip(scripts, results, strict=True):
        print(f"{script.stem:60} {good:5} {bad:5}")
