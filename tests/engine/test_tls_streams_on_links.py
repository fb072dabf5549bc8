"""The engine on a simulated connection: no socket, no Qt, no time but the link's."""

from __future__ import annotations

import random

import pytest

from qtsecure.engine.events import PeerClosed
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.stream_link import StreamLink
from tests.engine.support import VERSIONS, Pair, Side, Version, client_configuration, server_configuration

BIG = random.Random(1).randbytes(150_000)


class LinkedPair(Pair):
    """A client and a server stream with a link between them."""

    def __init__(self, pki: PublicKeyInfrastructure, link: StreamLink, version: Version) -> None:
        super().__init__(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version))
        self.link = link

    def side(self, end: str) -> Side:
        return self.client if end == "client" else self.server

    def carry(self) -> LinkedPair:
        """Let the time pass until nothing is on its way any more."""
        self._send()
        while (moment := self.link.nextDelivery()) is not None:
            self.link.advance(moment)
            for piece in self.link.deliveries():
                side = self.side(piece.to)
                if piece.ending is None:
                    side.stream.receive(piece.data)
                else:
                    side.stream.receive_end()
                side.drain()
                self._send()
        return self

    def _send(self) -> None:
        for end in ("client", "server"):
            side = self.side(end)
            side.settle()
            if data := side.take():
                self.link.send(end, data)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(5))
def test_any_segmentation(qtsecure_pki: PublicKeyInfrastructure, version: Version, seed: int) -> None:
    """Pieces of any size, some read together, at any moment: the same plaintext, and a clean end."""
    link = StreamLink(seed=seed, segments=(1, 300), coalesce=0.5, jitter=0.02, rate=100_000, stall=0.05)
    pair = LinkedPair(qtsecure_pki, link, version)
    pair.start()
    pair.carry()
    assert pair.client.completed
    assert pair.server.completed
    for side in pair.sides:
        for start in range(0, len(BIG), 20_000):
            side.stream.write(BIG[start : start + 20_000])
            link.send("client" if side is pair.client else "server", side.take())
    pair.carry()
    assert pair.client.plaintext == pair.server.plaintext == BIG
    pair.client.stream.close()
    pair.carry()
    assert pair.server.of(PeerClosed)
    assert pair.server.failure is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("offset", [0, 3, 5, 40, 150])
def test_damage_in_the_handshake(
    qtsecure_pki: PublicKeyInfrastructure, version: Version, end: str, offset: int
) -> None:
    """A bit of a record's header or of a hello: never complete with different ideas, never an exception."""
    for bit in range(0, 8, 2):
        link = StreamLink(segments=(1, 200))
        link.corruptAt(end, offset, bit)
        pair = LinkedPair(qtsecure_pki, link, version)
        pair.start()
        pair.carry()
        link.end("client")
        link.end("server")
        pair.carry()
        both = pair.client.completed and pair.server.completed
        assert not both or offset < 3  # the version of a record's header means nothing in a first hello
        if not both:
            assert pair.client.failure or pair.server.failure


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_is_told_from_an_end(qtsecure_pki: PublicKeyInfrastructure, version: Version) -> None:
    """Wherever the data are cut: what came is a prefix, and the stream says that more is missing."""
    for place in (1, 100, 17_000, 100_000):
        link = StreamLink(segments=(500, 1460))
        pair = LinkedPair(qtsecure_pki, link, version)
        pair.start()
        pair.carry()
        link.endAt("client", len(pair.client.sent) + place)
        for start in range(0, len(BIG), 20_000):
            pair.client.stream.write(BIG[start : start + 20_000])
            pair.carry()
        assert BIG.startswith(bytes(pair.server.plaintext))
        assert len(pair.server.plaintext) < len(BIG)
        assert pair.server.failure is not None
        assert not pair.server.stream.peer_closed_cleanly
