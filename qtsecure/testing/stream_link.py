"""A bad network for TCP's streams: cuts, joins, delays, stalls, damages, halves and resets them, on a clock of its own.

Nothing is lost, doubled or overtaken: TCP repeats what is lost, which its user sees as a stall. All
accidents of a direction follow from the seed and the offsets of its bytes, whatever the other direction
does and however the bytes were divided into writes.

Example:
    A server's answer that breaks off in the middle::

        link = StreamLink(seed=1, segments=(1, 200), coalesce=0.3)
        link.resetAt("server", 1000)
        link.send("server", bytes(5000))
        while (moment := link.nextDelivery()) is not None:
            link.advance(moment)
            for piece in link.deliveries():
                print(piece.to, len(piece.data), piece.ending)
"""

from __future__ import annotations

import enum
import heapq
import random
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

from qtsecure.testing.link import SimulatedLink

__all__ = ["LinkedPiece", "StreamCounters", "StreamEnding", "StreamLink"]


class StreamEnding(enum.Enum):
    """How a direction ends."""

    End = "no more bytes will come (FIN)"
    Reset = "the connection is broken (RST)"


@dataclass(frozen=True)
class LinkedPiece:
    """What is read at once: some bytes, or the end."""

    sender: str
    to: str
    data: bytes
    offset: int
    """How many bytes its sender had sent before."""
    ending: StreamEnding | None = None
    """Why there are no bytes."""
    joins: bool = False
    """It is read together with the piece before, if that is there as well."""


@dataclass
class StreamCounters:
    """What happened to the bytes."""

    sent: int = 0
    delivered: int = 0
    segments: int = 0
    joined: int = 0
    stalled: int = 0
    corrupted: int = 0
    vanished: int = 0
    """Bytes that nobody will get: sent behind an end or a reset."""


