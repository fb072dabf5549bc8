"""SslServer: addresses, ports, descriptors, and waiting without an event loop."""

from __future__ import annotations

import contextlib
import gc
import os
import socket as native
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import SIGNAL, QCoreApplication, QThread
from PySide6.QtNetwork import QHostAddress, QNetworkInterface
from shiboken6 import delete, isValid

from qtsecure.errors import SecureError
from qtsecure.net.servers import bound_sockets as server_sockets
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, Error, assertNoneLeft, openDescriptors, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

Special = QHostAddress.SpecialAddress


def _hasIpv6() -> bool:
    with contextlib.suppress(OSError), native.create_server(("::1", 0), family=native.AF_INET6):
        return True
    return False


@contextlib.contextmanager
def refusingAt(hosts: list[str], server: SslServer, address: Special | str) -> Iterator[None]:
    """Listen on a port that refuses connections at these hosts, and that nobody else gets there meanwhile."""
    for _ in range(10):
        assert server.listen(address), server.errorString()
        with contextlib.ExitStack() as taken:
            try:
                for host in hosts:
                    other = taken.enter_context(native.socket(native.AF_INET6 if ":" in host else native.AF_INET))
                    other.bind((host, server.serverPort()))
            except OSError:  # somebody has it there
                server.close()
                continue
            yield
            return
    raise AssertionError("Each port was taken at one of the hosts.")


needsIpv6 = pytest.mark.skipif(not _hasIpv6(), reason="there is no IPv6 here")


@needsIpv6
@pytest.mark.parametrize(
    ("listening", "serverAddress", "v4", "v6"),
    [
        (Special.Any, Special.Any, True, True),
        (Special.AnyIPv6, Special.AnyIPv6, False, True),
        (Special.AnyIPv4, Special.AnyIPv4, True, False),
        ("::1", Special.LocalHostIPv6, False, True),
        ("127.0.0.1", Special.LocalHost, True, False),
    ],
)
def test_which_clients_an_address_serves(
    conversation: Conversation,
    listening: QHostAddress.SpecialAddress | str,
    serverAddress: QHostAddress.SpecialAddress,
    v4: bool,
    v6: bool,
) -> None:
    """Any means both families on one port; addresses are never IPv4 ones dressed up as IPv6."""
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    expected = {"127.0.0.1": v4, "::1": v6}
    with refusingAt([host for host, served in expected.items() if not served], server, listening):
        assert server.serverAddress() == QHostAddress(serverAddress)
        for host, served in expected.items():
            client = SslSocket()
            client.setSslConfiguration(conversation.clientConfiguration)
            client.connectToHostEncrypted(host, server.serverPort())
            if not served:
                spin(lambda: client.error() == Error.ConnectionRefusedError)  # noqa: B023 - called in this round only
                continue
            spin(lambda: client.isEncrypted() and server.hasPendingConnections())  # noqa: B023 - called in this round only
            peer = server.nextPendingConnection()
            assert peer is not None
            assert peer.peerAddress() == peer.localAddress() == client.peerAddress() == QHostAddress(host)
            assert peer.peerPort() == client.localPort()
            client.abort()


@needsIpv6
def test_the_limit_per_address_sees_through_dual_stack(conversation: Conversation) -> None:
    """An IPv4 address is the same whichever socket took it, and another one than the IPv6 one."""
    server = conversation.server
    server.setMaxConnectionsPerAddress(1)
    assert server.listen(Special.Any)
    port = server.serverPort()
    with RawClient(port, host="127.0.0.1"), RawClient(port, host="::1") as other:
        spin(lambda: server.statistics().handshaking == 2)
        with RawClient(port, host="127.0.0.1") as third:
            third.waitForEnding()
        assert other.ending == "open"
        assert server.statistics().refused == 1


def test_any_without_ipv6_means_ipv4(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch, transport_mode: str
) -> None:
    """A machine without IPv6 listens on IPv4 only, and says so."""
    real = native.socket

    def withoutIpv6(family: int, kind: int) -> native.socket:
        if family == native.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr(server_sockets.socket, "socket", withoutIpv6)
    assert conversation.server.listen(Special.Any)
    monkeypatch.undo()
    monkeypatch.setenv("QTSECURE_TRANSPORT", transport_mode)
    assert conversation.server.serverAddress() == QHostAddress(Special.AnyIPv4)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.establish()


