"""Identity, hooks, services, and what comes out: gio-S32 to gio-S37, G4, G7."""

from __future__ import annotations

import socket as native
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
import shiboken6
from PySide6.QtCore import QThread
from PySide6.QtNetwork import QLocalServer, QSslSocket, QTcpServer

from qtsecure import (
    CertificateRequest,
    ClientEvent,
    InetAddress,
    NetworkAddress,
    NetworkService,
    PreSharedKeyAuthenticator,
    ProxyResolver,
    SecureError,
    ServiceRecord,
    SimpleProxyResolver,
    SocketClient,
    SocketConnectable,
    SslConfiguration,
    SslError,
    SslSocket,
    UnixAddress,
)
from qtsecure.net.socket_client import system_resolver
from qtsecure.net.socket_client.service_records import inOrder
from qtsecure.testing.peers import PythonTlsServer
from tests.net.conversation import State, assertNoneLeft, openDescriptors, settle, spin
from tests.semantics.gio_client.support import Code, FakeResolver, Layer, Story, uniqueName

pytestmark = pytest.mark.usefixtures("transport_mode")


def during(story: Story, step: ClientEvent, action: Callable[[SslSocket], None]) -> None:
    """Do something with the connection in each slot of this event."""

    def react(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if event is step and connection is not None:
            action(connection)

    story.client.clientEvent.connect(react)


def test_gio_s32_the_name_that_was_typed_is_proved(story: Story) -> None:
    """Whatever address it leads to; and it is sent as SNI."""
    story.client.setTls(True)
    story.resolver.addresses["one.example"] = ["127.0.0.1"]
    story.resolver.addresses["two.example"] = ["127.0.0.1"]
    with PythonTlsServer(story.pki.ca.issue(["one.example"])) as server:
        connection = story.success(story.client.connectToHost("one.example", server.port))
        assert (connection.peerName(), connection.peerVerifyName()) == ("one.example", "one.example")
        assert server.waitForConnection().serverName == "one.example"
    other = story.server(identity=story.pki.ca.issue(["one.example"]))
    error = story.failure(story.client.connectToHost("two.example", other.serverPort()))
    assert error.code is Code.BadCertificate


def test_gio_s32_addresses_are_no_sni(story: Story) -> None:
    """They are proved by entries for addresses."""
    story.client.setTls(True)
    with PythonTlsServer(story.pki.server) as server:
        story.success(story.client.connectToHost("127.0.0.1", server.port))
        assert server.waitForConnection().serverName is None


def test_gio_s32_services_prove_the_domain(story: Story) -> None:
    """Not the host that DNS names, which anybody could have put there."""
    story.client.setTls(True)
    server = story.server(identity=story.pki.ca.issue(["example.org"]))
    other = story.server(identity=story.pki.ca.issue(["mail.example.org"]))
    story.resolver.addresses["mail.example.org"] = ["127.0.0.1"]
    records = story.resolver.services
    records["_imaps._tcp.example.org"] = [ServiceRecord("mail.example.org", server.serverPort())]
    connection = story.success(story.client.connectToService("example.org", "imaps"))
    assert connection.peerVerifyName() == "example.org"
    records["_imaps._tcp.example.org"] = [ServiceRecord("mail.example.org", other.serverPort())]
    assert story.failure(story.client.connectToService("example.org", "imaps")).code is Code.BadCertificate


def test_gio_s32_local_sockets_prove_nothing_by_themselves(story: Story) -> None:
    """TLS over one fails closed until the program says which name to prove."""
    listener = QLocalServer()
    assert listener.listen(uniqueName())
    accepted: list[SslSocket] = []

    def accept() -> None:
        device = listener.nextPendingConnection()
        socket = SslSocket(listener, transport=device)
        socket.setSslConfiguration(
            SslConfiguration.forServer(list(story.pki.server.chain), story.pki.server.privateKey)
        )
        socket.startServerEncryption()
        accepted.append(socket)

    listener.newConnection.connect(accept)
    story.client.setTls(True)
    target = UnixAddress(listener.fullServerName())
    assert story.failure(story.client.connectTo(target)).code is Code.BadCertificate
    during(story, ClientEvent.TlsHandshaking, lambda connection: connection.setPeerVerifyName("localhost"))
    during(story, ClientEvent.Connected, lambda connection: connection.write(b"early"))
    assert story.success(story.client.connectTo(target)).isEncrypted()
    spin(lambda: accepted[-1].bytesAvailable() == 5)
    assert accepted[-1].readBytes() == b"early"
    listener.close()


def test_gio_s33_the_hook_before_the_hello(story: Story) -> None:
    """In a slot of TlsHandshaking everything can still be changed."""
    story.client.setTls(True)
    story.client.setTlsConfiguration(SslConfiguration.forClient([story.pki.otherCa.certificate]))

    def change(connection: SslSocket) -> None:
        configuration = SslConfiguration.forClient([story.pki.ca.certificate])
        configuration.setAllowedNextProtocols([b"imap"])
        configuration.setLocalCertificateChain(list(story.pki.client.chain))
        configuration.setPrivateKey(story.pki.client.privateKey)
        connection.setSslConfiguration(configuration)
        connection.setPeerVerifyName("localhost")

    during(story, ClientEvent.TlsHandshaking, change)
    with PythonTlsServer(
        story.pki.server, alpn=["imap"], clientCertificate="required", caCertificates=[story.pki.ca.certificate]
    ) as server:
        connection = story.success(story.client.connectToHost("127.0.0.1", server.port))
        assert connection.negotiatedProtocol() == "imap"
        peer = server.waitForConnection()
        assert (peer.serverName, peer.alpn) == ("localhost", "imap")
        assert peer.peerCertificate is not None


@pytest.mark.parametrize(
    ("step", "proxied"),
    [
        (ClientEvent.Connected, False),
        (ClientEvent.TlsHandshaking, False),
        (ClientEvent.ProxyNegotiating, True),
        (ClientEvent.ProxyNegotiated, True),
        (ClientEvent.TlsHandshaking, True),
    ],
)
def test_gio_s33_a_server_that_speaks_first(story: Story, step: ClientEvent, proxied: bool) -> None:
    """What it says is what TLS begins with, however long slots take before that; also behind a proxy's answer."""
    greeting = b"220 mail.example ready\r\n"
    story.client.setTls(True)
    with native.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        port = listener.getsockname()[1]

        def accept() -> native.socket:
            peer, _ = listener.accept()
            peer.settimeout(20)
            if proxied:
                while b"\r\n\r\n" not in peer.recv(1000, native.MSG_PEEK):
                    pass
                peer.recv(1000)
                together = greeting if step is ClientEvent.ProxyNegotiating else b""
                peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n" + together)
            return peer

        def greet(_: SslSocket) -> None:
            if step is not ClientEvent.ProxyNegotiating:
                accepted.result().sendall(greeting)
            settle()

        accepted = pool.submit(accept)
        during(story, step, greet)
        if proxied:
            story.client.setEnableProxy(True)
            story.client.setProxyResolver(SimpleProxyResolver(f"http://127.0.0.1:{port}"))
        error = story.failure(story.client.connectToHost("127.0.0.1", port))
        accepted.result().close()
    assert error.code is Code.NotTls
    assert "SMTP" in error.message


@pytest.mark.parametrize("step", [ClientEvent.Connected, ClientEvent.TlsHandshaking])
def test_gio_s33_waiting_for_the_handshake_in_a_slot(story: Story, step: ClientEvent) -> None:
    """A program may begin it itself there, and wait."""
    encrypted: list[bool] = []

    def begin(connection: SslSocket) -> None:
        connection.setSslConfiguration(SslConfiguration.forClient([story.pki.ca.certificate]))
        connection.setPeerVerifyName("localhost")
        connection.startClientEncryption()
        encrypted.append(connection.waitForEncrypted(20_000))

    story.client.setTls(True)
    during(story, step, begin)
    with PythonTlsServer(story.pki.server) as server:
        assert story.success(story.client.connectToHost("localhost", server.port)).isEncrypted()
    assert encrypted == [True]


def test_gio_s33_accepting_a_certificate(story: Story) -> None:
    """The client's signals are the connection's, with the connection in front; a decision may come later."""
    server = story.server(identity=story.pki.unknownCa)
    story.client.setTls(True)
    told: list[tuple[str, SslSocket]] = []
    pending: list[CertificateRequest] = []
    story.client.peerVerifyError.connect(
        lambda socket, error: told.append((f"peerVerifyError {error.depth()}", socket))
    )
    story.client.sslErrors.connect(lambda socket, errors: told.append(("sslErrors", socket)))

    def defer(socket: SslSocket, request: CertificateRequest) -> None:
        told.append(("acceptCertificate", socket))
        assert request.hostName() == "127.0.0.1"
        request.defer()
        pending.append(request)

    story.client.acceptCertificate.connect(defer)
    operation = story.client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: pending != [])
    settle()
    assert not operation.isFinished()
    pending[0].accept()
    connection = story.success(operation)
    assert {socket for _, socket in told} == {connection}
    assert told[0][0].startswith("peerVerifyError")
    assert [name for name, _ in told][-2:] == ["sslErrors", "acceptCertificate"]


