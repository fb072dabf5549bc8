"""Both families at once, one attempt after the other, and the first success wins: gio-S12 to gio-S16."""

from __future__ import annotations

import socket as native
import time

import pytest

from qtsecure import ClientEvent, NetworkAddress, SocketConnectable, SslSocket
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.socket_client.interleaving import Family, Interleaving
from qtsecure.testing.peers import SilentServer
from tests.net.conversation import FakeClock, State, assertNoneLeft, openDescriptors, settle, spin
from tests.semantics.gio_client.support import (
    FAST,
    SLOW,
    Code,
    Enumeration,
    FakeResolver,
    Layer,
    SilentAddress,
    Story,
)

V4, V6 = ["192.0.2.1", "192.0.2.2", "192.0.2.3"], ["2001:db8::1", "2001:db8::2"]


def resolver(*, v4: int = 0, v6: int = 0) -> FakeResolver:
    """Knows one name, with delays for the families."""
    made = FakeResolver()
    made.addresses["two.example"] = [*V4, *V6]
    made.delays = {Layer.IPv4Protocol: v4, Layer.IPv6Protocol: v6}
    return made


def test_gio_s12_both_families_are_asked_for_at_once(clock: FakeClock) -> None:
    """IPv6 first, then in turns."""
    names = resolver()
    enumeration = Enumeration(NetworkAddress("two.example", 80), names).start()
    assert names.asked == ["two.example IPv6Protocol", "two.example IPv4Protocol"]
    for _ in range(10):
        settle()
        clock.advance(0)
    assert enumeration.answers == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]
    assert enumeration.ended


def test_gio_s12_ipv4_waits_for_ipv6(clock: FakeClock) -> None:
    """50 ms, and no longer."""
    enumeration = Enumeration(NetworkAddress("two.example", 80), resolver(v6=SLOW)).start()
    settle()
    clock.advance(0.049)
    settle()
    assert enumeration.answers == []
    clock.advance(0.002)
    settle()
    assert enumeration.answers[:1] == ["192.0.2.1"]


def test_gio_s12_ipv6_waits_for_nobody(clock: FakeClock) -> None:
    """And what comes late is merged: the other family's turn is next."""
    enumeration = Enumeration(NetworkAddress("two.example", 80), resolver(v4=SLOW), pause=200).start()
    settle()
    assert enumeration.answers == ["2001:db8::1"]
    clock.advance(0.1)
    settle()
    clock.advance(0.1)
    settle()
    assert enumeration.answers == ["2001:db8::1", "192.0.2.1"]


def test_gio_s12_a_failed_family_is_waited_for_no_more(clock: FakeClock) -> None:
    """IPv6 has none: IPv4 goes at once."""
    names = resolver(v6=FAST)
    names.addresses["two.example"] = V4
    enumeration = Enumeration(NetworkAddress("two.example", 80), names).start()
    settle()
    clock.advance(0.025)
    settle()
    assert enumeration.answers[:1] == ["192.0.2.1"]


def test_gio_s12_the_resolution_delay_is_a_setting(story: Story, clock: FakeClock) -> None:
    """0: the first answer counts."""
    story.resolver.addresses["two.example"] = ["127.0.0.1", "::1"]
    story.resolver.delays[Layer.IPv6Protocol] = 10_000
    story.client.setResolutionDelay(0)
    story.success(story.client.connectToHost("two.example", story.server().serverPort()))
    assert story.events[2] == "Connecting 127.0.0.1"
    assert story.resolver.aborted == 1
    assert story.resolver.pending == 0


def test_gio_s12_one_family_only(story: Story) -> None:
    """The other is not even asked for; addresses that are known already are passed over."""
    port = story.server().serverPort()
    story.client.setFamily(Layer.IPv4Protocol)
    story.resolver.addresses["two.example"] = ["::1", "127.0.0.1"]
    story.success(story.client.connectToHost("two.example", port))
    assert story.resolver.asked == ["two.example IPv4Protocol"]
    story.success(story.client.connectToHost("localhost", port))
    assert "Connecting ::1" not in story.events
    error = story.failure(story.client.connectToHost("::1", port))
    assert error.code is Code.HostNotFound
    assert "IPv4" in error.message


