"""A command and its event loop."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer

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