def test_gio_s33_ignoring_errors(story: Story) -> None:
    """ignoreSslErrors() on the connection in a slot of the client's sslErrors."""
    server = story.server(identity=story.pki.unknownCa)
    story.client.setTls(True)

    def ignore(socket: SslSocket, errors: list[SslError]) -> None:
        socket.ignoreSslErrors(errors)

    story.client.sslErrors.connect(ignore)
    assert story.success(story.client.connectToHost("127.0.0.1", server.serverPort())).isEncrypted()


def test_gio_s33_alerts(story: Story) -> None:
    """Sent and received ones."""
    story.client.setTls(True)
    sent: list[str] = []
    received: list[str] = []
    story.client.alertSent.connect(lambda socket, level, kind, text: sent.append(kind.name))
    story.client.alertReceived.connect(lambda socket, level, kind, text: received.append(kind.name))
    server = story.server(identity=story.pki.unknownCa)
    story.failure(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert sent == ["UnknownCa"]
    good = story.server()
    configuration = SslConfiguration.forClient([story.pki.ca.certificate])
    configuration.setKeyExchangeGroups(["X25519"])
    story.client.setTlsConfiguration(configuration)
    restricted = good.sslConfiguration()
    restricted.setKeyExchangeGroups(["secp384r1"])
    good.setSslConfiguration(restricted)
    error = story.failure(story.client.connectToHost("127.0.0.1", good.serverPort()))
    assert error.code is Code.HandshakeRefused
    assert error.alert is not None
    assert received == ["HandshakeFailure"]


def test_gio_s33_traces(story: Story) -> None:
    """Once the connection is told to trace, the client's handshakeMessage tells, too."""
    traced: list[tuple[str, str]] = []
    story.client.handshakeMessage.connect(lambda socket, direction, name, size: traced.append((direction, name)))
    story.client.setTls(True)
    during(story, ClientEvent.TlsHandshaking, lambda connection: connection.setHandshakeTraceEnabled(True))
    story.success(story.client.connectToHost("127.0.0.1", story.server().serverPort()))
    assert [direction for direction, _ in traced[:2]] == ["sent", "received"]
    assert len(traced) > 4


def test_gio_s33_pre_shared_keys(story: Story) -> None:
    """A slot of the client's signal switches them on, as on a socket."""
    server = story.server()

    def give(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        authenticator.setIdentity("me")
        authenticator.setPreSharedKey(b"0123456789abcdef")

    server.preSharedKeyAuthenticationRequired.connect(
        lambda socket, authenticator: authenticator.setPreSharedKey(b"0123456789abcdef")
    )
    story.client.preSharedKeyAuthenticationRequired.connect(give)
    configuration = SslConfiguration.forClient()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)  # the key proves the server
    story.client.setTls(True)
    story.client.setTlsConfiguration(configuration)
    connection = story.success(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert connection.isEncrypted()
    assert connection.peerCertificateChain() == []


def test_gio_s33_interrupted_handshakes(story: Story) -> None:
    """continueInterruptedHandshake() inside, too."""
    server = story.server(identity=story.pki.unknownCa)
    configuration = SslConfiguration.forClient([story.pki.ca.certificate])
    configuration.setHandshakeMustInterruptOnError(True)
    story.client.setTls(True)
    story.client.setTlsConfiguration(configuration)
    asked: list[SslError] = []

    def goOn(socket: SslSocket, error: SslError) -> None:
        asked.append(error)
        socket.continueInterruptedHandshake()

    story.client.handshakeInterruptedOnError.connect(goOn)
    story.client.sslErrors.connect(lambda socket, errors: socket.ignoreSslErrors())
    assert story.success(story.client.connectToHost("127.0.0.1", server.serverPort())).isEncrypted()
    assert asked != []


def test_gio_s33_nothing_is_forwarded_afterwards(story: Story) -> None:
    """Once it is handed over, the connection is the program's."""
    server = story.server()
    story.client.setTls(True)
    told: list[object] = []
    connection = story.success(story.client.connectToHost("127.0.0.1", server.serverPort()))
    story.client.alertSent.connect(lambda *arguments: told.append(arguments))
    connection.disconnectFromHost()
    spin(lambda: connection.state() == State.UnconnectedState)
    assert told == []
    assert connection._dataPath.observer() is None


def test_gio_s33_what_is_written_early_goes_out_encrypted(story: Story) -> None:
    """write() in any slot before TLS only fills the queue."""
    story.client.setTls(True)
    for step in (ClientEvent.Connected, ClientEvent.TlsHandshaking, ClientEvent.TlsHandshaked):
        during(story, step, lambda connection: connection.write(b"early "))
    with PythonTlsServer(story.pki.server, echo=True) as server:
        connection = story.success(story.client.connectToHost("127.0.0.1", server.port))
        spin(lambda: connection.bytesAvailable() == 18)
        assert connection.readBytes() == b"early " * 3


def test_gio_s34_closing_says_goodbye(story: Story) -> None:
    """close() of what comes out sends close_notify (G4: Gio's wrapper does not)."""
    story.client.setTls(True)
    with PythonTlsServer(story.pki.server) as server:
        connection = story.success(story.client.connectToHost("127.0.0.1", server.port))
        connection.close()
        spin(lambda: connection.state() == State.UnconnectedState)
        assert server.waitForEnding().ending == "closeNotify"


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ([0, 0, 0, 0], ["z", "a", "b", "later"]),
        ([1, 1, 0, 0], ["a", "b", "z", "later"]),
        ([30, 10, 0, 0], ["b", "a", "z", "later"]),
    ],
)
def test_gio_s35_order_of_records(draws: list[int], expected: list[str]) -> None:
    """By priority, then by weighted chance; those of weight 0 nearly never first (RFC 2782)."""
    records = [
        ServiceRecord("later", 1, priority=20, weight=50),
        ServiceRecord("b", 1, priority=10, weight=20),
        ServiceRecord("z", 1, priority=10, weight=0),
        ServiceRecord("a", 1, priority=10, weight=10),
    ]
    bounds: list[tuple[int, int]] = []

    def choose(lowest: int, highest: int) -> int:
        bounds.append((lowest, highest))
        return draws[len(bounds) - 1]

    assert [record.target for record in inOrder(records, choose)] == expected
    assert bounds[0] == (0, 30)
    assert bounds[-1] == (0, 50)


