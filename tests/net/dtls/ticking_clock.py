"""The time of the tests of DTLS that do not stop it altogether."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["TickingClock"]


class TickingClock:
    """A clock for the thread's scheduler that goes by turns of the event loop, faster than the real one.

    Half a second, after which DTLS repeats a flight, are 25 turns in which everything that has come was read.
    """

    _INTERVAL_MS = 4
    _STEP = 0.02

    def __init__(self) -> None:
        self._now = time.monotonic()  # as with FakeClock
        self._scheduler = schedulerOfThisThread()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(self._INTERVAL_MS)

    def __call__(self) -> float:
        return self._now

    def _tick(self) -> None:
        self._now += self._STEP
        if self._scheduler.clock is self:
            self._scheduler.fireDue()

    def stop(self) -> None:
        """Stand still."""
        self._timer.stop()
