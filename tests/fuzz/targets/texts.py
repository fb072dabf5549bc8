"""Grammars: names, addresses, URIs, and words of the command line."""

from __future__ import annotations

import argparse
import functools
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from qtsecure.cli import arguments
from qtsecure.engine.host_names import InvalidHostName, normalize_host_name
from qtsecure.engine.host_table import HostTable, normalize_host_pattern
from qtsecure.errors import SecureError
from qtsecure.net.proxies.ignored_hosts import IgnoredHosts
from qtsecure.net.proxies.network_uri import NetworkUri, hostInUri, schemeOf
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.socket_client.literals import isLocalName, literalAddress, looksNumeric
from qtsecure.net.socket_client.network_address import NetworkAddress
from qtsecure.net.socket_client.network_service import NetworkService
from qtsecure.net.values import SslConfiguration
from tests.fuzz import materials
from tests.fuzz.targets.target import Target

__all__ = ["TEXTS"]

_HOSTS = (
    "localhost",
    "example.org.",
    "*.example.org",
    "münchen.example",
    "xn--mnchen-3ya.example",
    "127.0.0.1",
    "[fe80::1%eth0]",
    "::ffff:1.2.3.4",
    "0x7f.1",
    "a" * 63 + ".example",
    "例え.テスト",
    "faß.de",
)
_WORDS = tuple(
    word.encode()
    for word in (
        "xn--",
        ".",
        "*.",
        "[",
        "]",
        ":",
        "%",
        "%25",
        "%00",
        "@",
        "//",
        "0x",
        "\u0130",
        "ß",
        "\u200d",
        "。",
        "\ufeff",
        "\u0661",
    )
)


def _text(data: bytes) -> str:
    """As the command line and settings give it: whatever is no UTF-8 becomes a lone surrogate."""
    return data.decode("utf-8", "surrogateescape")


def _hostName(data: bytes) -> None:
    name = normalize_host_name(_text(data))
    assert name.ascii.isascii()
    assert normalize_host_name(name.ascii) == name
    assert len(name.ascii) <= 253
    assert len(name.ip) in (0, 4, 16)


@functools.cache
def _hosts() -> tuple[HostTable[int], SslConfiguration]:
    own = SslConfiguration.forServer([materials.certificate()], materials.key(2))
    configuration = SslConfiguration.forServer([materials.certificate()], materials.key(2))
    configuration.setVirtualHosts({"example.org": own, "*.example.org": own})
    return HostTable({"example.org": 1, "*.example.org": 2, "xn--mnchen-3ya.example": 3}), configuration


def _virtualHost(data: bytes) -> None:
    table, configuration = _hosts()
    found = table.find_untrusted(data)
    assert found in (None, 1, 2, 3)
    assert found is None or b"example" in data.lower()
    assert configuration.hostConfiguration_untrusted(data) is not None


def _hostPattern(data: bytes) -> None:
    pattern = normalize_host_pattern(_text(data))
    assert normalize_host_pattern(pattern) == pattern


def _ignoredHost(data: bytes) -> None:
    text = _text(data)
    for host in ("example.org", "::1", "10.1.2.3", text):
        IgnoredHosts(["example.org", "10.0.0.0/8"]).match(host, 443)
    ignored = IgnoredHosts([text])
    assert ignored.match("no.such.host.invalid", 1) in (False, "invalid" in text)


def _isSecret(text: str, word: str) -> bool:
    """Whether a word is in what stands before the @, and nowhere else; without an @ it may have become the host."""
    authority = re.split("[/?#]", text.partition("://")[2], maxsplit=1)[0]
    user, _, host = authority.rpartition("@")
    return word in user and word not in host


def _proxyUri(data: bytes) -> None:
    text = _text(data)
    assert schemeOf(text).isascii()
    try:
        uri = NetworkUri.parse(text)
    except SecureError as error:
        assert "hunter2" not in error.message
        raise
    assert 0 <= uri.port <= 65535
    assert "hunter2" not in repr(uri) or not _isSecret(text, "hunter2")
    if uri.host:
        again = NetworkUri.parse(f"{uri.scheme}://{hostInUri(uri.host)}:{uri.port}/")
        assert (again.scheme, again.host, again.port) == (uri.scheme, uri.host, uri.port)
        address = ProxyAddress(text, "192.0.2.1", "example.org", 443)
        assert address.uri()
        assert repr(address)
        # Nobody is led elsewhere than another reader of URIs would be.
        if uri.host.isascii() and "%" not in text and "\\" not in text and ":" not in uri.host:
            assert urlsplit(text).hostname == uri.host.lower()


def _uri(data: bytes) -> None:
    text = _text(data)
    try:
        address = NetworkAddress.parseUri(text, 443)
    except SecureError as error:
        assert "@" not in text or "hunter2" not in error.message.rpartition("@")[0]
        raise
    _useAddress(address)


