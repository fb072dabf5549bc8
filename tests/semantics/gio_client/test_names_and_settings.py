"""What a client begins with, and what users may type: gio-S1 to gio-S4."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure import (
    InetAddress,
    NetworkAddress,
    NetworkService,
    SecureError,
    ServiceRecord,
    SimpleProxyResolver,
    SocketClient,
    SslConfiguration,
    UnixAddress,
)
from qtsecure.net.proxies.system_resolver import SystemProxyResolver
from qtsecure.net.socket_client.resolver import AddressesFound, Lookup, ServicesFound
from qtsecure.net.socket_client.system_resolver import SystemResolver
from tests.net.conversation import settle, spin
from tests.semantics.gio_client.support import Code, Enumeration, FakeLookup, FakeResolver, Layer, Story

LOCAL = QHostAddress(QHostAddress.SpecialAddress.LocalHost)


def test_gio_s01_defaults(qapp: object) -> None:
    """Any family, a stream, no own address, no time-out, proxies on, TLS off; the delays of RFC 8305."""
    client = SocketClient()
    assert client.family() == Layer.AnyIPProtocol
    assert client.socketType() == QAbstractSocket.SocketType.TcpSocket
    assert client.protocolNumber() == 0
    assert client.localAddress() is None
    assert (client.timeout(), client.overallTimeout(), client.handshakeTimeout()) == (0, 0, 30_000)
    assert (client.attemptDelay(), client.resolutionDelay()) == (250, 50)
    assert client.enableProxy() is True
    assert client.tls() is False
    assert client.tlsConfiguration() == SslConfiguration.defaultConfiguration()
    assert client.proxyTlsConfiguration() is None
    assert isinstance(client.proxyResolver(), SystemProxyResolver)
    assert isinstance(client.resolver(), SystemResolver)


def test_gio_s01_setters(qapp: object) -> None:
    """What was set is what is got; None restores defaults."""
    client = SocketClient()
    client.setFamily(Layer.IPv6Protocol)
    client.setLocalAddress(InetAddress("127.0.0.1", 0))
    client.setProtocolNumber(6)
    client.setSocketType(QAbstractSocket.SocketType.TcpSocket)
    for setter in (client.setTimeout, client.setOverallTimeout, client.setHandshakeTimeout):
        setter(1234)
    client.setAttemptDelay(100)
    client.setResolutionDelay(0)
    client.setTls(True)
    client.setEnableProxy(False)
    proxies, names = SimpleProxyResolver("socks5://127.0.0.1"), FakeResolver()
    client.setProxyResolver(proxies)
    client.setResolver(names)
    configuration = SslConfiguration.forClient()
    configuration.setPeerVerifyDepth(3)
    client.setTlsConfiguration(configuration)
    client.setProxyTlsConfiguration(configuration)
    assert client.family() == Layer.IPv6Protocol
    assert client.localAddress() == InetAddress("127.0.0.1", 0)
    assert (client.protocolNumber(), client.attemptDelay(), client.resolutionDelay()) == (6, 100, 0)
    assert (client.timeout(), client.overallTimeout(), client.handshakeTimeout()) == (1234, 1234, 1234)
    assert (client.tls(), client.enableProxy()) == (True, False)
    assert client.proxyResolver() is proxies
    assert client.resolver() is names
    assert client.tlsConfiguration() == client.proxyTlsConfiguration() == configuration
    client.setProxyResolver(None)
    client.setResolver(None)
    client.setTlsConfiguration(None)
    client.setProxyTlsConfiguration(None)
    client.setLocalAddress(None)
    assert client.proxyResolver() is not proxies
    assert client.resolver() is not names
    assert client.tlsConfiguration() == SslConfiguration.defaultConfiguration()
    assert client.proxyTlsConfiguration() is None
    assert client.localAddress() is None


def test_gio_s01_validation_flags_warn(qapp: object) -> None:
    """Deprecated as in Gio: a warning, no effect."""
    client = SocketClient()
    with pytest.warns(DeprecationWarning, match="no effect"):
        client.setTlsValidationFlags(0)
    with pytest.warns(DeprecationWarning, match="no effect") as warned:
        assert client.tlsValidationFlags() == 127
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("setter", "value", "error", "words"),
    [
        ("setFamily", 4, TypeError, "family"),
        ("setFamily", Layer.UnknownNetworkLayerProtocol, ValueError, "family"),
        ("setSocketType", "tcp", TypeError, "socketType"),
        ("setSocketType", QAbstractSocket.SocketType.UdpSocket, ValueError, "DtlsPeer"),
        ("setProtocolNumber", 17, ValueError, "protocolNumber"),
        ("setProtocolNumber", True, TypeError, "protocolNumber"),
        ("setLocalAddress", "127.0.0.1", TypeError, "address"),
        ("setTimeout", -2, ValueError, "ms"),
        ("setOverallTimeout", 1.5, TypeError, "ms"),
        ("setHandshakeTimeout", -5, ValueError, "ms"),
        ("setAttemptDelay", 9, ValueError, "ms"),
        ("setResolutionDelay", -1, ValueError, "ms"),
        ("setTls", 1, TypeError, "tls"),
        ("setEnableProxy", "yes", TypeError, "enable"),
        ("setProxyResolver", object(), TypeError, "resolver"),
        ("setResolver", object(), TypeError, "resolver"),
        ("setTlsConfiguration", "secure", TypeError, "configuration"),
        ("setTlsValidationFlags", None, TypeError, "flags"),
        ("addApplicationProxy", b"http", TypeError, "protocol"),
        ("addApplicationProxy", "http://", ValueError, "protocol"),
    ],
)
def test_bad_settings(qapp: object, setter: str, value: object, error: type[Exception], words: str) -> None:
    """They raise at once, and name the argument."""
    with pytest.raises(error, match=words):
        getattr(SocketClient(), setter)(value)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda client: client.connectTo("localhost"), TypeError, "connectable"),
        (lambda client: client.connectToHost(b"localhost", 1), TypeError, "hostAndPort"),
        (lambda client: client.connectToHost("localhost", "1"), TypeError, "defaultPort"),
        (lambda client: client.connectToHost("localhost", 65536), ValueError, "defaultPort"),
        (lambda client: client.connectToUri(None, 1), TypeError, "uri"),
        (lambda client: client.connectToUri("x://y", -1), ValueError, "defaultPort"),
        (lambda client: client.connectToService(1, "x"), TypeError, "domain"),
        (lambda client: client.connectToService("x", 1), TypeError, "service"),
        (lambda client: client.connectToHost("localhost", 1, cancellable=object()), TypeError, "cancellable"),
    ],
)
def test_bad_arguments(qapp: object, call, error: type[Exception], words: str) -> None:
    """Wrong types raise at once; no operation begins."""
    client = SocketClient()
    with pytest.raises(error, match=words):
        call(client)
    assert client._running == {}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("h", "h", 1234),
        ("h:8080", "h", 8080),
        ("h:0", "h", 0),
        ("1.2.3.4:imaps", "1.2.3.4", 993),
        ("::1", "::1", 1234),
        ("bad:port:9x", "bad:port:9x", 1234),
        ("[h]", "h", 1234),
        ("[::1]:99", "::1", 99),
        ("[h]:99", "h", 99),
        ("fe80::1%eth0", "fe80::1%eth0", 1234),
        ("[fe80::1%eth0]:5", "fe80::1%eth0", 5),
        ("fe80::1%25eth0", "fe80::1%25eth0", 1234),
        ("münchen.example", "münchen.example", 1234),
    ],
)
def test_gio_s02_hosts_and_ports(text: str, host: str, port: int) -> None:
    """A name or an address, with or without a port; two colons make it an IPv6 address."""
    address = NetworkAddress.parse(text, 1234)
    assert (address.host(), address.port(), address.scheme()) == (host, port, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[h", "bracket"),
        ("[h]x", "bracket"),
        ("[]:1", "host"),
        ("h:", "port"),
        ("h:-1", "port"),
        ("h:99999", "65535"),
        ("h:1x", "port"),
        ("h:no-such-service", "port"),
        ("h:²", "port"),
        ("h:a\0", "port"),
        ("", "host"),
        (":80", "host"),
        ("two words", "space"),
        ("nul\0", "control"),
        ("h:" + "9" * 5000, "65535"),
    ],
)
def test_gio_s02_what_cannot_be_understood(text: str, words: str) -> None:
    """InvalidArgument, with one sentence that says what is wrong."""
    with pytest.raises(SecureError, match=words) as raised:
        NetworkAddress.parse(text, 1234)
    assert raised.value.code is Code.InvalidArgument
    assert raised.value.message.endswith(".")
    assert len(raised.value.message) < 500
    assert "\0" not in raised.value.message


@pytest.mark.parametrize(
    ("uri", "scheme", "host", "port"),
    [
        ("https://example.org", "https", "example.org", 1234),
        ("HTTPS://example.org:0/", "HTTPS", "example.org", 1234),
        ("x+y-z.1://example.org:?q", "x+y-z.1", "example.org", 1234),
        ("ftp://joe~:(*)%46@ftp.example.org:2020/start", "ftp", "ftp.example.org", 2020),
        ("ftp://example.org/start?foo=bar@baz", "ftp", "example.org", 1234),
        ("a://%65xample.org#x", "a", "example.org", 1234),
        ("a://m%C3%BCnchen.example", "a", "münchen.example", 1234),
        ("a://[fe80::1%25eth0]:7/x", "a", "fe80::1%eth0", 7),
        ("a://u:p@[::1]", "a", "::1", 1234),
    ],
)
def test_gio_s03_uris(uri: str, scheme: str, host: str, port: int) -> None:
    """Scheme, host and port count; the scheme stays as it was typed."""
    address = NetworkAddress.parseUri(uri, 1234)
    assert (address.scheme(), address.host(), address.port()) == (scheme, host, port)


@pytest.mark.parametrize(
    "uri",
    [
        *("example.org", "mailto:x", "unix:/x", "//h", "h:80", "", "1x://h", "x:/h", "://h"),
        *("http://", "http://:80", "http://u@", "http:///path", "http://[]", "http://[::1", "http://[::1]x"),
        *("a://h%", "a://h%zz", "a://joe%x-@h", "a://[fe80::1%eth0]", "a://%ff", "a://h%00", "a://a b"),
        *("a://h:65536", "a://h:x", "a://h:-1", "a://h:²", "a://::1", "a://h:1:2"),
    ],
)
def test_gio_s03_what_is_no_uri_with_a_host(uri: str) -> None:
    """InvalidArgument, in a sentence that names no password."""
    with pytest.raises(SecureError) as raised:
        NetworkAddress.parseUri(uri, 1234)
    assert raised.value.code is Code.InvalidArgument


def test_gio_s03_no_error_shows_a_password() -> None:
    """Whatever is wrong with the URI."""
    for uri in ("a://joe:secret@h:x", "a://joe:secret@", "joe:secret@h", "a://joe:secret%@h", "a:joe:secret@h"):
        with pytest.raises(SecureError) as raised:
            NetworkAddress.parseUri(uri, 1)
        assert "secret" not in str(raised.value)


def test_gio_s03_the_scheme_switches_nothing_on(story: Story) -> None:
    """https implies neither TLS nor port 443."""
    server = story.server()
    connection = story.success(story.client.connectToUri("https://localhost", server.serverPort()))
    assert not connection.isEncrypted()
    assert connection.peerPort() == server.serverPort()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("[2001:db8::1]", ["2001:db8::1"]),
        ("localhost", ["::1", "127.0.0.1"]),
        ("LocalHost.", ["::1", "127.0.0.1"]),
        ("a.b.localhost", ["::1", "127.0.0.1"]),
    ],
)
def test_gio_s04_no_look_up(qapp: object, host: str, expected: list[str]) -> None:
    """Addresses are one attempt; names of this machine are two, wherever DNS says that they lead."""
    resolver = FakeResolver()
    resolver.addresses = {name: ["192.0.2.66"] for name in (host, "localhost")}
    enumeration = Enumeration(NetworkAddress(host, 7), resolver).start()
    spin(lambda: enumeration.ended)
    assert enumeration.answers == expected
    assert enumeration.errors == []
    assert resolver.asked == []


@pytest.mark.parametrize(
    "host",
    [
        *("192.168.258", "192.11010306", "3232235778", "0300.0250.0001.0001", "0xC0.0xA8.0x01.0x02", "0xc0a80102"),
        *("127.1", "127.0.0.1.", "1", "0x", "host.0x7f"),
    ],
)
def test_gio_s04_what_only_looks_like_an_address(story: Story, host: str) -> None:
    """It is never connected to, nor asked for."""
    error = story.failure(story.client.connectToHost(host, 80))
    assert error.code is Code.HostNotFound
    assert host in error.message
    assert story.resolver.asked == []
    assert story.events == ["Resolving", "Complete"]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: NetworkAddress("", 1), ValueError, "host"),
        (lambda: NetworkAddress("a b", 1), ValueError, "host"),
        (lambda: NetworkAddress(b"a", 1), TypeError, "host"),
        (lambda: NetworkAddress("a", 65536), ValueError, "port"),
        (lambda: NetworkAddress("a", "1"), TypeError, "port"),
        (lambda: InetAddress("localhost", 1), ValueError, "NetworkAddress"),
        (lambda: InetAddress("192.168.258", 1), ValueError, "address"),
        (lambda: InetAddress(QHostAddress(), 1), ValueError, "address"),
        (lambda: InetAddress(1, 1), TypeError, "address"),
        (lambda: InetAddress("::1", -1), ValueError, "port"),
        (lambda: UnixAddress(""), ValueError, "path"),
        (lambda: UnixAddress("x" * 108), ValueError, "107"),
        (lambda: UnixAddress("a\0b"), ValueError, "path"),
        (lambda: UnixAddress(b"x"), TypeError, "path"),
        (lambda: UnixAddress(5), TypeError, "^path must be "),
        (lambda: NetworkService("", "example.org"), ValueError, "service"),
        (lambda: NetworkService("_imaps", "example.org"), ValueError, "underscore"),
        (lambda: NetworkService("imaps", ""), ValueError, "domain"),
        (lambda: NetworkService("imaps", "."), ValueError, "domain"),
        (lambda: NetworkService("imaps", "example.org:1"), ValueError, "domain"),
        (lambda: NetworkService("imaps", "example.org", "t p"), ValueError, "protocol"),
        (lambda: NetworkService("imaps", None), TypeError, "domain"),
    ],
)
def test_values_refuse_nonsense(make, error: type[Exception], words: str) -> None:
    """With the name of the argument."""
    with pytest.raises(error, match=words):
        make()


def test_values_are_equal_by_what_they_say() -> None:
    """And usable as keys."""
    pairs = [
        (NetworkAddress("::1", 1), NetworkAddress("[::1]", 1), NetworkAddress("::1", 2)),
        (InetAddress("127.0.0.1", 1), InetAddress(LOCAL, 1), InetAddress("127.0.0.2", 1)),
        (UnixAddress("a"), UnixAddress("a"), UnixAddress("b")),
        (NetworkService("a", "b"), NetworkService("a", "b"), NetworkService("a", "b").withScheme("c")),
        (NetworkAddress.parseUri("x://h", 1), NetworkAddress("h", 1).withScheme("x"), NetworkAddress("h", 1)),
    ]
    for one, same, other in pairs:
        assert one == same
        assert hash(one) == hash(same)
        assert one != other
        assert copy.copy(one) == one
        assert type(one).__name__ in repr(one)
    assert InetAddress("127.0.0.1", 1) != NetworkAddress("127.0.0.1", 1)


def test_inet_address_hands_out_copies() -> None:
    """Nobody can change it from outside."""
    address = InetAddress("127.0.0.1", 1)
    address.address().setAddress("192.0.2.1")
    assert address.address() == LOCAL
    assert (address.family(), address.port()) == (Layer.IPv4Protocol, 1)
    assert InetAddress("::1", 9).toString() == "[::1]:9"


@pytest.mark.parametrize("answer", [None, 7, ["127.0.0.1"], [QHostAddress()]], ids=["None", "int", "text", "null"])
def test_gio_s12_a_resolver_that_answers_with_nonsense(
    story: Story, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends the operation instead of leaving it for ever."""

    class Confused(FakeResolver):
        def lookUpAddresses(
            self, host: str, family: QAbstractSocket.NetworkLayerProtocol, finished: AddressesFound
        ) -> Lookup:
            return FakeLookup(self, 0, lambda: finished(answer))  # type: ignore[arg-type]  # that is the point

    story.client.setResolver(Confused())
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: reported.append(kind))
    error = story.failure(story.client.connectToHost("far.example", 9))
    assert error.code is Code.Failed
    assert reported in ([TypeError], [TypeError] * 2)


