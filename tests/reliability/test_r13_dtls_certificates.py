"""R13 with DTLS: the same chains, with the same verdicts, findings and alerts as with TLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, for_datagrams
from tests.reliability.test_r13_certificates import CASES, HOST, Case, Outcome, Role, World, configure, wrong

NOT_OF_SERVERS = frozenset({"Ed25519 key"})
"""A server cannot show it with DTLS 1.2, which it says."""


def show(case: Case, role: Role, world: World, pki: PublicKeyInfrastructure) -> Outcome:
    """Show the chain of a row on a network without losses."""
    shown = case.make(world)
    client, server = (for_datagrams(each) for each in configure(case, role, None, world, shown, pki))
    network = Network(client, server, name=HOST if role == "client" else "localhost").handshake()
    end, other = network.ends if role == "client" else network.ends[::-1]
    if end.completed:
        assert network.say(b"hello") == [b"hello"]
    else:
        network.run(10.0)  # an alert without encryption is believed after a while
    assert end.association is not None
    return Outcome(shown, end.association.issues, end.completed, end.failure, end.alerts_sent, other.alerts_received)


@pytest.mark.parametrize("role", ["client", "server"])
def test_matrix(role: Role, qtsecure_pki: PublicKeyInfrastructure, figure: Callable[[str, str], None]) -> None:
    """Every row whose chain the engine itself would show."""
    world = World(role)
    skipped = NOT_OF_SERVERS if role == "client" else frozenset()
    rows = {n: case for n, case in CASES.items() if role in case.roles and not case.bare and n not in skipped}
    found = []
    for name, case in rows.items():
        found += wrong(f"{name}, {role}, DTLS 1.2", case, show(case, role, world, qtsecure_pki), world)
    figure("R13", f"{len(found)} deviations in {len(rows)} chains, DTLS 1.2, verified by the {role} (target 0)")
    assert len(rows) >= 60
    assert found == []
