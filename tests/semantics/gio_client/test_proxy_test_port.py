"""glib's gio/tests/proxy-test.c in our words: its proxies alpha and beta are SOCKS 4 and SOCKS 5 here.

The first takes no host names, and refuses when it is told to; the second takes them and leads to the echo server
whatever they say. ``override`` and ``enumerator-ports`` are also tested where no connection is needed, with the
resolvers of proxies.
"""

from __future__ import annotations

import socket as native
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from qtsecure import InetAddress, NetworkAddress, ProxyAddress, ProxyResolver, SslSocket
from qtsecure.net.socket_client.enumeration import LookupPlan
from tests.net.conversation import spin
from tests.net.proxies.rig import EchoServer, exchange
from tests.net.proxy_servers import ProxyServer, Socks5Proxy
from tests.semantics.gio_client.support import Code, FakeResolver, Story
from tests.semantics.gio_client.test_proxies import ListResolver

pytestmark = pytest.mark.usefixtures("transport_mode")


class Socks4Proxy(ProxyServer):
    """Takes IPv4 addresses."""

    refuses = False

    def negotiate(self, client: native.socket) -> native.socket | None:
        request = b""
        while len(request) < 9 or request[-1:] != b"\0":
            data = client.recv(1)
            if not data:
                return None
            request += data
        target = None
        if not self.refuses:
            target = self.reach(native.inet_ntoa(request[4:8]), int.from_bytes(request[2:4], "big"))
        client.sendall(bytes((0, 90 if target else 91)) + bytes(6))
        return target


class Scene(NamedTuple):
    """What every test has."""

    story: Story
    echo: EchoServer
    alpha: Socks4Proxy
    beta: Socks5Proxy

    def uris(self) -> list[str]:
        """Of both proxies, in their order."""
        return [f"socks4://127.0.0.1:{self.alpha.port}", f"socks5://127.0.0.1:{self.beta.port}"]

    def connect(self, uri: str) -> SslSocket:
        """A connection that the echo server answers."""
        connection = self.story.success(self.story.client.connectToUri(uri, self.echo.serverPort()))
        exchange(connection, b"lorem ipsum dolor sit amet")
        return connection


class TestResolver(ProxyResolver):
    """By the scheme: ``simple`` is direct, some are nonsense, all others have both proxies."""

    __test__ = False

    def __init__(self, others: list[str]) -> None:
        super().__init__()
        self.given: list[list[str]] = []
        self._answers = {
            "simple": ["direct://"],
            "empty": [""],
            "invalid": ["\N{CAT FACE WITH WRY SMILE}"],
            "invalid-then-simple": ["\N{CAT FACE WITH WRY SMILE}", "direct://"],
            "simple-then-invalid": ["direct://", "\N{CAT FACE WITH WRY SMILE}"],
        }
        self._others = others

    def proxiesFor(self, uri: str) -> list[str]:
        self.given.append(self._answers.get(uri.partition(":")[0], self._others))
        return self.given[-1]


@pytest.fixture
def scene(story: Story) -> Iterator[Scene]:
    """An echo server, both proxies, and a resolver that names them."""
    echo = EchoServer()
    with Socks4Proxy() as alpha, Socks5Proxy() as beta:
        scene = Scene(story, echo, alpha, beta)
        story.client.setEnableProxy(True)
        story.client.setProxyResolver(TestResolver(scene.uris()))
        yield scene
        for result in story.results:
            if isinstance(result, SslSocket):
                result.abort()  # the proxies serve one client after the other
    echo.close()
    echo.deleteLater()


def given(scene: Scene) -> list[list[str]]:
    """What the resolver has answered."""
    resolver = scene.story.client.proxyResolver()
    assert isinstance(resolver, TestResolver)
    return resolver.given


def test_proxy_direct(scene: Scene) -> None:
    """/proxy/direct: no proxy is needed, and none is at the other end."""
    connection = scene.connect("simple://127.0.0.1")
    assert given(scene) == [["direct://"]]
    assert connection.remoteAddress() == InetAddress("127.0.0.1", scene.echo.serverPort())
    assert scene.alpha.asked == scene.beta.asked == []


