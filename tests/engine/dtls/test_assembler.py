"""The peer's handshake messages, put together and compared."""

from __future__ import annotations

import itertools
import random

import pytest

from qtsecure.engine.dtls.assembler import Assembler, Verdict
from qtsecure.engine.dtls.wire import (
    CHANGE_CIPHER_SPEC,
    Fragment,
    HandshakeType,
    fragment_untrusted,
    plain_record,
    split_records_untrusted,
)

_T = HandshakeType
FLIGHT = [(_T.SERVER_HELLO, b"hello" * 10), (_T.CERTIFICATE, bytes(range(200)) * 3), (_T.SERVER_HELLO_DONE, b"")]


def parts(kind: int, body: bytes, number: int, size: int = 100) -> list[Fragment]:
    """A message in fragments."""
    return [
        Fragment(kind, len(body), number, start, body[start : start + size]) for start in range(0, len(body) or 1, size)
    ]


def flight(size: int = 100) -> list[Fragment]:
    """A server's flight in fragments."""
    return [part for number, (kind, body) in enumerate(FLIGHT) for part in parts(kind, body, number, size)]


def greeted() -> Assembler:
    """A server's, which has had the client's hello; the next message has the number 1."""
    assembler = Assembler(server=True)
    assembler.add(Fragment(_T.CLIENT_HELLO, 50, 0, 0, bytes(50)))
    assert assembler.take_flight()
    return assembler


def messages(portions: list[bytes]) -> list[tuple[int, int, bytes]]:
    """What OpenSSL would get."""
    found = []
    for record in split_records_untrusted(b"".join(portions)):
        part = fragment_untrusted(record.payload)
        found.append((part.number, part.kind, part.body))
    return found


WHOLE = [(number, kind, body) for number, (kind, body) in enumerate(FLIGHT)]


@pytest.mark.parametrize("seed", range(20))
def test_fragments_in_any_order(seed: int) -> None:
    """Whole messages come out, in order, once the flight is complete."""
    chance = random.Random(seed)
    assembler = Assembler(server=False)
    incoming = flight(chance.choice((30, 70, 100, 1000)))
    incoming += chance.choices(incoming, k=20)
    chance.shuffle(incoming)
    given: list[bytes] = []
    for part in incoming:
        assembler.add(part)
        given += assembler.take_flight()
    assert messages(given) == WHOLE
    assert assembler.next == 3


def test_nothing_before_the_flight_is_complete() -> None:
    """Not even what is whole."""
    assembler = Assembler(server=False)
    *most, last = flight()
    for part in most:
        assert assembler.add(part) is Verdict.NEW
        assert assembler.take_flight() == []
    assembler.add(last)
    assert messages(assembler.take_flight()) == WHOLE
    assert assembler.take_flight() == []


def test_the_version_that_is_repeated_counts() -> None:
    """Whichever came first; until then nothing is given."""
    for order in itertools.permutations([0, 1]):
        assembler = Assembler(server=False)
        forged = parts(_T.SERVER_HELLO, b"lie" * 20, 0)
        genuine = parts(_T.SERVER_HELLO, FLIGHT[0][1], 0)
        for index in order:
            for part in (forged, genuine)[index]:
                assembler.add(part)
        for part in flight()[1:]:
            assembler.add(part)
        assert assembler.contested
        assert assembler.take_flight() == []
        for part in genuine:
            assert assembler.add(part) is Verdict.REPEATED
        assert messages(assembler.take_flight()) == WHOLE


def test_repetitions_of_what_was_given() -> None:
    """The end of the flight shows that the peer waits; something else must come twice to be a contradiction."""
    assembler = Assembler(server=False)
    for part in flight():
        assembler.add(part)
    assembler.take_flight()
    assert [assembler.add(part) for part in flight()] == [Verdict.REPEATED] * 7 + [Verdict.FLIGHT_REPEATED]
    other = parts(_T.SERVER_HELLO, b"other" * 10, 0)[0]
    assert assembler.add(other) is Verdict.DROPPED
    assert assembler.add(other) is Verdict.CONTRADICTION


def test_sec_c11_a_forged_piece_is_not_repeated_by_the_others() -> None:
    """It lies where a piece of the genuine message has yet to come, and would be taken for a part of it."""
    assembler = Assembler(server=False)
    first, *others = parts(_T.CERTIFICATE, FLIGHT[1][1], 1)
    forged = Fragment(first.kind, first.length, 1, first.length - 300, b"lie" * 50)
    for part in parts(_T.SERVER_HELLO, FLIGHT[0][1], 0) + parts(_T.SERVER_HELLO_DONE, b"", 2):
        assembler.add(part)
    for part in (first, forged, *others):
        assembler.add(part)
    given: list[bytes] = []
    for part in (first, *others, first, *others):
        assert given == []
        assembler.add(part)
        given = assembler.take_flight()
    assert messages(given) == WHOLE


def test_sec_c11_contradictions_do_not_shut_the_genuine_version_out() -> None:
    """Of more versions than are kept, those go that came first and were not repeated."""
    assembler = Assembler(server=False)
    for part in flight()[1:]:
        assembler.add(part)
    (genuine,) = parts(_T.SERVER_HELLO, FLIGHT[0][1], 0)
    for number in range(20):
        assembler.add(Fragment(_T.SERVER_HELLO, 50, 0, 0, bytes((number,)) * 50))
    assembler.add(genuine)
    for number in range(3):
        assembler.add(Fragment(_T.SERVER_HELLO, 50, 0, 0, bytes((number,)) * 50))
        assert assembler.take_flight() == []
    assembler.add(genuine)
    assert messages(assembler.take_flight()) == WHOLE


