"""Negotiations without sockets: whole conversations for the tests, and ways to hold them."""

from __future__ import annotations

from typing import NamedTuple

from qtsecure.net.proxies.http_connect import HttpConnectNegotiation
from qtsecure.net.proxies.negotiation import Negotiation, ProxyRequest
from qtsecure.net.proxies.socks4 import Socks4aNegotiation, Socks4Negotiation
from qtsecure.net.proxies.socks5 import Socks5Negotiation

NEGOTIATIONS: dict[str, type[Negotiation]] = {
    "socks5": Socks5Negotiation,
    "socks4": Socks4Negotiation,
    "socks4a": Socks4aNegotiation,
    "http": HttpConnectNegotiation,
}
SECRET = "s3cr3t-passw0rd"
USER = "us3r-nam3"


class Talk(NamedTuple):
    """One conversation that leads to a connection: what the proxy answers to each message."""

    protocol: str
    host: str
    login: bool
    answers: tuple[bytes, ...]


GRANTED4 = bytes((0, 90)) + bytes(6)
BOUND = {1: bytes((1, 127, 0, 0, 1)), 4: bytes((4,)) + bytes(15) + b"\1", 3: b"\3\x09localhost"}
"""SOCKS 5 addresses of each type."""

TALKS = {
    "socks5": Talk("socks5", "mail.example", False, (b"\5\0", b"\5\0\0" + BOUND[1] + b"\x04\x38")),
    "socks5-login": Talk("socks5", "mail.example", True, (b"\5\2", b"\1\0", b"\5\0\0" + BOUND[3] + b"\x04\x38")),
    "socks5-v6": Talk("socks5", "::1", True, (b"\5\0", b"\5\0\0" + BOUND[4] + b"\x04\x38")),
    "socks5-empty-name": Talk("socks5", "mail.example", False, (b"\5\0", b"\5\0\0\3\0\x04\x38")),
    "socks4": Talk("socks4", "192.0.2.1", True, (GRANTED4,)),
    "socks4a": Talk("socks4a", "mail.example", True, (GRANTED4,)),
    "http": Talk("http", "mail.example", True, (b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n",)),
    "http-interim": Talk("http", "::1", True, (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.0 204 Fine\n\n",)),
    "http-length": Talk("http", "mail.example", True, (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",)),
}


def negotiationFor(
    protocol: str,
    host: str = "mail.example",
    port: int = 993,
    *,
    user: str | None = None,
    password: str | None = None,
) -> Negotiation:
    """A negotiation with proxy.example."""
    return NEGOTIATIONS[protocol](ProxyRequest(host, port, "proxy.example:1080", user, password))


def begin(talk: Talk) -> Negotiation:
    """The negotiation of a conversation."""
    login = (USER, SECRET) if talk.login else (None, None)
    return negotiationFor(talk.protocol, talk.host, user=login[0], password=login[1])


def feed(negotiation: Negotiation, data: bytes) -> int:
    """Let a negotiation hear bytes and send what it will; how many of them it has used."""
    taken = 0
    while True:
        negotiation.takeOutgoing()
        used = negotiation.receive_untrusted(data[taken:])
        taken += used
        if not used or negotiation.complete:
            return taken
