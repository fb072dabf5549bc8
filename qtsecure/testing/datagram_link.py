"""A bad network for tests: loses, repeats, reorders, delays, damages and cuts off datagrams, on a clock of its own.

Everything follows from the seed, so a test that fails once fails again. Time passes only when the
test says so: a handshake that takes 20 simulated seconds takes as long as its computations.

Example:
    Two ends that send each other something::

        link = DatagramLink(seed=1, loss=0.1, delay=0.005)
        link.send("client", b"ping")
        while (moment := link.nextDelivery()) is not None:
            link.advance(moment)
            for datagram in link.deliveries():
                print(datagram.to, datagram.data)
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import ClassVar

from qtsecure.testing.link import SimulatedLink

__all__ = ["DatagramLink", "LinkCounters", "LinkedDatagram"]


@dataclass(frozen=True)
class LinkedDatagram:
    """A datagram on its way."""

    sender: str
    to: str
    data: bytes
    number: int
    """How many datagrams its sender had sent before."""


@dataclass
class LinkCounters:
    """What happened to the datagrams."""

    sent: int = 0
    lost: int = 0
    tooLarge: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    delivered: int = 0


@dataclass(kw_only=True)
class DatagramLink(SimulatedLink[LinkedDatagram]):
    """A link that carries datagrams between two ends with names.

    Attributes:
        loss: The probability that a datagram is lost.
        duplicate: The probability that it arrives twice.
        reorder: The probability that it is overtaken by later ones.
        mtu: Larger datagrams vanish; 0 for no limit.
        counters: What has happened so far.
    """

    _PROBABILITIES: ClassVar[tuple[str, ...]] = (*SimulatedLink._PROBABILITIES, "loss", "duplicate", "reorder")
    _AMOUNTS: ClassVar[tuple[str, ...]] = (*SimulatedLink._AMOUNTS, "mtu")

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    mtu: int = 0
    counters: LinkCounters = field(default_factory=LinkCounters)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._random = random.Random(self.seed)  # noqa: S311 - accidents are no secrets
        self._numbers = dict.fromkeys(self.ends, 0)

    def send(self, sender: str, data: bytes) -> None:
        """Send a datagram from an end to the other."""
        self.counters.sent += 1
        datagram = LinkedDatagram(sender, self.other(sender), data, self._numbers[sender])
        self._numbers[sender] += 1
        for carried in (data,) if self.tamper is None else tuple(self.tamper(datagram)):
            self._carry(LinkedDatagram(sender, datagram.to, carried, datagram.number))

    def inject(self, to: str, data: bytes, delay: float = 0.0) -> None:
        """Deliver a datagram that the other end has not sent; nothing happens to it on its way."""
        if delay < 0:
            raise ValueError(f"delay must not be negative, as {delay} is.")
        self._put(LinkedDatagram(self.other(to), to, data, -1), self.now + delay)

    def deliveries(self) -> list[LinkedDatagram]:
        """The datagrams that have arrived by now, in the order of their arrival."""
        arrived = self._arrived()
        self.counters.delivered += len(arrived)
        return arrived

    def _carry(self, datagram: LinkedDatagram) -> None:
        chance = self._random.random
        if self.mtu and len(datagram.data) > self.mtu:
            self.counters.tooLarge += 1
            return
        departure = self.now + self._transmission(datagram.sender, len(datagram.data))
        if chance() < self.loss:
            self.counters.lost += 1
            return
        if datagram.data and chance() < self.corrupt:
            self.counters.corrupted += 1
            data = bytearray(datagram.data)
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            datagram = LinkedDatagram(datagram.sender, datagram.to, bytes(data), datagram.number)
        arrival = departure + self.delay + chance() * self.jitter
        if chance() < self.reorder:
            self.counters.reordered += 1
            arrival += (0.5 + chance()) * max(self.delay, 0.001)
        self._put(datagram, arrival)
        if chance() < self.duplicate:
            self.counters.duplicated += 1
            self._put(datagram, arrival + chance() * max(self.delay, 0.001))
