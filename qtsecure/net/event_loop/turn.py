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
        return float(milliseconds) / 1000
    except ValueError:
        raise SecureError(
            SecureError.Code.InvalidArgument, f"{_VARIABLE} must be a number of milliseconds, not {milliseconds!r}."
        ) from None


_BUDGET = _seconds(os.environ.get(_VARIABLE, "8"))


class Turn:
    """The time of one turn of a thread's event loop.

    Attributes:
        isOver: The time is up, and the timers have yet to come: whoever may wait waits.
    """

    def __init__(self, waker: Waker) -> None:
        self.isOver = False
        self._waker = waker
        self._timer: QTimer | None = None
        self._end = 0.0

    def begin(self) -> float:
        """The event loop has come round; when to stop, in seconds of ``time.monotonic()``."""
        self._end = monotonic() + _BUDGET
        return self._end

    def hasTime(self) -> bool:
        """Whether a slot that Qt has called, as one of many perhaps, may work now; else it is to defer its work."""
        if self.isOver:
            return False
        now = monotonic()
        if now >= self._end:
            if now < self._end + _BUDGET:
                self.rest()
                return not self.isOver
            self._end = now + _BUDGET  # the loop has waited meanwhile
        return True

    def rest(self) -> None:
        """The time is up: let the timers that are due go first."""
        if self.isOver or not isValid(self._waker):
            return
        if self._timer is None:
            self._timer = QTimer(self._waker)
            self._timer.setSingleShot(True)
            self._timer.timeout.connect(self._goOn)
        self.isOver = True
        self._timer.start(0)  # behind all that are due already
        if not self._waker.posted:
            self._waker.wake()  # GLib's dispatcher looks at timers after posted events, else when nothing is ready

    def _goOn(self) -> None:
        self.isOver = False
        self.begin()

    def stop(self) -> None:
        """The thread ends."""
        if self._timer is not None and isValid(self._timer):
            self._timer.stop()
        self.isOver = False
