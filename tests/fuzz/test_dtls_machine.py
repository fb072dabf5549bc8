"""DtlsServer and DtlsPeer in any order of events: see ``machines/dtls.py``."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.machines.dtls import DtlsMachine
from tests.fuzz.machines.world import profile

pytestmark = [pytest.mark.usefixtures("qapp", "transport_mode", "frozenHeap"), pytest.mark.timeout(600)]


def test_any_order_of_events() -> None:
    """No leak, nothing stuck, one final signal, counts that add up, no message twice or invented, no plain text."""
    run_state_machine_as_test(DtlsMachine, settings=profile(examples=40, steps=30))
