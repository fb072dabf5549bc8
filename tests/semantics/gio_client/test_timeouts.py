"""Limits for each step and for everything: gio-S19 to gio-S21."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QTcpServer

from qtsecure import ConnectOperation, SimpleProxyResolver
from qtsecure.testing.peers import SilentServer, SlowServer
from qtsecure.testing.peers._waiting import waitUntil
from tests.net.conversation import FakeClock, settle, spin
from tests.semantics.gio_client.support import Code, Layer, SilentAddress, Story

pytestmark = pytest.mark.usefixtures("transport_mode")


def test_gio_s19_two_dead_addresses(story: Story, clock: FakeClock) -> None:
    """1 s each, the second 250 ms later: both have their time (Gio gives up after the first's)."""
    port = story.freePort("::1")
    story.client.setTimeout(1000)
    with SilentAddress("::1", port), SilentAddress("127.0.0.1", port):
        operation = story.client.connectToHost("localhost", port)
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.2501)
        spin(lambda: len(story.connections) == 2)
        clock.advance(0.75)
        settle()
        assert not operation.isFinished()
        clock.advance(0.25)
        clock.advance(0.3)  # what a QTcpSocket's event loop may still bring has its turn
        error = story.failure(operation)
    assert error.code is Code.TimedOut
    assert error.message.startswith("Could not connect to localhost: ")


def test_gio_s19_with_the_real_clock(story: Story) -> None:
    """It takes the attempt delay and the time-out."""
    port = story.freePort("::1")
    story.client.setTimeout(300)
    story.client.setAttemptDelay(100)
    with SilentAddress("::1", port), SilentAddress("127.0.0.1", port):
        begun = time.monotonic()
        error = story.failure(story.client.connectToHost("localhost", port))
        assert 0.39 < time.monotonic() - begun < 30
    assert error.code is Code.TimedOut


def test_gio_s19_look_ups_have_the_same_limit(story: Story, clock: FakeClock) -> None:
    """A resolver that says nothing is left."""
    story.client.setTimeout(1000)
    story.resolver.addresses["slow.example"] = ["127.0.0.1"]
    story.resolver.delays = {Layer.IPv4Protocol: 5000, Layer.IPv6Protocol: 5000}
    operation = story.client.connectToHost("slow.example", 1)
    spin(lambda: story.resolver.pending == 2)
    clock.advance(0.999)
    settle()
    assert not operation.isFinished()
    clock.advance(0.002)
    clock.advance(0.05)  # what the event loop may still bring has its turn
    error = story.failure(operation)
    assert error.code is Code.TimedOut
    assert "slow.example" in error.message
    assert story.resolver.aborted == 2
    assert story.events == ["Resolving", "Complete"]


def test_gio_s19_a_late_family_does_not_end_what_is_under_way(story: Story, clock: FakeClock) -> None:
    """The limit of a look-up concerns that look-up only."""
    story.client.setTimeout(1000)
    story.resolver.addresses["two.example"] = ["127.0.0.1", "::1"]
    story.resolver.delays[Layer.IPv4Protocol] = 60_000
    port = story.freePort("::1")
    with SilentAddress("::1", port):
        operation = story.client.connectToHost("two.example", port)
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.26)  # asks for another address, in vain
        settle()
        clock.advance(0.73)
        settle()
        assert not operation.isFinished()
        clock.advance(0.3)
        clock.advance(0.3)  # what a QTcpSocket's event loop may still bring has its turn
        assert story.failure(operation).code is Code.TimedOut


@pytest.mark.parametrize("limit", ["setTimeout", "setHandshakeTimeout", "setOverallTimeout"])
def test_gio_s20_a_server_that_is_silent_in_tls(story: Story, clock: FakeClock, limit: str) -> None:
    """TimedOut, whichever limit it was."""
    story.client.setTls(True)
    story.client.setHandshakeTimeout(0)
    getattr(story.client, limit)(1000)
    with SilentServer() as silent:
        operation = story.client.connectToHost("127.0.0.1", silent.port)
        spin(lambda: story.events[-1:] == ["TlsHandshaking 127.0.0.1"])
        assert waitUntil(lambda: bool(silent.received), 20_000)
        settle()  # to be told later that it has gone would be traffic
        clock.advance(0.9)
        settle()
        assert not operation.isFinished()
        clock.advance(0.1)
        clock.advance(0.1)  # what the event loop may still bring has its turn
        error = story.failure(operation)
    assert error.code is Code.TimedOut
    assert story.events[-1] == "Complete"


