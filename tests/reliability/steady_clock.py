"""A clock for deadlines that stands still while the process does not run, as on a machine that has too much to do."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["SteadyClock"]

_TICK_MS = 10
_MOST_S = 0.1
"""What passes at most between two looks at it, however long that was."""


class SteadyClock:
    """The clock of this thread's scheduler from now on: no deadline passes while nobody can do what it waits for.

    The event loop has to run: it looks at the clock every few milliseconds.
    """

    def __init__(self) -> None:
        self._scheduler = schedulerOfThisThread()
        self._own = self._scheduler.clock
        self._now = self._looked = time.monotonic()
        self._scheduler.clock = self
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(_TICK_MS)

    def __call__(self) -> float:
        looked = time.monotonic()
        self._now += min(looked - self._looked, _MOST_S)
        self._looked = looked
        return self._now

    def stop(self) -> None:
        """Give the scheduler its own clock back."""
        self._timer.stop()
        self._scheduler.clock = self._own
        self._scheduler.fireDue()

    def _look(self) -> None:
        self()
