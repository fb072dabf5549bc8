"""Whatever arrives, and in whatever state: nothing is raised, nothing is leaked, nothing is believed."""

from __future__ import annotations

import gc
import random
import weakref

import pytest

from qtsecure.engine.dtls import DtlsAssociation, DtlsListener
from qtsecure.engine.events import HandshakeCompleted
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import CLIENT_ADDRESS, dtls_client, dtls_server, plain_network


def recorded_handshake(pki: PublicKeyInfrastructure) -> list[LinkedDatagram]:
    """Everything that is sent in a handshake, and a message each way."""
    sent: list[LinkedDatagram] = []
    network = plain_network(pki, mtu=500)

    def note(datagram: LinkedDatagram) -> list[bytes]:
        sent.append(datagram)
        return [datagram.data]

    network.link.tamper = note
    network.established()
    network.say(b"x" * 100)
    network.say(b"y" * 100, from_server=True)
    return sent


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Changed, cut, doubled, or with other bytes inside."""
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        kind = chance.randrange(5)
        position = chance.randrange(len(changed) or 1)
        if kind == 0 and changed:
            changed[position] = chance.randrange(256)
        elif kind == 1:
            del changed[position:]
        elif kind == 2:
            changed[position:position] = chance.randbytes(chance.randrange(20))
        elif kind == 3:
            changed += changed[:position]
        elif len(changed) > 25:
            # The header of a record or fragment, where it hurts.
            changed[chance.randrange(25)] = chance.choice((0, 1, 2, 20, 21, 22, 23, 254, 255))
    return bytes(changed)


@pytest.mark.parametrize("rounds", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutated_handshakes(pki: PublicKeyInfrastructure, engine_path: str, rounds: int) -> None:
    """Associations in every state get mutations of everything that is ever sent."""
    corpus = [datagram.data for datagram in recorded_handshake(pki)]
    for seed in range(rounds):
        chance = random.Random(seed)
        network = plain_network(pki, DatagramLink(seed=seed, jitter=0.002), mtu=500).start()
        network.run(chance.choice((0, 0.006, 0.011, 0.016, 0.021, 0.1)))
        for _ in range(50):
            network.deliver(chance.choice(network.link.ends), mutated(chance.choice(corpus), chance))
            network.run(chance.choice((0, 0, 0.003, 0.1)))
        assert b"x" * 100 not in network.server.messages
        assert b"y" * 100 not in network.client.messages
        for end in network.ends:
            assert len(end.of(HandshakeCompleted)) <= 1 + len(end.replaced)


def test_random_datagrams(pki: PublicKeyInfrastructure) -> None:
    """Noise of any length, into a client, a listener and an established pair."""
    chance = random.Random(1)
    network = plain_network(pki).established()
    listener = DtlsListener(dtls_server(pki.server))
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.start(0)
    for _ in range(3000):
        noise = chance.randbytes(chance.choice((0, 1, 12, 13, 14, 25, 100, 2000)))
        if chance.random() < 0.7:
            noise = bytes((chance.choice((20, 21, 22, 23)), 0xFE, 0xFD, 0, chance.randrange(2))) + noise
        client.receive(noise, 0)
        listener.receive(noise, CLIENT_ADDRESS, 0)
        for end in network.ends:
            assert end.association is not None
            end.association.receive(noise, 0)
    assert client.next_event() is None
    assert network.say(b"alive") == [b"alive"]


def test_associations_leave_nothing_behind(pki: PublicKeyInfrastructure) -> None:
    """They go when the last reference goes, in whatever state, without the collector."""
    gc.collect()
    gc.disable()
    try:
        for seconds in (0, 0.006, 0.011, 0.016, 1):
            network = plain_network(pki).start().run(seconds)
            alive = [weakref.ref(end.association) for end in network.ends if end.association]
            assert alive
            del network
            assert [reference() for reference in alive] == [None] * len(alive)
    finally:
        gc.enable()
