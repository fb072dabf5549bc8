"""gio-S24 and S29 to S31, as far as addresses and negotiators go: what lies behind a proxy."""

from __future__ import annotations

import pytest

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiator import ProxyNegotiator
from qtsecure.net.proxies.proxy_address import ProxyAddress
from tests.net.conversation import settle
from tests.net.proxies.rig import MakeRig

Code = SecureError.Code
UNKNOWN_NAME = "no-such-host.invalid"


@pytest.mark.parametrize("protocol", ["alpha", "socks", "ftp", "direct"])
def test_gio_s24_unknown_protocols(makeRig: MakeRig, protocol: str) -> None:
    """NotSupported, and the proxy hears nothing."""
    assert not ProxyNegotiator.supportsProxy(protocol)
    assert ProxyNegotiator.takesHostNames(protocol)
    rig = makeRig(protocol)
    rig.start()
    failure = rig.failure()
    assert failure.code is Code.NotSupported
    assert repr(protocol) in failure.message
    settle()
    assert rig.heard == b""


def test_gio_s24_known_protocols() -> None:
    """The schemes of their URIs."""
    assert all(map(ProxyNegotiator.supportsProxy, ("socks5", "socks4a", "socks4", "http", "https")))


def test_gio_s29_what_an_application_proxy_is_told() -> None:
    """Everything that a program needs which speaks with its proxy itself."""
    uri = "rtsp-proxy://joe:secret@Proxy.example:554/path"
    address = ProxyAddress(uri, "192.0.2.1", "camera.example", 8554, "rtsp")
    assert address.protocol() == "rtsp-proxy"
    assert address.address().toString() == "192.0.2.1"
    assert (address.hostName(), address.port()) == ("Proxy.example", 554)
    assert (address.destinationHostName(), address.destinationPort()) == ("camera.example", 8554)
    assert address.destinationProtocol() == "rtsp"
    assert address.username() == "joe"


def test_gio_s30_the_uri_is_that_of_the_proxy() -> None:
    """Without what only the proxy may know."""
    address = ProxyAddress("SOCKS5://joe:secret@proxy.example", "192.0.2.1", "mail.example", 993)
    assert address.uri() == "socks5://proxy.example:1080"
    assert ProxyAddress("http://[::1]:8", "::1", "mail.example", 993).uri() == "http://[::1]:8"


@pytest.mark.parametrize(
    ("protocol", "answers"),
    [
        ("socks5", [b"\5\0", b"\5\0\0\1" + bytes(6)]),
        ("socks4a", [b"\0\x5a" + bytes(6)]),
        ("http", [b"HTTP/1.1 200 OK\r\n\r\n"]),
    ],
)
def test_gio_s31_names_go_to_the_proxy(makeRig: MakeRig, protocol: str, answers: list[bytes]) -> None:
    """Nobody here could look this one up."""
    rig = makeRig(protocol, UNKNOWN_NAME)
    rig.start()
    heard = b""
    for answer in answers:
        heard += rig.hear(3) if answer == b"\5\0" else rig.hearSomething()
        rig.say(answer)
    assert rig.connection() is rig.socket
    assert UNKNOWN_NAME.encode() in heard
