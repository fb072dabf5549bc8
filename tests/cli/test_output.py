"""Events as text and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import qtsecure
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Words as they are, everything else in quotes."""
    Output("x").event(
        "encrypted", {"cipher": "TLS_AES", "alpn": "", "reused": False, "bytes": 3, "codes": ["A", "b c"]}
    )
    assert capsys.readouterr().out == "encrypted(cipher=TLS_AES, alpn='', reused=False, bytes=3, codes=[A, 'b c'])\n"


def test_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Whose event it is."""
    Output("x").event("connected", source="client")
    Output("x", asJson=True).event("connected", source="client")
    text, line = capsys.readouterr().out.splitlines()
    assert text == "client  connected()"
    assert json.loads(line) == {"event": "connected", "source": "client"}


def test_note(capsys: pytest.CaptureFixture[str]) -> None:
    """For people only."""
    Output("x").event("connected", note="at last")
    Output("x", asJson=True).event("connected", note="at last")
    assert capsys.readouterr().out == 'connected()  (at last)\n{"event": "connected"}\n'


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is in the text."""
    Output("x", asJson=True, hidden=frozenset({"message"})).event("message", {"text": "a\nb\u2028ü\x1b[31m"})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "message", "text": "a\nb\u2028ü\x1b[31m"}


def test_peers_cannot_play_with_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are escaped."""
    Output("x").event("message", {"text": "\x1b[2J' \\ \u202e"})
    Output("x").warning("bad \x1b[2J\nnews")
    captured = capsys.readouterr()
    assert captured.out == "message(text='\\x1b[2J\\' \\\\ \\u202e')\n"
    assert captured.err == "qtsecure x: bad \\x1b[2J\\nnews\n"


def test_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """Hidden events are missing in the text only."""
    for asJson in (False, True):
        Output("x", asJson=asJson, hidden=frozenset({"noise"})).event("noise")
    assert capsys.readouterr().out == '{"event": "noise"}\n'


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """Always on stderr, and an event for programs."""
    Output("x", asJson=True).error("Code", "It failed.")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"event": "error", "code": "Code", "text": "It failed."}
    assert captured.err == "qtsecure x: It failed.\n"


def test_closed_streams(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts a command without stdout or stderr wants its exit code, and errors never go to stdout."""
    monkeypatch.setattr(sys, "stderr", None)
    Output("x", asJson=True).error("Code", "It failed.")
    assert capsys.readouterr().out == '{"event": "error", "code": "Code", "text": "It failed."}\n'
    monkeypatch.setattr(sys, "stdout", None)
    Output("x").event("connected")


@pytest.mark.skipif(os.name != "posix", reason="pipes break differently on Windows")
def test_broken_pipe() -> None:
    """A reader that has seen enough is no defect."""
    code = (
        "import sys\nfrom qtsecure.cli.output import Output\noutput = Output('x')\n"
        "output.onBrokenPipe = lambda: print('told', file=sys.stderr)\n"
        "sys.stdin.read()\noutput.line('nobody reads this')\noutput.line('nor this')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(qtsecure.__file__).parents[1])},
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(b"", timeout=120)
    assert err == b"told\n"
    assert process.returncode == 0


_CANNOT_LISTEN = [sys.executable, "-m", "qtsecure", "serve", "--host", "192.0.2.1", "--psk", f"a:{'00' * 16}", "--json"]


@pytest.mark.skipif(os.name != "posix", reason="pipes break differently on Windows")
def test_nobody_reads_the_errors() -> None:
    """A closed reader of stderr (``2>&1 | head``) neither keeps a command from ending nor changes its exit code."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            _CANNOT_LISTEN,
            stdout=subprocess.PIPE,
            stderr=writing,
            env=os.environ | {"PYTHONPATH": str(Path(qtsecure.__file__).parents[1])},
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == ExitCode.NOT_CONNECTED
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["error"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_no_room_for_the_error() -> None:
    """An error that cannot be printed, as on a full disk, ends the command all the same, with the exit code it has."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            _CANNOT_LISTEN, stdout=full, stderr=subprocess.PIPE, env=_buffered(True), timeout=120, check=False
        )
    assert done.returncode == ExitCode.NOT_CONNECTED
    assert b"No space left" in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes break differently on Windows")
def test_nobody_reads_the_help() -> None:
    """Whoever has seen enough of it gets neither Python's complaint nor its exit code 120."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "qtsecure", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=_buffered(True),
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name != "posix", reason="pipes cannot be like that on Windows")
@pytest.mark.parametrize("buffered", [True, False])
def test_a_descriptor_that_does_not_block(buffered: bool) -> None:
    """What a program that shares the terminal has set: everything is written all the same."""
    code = (
        "import os\nfrom qtsecure.cli.output import Output\nos.set_blocking(1, False)\n"
        "Output('x').raw(bytes(20_000_000))\nOutput('x').line('the end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=_buffered(buffered), timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == bytes(20_000_000) + b"the end\n"


def _buffered(buffered: bool) -> dict[str, str]:
    """An environment in which the streams of Python have buffers, or none."""
    environment = os.environ | {"PYTHONPATH": str(Path(qtsecure.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
    if buffered:
        del environment["PYTHONUNBUFFERED"]
    return environment
