"""R11, R12: each single datagram of a DTLS handshake is lost, comes twice or late, or is damaged."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from qtsecure.engine.events import HandshakeCompleted
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network
from tests.figures import Figure
from tests.reliability.test_r09_dtls_forgery import alive, networks

WRONGLY_COMPLETE = "damaged handshakes that are wrongly complete"
SILENT = "damaged handshakes that end without a reason"
KINDS = ("certificate", "no cookies", "client certificate", "key", "resumption")


class Accident:
    """Does something to the n-th datagram of a sender, once."""

    def __init__(self, link: DatagramLink, sender: str, number: int, what: str) -> None:
        self.link, self.sender, self.number, self.what = link, sender, number, what
        self.happened = False
        self._late: bytes | None = None
        link.tamper = self._tamper

    def _tamper(self, datagram: LinkedDatagram) -> Iterable[bytes]:
        if datagram.sender != self.sender:
            return [datagram.data]
        if self._late is not None:
            late, self._late = self._late, None
            return [datagram.data, late]
        if datagram.number != self.number:
            return [datagram.data]
        self.happened = True
        if self.what == "twice":
            return [datagram.data, datagram.data]
        if self.what == "swapped":
            self._late = datagram.data
        return []


@pytest.mark.figure("R11")
@pytest.mark.parametrize("mtu", [1200, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_each_datagram(qtsecure_pki: PublicKeyInfrastructure, figure: Figure, kind: str, mtu: int) -> None:
    """Whichever datagram it is and whatever happens to it, the handshake completes."""
    make, resumed = networks(qtsecure_pki)[kind], kind == "resumption"
    cells = 0
    failures = []
    slowest = 0.0
    for sender in ("client", "server"):
        for what in ("lost", "twice", "swapped"):
            number = 0
            while True:
                link = DatagramLink()
                accident = Accident(link, sender, number, what)
                network: Network = make(link, mtu=mtu).handshake(10)
                slowest = max(slowest, link.now - 1000)
                if not accident.happened:
                    network.client.association.close(link.now)  # type: ignore[union-attr]  # it has one by now
                    break
                cells += 1
                number += 1
                client = network.client.association
                assert client is not None
                if not alive(network) or client.session_reused() != resumed:
                    failures.append((sender, what, number, network.client.events, network.server.events))
                client.close(link.now)
    figure.none("handshakes that fail", len(failures), cells, f"{kind}, {mtu} bytes")
    figure.atMost("slowest of the others", slowest, 10, "s", variant=f"{kind}, {mtu} bytes")
    assert failures == []
    assert cells >= 12


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A bit changed, or the end cut off."""
    if chance.random() < 0.3:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.figure("R12")
@pytest.mark.timeout(600)
def test_damaged_datagrams(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Nothing crashes, nothing hangs, and "complete" means that both ends understand each other."""
    makers = networks(qtsecure_pki)
    count = figure.size(600, 8000)
    completed = silent = 0
    wrong = []
    for _ in range(count):
        seed = figure.chance.getrandbits(32)
        chance = random.Random(seed)
        sender, number = chance.choice(("client", "server")), chance.randrange(4)
        link = DatagramLink(seed=seed)

        def tamper(
            datagram: LinkedDatagram, sender: str = sender, number: int = number, chance: random.Random = chance
        ) -> list[bytes]:
            hit = (datagram.sender, datagram.number) == (sender, number)
            return [damaged(datagram.data, chance) if hit else datagram.data]

        link.tamper = tamper
        network = makers[chance.choice(KINDS)](link).handshake(30)
        if any(end.of(HandshakeCompleted) for end in network.ends) and not network.client.failure:
            network.run(5)
            completed += 1
            link.tamper = None
            if not alive(network):
                wrong.append(seed)
        else:
            assert network.client.association is not None
            network.client.association.give_up(link.now)
            network.run(0)
            network.client.settle(link.now)
            silent += network.client.failure is None
    figure.none(WRONGLY_COMPLETE, len(wrong), count, "DTLS 1.2")
    figure.none(SILENT, silent, count, "DTLS 1.2")
    # The others: what names an issuer or a key is believed, and reported as such.
    figure.atLeast("DTLS handshakes that complete all the same", 100 * completed / count, 98, "%")
    assert wrong == []
