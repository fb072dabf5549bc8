"""Reading the server's name out of a client's hello: the same answer as OpenSSL's, and nothing worse than a refusal."""

from __future__ import annotations

import random

import pytest
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine.client_hello import HelloReader, MalformedHello, server_name_untrusted
from qtsecure.engine.dtls.hello import DatagramHelloReader
from qtsecure.engine.host_names import InvalidHostName
from qtsecure.engine.host_table import HostTable, normalize_host_pattern


def hello(name: bytes | None, *, datagrams: bool = False) -> bytes:
    """The first flight of OpenSSL's client."""
    connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD if datagrams else SSL.TLS_METHOD), None)
    connection.set_connect_state()
    if datagrams:
        connection.set_options(SSL.OP_NO_QUERY_MTU)
        connection.set_ciphertext_mtu(4000)
    if name is not None:
        lib.SSL_set_tlsext_host_name(connection._ssl, ffi.new("char[]", name))
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    data: bytes = connection.bio_read(1 << 16)
    return data


def found(data: bytes) -> bytes | None:
    """The name in a whole hello."""
    reader = HelloReader()
    assert reader.add_untrusted(data)
    return reader.server_name


@pytest.mark.parametrize("name", [b"a.example", b"A.Example.", b"x" * 255, b"b\xc3\xbc.example", b"127.0.0.1", None])
def test_sec_e14_names_in_hellos(name: bytes | None) -> None:
    """As they were sent, in TLS and in DTLS."""
    assert found(hello(name)) == name
    reader = DatagramHelloReader()
    datagram = hello(name, datagrams=True)
    assert reader.add_untrusted(datagram)
    assert reader.server_name == name
    assert reader.take() == [datagram]


def test_everything_is_kept_for_openssl() -> None:
    """Also what follows the hello."""
    reader = HelloReader()
    data = hello(b"a.example")
    assert not reader.add_untrusted(data[:10])
    assert reader.add_untrusted(data[10:] + b"behind")
    assert not reader.add_untrusted(b"more")
    assert b"".join(reader.take()) == data + b"behindmore"


def test_two_names_and_twice_the_extension() -> None:
    """OpenSSL refuses both, and so must whoever looks before it does."""
    data = hello(b"a.example")
    body = data[9:]
    start = body.index(b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example")
    extension = body[start : start + 18]
    two_names = b"\x00\x00\x00\x1a\x00\x18" + extension[6:] * 2
    for bad in (extension * 2, two_names, extension[:-1], b"\x00\x00\x00\x00", b"\x00\x00\x00\x02\x00\x00"):
        changed = body[:start] + bad + body[start + 18 :]
        at = _extensions_at(body)
        changed = changed[:at] + (len(changed) - at - 2).to_bytes(2, "big") + changed[at + 2 :]
        with pytest.raises(MalformedHello):
            server_name_untrusted(changed)


def _extensions_at(body: bytes) -> int:
    """Where the length of the extensions is."""
    at = 34
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at + 1 + body[at]


def test_mutations_and_truncations_raise_one_exception_only() -> None:
    """Rule 6: whatever a peer sends."""
    generator = random.Random(20)
    data = hello(b"a.example")
    outcomes = set()
    for _ in range(20_000):
        changed = bytearray(data)
        for _ in range(generator.randrange(1, 4)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        del changed[generator.choice((len(changed), generator.randrange(len(changed)))) :]
        try:
            outcomes.add(HelloReader().add_untrusted(bytes(changed)))
        except MalformedHello:
            outcomes.add(None)
    assert outcomes == {True, False, None}


# ------------------------------------------------------------------------------------ the table


def test_a_table_of_hosts() -> None:
    """Exact names before wildcards; one label; no address; nothing for rubbish."""
    table = HostTable({"A.Example": 1, "*.example.org": 2, "www.example.org.": 3, "bücher.example": 4})
    assert dict(table.items()) == {
        "a.example": 1,
        "*.example.org": 2,
        "www.example.org": 3,
        "xn--bcher-kva.example": 4,
    }
    for name, value in {
        b"a.example": 1,
        b"A.EXAMPLE.": 1,
        b"x.example.org": 2,
        b"WWW.example.org": 3,
        b"xn--bcher-kva.example": 4,
        b"example.org": None,
        b"y.x.example.org": None,
        b"*.example.org": None,
        b"": None,
        b"a.example\0": None,
        b"b\xc3\xbc.example": None,
        b"127.0.0.1": None,
        b".example.org": None,
        None: None,
    }.items():
        assert table.find_untrusted(name) == value, name


@pytest.mark.parametrize(
    "name", ["", "*", "*.", "*.org", "a.*.org", "*a.example.org", "10.0.0.1", "[::1]", "a b", "*.*.a.b"]
)
def test_names_that_no_host_can_have(name: str) -> None:
    """Refused when they are set."""
    with pytest.raises(InvalidHostName):
        normalize_host_pattern(name)


def test_one_name_twice() -> None:
    """In two spellings."""
    with pytest.raises(ValueError, match="twice"):
        HostTable({"a.example": 1, "A.example.": 2})
    with pytest.raises(TypeError):
        HostTable({b"a.example": 1})  # type: ignore[dict-item]  # what the test is about