def _hostAndPort(data: bytes) -> None:
    _useAddress(NetworkAddress.parse(_text(data), 443))


def _useAddress(address: NetworkAddress) -> None:
    assert address.host()
    assert 0 <= address.port() <= 65535
    assert isinstance(address.toString(), str)
    assert isinstance(address.serverIdentity(), str)
    literalAddress(address.host())
    looksNumeric(address.host())
    isLocalName(address.host())


def _service(data: bytes) -> None:
    service, _, domain = _text(data).partition("/")
    try:
        NetworkService(service, domain).recordName()
    except SecureError as error:
        assert error.code == SecureError.Code.HostNotFound


_PARSERS: tuple[Callable[[str], object], ...] = (
    arguments.target,
    arguments.targetOrService,
    arguments.port,
    arguments.preSharedKey,
    arguments.protocols,
    arguments.duration,
    arguments.positive,
)


def _commandLine(data: bytes) -> None:
    text = _text(data)
    wrong = 0
    for parse in _PARSERS:
        try:
            value = parse(text)
        except argparse.ArgumentTypeError as error:
            wrong += 1
            assert parse is not arguments.preSharedKey or len(text) < 20 or text not in str(error)
            continue
        if isinstance(value, arguments.Target):
            assert 0 < value.port <= 65535
            assert value.host
        if parse is arguments.port:
            assert isinstance(value, int)
            assert 0 <= value <= 65535
        if parse is arguments.duration:
            assert isinstance(value, int)
            assert 0 <= value < 1 << 31
    if wrong == len(_PARSERS):
        raise argparse.ArgumentTypeError


def _algorithms(data: bytes) -> None:
    text = _text(data)
    configuration = SslConfiguration()
    refused = 0
    for setValue in (
        configuration.setCiphers,
        lambda value: configuration.setEllipticCurves([value]),
        lambda value: configuration.setAllowedNextProtocols([value]),
    ):
        try:
            setValue(text)
        except (SecureError, ValueError):
            refused += 1
    if refused == 3:
        raise ValueError


def _encoded(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


_URIS = (
    "socks5://user:hunter2@proxy.example:1080",
    "http://[::1]:8080/",
    "https://user%40x:@m%C3%BCnchen.example",
    "direct://",
    "socks://10.0.0.1",
    "http://[fe80::1%25eth0]:3128?x#y",
    "https://example.org:8443/path?query#fragment",
)

TEXTS = (
    Target(
        "host-name", _hostName, _encoded(*_HOSTS), (InvalidHostName,), _WORDS, share=0.7, grows=(b"a.", "ü".encode())
    ),
    Target(
        "virtual-host", _virtualHost, _encoded(*_HOSTS, "www.example.org"), (), _WORDS, share=0.7, grows=(b"xn--a",)
    ),
    Target("host-pattern", _hostPattern, _encoded(*_HOSTS), (InvalidHostName,), _WORDS, share=0.5),
    Target(
        "ignored-host",
        _ignoredHost,
        _encoded(*_HOSTS, "10.0.0.0/8", "example.org:8080", "[::1]:443", "fe80::/10"),
        (ValueError,),
        _WORDS,
        share=0.5,
    ),
    Target("proxy-uri", _proxyUri, _encoded(*_URIS), (SecureError,), _WORDS, grows=(b"socks5://a@", b"%41", b"a:")),
    Target("uri", _uri, _encoded(*_URIS), (SecureError,), _WORDS, grows=(b"https://a@", b"https://%41")),
    Target(
        "host-and-port",
        _hostAndPort,
        _encoded(*_HOSTS, "example.org:https", "[::1]:443", "localhost:65536", "localhost:0443"),
        (SecureError,),
        _WORDS,
        grows=(b"a:", b"1"),
    ),
    Target("service", _service, _encoded("imaps/example.org", "xmpp-client/münchen.example"), (ValueError,), _WORDS),
    Target(
        "command-line",
        _commandLine,
        _encoded(
            "localhost:443", "https://[::1]", "tls://a:1", "service:imaps/x", "id:00ff", "h2,http/1.1", "-1", "30"
        ),
        (argparse.ArgumentTypeError,),
        (*_WORDS, b"https://", b"tls://", b"service:", b"000000000", "²".encode()),
        grows=(b"0", b"id:00", b"h2,"),
    ),
    Target(
        "algorithms",
        _algorithms,
        _encoded(
            "ECDHE+AESGCM:!aNULL", "TLS_AES_128_GCM_SHA256", "X25519", "P-256", "h2", "DEFAULT:@SECLEVEL=0", "ALL"
        ),
        (ValueError,),
        (b":", b"!", b"+", b"@SECLEVEL=", b"@STRENGTH", b"\0", b"-"),
        share=0.3,
    ),
)
