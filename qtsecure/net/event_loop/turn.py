"""How long the connections of a thread may hold its event loop up at a time.

Qt serves all that is ready before it comes to its timers: a hundred handshakes that wait for one turn of its loop
would keep timers and windows waiting for a tenth of a second. So whoever serves connections stops when the time of
the turn is up, and goes on when the timers that were due have had their turn.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from shiboken6 import isValid

from qtsecure.errors import SecureError

__all__ = ["Turn"]

if TYPE_CHECKING:
    from qtsecure.net.event_loop.scheduler import Waker

_VARIABLE = "QTSECURE_REACTOR_BUDGET_MS"


def _seconds(milliseconds: str) -> float:
    try:
        seconds = float(milliseconds) / 1000
    except ValueError:
        seconds = -1.0
    if seconds >= 0:  # which not-a-number is not either
        return seconds
    raise SecureError(
        SecureError.Code.InvalidArgument, f"{_VARIABLE} must be a number of milliseconds, not {milliseconds!r}."
    )


_BUDGET = _seconds(os.environ.get(_VARIABLE, "8")) / 2
"""Of one turn: the reactor's and that of deferred calls may follow one another before the timers come."""
_PATIENCE = 0.1
"""So long timers may keep us waiting: a program may have a loop that does not look at them."""


class Turn:
    """The time of one turn of a thread's event loop."""

    def __init__(self, waker: Waker) -> None:
        self._waker = waker
        self._timer = QTimer(waker)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._goOn)
        self._over = False
        self._end = 0.0
        self._restsUntil = 0.0

    def isOver(self) -> bool:
        """Whether the time was up, and the timers have yet to come: whoever may wait waits."""
        if self._over and monotonic() >= self._restsUntil:
            self._goOn()
        return self._over

    def begin(self) -> float:
        """The event loop has come round; when to stop, in seconds of ``time.monotonic()``."""
        self._end = monotonic() + _BUDGET
        return self._end

    def hasTime(self) -> bool:
        """Whether a slot that Qt has called, as one of many perhaps, may work now; else it is to defer its work.

        The first one after a pause is deferred, too: whether the loop has waited or worked meanwhile cannot be seen.
        """
        if not self.isOver():
            if monotonic() < self._end:
                return True
            self.rest()
        return not self._over

    def rest(self) -> None:
        """The time is up: let the timers that are due go first."""
        if self._over or not isValid(self._waker):
            return
        self._over = True
        self._restsUntil = monotonic() + _PATIENCE
        self._timer.start(0)  # behind all that are due already
        if not self._waker.posted:
            self._waker.wake()  # GLib's dispatcher looks at timers after posted events, else when nothing is ready

    def _goOn(self) -> None:
        self._over = False
        self.begin()

    def stop(self) -> None:
        """The thread ends."""
        if isValid(self._timer):
            self._timer.stop()
        self._over = False
