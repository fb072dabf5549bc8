"""The simulated bad network as a pair of transports for DtlsPeer and DtlsServer, timers included.

Example:
    A client and a server's end, on a network that loses every fifth datagram::

        with LinkedTransports(DatagramLink(seed=1, loss=0.2)) as linked:
            linked.server.datagramReceived.connect(lambda: taken.append(server.takeConnection(linked.server)))
            client.connectToPeer(linked.client, "localhost", options)
            assert linked.run(client.isEncrypted, seconds=10)
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QCoreApplication

from qtsecure.testing.datagram_link import DatagramLink

if TYPE_CHECKING:
    from qtsecure.net.datagram_transport import DatagramTransport

__all__ = ["LinkedTransports"]

_Self = TypeVar("_Self", bound="LinkedTransports")
_STEP = 0.05
"""Seconds that pass at most without a look at what is due."""


class LinkedTransports:
    """A context in which the thread's timers run by the clock of a DatagramLink.

    Args:
        link: The network.

    Attributes:
        link: The same.
        client: The transport at the link's first end.
        server: The transport at its second end.
    """

    def __init__(self, link: DatagramLink) -> None:
        from qtsecure.net.datagrams.memory_transports import RelayedTransport
        from qtsecure.net.scheduler import schedulerOfThisThread

        self.link = link
        self._scheduler = schedulerOfThisThread()

        def transport(end: str) -> DatagramTransport:
            def relay(datagram: bytes) -> bool:
                link.send(end, datagram)
                return True

            return RelayedTransport(relay, link.other(end), link.mtu)

        first, second = link.ends
        self.client, self.server = transport(first), transport(second)
        self._ends = {first: self.client, second: self.server}

    def __enter__(self: _Self) -> _Self:
        self._clock, self._offset = self._scheduler.clock, self._scheduler.clock() - self.link.now
        # What waits already keeps its distance.
        self._scheduler.clock = lambda: self.link.now + self._offset
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
        end = self.link.now + seconds
        self._settle()
        while not until():
            if self.link.now >= end:
                return False
            arrival = self.link.nextDelivery()
            self.link.advance(min(self.link.now + _STEP, end, end if arrival is None else arrival))
            self._settle()
        return True

    def _settle(self) -> None:
        """Deliver and fire what is due, and let slots run."""
        for datagram in self.link.deliveries():
            self._ends[datagram.to].datagramReceived.emit(datagram.data)
        self._scheduler.fireDue()
        QCoreApplication.processEvents()
