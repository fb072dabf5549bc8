"""The programs of the how-to talk to each other."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.examples.running import certificateFiles, finish, startOnPort
from tests.examples.test_docs import BLOCK, DOCS, converse, programs


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Has the certificate that both programs name."""
    certificateFiles(tmp_path)
    return tmp_path


def test_programs(directory: Path) -> None:
    """One line there, one back."""
    converse(directory, "howto-asyncio", "howto-asyncio", "answer: HOW ARE YOU?\n", "")


def test_without_windows(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a QCoreApplication, where no platform plugin could be loaded."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    converse(
        *(directory, "howto-asyncio", "howto-asyncio", "answer: HOW ARE YOU?\n", ""),
        change=lambda code: code.replace("QtWidgets import QA", "QtCore import QCoreA").replace("= QA", "= QCoreA"),
    )


def test_datagrams(directory: Path) -> None:
    """One message there, one back."""
    names = ("dtlsServer", "dtlsClient")
    converse(directory, "howto-asyncio", "howto-asyncio", "answer: HOW ARE YOU?\n", "", names=names)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize(("name", "client"), [("server", "client"), ("dtlsServer", "dtlsClient")])
def test_a_server_that_ends_at_ctrl_c(directory: Path, name: str, client: str) -> None:
    """The recipe of the page, put where it says; a client is connected meanwhile."""
    (recipe,) = (code for code in BLOCK.findall((DOCS / "howto-asyncio.md").read_text("utf-8")) if "AtCtrlC" in code)
    code = programs("howto-asyncio")[name]
    for line, before in (
        ("    tasks = set()\n", "    closing = asyncio.ensure_future(closeAtCtrlC(server))\n"),
        ("\n\napp =", "    await endAll(tasks)\n"),
    ):
        assert code.count(line) == 1
        code = code.replace(line, before + line)
    staying = re.sub(r"await aio.close\(\w+\)", "await asyncio.sleep(100)", programs("howto-asyncio")[client])
    server = startOnPort(recipe + code, directory, 0)
    try:
        assert server.stdout is not None
        other = startOnPort(staying, directory, int(server.stdout.readline().removeprefix("listening on port ")))
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "answer: HOW ARE YOU?\n"
            server.send_signal(signal.SIGINT)
            assert finish(server) == (0, "", "")
        finally:
            other.kill()
            other.communicate(timeout=120)
    finally:
        server.kill()
        server.communicate(timeout=120)
