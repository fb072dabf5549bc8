"""What the machines need: a collector that has little to look at."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture
def frozenHeap() -> None:
    """Let the collector, which runs twice for each example, pass over all that was there before.

    For good: to unfreeze would give back what is frozen for the whole session, too.
    """
    gc.collect()
    gc.freeze()
