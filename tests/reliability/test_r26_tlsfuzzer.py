"""R26: the scripts of tlsfuzzer, a program of others that has to be there, against servers of ours.

``QTSECURE_TLSFUZZER`` names a checkout of it, which may have a virtual environment ``.venv`` with what it needs.
:mod:`tests.reliability.tlsfuzzer_scripts` says how each script is run; the target is how many succeed, and that the
servers live on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.figures import Figure
from tests.reliability.tlsfuzzer_scripts import NOT_CONTENT, RUNS, Run

_NAMED = os.environ.get("QTSECURE_TLSFUZZER", "")
_PLACE = Path(_NAMED).resolve()
_TOGETHER = 2
_LIMIT_S = 240
_SCRIPTS, _CONVERSATIONS = 61, 4370
_OPTIONS = re.compile(r'getopt\.getopt\(\s*argv,\s*"([\w:]*)"')

pytestmark = [
    pytest.mark.figure("R26"),
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not _NAMED, reason="tlsfuzzer is not there: QTSECURE_TLSFUZZER names no checkout of it"),
]


class Result(NamedTuple):
    """How the conversations of a run have ended: as expected, as the table says, or not."""

    good: int
    refused: int
    bad: int
    ended: bool = True

    @property
    def content(self) -> bool:
        """Whether the script is."""
        return not self.bad and self.good + self.refused > 0


@pytest.fixture
def complaints(tmp_path: Path) -> Path:
    """What the servers print apart from their ports: exceptions, and warnings of Qt."""
    return tmp_path / "complaints.txt"


@pytest.fixture
def servers(complaints: Path) -> Iterator[subprocess.Popen[str]]:
    """Servers that answer requests of HTTP."""
    command = [sys.executable, "-m", "tests.reliability.answering_server"]
    with complaints.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=Path(__file__).parents[2]
        )
    yield process
    process.terminate()
    process.communicate()


def converse(run: Run, ports: dict[str, int]) -> Result:
    """Run a script; one that hangs has a conversation that does not end well."""
    command = [_python(), f"scripts/test-{run.script}.py", "-h", "127.0.0.1", "-p", str(ports[run.server])]
    source = Path(_PLACE, "tlsfuzzer", "_apps", f"test_{run.script.replace('-', '_')}.py").read_text("utf-8")
    if "opt == '-d'" in source:
        command.append("-d")  # forward secrecy instead of RSA key exchange
    options = _OPTIONS.search(source)
    if run.whole and options is not None and "n:" in options[1]:
        command += ["-n", "0"]
    command += run.arguments
    for name, message in run.refused.items():
        command += ["-x", name, "-X", message]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, cwd=_PLACE, check=False)
    except subprocess.TimeoutExpired:
        return Result(0, 0, 1, ended=False)
    numbers = {kind: int(number) for kind, number in re.findall(r"^(\w+): (\d+)$", done.stdout, re.MULTILINE)}
    bad = numbers.get("FAIL", 1) + numbers.get("XPASS", 0)
    return Result(numbers.get("PASS", 0), numbers.get("XFAIL", 0), bad)


def _python() -> str:
    own = _PLACE / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _runs() -> list[Run]:
    """Those of the table, and one for each script that it does not name."""
    scripts = sorted(path.stem.removeprefix("test-") for path in Path(_PLACE, "scripts").glob("test-*.py"))
    return [run for script in scripts for run in [each for each in RUNS if each.script == script] or [Run(script)]]


def test_r26_tlsfuzzer(servers: subprocess.Popen[str], complaints: Path, figure: Figure) -> None:
    """All scripts: how many are content, how many conversations succeed, and whether the servers live."""
    assert servers.stdout is not None
    ports = json.loads(servers.stdout.readline())
    runs = _runs()
    with ThreadPoolExecutor(_TOGETHER) as pool:
        results = list(pool.map(lambda run: converse(run, ports), runs))
    contents: dict[str, list[bool]] = defaultdict(list)
    for run, result in zip(runs, results, strict=True):
        contents[run.script].append(result.content)
        why = run.why if result.content else NOT_CONTENT.get(run.script, "** nobody knows why **")
        print(f"{run.script:72} {result.good:5} {result.refused:4} {result.bad:4}  {why}")
    figure.atLeast("scripts that are content", sum(map(all, contents.values())), _SCRIPTS, of=len(contents))
    figure.atLeast("conversations that succeed", sum(result.good for result in results), _CONVERSATIONS)
    figure.none("scripts that do not end", sum(not result.ended for result in results), len(results))
    figure.none("crashes of the servers", servers.poll() is not None, 1)
    figure.none("hangs of the servers", not converse(Run("tls13-conversation"), ports).content, 1)
    said = complaints.read_text("utf-8")
    print(said)
    figure.none("lines that the servers complain with", len(said.splitlines()), len(results))
