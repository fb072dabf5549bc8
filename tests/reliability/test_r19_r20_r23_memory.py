"""R19, R20 and R23: what long, many and idle connections cost, and what is left of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures import Figure

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.usefixtures("transport_mode"),
    pytest.mark.timeout(900),
]

KIB, MIB = 1024, 1 << 20
# A QTcpSocket (6 KiB by itself) and seven connections to its signals are the price of the platforms
# without epoll and kqueue.
ENDPOINT_KIB = {"reactor": 80, "qt": 96}
SILENT_KIB = {"reactor": 12, "qt": 26}


def run(what: str, count: int) -> dict[str, float]:
    """The figures of one run of the worker."""
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("endurance_worker.py")), what, str(count)],
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


@pytest.mark.figure("R19")
def test_r19_memory_while_a_gibibyte_passes(transport_mode: str, figure: Figure) -> None:
    """The high-water mark of the whole process, with both ends in it."""
    figures = run("throughput", 1024)
    figure.atMost("growth of memory", figures["growth"] / MIB, 8, "MiB", variant=transport_mode)
    assert figures["received"] == 1 << 30


@pytest.mark.figure("R20")
def test_r20_nothing_is_left_of_connections(transport_mode: str, figure: Figure) -> None:
    """Connect, talk, and end in four ways, again and again."""
    count = figure.size(500, {"reactor": 10_000, "qt": 2000}[transport_mode])
    judgeCycles(run("cycles", count), count, f"TLS, {transport_mode}", figure)


@pytest.mark.figure("R20")
def test_r20_nothing_is_left_of_associations(transport_mode: str, figure: Figure) -> None:
    """The same with DTLS."""
    count = figure.size(300, {"reactor": 3000, "qt": 1000}[transport_mode])
    judgeCycles(run("dtlsCycles", count), count, f"DTLS, {transport_mode}", figure)


def judgeCycles(left: dict[str, float], count: int, variant: str, figure: Figure) -> None:
    """Tell what is left, which must be nothing."""
    figure.atMost("growth of memory", left.pop("rss") / MIB, 2, "MiB", variant=variant)
    blocks = left.pop("blocks")
    # Dictionaries that have grown, once; a block for each connection would be a leak.
    figure.atMost("blocks of Python's memory for a connection", max(0, blocks - 1000) / count, 0.1, variant=variant)
    figure.none("objects, descriptors, timers left", sum(max(0, int(each)) for each in left.values()), count, variant)
    assert {name: number for name, number in left.items() if number > 0} == {}


@pytest.mark.figure("R23")
def test_r23_memory_of_an_endpoint(transport_mode: str, figure: Figure) -> None:
    """One end of an established connection that is idle."""
    each, bound = run("endpoints", figure.size(300, 1000))["each"] / KIB, ENDPOINT_KIB[transport_mode]
    figure.atMost(f"an established end ({transport_mode})", each, bound, "KiB")


@pytest.mark.figure("R23")
def test_r23_memory_of_a_silent_client(transport_mode: str, figure: Figure) -> None:
    """An accepted socket, before the first byte (sec-A9)."""
    each, bound = run("silent", 1000)["each"] / KIB, SILENT_KIB[transport_mode]
    figure.atMost(f"an accepted socket that has said nothing ({transport_mode})", each, bound, "KiB")
