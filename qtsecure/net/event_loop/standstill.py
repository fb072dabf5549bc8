"""Limits to somebody else's time, for a process that may stand still: stopped, swapped out, or busy in a slot.

What a peer has said in time may still wait in the kernel when the time is up, or has only just been read. So it is
looked at before a limit counts, and a peer that has kept its time gets back what it could not use: once, and never more
than it had in the first place. Who drips bytes gains nothing by it, as long as our process runs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType

from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread

__all__ = ["TURN_MS", "PeerDeadline"]

TURN_MS = 50
"""In which the event loop brings what has waited, through whatever layers of Qt's or of the program's."""
_STANDSTILL = 0.1
"""Seconds. What comes later than this was kept from coming."""


class PeerDeadline(Deadline):
    """A deadline that somebody else has to meet. Whoever sets it keeps it; else it never comes.

    While it is looked what has come, the limit stands, by as much as may be given back: whatever ends it, or makes it
    wait, does so.

    Args:
        milliseconds: From now on.
        over: A method to be called when the time is up; its object is kept weakly.
        look: Another method of the object. It is told when the time was up, by the clock of the scheduler, reads
            what has come, and says whether anything was read since that moment; None where nobody but the event loop
            can bring it, as without this method.
        most: How much may be given back, in ms: as long as the limit itself, unless this says so; 0 for any time.
    """

    __slots__ = ("__weakref__", "_isGiven", "_look", "_most", "_scheduler", "_timer")

    def __init__(
        self,
        milliseconds: float,
        over: Callable[[], None],
        look: Callable[[float], bool | None] | None = None,
        *,
        most: float | None = None,
    ) -> None:
        assert isinstance(over, MethodType)
        assert look is None or isinstance(look, MethodType)
        self._scheduler = schedulerOfThisThread()
        self._timer = self._scheduler.callLater(milliseconds, self.fire)
        super().__init__(self._timer.due, over)
        # Of the same object: not one more weak reference for every connection.
        self._look: Callable[[object, float], bool | None] | None = look.__func__ if look is not None else None
        self._most = milliseconds if most is None else most
        self._isGiven = False

    def cancel(self) -> None:
        """Never call; harmless when it is over."""
        super().cancel()
        self._timer.cancel()

    def fire(self) -> None:
        """The time is up: give some back, or call."""
        if not self.isPending:
            return
        now, due = self._scheduler.clock(), self.due
        isGiven, self._isGiven = self._isGiven, True
        self._timer.cancel()
        self._timer = self._scheduler.callLater(self._respite(now), self.fire)
        self.due = self._timer.due
        came = self._lookFor(due)
        if isGiven or came is False or (came and now - due < _STANDSTILL):
            self._timer.cancel()
            super().fire()  # which does nothing if it was cancelled meanwhile

    def _respite(self, now: float) -> float:
        late = max((now - self.due) * 1000, TURN_MS)
        return min(late, self._most) if self._most > 0 else late

    def _lookFor(self, due: float) -> bool | None:
        owner = self._object() if self._object is not None else None
        return self._look(owner, due) if self._look is not None and owner is not None else None
