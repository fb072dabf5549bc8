"""Flights that OpenSSL gets as they came: the same as taking them to pieces, and nothing else passes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from qtsecure.engine.dtls.assembler import Assembler, Verdict
from qtsecure.engine.dtls.wire import (
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HandshakeType,
    fragment,
    fragment_untrusted,
    plain_record,
    split_records_untrusted,
)
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server

_T = HandshakeType
VERSION_1_0 = b"\xfe\xff"
CHANGE = (CHANGE_CIPHER_SPEC, b"\1")
FINISHED = b"\x16\xfe\xfd\0\1" + bytes(6) + b"\0\x28" + bytes(40)
HELLO = [(_T.CLIENT_HELLO, b"c" * 150)]
ANSWER = [
    (_T.SERVER_HELLO, b"s" * 60),
    (_T.CERTIFICATE, bytes(range(200)) * 3),
    (_T.SERVER_KEY_EXCHANGE, b"k" * 100),
    (_T.SERVER_HELLO_DONE, b""),
]
EXCHANGE = [(_T.CLIENT_KEY_EXCHANGE, b"x" * 33)]
PROOF = [(_T.CERTIFICATE, b"\0\0\3abc"), *EXCHANGE, (_T.CERTIFICATE_VERIFY, b"v" * 70)]
NOTHING_SHOWN = [(_T.CERTIFICATE, b"\0\0\0"), *EXCHANGE]
TICKET = [(_T.NEW_SESSION_TICKET, b"t" * 200)]


def datagram(messages: list[tuple[int, bytes]], *, first: int = 0, sequence: int = 0, ends: bool = False) -> bytes:
    """Whole messages, each in a record of its own, and the change of keys behind them."""
    parts = [
        plain_record(HANDSHAKE, sequence + index, fragment(kind, len(body), first + index, 0, body))
        for index, (kind, body) in enumerate(messages)
    ]
    if ends:
        parts += [plain_record(CHANGE_CIPHER_SPEC, sequence + len(messages), b"\1"), FINISHED]
    return b"".join(parts)


FLIGHTS = {
    "hello": (True, datagram(HELLO)),
    "old version in the hello": (True, plain_record(HANDSHAKE, 0, fragment(1, 40, 0, 0, bytes(40)), VERSION_1_0)),
    "answer": (False, datagram(ANSWER)),
    "exchange": (True, datagram(EXCHANGE, sequence=2, ends=True)),
    "proof": (True, datagram(PROOF, sequence=2, ends=True)),
    "no certificate": (True, datagram(NOTHING_SHOWN, sequence=2, ends=True)),
    "change": (False, datagram([], sequence=7, ends=True)),
    "ticket": (False, datagram(TICKET, sequence=5, ends=True)),
    "resumption": (False, datagram(ANSWER[:1], ends=True)),
    "gaps in the numbers": (False, datagram(ANSWER[:1], sequence=3) + datagram(ANSWER[1:], first=1, sequence=90)),
}


def expecting(name: str) -> Assembler:
    """The assembler that gets this flight; before a mere change of keys it has had the hello."""
    assembler = Assembler(server=FLIGHTS[name][0])
    if name == "change":
        assembler._rank = 0
    return assembler


def in_pieces(assembler: Assembler, whole: bytes) -> list[bytes]:
    """What the association does with a datagram that is no whole flight."""
    for record in split_records_untrusted(whole):
        if record.epoch:
            assembler.add_encrypted(record.data)
        elif record.kind == CHANGE_CIPHER_SPEC:
            assembler.add_change_cipher_spec()
        else:
            assert assembler.add(fragment_untrusted(record.payload)) is Verdict.NEW
    return assembler.take_flight()


def state(assembler: Assembler) -> dict[str, Any]:
    """All that it remembers, but for record numbers, which are the peer's own in whole flights."""
    return {
        name: copy.deepcopy(getattr(assembler, name))
        for name in Assembler.__slots__
        if name not in ("_sequence", "_buffered")
    }


def payloads(portions: list[bytes]) -> list[tuple[int, bytes]]:
    """What OpenSSL reads, whatever the numbers."""
    return [(record.kind, record.payload) for each in portions for record in split_records_untrusted(each)]