def test_gio_s35_weights_are_shares() -> None:
    """Roughly three of four for a weight of three against one."""
    records = [ServiceRecord("a", 1, weight=30), ServiceRecord("b", 1, weight=10)]
    first = sum(inOrder(records)[0].target == "a" for _ in range(2000))
    assert 1350 < first < 1650  # seven standard deviations


def test_gio_s35_the_next_host_when_all_addresses_fail(story: Story) -> None:
    """And the same value again, any number of times (G7: Gio's is used up)."""
    dead, port = story.freePort("::1"), story.server().serverPort()
    story.resolver.addresses = {"a.example": ["::1", "127.0.0.1"], "b.example": ["127.0.0.1"]}
    story.resolver.services["_x._tcp.example.org"] = [
        ServiceRecord("b.example", port, priority=2),
        ServiceRecord("a.example", dead, priority=1),
    ]
    service = NetworkService("x", "example.org")
    for _ in range(2):
        story.events.clear()
        story.success(story.client.connectTo(service))
        assert story.events == [
            *("Resolving", "Resolved", "Connecting ::1", "Connecting 127.0.0.1"),
            *("Connecting 127.0.0.1", "Connected 127.0.0.1", "Complete 127.0.0.1"),
        ]


def test_gio_s35_hosts_are_looked_up_when_they_are_needed(story: Story) -> None:
    """Not all of them beforehand; one that does not exist is passed over."""
    port = story.server().serverPort()
    story.resolver.addresses = {"b.example": ["127.0.0.1"], "c.example": ["127.0.0.1"]}
    story.resolver.services["_x._tcp.example.org"] = [
        ServiceRecord(f"{name}.example", port, priority) for priority, name in enumerate("abc")
    ]
    story.success(story.client.connectToService("example.org", "x"))
    asked = {question.split()[0] for question in story.resolver.asked}
    assert asked == {"_x._tcp.example.org", "a.example", "b.example"}


