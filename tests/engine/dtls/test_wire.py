"""Records, fragments and hellos, from anybody."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtsecure.engine.dtls import wire
from qtsecure.engine.dtls.wire import (
    HANDSHAKE,
    HandshakeType,
    MalformedDatagram,
    fragment,
    fragment_untrusted,
    hello_verify_request,
    is_hello_start_untrusted,
    parse_hello_start_untrusted,
    plain_record,
    split_records_untrusted,
)


def hello(*, cookie: bytes = b"", session: bytes = b"", number: int = 0, sequence: int = 7, cut: int = 0) -> bytes:
    """A ClientHello, or the first fragment of one."""
    body = b"\xfe\xfd" + bytes(range(32)) + bytes((len(session),)) + session + bytes((len(cookie),)) + cookie
    body += b"\0\2\xc0\x2b\1\0"
    part = body[: len(body) - cut]
    return plain_record(HANDSHAKE, sequence, fragment(HandshakeType.CLIENT_HELLO, len(body), number, 0, part))


def test_records_of_a_datagram() -> None:
    """Every record, with its fields."""
    first, second = plain_record(22, 3, b"abc"), b"\x17\xfe\xfd\0\1" + (9).to_bytes(6, "big") + b"\0\2xy"
    records = split_records_untrusted(first + second)
    assert [(each.kind, each.epoch, each.sequence, each.payload) for each in records] == [
        (22, 0, 3, b"abc"),
        (23, 1, 9, b"xy"),
    ]
    assert [each.data for each in records] == [first, second]
    assert split_records_untrusted(b"") == []


@pytest.mark.parametrize(
    "datagram",
    [
        plain_record(22, 0, b"abc")[:-1],
        plain_record(22, 0, b"abc") + b"\x16",
        b"\x16\x03\x03" + bytes(10),
        b"\x16\xfe\xfd\0\0" + bytes(6) + b"\xff\xff" + bytes(0xFFFF),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_dtls(datagram: bytes) -> None:
    """Not one record of it is taken."""
    with pytest.raises(MalformedDatagram):
        split_records_untrusted(datagram)


def test_fragments() -> None:
    """What goes in comes out."""
    part = fragment_untrusted(fragment(11, 100, 2, 40, b"x" * 60))
    assert part == wire.Fragment(11, 100, 2, 40, b"x" * 60)
    assert fragment_untrusted(fragment(14, 0, 3, 0, b"")).body == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        fragment(11, 10, 0, 5, bytes(6)),
        fragment(11, 10, 0, 0, bytes(5))[:-1],
        fragment(11, 10, 0, 0, b""),
    ],
)
def test_fragments_that_lie(data: bytes) -> None:
    """Offsets and lengths have to fit."""
    with pytest.raises(MalformedDatagram):
        fragment_untrusted(data)


@pytest.mark.parametrize("session", [b"", bytes(32)])
@pytest.mark.parametrize("cookie", [b"", b"c" * 20, b"c" * 255])
@pytest.mark.parametrize("cut", [0, 6])
def test_hello(session: bytes, cookie: bytes, cut: int) -> None:
    """Identity and cookie are found, in whole hellos and in first fragments."""
    start = parse_hello_start_untrusted(hello(cookie=cookie, session=session, number=1, cut=cut))
    assert start.cookie == cookie
    assert start.message_number == 1
    assert start.record_sequence == (7).to_bytes(6, "big")
    assert start.identity.endswith(session)
    assert start.identity[:2] == b"\xfe\xfd"


def test_hello_that_ends_too_early() -> None:
    """Any cut before the end of the cookie is refused."""
    whole = hello(cookie=b"c" * 20)
    for cut in range(7, 60):
        with pytest.raises(MalformedDatagram):
            parse_hello_start_untrusted(hello(cookie=b"c" * 20, cut=cut))
    for end in range(len(whole)):
        with pytest.raises(MalformedDatagram):
            parse_hello_start_untrusted(whole[:end])


def test_only_first_fragments_are_hello_starts() -> None:
    """Later fragments belong to an association or to nobody."""
    assert is_hello_start_untrusted(hello())
    later = plain_record(HANDSHAKE, 0, fragment(HandshakeType.CLIENT_HELLO, 100, 0, 50, bytes(50)))
    assert not is_hello_start_untrusted(later)
    assert not is_hello_start_untrusted(plain_record(HANDSHAKE, 0, fragment(2, 50, 0, 0, bytes(50))))
    assert not is_hello_start_untrusted(b"\x16\xfe\xfd\0\1" + hello()[5:])


def test_hello_verify_request_is_well_formed() -> None:
    """OpenSSL's layout, byte for byte."""
    record = split_records_untrusted(hello_verify_request(b"c" * 20, b"\0\0\0\0\0\5"))[0]
    assert (record.kind, record.sequence, record.data[1:3]) == (22, 5, b"\xfe\xff")
    part = fragment_untrusted(record.payload)
    assert (part.kind, part.number, part.body) == (3, 0, b"\xfe\xff\x14" + b"c" * 20)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    """One type of exception, and nothing else."""
    for parse in (split_records_untrusted, fragment_untrusted, parse_hello_start_untrusted):
        with contextlib.suppress(MalformedDatagram):
            parse(data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 90), st.binary(min_size=1, max_size=8))
def test_changed_hellos(position: int, change: bytes) -> None:
    """The same for hellos with a few changed bytes."""
    data = hello(cookie=b"c" * 20)
    data = data[:position] + change + data[position + len(change) :]
    try:
        start = parse_hello_start_untrusted(data)
    except MalformedDatagram:
        return
    assert len(start.cookie) <= 255
