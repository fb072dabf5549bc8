"""SocketClient and proxies together: gio-S22, gio-S24, gio-S28 to gio-S31."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import shiboken6
from PySide6.QtNetwork import QTcpServer

from qtsecure import (
    Cancellable,
    CertificateRequest,
    ClientEvent,
    InetAddress,
    NetworkAddress,
    ProxyAddress,
    ProxyResolver,
    SecureError,
    ServiceRecord,
    SimpleProxyResolver,
    SocketConnectable,
    SslConfiguration,
    SslServer,
    SslSocket,
    UnixAddress,
)
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.proxies.network_uri import NetworkUri
from qtsecure.net.proxies.resolver import ProxyAnswer
from qtsecure.testing.pki import CertificateAuthority
from tests.net.conversation import State, assertNoneLeft, openDescriptors, settle, spin
from tests.net.proxies.rig import HttpsProxy
from tests.net.proxy_servers import HttpProxy, ProxyServer, Socks5Proxy
from tests.semantics.gio_client.support import Code, Story

pytestmark = pytest.mark.usefixtures("transport_mode")

PROXIED = ["Resolving", "Resolved", "Connecting 127.0.0.1", "Connected 127.0.0.1", "ProxyNegotiating 127.0.0.1"]


class ListResolver(ProxyResolver):
    """Names the same proxies for everything, and notes what it was asked for."""

    def __init__(self, answer: list[str] | SecureError) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    def proxiesFor(self, uri: str) -> list[str]:
        self.asked.append(uri)
        if isinstance(self.answer, SecureError):
            raise self.answer
        return self.answer


def use(story: Story, *proxies: str) -> ListResolver:
    """Let the client go through these proxies."""
    resolver = ListResolver(list(proxies))
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(resolver)
    return resolver


def useHttps(story: Story, issuer: CertificateAuthority) -> tuple[SslServer, HttpsProxy]:
    """A server far.example with a certificate of this authority, and a proxy with TLS and another one on the way."""
    server = story.server(identity=issuer.issue(["far.example"]))
    proxy = HttpsProxy(story.pki.otherCa.issue(["proxy.example"]))
    story.resolver.addresses["proxy.example"] = ["127.0.0.1"]
    use(story, f"https://proxy.example:{proxy.serverPort()}")
    story.client.setTls(True)
    return server, proxy


@pytest.fixture(params=[Socks5Proxy, HttpProxy], ids=["socks5", "http"])
def proxy(request: pytest.FixtureRequest) -> Iterator[ProxyServer]:
    """A proxy in a thread."""
    with request.param() as server:
        server.scheme = "http" if isinstance(server, HttpProxy) else "socks5"
        yield server


def uriOf(proxy: ProxyServer, login: str = "") -> str:
    return f"{proxy.scheme}://{login}127.0.0.1:{proxy.port}"


def test_gio_s05_events_through_a_proxy(story: Story, proxy: ProxyServer) -> None:
    """ProxyNegotiating and ProxyNegotiated stand between Connected and the rest."""
    server = story.server(identity=story.pki.ca.issue(["far.example"]))
    use(story, uriOf(proxy))
    progress: list[str] = []
    story.client.progressChanged.connect(progress.append)
    story.success(story.client.connectToHost("far.example", server.serverPort())).abort()
    assert story.events == [*PROXIED, "ProxyNegotiated 127.0.0.1", "Complete 127.0.0.1"]
    assert progress == [  # nobody here has found an address of far.example
        "Looking up far.example",
        "Found the proxy 127.0.0.1 (127.0.0.1)",
        "Connecting to the proxy 127.0.0.1 (127.0.0.1)",
        "Connected to the proxy 127.0.0.1 (127.0.0.1)",
        "Asking the proxy for far.example",
        "Reached far.example through the proxy",
    ]
    story.events.clear()
    story.client.setTls(True)
    connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
    assert story.events == [
        *(*PROXIED, "ProxyNegotiated 127.0.0.1"),
        *("TlsHandshaking 127.0.0.1", "TlsHandshaked 127.0.0.1", "Complete 127.0.0.1"),
    ]
    assert connection.isEncrypted()
    assert connection.peerName() == "far.example"


def test_gio_s22_one_proxy_after_the_other(story: Story, proxy: ProxyServer) -> None:
    """In the resolver's order; what cannot be used is passed over."""
    server = story.server()
    dead = story.freePort()
    use(story, "", "nonsense", "socks5://", f"socks5://127.0.0.1:{dead}", uriOf(proxy), "direct://")
    story.success(story.client.connectToHost("far.example", server.serverPort()))
    assert story.events == [
        *("Resolving", "Resolved", "Connecting 127.0.0.1"),
        *(*PROXIED[2:], "ProxyNegotiated 127.0.0.1", "Complete 127.0.0.1"),
    ]
    assert proxy.asked == [("far.example", server.serverPort())]


