"""R6: hellos from spoofed addresses cost nothing but a little time."""

from __future__ import annotations

import gc
import time

import pytest

from qtsecure.engine.dtls import DtlsListener
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server
from tests.figures import Figure
from tests.reliability.high_water import HighWater

pytestmark = pytest.mark.figure("R6")


def first_hello(pki: PublicKeyInfrastructure) -> bytes:
    """What a client of ours sends first."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server)).start()
    network.link.advance(network.link.nextDelivery() or 0)
    return network.link.deliveries()[0].data


def test_spoofed_hellos(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """A fixed rate, no objects, no memory, and answers that are shorter than the hellos."""
    count = figure.size(40_000, 200_000)
    listener = DtlsListener(dtls_server(qtsecure_pki.server))
    hello = first_hello(qtsecure_pki)
    addresses = [(f"203.0.{number >> 8}.{number & 255}", 1024 + number) for number in range(2000)]
    for address in addresses:
        listener.receive(hello, address, 1.0)
    HighWater()  # what is made once is made
    gc.collect()
    objects = len(gc.get_objects())
    memory = HighWater()
    answered = others = 0
    begin = time.perf_counter()
    for number in range(count):
        answer = listener.receive(hello, addresses[number % 2000], 1.0)
        if isinstance(answer, bytes):
            answered += len(answer)
        else:
            others += 1
    rate = count / (time.perf_counter() - begin)
    del answer
    grown = memory.growth()
    gc.collect()
    more = len(gc.get_objects()) - objects
    figure.atLeast("rate", rate, 20_000, "/s", noisy=True)
    figure.atMost("growth of memory", grown / 1024, 1024, "KiB")
    figure.atMost("objects made, the interpreter's own ones among them", more, 5)
    figure.atMost("amplification", answered / (count * len(hello)), 0.5)
    figure.none("hellos that got more than a cookie", others, count)
