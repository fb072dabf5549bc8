"""glib's gio/tests/network-address.c in our words; each test is named after its path there."""

from __future__ import annotations

import socket as native

import pytest

from qtsecure import NetworkAddress, SecureError
from qtsecure.net.socket_client.literals import literalAddress
from tests.net.conversation import FakeClock, settle, spin
from tests.semantics.gio_client.support import FAST, SLOW, Code, Enumeration, FakeResolver, Layer

V4, V6 = ["1.1.1.1", "2.2.2.2"], ["ff::11", "ff::22"]


def test_network_address_basic() -> None:
    """Host, port, and no scheme."""
    address = NetworkAddress("www.gnome.org", 8080)
    assert (address.host(), address.port(), address.scheme()) == ("www.gnome.org", 8080, "")


HOSTS = [
    ("www.gnome.org", ("www.gnome.org", 1234)),
    ("www.gnome.org:8080", ("www.gnome.org", 8080)),
    ("www.gnome.org:http", ("www.gnome.org", 80)),
    ("1.2.3.4:imaps", ("1.2.3.4", 993)),
    ("1.2.3.4:doesnotexist", None),
    ("[2001:db8::1]", ("2001:db8::1", 1234)),
    ("[2001:db8::1]:888", ("2001:db8::1", 888)),
    ("[2001:db8::1%em1]", ("2001:db8::1%em1", 1234)),
    ("[2001:db8::1%25em1]", ("2001:db8::1%25em1", 1234)),
    ("[hostname", None),
    ("[hostnam]e", None),
    ("hostname:", None),
    ("hostname:-1", None),
    ("hostname:9999999", None),
]


@pytest.mark.parametrize(("text", "expected"), HOSTS, ids=range(len(HOSTS)))
def test_network_address_parse_host(text: str, expected: tuple[str, int] | None) -> None:
    """/network-address/parse-host/N."""
    if expected is None:
        with pytest.raises(SecureError) as raised:
            NetworkAddress.parse(text, 1234)
        assert raised.value.code is Code.InvalidArgument
        return
    address = NetworkAddress.parse(text, 1234)
    assert (address.host(), address.port()) == expected
    assert address.scheme() == ""


URIS = [
    ("http://www.gnome.org:2020/start", ("http", "www.gnome.org", 2020)),
    ("ftp://joe~:(*)%46@ftp.gnome.org:2020/start", ("ftp", "ftp.gnome.org", 2020)),
    ("ftp://[fec0::abcd]/start", ("ftp", "fec0::abcd", 8080)),
    ("ftp://[fec0::abcd]:999/start", ("ftp", "fec0::abcd", 999)),
    ("ftp://joe%x-@ftp.gnome.org:2020/start", None),
    ("http://[fec0::abcd%em1]/start", None),
    ("http://[fec0::abcd%25em1]/start", ("http", "fec0::abcd%em1", 8080)),
    ("http://[fec0::abcd%10]/start", None),
    ("http://[fec0::abcd%25em%31]/start", ("http", "fec0::abcd%em1", 8080)),
    ("ftp://ftp.gnome.org/start?foo=bar@baz", ("ftp", "ftp.gnome.org", 8080)),
]


@pytest.mark.parametrize(("uri", "expected"), URIS, ids=range(len(URIS)))
def test_network_address_parse_uri(uri: str, expected: tuple[str, str, int] | None) -> None:
    """/network-address/parse-uri/N."""
    if expected is None:
        with pytest.raises(SecureError) as raised:
            NetworkAddress.parseUri(uri, 8080)
        assert raised.value.code is Code.InvalidArgument
        return
    address = NetworkAddress.parseUri(uri, 8080)
    assert (address.scheme(), address.host(), address.port()) == expected


ADDRESSES = [
    ("192.168.1.2", True, True),
    ("fe80::42", True, True),
    ("192.168.1.2:80", True, False),
    ("[fe80::42]", True, False),
    ("[fe80::42]:80", True, False),
    ("192.168.258", False, False),
    ("192.11010306", False, False),
    ("3232235778", False, False),
    ("0300.0250.0001.0001", False, False),
    ("0xC0.0xA8.0x01.0x02", False, False),
    ("0xc0.0xa8.0x01.0x02", False, False),
    ("0xc0a80102", False, False),
    ("010.020.030.040", False, False),
]


