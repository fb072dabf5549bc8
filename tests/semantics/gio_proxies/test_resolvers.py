"""gio-S22 and S23: which proxies are used, and on which ports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.errors import SecureError
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.proxies.simple_resolver import SimpleProxyResolver
from tests.net.proxies.lookups import proxiesOf

pytestmark = pytest.mark.usefixtures("qapp")

DEFAULT = "http://proxy.example:3128"


def test_gio_s22_no_rule_means_direct() -> None:
    """Nobody else is asked."""
    assert proxiesOf(SimpleProxyResolver(), "https://example.org:443") == ["direct://"]


@pytest.mark.parametrize(
    "uri", ["https://example.org", "none://example.org:25", "HTTPS://[::1]:8", "mailto:joe@example.org"]
)
def test_gio_s22_default_proxy(uri: str) -> None:
    """Also for URIs without a host, which no pattern can mean."""
    assert proxiesOf(SimpleProxyResolver(DEFAULT, ["example.com"]), uri) == [DEFAULT]


def test_gio_s22_proxies_of_schemes() -> None:
    """Schemes have no case, neither here nor there."""
    resolver = SimpleProxyResolver(DEFAULT)
    resolver.setUriProxy("FTP", "http://ftp-proxy.example")
    resolver.setUriProxy("https", "direct://")
    assert proxiesOf(resolver, "fTp://example.org") == ["http://ftp-proxy.example"]
    assert proxiesOf(resolver, "https://example.org") == ["direct://"]
    assert proxiesOf(resolver, "http://example.org") == [DEFAULT]
    resolver.setUriProxy("ftp", "")
    assert proxiesOf(resolver, "ftp://example.org") == [DEFAULT]


def test_gio_s22_any_socks() -> None:
    """One proxy, three protocols; what stands behind the scheme stays as it is."""
    resolver = SimpleProxyResolver("socks://joe:p%40@proxy.example")
    expected = [f"{protocol}://joe:p%40@proxy.example" for protocol in ("socks5", "socks4a", "socks4")]
    assert proxiesOf(resolver, "http://example.org") == expected
    resolver = SimpleProxyResolver()
    resolver.setUriProxy("http", "SOCKS://[::1]:9")
    assert proxiesOf(resolver, "http://example.org") == ["socks5://[::1]:9", "socks4a://[::1]:9", "socks4://[::1]:9"]


@pytest.mark.parametrize(
    ("pattern", "direct", "proxied"),
    [
        ("example.org", ["example.org", "EXAMPLE.org", "a.b.example.org:8", "example.org."], ["xexample.org", "org"]),
        ("example.org", ["a.example.org"], ["example.org.com"]),
        (".example.org", ["example.org", "a.example.org"], ["xexample.org"]),
        ("*.example.org", ["example.org", "a.example.org"], ["xexample.org"]),
        ("example.org:8080", ["example.org:8080", "a.example.org:8080"], ["example.org", "example.org:80"]),
        ("*.example.org:8080", ["a.example.org:8080"], ["a.example.org"]),
        ("  Example.ORG ", ["example.org"], ["example.com"]),
        ("bücher.example", ["BÜCHER.example", "xn--bcher-kva.example", "x.bücher.example"], ["bucher.example"]),
        ("192.0.2.7", ["192.0.2.7", "192.0.2.7:80"], ["192.0.2.70", "92.0.2.7", "192.0.2.7.example"]),
        ("192.0.2.7:80", ["192.0.2.7:80"], ["192.0.2.7", "192.0.2.7:81"]),
        ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255:443"], ["192.0.3.0", "192.0.2.example", "[::c000:207]"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["[::1]", "example.org"]),
        ("::1", ["[::1]", "[0:0::1]:80"], ["[::2]", "1.0.0.1"]),
        ("[::1]", ["[::1]", "[::1]:80"], ["[::2]"]),
        ("[::1]:443", ["[::1]:443"], ["[::1]", "[::1]:80"]),
        ("2001:db8::/32", ["[2001:db8:1::7]"], ["[2001:db9::]", "example.org"]),
        ("fe80::/10", ["[fe80::1%25eth0]"], ["[::1]"]),
        ("localhost", ["localhost:3", "x.localhost"], ["127.0.0.1", "[::1]"]),
    ],
)  # fmt: skip
def test_gio_s22_ignored_hosts(pattern: str, direct: list[str], proxied: list[str]) -> None:
    """Domains count from the end, on the border of a label."""
    resolver = SimpleProxyResolver(DEFAULT, ["unrelated.example", pattern])
    for host in direct:
        assert proxiesOf(resolver, f"none://{host}") == ["direct://"], host
    for host in proxied:
        assert proxiesOf(resolver, f"none://{host}") == [DEFAULT], host


def test_gio_s22_ignored_hosts_before_schemes() -> None:
    """Whatever a scheme has for a rule."""
    resolver = SimpleProxyResolver(DEFAULT, ["example.org"])
    resolver.setUriProxy("https", DEFAULT)
    assert proxiesOf(resolver, "https://example.org") == ["direct://"]


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "*", ".", "*.", "*example.org", "ex*mple.org", "a..b", "a b"),
        *("10.0.0.1/8", "10.0.0.0/33", "::/129", "[x]:8", "host:99999", "a:b:c"),
    ],
)
def test_gio_s22_patterns_that_mean_nothing(pattern: str) -> None:
    """Gio warns and goes on with the others; here the one who sets them is told."""
    with pytest.raises(ValueError, match=r"^ignoreHosts contains "):
        SimpleProxyResolver(DEFAULT, [pattern])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: SimpleProxyResolver().setIgnoreHosts(5), "ignoreHosts"),
        (lambda: SimpleProxyResolver().setIgnoreHosts("a.example"), "ignoreHosts"),
        (lambda: SimpleProxyResolver().proxiesFor(5), "uri"),
    ],
)
def test_wrong_types_are_told_by_name(call: Callable[[], object], argument: str) -> None:
    """The name of the argument, not only what Python says of the value."""
    with pytest.raises(TypeError, match=f"^{argument} must be "):
        call()


@pytest.mark.parametrize("uri", ["asdf", "", "://x", "1http://x", "a b://x"])
def test_gio_s22_what_is_no_uri(uri: str) -> None:
    """An error, even where the answer would not depend on it."""
    with pytest.raises(SecureError) as refused:
        proxiesOf(SimpleProxyResolver(DEFAULT), uri)
    assert refused.value.code is SecureError.Code.InvalidArgument


@pytest.mark.parametrize(
    ("protocol", "port"),
    [
        ("http", 80),
        ("ws", 80),
        ("https", 443),
        ("wss", 443),
        ("ftp", 21),
        ("socks", 1080),
        ("socks4", 1080),
        ("socks4a", 1080),
        ("socks5", 1080),
        ("alpha", 0),
    ],
)
def test_gio_s23_default_ports(protocol: str, port: int) -> None:
    """For a port that is missing, or 0; another one stays."""
    for end, expected in (("", port), (":0", port), (":", port), (":8", 8)):
        address = ProxyAddress(f"{protocol}://proxy.example{end}", "192.0.2.1", "example.org", 80)
        assert address.port() == expected


def test_glib_proxy_test_override(qapp: QCoreApplication) -> None:
    """A resolver of the program's decides alone; another one has other rules."""

    class Always(SimpleProxyResolver):
        def proxiesFor(self, uri: str) -> list[str]:
            return ["alpha://127.0.0.1:1"]

    for uri in ("simple://127.0.0.1:7", "alpha://127.0.0.1:7", "beta://127.0.0.1:7"):
        assert proxiesOf(Always(), uri) == ["alpha://127.0.0.1:1"]


def test_glib_proxy_test_enumerator_ports() -> None:
    """The port of the destination is its own: given, defaulted by the caller, or none."""
    for port in (0, 80, 8080):
        assert ProxyAddress("alpha://127.0.0.1:1", "127.0.0.1", "example.com", port).destinationPort() == port