class _Careless(FakeResolver):
    """Answers, and returns something else than a Lookup."""

    def __init__(self, returned: object) -> None:
        super().__init__()
        self.returned: Any = returned

    def lookUpAddresses(
        self, host: str, family: QAbstractSocket.NetworkLayerProtocol, finished: AddressesFound
    ) -> Lookup:
        super().lookUpAddresses(host, family, finished)
        return self.returned  # type: ignore[no-any-return]  # that is the point

    def lookUpService(self, recordName: str, finished: ServicesFound) -> Lookup:
        super().lookUpService(recordName, finished)
        return self.returned  # type: ignore[no-any-return]  # that is the point


class _Unwilling:
    def abort(self) -> None:
        raise RuntimeError("no")


@pytest.mark.parametrize("returned", [None, _Unwilling()], ids=["None", "raises"])
@pytest.mark.parametrize("ends", ["at the end", "by cancelling"])
def test_gio_s12_a_resolver_that_aborts_nothing(
    story: Story, returned: object, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operation ends all the same, and what is answered afterwards leads to nothing."""
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: None)
    server = story.server()
    resolver = _Careless(returned)
    resolver.addresses["far.example"] = ["127.0.0.1"]
    resolver.services["_x._tcp.example.org"] = [ServiceRecord("far.example", server.serverPort())]
    resolver.delays[Layer.IPv6Protocol] = 50
    story.client.setResolver(resolver)
    story.client.setTls(False)
    if ends == "at the end":
        assert (
            story.success(story.client.connectToService("example.org", "x")).state()
            is QAbstractSocket.SocketState.ConnectedState
        )
    else:
        operation = story.client.connectToService("example.org", "x")
        spin(lambda: bool(resolver.asked))
        operation.cancel()
        assert story.failure(operation).code is Code.Cancelled
        settle()
        assert resolver.asked == ["_x._tcp.example.org"]


@pytest.mark.parametrize("connect", ["connectToHost", "connectToService"])
def test_gio_s12_a_resolver_that_returns_nonsense(story: Story, connect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends the operation, and the program is told what is to be returned."""
    story.client.setResolver(_Careless(7))
    reported: list[str] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: reported.append(str(value)))
    target = ("far.example", 9) if connect == "connectToHost" else ("example.org", "imaps")
    story.failure(getattr(story.client, connect)(*target))
    assert "must return a Lookup or None, not int" in reported[0]


@pytest.mark.parametrize("answer", [7, [7], [ServiceRecord("a.example", 9, 0, -5)]], ids=["int", "list", "weight"])
def test_gio_s35_a_resolver_that_answers_with_nonsense(
    story: Story, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for records."""

    class Confused(FakeResolver):
        def lookUpService(self, recordName: str, finished: ServicesFound) -> Lookup:
            return FakeLookup(self, 0, lambda: finished(answer))  # type: ignore[arg-type]  # that is the point

    story.client.setResolver(Confused())
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: reported.append(kind))
    error = story.failure(story.client.connectToService("example.org", "imaps"))
    assert error.code is Code.Failed
    assert len(reported) == 1


def test_gio_s02_zeros_in_front_of_a_port() -> None:
    """Change nothing, however many they are."""
    assert NetworkAddress.parse("h:00000000000080", 1).port() == 80
    assert NetworkAddress.parseUri("x://h:00000000000080", 1).port() == 80
    with pytest.raises(SecureError):
        NetworkAddress.parse("h:1000000000000", 1)