def test_gio_s22_direct_only_if_it_is_listed(story: Story) -> None:
    """A proxy that refuses, and no way around it."""
    server = story.server()
    dead = f"http://127.0.0.1:{story.freePort()}"
    use(story, dead)
    error = story.failure(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert error.code is Code.ConnectionRefused
    assert error.message.startswith("Could not connect to proxy server 127.0.0.1: ")
    assert dead.rpartition(":")[2] in error.message
    use(story, dead, "direct://")
    connection = story.success(story.client.connectToHost("127.0.0.1", server.serverPort()))
    assert connection.remoteAddress() == InetAddress("127.0.0.1", server.serverPort())


@pytest.mark.parametrize("answer", [[], [""], ["nonsense", "http://", "http://h:99999"]])
def test_gio_s22_nothing_usable(story: Story, answer: list[str]) -> None:
    """Failed; nothing is connected to."""
    use(story, *answer)
    error = story.failure(story.client.connectToHost("127.0.0.1", 80))
    assert error.code is Code.Failed
    assert story.events == ["Resolving", "Complete"]


def test_gio_s22_an_error_of_the_resolver(story: Story) -> None:
    """Is that of the operation."""
    use(story).answer = SecureError(Code.ProxyNotAllowed, "Ask the administrator.")
    error = story.failure(story.client.connectToHost("127.0.0.1", 80))
    assert error.code is Code.ProxyNotAllowed
    assert error.message == "Ask the administrator."


def test_gio_s22_what_the_resolver_is_asked_for(story: Story) -> None:
    """The scheme of the URI, else none; IPv6 in brackets; international names in ASCII; services by their names."""
    resolver = use(story)
    story.resolver.services["_imaps._tcp.example.org"] = [ServiceRecord("mail.example.org", 993)]
    for operation in (
        story.client.connectToUri("FTP://example.org/x", 21),
        story.client.connectToHost("example.org:81", 80),
        story.client.connectToHost("::1", 80),
        story.client.connectTo(InetAddress("192.0.2.1", 80)),
        story.client.connectTo(NetworkAddress("münchen.example", 80)),
        story.client.connectToService("example.org", "imaps"),
    ):
        story.failure(operation)
    assert resolver.asked == [
        *("FTP://example.org:21", "none://example.org:81", "none://[::1]:80", "none://192.0.2.1:80"),
        *("none://xn--mnchen-3ya.example:80", "imaps://mail.example.org:993"),
    ]


def test_gio_s22_a_resolver_that_takes_its_time(story: Story) -> None:
    """Cancelling reaches it."""
    asked: list[tuple[str, Cancellable | None]] = []

    class Slow(ProxyResolver):
        def lookup(self, uri: str, finished: Callable[..., None], cancellable: Cancellable | None = None) -> None:
            asked.append((uri, cancellable))

    resolver = Slow()
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(resolver)
    operation = story.client.connectToHost("far.example", 80)
    spin(lambda: asked != [])
    operation.cancel()
    assert story.failure(operation).code is Code.Cancelled
    assert asked[0][1] is not None
    assert asked[0][1].isCancelled()


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("fe80::1%lo", "none://[fe80::1%25lo]:9"),
        ("100%.example", "none://100%25.example:9"),
        ("near.example/@far.example", "none://near.example%2F%40far.example:9"),
    ],
)
def test_gio_s22_no_host_breaks_the_uri_of_the_question(story: Story, host: str, uri: str) -> None:
    """A scope above all: its percent sign is escaped (RFC 6874); nor can a host pretend to be another."""
    resolver = use(story)
    story.failure(story.client.connectTo(NetworkAddress(host, 9)))
    assert resolver.asked == [uri]
    assert NetworkUri.parse(uri.replace("%2F%40far.example", "")).host == host.partition("/")[0]


