"""The documentation: programs run, code compiles, links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing import PublicKeyInfrastructure

ROOT = Path(qtsecure.__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("**/*.md"), *ROOT.glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r"^<!-- program: (\w+) -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def pageName(path: Path) -> str:
    """The name of a page in the test's id."""
    return str(path.relative_to(ROOT))


def programs(page: str) -> dict[str, str]:
    """The complete programs of a page by name."""
    return dict(PROGRAM.findall((DOCS / f"{page}.md").read_text("utf-8")))


@pytest.mark.parametrize("path", PAGES, ids=pageName)
def test_code_compiles(path: Path) -> None:
    """Every block of Python is Python, and imports names that exist."""
    for code in BLOCK.findall(path.read_text("utf-8")):
        compile(code, path.name, "exec")
        for names in re.findall(r"^from qtsecure import (.+)$", code, re.MULTILINE):
            missing = [name for name in names.split(", ") if name not in qtsecure.__all__]
            assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=pageName)
def test_links(path: Path) -> None:
    """Relative links lead to files."""
    targets = [target for target in LINK.findall(path.read_text("utf-8")) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_files_of_the_architecture() -> None:
    """The guide to the folders names files that exist."""
    text = (DOCS / "architecture.md").read_text("utf-8")
    table = text.partition("## Where does X happen?")[2].partition("##")[0]
    named = re.findall(r"`((?:engine|net|cli|testing)/[\w/.]*)`", table)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "qtsecure" / name).exists()] == []


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the programs name."""
    path = tmp_path_factory.mktemp("docs")
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(path, "ca")
    for name in ("server", "client"):
        files = getattr(pki, name).writeTo(path, name)
        files.key.rename(path / f"{name}-key.pem")
    return path


def start(code: str, directory: Path, port: int) -> subprocess.Popen[str]:
    """Run a program of the documentation on another port than everybody's."""
    assert code.count("4433") == 1
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code.replace("4433", str(port))],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("serverPage", "clientPage", "answer"),
    [
        ("howto-first-server", "howto-first-client", "answer: HOW ARE YOU?\n"),
        ("howto-psk", "howto-psk", "answer: 21.5 degrees\n"),
        ("howto-client-certificates", "howto-client-certificates", "answer: hello, client\n"),
    ],
)
def test_programs(directory: Path, serverPage: str, clientPage: str, answer: str) -> None:
    """Server and client talk to each other."""
    server = start(programs(serverPage)["server"], directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = start(programs(clientPage)["client"], directory, port)
        out, err = client.communicate(timeout=30)
        assert (client.returncode, err) == (0, "")
        assert out.endswith(answer)
    finally:
        server.kill()
        _, err = server.communicate(timeout=30)
    assert err == ""


@pytest.mark.parametrize(
    ("page", "old", "new", "text"),
    [
        ("howto-psk", "a9a1ef23", "b9a1ef23", "keys"),
        ("howto-client-certificates", "client-key.pem", "server-key.pem", "does not belong"),
    ],
)
def test_failures_are_told(directory: Path, page: str, old: str, new: str, text: str) -> None:
    """What a beginner gets wrong first."""
    code = programs(page)
    server = start(code["server"], directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = start(code["client"].replace(old, new), directory, port)
        _, err = client.communicate(timeout=30)
        assert client.returncode == 1
        assert text in err
    finally:
        server.kill()
        server.communicate(timeout=30)