def test_proxy_single(scene: Scene) -> None:
    """/proxy/single: the first proxy does it, and is the remote address."""
    connection = scene.connect("alpha://127.0.0.1")
    assert given(scene) == [scene.uris()]
    remote = connection.remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert (remote.protocol(), remote.uri()) == ("socks4", scene.uris()[0])
    assert (remote.destinationHostName(), remote.destinationPort()) == ("127.0.0.1", scene.echo.serverPort())
    assert remote.destinationProtocol() == "alpha"
    assert scene.beta.asked == []


def test_proxy_multiple(scene: Scene) -> None:
    """/proxy/multiple: the first refuses, the second does it."""
    scene.alpha.refuses = True
    connection = scene.connect("beta://127.0.0.1")
    assert given(scene) == [scene.uris()]
    remote = connection.remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert (remote.protocol(), remote.destinationProtocol()) == ("socks5", "beta")
    assert scene.story.events.count("ProxyNegotiating 127.0.0.1") == 2


@pytest.mark.parametrize("scheme", ["empty", "invalid"])
def test_proxy_invalid_uris(scene: Scene, scheme: str) -> None:
    """/proxy/invalid-uris: nothing usable is an error of its own."""
    error = scene.story.failure(scene.story.client.connectToUri(f"{scheme}://127.0.0.1", scene.echo.serverPort()))
    assert error.code is Code.Failed
    assert scene.story.events == ["Resolving", "Complete"]


@pytest.mark.parametrize("scheme", ["invalid-then-simple", "simple-then-invalid"])
def test_proxy_invalid_uris_beside_a_good_one(scene: Scene, scheme: str) -> None:
    """/proxy/invalid-uris: what is no URI is passed over."""
    connection = scene.connect(f"{scheme}://127.0.0.1")
    assert isinstance(connection.remoteAddress(), InetAddress)


def test_proxy_dns(scene: Scene) -> None:
    """/proxy/dns: names go to proxies that take them; for the others they are looked up here."""
    scene.story.resolver.addresses["example.com"] = ["127.0.0.1"]
    remote = scene.connect("alpha://example.com").remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert remote.destinationHostName() == "127.0.0.1"
    assert scene.story.resolver.asked == ["example.com IPv4Protocol"]
    # A name that nobody here knows: the first proxy is of no use, the second is not in doubt.
    remote = scene.connect("beta://no-such-host.xx").remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert remote.destinationHostName() == "no-such-host.xx"
    assert scene.beta.asked == [("no-such-host.xx", scene.echo.serverPort())]


def test_proxy_dns_without_a_proxy(scene: Scene) -> None:
    """/proxy/dns: a name that nobody knows cannot be reached directly."""
    error = scene.story.failure(scene.story.client.connectToUri("simple://no-such-host.xx", 1))
    assert error.code is Code.HostNotFound


@pytest.mark.parametrize("scheme", ["simple", "alpha", "beta"])
def test_proxy_override(scene: Scene, scheme: str) -> None:
    """/proxy/override: the client's own resolver decides alone; None gives the decision back."""
    resolver = ListResolver(scene.uris()[:1])
    scene.story.client.setProxyResolver(resolver)
    remote = scene.connect(f"{scheme}://127.0.0.1").remoteAddress()
    assert isinstance(remote, ProxyAddress)
    assert remote.protocol() == "socks4"
    assert resolver.asked == [f"{scheme}://127.0.0.1:{scene.echo.serverPort()}"]
    scene.story.client.setProxyResolver(None)
    assert scene.story.client.proxyResolver() is not resolver


@pytest.mark.parametrize("port", [0, 80, 8080])
def test_proxy_enumerator_ports(qapp: object, port: int) -> None:
    """/proxy/enumerator-ports: the destination's port is its own, and not that of the proxy."""
    found: list[object] = []
    plan = LookupPlan(FakeResolver(), proxies=ListResolver(["socks5://127.0.0.1:1"]))
    NetworkAddress("example.com", port).enumerate(plan).next(found.append)
    spin(lambda: found != [])
    (address,) = found
    assert isinstance(address, ProxyAddress)
    assert (address.port(), address.destinationPort()) == (1, port)
