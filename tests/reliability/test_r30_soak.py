"""R30: everything at once, for a while; see tests/reliability/soaking."""

from __future__ import annotations

import sys

import pytest

from tests.figures import Figure
from tests.reliability.soak import DURATION_S, soak
from tests.reliability.soaking.dtls import packed, unpacked
from tests.reliability.soaking.ledger import Ledger

MIB = 1 << 20
SAMPLE_S = 1
GROWTH_MIB = 8
"""Of the process with both ends and servers: what allocators keep of the largest payloads that were under way."""
BLOCKS_EACH = 20, 2
"""Blocks of Python's that each client may leave in a short run, whose caches still fill, and in the whole one."""


@pytest.mark.figure("R30")
@pytest.mark.timeout(DURATION_S + 300)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_r30_soak(figure: Figure) -> None:
    """TLS and DTLS clients of all kinds and with faults of all kinds; every payload is compared."""
    report = soak(figure.size(SAMPLE_S, DURATION_S), figure.seed)
    episodes = report["episodes"]
    for name, what in (
        ("corrupted", "payloads that are not what was sent"),
        ("stuck", "connections that never ended"),
        ("unexplained", "errors that nothing explains"),
    ):
        figure.none(what, report[name][0], of=episodes)
        print(name, *report[name][1], sep="\n  ")
    left = report["left"]
    figure.atMost("growth of memory", left.pop("rss") / MIB, GROWTH_MIB, "MiB")
    figure.atMost(
        "blocks of Python's that are left", left.pop("blocks") / episodes, figure.size(*BLOCKS_EACH), "for each client"
    )
    figure.none(
        "descriptors, objects, timers and handles that are left",
        sum(max(number, 0) for number in left.values()),
        of=episodes,
    )
    print(report["outcomes"], report["serverErrors"], left)
    # It would be no soak if nothing had happened.
    assert report["resumed"] > 10
    assert report["bytes"] > 5 * MIB
    ended = {outcome.rpartition(": ")[0] for outcome in report["outcomes"]}
    assert len(ended) == 53
    good = [outcome for outcome in report["outcomes"] if outcome.endswith(": complete")]
    assert {"TLS 1.2 direct: complete", "TLS 1.3 key: complete", "DTLS lossy: complete"} <= set(good)


def test_r30_the_ledger_finds_what_it_looks_for() -> None:
    """Another byte at a place, and a message with a changed bit."""
    ledger = Ledger(1)
    expected = ledger.payload(7, 1000)
    assert expected == Ledger(1).payload(7, 1000)
    assert expected != ledger.payload(8, 1000)
    ledger.compare("here", expected, 100, expected[100:200])
    assert ledger.problems() == 0
    ledger.compare("here", expected, 101, expected[100:200])
    ledger.compare("here", expected, 950, expected[950:] + b"x")
    assert len(ledger.corrupted) == 2
    message = packed(7, 3, 1, 50, 1)
    assert unpacked(message) == (7, 3, 1)
    for place in range(len(message)):
        changed = bytearray(message)
        changed[place] ^= 1
        assert unpacked(bytes(changed)) is None
    assert unpacked(message[:10]) is None
