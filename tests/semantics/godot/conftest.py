"""Fixtures of the tests of Godot's items."""

from __future__ import annotations

import socket as native
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock
from tests.semantics.godot.support import Pair


@pytest.fixture
def pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Pair]:
    """A client and a server."""
    made = Pair(qtsecure_pki)
    yield made
    made.close()


@pytest.fixture
def silent() -> Iterator[native.socket]:
    """A bound UDP socket from which nobody answers."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


@pytest.fixture
def clock(qapp: QCoreApplication) -> Iterator[FakeClock]:
    """Replace the clock of this thread's scheduler."""
    scheduler = schedulerOfThisThread()
    real = scheduler.clock
    scheduler.clock = fake = FakeClock()
    yield fake
    scheduler.clock = real
    scheduler.fireDue()  # sets the timer anew, by the real clock
