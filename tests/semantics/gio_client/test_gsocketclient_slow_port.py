"""glib's gio/tests/gsocketclient-slow.c in our words; there connecting is slowed down by 600 ms, here it is held."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QTimer

from qtsecure import Cancellable, ClientEvent, SocketConnectable, SslSocket
from qtsecure.testing.peers import SilentServer
from tests.net.conversation import FakeClock, spin
from tests.semantics.gio_client.support import Code, SilentAddress, Story

pytestmark = pytest.mark.usefixtures("transport_mode")


def test_happy_eyeballs_slow(story: Story, clock: FakeClock) -> None:
    """/socket-client/happy-eyeballs/slow: attempts run in parallel while connecting is slow."""
    server = story.server()
    with SilentAddress("::1", server.serverPort()):
        operation = story.client.connectToHost("localhost", server.serverPort())
        spin(lambda: len(story.connections) == 1)
        clock.advance(0.251)
        story.success(operation)
    assert story.events[2:4] == ["Connecting ::1", "Connecting 127.0.0.1"]


def test_happy_eyeballs_cancellation_instant(story: Story) -> None:
    """Cancelled before it begins; Complete comes all the same, without a connection."""
    cancellable = Cancellable()
    cancellable.cancel()
    operation = story.client.connectToHost("localhost", story.server().serverPort(), cancellable)
    assert story.failure(operation).code is Code.Cancelled
    assert story.events[-1] == "Complete"


def test_happy_eyeballs_cancellation_delayed(story: Story) -> None:
    """Cancelled when the first connection stands."""
    cancellable = Cancellable()

    def react(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if event is ClientEvent.Connected:
            QTimer.singleShot(0, cancellable.cancel)
        if event is ClientEvent.Complete:
            assert connection is None

    story.client.clientEvent.connect(react)
    story.client.setTls(True)
    with SilentServer() as silent:
        operation = story.client.connectToHost("127.0.0.1", silent.port, cancellable)
        assert story.failure(operation).code is Code.Cancelled
    assert story.events[-1] == "Complete"


def test_happy_eyeballs_connection_fail(story: Story) -> None:
    """/socket-client/happy-eyeballs/connection-fail: nobody listens on a port that is reserved."""
    error = story.failure(story.client.connectToHost("localhost", story.freePort("::1")))
    assert error.code is Code.ConnectionRefused
    assert story.events[-1] == "Complete"