def test_gio_s35_not_offered(story: Story) -> None:
    """A single record with "." says so; there is no other way then."""
    story.resolver.services["_x._tcp.example.org"] = [ServiceRecord(".", 0)]
    story.resolver.ports["x"] = 1
    error = story.failure(story.client.connectToService("example.org", "x"))
    assert error.code is Code.HostNotFound
    assert "does not offer" in error.message
    assert story.events == ["Resolving", "Complete"]


def test_gio_s35_without_records_the_domain_itself(story: Story) -> None:
    """At the port of the services database; if that has none, there is no such service."""
    server = story.server()
    story.resolver.addresses["example.org"] = ["127.0.0.1"]
    story.resolver.ports["x"] = server.serverPort()
    connection = story.success(story.client.connectToService("example.org", "x"))
    assert connection.peerPort() == server.serverPort()
    error = story.failure(story.client.connectToService("example.org", "y"))
    assert error.code is Code.HostNotFound


def test_gio_s35_trouble_of_dns_is_no_absence(story: Story) -> None:
    """There is no falling back: whoever can make DNS fail could choose the server."""
    story.resolver.services["_x._tcp.example.org"] = SecureError(Code.Failed, "DNS is down.")
    story.resolver.ports["x"] = 1
    error = story.failure(story.client.connectToService("example.org", "x"))
    assert (error.code, error.message) == (Code.Failed, "DNS is down.")


