"""Cancelling at every stage, and deleting whatever is there: gio-S17, gio-S18, gio-S38."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable

import pytest
import shiboken6
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import (
    Cancellable,
    ClientEvent,
    ConnectOperation,
    SecureError,
    SocketClient,
    SocketConnectable,
    SslSocket,
)
from qtsecure.testing.peers import SilentServer
from tests.net.conversation import FakeClock, State, assertNoneLeft, openDescriptors, settle, spin
from tests.semantics.gio_client.support import Code, Layer, SilentAddress, Story

pytestmark = pytest.mark.usefixtures("transport_mode")

STEPS = [
    ClientEvent.Resolving,
    ClientEvent.Resolved,
    ClientEvent.Connecting,
    ClientEvent.Connected,
    ClientEvent.TlsHandshaking,
    ClientEvent.TlsHandshaked,
]


def at(story: Story, step: ClientEvent, action: Callable[[SslSocket | None], None]) -> None:
    """Do something inside a slot of this event, once."""
    done: list[bool] = []

    def react(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if event is step and not done:
            done.append(True)
            action(connection)

    story.client.clientEvent.connect(react)


def begin(story: Story, cancellable: Cancellable | None = None) -> ConnectOperation:
    story.client.setTls(True)
    return story.client.connectToHost("127.0.0.1", story.server().serverPort(), cancellable)


def assertCancelled(story: Story, operation: ConnectOperation, last: ClientEvent) -> None:
    """It ended with Complete and Cancelled, nothing came after, and nothing is left."""
    error = story.failure(operation)
    assert error.code is Code.Cancelled
    assert story.events[-1] == "Complete"
    assert story.events[-2].split()[0] == last.name
    assert story.results == [error]
    assert all(not shiboken6.isValid(each) or each.state() == State.UnconnectedState for each in story.connections)
    assert story.client._running == {}
    count = len(story.events)
    settle()
    assert len(story.events) == count


@pytest.mark.parametrize("how", ["operation", "cancellable"])
def test_gio_s17_before_it_begins(story: Story, how: str) -> None:
    """Resolving, Complete, Cancelled; nothing is asked or connected to."""
    cancellable = Cancellable()
    if how == "cancellable":
        cancellable.cancel()
    operation = begin(story, cancellable)
    if how == "operation":
        operation.cancel()
    assert story.events == []
    assertCancelled(story, operation, ClientEvent.Resolving)
    assert story.events == ["Resolving", "Complete"]
    assert story.connections == []


@pytest.mark.parametrize("how", ["operation", "cancellable"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_gio_s17_inside_a_slot(story: Story, step: ClientEvent, how: str) -> None:
    """Of each event: it is the last before Complete."""
    cancellable = Cancellable()
    operation = begin(story, cancellable)
    at(story, step, lambda connection: operation.cancel() if how == "operation" else cancellable.cancel())
    assertCancelled(story, operation, step)


def test_gio_s17_while_names_are_looked_up(story: Story, clock: FakeClock) -> None:
    """The look-ups are aborted."""
    story.resolver.addresses["slow.example"] = ["127.0.0.1"]
    story.resolver.delays = {Layer.IPv4Protocol: 5000, Layer.IPv6Protocol: 5000}
    operation = story.client.connectToHost("slow.example", 1)
    spin(lambda: story.resolver.pending == 2)
    operation.cancel()
    assert (story.resolver.pending, story.resolver.aborted) == (0, 2)
    assertCancelled(story, operation, ClientEvent.Resolving)


def test_gio_s17_while_addresses_are_tried(story: Story) -> None:
    """Both sockets are closed at once."""
    port = story.freePort("::1")
    with SilentAddress("::1", port), SilentAddress("127.0.0.1", port):
        story.client.setAttemptDelay(10)
        before = openDescriptors()
        operation = story.client.connectToHost("localhost", port)
        spin(lambda: len(story.connections) == 2)
        operation.cancel()
        assert [each.state() for each in story.connections] == [State.UnconnectedState] * 2
        assertCancelled(story, operation, ClientEvent.Connecting)
        assertNoneLeft(before, "socket:")


def test_gio_s17_a_slot_ends_another_attempt(story: Story) -> None:
    """It hears of the end of the first socket, aborts the second, and runs an event loop: nothing is counted twice."""
    port = story.freePort("::1")
    with SilentAddress("::1", port), SilentAddress("127.0.0.1", port):
        story.client.setAttemptDelay(10)
        operation = story.client.connectToHost("localhost", port)
        spin(lambda: len(story.connections) == 2)
        first, second = story.connections

        def react(state: QAbstractSocket.SocketState) -> None:
            second.abort()
            settle()

        first.stateChanged.connect(react)
        operation.cancel()
        assertCancelled(story, operation, ClientEvent.Connecting)


def test_gio_s17_in_the_handshake_and_within_50_ms(story: Story) -> None:
    """A server that says nothing is left, as soon as the event loop gets its turn: no timer is waited for."""
    story.client.setTls(True)
    with SilentServer() as silent:
        operation = story.client.connectToHost("127.0.0.1", silent.port)
        spin(lambda: story.events[-1:] == ["TlsHandshaking 127.0.0.1"])
        operation.cancel()
        settle()
        assert operation.isFinished()
        assertCancelled(story, operation, ClientEvent.TlsHandshaking)


def test_gio_s17_cancelling_twice(story: Story) -> None:
    """The second time does nothing, and cancel() itself tells nothing."""
    operation = begin(story)
    told: list[SecureError] = []
    operation.failed.connect(told.append)
    operation.cancel()
    operation.cancel()
    assert not operation.isFinished()
    assert told == []
    assertCancelled(story, operation, ClientEvent.Resolving)
    operation.cancel()
    settle()
    assert len(told) == 1


def test_gio_s17_one_cancellable_for_many(story: Story) -> None:
    """All of them end; it is not kept by those that are finished."""
    cancellable = Cancellable()
    done = begin(story, cancellable)
    story.success(done)
    operations = [begin(story, cancellable) for _ in range(5)]
    cancellable.cancel()
    assert [story.failure(each).code for each in operations] == [Code.Cancelled] * 5
    assert done.error() is None
    assert done.connection() is not None
    assert done.connection().isEncrypted()


def test_gio_s18_after_complete(story: Story) -> None:
    """In the slot of Complete, and later: no effect."""
    operation = begin(story)
    at(story, ClientEvent.Complete, lambda connection: operation.cancel())
    connection = story.success(operation)
    operation.cancel()
    settle()
    assert operation.error() is None
    assert connection.isEncrypted()
    assert story.results == [connection]


@pytest.mark.parametrize("what", ["client", "operation", "connection"])
@pytest.mark.parametrize("step", [*STEPS, ClientEvent.Complete], ids=lambda step: step.name)
def test_gio_s38_deleting_inside_a_slot(story: Story, step: ClientEvent, what: str) -> None:
    """The client or the operation: no word any more. The connection: its attempt has failed."""
    operation = begin(story)
    told: list[object] = []
    operation.finished.connect(told.append)
    operation.failed.connect(told.append)
    before = openDescriptors()

    def delete(connection: SslSocket | None) -> None:
        target: QObject | None = {"client": story.client, "operation": operation, "connection": connection}[what]
        if target is not None:
            shiboken6.delete(target)

    at(story, step, delete)
    if what == "connection":
        spin(operation.isFinished)
        settle()
        if step >= ClientEvent.Connecting and step is not ClientEvent.Complete:
            error = operation.error()
            assert error is not None
            assert error.code is Code.Closed
            assert story.events[-1] == "Complete"
        assert len(told) == 1
        return
    spin(lambda: story.events[-1:] != [] and story.events[-1].split()[0] == step.name)
    settle()
    assert story.events[-1].split()[0] == step.name
    assert told == []
    if what == "client" or step is not ClientEvent.Complete:
        assert story.results == []
    if step is not ClientEvent.Complete:
        story.connections.clear()
        story.servers[0].close()
        assertNoneLeft(before, "socket:")


@pytest.mark.parametrize("what", ["client", "operation"])
def test_gio_s38_deleting_between_slots(story: Story, what: str) -> None:
    """The sockets go with it, and whoever waits wakes up."""
    story.client.setTls(True)
    with SilentServer() as silent:
        operation = story.client.connectToHost("127.0.0.1", silent.port)
        spin(lambda: story.events[-1:] == ["TlsHandshaking 127.0.0.1"])
        shiboken6.delete(story.client if what == "client" else operation)
        settle()
        assert story.connections[-1].state() == State.UnconnectedState
        assert story.events[-1] == "TlsHandshaking 127.0.0.1"
        assert story.results == []
        if what == "client":
            assert operation.isFinished()
            assert operation.error() is not None
            assert not operation.waitForFinished(20_000)
        else:
            assert story.client._running == {}


@pytest.mark.parametrize("step", [ClientEvent.Connecting, ClientEvent.Complete], ids=lambda step: step.name)
def test_gio_s38_deleting_while_somebody_waits(story: Story, step: ClientEvent) -> None:
    """waitForFinished() returns."""
    operation = begin(story)
    at(story, step, lambda connection: shiboken6.delete(story.client))
    begun = time.monotonic()
    assert operation.waitForFinished(50_000) == (step is ClientEvent.Complete)
    assert time.monotonic() - begun < 40
    assert operation.isFinished()
    other = SocketClient()
    other.setEnableProxy(False)
    second = other.connectToHost("127.0.0.1", story.servers[0].serverPort())
    other.clientEvent.connect(lambda *arguments: shiboken6.isValid(second) and shiboken6.delete(second))
    assert not second.waitForFinished(20_000)
    assert not shiboken6.isValid(second)


def test_gio_s38_forgetting_is_not_deleting(story: Story) -> None:
    """Neither client nor operation need be kept; afterwards nothing of them is left."""
    port = story.server().serverPort()
    found: list[SslSocket] = []

    def connect() -> tuple[weakref.ref[SocketClient], weakref.ref[ConnectOperation]]:
        client = SocketClient()
        client.setEnableProxy(False)
        operation = client.connectToHost("127.0.0.1", port)
        operation.finished.connect(found.append)
        return weakref.ref(client), weakref.ref(operation)

    client, operation = connect()
    gc.collect()
    spin(lambda: len(found) == 1)
    settle()
    gc.collect()
    assert client() is None
    assert operation() is None
    assert found[0].state() == State.ConnectedState


def test_gio_s38_a_connection_that_nobody_keeps_is_closed(story: Story) -> None:
    """It belongs to whoever keeps it, which is the operation at first."""
    server = story.server()
    client = SocketClient()
    client.setEnableProxy(False)
    operation = client.connectToHost("127.0.0.1", server.serverPort())
    assert operation.waitForFinished()
    connection = operation.connection()
    assert connection is not None
    assert connection.parent() is None
    gone = weakref.ref(connection)
    del connection
    gc.collect()
    assert gone() is not None
    del operation
    settle()
    gc.collect()
    assert gone() is None


def test_aborting_the_socket_ends_its_attempt(story: Story) -> None:
    """A slot that aborts the connection instead of the operation: the next address is tried."""
    for step in (ClientEvent.Connecting, ClientEvent.Connected, ClientEvent.TlsHandshaking, ClientEvent.TlsHandshaked):
        story.events.clear()
        story.resolver.addresses["two.example"] = ["127.0.0.1", "127.0.0.2"]
        identity = story.pki.ca.issue(["two.example"])
        port = story.server("127.0.0.1", story.freePort("127.0.0.2"), identity).serverPort()
        story.server("127.0.0.2", port, identity)
        story.client.setTls(True)
        at(story, step, lambda connection: connection.abort() if connection is not None else None)
        connection = story.success(story.client.connectToHost("two.example", port))
        if step is not ClientEvent.Connecting:  # there was nothing to abort yet
            assert connection.peerAddress().toString() == "127.0.0.2"
        connection.abort()