def test_gio_s22_hosts_with_a_scope_can_be_ignored(story: Story) -> None:
    """They are reached directly, without a word to the proxy."""
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(SimpleProxyResolver(f"socks5://127.0.0.1:{story.freePort()}", ["fe80::/10"]))
    operation = story.client.connectToHost("fe80::1%lo", 9)
    spin(lambda: len(story.events) >= 3)
    operation.cancel()
    assert story.events[:3] == ["Resolving", "Resolved", "Connecting fe80::1%lo"]


def test_gio_s22_a_resolver_that_is_deleted_ends_the_operation(story: Story) -> None:
    """It will never answer; nobody may wait for it."""

    class Silent(ProxyResolver):
        def lookup(self, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None = None) -> None:
            asked.append(uri)

    asked: list[str] = []
    resolver = Silent()
    story.client.setEnableProxy(True)
    story.client.setProxyResolver(resolver)
    operation = story.client.connectToHost("far.example", 9)
    spin(lambda: asked != [])
    shiboken6.delete(resolver)
    error = story.failure(operation)
    assert error.code is Code.Failed
    assert "deleted" in error.message


@pytest.mark.parametrize("answer", [None, "direct://", [1], 7], ids=repr)
def test_gio_s22_a_resolver_that_answers_with_nonsense(story: Story, answer: object) -> None:
    """Is told so, and ends the operation; what it says a second time is not heard."""

    class Confused(ProxyResolver):
        def lookup(self, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None = None) -> None:
            for _ in range(2):
                schedulerOfThisThread().defer(lambda: finished(answer))  # type: ignore[arg-type]  # that is the point

    story.client.setEnableProxy(True)
    story.client.setProxyResolver(Confused())
    error = story.failure(story.client.connectToHost("far.example", 9))
    assert error.code is Code.Failed
    assert "list" in error.message
    assert story.events == ["Resolving", "Complete"]


def test_gio_s22_proxies_can_be_switched_off(story: Story) -> None:
    """Then the resolver is not asked; nor is it for local sockets."""
    resolver = use(story, "nonsense")
    story.client.setEnableProxy(False)
    story.success(story.client.connectToHost("127.0.0.1", story.server().serverPort()))
    story.client.setEnableProxy(True)
    story.failure(story.client.connectTo(UnixAddress("no-such-socket")))
    assert resolver.asked == []


def test_gio_s22_numbers_are_no_names_for_proxies_either(story: Story, proxy: ProxyServer) -> None:
    """The proxy might take them for addresses."""
    use(story, uriOf(proxy))
    error = story.failure(story.client.connectToHost("0xc0a80102", 80))
    assert error.code is Code.HostNotFound
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("uri", "port"), [("socks5://127.0.0.1", 1080), ("http://127.0.0.1:0", 80), ("https://127.0.0.1", 443)]
)
def test_gio_s23_a_proxy_without_a_port(story: Story, uri: str, port: int) -> None:
    """Is looked for at the usual one."""
    use(story, uri)
    operation = story.client.connectToHost("far.example", 80)
    found: list[object] = []

    def note(event: ClientEvent, connectable: object, connection: SslSocket | None) -> None:
        if event is ClientEvent.Connecting and connection is not None:
            found.append(connection.remoteAddress())
            operation.cancel()

    story.client.clientEvent.connect(note)
    story.failure(operation)
    (remote,) = found
    assert isinstance(remote, ProxyAddress)
    assert remote.port() == port


