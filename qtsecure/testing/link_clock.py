"""Objects of this thread on a simulated link, whose clock becomes that of all timers here."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QCoreApplication

from qtsecure.testing.link import Carried, SimulatedLink

__all__ = ["Linked"]

_Self = TypeVar("_Self", bound="Linked[Any]")
_STEP = 0.05
"""Seconds that pass at most without a look at what is due."""


class Linked(Generic[Carried]):
    """A context in which the thread's timers run by the clock of a link.

    Args:
        link: The network.
    """

    def __init__(self, link: SimulatedLink[Carried]) -> None:
        from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

        self._link = link
        self._scheduler = schedulerOfThisThread()

    def __enter__(self: _Self) -> _Self:
        self._clock, self._offset = self._scheduler.clock, self._scheduler.clock() - self._link.now
        # What waits already keeps its distance.
        self._scheduler.clock = lambda: self._link.now + self._offset
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scheduler.clock = self._clock
        self._scheduler.fireDue()  # sets the timer anew, by the real clock

    def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Let simulated time pass until a condition holds; whether it did before the time was up.

        Args:
            until: The condition.
            seconds: How many simulated seconds it may take.
        """
        link = self._link
        end = link.now + seconds
        self._settle()
        while not until():
            if link.now >= end:
                return False
            arrival = link.nextDelivery()
            link.advance(min(link.now + _STEP, end, end if arrival is None else arrival))
            self._settle()
        return True

    def _settle(self) -> None:
        """Deliver and fire what is due, and let slots run."""
        self._deliverDue()
        self._scheduler.fireDue()
        QCoreApplication.processEvents()
        while self._scheduler.turn.isOver() or self._scheduler.tasks:
            # On a slow machine: the time that passes there is not the link's.
            QCoreApplication.processEvents()

    def _deliverDue(self) -> None:
        """Hand over what has arrived."""
        raise NotImplementedError
