"""R6: hellos from spoofed addresses cost nothing but a little time."""

from __future__ import annotations

import gc
import time

import pytest

from qtsecure.engine.dtls import DtlsListener
from qtsecure.engine.dtls.wire import parse_hello_start_untrusted
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server
from tests.figures import Figure
from tests.reliability.high_water import HighWater

pytestmark = pytest.mark.figure("R6")

_COOKIE_LENGTH = 60
"""Where a hello without a session tells how long its cookie is: behind two headers, version, random and session."""
_RECORD, _MESSAGE, _FRAGMENT = (11, 13), (14, 17), (22, 25)
"""Where it tells other lengths."""
_NUMBER = 18


def first_hello(pki: PublicKeyInfrastructure) -> bytes:
    """What a client of ours sends first."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server)).start()
    network.link.advance(network.link.nextDelivery() or 0)
    return network.link.deliveries()[0].data


def with_cookie(hello: bytes, cookie: bytes) -> bytes:
    """The hello with which a client answers a challenge."""
    changed = bytearray(hello)
    for begin, end in (_RECORD, _MESSAGE, _FRAGMENT):
        size = int.from_bytes(changed[begin:end], "big") + len(cookie)
        changed[begin:end] = size.to_bytes(end - begin, "big")
    changed[_NUMBER] = 1
    changed[_COOKIE_LENGTH + 1 : _COOKIE_LENGTH + 1] = cookie
    changed[_COOKIE_LENGTH] = len(cookie)
    assert parse_hello_start_untrusted(bytes(changed)).cookie == cookie
    return bytes(changed)


def address(number: int) -> tuple[str, int]:
    """Another one for each number, so that nothing can be kept for an address unseen."""
    return f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1024 + number % 60_000


def test_spoofed_hellos(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """A fixed rate, no objects, no memory, and answers that are shorter than the hellos."""
    count = figure.size(40_000, 200_000)
    listener = DtlsListener(dtls_server(qtsecure_pki.server))
    hello = first_hello(qtsecure_pki)
    # Half of them guess the cookie, or bring that of another address.
    challenge = listener.receive(hello, address(count), 1.0)
    assert isinstance(challenge, bytes)
    others_cookie = challenge[-20:]
    assert not isinstance(listener.receive(with_cookie(hello, others_cookie), address(count), 1.0), (bytes, type(None)))
    datagrams = (hello, with_cookie(hello, bytes(20)), hello, with_cookie(hello, others_cookie))
    for number in range(2000):
        listener.receive(datagrams[number % 4], address(count + 1 + number), 1.0)
    HighWater()  # what is made once is made
    gc.collect()
    objects = len(gc.get_objects())
    memory = HighWater()
    others = 0
    amplification = 0.0
    begin = time.perf_counter()
    for number in range(count):
        datagram = datagrams[number % 4]
        answer = listener.receive(datagram, address(number), 1.0)
        if isinstance(answer, bytes):
            amplification = max(amplification, len(answer) / len(datagram))
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
    figure.atMost("amplification", amplification, 0.5)
    figure.none("hellos that got more than a cookie", others, count)