def test_gio_s24_unknown_protocols(story: Story) -> None:
    """Connected to, then NotSupported, without events of a proxy; the next one is tried."""
    listener = QTcpServer()
    assert listener.listen()
    use(story, f"gopher://127.0.0.1:{listener.serverPort()}")
    error = story.failure(story.client.connectToHost("far.example", 80))
    assert error.code is Code.NotSupported
    assert "gopher" in error.message
    assert "use one of socks5," in error.message
    assert story.events == ["Resolving", "Resolved", "Connecting 127.0.0.1", "Connected 127.0.0.1", "Complete"]
    listener.close()


def test_gio_s25_what_socks5_answers(story: Story) -> None:
    """Becomes the code of the operation; nobody listens at the destination."""
    with Socks5Proxy() as proxy:
        use(story, f"socks5://127.0.0.1:{proxy.port}")
        error = story.failure(story.client.connectToHost("far.example", story.freePort()))
    assert error.code is Code.ConnectionRefused
    assert story.events[-2:] == ["ProxyNegotiating 127.0.0.1", "Complete"]


def test_gio_s26_socks4_gets_every_address(story: Story) -> None:
    """Each address of the proxy with each IPv4 address of the host; those of IPv6 are not even looked up."""
    port = story.freePort("127.0.0.2")
    story.resolver.addresses = {
        "far.example": ["192.0.2.1", "2001:db8::1", "192.0.2.2"],
        "proxy.example": ["127.0.0.1", "127.0.0.2"],
    }
    tried: list[tuple[str, str]] = []

    def note(event: ClientEvent, connectable: object, connection: SslSocket | None) -> None:
        if event is ClientEvent.Connecting and connection is not None:
            remote = connection.remoteAddress()
            assert isinstance(remote, ProxyAddress)
            tried.append((remote.address().toString(), remote.destinationHostName()))

    story.client.clientEvent.connect(note)
    use(story, f"socks4://proxy.example:{port}")
    error = story.failure(story.client.connectToHost("far.example", 80))
    assert error.code is Code.ConnectionRefused
    assert tried == [(f"127.0.0.{n}", f"192.0.2.{m}") for n in (1, 2) for m in (1, 2)]
    assert "far.example IPv6Protocol" not in story.resolver.asked
    story.resolver.addresses["far.example"] = ["2001:db8::1"]
    assert story.failure(story.client.connectToHost("far.example", 80)).code is Code.HostNotFound


def test_gio_s27_refusals_of_the_proxy_outrank_those_of_addresses(story: Story) -> None:
    """And lead to the next one."""
    with HttpProxy(answer=b"HTTP/1.1 403 No\r\n\r\n") as first:
        use(story, f"http://127.0.0.1:{first.port}", f"http://127.0.0.1:{story.freePort()}")
        error = story.failure(story.client.connectToHost("far.example", 80))
    assert error.code is Code.ProxyNotAllowed
    assert story.events[-2:] == ["Connecting 127.0.0.1", "Complete"]


def test_gio_s27_login(story: Story) -> None:
    """Is in the URI, and nowhere else."""
    server = story.server()
    with HttpProxy(user="me", password="secret") as proxy:
        use(story, f"http://me:secret@127.0.0.1:{proxy.port}")
        connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
        remote = connection.remoteAddress()
        assert isinstance(remote, ProxyAddress)
        assert remote.username() == "me"
        assert "secret" not in repr(remote) + remote.uri()
        connection.abort()
        use(story, f"http://me:wrong@127.0.0.1:{proxy.port}")
        error = story.failure(story.client.connectToHost("far.example", server.serverPort()))
        assert error.code is Code.ProxyAuthFailed
        assert "wrong" not in error.message


