"""R19, R20 and R23: what long, many and idle connections cost, and what is left of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("memory is read from /proc", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("transport_mode")

Figure = Callable[[str, str], None]
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
        timeout=400,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


def test_r19_memory_while_a_gibibyte_passes(transport_mode: str, figure: Figure) -> None:
    """The high-water mark of the whole process, with both ends in it."""
    figures = run("throughput", 1024)
    growth = figures["growth"] / MIB
    figure("R19", f"1 GiB through one connection ({transport_mode}): +{growth:.1f} MiB at most (target <= +8 MiB)")
    assert figures["received"] == 1 << 30
    assert growth <= 8


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_r20_nothing_is_left_of_connections(transport_mode: str, count: int, figure: Figure) -> None:
    """Connect, talk, and end in four ways, again and again."""
    judgeCycles(run("cycles", count), count, f"TLS connections made and ended ({transport_mode})", figure)


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_r20_nothing_is_left_of_associations(transport_mode: str, count: int, figure: Figure) -> None:
    """The same with DTLS."""
    judgeCycles(run("dtlsCycles", count), count, f"DTLS associations made and ended ({transport_mode})", figure)


def judgeCycles(left: dict[str, float], count: int, what: str, figure: Figure) -> None:
    """Tell what is left, which must be nothing."""
    growth = left.pop("rss") / MIB
    blocks = left.pop("blocks")
    figure(
        "R20",
        f"{count} {what}: {growth:+.2f} MiB (target < 2 MiB), "
        f"{blocks:.0f} blocks of Python's, left: "
        + ", ".join(f"{number:.0f} {name}" for name, number in left.items())
        + " (target 0 each)",
    )
    assert growth < 2
    assert blocks <= 1000 + count / 10  # dictionaries that have grown, once; one for each connection would be a leak
    assert {name: number for name, number in left.items() if number > 0} == {}


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_r23_memory_of_an_endpoint(transport_mode: str, count: int, figure: Figure) -> None:
    """One end of an established connection that is idle."""
    each, bound = run("endpoints", count)["each"] / KIB, ENDPOINT_KIB[transport_mode]
    figure("R23", f"{each:.1f} KiB for each of {2 * count} established ends ({transport_mode}; target <= {bound} KiB)")
    assert each <= bound


def test_r23_memory_of_a_silent_client(transport_mode: str, figure: Figure) -> None:
    """An accepted socket, before the first byte (sec-A9)."""
    each, bound = run("silent", 1000)["each"] / KIB, SILENT_KIB[transport_mode]
    figure("R23", f"{each:.1f} KiB for each of 1000 silent accepted sockets ({transport_mode}; target <= {bound} KiB)")
    assert each <= bound