def test_sec_c11_a_message_that_cannot_come_now_contests_nothing() -> None:
    """However often it comes: there is one ServerHello."""
    assembler = Assembler(server=False)
    first, *others = flight()
    for part in [first, *[Fragment(_T.SERVER_HELLO, 50, 1, 0, bytes(50))] * 9, *others]:
        assert assembler.take_flight() == []
        assembler.add(part)
    assert messages(assembler.take_flight()) == WHOLE


def test_sec_c11_nothing_encrypted_is_looked_at_before_a_hello() -> None:
    """An announcement of new keys, and what is behind it, in one datagram or two: OpenSSL would fail."""
    keys = plain_record(CHANGE_CIPHER_SPEC, 9, b"\1") + encrypted(1)
    for server in (True, False):
        assembler = Assembler(server=server)
        assert not assembler.take_whole_flight_untrusted(keys, 0)
        assembler.add_change_cipher_spec()
        assembler.add_encrypted(encrypted(1))
        assert assembler.take_flight() == []
    assert greeted().take_whole_flight_untrusted(keys, 0)


def test_what_does_not_belong_here() -> None:
    """Messages of the wrong side, of the far future, and of absurd size."""
    for part in (
        Fragment(_T.CLIENT_HELLO, 50, 0, 0, bytes(50)),
        Fragment(_T.HELLO_REQUEST, 0, 0, 0, b""),
        Fragment(99, 4, 0, 0, bytes(4)),
        Fragment(_T.CERTIFICATE, 0xFFFFFF, 1, 0, bytes(4)),
        Fragment(_T.CERTIFICATE, 4, 100, 0, bytes(4)),
    ):
        assert Assembler(server=False).add(part) is Verdict.DROPPED
    assert Assembler(server=True).add(Fragment(_T.SERVER_HELLO, 50, 0, 0, bytes(50))) is Verdict.DROPPED


def test_memory_is_bounded() -> None:
    """However much is sent, and in however small pieces."""
    assembler = Assembler(server=False)
    for number, version, offset in itertools.product(range(12), range(6), range(0, 100_000, 10_000)):
        assembler.add(Fragment(_T.CERTIFICATE, 100_000, number, offset, bytes((version,)) * 10_000))
        kept = sum(len(piece) for each in assembler._messages.values() for one in each for piece in one.pieces.values())
        assert kept == assembler._buffered <= 160 * 1024
    assembler = Assembler(server=False)
    for offset in range(0, 100_000, 2):
        assembler.add(Fragment(_T.CERTIFICATE, 100_000, 1, offset, b"x"))
    assert assembler._buffered <= 32
    assert sum(assembler.add_encrypted(b"%d" % number) for number in range(1000)) == 32


def encrypted(number: int, size: int = 40) -> bytes:
    """A record of the handshake in epoch 1."""
    return b"\x16\xfe\xfd\0\1" + number.to_bytes(6, "big") + size.to_bytes(2, "big") + bytes(size)


@pytest.mark.parametrize(("size", "kept"), [(40, 32), (16_000, 4), (65_535, 1)])
def test_what_came_last_is_kept(size: int, kept: int) -> None:
    """Of encrypted handshake messages the oldest go; early messages of the application have room of their own."""
    assembler = Assembler(server=True)
    assert assembler.add_encrypted(b"\x17" + bytes(50))
    told = [assembler.add_encrypted(encrypted(number, size)) for number in range(100)]
    assert told == [number < kept for number in range(100)]
    assert assembler.encrypted == [b"\x17" + bytes(50), *(encrypted(number, size) for number in range(100 - kept, 100))]


def test_openssl_is_not_asked_twice() -> None:
    """It gets each encrypted record once, and all of them again when there is more of the flight."""
    assembler = greeted()
    assembler.add_change_cipher_spec()
    change = len(assembler.plain(CHANGE_CIPHER_SPEC, b"\1"))
    for number in range(100):
        assembler.add_encrypted(encrypted(number))
        (portion,) = assembler.take_flight()
        assert portion[change:] == encrypted(number)
    assembler.add_encrypted(encrypted(99))
    assert assembler.take_flight() == []
    for part in parts(_T.CLIENT_KEY_EXCHANGE, b"k" * 30, 1):
        assembler.add(part)
    first, *others = assembler.take_flight()
    assert first.endswith(encrypted(68))
    assert others == [encrypted(number) for number in range(69, 100)]


def test_a_client_without_certificate_cannot_sign() -> None:
    """A forged CertificateVerify behind the key exchange is left aside; with a certificate it belongs there."""
    exchange, proof = (_T.CLIENT_KEY_EXCHANGE, b"k" * 30), (_T.CERTIFICATE_VERIFY, b"v" * 30)
    for certificate, expected in ((b"\0\0\0", 3), (b"\0\0\3abc", 4)):
        assembler = greeted()
        for number, (kind, body) in enumerate([(_T.CERTIFICATE, certificate), exchange, proof], 1):
            for part in parts(kind, body, number):
                assembler.add(part)
        assembler.add_change_cipher_spec()
        assembler.add_encrypted(b"\x16\xfe\xfd\0\1" + bytes(8))
        assembler.take_flight()
        assert assembler.next == expected


def test_long_messages_become_several_records() -> None:
    """OpenSSL takes records of 16 KiB only."""
    assembler = Assembler(server=False)
    body = bytes(40_000)
    for number, (kind, content) in enumerate([(_T.SERVER_HELLO, b"h" * 50), (_T.CERTIFICATE, body)]):
        for part in parts(kind, content, number, 1000):
            assembler.add(part)
    assembler.add(Fragment(_T.SERVER_HELLO_DONE, 0, 2, 0, b""))
    portions = assembler.take_flight()
    assert max(map(len, portions)) <= 16384
    assert b"".join(part for number, _, part in messages(portions) if number == 1) == body
