"""What simulated links have in common: two ends, a seed, a clock that the test moves, and what is on its way.

:class:`qtsecure.testing.datagram_link.DatagramLink` carries datagrams,
:class:`qtsecure.testing.stream_link.StreamLink` carries a stream as TCP does. Neither knows Qt, a
socket or the time of day, so both serve the engine as well as whole programs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

__all__ = ["Carried", "SimulatedLink"]

Carried = TypeVar("Carried")
"""What is carried: a datagram, a piece of a stream."""


@dataclass(kw_only=True)
class SimulatedLink(Generic[Carried]):
    """A link between two ends with names. Nothing happens by itself: the test lets the time pass.

    Attributes:
        seed: Decides all accidents.
        ends: The names of the ends.
        delay: Seconds from one end to the other.
        jitter: Up to so many seconds more.
        rate: Bytes per second in each direction, behind which later ones wait; 0 for no limit.
        corrupt: The probability that one bit of a datagram or segment is changed.
        tamper: Gets everything before it is carried and returns what is carried instead: for forging,
            and for losing certain things. It may call inject() as well.
        now: The time in seconds.
    """

    _PROBABILITIES: ClassVar[tuple[str, ...]] = ("corrupt",)
    _AMOUNTS: ClassVar[tuple[str, ...]] = ("delay", "jitter", "rate")

    seed: int = 0
    ends: tuple[str, str] = ("client", "server")
    delay: float = 0.005
    jitter: float = 0.0
    rate: float = 0.0
    corrupt: float = 0.0
    tamper: Callable[[Carried], Iterable[bytes]] | None = None
    now: float = 1000.0

    def __post_init__(self) -> None:
        for name in self._PROBABILITIES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a probability from 0 to 1, not {getattr(self, name)}.")
        for name in self._AMOUNTS:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, as {getattr(self, name)} is.")
        if len(set(self.ends)) != 2:
            raise ValueError(f"ends must be two different names, not {self.ends}.")
        self._queue: list[tuple[float, int, Carried]] = []
        self._order = 0
        self._wireFree = dict.fromkeys(self.ends, 0.0)

    def other(self, end: str) -> str:
        """The name of the other end; ValueError for what is no end of this link."""
        first, second = self.ends
        if end not in self.ends:
            raise ValueError(f"There is no end {end!r}; this link's are {first!r} and {second!r}.")
        return second if end == first else first

    def nextDelivery(self) -> float | None:
        """When the next thing arrives, or None when nothing is on its way."""
        return self._queue[0][0] if self._queue else None

    def advance(self, moment: float) -> None:
        """Let the time pass until a moment; it never goes back."""
        self.now = max(self.now, moment)

    def _arrived(self) -> list[Carried]:
        """What has arrived by now, in the order of its arrival."""
        arrived = []
        while self._queue and self._queue[0][0] <= self.now:
            arrived.append(heapq.heappop(self._queue)[2])
        return arrived

    def _transmission(self, sender: str, size: int) -> float:
        """Seconds from now until an end has sent so many bytes, behind what waits there already."""
        if not self.rate:
            return 0.0
        self._wireFree[sender] = max(self.now, self._wireFree[sender]) + size / self.rate
        return self._wireFree[sender] - self.now

    def _put(self, carried: Carried, moment: float) -> None:
        self._order += 1
        heapq.heappush(self._queue, (moment, self._order, carried))
