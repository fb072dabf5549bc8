"""The simulated bad network as a pair of transports for DtlsPeer and DtlsServer, timers included.

Example:
    A client and a server's end, on a network that loses every fifth datagram::

        with LinkedTransports(DatagramLink(seed=1, loss=0.2)) as linked:
            linked.server.datagramReceived.connect(lambda: taken.append(server.takeConnection(linked.server)))
            client.connectToPeer(linked.client, "localhost", options)
            assert linked.run(client.isEncrypted, seconds=10)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shiboken6 import isValid

from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.link_clock import Linked

if TYPE_CHECKING:
    from qtsecure.net.datagram_transport import DatagramTransport

__all__ = ["LinkedTransports"]


class LinkedTransports(Linked[LinkedDatagram]):
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

        super().__init__(link)
        self.link = link

        def transport(end: str) -> DatagramTransport:
            def relay(datagram: bytes) -> bool:
                link.send(end, datagram)
                return True

            return RelayedTransport(relay, link.other(end), link.mtu)

        first, second = link.ends
        self.client, self.server = transport(first), transport(second)
        self._ends = {first: self.client, second: self.server}

    def _deliverDue(self) -> None:
        for datagram in self.link.deliveries():
            if isValid(transport := self._ends[datagram.to]) and not transport.isClosed():
                transport.datagramReceived.emit(datagram.data)
