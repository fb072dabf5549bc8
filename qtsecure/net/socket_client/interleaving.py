"""In which order the addresses of both families are tried, and when (RFC 8305, sections 3 and 4); no Qt, no clock."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["Family", "Interleaving"]

_Address = TypeVar("_Address")


class Family(enum.Enum):
    """The two that take turns."""

    V4 = "IPv4"
    V6 = "IPv6"

    def other(self) -> Family:
        """The other one."""
        return Family.V4 if self is Family.V6 else Family.V6


class Interleaving(Generic[_Address]):
    """Merges the answers for both families, whenever they come: IPv6 first, then in turns.

    Args:
        families: Those that were asked for.
        resolutionDelay: How long the first answer waits for a better one, in ms.
    """

    def __init__(self, families: Iterable[Family], resolutionDelay: int) -> None:
        self._unanswered = set(families)
        self._queues: dict[Family, deque[_Address]] = {family: deque() for family in Family}
        self._delay = resolutionDelay / 1000
        self._last: Family | None = None
        self._waitsUntil: float | None = None

    def answered(self, family: Family, addresses: Iterable[_Address], now: float) -> None:
        """The answer for a family; an empty one if it failed."""
        self._unanswered.discard(family)
        self._queues[family].extend(addresses)
        if self._waitsUntil is None and self._last is None and self._queues[Family.V4]:
            self._waitsUntil = now + self._delay

    def take(self, now: float) -> _Address | None:
        """The next address to try; None if there is none yet, or none any more."""
        if self.waitsUntil(now) is not None:
            return None
        family = Family.V6 if self._last is None else self._last.other()
        if not self._queues[family]:
            family = family.other()
        if not self._queues[family]:
            return None
        self._last = family
        return self._queues[family].popleft()

    def waitsUntil(self, now: float) -> float | None:
        """When take() should be called anew, if IPv4 addresses wait for the better ones; else None."""
        waits = self._last is None and Family.V6 in self._unanswered and bool(self._queues[Family.V4])
        return self._waitsUntil if waits and self._waitsUntil is not None and now < self._waitsUntil else None

    @property
    def isComplete(self) -> bool:
        """Whether every answer has come and every address was taken."""
        return not self._unanswered and not any(self._queues.values())
