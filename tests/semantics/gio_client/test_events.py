"""The order of events, and which failure is told: gio-S5 to gio-S11."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtNetwork import QLocalServer

from qtsecure import (
    ClientEvent,
    InetAddress,
    NetworkAddress,
    SecureError,
    ServiceRecord,
    SocketClient,
    SocketConnectable,
    SslSocket,
    UnixAddress,
)
from qtsecure.testing.peers import PlainHttpServer, ResettingServer
from tests.net.conversation import State, settle, spin
from tests.semantics.gio_client.support import Code, Story, uniqueName

pytestmark = pytest.mark.usefixtures("transport_mode")

ONE_PLAIN = ["Resolving", "Resolved", "Connecting 127.0.0.1", "Connected 127.0.0.1", "Complete 127.0.0.1"]
ONE_TLS = [*ONE_PLAIN[:-1], "TlsHandshaking 127.0.0.1", "TlsHandshaked 127.0.0.1", "Complete 127.0.0.1"]


def test_gio_s05_plain(story: Story) -> None:
    """Resolving, Resolved, Connecting, Connected, Complete; then the results."""
    server = story.server()
    operation = story.client.connectToHost("127.0.0.1", server.serverPort())
    operation.finished.connect(lambda connection: story.events.append("finished"))
    story.client.connected.connect(lambda connection: story.events.append("connected"))
    assert story.events == []
    connection = story.success(operation)
    assert story.events == [*ONE_PLAIN, "finished", "connected"]
    assert story.results == [connection]
    assert connection.state() == State.ConnectedState
    assert not connection.isEncrypted()
    assert connection.remoteAddress() == InetAddress("127.0.0.1", server.serverPort())


def test_gio_s05_tls(story: Story) -> None:
    """With TLS two more."""
    server = story.server()
    story.client.setTls(True)
    connection = story.success(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert story.events == ONE_TLS
    assert connection.isEncrypted()
    assert set(story.connections) == {connection}


def test_gio_s05_the_connection_of_each_event(story: Story) -> None:
    """None at first; then unconnected, but its address is known; then connected; then encrypted."""
    seen: list[tuple[str, object, object, bool]] = []
    server = story.server()
    target = NetworkAddress("127.0.0.1", server.serverPort())

    def note(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        assert connectable is target
        if connection is None:
            seen.append((event.name, None, None, False))
        else:
            seen.append((event.name, connection.state(), connection.remoteAddress(), connection.isEncrypted()))

    story.client.clientEvent.connect(note)
    story.client.setTls(True)
    story.success(story.client.connectTo(target))
    there = InetAddress("127.0.0.1", server.serverPort())
    assert seen == [
        ("Resolving", None, None, False),
        ("Resolved", None, None, False),
        ("Connecting", State.UnconnectedState, there, False),
        ("Connected", State.ConnectedState, there, False),
        ("TlsHandshaking", State.ConnectedState, there, False),
        ("TlsHandshaked", State.ConnectedState, there, True),
        ("Complete", State.ConnectedState, there, True),
    ]


def test_gio_s05_local_sockets(story: Story, qapp: object) -> None:
    """The same for a path; its address is a UnixAddress."""
    server = QLocalServer()
    assert server.listen(uniqueName())
    target = UnixAddress(server.fullServerName())
    connection = story.success(story.client.connectTo(target))
    assert story.events == ["Resolving", "Resolved", "Connecting local", "Connected local", "Complete local"]
    assert connection.remoteAddress() == target
    spin(server.hasPendingConnections)
    peer = server.nextPendingConnection()
    connection.write(b"hello")
    spin(lambda: peer.bytesAvailable() == 5)
    peer.disconnectFromServer()
    spin(lambda: connection.state() == State.UnconnectedState)
    server.close()


def test_gio_s05_local_sockets_that_are_not_there(story: Story, tmp_path: object) -> None:
    """A refusal names the path."""
    target = UnixAddress(f"{tmp_path}/x")
    error = story.failure(story.client.connectTo(target))
    assert error.code is Code.ConnectionRefused
    assert error.message.startswith(f"Could not connect to {target.path()}: ")
    assert story.events == ["Resolving", "Resolved", "Connecting local", "Complete"]


def test_gio_s05_event_values() -> None:
    """Gio's numbers."""
    assert [(event.value, event.name) for event in ClientEvent] == list(
        enumerate(
            (
                *("Resolving", "Resolved", "Connecting", "Connected", "ProxyNegotiating", "ProxyNegotiated"),
                *("TlsHandshaking", "TlsHandshaked", "Complete"),
            )
        )
    )


