"""R30: TLS and DTLS connections with faults of all kinds at the same time."""

from __future__ import annotations

import pytest

from tests.figures import Figure
from tests.reliability.soak import DURATION_S, soak

pytestmark = [pytest.mark.figure("R30"), pytest.mark.slow, pytest.mark.timeout(DURATION_S + 300)]


def test_r30_soak(figure: Figure) -> None:
    """Nothing is corrupted, nobody is stuck, every error has its reason."""
    report = soak(figure.size(3, DURATION_S), figure.seed)
    for what in ("corrupted", "stuck", "unexplained"):
        count, examples = report[what]
        figure.none(f"connections that are {what}", count, report["episodes"])
        for example in examples:
            print(f"{what}: {example}")
    assert report["episodes"] > 0
