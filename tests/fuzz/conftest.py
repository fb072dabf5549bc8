"""What the machines need: a collector that has little to look at."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def frozenHeap() -> Iterator[None]:
    """Let the collector, which runs twice for each example, pass over all that was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
