"""Fixtures of the tests of DTLS over sockets; every test runs over both kinds of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.dtls.conversation import DtlsConversation
from tests.net.dtls.ticking_clock import TickingClock
from tests.semantics.godot.support import Pair


@pytest.fixture(autouse=True)
def tickingClock(qapp: QCoreApplication) -> Iterator[None]:
    """While the machine stops the process no time passes, so that nobody repeats what is only waiting to be read."""
    scheduler = schedulerOfThisThread()
    real = scheduler.clock
    scheduler.clock = ticking = TickingClock()
    yield
    ticking.stop()
    scheduler.clock = real
    scheduler.fireDue()  # sets the timer anew, by the real clock


@pytest.fixture
def conversation(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str
) -> Iterator[DtlsConversation]:
    """A server and a client."""
    made = DtlsConversation(qtsecure_pki)
    yield made
    made.close()


@pytest.fixture
def pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str) -> Iterator[Pair]:
    """A client and a server of Godot's kind, which need no sockets to be joined."""
    made = Pair(qtsecure_pki)
    yield made
    made.close()