@pytest.mark.parametrize(("text", "parses", "isAddress"), ADDRESSES, ids=range(len(ADDRESSES)))
def test_network_address_resolve_address(qapp: object, text: str, parses: bool, isAddress: bool) -> None:
    """/network-address/resolve-address/N: parsed and enumerated without any look-up."""
    assert (literalAddress(text) is not None) == isAddress
    resolver = FakeResolver()
    enumeration = Enumeration(NetworkAddress.parse(text, 1234), resolver).start()
    spin(lambda: enumeration.ended)
    assert (len(enumeration.answers) == 1) == parses
    assert [error.code for error in enumeration.errors] == ([] if parses else [Code.HostNotFound])
    assert resolver.asked == []


@pytest.mark.parametrize(("text", "parses", "isAddress"), ADDRESSES, ids=range(len(ADDRESSES)))
def test_gresolver_resolve_address(qapp: object, text: str, parses: bool, isAddress: bool) -> None:
    """/gresolver/resolve-address/N: as a host of its own, where a port or brackets may not stand."""
    resolver = FakeResolver()
    bracketed = text.startswith("[") and text.endswith("]")
    enumeration = Enumeration(NetworkAddress(text, 1234), resolver).start()
    spin(lambda: enumeration.ended)
    # Brackets around an address are taken off here, which Gio's resolver leaves to its caller.
    assert (enumeration.answers != []) == (isAddress or bracketed)
    if not parses:
        assert resolver.asked == []


LOOPBACK = native.if_indextoname(1) if hasattr(native, "if_indextoname") else "1"


def test_network_address_scope_id(qapp: object) -> None:
    """The interface stays with the address."""
    enumeration = Enumeration(NetworkAddress(f"fe80::42%{LOOPBACK}", 99), FakeResolver()).start()
    spin(lambda: enumeration.ended)
    assert enumeration.answers == [f"fe80::42%{LOOPBACK}"]


def test_network_address_uri_scope_id(qapp: object) -> None:
    """In a URI it is written %25."""
    with pytest.raises(SecureError):
        NetworkAddress.parseUri(f"http://[fe80::42%{LOOPBACK}]:99/foo", 1)
    address = NetworkAddress.parseUri(f"http://[fe80::42%25{LOOPBACK}]:99/foo", 1)
    enumeration = Enumeration(address, FakeResolver()).start()
    spin(lambda: enumeration.ended)
    assert enumeration.answers == [f"fe80::42%{LOOPBACK}"]


def test_network_address_loopback_basic() -> None:
    """localhost, with a port and without a scheme."""
    address = NetworkAddress.loopback(666)
    assert (address.host(), address.port(), address.scheme()) == ("localhost", 666, "")


@pytest.mark.parametrize("host", ["localhost", "localhost.", ".localhost", "foo.localhost", "foo.localhost."])
def test_network_address_localhost_async(qapp: object, host: str) -> None:
    """/network-address/loopback/async and localhost/async: ::1, then 127.0.0.1, without any look-up."""
    resolver = FakeResolver()
    enumeration = Enumeration(NetworkAddress(host, 610), resolver).start()
    spin(lambda: enumeration.ended)
    assert enumeration.answers == ["::1", "127.0.0.1"]
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (NetworkAddress("some-hostname", 0), "some-hostname"),
        (NetworkAddress("some-hostname", 123), "some-hostname:123"),
        (NetworkAddress.parseUri("http://some-hostname:123", 80), "http:some-hostname:123"),
        (NetworkAddress.loopback(456), "localhost:456"),
    ],
)
def test_network_address_to_string(address: NetworkAddress, text: str) -> None:
    """/network-address/to-string."""
    assert address.toString() == str(address) == text


BROKEN = {
    Layer.IPv4Protocol: SecureError(Code.TimedOut, "IPv4 broken."),
    Layer.IPv6Protocol: SecureError(Code.TimedOut, "IPv6 broken."),
}


