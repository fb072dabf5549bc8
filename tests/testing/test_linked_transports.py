"""The simulated network as transports."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication
from shiboken6 import delete

from qtsecure import DtlsPeer, DtlsServer, TlsOptions
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.testing import DatagramLink, LinkedTransports, PublicKeyInfrastructure


def test_datagrams_arrive_when_their_time_has_come(qapp: QCoreApplication) -> None:
    """Each at the other end; the time passes with run() alone."""
    with LinkedTransports(DatagramLink(delay=2.0)) as linked:
        received: list[tuple[str, bytes, float]] = []
        for name, transport in (("client", linked.client), ("server", linked.server)):
            transport.datagramReceived.connect(
                lambda datagram, name=name: received.append((name, datagram, linked.link.now))
            )
        assert linked.client.send(b"ping")
        assert not linked.run(lambda: bool(received), 1.9)
        assert linked.server.send(b"pong")
        assert linked.run(lambda: len(received) == 2, 5)
        assert received == [("server", b"ping", 1002.0), ("client", b"pong", pytest.approx(1003.9))]
        assert linked.link.now == pytest.approx(1003.9)


@pytest.mark.parametrize("way", ["closed", "deleted"])
def test_nothing_comes_for_a_transport_that_has_gone(qapp: QCoreApplication, way: str) -> None:
    """As with every other transport: not even what was on its way, and the time passes all the same."""
    with LinkedTransports(DatagramLink(delay=2.0)) as linked:
        received: list[bytes] = []
        linked.server.datagramReceived.connect(received.append)
        for datagram in (b"one", b"two"):
            assert linked.client.send(datagram)
        if way == "closed":
            linked.server.close()
        else:
            linked.server.datagramReceived.connect(lambda datagram: delete(linked.server))
        assert not linked.run(lambda: False, 3)
        assert received == ([] if way == "closed" else [b"one"])


def test_timers_run_by_the_link(qapp: QCoreApplication) -> None:
    """And by the real clock again afterwards."""
    scheduler = schedulerOfThisThread()
    real = scheduler.clock
    fired: list[float] = []
    with LinkedTransports(DatagramLink()) as linked:
        deadline = scheduler.callLater(10_000, lambda: fired.append(linked.link.now))
        assert linked.run(lambda: bool(fired), 60)
        assert fired == [pytest.approx(1010, abs=0.1)]
        never = scheduler.callLater(10_000, lambda: fired.append(0))
    assert not deadline.isPending
    assert scheduler.clock is real
    never.cancel()


def test_a_silent_network_is_a_timeout(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """30 seconds in no time."""
    with LinkedTransports(DatagramLink(loss=1.0)) as linked:
        client = DtlsPeer()
        client.connectToPeer(linked.client, "localhost", TlsOptions.client(qtsecure_pki.ca.certificate))
        assert linked.run(lambda: client.status() is DtlsPeer.Status.Error, 31)
        assert linked.link.now > 1029.9
        assert client.statistics().retransmissions > 4


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_network(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, seed: int) -> None:
    """Loss, repetition, reordering, damage, and a narrow path."""
    link = DatagramLink(seed=seed, loss=0.2, duplicate=0.1, reorder=0.2, jitter=0.01, mtu=600)
    with LinkedTransports(link) as linked:
        client, server = DtlsPeer(), DtlsServer()
        identity = qtsecure_pki.server
        server.setup(TlsOptions.server(identity.privateKey, list(identity.chain)))
        taken: list[DtlsPeer] = []
        linked.server.datagramReceived.connect(
            lambda: taken.extend(filter(None, [server.takeConnection(linked.server)]))
        )
        client.connectToPeer(linked.client, "localhost", TlsOptions.client(qtsecure_pki.ca.certificate))
        assert linked.run(lambda: client.isEncrypted() and taken[-1].isEncrypted(), 20)
        for number in range(100):
            client.putVar(number)
        assert linked.run(lambda: taken[-1].availablePacketCount() > 50, 5)
        linked.run(lambda: False, 1)
        received = [taken[-1].getVar() for _ in range(taken[-1].availablePacketCount())]
        assert len(received) == len(set(received))  # none twice
        assert set(received) <= set(range(100))
        assert link.counters.tooLarge == 0
        client.close()
        server.close()
