"""Waits leave no running timer behind, which the garbage collection of another thread could only delete wrongly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from PySide6.QtCore import QObject, QTimer, Signal

from qtsecure.testing import SignalRecorder, waitFor
from qtsecure.testing.peers._waiting import waitUntil
from tests.net.conversation import spin


class _Sender(QObject):
    happened = Signal()


def _record(condition: Callable[[], bool]) -> None:
    sender = _Sender()
    recorder = SignalRecorder()
    recorder.watch(sender)

    def emit() -> None:
        condition()
        sender.happened.emit()

    QTimer.singleShot(0, sender, emit)
    recorder.waitFor("happened")


@pytest.mark.parametrize("wait", [spin, lambda condition: waitUntil(condition, 20_000), _record])
def test_no_timer_runs_on(qapp: object, wait: Callable[[Callable[[], bool]], object]) -> None:
    """Not even where an exception, as from a slot, keeps all frames that there were."""
    kept: list[FrameType | None] = []
    calls = [0]

    def condition() -> bool:
        kept.append(sys._getframe())
        calls[0] += 1
        QTimer.singleShot(0, lambda: None)
        return calls[0] > 1

    wait(condition)
    timers = []
    for frame in kept:
        while frame is not None:
            timers += [value for value in frame.f_locals.values() if isinstance(value, QTimer)]
            frame = frame.f_back
    kept.clear()
    assert timers
    assert not any(timer.isActive() for timer in timers)


def test_what_held_and_holds_no_more_has_held(qapp: object) -> None:
    """Whatever else the event loop does before it ends."""
    answers = iter([False, True, False])
    assert waitUntil(lambda: next(answers), 20_000)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_a_condition_raises_ends_the_wait(qapp: object, error: type[BaseException]) -> None:
    """A test that looks at a deleted object fails; it used to print the exception again and again, for ever."""
    calls = 0

    def condition() -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise error("gone")
        return calls > 2

    with pytest.raises(error, match="gone"):
        waitFor(condition)
    assert calls == 2


def test_time_is_over(qapp: object) -> None:
    """What never holds is told so."""
    assert not waitUntil(lambda: False, 1)
