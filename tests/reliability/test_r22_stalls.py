"""R22: however much there is to do, the event loop of the thread goes round in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.__main__ import measure
from benchmarks.rows import ROWS
from tests.figures import Figure

pytestmark = [pytest.mark.figure("R22"), pytest.mark.usefixtures("transport_mode"), pytest.mark.timeout(300)]


_FEW_TICKS, _MOST_RUNS = 5, 4


@pytest.mark.parametrize(
    ("row", "sample", "limit", "what"),
    [("lateness-bulk", 64, 20, "while 1 GiB is sent"), ("lateness-handshakes", 1, 50, "while 100 clients handshake")],
    ids=["bulk", "handshakes"],
)
def test_r22_stalls(figure: Figure, transport_mode: str, row: str, sample: int, limit: int, what: str) -> None:
    """A timer of 1 ms in the thread that has both ends; and for how long that thread has worked in one go."""
    whole = ROWS[row]
    results = []
    # Where others have the machine for most of a sample, it has few ticks.
    while len(results) < _MOST_RUNS and sum(result["ticks"] for result in results) <= _FEW_TICKS:
        results.append(measure(replace(whole, count=figure.size(sample, whole.count)), "qtsecure"))
    worst, own = (max(result[name] for result in results) for name in ("worst", "own"))
    figure.atMost(f"longest stall {what}", worst, limit, "ms", variant=transport_mode, noisy=True)
    figure.atMost(f"longest work in one go {what}", own, limit, "ms", variant=transport_mode, noisy=True)
    assert sum(result["ticks"] for result in results) > _FEW_TICKS