def test_gio_s12_interleaving_is_a_value_of_its_own() -> None:
    """No Qt, no clock: answers and the time go in, addresses come out."""
    found: Interleaving[str] = Interleaving(Family, 50)
    found.answered(Family.V4, ["a", "b", "c"], 10.0)
    assert found.take(10.0) is None
    assert found.waitsUntil(10.0) == pytest.approx(10.05)
    assert found.take(10.05) == "a"
    assert found.waitsUntil(10.05) is None
    found.answered(Family.V6, ["A"], 10.1)
    assert not found.isComplete
    assert [found.take(10.1) for _ in range(4)] == ["A", "b", "c", None]
    assert found.isComplete


def runWithoutNetwork() -> None:
    """What is deferred happens, but nothing is seen of the network: several connections come about at once."""
    for _ in range(10):
        schedulerOfThisThread().runDeferred()


def hear(story: Story, clock: FakeClock) -> list[tuple[str, float]]:
    """When which address was tried, in ms."""
    start = clock.now
    heard: list[tuple[str, float]] = []

    def note(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if event is ClientEvent.Connecting and connection is not None:
            heard.append((connection.remoteAddress().address().toString(), round((clock.now - start) * 1000)))

    story.client.clientEvent.connect(note)
    return heard


def test_gio_s13_the_next_attempt_after_250_ms(story: Story, clock: FakeClock) -> None:
    """While the ones before are pending; any number of them."""
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    port = story.freePort(*hosts)
    story.resolver.addresses["slow.example"] = hosts
    heard = hear(story, clock)
    with SilentAddress(hosts[0], port), SilentAddress(hosts[1], port), SilentAddress(hosts[2], port):
        operation = story.client.connectToHost("slow.example", port)
        spin(lambda: len(heard) == 1)
        for _ in range(8):
            settle()
            clock.advance(0.1)
        assert heard == [(hosts[0], 0), (hosts[1], 300), (hosts[2], 600)]  # the clock moves in steps of 100
        states = {connection.state() for connection in story.connections}
        assert states == {State.ConnectingState}
        operation.cancel()
        story.failure(operation)


def test_gio_s13_a_failure_hurries_the_next(story: Story, clock: FakeClock) -> None:
    """No time passes between the two."""
    port = story.freePort("::1")
    story.server(port=port)
    heard = hear(story, clock)
    story.success(story.client.connectToHost("localhost", port))
    assert heard == [("::1", 0), ("127.0.0.1", 0)]


def test_gio_s13_the_attempt_delay_is_a_setting(story: Story, clock: FakeClock) -> None:
    """Down to 10 ms."""
    port = story.server().serverPort()
    story.client.setAttemptDelay(10)
    heard = hear(story, clock)
    with SilentAddress("::1", port):
        operation = story.client.connectToHost("localhost", port)
        spin(lambda: len(heard) == 1)
        clock.advance(0.0101)
        story.success(operation)
    assert heard == [("::1", 0), ("127.0.0.1", 10)]


def test_gio_s13_a_silent_ipv6_costs_a_quarter_of_a_second(story: Story) -> None:
    """With real sockets and the real clock: ::1 never answers, 127.0.0.1 does."""
    port = story.server().serverPort()
    with SilentAddress("::1", port):
        begun = time.monotonic()
        connection = story.success(story.client.connectToHost("localhost", port))
        assert 0.24 < time.monotonic() - begun < 30  # ::1 would be given up after minutes
    assert connection.peerAddress().toString() == "127.0.0.1"


def test_gio_s14_success_of_tcp_is_not_the_end(story: Story, clock: FakeClock) -> None:
    """The first connection says nothing in TLS; the second waits, and takes over when the first has failed."""
    hosts = ["127.0.0.1", "127.0.0.2"]
    story.resolver.addresses["two.example"] = hosts
    story.client.setTls(True)
    story.client.setHandshakeTimeout(5000)
    port = story.freePort(*hosts)
    with SilentAddress(hosts[0], port):
        good = story.server(hosts[1], port, story.pki.ca.issue(["two.example"]))
        operation = story.client.connectToHost("two.example", port)
        spin(lambda: story.events[-1:] == [f"Connecting {hosts[0]}"])
        clock.advance(0.251)
        story.success(operation)
        assert good.isListening()
    assert story.events[3:] == [
        *(f"Connecting {hosts[1]}", f"Connected {hosts[1]}"),
        *(f"TlsHandshaking {hosts[1]}", f"TlsHandshaked {hosts[1]}", f"Complete {hosts[1]}"),
    ]


def test_gio_s14_one_handshake_at_a_time(story: Story, clock: FakeClock) -> None:
    """In the order in which the connections came about; the others are kept in reserve."""
    first, second = hosts = ["127.0.0.1", "127.0.0.2"]
    story.resolver.addresses["two.example"] = hosts
    story.client.setTls(True)
    story.client.setHandshakeTimeout(5000)
    with SilentServer() as silent:
        story.server(second, silent.port, story.pki.ca.issue(["two.example"]))
        operation = story.client.connectToHost("two.example", silent.port)
        runWithoutNetwork()
        clock.advance(0.251)
        runWithoutNetwork()
        assert story.events[2:] == [f"Connecting {first}", f"Connecting {second}"]
        spin(lambda: story.events[4:] == [f"Connected {first}", f"TlsHandshaking {first}", f"Connected {second}"])
        assert story.connections[1].state() == State.ConnectedState
        clock.advance(5)
        story.success(operation)
    assert story.events[7:] == [f"TlsHandshaking {second}", f"TlsHandshaked {second}", f"Complete {second}"]


def test_gio_s14_a_connection_in_reserve_that_breaks(story: Story, clock: FakeClock) -> None:
    """Nothing of it is read before its turn, which comes to an end at once; the handshake of the other goes on."""
    second = "127.0.0.2"
    story.resolver.addresses["two.example"] = ["127.0.0.1", second]
    story.client.setTls(True)
    story.client.setHandshakeTimeout(5000)
    with SilentServer() as silent, native.create_server((second, silent.port)) as breaking:
        operation = story.client.connectToHost("two.example", silent.port)
        runWithoutNetwork()
        clock.advance(0.251)
        runWithoutNetwork()
        spin(lambda: story.events[-1:] == [f"Connected {second}"])
        breaking.accept()[0].close()
        settle()
        assert not operation.isFinished()
        assert f"TlsHandshaking {second}" not in story.events
        clock.advance(5)
        assert story.failure(operation).message == "The remote host closed the connection during the TLS handshake."
    assert story.events[-2:] == [f"TlsHandshaking {second}", "Complete"]


def test_gio_s15_a_failure_does_not_end_what_is_pending(story: Story, clock: FakeClock) -> None:
    """Gio's worst defect (G1): the last address refuses while an earlier one has not answered yet."""
    hosts = ["127.0.0.1", "127.0.0.2"]
    story.resolver.addresses["two.example"] = hosts
    port = story.freePort(*hosts)
    with SilentAddress(hosts[0], port) as slow:
        operation = story.client.connectToHost("two.example", port)
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.251)  # the second address is tried, and refuses
        spin(lambda: len(story.connections) == 2 and story.connections[1].state() == State.UnconnectedState)
        settle()
        assert not operation.isFinished()
        assert story.connections[0].state() == State.ConnectingState
        # Now the first one is answered: its queue is emptied, and the kernel repeats its first packet.
        slow.answer()
        connection = story.success(operation)
    assert connection.peerAddress().toString() == hosts[0]


def test_gio_s16_losers_are_closed(story: Story, clock: FakeClock) -> None:
    """At once, with their descriptors."""
    port = story.server().serverPort()
    with SilentAddress("::1", port):
        before = openDescriptors()
        operation = story.client.connectToHost("localhost", port)
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.251)
        connection = story.success(operation)
        settle()
        assert story.connections[0] is not connection
        assert story.connections[0].state() == State.UnconnectedState
        assert story.connections[0].socketDescriptor() == -1
        connection.abort()
        story.servers[0].close()
        assertNoneLeft(before, "socket:")


def test_gio_s16_failures_leave_nothing(story: Story) -> None:
    """Neither descriptors nor attempts."""
    ports = [story.freePort("::1") for _ in range(3)]
    before = openDescriptors()
    for port in ports:
        story.failure(story.client.connectToHost("localhost", port))
    assertNoneLeft(before, "socket:")
    assert story.client._running == {}