@pytest.mark.parametrize("name", FLIGHTS)
def test_whole_flights_are_taken(name: str) -> None:
    """Afterwards everything is as if they had been taken to pieces; repetitions and lies are found out alike."""
    _, whole = FLIGHTS[name]
    quick, thorough = expecting(name), expecting(name)
    assert quick.take_whole_flight_untrusted(whole, 0)
    portions = in_pieces(thorough, whole)
    assert payloads([whole]) == payloads(portions)
    assert state(quick) == state(thorough)
    assert quick.take_flight() == []
    plain = [record for record in split_records_untrusted(whole) if record.kind == HANDSHAKE and not record.epoch]
    for record in plain:
        part = fragment_untrusted(record.payload)
        other = part._replace(body=bytes(len(part.body)), kind=99)
        for each in (part, other, other):
            assert quick.add(each) is thorough.add(each)


@pytest.mark.parametrize("name", FLIGHTS)
def test_records_that_follow_have_higher_numbers(name: str) -> None:
    """OpenSSL drops what it has seen."""
    _, whole = FLIGHTS[name]
    assembler = expecting(name)
    assert assembler.take_whole_flight_untrusted(whole, 0)
    (following,) = split_records_untrusted(assembler.plain(HANDSHAKE, b""))
    assert following.sequence > max(record.sequence for record in split_records_untrusted(whole) if not record.epoch)


def two_in_one_record() -> bytes:
    """Allowed, but rare."""
    body = b"".join(fragment(kind, len(body), at, 0, body) for at, (kind, body) in enumerate(ANSWER))
    return plain_record(HANDSHAKE, 0, body)


def with_numbers(*numbers: int) -> bytes:
    """The answer with these record numbers."""
    return b"".join(
        datagram([message], first=index, sequence=number)
        for index, (message, number) in enumerate(zip(ANSWER, numbers, strict=True))
    )


def replaced(whole: bytes, at: int, data: bytes) -> bytes:
    """The datagram with other bytes in one place."""
    return whole[:at] + data + whole[at + len(data) :]


