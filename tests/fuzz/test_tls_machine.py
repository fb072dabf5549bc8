"""SslServer and SslSocket in any order of events: see ``machines/tls.py``."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.machines.tls import TlsMachine
from tests.fuzz.machines.world import profile

pytestmark = [pytest.mark.usefixtures("qapp", "transport_mode", "frozenHeap"), pytest.mark.timeout(600)]


def test_any_order_of_events() -> None:
    """No leak, nothing stuck, one final signal, counts that add up, no data lost or invented, no plain text."""
    run_state_machine_as_test(TlsMachine, settings=profile(examples=40, steps=30))
