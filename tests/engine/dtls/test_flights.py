"""The own flights: cutting, packing, numbering."""

from __future__ import annotations

import pytest

from qtsecure.engine.dtls.flights import Flight, Numbering
from qtsecure.engine.dtls.wire import HANDSHAKE, fragment, fragment_untrusted, plain_record, split_records_untrusted

ENCRYPTED = b"\x16\xfe\xfd\0\1" + bytes(6) + b"\0\x28" + bytes(40)
CHANGE = plain_record(20, 9, b"\1")


def message(number: int, size: int, kind: int = 11) -> bytes:
    """A record with a whole message, numbered as OpenSSL does."""
    body = bytes((number + offset) & 255 for offset in range(size))
    return plain_record(HANDSHAKE, number, fragment(kind, size, number, 0, body))


def test_packing() -> None:
    """Records share datagrams as long as they fit, in their order."""
    flight = Flight(message(1, 300) + message(2, 300) + message(3, 700) + CHANGE + ENCRYPTED)
    datagrams = flight.datagrams(1200, Numbering())
    assert [len(split_records_untrusted(each)) for each in datagrams] == [2, 3]
    assert all(len(each) <= 1200 for each in datagrams)
    assert datagrams[-1].endswith(ENCRYPTED)


def test_numbers_are_always_new() -> None:
    """For what is not encrypted; the rest stays as it is."""
    numbering = Numbering(5)
    flight = Flight(message(1, 30) + CHANGE + ENCRYPTED)
    seen = []
    for _ in range(3):
        (datagram,) = flight.datagrams(1200, numbering)
        records = split_records_untrusted(datagram)
        seen += [record.sequence for record in records if not record.epoch]
        assert records[-1].data == ENCRYPTED
        assert records[0].payload == flight.records[0].payload
    assert seen == [5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("mtu", [256, 548, 1200])
def test_cutting(mtu: int) -> None:
    """Long messages become fragments that give the message again."""
    flight = Flight(message(1, 3000) + message(2, 10))
    datagrams = flight.datagrams(mtu, Numbering())
    assert max(map(len, datagrams)) <= mtu
    parts = [fragment_untrusted(record.payload) for each in datagrams for record in split_records_untrusted(each)]
    body = b"".join(part.body for part in parts if part.number == 1)
    assert body == fragment_untrusted(flight.records[0].payload).body
    assert [part.offset for part in parts if part.number == 1] == sorted({part.offset for part in parts})


def test_what_openssl_repeats_is_left_out() -> None:
    """Its timer may have put the earlier flight before the new one."""
    hello, exchange = message(1, 200, kind=1), message(2, 30, kind=16)
    earlier = Flight(hello)
    news = Flight(hello + exchange + CHANGE + ENCRYPTED).after(earlier)
    assert news is not None
    assert [record.data for record in news.records] == [exchange, CHANGE, ENCRYPTED]
    assert Flight(hello).after(earlier) is None
    whole = Flight(exchange + CHANGE + ENCRYPTED)
    assert whole.after(earlier) is whole
    assert Flight(exchange + CHANGE + ENCRYPTED).after(whole) is None
    last = Flight(CHANGE + ENCRYPTED)
    assert last.after(earlier) is last