def test_gio_s05_the_overridable_method_comes_first(story: Story, qapp: object) -> None:
    """onClientEvent() before clientEvent, progressChanged after it; an exception in it ends nothing."""
    told: list[str] = []

    class Client(SocketClient):
        def onClientEvent(
            self, event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None
        ) -> None:
            told.append(f"method {event.name}")
            if event is ClientEvent.Connected:
                raise RuntimeError("a defect of the program")

    client = Client()
    client.setEnableProxy(False)
    client.clientEvent.connect(lambda event, connectable, connection: told.append(f"signal {event.name}"))
    client.progressChanged.connect(told.append)
    complaints: list[type[BaseException]] = []
    before, sys.excepthook = sys.excepthook, lambda kind, error, trace: complaints.append(kind)
    try:
        story.success(client.connectToHost("127.0.0.1", story.server().serverPort()))
    finally:
        sys.excepthook = before
    assert complaints == [RuntimeError]
    names = ["Resolving", "Resolved", "Connecting", "Connected", "Complete"]
    assert [line for line in told if line.startswith(("method", "signal"))] == [
        f"{way} {name}" for name in names for way in ("method", "signal")
    ]
    assert told[:3] == ["method Resolving", "signal Resolving", "Looking up 127.0.0.1"]
    assert told[-2:] == ["method Complete", "signal Complete"]


def test_gio_s06_each_address_repeats_its_events(story: Story) -> None:
    """::1 refuses, 127.0.0.1 does not: Connecting twice, and nothing else for the failure."""
    port = story.freePort("::1")
    server = story.server(port=port)
    story.success(story.client.connectToHost("localhost", server.serverPort()))
    assert story.events == ["Resolving", "Resolved", "Connecting ::1", *ONE_PLAIN[2:]]


def test_gio_s06_failed_handshakes_repeat_all_of_it(story: Story) -> None:
    """A certificate that nobody trusts at ::1, a good one at 127.0.0.1."""
    first = story.server("::1", identity=story.pki.unknownCa)
    story.server(port=first.serverPort())
    story.client.setTls(True)
    story.success(story.client.connectToHost("localhost", first.serverPort()))
    assert story.events == [
        *("Resolving", "Resolved", "Connecting ::1", "Connected ::1", "TlsHandshaking ::1"),
        *ONE_TLS[2:],
    ]


def test_gio_s07_complete_is_last_and_once(story: Story) -> None:
    """After a failure, too."""
    error = story.failure(story.client.connectToHost("127.0.0.1", story.freePort()))
    assert error.code is Code.ConnectionRefused
    assert story.events == ["Resolving", "Resolved", "Connecting 127.0.0.1", "Complete"]
    assert story.results == [error]


@pytest.mark.parametrize(
    "begin",
    [
        lambda client: client.connectToHost("[::1", 1),
        lambda client: client.connectToUri("nonsense", 1),
        lambda client: client.connectToService("", "imaps"),
        lambda client: client.connectToService("example.org", "_imaps"),
    ],
)
def test_gio_s07_no_event_for_what_cannot_be_understood(story: Story, begin) -> None:
    """Only the error, and not before the call has returned."""
    operation = begin(story.client)
    told: list[SecureError] = []
    operation.failed.connect(told.append)
    assert not operation.isFinished()
    error = story.failure(operation)
    assert error.code is Code.InvalidArgument
    assert told == story.results == [error]
    assert story.events == []
    assert operation.connectable() is None