def test_gio_s35_records_with_nonsense(story: Story) -> None:
    """Names that are none are passed over."""
    port = story.server().serverPort()
    story.resolver.services["_x._tcp.example.org"] = [
        ServiceRecord("", 1, 0),
        ServiceRecord("a b", 1, 1),
        ServiceRecord("localhost", port, 2),
    ]
    story.success(story.client.connectToService("example.org", "x"))


def test_gio_s35_international_domains(story: Story) -> None:
    """Are asked for in ASCII; what is none does not exist."""
    story.failure(story.client.connectToService("münchen.example", "x"))
    assert story.resolver.asked == ["_x._tcp.xn--mnchen-3ya.example"]
    error = story.failure(story.client.connectToHost("ex\N{SNOWMAN}\N{RIGHT-TO-LEFT MARK}.example", 1))
    assert error.code is Code.HostNotFound


def test_gio_s36_settings_are_sampled_at_the_start(story: Story) -> None:
    """What is changed afterwards concerns the next operation, and each is on its own."""
    server = story.server()
    port = server.serverPort()
    first = story.client.connectToHost("127.0.0.1", port)
    story.client.setTls(True)
    story.client.setTimeout(777)
    second = story.client.connectToHost("127.0.0.1", port)
    story.client.setTlsConfiguration(SslConfiguration.forClient([story.pki.otherCa.certificate]))
    third = story.client.connectToHost("127.0.0.1", port)
    story.client.setFamily(Layer.IPv6Protocol)
    fourth = story.client.connectToHost("127.0.0.1", port)
    one, two = story.success(first), story.success(second)
    assert (one.isEncrypted(), one.timeout()) == (False, 0)
    assert (two.isEncrypted(), two.timeout()) == (True, 777)
    assert story.failure(third).code is Code.BadCertificate
    assert story.failure(fourth).code is Code.HostNotFound


