"""SocketClient and its operations in any order of events: see ``machines/client.py``."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.machines.client import ClientMachine
from tests.fuzz.machines.world import profile

pytestmark = [pytest.mark.usefixtures("qapp", "transport_mode", "frozenHeap"), pytest.mark.timeout(600)]


def test_any_order_of_events() -> None:
    """No leak, nothing stuck, and each operation ends with exactly one signal."""
    run_state_machine_as_test(ClientMachine, settings=profile(examples=25, steps=25))