def enumerateAll(
    clock: FakeClock,
    *,
    v4: int = 0,
    v6: int = 0,
    broken: str = "",
    pause: int = 0,
    resolver: FakeResolver | None = None,
) -> Enumeration:
    """All answers, on a clock that the test moves: 25 ms is fast, 100 ms slow."""
    made = resolver or FakeResolver()
    made.addresses["test.fake"] = [*V4, *V6]
    made.delays = {Layer.IPv4Protocol: v4, Layer.IPv6Protocol: v6}
    made.errors = {layer: error for layer, error in BROKEN.items() if layer.name[:4] in broken.split()}
    enumeration = Enumeration(NetworkAddress("test.fake", 80), made, pause=pause).start()
    for _ in range(400):
        settle()
        if enumeration.ended:
            break
        clock.advance(0.005)
    assert enumeration.ended
    return enumeration


def test_happy_eyeballs_basic(clock: FakeClock) -> None:
    """Everything, in turns."""
    assert enumerateAll(clock, pause=FAST).answers == ["ff::11", "1.1.1.1", "ff::22", "2.2.2.2"]


def test_happy_eyeballs_parallel(clock: FakeClock) -> None:
    """Several enumerations of one value at the same time do not disturb each other."""
    resolver = FakeResolver()
    resolver.addresses["test.fake"] = [*V4, *V6]
    address = NetworkAddress("test.fake", 80)
    other = Enumeration(address, resolver).start()
    one = enumerateAll(clock, pause=FAST, resolver=resolver)
    assert sorted(one.answers) == sorted(other.answers) == sorted([*V4, *V6])
    assert sorted(enumerateAll(clock, pause=FAST, resolver=resolver).answers) == sorted([*V4, *V6])


def test_happy_eyeballs_slow_ipv4(clock: FakeClock) -> None:
    """IPv4 a bit slow: everything all the same."""
    assert sorted(enumerateAll(clock, v4=FAST).answers) == sorted([*V4, *V6])


def test_happy_eyeballs_slow_ipv6(clock: FakeClock) -> None:
    """IPv6 a bit slow: it is waited for, and comes first."""
    answers = enumerateAll(clock, v6=FAST).answers
    assert answers[0] == "ff::11"
    assert sorted(answers) == sorted([*V4, *V6])


def test_happy_eyeballs_very_slow_ipv6(clock: FakeClock) -> None:
    """IPv6 too slow to be waited for: it comes in the end."""
    assert enumerateAll(clock, v6=SLOW).answers == [*V4, *V6]


def test_happy_eyeballs_slow_connection_and_ipv4(clock: FakeClock) -> None:
    """Late addresses count when connecting takes even longer."""
    answers = enumerateAll(clock, v4=SLOW, pause=2 * SLOW).answers
    assert answers == ["ff::11", "1.1.1.1", "ff::22", "2.2.2.2"]


@pytest.mark.parametrize(
    ("v4", "v6"),
    [(0, FAST), (FAST, 0), (SLOW, 0)],
    ids=["ipv6-error-ipv4-first", "ipv6-error-ipv6-first", "ipv6-error-ipv4-very-slow"],
)
def test_happy_eyeballs_ipv6_error(clock: FakeClock, v4: int, v6: int) -> None:
    """IPv4 is enough, whenever it comes."""
    enumeration = enumerateAll(clock, v4=v4, v6=v6, broken="IPv6")
    assert enumeration.answers == V4
    assert enumeration.errors == []


@pytest.mark.parametrize(("v4", "v6"), [(0, FAST), (FAST, 0)], ids=["ipv4-error-ipv4-first", "ipv4-error-ipv6-first"])
def test_happy_eyeballs_ipv4_error(clock: FakeClock, v4: int, v6: int) -> None:
    """IPv6 is enough."""
    enumeration = enumerateAll(clock, v4=v4, v6=v6, broken="IPv4")
    assert enumeration.answers == V6
    assert enumeration.errors == []


@pytest.mark.parametrize(
    ("v4", "v6"),
    [(0, 0), (FAST, 0), (0, FAST), (0, SLOW)],
    ids=["both-error", "both-error-delays-1", "both-error-delays-2", "both-error-delays-3"],
)
def test_happy_eyeballs_both_error(clock: FakeClock, v4: int, v6: int) -> None:
    """One error, and only then."""
    enumeration = enumerateAll(clock, v4=v4, v6=v6, broken="IPv4 IPv6")
    assert enumeration.answers == []
    assert [error.code for error in enumeration.errors] == [Code.TimedOut]
