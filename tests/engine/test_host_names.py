"""The strict policy for server names, and that OpenSSL accepts whatever passes it."""

from __future__ import annotations

import copy

import pytest
from cryptography.hazmat.bindings.openssl.binding import Binding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtsecure.engine.host_names import HostName, InvalidHostName, normalize_host_name


def openssl_accepts(name: HostName) -> bool:
    """Whether OpenSSL would really check a certificate against this name."""
    lib = Binding().lib
    parameters = lib.X509_VERIFY_PARAM_new()
    try:
        if name.is_ip:
            return bool(lib.X509_VERIFY_PARAM_set1_ip(parameters, name.ip, len(name.ip)) == 1)
        raw = name.ascii.encode("ascii")
        return bool(lib.X509_VERIFY_PARAM_set1_host(parameters, raw, len(raw)) == 1)
    finally:
        lib.X509_VERIFY_PARAM_free(parameters)
        lib.ERR_clear_error()


@pytest.mark.parametrize(
    ("text", "ascii_name"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("localhost", "localhost"),
        ("a.example", "a.example"),
        ("_sip._tcp.example", "_sip._tcp.example"),
        ("r3---sn-4g5e6.example", "r3---sn-4g5e6.example"),
        ("10-0-0-1.example", "10-0-0-1.example"),
        ("1.example", "1.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("x" * 63 + ".example", "x" * 63 + ".example"),
        (".".join(["x" * 62] * 4), ".".join(["x" * 62] * 4)),
    ],
)
def test_dns_names_are_normalised(text: str, ascii_name: str) -> None:
    """Lower case, A-labels, no trailing dot; and OpenSSL takes the result."""
    name = normalize_host_name(text)
    assert name == HostName(ascii_name, b"")
    assert not name.is_ip
    assert openssl_accepts(name)


@pytest.mark.parametrize(
    ("text", "canonical", "ip"),
    [
        ("127.0.0.1", "127.0.0.1", b"\x7f\x00\x00\x01"),
        ("::1", "::1", bytes(15) + b"\x01"),
        ("[::1]", "::1", bytes(15) + b"\x01"),
        ("0:0:0:0:0:0:0:1", "::1", bytes(15) + b"\x01"),
        ("fe80::1%eth0", "fe80::1", b"\xfe\x80" + bytes(13) + b"\x01"),
        ("[fe80::1%eth0]", "fe80::1", b"\xfe\x80" + bytes(13) + b"\x01"),
        ("::ffff:127.0.0.1", "::ffff:7f00:1", bytes(10) + b"\xff\xff\x7f\x00\x00\x01"),
    ],
)
def test_addresses_are_recognised(text: str, canonical: str, ip: bytes) -> None:
    """Packed in network order; mapped addresses stay IPv6."""
    name = normalize_host_name(text)
    assert name.is_ip
    assert name.ip == ip
    assert name.ascii.replace("127.0.0.1", "7f00:1") == canonical.replace("127.0.0.1", "7f00:1")
    assert openssl_accepts(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".example.com",
        "a..example",
        "example..",
        "*.example.com",
        "a.*.example",
        "f*.example",
        "a\0.example",
        "a b.example",
        " a.example",
        "a.example\n",
        "a.example\u00a0",
        "a\u2028b.example",
        "x" * 64 + ".example",
        ".".join(["x" * 63] * 4),
        "x." * 126 + "xx",
        "x" * 100_000,
        "ä" * 100_000,
        "a",
        "a.",
        "A",
        "-a.example",
        "a-.example",
        "a.-b.example",
        "a@b.example",
        "a/b.example",
        "host:443",
        "https://a.example",
        "127.1",
        "127.0.0.1.",
        "127.0.0.01",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "a.example.5",
        "a.0x",
        "\uff11\uff12\uff17.1",
        "\uff11\uff12\uff17.0.0.1",
        "[127.0.0.1]",
        "[::1",
        "::1]",
        "[]",
        "[a.example]",
        "::g",
        "xn--a.example",
        "xn--.example",
        "xn--abc-.example",
        "ab\u200d.example",
        "\u0378.example",
        "\ud800.example",
        "-ä.example",
        "ä" * 63 + ".example",
    ],
)
def test_bad_names_are_refused(text: str) -> None:
    """With one exception type and a whole sentence that does not repeat the name."""
    with pytest.raises(InvalidHostName, match=r"^The host name .*\.$") as caught:
        normalize_host_name(text)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_one_letter_name_is_refused_because_openssl_refuses_it() -> None:
    """If this fails, OpenSSL has changed its mind and the rule can go."""
    assert not openssl_accepts(HostName("a", b""))


@pytest.mark.parametrize("wrong", [b"example.com", None, 5])
def test_other_types_are_refused(wrong: object) -> None:
    """A mistake of the program, not of the name."""
    with pytest.raises(TypeError, match="text must be str"):
        normalize_host_name(wrong)  # type: ignore[arg-type]  # on purpose


@settings(max_examples=200, deadline=None)
@example("a_.example")
@example("a.b.c_")
@given(
    st.text(max_size=40)
    | st.text(alphabet="abz019-_.äß*%:[]", max_size=20)
    | st.lists(st.text(alphabet="ab0-_", min_size=1, max_size=5), min_size=1, max_size=5).map(".".join)
)
def test_whatever_passes_is_checked_by_openssl(text: str) -> None:
    """Either the name is refused here, or OpenSSL accepts it; and a second pass changes nothing."""
    try:
        name = normalize_host_name(text)
    except InvalidHostName:
        return
    assert openssl_accepts(name)
    assert name.ascii == name.ascii.lower()
    assert normalize_host_name(name.ascii) == name


def test_host_names_are_values() -> None:
    """Equal, hashable, copyable, and frozen."""
    name = normalize_host_name("Example.com")
    assert {name} == {copy.copy(normalize_host_name("example.com."))}
    with pytest.raises(AttributeError):
        name.ascii = "other"  # type: ignore[misc]  # on purpose