def test_gio_s20_a_drip_of_bytes_does_not_help(story: Story, clock: FakeClock) -> None:
    """The time-out for silence would wait for ever; that of the handshake is total."""
    story.client.setTls(True)
    story.client.setTimeout(5000)
    story.client.setHandshakeTimeout(3000)
    with SlowServer() as slow:
        operation = story.client.connectToHost("127.0.0.1", slow.port)
        spin(lambda: story.events[-1:] == ["TlsHandshaking 127.0.0.1"])
        clock.advance(3.05)
        assert story.failure(operation).code is Code.TimedOut


def test_gio_s20_the_time_out_stays_on_the_connection(story: Story, clock: FakeClock) -> None:
    """As in Gio: for later silence, too; without it nothing is limited."""
    port = story.server().serverPort()
    story.client.setTimeout(1234)
    assert story.success(story.client.connectToHost("127.0.0.1", port)).timeout() == 1234
    story.client.setTimeout(0)
    assert story.success(story.client.connectToHost("127.0.0.1", port)).timeout() == 0


@pytest.fixture
def silentProxy(qapp: QCoreApplication) -> Iterator[QTcpServer]:
    """Accepts connections and never says anything."""
    proxy = QTcpServer()
    assert proxy.listen()
    yield proxy
    proxy.close()


def negotiating(story: Story, proxy: QTcpServer, scheme: str) -> ConnectOperation:
    """An operation that waits for the answer of a proxy."""
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(SimpleProxyResolver(f"{scheme}://127.0.0.1:{proxy.serverPort()}"))
    operation = story.client.connectToHost("nowhere.example", 80)
    spin(lambda: story.events[-1:] == ["ProxyNegotiating 127.0.0.1"])
    settle()
    return operation


def test_gio_s21_a_proxy_that_says_nothing(story: Story, clock: FakeClock, silentProxy: QTcpServer) -> None:
    """TimedOut; the destination is not even asked for."""
    story.client.setTimeout(1000)
    operation = negotiating(story, silentProxy, "socks5")
    clock.advance(0.9)
    settle()
    assert not operation.isFinished()
    clock.advance(0.2)
    error = story.failure(operation)
    assert error.code is Code.TimedOut
    assert story.resolver.asked == []


def test_gio_s21_a_longer_time_out_counts_too(story: Story, clock: FakeClock, silentProxy: QTcpServer) -> None:
    """A proxy that has to dial first may take the minute that it is given."""
    story.client.setTimeout(60_000)
    operation = negotiating(story, silentProxy, "http")
    clock.advance(59)
    settle()
    assert not operation.isFinished()
    clock.advance(2)
    assert story.failure(operation).code is Code.TimedOut


def test_gio_s21_even_without_a_time_out(story: Story, clock: FakeClock, silentProxy: QTcpServer) -> None:
    """Gio waits for ever; here a negotiation has 30 s."""
    operation = negotiating(story, silentProxy, "http")
    clock.advance(30.1)
    assert story.failure(operation).code is Code.TimedOut


def test_the_overall_limit_covers_everything(story: Story, clock: FakeClock) -> None:
    """Names, addresses, handshakes; its sentence names the target and the limit."""
    story.client.setOverallTimeout(700)
    story.resolver.addresses["slow.example"] = ["127.0.0.1"]
    story.resolver.delays = {Layer.IPv4Protocol: 600, Layer.IPv6Protocol: 600}
    port = story.freePort()
    with SilentAddress("127.0.0.1", port):
        operation = story.client.connectToHost("slow.example", port)
        spin(lambda: story.resolver.pending == 2)
        clock.advance(0.6)
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.11)
        clock.advance(0.05)  # what the event loop may still bring has its turn
        error = story.failure(operation)
    assert error.code is Code.TimedOut
    assert "slow.example" in error.message
    assert "700 ms" in error.message
    assert story.events[-1] == "Complete"


def test_waiting_does_not_end_the_operation(story: Story, clock: FakeClock) -> None:
    """waitForFinished() has a limit of its own."""
    with SilentServer() as silent:
        story.client.setTls(True)
        operation = story.client.connectToHost("127.0.0.1", silent.port)
        assert not operation.waitForFinished(50)
        assert not operation.waitForFinished(ms=0)
        assert not operation.isFinished()
        with pytest.raises(ValueError, match=r"^ms must be"):
            operation.waitForFinished(-2)
        operation.cancel()
        assert not operation.waitForFinished(-1)
        assert operation.isFinished()