def test_gio_s36_a_failure_concerns_nobody_else(story: Story) -> None:
    """Fifty at once, every fifth to a port where nobody listens."""
    story.client.setTls(True)
    port, dead = story.server().serverPort(), story.freePort()
    before = openDescriptors()
    operations = [story.client.connectToHost("127.0.0.1", port if n % 5 else dead) for n in range(50)]
    spin(lambda: all(each.isFinished() for each in operations), 20_000)
    outcomes = [each.error() is None for each in operations]
    assert outcomes == [bool(n % 5) for n in range(50)]
    assert len({id(each.connection()) for each in operations if each.connection()}) == 40
    for each in operations:
        if (connection := each.connection()) is not None:
            connection.abort()
    story.servers[0].close()
    for child in story.servers[0].findChildren(SslSocket):
        child.abort()
    settle()
    assertNoneLeft(before, "socket:")
    assert story.client._running == {}


def test_gio_s36_local_addresses(story: Story) -> None:
    """Sockets are bound before they connect; addresses of the other family are passed over."""
    server = story.server("127.0.0.1")
    story.client.setLocalAddress(InetAddress("127.0.0.7", 0))
    story.resolver.addresses["two.example"] = ["::1", "127.0.0.1"]
    connection = story.success(story.client.connectToHost("two.example", server.serverPort()))
    assert connection.localAddress().toString() == "127.0.0.7"
    assert story.events[2:4] == ["Connecting 127.0.0.1", "Connected 127.0.0.1"]


def test_gio_s36_local_addresses_that_are_none_of_ours(story: Story) -> None:
    """No Connecting event, and an error without prefix, as in Gio."""
    story.client.setLocalAddress(InetAddress("192.0.2.1", 0))
    error = story.failure(story.client.connectToHost("127.0.0.1", 80))
    assert error.code is Code.InvalidArgument
    assert not error.message.startswith("Could not connect")
    assert story.events == ["Resolving", "Resolved", "Complete"]


