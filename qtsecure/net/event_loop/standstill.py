"""Deadlines that come late because the process has stood still: stopped, swapped out, or busy in a slot.

What a peer has said in time may still wait in the kernel then, or has only just been read. So it is looked at before
a deadline counts, and a peer that has kept its time gets back what it could not use: once, and never more than it had
in the first place. Who drips bytes gains nothing by it, as long as our process runs.
"""

from __future__ import annotations

from qtsecure.net.event_loop.scheduler import Deadline

__all__ = ["TURN_MS", "hasStoodStill", "respite"]

TURN_MS = 50
"""In which the event loop brings what has waited, through whatever layers of Qt's or of the program's."""
_STANDSTILL = 0.1
"""Seconds. What comes later than this was kept from coming."""


def hasStoodStill(deadline: Deadline, now: float) -> bool:
    """Whether the deadline comes late."""
    return now - deadline.due >= _STANDSTILL


def respite(deadline: Deadline, now: float, most: float) -> float:
    """How much may be given back, in ms.

    Args:
        deadline: What has come.
        now: By the clock of its scheduler.
        most: How long it was, in ms; 0 or -1 when the program has lifted the limit meanwhile.
    """
    late = max((now - deadline.due) * 1000, TURN_MS)
    return min(late, most) if most > 0 else late