def test_gio_s08_unknown_names(story: Story) -> None:
    """Resolving, Complete: nothing was resolved."""
    error = story.failure(story.client.connectToHost("nowhere.example", 80))
    assert error.code is Code.HostNotFound
    assert story.events == ["Resolving", "Complete"]


def test_gio_s09_a_reset_in_the_handshake_leads_to_the_next_address(story: Story) -> None:
    """So does a server that does not speak TLS."""
    story.client.setTls(True)
    for kind in (ResettingServer, PlainHttpServer):
        with kind() as peer:
            story.resolver.addresses["two.example"] = ["127.0.0.1", "127.0.0.2"]
            story.server("127.0.0.2", peer.port, story.pki.ca.issue(["two.example"]))
            connection = story.success(story.client.connectToHost("two.example", peer.port))
            assert connection.peerAddress().toString() == "127.0.0.2"


def test_gio_s10_tls_failures_outrank_refusals(story: Story) -> None:
    """::1 shows a bad certificate, then 127.0.0.1 refuses: the certificate is told."""
    port = story.server("::1", story.freePort("::1"), story.pki.unknownCa).serverPort()
    story.client.setTls(True)
    error = story.failure(story.client.connectToHost("localhost", port))
    assert error.code is Code.BadCertificate
    assert story.events[-2:] == ["Connecting 127.0.0.1", "Complete"]


def test_gio_s10_of_equal_failures_the_last_is_told(story: Story) -> None:
    """Two bad certificates: an unknown authority, then a wrong name."""
    story.resolver.addresses["two.example"] = ["127.0.0.1", "127.0.0.2"]
    port = story.server("127.0.0.1", story.freePort("127.0.0.2"), story.pki.unknownCa).serverPort()
    story.server("127.0.0.2", port, story.pki.wrongHost)
    story.client.setTls(True)
    error = story.failure(story.client.connectToHost("two.example", port))
    assert error.code is Code.BadCertificate
    assert "wrong.example" in error.message


def test_gio_s10_refusals_outrank_look_ups(story: Story) -> None:
    """One host of a service refuses, the next does not exist."""
    story.resolver.services["_x._tcp.example.org"] = [
        ServiceRecord("localhost", story.freePort("::1"), priority=1),
        ServiceRecord("nowhere.example", 1, priority=2),
    ]
    error = story.failure(story.client.connectToService("example.org", "x"))
    assert error.code is Code.ConnectionRefused


def test_gio_s11_refusals_name_the_host(story: Story) -> None:
    """The name that was asked for, and the code stays."""
    error = story.failure(story.client.connectToHost("localhost", story.freePort("::1")))
    assert error.code is Code.ConnectionRefused
    assert error.message.startswith("Could not connect to localhost: Connection refused")


def test_gio_s11_port_zero(story: Story) -> None:
    """It parses, and nothing can listen there."""
    error = story.failure(story.client.connectToHost("127.0.0.1:0", 1))
    assert error.code is Code.ConnectionRefused
    assert "port 0" in error.message


@pytest.mark.parametrize(
    ("identity", "code", "words"),
    [
        ("unknownCa", Code.BadCertificate, "authority"),
        ("expired", Code.BadCertificate, "expired"),
        ("wrongHost", Code.BadCertificate, "wrong.example"),
    ],
)
def test_gio_s11_tls_failures_are_not_prefixed(story: Story, identity: str, code: Code, words: str) -> None:
    """They are about the server and not about the way to it."""
    server = story.server(identity=getattr(story.pki, identity))
    story.client.setTls(True)
    error = story.failure(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert error.code is code
    assert words in error.message.lower()
    assert not error.message.startswith("Could not connect")
    settle()


def test_gio_s11_codes_of_tls_failures(story: Story) -> None:
    """No TLS, a hang-up, a refused client."""
    story.client.setTls(True)
    for kind in (PlainHttpServer, ResettingServer):
        with kind() as peer:
            assert story.failure(story.client.connectToHost("127.0.0.1", peer.port)).code is Code.NotTls