def test_gio_s28_https_proxies(story: Story) -> None:
    """TLS with the proxy, which proves its own name; TLS with the server inside; each with its own settings."""
    server, proxy = useHttps(story, story.pki.ca)
    story.client.setProxyTlsConfiguration(SslConfiguration.forClient([story.pki.otherCa.certificate]))
    before = openDescriptors()
    connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
    assert story.events == [
        *(*PROXIED, "ProxyNegotiated 127.0.0.1"),
        *("TlsHandshaking 127.0.0.1", "TlsHandshaked 127.0.0.1", "Complete 127.0.0.1"),
    ]
    assert connection.isEncrypted()
    assert connection.peerCertificate().toDer() == server.sslConfiguration().localCertificate().toDer()
    assert story.connections[-1] is connection
    assert story.connections[0] is not connection
    connection.abort()
    spin(lambda: story.connections[0].state() == State.UnconnectedState)
    story.client.setProxyTlsConfiguration(None)  # the system's authorities do not know the proxy
    error = story.failure(story.client.connectToHost("far.example", server.serverPort()))
    assert error.code is Code.BadCertificate
    for each in [*story.servers, proxy]:
        each.close()
        each.deleteLater()
    settle()
    assertNoneLeft(before, "socket:")


def test_gio_s28_an_early_slot_writes_and_runs_an_event_loop(story: Story) -> None:
    """When TLS with the proxy stands: what it writes is for the server, and reaches it through the server's TLS."""
    server, proxy = useHttps(story, story.pki.ca)
    story.client.setProxyTlsConfiguration(SslConfiguration.forClient([story.pki.otherCa.certificate]))
    waiting: list[int] = []

    def watch(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        if event is ClientEvent.Connecting and connection is not None:
            connection.encrypted.connect(lambda: writeEarly(connection))

    def writeEarly(connection: SslSocket) -> None:
        assert connection.write(b"for the server") == 14
        settle()
        waiting.append(connection.bytesToWrite())

    story.client.clientEvent.connect(watch)
    connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
    assert waiting == [14]
    spin(server.hasPendingConnections)
    end = server.nextPendingConnection()
    assert end is not None
    spin(lambda: end.bytesAvailable() == 14)
    assert end.readBytes() == b"for the server"
    connection.abort()
    proxy.close()
    proxy.deleteLater()


def test_gio_s28_certificates_of_proxies_can_be_told_from_those_of_servers(story: Story) -> None:
    """Both are asked about in the same signals; accepting what is self-signed here need not accept it there."""
    asked: list[tuple[str, bool]] = []

    def ask(connection: SslSocket, request: CertificateRequest) -> None:
        asked.append((request.hostName(), connection.leadsToProxy()))
        request.accept()

    server, proxy = useHttps(story, story.pki.otherCa)
    story.client.acceptCertificate.connect(ask)
    leads: list[tuple[str, bool]] = []
    story.client.clientEvent.connect(
        lambda event, connectable, connection: leads.append(
            (event.name, connection is not None and connection.leadsToProxy())
        )
    )
    connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
    assert asked == [("proxy.example", True), ("far.example", False)]
    assert not connection.leadsToProxy()
    assert [name for name, proxied in leads if proxied] == ["Connecting", "Connected", "ProxyNegotiating"]
    connection.abort()
    proxy.close()
    proxy.deleteLater()


def test_gio_s28_no_key_is_offered_to_a_proxy(story: Story) -> None:
    """A slot of preSharedKeyAuthenticationRequired is for the server."""
    asked: list[object] = []
    story.client.preSharedKeyAuthenticationRequired.connect(lambda *arguments: asked.append(arguments))
    proxy = HttpsProxy(story.pki.server)
    use(story, f"https://localhost:{proxy.serverPort()}")
    story.client.setProxyTlsConfiguration(SslConfiguration.forClient([story.pki.ca.certificate]))
    story.success(story.client.connectToHost("127.0.0.1", story.server().serverPort()))
    assert asked == []
    proxy.close()
    proxy.deleteLater()


def test_gio_s29_application_proxies(story: Story) -> None:
    """No negotiation, no TLS: the plain connection, whose remote address says what to ask for."""
    listener = QTcpServer()
    assert listener.listen()
    use(story, f"HTTP://me:pw@127.0.0.1:{listener.serverPort()}")
    story.client.setTls(True)
    story.client.addApplicationProxy("HTTP")
    connection = story.success(story.client.connectToUri("ftp://far.example/file", 21))
    assert story.events == [*PROXIED[:4], "Complete 127.0.0.1"]
    assert not connection.isEncrypted()
    remote = connection.remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert (remote.protocol(), remote.port(), remote.username()) == ("http", listener.serverPort(), "me")
    assert (remote.destinationHostName(), remote.destinationPort()) == ("far.example", 21)
    assert remote.destinationProtocol() == "ftp"
    # What the program says to the proxy is not held back for a TLS that does not come.
    spin(listener.hasPendingConnections)
    peer = listener.nextPendingConnection()
    connection.write(b"GET ftp://far.example/file HTTP/1.1\r\n\r\n")
    spin(lambda: peer.bytesAvailable() > 30)
    listener.close()


def test_gio_s30_the_remote_address_is_that_of_the_proxy(story: Story, proxy: ProxyServer) -> None:
    """And the peer's name is that of the server."""
    server = story.server()
    use(story, uriOf(proxy))
    connection = story.success(story.client.connectToHost("far.example", server.serverPort()))
    remote = connection.remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert remote.uri() == uriOf(proxy)
    assert remote.destinationHostName() == connection.peerName() == "far.example"
    assert connection.peerPort() == proxy.port
    connection.abort()
    assert connection.remoteAddress() == remote
    connection.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: connection.state() == State.ConnectedState)
    assert connection.remoteAddress() == InetAddress("127.0.0.1", server.serverPort())
    connection.abort()