@needsIpv6
def test_adopting_a_dual_stack_descriptor(conversation: Conversation) -> None:
    """A descriptor of a parent process serves both families, and shows their addresses plainly."""
    listener = native.create_server(("::", 0), family=native.AF_INET6, dualstack_ipv6=True)
    server = conversation.server
    server.setSslConfiguration(conversation.serverConfiguration)
    assert server.setSocketDescriptor(listener.detach())
    assert server.serverAddress() == QHostAddress(Special.Any)
    peer = conversation.establish()
    assert peer.peerAddress() == QHostAddress("127.0.0.1")


def test_link_local_addresses_keep_their_scope(qapp: QCoreApplication) -> None:
    """fe80:: addresses mean nothing without the interface."""
    addresses = [
        entry.ip()
        for interface in QNetworkInterface.allInterfaces()
        for entry in interface.addressEntries()
        if interface.flags() & QNetworkInterface.InterfaceFlag.IsUp and entry.ip().scopeId()
    ]
    if not addresses:
        pytest.skip("no interface has a link-local address")
    server = SslServer()
    if not server.listen(addresses[0]):
        pytest.skip(f"the link-local address cannot be used: {server.errorString()}")
    assert server.serverAddress() == addresses[0]
    assert server.serverAddress().scopeId() == addresses[0].scopeId()
    server.close()


needsReusePort = pytest.mark.skipif(not hasattr(native, "SO_REUSEPORT"), reason="the system has no SO_REUSEPORT")


@needsReusePort
@pytest.mark.parametrize("address", [Special.LocalHost, Special.Any])
def test_two_servers_on_one_port(conversation: Conversation, address: QHostAddress.SpecialAddress) -> None:
    """With setReusePort() both listen, and whoever remains serves."""
    first, second = conversation.server, SslServer()
    for server in (first, second):
        server.setReusePort(True)
        assert server.reusePort()
        server.setSslConfiguration(conversation.serverConfiguration)
    assert first.listen(address), first.errorString()
    assert second.listen(address, first.serverPort()), second.errorString()
    assert second.serverPort() == first.serverPort()
    third = SslServer()
    assert not third.listen(address, first.serverPort())
    assert third.serverError() == Error.AddressInUseError
    clients = []
    for _ in range(24):
        client = SslSocket()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", first.serverPort())
        clients.append(client)
    spin(lambda: all(client.isEncrypted() for client in clients))
    spin(lambda: first.statistics().encrypted + second.statistics().encrypted == 24)
    if sys.platform == "linux":
        assert first.statistics().encrypted
        assert second.statistics().encrypted
    first.close()
    last = SslSocket()
    last.setSslConfiguration(conversation.clientConfiguration)
    last.connectToHostEncrypted("127.0.0.1", second.serverPort())
    spin(last.isEncrypted)
    for socket in [*clients, last]:
        socket.abort()
    second.close()


