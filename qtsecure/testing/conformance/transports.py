"""DatagramTransports: by themselves, and as what DTLS runs over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from shiboken6 import isValid

from qtsecure.testing.conformance.datagrams import DatagramConformance, DatagramPair
from qtsecure.testing.conformance.ends import DatagramEnd
from qtsecure.testing.pki import PublicKeyInfrastructure

if TYPE_CHECKING:
    from qtsecure.net.datagram_transport import DatagramTransport
    from qtsecure.net.dtls_peer import DtlsPeer

    Peers = tuple[DtlsPeer, DtlsPeer]

__all__ = ["TransportConformance", "TransportEnd"]

_LEAST_MTU = 256


class TransportEnd(DatagramEnd):
    """A DatagramTransport that no peer uses.

    Args:
        transport: The transport.
        tellsEnd: Its other side hears of its end.
    """

    def __init__(self, transport: DatagramTransport, *, tellsEnd: bool) -> None:
        super().__init__()
        self.transport = transport
        self.tellsEnd = tellsEnd
        self._came: deque[bytes] = deque()
        transport.datagramReceived.connect(self._arrived)
        transport.closed.connect(self._closed)

    def send(self, data: bytes) -> bool:
        return self.transport.send(data)

    def receive(self) -> bytes | None:
        return self._came.popleft() if self._came else None

    def largest(self) -> int:
        return self.transport.mtuHint()

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        if isValid(self.transport):
            self.transport.close()

    def isOver(self) -> bool:
        return self.transport.isClosed()

    def _closed(self) -> None:
        self.told.append("closed")

    def _arrived(self, datagram: bytes) -> None:
        if len(datagram):
            self._came.append(bytes(datagram))
            self._react()


class TransportConformance(DatagramConformance):
    """Checks transports for DtlsPeer; derive from it and define the fixture ``transports``.

    All of DatagramConformance, and DTLS over them.

    Attributes:
        tellsEnd: The end of one transport is the end of the other, as with a stream below; not so with UDP.
    """

    tellsEnd = False

    @pytest.fixture
    def transports(self) -> tuple[DatagramTransport, DatagramTransport]:
        """A connected pair. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'transports' that gives two of them.")

    @pytest.fixture
    def datagrams(self, transports: tuple[DatagramTransport, DatagramTransport]) -> DatagramPair:
        """The transports themselves."""
        first, second = (TransportEnd(transport, tellsEnd=self.tellsEnd) for transport in transports)
        return first, second

    @pytest.fixture
    def peers(
        self, transports: tuple[DatagramTransport, DatagramTransport], qtsecure_pki: PublicKeyInfrastructure
    ) -> Iterator[Peers]:
        """A client and a server's end over the transports, encrypted."""
        from qtsecure.net.dtls_peer import DtlsPeer
        from qtsecure.net.servers.dtls_server import DtlsServer
        from qtsecure.net.values import TlsOptions

        below, above = transports
        client, server = DtlsPeer(), DtlsServer()
        identity = qtsecure_pki.server
        result = server.setup(TlsOptions.server(identity.privateKey, list(identity.chain)))
        assert result is DtlsPeer.Result.Ok, server.errorString()
        taken: list[DtlsPeer] = []

        def take() -> None:
            if (peer := server.takeConnection(above)) is not None:
                taken.append(peer)

        above.datagramReceived.connect(take)
        result = client.connectToPeer(below, "localhost", TlsOptions.client(qtsecure_pki.ca.certificate))
        assert result is DtlsPeer.Result.Ok, client.errorString()
        self.waitFor(
            lambda: client.isEncrypted() and bool(taken) and taken[-1].isEncrypted(), "The handshake did not complete"
        )
        yield client, taken[-1]
        for each in (client, taken[-1]):
            if isValid(each):
                each.abort()
        server.close()
        self.settle()

    def test_its_facts(self, transports: tuple[DatagramTransport, DatagramTransport]) -> None:
        """Of the right kind, and harmless to ask."""
        for transport in transports:
            hint = transport.mtuHint()
            assert isinstance(hint, int)
            assert hint == 0 or hint >= _LEAST_MTU, f"mtuHint() is {hint}; DTLS needs {_LEAST_MTU} bytes, 0 is unknown."
            assert isinstance(transport.peerName(), str)
            assert isinstance(transport.lastError(), int)
            assert not transport.isClosed()
            transport.poll()

    def test_close_is_told_by_its_signal(self, ends: DatagramPair) -> None:
        """Once, whoever calls it how often."""
        ends[0].close()
        ends[0].close()
        self.settle()
        assert ends[0].told == ["closed"], "close() has to call DatagramTransport.close(), which emits closed."

    def test_dtls_over_them(self, transports: tuple[DatagramTransport, DatagramTransport], peers: Peers) -> None:
        """A handshake, messages of all sizes in both directions, and a clean end that leaves the transports open."""
        first, second = peers
        for sender, receiver in ((first, second), (second, first)):
            for size in (1, 100, sender.maxDatagramSize()):
                message = bytes(number % 251 for number in range(size))
                assert sender.writeDatagram(message) == size, sender.errorString()
                self.waitFor(receiver.hasPendingDatagrams, f"A message of {size} bytes did not come")
                assert receiver.readDatagram() == message
        first.close()
        over = second.Status.Disconnected
        self.waitFor(lambda: second.status() is over, "The other peer does not see the end")
        assert second.error() is None, f"A clean end was reported as a failure: {second.errorString()}"
        assert not transports[0].isClosed(), "The end of an association has closed the transport."

    def test_the_end_of_a_transport_ends_dtls(
        self, transports: tuple[DatagramTransport, DatagramTransport], peers: Peers
    ) -> None:
        """With one error, not as a clean end."""
        errors: list[object] = []
        peers[0].errorOccurred.connect(errors.append)
        transports[0].close()
        self.waitFor(lambda: peers[0].error() is not None, "The peer does not see that its transport was closed")
        self.settle()
        assert len(errors) == 1

    def test_one_peer_at_a_time(
        self,
        transports: tuple[DatagramTransport, DatagramTransport],
        peers: Peers,
        qtsecure_pki: PublicKeyInfrastructure,
    ) -> None:
        """A second one is refused, and disturbs nothing."""
        from qtsecure.net.dtls_peer import DtlsPeer
        from qtsecure.net.values import TlsOptions

        other = DtlsPeer()
        options = TlsOptions.client(qtsecure_pki.ca.certificate)
        assert other.connectToPeer(transports[0], "localhost", options) is not DtlsPeer.Result.Ok
        peers[0].writeDatagram(b"still here")
        self.waitFor(peers[1].hasPendingDatagrams, "The association was disturbed")