def test_gio_s31_names_go_to_the_proxy(story: Story, proxy: ProxyServer) -> None:
    """Nothing is looked up here; an international name goes in ASCII."""
    server = story.server()
    use(story, uriOf(proxy))
    story.success(story.client.connectToHost("münchen.example", server.serverPort()))
    assert proxy.asked == [("xn--mnchen-3ya.example", server.serverPort())]
    assert story.resolver.asked == []


def test_gio_s17_cancelling_in_the_negotiation(story: Story) -> None:
    """The proxy is left at once."""
    listener = QTcpServer()
    assert listener.listen()
    use(story, f"socks5://127.0.0.1:{listener.serverPort()}")
    operation = story.client.connectToHost("far.example", 80)
    spin(lambda: story.events[-1:] == ["ProxyNegotiating 127.0.0.1"])
    operation.cancel()
    assert story.connections[-1].state() == State.UnconnectedState
    assert story.failure(operation).code is Code.Cancelled
    listener.close()


@pytest.mark.parametrize(
    "step", [ClientEvent.ProxyNegotiating, ClientEvent.ProxyNegotiated], ids=lambda step: step.name
)
@pytest.mark.parametrize("action", ["cancel", "abort"])
def test_gio_s17_inside_slots_of_the_negotiation(
    story: Story, proxy: ProxyServer, step: ClientEvent, action: str
) -> None:
    """Cancelled, or a failed attempt."""
    server = story.server()
    use(story, uriOf(proxy))
    story.client.setTls(True)
    operation = story.client.connectToHost("far.example", server.serverPort())

    def react(event: ClientEvent, connectable: object, connection: SslSocket | None) -> None:
        if event is step and connection is not None:
            operation.cancel() if action == "cancel" else connection.abort()

    story.client.clientEvent.connect(react)
    error = story.failure(operation)
    assert error.code is (Code.Cancelled if action == "cancel" else Code.Closed)
    assert story.events[-2:] == [f"{step.name} 127.0.0.1", "Complete"]