def test_one_port_where_the_system_has_no_such_option(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told when it is asked for, and not at listen()."""
    monkeypatch.delattr(native, "SO_REUSEPORT", raising=False)
    server = SslServer()
    with pytest.raises(SecureError, match="only one server") as caught:
        server.setReusePort(True)
    assert caught.value.code is SecureError.Code.NotSupported
    server.setReusePort(False)
    assert not server.reusePort()
    with pytest.raises(TypeError, match="enabled must be a bool"):
        server.setReusePort(1)  # type: ignore[arg-type]  # the mistake under test


def test_listening_again_and_again_leaves_nothing(qapp: QCoreApplication) -> None:
    """Each close() lets go of the descriptor and of the listener."""
    server = SslServer()
    assert server.listen("127.0.0.1")
    server.close()
    before, connections = openDescriptors(), server.receivers(SIGNAL("destroyed(QObject*)"))
    for _ in range(20):
        assert server.listen("127.0.0.1")
        server.close()
    settle()
    assertNoneLeft(before, "socket:")
    assert server.receivers(SIGNAL("destroyed(QObject*)")) == connections


# ---------------------------------------------------------------------------------- waiting


def test_qt_1_1_14_waiting_for_a_tcp_connection(conversation: Conversation) -> None:
    """True when one was accepted, before its handshake, and without an event loop."""
    conversation.listen()
    server = conversation.server
    begun = time.monotonic()
    assert server.waitForNewConnection(60) == (False, True)
    assert 0.05 < time.monotonic() - begun < 30
    assert server.waitForNewConnection() == (False, True)
    with RawClient(server.serverPort()):
        assert server.waitForNewConnection(20_000) == (True, False)
        assert server.statistics().accepted == 1
        assert conversation.recorder.count("server.newConnection") == 1
        assert not server.hasPendingConnections()
    conversation.connect()
    assert server.waitForNewConnection(-1) == (True, False)
    spin(lambda: conversation.client.isEncrypted() and server.hasPendingConnections())


def test_waiting_where_nothing_can_come(conversation: Conversation) -> None:
    """Neither a connection nor a time-out: the server does not listen, is paused, or is full."""
    server = conversation.server
    assert server.waitForNewConnection(20_000) == (False, False)
    conversation.listen()
    server.pauseAccepting()
    with RawClient(server.serverPort()):
        assert server.waitForNewConnection(20_000) == (False, False)
        server.resumeAccepting()
        assert server.waitForNewConnection(20_000) == (True, False)
    server.addPendingConnection(SslSocket(server))
    server.setMaxPendingConnections(1)
    assert server.waitForNewConnection(20_000) == (False, False)
    for wrong, error in ((-5, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="msec"):
            server.waitForNewConnection(wrong)  # type: ignore[arg-type]  # the mistake under test


def test_waiting_in_a_thread_without_an_event_loop(conversation: Conversation) -> None:
    """As a blocking program does it; the connection comes while it waits."""
    results: list[object] = []
    ready = threading.Event()
    ports: list[int] = []

    def serve() -> None:
        server = SslServer()
        results.append(server.listen("127.0.0.1"))
        ports.append(server.serverPort())
        ready.set()
        results.append(server.waitForNewConnection(10_000))
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    with RawClient(ports[0]):
        thread.join(10)
    assert results == [True, (True, False)]


@pytest.mark.parametrize("action", ["close", "delete"])
def test_ending_the_server_while_it_waits(conversation: Conversation, action: str) -> None:
    """A slot of newConnection may end the server."""
    server = conversation.server
    conversation.listen()
    server.newConnection.connect(server.close if action == "close" else lambda: delete(server))
    with RawClient(server.serverPort()) as client:
        assert server.waitForNewConnection(20_000) == (True, False)
        client.waitForEnding()
    assert isValid(server) == (action == "close")


# ---------------------------------------------------------------------------------- threads


def test_a_server_of_another_thread_is_told_apart(qapp: QCoreApplication) -> None:
    """listen() in the wrong thread would serve the wrong event loop, so it names both threads."""
    server = SslServer()
    thread = QThread()
    thread.setObjectName("worker")
    assert server.moveToThread(thread)
    with pytest.raises(RuntimeError, match=r"listen\(\) was called in the main thread.*thread 'worker'"):
        server.listen("127.0.0.1")
    with pytest.raises(RuntimeError, match=r"setSocketDescriptor\(\)"):
        server.setSocketDescriptor(0)
    assert not server.isListening()


def test_a_listening_server_stays_where_it_is(conversation: Conversation) -> None:
    """Moving it is refused by its reason, until it is closed."""
    conversation.listen()
    thread = QThread()
    with pytest.raises(SecureError, match=r"close\(\) it first"):
        conversation.server.moveToThread(thread)
    conversation.server.close()
    assert conversation.server.moveToThread(QThread.currentThread())


def test_a_listening_descriptor_of_the_wrong_kind_is_refused(conversation: Conversation) -> None:
    """A connected socket, a datagram socket, a file, and no descriptor at all."""
    left, right = native.socketpair()
    with left, right, native.socket(native.AF_INET, native.SOCK_DGRAM) as datagrams, open(os.devnull) as file:
        for descriptor in (left.fileno(), datagrams.fileno(), file.fileno(), 10_000_000, 1 << 40):
            assert not conversation.server.setSocketDescriptor(descriptor)
            assert conversation.server.errorString()
        assert not conversation.server.isListening()
        left.send(b"untouched")
        assert right.recv(20) == b"untouched"


def test_a_refused_descriptor_stays_the_callers(conversation: Conversation, tmp_path: Path) -> None:
    """One that another server listens on, and one that listens for another family."""
    conversation.listen()
    other = SslServer()
    assert not other.setSocketDescriptor(conversation.server.socketDescriptor())
    assert other.serverError() == Error.AddressInUseError
    local = native.socket(native.AF_UNIX)
    local.bind(str(tmp_path / "socket"))
    local.listen()
    with local:
        assert not other.setSocketDescriptor(local.fileno())
        assert other.serverError() == Error.UnsupportedSocketOperationError
        gc.collect()
        assert local.getsockname() == str(tmp_path / "socket")
    assert conversation.establish().isEncrypted()