_CHANGE_AT = len(datagram(EXCHANGE))
_WITH_CHANGE = datagram(EXCHANGE, ends=True)
REFUSED = {
    "nothing": (False, b""),
    "unfinished": (False, datagram(ANSWER[:3])),
    "change without anything behind it": (True, _WITH_CHANGE[: _CHANGE_AT + 14]),
    "cut short": (False, datagram(ANSWER)[:-1]),
    "last record cut short": (True, _WITH_CHANGE[:-1]),
    "something behind the end": (False, datagram(ANSWER) + plain_record(21, 9, b"\2\x28")),
    "something behind the change": (True, _WITH_CHANGE + FINISHED),
    "plain message behind the change": (
        True,
        _WITH_CHANGE[: _CHANGE_AT + 14] + datagram(EXCHANGE, first=1, sequence=9),
    ),
    "wrong order": (False, datagram([ANSWER[1], ANSWER[0], *ANSWER[2:]])),
    "twice the same": (False, datagram([ANSWER[0], ANSWER[0], *ANSWER[1:]])),
    "of the own side": (True, datagram(ANSWER)),
    "unknown message": (False, datagram([(99, b"?"), *ANSWER])),
    "message number ahead": (False, datagram(ANSWER, first=1)),
    "fragments": (False, plain_record(HANDSHAKE, 0, fragment(_T.SERVER_HELLO, 60, 0, 0, bytes(30))) + datagram(ANSWER)),
    "offset": (True, plain_record(HANDSHAKE, 0, fragment(_T.CLIENT_HELLO, 70000, 0, 65536, bytes(40)))),
    "length of the whole": (True, replaced(datagram(HELLO), 14, b"\1")),
    "length of the fragment": (True, replaced(datagram(HELLO), 22, b"\1")),
    "two in one record": (False, two_in_one_record()),
    "falling record numbers": (False, with_numbers(5, 4, 6, 7)),
    "equal record numbers": (False, with_numbers(5, 5, 6, 7)),
    "huge record number": (False, with_numbers(1, 2, 3, 1 << 40)),
    "version of TLS": (True, replaced(datagram(HELLO), 1, b"\3\3")),
    "old version in the answer": (False, replaced(datagram(ANSWER), 1, VERSION_1_0)),
    "another epoch": (True, replaced(datagram(HELLO), 4, b"\1")),
    "encrypted with keys of later": (True, replaced(_WITH_CHANGE, _CHANGE_AT + 14 + 4, b"\2")),
    "data behind the change": (True, replaced(_WITH_CHANGE, _CHANGE_AT + 14, bytes((APPLICATION_DATA,)))),
    "strange version behind the change": (True, replaced(_WITH_CHANGE, _CHANGE_AT + 15, VERSION_1_0)),
    "strange change": (True, replaced(_WITH_CHANGE, _CHANGE_AT + 13, b"\2")),
    "strange version of the change": (True, replaced(_WITH_CHANGE, _CHANGE_AT + 1, VERSION_1_0)),
    "two changes": (True, _WITH_CHANGE[: _CHANGE_AT + 14] + _WITH_CHANGE[_CHANGE_AT:]),
    "signature without a certificate": (True, datagram([*NOTHING_SHOWN, PROOF[-1]], ends=True)),
    "signature of nobody": (True, datagram([*EXCHANGE, PROOF[-1]], ends=True)),
    "another type of record": (True, replaced(datagram(HELLO), 0, b"\x17")),
    "more than OpenSSL reads at once": (False, datagram([ANSWER[0], (_T.CERTIFICATE, bytes(16300)), *ANSWER[2:]])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_else_is_taken(name: str) -> None:
    """And what is refused has left no trace."""
    server, other = REFUSED[name]
    assembler = Assembler(server=server)
    before = state(assembler)
    assert not assembler.take_whole_flight_untrusted(other, 0)
    assert state(assembler) == before
    assert assembler._sequence == 0


def test_numbers_of_an_earlier_attempt_are_refused() -> None:
    """Their datagrams may still be on the way."""
    for lowest, expected in ((64, True), (65, False)):
        taken = Assembler(server=False).take_whole_flight_untrusted(datagram(ANSWER, sequence=64), lowest)
        assert taken is expected


def test_sec_c11_numbers_of_no_attempt_are_refused() -> None:
    """The last record counts as well."""
    for beyond, expected in ((68, True), (67, False), (64, False)):
        taken = Assembler(server=False).take_whole_flight_untrusted(datagram(ANSWER, sequence=64), 0, beyond)
        assert taken is expected


def test_numbers_that_openssl_has_seen_are_refused() -> None:
    """It would drop the records."""
    assembler = Assembler(server=False)
    for _ in range(3):
        assembler.plain(HANDSHAKE, b"")
    assert not assembler.take_whole_flight_untrusted(datagram(ANSWER, sequence=2), 0)
    assert assembler.take_whole_flight_untrusted(datagram(ANSWER, sequence=3), 0)


@pytest.mark.parametrize("what", ["message", "encrypted", "change", "resumption"])
def test_doubts_are_looked_at(what: str) -> None:
    """Once anything else has come, a whole flight may contradict it."""
    assembler = Assembler(server=True)
    if what == "message":
        forged = plain_record(HANDSHAKE, 0, fragment(_T.CLIENT_KEY_EXCHANGE, 9, 0, 0, bytes(9)))
        assert assembler.add(fragment_untrusted(forged[13:])) is Verdict.NEW
    elif what == "encrypted":
        assembler.add_encrypted(FINISHED)
    elif what == "change":
        assembler.add_change_cipher_spec()
    else:
        assembler.resuming = True
    assert not assembler.take_whole_flight_untrusted(datagram(EXCHANGE, ends=True), 0)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_taken_is_the_same_in_pieces(seed: int) -> None:
    """Datagrams with some random bytes: either they are refused, or both ways lead to the same."""
    chance = random.Random(seed)
    taken = 0
    for _ in range(150):
        name, (_, whole) = chance.choice(list(FLIGHTS.items()))
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.choice((chance.randrange(len(whole)), chance.randrange(min(30, len(whole)))))
            changed[at] = chance.choice((0, 1, 2, 255, chance.randrange(256)))
        quick, thorough = expecting(name), expecting(name)
        fresh = state(quick)
        if quick.take_whole_flight_untrusted(bytes(changed), 0):
            taken += 1
            assert payloads([bytes(changed)]) == payloads(in_pieces(thorough, bytes(changed)))
            assert state(quick) == state(thorough)
        else:
            assert state(quick) == fresh
    assert taken


def test_a_handshake_without_trouble_is_not_taken_to_pieces(
    pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its flights pass as they are, with a client's certificate as well."""
    pieces: list[object] = []
    genuine = Assembler.add

    def add(self: Assembler, part: Any) -> Verdict:
        pieces.append(part)
        return genuine(self, part)

    monkeypatch.setattr(Assembler, "add", add)
    Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server)).established()
    assert pieces == []


def test_a_forged_flight_costs_a_client_nothing_but_time(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL is given a stranger's datagrams as they are, whatever they hold; the server's true answer wins."""
    chance = random.Random(1)
    for server, whole in FLIGHTS.values():
        for _ in range(0 if server else 20):
            changed = bytearray(whole)
            changed[chance.randrange(len(whole))] = chance.randrange(256)
            network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server)).start()
            network.deliver("client", bytes(changed))
            assert network.client.association is not None
            network.run(30, network.finished)
            assert network.client.completed, changed