def test_gio_s37_signals_come_in_the_clients_thread(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of look-ups in the system's resolver, which takes threads of its own; nobody waits for an answer."""
    begun = threading.Event()

    def slow(*arguments: Any, **options: Any) -> NoReturn:
        assert begun.wait(30), "connectToHost() waits for the answer"
        raise native.gaierror(native.EAI_NONAME, "Name or service not known")  # nor is a name server waited for

    monkeypatch.setattr(system_resolver.socket, "getaddrinfo", slow)
    client = SocketClient()
    client.setEnableProxy(False)
    here = QThread.currentThread()
    seen: list[bool] = []
    client.clientEvent.connect(lambda *arguments: seen.append(QThread.currentThread() is here))
    before = openDescriptors()
    operation = client.connectToHost("no-such-host.invalid", 80)
    begun.set()
    spin(operation.isFinished, 30_000)
    error = operation.error()
    assert error is not None
    assert error.code is Code.HostNotFound
    assert "no-such-host.invalid" in error.message
    assert seen == [True, True]
    assertNoneLeft(before, "socket:")


def test_gio_s37_other_threads_are_refused(story: Story) -> None:
    """By name; getters answer."""
    caught: list[str] = []

    class Other(QThread):
        def run(self) -> None:
            assert story.client.tls() is False
            for call in (lambda: story.client.connectToHost("localhost", 1), lambda: operation.cancel()):
                try:
                    call()
                except RuntimeError as error:
                    caught.append(str(error))

    operation = story.client.connectToHost("127.0.0.1", 1)
    thread = Other()
    thread.start()
    assert thread.wait(20_000)  # not in the event loop, which its end need not wake
    assert len(caught) == 2
    assert "SocketClient.connectToHost()" in caught[0]
    assert "ConnectOperation.cancel()" in caught[1]
    operation.cancel()
    story.failure(operation)


def test_sessions_are_not_shared_between_servers_behind_one_proxy(story: Story) -> None:
    """What a session belongs to is the server at the end, and not the address that was connected to."""
    from tests.net.proxy_servers import HttpProxy
    from tests.semantics.gio_client.test_proxies import use

    story.client.setTls(True)
    identity = story.pki.ca.issue(["far.example"])
    ports = [story.server(identity=identity).serverPort() for _ in range(2)]
    with HttpProxy() as proxy:
        use(story, f"http://127.0.0.1:{proxy.port}")
        places = set()
        for port in ports:
            connection = story.success(story.client.connectToHost("far.example", port))
            places.add(connection._serverPlace())
            connection.abort()
    assert places == {f"far.example:{port}" for port in ports}


def test_a_server_that_speaks_first_is_heard(story: Story) -> None:
    """Without TLS: what came with the connection can be read in the slot of connected()."""
    listener = QTcpServer()
    assert listener.listen()

    def greet() -> None:
        listener.nextPendingConnection().write(b"220 hello\r\n")

    listener.newConnection.connect(greet)
    connection = story.success(story.client.connectTo(NetworkAddress("127.0.0.1", listener.serverPort())))
    spin(lambda: connection.bytesAvailable() == 11)
    listener.close()


@pytest.mark.parametrize("kind", ["names", "services", "proxies", "connectable"])
def test_resolvers_with_a_defect(story: Story, kind: str) -> None:
    """An exception is reported, and ends the operation with Failed."""
    complaints: list[type[BaseException]] = []

    class Names(FakeResolver):
        def lookUpAddresses(self, *arguments: object) -> NoReturn:
            raise LookupError("a defect")

        def lookUpService(self, *arguments: object) -> NoReturn:
            raise LookupError("a defect")

    class Proxies(ProxyResolver):
        def lookup(self, *arguments: object) -> NoReturn:
            raise LookupError("a defect")

    class Place(NetworkAddress):
        def enumerate(self, plan: object) -> NoReturn:
            raise LookupError("a defect")

    proxies = Proxies()
    if kind == "proxies":
        story.client.setEnableProxy(True)
        story.client.setProxyResolver(proxies)
    else:
        story.client.setResolver(Names())
    before, sys.excepthook = sys.excepthook, lambda error, value, trace: complaints.append(error)
    try:
        if kind == "services":
            operation = story.client.connectToService("x.example", "imaps")
        elif kind == "connectable":
            operation = story.client.connectTo(Place("x.example", 80))
        else:
            operation = story.client.connectToHost("x.example", 80)
        assert story.failure(operation).code is Code.Failed
    finally:
        sys.excepthook = before
    assert set(complaints) == {LookupError}


def test_a_proxy_resolver_that_is_gone(story: Story) -> None:
    """Deleted behind the client's back."""
    proxies = ProxyResolver()
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(proxies)
    shiboken6.delete(proxies)
    before, sys.excepthook = sys.excepthook, lambda error, value, trace: None
    try:
        assert story.failure(story.client.connectToHost("x.example", 80)).code is Code.Failed
    finally:
        sys.excepthook = before
