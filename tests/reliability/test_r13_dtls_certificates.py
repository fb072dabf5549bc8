"""R13 with DTLS: the same chains, with the same verdicts, findings and alerts as with TLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qtsecure.engine.events import FailureKind
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.dtls.support import End, Network, for_datagrams
from tests.engine.support import der_chain
from tests.reliability.test_r13_certificates import CASES, HOST, Case, Role, World, configure

NOT_WITH_DTLS_1_2 = frozenset({"Ed25519 key"})
"""The engine cannot show this certificate as a server, which it says."""


def show(case: Case, role: Role, world: World, pki: PublicKeyInfrastructure) -> tuple[IssuedCertificate, End, End]:
    """Show the chain of a row: the chain, the side that verifies, and the other."""
    shown = case.make(world)
    client, server = (for_datagrams(each) for each in configure(case, role, None, world, shown, pki))
    network = Network(client, server, name=HOST if role == "client" else "localhost").handshake()
    if all(end.completed for end in network.ends):
        assert network.say(b"hello") == [b"hello"]
    network.run(3)  # alerts that anybody could have sent are believed only after a while
    return shown, *(network.ends if role == "client" else network.ends[::-1])


def wrong(name: str, case: Case, role: Role, world: World, pki: PublicKeyInfrastructure) -> list[str]:
    """What is not as the row says; nothing if all is well."""
    shown, side, other = show(case, role, world, pki)
    assert side.association is not None
    known = der_chain([*shown.chain, *(each.certificate for each in case.trust(world))])
    found = []

    def check(good: bool, what: str) -> None:
        if not good:
            found.append(f"{name}, {role}: {what}")

    issues = side.association.issues
    codes = frozenset(issue.code for issue in issues)
    check(codes == case.found, f"found {sorted(codes)} instead of {sorted(case.found)}")
    check(side.completed is (not case.found), f"verdict: {side.failure}")
    check(side.alerts_sent == ([] if case.alert is None else [case.alert]), f"alerts {side.alerts_sent}")
    check(other.alerts_received == side.alerts_sent, f"the peer heard {other.alerts_received}")
    for issue in issues:
        check(issue.certificate in (None, *known), f"{issue.name} is about another certificate")
    if case.found:
        failure = side.failure
        check(failure is not None and failure.kind is FailureKind.CERTIFICATE_REJECTED, f"failure {failure}")
    return found


@pytest.mark.parametrize("role", ["client", "server"])
def test_matrix(role: Role, qtsecure_pki: PublicKeyInfrastructure, figure: Callable[[str, str], None]) -> None:
    """Every row whose chain the engine itself would show."""
    world = World(role)
    skipped = NOT_WITH_DTLS_1_2 if role == "client" else frozenset()
    rows = {n: case for n, case in CASES.items() if role in case.roles and not case.bare and n not in skipped}
    found = [line for name, case in rows.items() for line in wrong(name, case, role, world, qtsecure_pki)]
    figure("R13", f"{len(found)} deviations in {len(rows)} chains, DTLS 1.2, verified by the {role} (target 0)")
    assert len(rows) >= 60
    assert found == []
