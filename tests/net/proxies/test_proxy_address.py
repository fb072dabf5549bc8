"""ProxyAddress and the URIs of proxies as values."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtNetwork import QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.proxies.network_uri import NetworkUri
from qtsecure.net.proxies.proxy_address import ProxyAddress
from tests.net.proxies.answers import SECRET, USER

many = settings(max_examples=300, deadline=None, derandomize=True, database=None)
LOGIN = f"socks5://{USER}:{SECRET}@proxy.example:1080"


def address(uri: str = LOGIN) -> ProxyAddress:
    return ProxyAddress(uri, "192.0.2.1", "mail.example", 993, "imaps")


def test_no_text_contains_the_login() -> None:
    """Whatever a program writes into its log; the user name may be a token."""
    for text in (repr(address()), str(address()), f"{address()}", address().uri(), repr([address()])):
        assert SECRET not in text
        assert USER not in text
    assert repr(address()) == ("<ProxyAddress socks5://proxy.example:1080 at 192.0.2.1 to 'mail.example', port 993>")


@pytest.mark.parametrize("uri", [LOGIN, f"http://:{SECRET}@proxy.example", f"http://{USER}@proxy.example"])
def test_no_pickle_contains_the_login(uri: str) -> None:
    """A pickle with it is refused, one without is the same value."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled") as refused:
            pickle.dumps(address(uri), protocol)
        assert SECRET not in str(refused.value)
    plain = address("http://proxy.example")
    assert pickle.loads(pickle.dumps(plain)).uri() == plain.uri()


@pytest.mark.parametrize("uri", ["http://", "http://:80", "direct://"])
def test_a_proxy_has_a_host(uri: str) -> None:
    """An https proxy would have no name to prove."""
    with pytest.raises(SecureError, match="names no host"):
        address(uri)


def test_copies_are_the_value_itself() -> None:
    """It does not change."""
    value = address()
    assert copy.copy(value) is value
    assert copy.deepcopy([value])[0] is value


def test_equality() -> None:
    """Every part counts, the login, too."""
    assert address() == address()
    assert hash(address()) == hash(address())
    others = [
        address("socks5://proxy.example:1080"),
        address(LOGIN.replace(SECRET, "x")),
        address(LOGIN.replace("socks5", "http")),
        ProxyAddress(LOGIN, "192.0.2.2", "mail.example", 993, "imaps"),
        ProxyAddress(LOGIN, "192.0.2.1", "mail.example", 143, "imaps"),
        ProxyAddress(LOGIN, "192.0.2.1", "mail2.example", 993, "imaps"),
        ProxyAddress(LOGIN, "192.0.2.1", "mail.example", 993),
    ]
    assert all(other != address() for other in others)
    assert address() != LOGIN


def test_the_address_cannot_be_changed_from_outside() -> None:
    """A QHostAddress can; ours is a copy, coming and going."""
    given = QHostAddress("192.0.2.1")
    value = ProxyAddress(LOGIN, given, "mail.example", 993)
    given.setAddress("192.0.2.2")
    value.address().setAddress("192.0.2.3")
    assert value.address().toString() == "192.0.2.1"


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ((1, "192.0.2.1", "h", 1), TypeError, "uri"),
        ((LOGIN, 1, "h", 1), TypeError, "address"),
        ((LOGIN, "proxy.example", "h", 1), ValueError, "address"),
        ((LOGIN, "192.0.2.1", b"h", 1), TypeError, "destinationHostName"),
        ((LOGIN, "192.0.2.1", "", 1), ValueError, "destinationHostName"),
        ((LOGIN, "192.0.2.1", "h", "1"), TypeError, "destinationPort"),
        ((LOGIN, "192.0.2.1", "h", 65536), ValueError, "destinationPort"),
        ((LOGIN, "192.0.2.1", "h", 1, None), TypeError, "destinationProtocol"),
    ],
)
def test_wrong_arguments(arguments: tuple[object, ...], error: type[Exception], name: str) -> None:
    """Named, and without the URI."""
    with pytest.raises(error, match=name) as refused:
        ProxyAddress(*arguments)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h", ("http", "h", 0, None, None)),
        ("HTTP://H:80/path?query#fragment", ("http", "H", 80, None, None)),
        ("socks5://u@h:0", ("socks5", "h", 0, "u", None)),
        ("socks5://u:@h", ("socks5", "h", 0, "u", "")),
        ("socks5://:p@h:", ("socks5", "h", 0, "", "p")),
        ("socks5://@h", ("socks5", "h", 0, "", None)),
        ("x://u%3A%40:p%3a%2F%25@h", ("x", "h", 0, "u:@", "p:/%")),
        ("x+y-z.1://u:p:q@h", ("x+y-z.1", "h", 0, "u", "p:q")),
        ("x://[::1]:8", ("x", "::1", 8, None, None)),
        ("x://[fe80::1%25eth0]", ("x", "fe80::1%eth0", 0, None, None)),
        ("x://%C3%BC.example", ("x", "ü.example", 0, None, None)),
        ("direct://", ("direct", "", 0, None, None)),
        ("h:80", None),
        ("//h", None),
        ("mailto:x", None),
        ("x://h:65536", None),
        ("x://h:999999999999", None),
        ("x://h:8x", None),
        ("x://[::1", None),
        ("x://[::1]8", None),
        ("x://[0x7f]", None),
        ("x://[h.example]", None),
        ("x://u:p@q@h", None),
        ("x://a b", None),
        ("x://a%20b", None),
        ("x://a%0d%0ab", None),
        ("x://a%2fb", None),
        ("x://h%zz", None),
        ("x://%ff", None),
        ("x://u:%ff@h", None),
        ("x://u:\ud800@h", None),
        ("x://h\n", None),
        ("\U0001f431", None),
        ("", None),
    ],
)
def test_uris(uri: str, expected: tuple[object, ...] | None) -> None:
    """RFC 3986 with a host; what is not valid is InvalidArgument."""
    if expected is None:
        with pytest.raises(SecureError) as refused:
            NetworkUri.parse(uri)
        assert refused.value.code is SecureError.Code.InvalidArgument
        return
    found = NetworkUri.parse(uri)
    assert (found.scheme, found.host, found.port, found.userName, found.password) == expected


@many
@given(prefix=st.sampled_from(["", "http://", f"http://{USER}:{SECRET}@", "http://["]), text=st.text(max_size=40))
def test_any_text_is_a_uri_or_one_error(prefix: str, text: str) -> None:
    """An error never repeats what it was given."""
    try:
        found = NetworkUri.parse(prefix + text)
    except SecureError as error:
        message = error.message
    else:
        message = repr(found)
    assert SECRET not in message
    assert USER not in message


def test_a_scope_survives_the_way_through_a_uri() -> None:
    """Its percent sign is escaped there (RFC 6874), so that the value can be pickled."""
    address = ProxyAddress("http://[fe80::1%25lo]:3128", "fe80::1%lo", "example.org", 80)
    assert address.hostName() == "fe80::1%lo"
    assert address.uri() == "http://[fe80::1%25lo]:3128"
    assert pickle.loads(pickle.dumps(address)) == address
