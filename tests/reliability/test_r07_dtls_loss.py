"""R7, R8: handshakes over a network that loses, repeats, reorders and damages datagrams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qtsecure.testing.datagram_link import DatagramLink
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, plain_network

Figure = Callable[[str, str], None]
COUNTS = [100, pytest.param(1000, marks=(pytest.mark.slow, pytest.mark.timeout(600)))]


def handshakes(pki: PublicKeyInfrastructure, count: int, seconds: float, **accidents: Any) -> tuple[list[float], int]:
    """The times in simulated seconds until both ends were complete, and how many never were."""
    times = []
    for seed in range(count):
        network: Network = plain_network(pki, DatagramLink(seed=seed, **accidents)).handshake(seconds)
        if all(end.completed for end in network.ends):
            times.append(network.link.now - 1000)
    return sorted(times), count - len(times)


def percentile(times: list[float], percent: int) -> float:
    """The time within which so many handshakes were complete."""
    return times[min(len(times) * percent // 100, len(times) - 1)]


@pytest.mark.parametrize("count", COUNTS)
def test_handshake_time_with_some_loss(qtsecure_pki: PublicKeyInfrastructure, figure: Figure, count: int) -> None:
    """Every tenth datagram is lost; a round trip takes 10 ms."""
    times, failed = handshakes(qtsecure_pki, count, 10, loss=0.1)
    median, slow = percentile(times, 50), percentile(times, 95)
    figure(
        "R7",
        f"DTLS handshake at 10 % loss, n={count}: median {median:.3f} s, 95 % within {slow:.2f} s, {failed} failed "
        "(target 0.15 s, 1.2 s)",
    )
    assert failed == 0
    assert median <= 0.15
    assert slow <= 1.2


@pytest.mark.parametrize("count", COUNTS)
def test_handshake_success_with_much_loss(qtsecure_pki: PublicKeyInfrastructure, figure: Figure, count: int) -> None:
    """30 % are lost, 10 % come twice, and many overtake others."""
    times, failed = handshakes(qtsecure_pki, count, 10, loss=0.3, duplicate=0.1, reorder=0.3, jitter=0.005)
    slow = percentile(times, 95)
    figure(
        "R8",
        f"DTLS handshake at 30 % loss, n={count}: {failed} failed within 10 s, 95 % within {slow:.2f} s "
        "(target 0, 2 s)",
    )
    assert failed == 0
    assert slow <= 2.0


@pytest.mark.parametrize("count", COUNTS)
def test_handshake_success_with_damage(qtsecure_pki: PublicKeyInfrastructure, figure: Figure, count: int) -> None:
    """One bit of every tenth datagram is changed: what UDP's checksum would find, found here."""
    times, failed = handshakes(qtsecure_pki, count, 30, loss=0.05, corrupt=0.1)
    figure(
        "R8",
        f"DTLS handshake with 10 % of all datagrams damaged, n={count}: {failed} failed within 30 s, "
        f"95 % within {percentile(times, 95):.2f} s",
    )
    assert failed <= 0.1 * count  # a damaged certificate is reported as such


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
