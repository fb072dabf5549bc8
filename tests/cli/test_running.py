"""A command and its event loop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer

import qtsecure
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.running import Command


class _Interrupted(Command):
    """Gets a signal when it is set up for signals, and its event loop does not run yet."""

    begun = False

    def start(self) -> None:
        self.begun = True

    @contextlib.contextmanager
    def _exceptionsEndIt(self) -> Iterator[None]:
        with super()._exceptionsEndIt():
            os.kill(os.getpid(), self.number)
            yield

    number = signal.SIGINT


@pytest.mark.skipif(os.name == "nt", reason="there a process sends itself no signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_event_loop_runs(qapp: object, number: signal.Signals) -> None:
    """The system may stop a process anywhere: the command ends, and has not even begun."""
    command = _Interrupted(Output("x"))
    command.number = number
    hung: list[bool] = []

    def giveUp() -> None:
        hung.append(True)
        command._loop.quit()

    guard = QTimer(singleShot=True, interval=20_000)
    guard.timeout.connect(giveUp)
    guard.start()
    assert command.run() is ExitCode.INTERRUPTED
    guard.stop()
    assert hung == []
    assert not command.begun


_STALLED = """
import os, sys
from qtsecure.cli.output import Output
from qtsecure.cli.running import Command


class Stdout:
    encoding = "utf-8"

    def __init__(self, stream):
        self.buffer, self.fileno = self, stream.fileno

    def write(self, data):
        os.write(2, b"!")
        os.write(1, data)

    def flush(self):
        pass


class Printing(Command):
    def start(self):
        self.output.line("nobody reads this")


sys.stdout = Stdout(sys.stdout)
sys.exit(Printing(Output("x")).run())
"""


@pytest.mark.skipif(os.name == "nt", reason="there no signal interrupts a write")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nobody_reads(number: signal.Signals) -> None:
    """A reader that has stopped reading, without having closed its end, does not keep the command alive."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    environment = os.environ | {"PYTHONPATH": str(Path(qtsecure.__file__).parents[1])}
    command = [sys.executable, "-c", _STALLED]
    process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=environment)
    try:
        assert process.stderr is not None
        assert process.stderr.read(1) == b"!"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(reading)
        os.close(writing)
    assert (process.returncode, errors) == (ExitCode.INTERRUPTED, b"")
