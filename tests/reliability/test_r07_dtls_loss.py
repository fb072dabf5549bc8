"""R7, R8: handshakes over a network that loses, repeats, reorders and damages datagrams."""

from __future__ import annotations

from typing import Any

import pytest

from qtsecure.testing.datagram_link import DatagramLink
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, plain_network
from tests.figures import Figure

SAMPLE, WHOLE = 250, 1000


def handshakes(
    pki: PublicKeyInfrastructure, figure: Figure, seconds: float, **accidents: Any
) -> tuple[list[float], list[int]]:
    """The times in simulated seconds until both ends were complete, and the seeds of those that never were."""
    times, failed = [], []
    for _ in range(figure.size(SAMPLE, WHOLE)):
        seed = figure.chance.getrandbits(32)
        network: Network = plain_network(pki, DatagramLink(seed=seed, **accidents)).handshake(seconds)
        if all(end.completed for end in network.ends):
            times.append(network.link.now - 1000)
        else:
            failed.append(seed)
    return sorted(times), failed


def percentile(times: list[float], percent: int) -> float:
    """The time within which so many handshakes were complete."""
    return times[min(len(times) * percent // 100, len(times) - 1)]


@pytest.mark.figure("R7")
@pytest.mark.timeout(300)
def test_handshake_time_with_some_loss(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Every tenth datagram is lost; a round trip takes 10 ms."""
    times, failed = handshakes(qtsecure_pki, figure, 10, loss=0.1)
    figure.none("handshakes that fail within 10 s", len(failed), len(times) + len(failed))
    figure.atMost("median", percentile(times, 50), 0.15, "s")
    figure.atMost("95 % are complete within", percentile(times, 95), 1.2, "s")
    assert failed == []


@pytest.mark.figure("R8")
@pytest.mark.timeout(300)
def test_handshake_success_with_much_loss(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """30 % are lost, 10 % come twice, and many overtake others."""
    times, failed = handshakes(qtsecure_pki, figure, 10, loss=0.3, duplicate=0.1, reorder=0.3, jitter=0.005)
    figure.none("handshakes that fail within 10 s", len(failed), len(times) + len(failed))
    figure.atMost("95 % are complete within", percentile(times, 95), 2, "s")
    assert failed == []


@pytest.mark.figure("R8")
@pytest.mark.timeout(300)
def test_handshake_success_with_damage(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """One bit of every tenth datagram is changed: what UDP's checksum would find, found here."""
    times, failed = handshakes(qtsecure_pki, figure, 30, loss=0.05, corrupt=0.1)
    total = len(times) + len(failed)
    # A damaged certificate is reported as such.
    figure.atLeast("complete with 10 % of the datagrams damaged", 100 * len(times) / total, 90, "%", of=total)


@pytest.mark.parametrize("mtu", [300, 576, 1000])
def test_handshake_through_a_narrow_path(qtsecure_pki: PublicKeyInfrastructure, mtu: int) -> None:
    """Larger datagrams vanish on the way: flights get smaller after a few were lost."""
    for seed in range(10):
        network = plain_network(qtsecure_pki, DatagramLink(seed=seed, mtu=mtu), mtu=max(mtu, 548))
        if mtu < 548:
            assert network.client.association is not None
            network.client.association.set_mtu(mtu)
            network.listener.mtu = mtu
        else:
            network.listener.mtu = 1200
        network.established()
        assert network.link.now - 1000 < 6
