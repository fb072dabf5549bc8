"""What a proxy answers."""

from __future__ import annotations

from qtsecure.errors import SecureError
from qtsecure.net.proxies.http_connect import HttpConnectNegotiation
from qtsecure.net.proxies.negotiation import Negotiation, ProxyRequest
from qtsecure.net.proxies.socks4 import Socks4aNegotiation, Socks4Negotiation
from qtsecure.net.proxies.socks5 import Socks5Negotiation
from tests.fuzz.targets.target import Target, pieces

__all__ = ["PROXIES"]

_REQUEST = ProxyRequest("example.org", 443, "proxy.example:1080", "user", "never-in-a-message")
_BY_ADDRESS = ProxyRequest("192.0.2.1", 443, "proxy.example:1080")
_MOST_HEARD = 96 * 1024


def _converse(kind: type[Negotiation], request: ProxyRequest, parts: list[bytes]) -> tuple[int, bool, str]:
    """How many bytes were used, whether it is complete, and the failure."""
    negotiation = kind(request)
    used = 0
    for part in parts:
        while part and not negotiation.complete:
            negotiation.takeOutgoing()
            try:
                taken = negotiation.receive_untrusted(part)
            except SecureError as error:
                assert "never-in-a-message" not in error.message
                assert error.message.isprintable()
                return used, False, error.message
            assert 0 <= taken <= len(part)
            assert taken or negotiation.takeOutgoing() or negotiation.complete
            used += taken
            part = part[taken:]
    assert used <= _MOST_HEARD
    negotiation.ended()
    return used, negotiation.complete, ""


def _speaker(kind: type[Negotiation], *requests: ProxyRequest) -> object:
    def run(data: bytes) -> None:
        for request in requests:
            whole = _converse(kind, request, [data])
            cut = _converse(kind, request, pieces(data))
            assert whole[1:] == cut[1:]
            if whole[1]:
                assert whole == cut  # not one byte of the destination's was taken

    return run


def _target(
    name: str, kind: type[Negotiation], requests: tuple[ProxyRequest, ...], *seeds: bytes, **more: object
) -> Target:
    return Target(name, _speaker(kind, *requests), lambda: seeds, (), **more)  # type: ignore[arg-type]  # of Target


PROXIES = (
    _target(
        "socks4", Socks4Negotiation, (_BY_ADDRESS,), b"\0\x5a" + bytes(6) + b"data", b"\0\x5b" + bytes(6), b"\4\x5a"
    ),
    _target("socks4a", Socks4aNegotiation, (_REQUEST,), b"\0\x5a" + bytes(6) + b"data", b"\0\x5d" + bytes(6)),
    _target(
        "socks5",
        Socks5Negotiation,
        (_REQUEST, _BY_ADDRESS),
        b"\5\0\5\0\0\1" + bytes(6) + b"data",
        b"\5\2\1\0\5\0\0\4" + bytes(18) + b"data",
        b"\5\2\1\0\5\0\0\3\7example\0\0" + b"data",
        b"\5\2\1\1",
        b"\5\xff",
        b"\5\0\5\5\0\1" + bytes(6),
    ),
    _target(
        "http-connect",
        HttpConnectNegotiation,
        (_REQUEST, _BY_ADDRESS),
        b"HTTP/1.1 200 OK\r\n\r\ndata",
        b"HTTP/1.0 200\nVia: x\n\ndata",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndata",
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"\x15\3\1\0\2\2\x46",
        words=(b"HTTP/1.1 ", b"\r\n", b"\n", b" 200 ", b"100 ", b"407", b"101 "),
        grows=(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n"),
    ),
)
