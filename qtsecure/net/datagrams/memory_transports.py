"""Transports without a network: two ends in memory, and ends whose datagrams go wherever a function takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from weakref import ref

from shiboken6 import isValid

from qtsecure.net.datagram_transport import DatagramTransport
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["RelayedTransport", "memoryPair"]

_MOST_WAITING = 1024
"""Datagrams on their way; further ones are lost, as the network loses them."""


class RelayedTransport(DatagramTransport):
    """A transport that hands each datagram to a function.

    Args:
        relay: Gets each datagram; tells whether it was taken.
        name: Who is at the other end.
        mtu: The largest datagram; 0 for no limit.
    """

    def __init__(self, relay: Callable[[bytes], bool], name: str = "", mtu: int = 0) -> None:
        super().__init__()
        self._relay = relay
        self._name = name
        self._mtu = mtu

    def send(self, datagram: bytes) -> bool:
        return not self.isClosed() and self._relay(datagram)

    def mtuHint(self) -> int:
        return self._mtu

    def peerName(self) -> str:
        return self._name


class _MemoryEnd(RelayedTransport):
    """One end of a pair."""

    def __init__(self, name: str) -> None:
        super().__init__(self._carry, name)
        self._waiting: deque[bytes] = deque()
        self._posted = False
        self._other: Callable[[], _MemoryEnd | None] = lambda: None

    def _carry(self, datagram: bytes) -> bool:
        other = self._other()
        if other is None or not isValid(other) or other.isClosed() or len(other._waiting) >= _MOST_WAITING:
            return False
        other._waiting.append(datagram)
        if not other._posted:
            other._posted = True
            schedulerOfThisThread().defer(other._deliver)
        return True

    def _deliver(self) -> None:
        self._posted = False
        self.poll()

    def poll(self) -> None:
        for _ in range(len(self._waiting)):
            if not isValid(self) or self.isClosed() or not self._waiting:
                return
            self.datagramReceived.emit(self._waiting.popleft())


def memoryPair() -> tuple[DatagramTransport, DatagramTransport]:
    """Two ends that hold each other weakly."""
    first, second = _MemoryEnd("second end"), _MemoryEnd("first end")
    first._other, second._other = ref(second), ref(first)
    return first, second
