"""The simulated link."""

from __future__ import annotations

import pytest

from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram


def carried(link: DatagramLink, count: int = 1000) -> list[bytes]:
    """Send so many datagrams and return what arrives, in order."""
    for number in range(count):
        link.advance(link.now + 0.001)
        link.send("client", b"%06d" % number)
    arrived: list[bytes] = []
    while (moment := link.nextDelivery()) is not None:
        link.advance(moment)
        arrived += [datagram.data for datagram in link.deliveries()]
    return arrived


def test_perfect_by_default() -> None:
    """Everything arrives, in order, after the delay."""
    link = DatagramLink(delay=0.25)
    assert carried(link) == [b"%06d" % number for number in range(1000)]
    assert link.now == pytest.approx(1000 + 1 + 0.25)
    assert link.counters.delivered == link.counters.sent == 1000


def test_accidents_happen_as_often_as_they_should() -> None:
    """Within what chance allows."""
    link = DatagramLink(seed=3, loss=0.2, duplicate=0.1, reorder=0.1, corrupt=0.05)
    arrived = carried(link, 5000)
    counters = link.counters
    assert 850 < counters.lost < 1150
    assert 300 < counters.duplicated < 500
    assert 130 < counters.corrupted < 270
    assert counters.delivered == len(arrived) == 5000 - counters.lost + counters.duplicated
    assert arrived != sorted(arrived)


def test_the_seed_decides() -> None:
    """The same again, and something else with another seed."""
    first, same, other = (
        carried(DatagramLink(seed=seed, loss=0.3, reorder=0.3, jitter=0.01), 200) for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_large_datagrams_vanish() -> None:
    """The limit itself is let through."""
    link = DatagramLink(mtu=100)
    link.send("client", bytes(100))
    link.send("client", bytes(101))
    link.advance(2000)
    assert [len(each.data) for each in link.deliveries()] == [100]
    assert link.counters.tooLarge == 1


def test_rate() -> None:
    """Each direction has its own wire; what is sent meanwhile waits, also behind what is lost later on."""
    link = DatagramLink(rate=1000, delay=0.5)
    for _ in range(3):
        link.send("client", bytes(100))
    link.send("server", bytes(50))
    moments = []
    while (moment := link.nextDelivery()) is not None:
        link.advance(moment)
        moments += [(each.to, pytest.approx(link.now - 1000)) for each in link.deliveries()]
    assert moments == [("client", 0.55), ("server", 0.6), ("server", 0.7), ("server", 0.8)]
    link.send("client", bytes(100))
    assert link.nextDelivery() == pytest.approx(1000.8 + 0.1 + 0.5)


def test_settings_are_checked() -> None:
    """With the name of the wrong one."""
    for setting, value in (("loss", 2), ("duplicate", -1), ("reorder", 1.1), ("mtu", -1), ("rate", -1)):
        with pytest.raises(ValueError, match=rf"^{setting} must"):
            DatagramLink(**{setting: value})


def test_tampering_and_injecting() -> None:
    """A test may replace, drop, multiply and invent datagrams."""
    link = DatagramLink()

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        link.inject(datagram.to, b"forged")
        return [datagram.data.upper()] * datagram.number

    link.tamper = tamper
    for data in (b"a", b"b", b"c"):
        link.send("server", data)
    link.advance(2000)
    assert [(each.to, each.data) for each in link.deliveries()] == [("client", b"forged")] * 3 + [
        ("client", b"B"),
        ("client", b"C"),
        ("client", b"C"),
    ]