@dataclass(kw_only=True)
class StreamLink(SimulatedLink[LinkedPiece]):
    """A connection that carries a stream in each direction.

    Attributes:
        segments: The smallest and the largest segment, in bytes; sizes are random between them.
        coalesce: The probability that a segment is read together with the one before, if both are there.
        stall: The probability that a segment, and all behind it, comes later than it should.
        stallTime: By how many seconds.
        reset: The probability that the network breaks the connection before a segment.
        window: So many bytes are on their way in each direction at most; 0 for no limit.
        counters: What has happened so far.
    """

    _PROBABILITIES: ClassVar[tuple[str, ...]] = (*SimulatedLink._PROBABILITIES, "coalesce", "stall", "reset")
    _AMOUNTS: ClassVar[tuple[str, ...]] = (*SimulatedLink._AMOUNTS, "stallTime", "window")

    segments: tuple[int, int] = (1460, 1460)
    coalesce: float = 0.0
    stall: float = 0.0
    stallTime: float = 1.0
    reset: float = 0.0
    window: int = 0
    counters: StreamCounters = field(default_factory=StreamCounters)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.segments[0] <= self.segments[1]:
            raise ValueError(f"segments must be the smallest and the largest size in bytes, not {self.segments}.")
        self._ways = {end: _Way(f"{self.seed} {number}") for number, end in enumerate(self.ends)}
        self._deaf: set[str] = set()

    # ----------------------------------------------------------------------- what the ends do

    def send(self, sender: str, data: bytes) -> int:
        """Send bytes from an end to the other.

        Returns:
            How many were taken: all, unless there is a ``window``.

        Raises:
            ValueError: This end has ended its direction.
        """
        way = self._way(sender)
        if way.ended:
            raise ValueError(f"sender: {sender} has ended its direction; nothing can follow.")
        taken = data if not self.window else data[: max(0, self.window - way.onTheWay)]
        self.counters.sent += len(taken)
        rest = memoryview(taken)
        while rest:
            self._meet(sender, way)
            if way.silent:
                self.counters.vanished += len(rest)
                break
            size = min(len(rest), way.nextCut() - way.offset)
            self._carry(sender, way, bytes(rest[:size]))
            rest = rest[size:]
        return len(taken)

    def onTheWay(self, sender: str) -> int:
        """How many bytes of an end have not arrived."""
        return self._way(sender).onTheWay

    def end(self, sender: str) -> None:
        """End the direction of an end (half a close); harmless when it has ended."""
        way = self._way(sender)
        if not way.ended and not way.silent:
            self._putEnding(sender, way, StreamEnding.End)
        way.ended = True

    def abort(self, sender: str) -> None:
        """Break the connection: the other end is told, and this one hears nothing any more."""
        way = self._way(sender)
        if not way.silent:
            self._putEnding(sender, way, StreamEnding.Reset)
        way.ended = True
        for each in self._ways.values():
            each.silent = True
        self._deaf.add(sender)

    def inject(self, to: str, data: bytes) -> None:
        """Forge bytes behind what the other end has sent; nothing happens to them on their way."""
        sender = self.other(to)
        way = self._ways[sender]
        self._put(LinkedPiece(sender, to, data, way.offset), self._arrival(sender, way, 0))
        way.onTheWay += len(data)

    def deliveries(self) -> list[LinkedPiece]:
        """What can be read by now, in the order of its arrival."""
        read: list[tuple[LinkedPiece, list[bytes]]] = []
        last: dict[str, list[bytes]] = {}
        for piece in self._arrived():
            self._ways[piece.sender].onTheWay -= len(piece.data)
            if piece.to in self._deaf:
                self.counters.vanished += len(piece.data)
                continue
            self.counters.delivered += len(piece.data)
            before = last.get(piece.sender)
            if piece.joins and before is not None:
                self.counters.joined += 1
                before.append(piece.data)
                continue
            last[piece.sender] = [piece.data]
            read.append((piece, last[piece.sender]))
        return [piece if len(parts) == 1 else replace(piece, data=b"".join(parts)) for piece, parts in read]

    # ------------------------------------------------------------------- accidents at a place

    def corruptAt(self, sender: str, offset: int, bit: int = 0) -> None:
        """Change one bit of a byte that an end will send, counted from its first one."""
        if not 0 <= bit <= 7:
            raise ValueError(f"bit must be 0 to 7, not {bit}.")
        self._way(sender).plan(offset, _Accident.Corrupt, bit)

    def stallAt(self, sender: str, offset: int, seconds: float) -> None:
        """Let this byte of an end, and all behind it, come so much later."""
        if seconds < 0:
            raise ValueError(f"seconds must not be negative, as {seconds} is.")
        self._way(sender).plan(offset, _Accident.Stall, seconds)

    def endAt(self, sender: str, offset: int) -> None:
        """Cut the stream of an end off here, as if it had ended; what it sends from there on vanishes."""
        self._way(sender).plan(offset, _Accident.End)

    def resetAt(self, sender: str, offset: int) -> None:
        """Break the connection when an end comes to this byte; both ends are told."""
        self._way(sender).plan(offset, _Accident.Reset)

    # -------------------------------------------------------------------------------- inside

    def _way(self, end: str) -> _Way:
        self.other(end)  # refuses a wrong name
        return self._ways[end]

    def _meet(self, sender: str, way: _Way) -> None:
        """Whatever is to happen before the next byte."""
        if way.offset == way.segmentEnd:
            self._beginSegment(way)
        while (planned := way.due()) is not None:
            if planned.accident is _Accident.Corrupt:
                way.flips ^= 1 << int(planned.amount)
            elif planned.accident is _Accident.Stall:
                self.counters.stalled += 1
                way.lateness += planned.amount
            else:
                self._breakOff(sender, way, planned.accident)
                return

    def _beginSegment(self, way: _Way) -> None:
        chance = way.random.random
        size = way.random.randint(*self.segments)
        way.segmentEnd = way.offset + size
        way.joins = chance() < self.coalesce
        way.lateness = chance() * self.jitter
        if chance() < self.corrupt:
            way.plan(way.offset + way.random.randrange(size), _Accident.Corrupt, way.random.randrange(8))
        if chance() < self.stall:
            way.plan(way.offset, _Accident.Stall, self.stallTime)
        if chance() < self.reset:
            way.plan(way.offset, _Accident.Reset)
        self.counters.segments += 1

    def _breakOff(self, sender: str, way: _Way, accident: _Accident) -> None:
        if accident is _Accident.End:
            self._putEnding(sender, way, StreamEnding.End)
            way.silent = True
            return
        for end, each in self._ways.items():
            if not each.silent:
                self._putEnding(end, each, StreamEnding.Reset)
            each.silent = True

    def _carry(self, sender: str, way: _Way, data: bytes) -> None:
        if way.flips:
            self.counters.corrupted += way.flips.bit_count()
            data, way.flips = bytes((data[0] ^ way.flips, *data[1:])), 0
        piece = LinkedPiece(sender, self.other(sender), data, way.offset, joins=way.joins)
        arrival = self._arrival(sender, way, len(data))
        way.joins = True  # what is left of this segment
        way.offset += len(data)
        for carried in (data,) if self.tamper is None else tuple(self.tamper(piece)):
            self._put(replace(piece, data=carried), arrival)
            way.onTheWay += len(carried)

    def _arrival(self, sender: str, way: _Way, size: int) -> float:
        """When it arrives: never before what was sent before."""
        departure = self.now + self._transmission(sender, size)
        way.latest = max(way.latest, departure + self.delay + way.lateness)
        way.lateness = 0.0
        return way.latest

    def _putEnding(self, sender: str, way: _Way, ending: StreamEnding) -> None:
        piece = LinkedPiece(sender, self.other(sender), b"", way.offset, ending)
        self._put(piece, self._arrival(sender, way, 0))


class _Accident(enum.IntEnum):
    """In the order in which those at one place happen."""

    Stall = 0
    End = 1
    Reset = 2
    Corrupt = 3


class _Planned(NamedTuple):
    offset: int
    accident: _Accident
    amount: float


class _Way:
    """One direction: how far it has come, and what awaits it."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - accidents are no secrets
        self.offset = 0
        self.segmentEnd = 0
        self.joins = False
        self.lateness = 0.0
        self.latest = 0.0
        self.flips = 0
        self.onTheWay = 0
        self.ended = False
        self.silent = False
        self._plans: list[_Planned] = []

    def plan(self, offset: int, accident: _Accident, amount: float = 0) -> None:
        if offset < self.offset:
            raise ValueError(f"offset: {offset} has gone by; {self.offset} bytes were sent already.")
        heapq.heappush(self._plans, _Planned(offset, accident, amount))

    def due(self) -> _Planned | None:
        """What is to happen before the next byte."""
        return heapq.heappop(self._plans) if self._plans and self._plans[0].offset <= self.offset else None

    def nextCut(self) -> int:
        """How far a piece may reach."""
        return min(self.segmentEnd, self._plans[0].offset) if self._plans else self.segmentEnd
