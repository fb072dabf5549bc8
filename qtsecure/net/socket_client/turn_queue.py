"""The costly steps of very many operations, a few on each turn of the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qtsecure.net.event_loop.forks import forgetsInChild
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["TurnQueue"]

_BUDGET_SECONDS = 0.002
"""For how long steps may follow one another; timers and windows have their turn then."""


class TurnQueue:
    """Calls functions from the event loop, in their order, a few on each turn."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._deferred = False
        forgetsInChild(self)

    def add(self, step: Callable[[], None]) -> None:
        """Call this one, too."""
        self._waiting.append(step)
        self._defer()

    def clear(self) -> None:
        """Call none of them."""
        self._waiting.clear()

    def _forgetParent(self) -> None:
        """See ``forks``."""
        self.clear()
        self._deferred = False

    def _defer(self) -> None:
        if not self._deferred:
            self._deferred = True
            schedulerOfThisThread().defer(self._run)

    def _run(self) -> None:
        self._deferred = False
        clock = schedulerOfThisThread().clock
        end = clock() + _BUDGET_SECONDS
        while self._waiting:
            step = self._waiting.popleft()
            if self._waiting:
                self._defer()  # this step may start an event loop, which has to serve the others, or raise
            step()
            if clock() >= end:
                return
