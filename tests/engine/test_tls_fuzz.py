"""Hostile input and unreasonable callers: nothing crashes, nothing is established that should not be."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.events import FailureKind, HandshakeCompleted, StreamFailed
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Side,
    Version,
    client_configuration,
    credentials,
    records,
    server_configuration,
)

# Always the same examples, so that a run that was green stays green.
few = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many = settings(few, max_examples=200)

record_types = st.sampled_from([0x14, 0x15, 0x16, 0x17, 0x18, 0x80, 0x00])
versions = st.sampled_from([0x0300, 0x0301, 0x0303, 0x0304, 0xFEFD, 0x0000])
bodies = st.binary(max_size=300)
handshake_messages = st.builds(
    lambda kind, length, body: bytes((kind,)) + length.to_bytes(3, "big") + body,
    st.sampled_from([0, 1, 2, 4, 8, 11, 13, 14, 15, 16, 20, 24, 255]),
    st.sampled_from([0, 1, 2, 38, 200, 0xFFFF, 0xFFFFFF]),
    bodies,
)
whole_records = st.builds(
    lambda kind, version, body: bytes((kind,)) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body,
    record_types,
    versions,
    st.one_of(bodies, handshake_messages),
)
lying_records = st.builds(
    lambda kind, version, length, body: bytes((kind,)) + version.to_bytes(2, "big") + length.to_bytes(2, "big") + body,
    record_types,
    versions,
    st.integers(0, 0xFFFF),
    bodies,
)
noise = st.lists(st.one_of(bodies, whole_records, lying_records), min_size=1, max_size=6)


@functools.cache
def configurations(version: Version | None, mutual: bool) -> tuple[TlsConfiguration, TlsConfiguration]:
    """A pair of configurations that work; made once, because making contexts is slow."""
    pki = PublicKeyInfrastructure()
    own = credentials(pki.client) if mutual else None
    return (
        client_configuration([pki.ca.certificate], version, credentials=own),
        server_configuration(pki.server, version, clients=[pki.ca.certificate] if mutual else ()),
    )


def new_pair(version: Version | None = None, mutual: bool = False) -> Pair:
    client, server = configurations(version, mutual)
    return Pair(client, server)


def check(side: Side) -> None:
    """What holds for every stream at every time."""
    stream = side.stream
    side.settle()
    failures = side.of(StreamFailed)
    assert len(failures) <= 1
    assert bool(failures) is (stream.state is StreamState.FAILED)
    assert not failures or side.events[-1] is failures[0]
    assert len(side.of(HandshakeCompleted)) <= 1
    assert not stream.established or side.completed
    assert not stream.busy
    assert stream.raised is None


@pytest.mark.parametrize("role", ["client", "server"])
@many
@given(parts=noise)
def test_noise_before_the_handshake(role: str, parts: list[bytes]) -> None:
    """Whatever arrives first: no exception, no connection, nothing decrypted."""
    pair = new_pair().start()
    side = pair.client if role == "client" else pair.server
    for part in parts:
        side.stream.receive(part)
        check(side)
        side.take()
    assert not side.completed
    assert side.stream.read(100) == b""
    side.stream.receive_end()
    check(side)
    assert side.stream.state is StreamState.FAILED


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
@few
@given(parts=noise)
def test_noise_inside_the_handshake(role: str, version: Version, parts: list[bytes]) -> None:
    """After the hello: the handshake fails, or still waits; never does it complete without the peer."""
    pair = new_pair(version).start()
    side = pair.server
    side.stream.receive(pair.client.take())
    if role == "client":
        side = pair.client
        side.stream.receive(pair.server.take()[:200])
    for part in parts:
        side.stream.receive(part)
        check(side)
        side.take()
    assert not side.completed


@pytest.mark.parametrize("version", VERSIONS)
@few
@given(parts=noise, before=st.booleans())
def test_noise_on_a_connection(version: Version, parts: list[bytes], before: bool) -> None:
    """Genuine data before it is delivered, and no byte of the noise."""
    pair = new_pair(version).established()
    if before:
        assert pair.say(b"genuine") == b"genuine"
    for part in parts:
        pair.server.stream.receive(part)
        assert pair.server.drain() == b""
        check(pair.server)
        pair.server.take()
    assert not pair.server.stream.peer_closed_cleanly


def flights(pair: Pair) -> list[tuple[Side, Side]]:
    """Who sends to whom, flight by flight."""
    return [(pair.client, pair.server), (pair.server, pair.client)] * 3


def run_with(pair: Pair, number: int, change: Callable[[bytes], bytes]) -> bool:
    """A handshake in which one flight is changed; False when there was no such flight before the end."""
    pair.start()
    changed = False
    for index, (source, target) in enumerate(flights(pair)):
        data = source.take()
        if index == number and data and not (pair.client.completed and pair.server.completed):
            data, changed = change(data), True
        target.stream.receive(data)
        for side in pair.sides:
            check(side)
    return changed


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("version", VERSIONS)
@many
@given(number=st.integers(0, 3), place=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_one_flipped_bit(version: Version, mutual: bool, number: int, place: int, bit: int) -> None:
    """Every byte of the handshake is authenticated, apart from the version in the record headers."""
    position = 0

    def flip(data: bytes) -> bytes:
        nonlocal position
        position = place % len(data)
        changed = bytearray(data)
        changed[position] ^= 1 << bit
        flipped_in.append((data, position))
        return bytes(changed)

    flipped_in: list[tuple[bytes, int]] = []
    pair = new_pair(version, mutual)
    if not run_with(pair, number, flip):
        return
    data, position = flipped_in[0]
    start = 0
    in_header = False
    for record in records(data):
        in_header |= start <= position < start + 5
        start += len(record)
    if pair.client.completed and pair.server.completed:
        assert in_header
        assert pair.say(b"x") == b"x"


@pytest.mark.parametrize("version", VERSIONS)
@few
@given(number=st.integers(0, 3), keep=st.integers(0, 1 << 16))
def test_cut_flight(version: Version, number: int, keep: int) -> None:
    """A flight that ends early, and then the transport: never a connection on the side that misses bytes."""
    cut_short: list[bytes] = []

    def cut(data: bytes) -> bytes:
        cut_short.append(data)
        return data[: keep % len(data)]

    pair = new_pair(version, mutual=True)
    if not run_with(pair, number, cut):
        return
    receiver = flights(pair)[number][1]
    assert not receiver.completed
    receiver.stream.receive_end()
    check(receiver)
    assert receiver.failure is not None
    assert receiver.failure.kind is FailureKind.ENDED_IN_HANDSHAKE


@pytest.mark.parametrize("version", VERSIONS)
@few
@given(number=st.integers(0, 3), first=st.integers(0, 20), second=st.integers(0, 20), double=st.booleans())
def test_shuffled_records(version: Version, number: int, first: int, second: int, double: bool) -> None:
    """Records swapped or repeated within a flight: only what amounts to no change may pass."""
    unchanged: list[bool] = []

    def shuffle(data: bytes) -> bytes:
        parts = records(data)
        one, other = first % len(parts), second % len(parts)
        if double:
            parts.insert(one, parts[other])
        else:
            parts[one], parts[other] = parts[other], parts[one]
        unchanged.append(b"".join(parts) == data)
        return b"".join(parts)

    pair = new_pair(version, mutual=True)
    if not run_with(pair, number, shuffle) or unchanged[0]:
        return
    if pair.client.completed and pair.server.completed:
        receiver = flights(pair)[number][1]
        assert receiver.drain() == b""
        if receiver.failure is not None:
            # Only a record behind the last one of the handshake is not a part of it; it is found out at once.
            assert double
            assert receiver.alerts_sent == [20]
        else:
            # A TLS 1.3 peer ignores change_cipher_spec records wherever they come (RFC 8446, section 5).
            assert version == "1.3"
            assert pair.say(b"x") == b"x"


operations = st.lists(
    st.tuples(
        st.sampled_from([*["carry"] * 4, "start", "piece", "damage", "write", "read", "close", "end", "yes", "no"]),
        st.booleans(),
        st.integers(0, 1 << 16),
    ),
    max_size=40,
)


class Caller:
    """Calls both streams in any order and checks what must hold anyway."""

    def __init__(self, version: Version | None, mutual: bool) -> None:
        self.pair = new_pair(version, mutual)
        for side in self.pair.sides:
            side.answer = "wait"
        self.written: dict[int, bytearray] = {id(side): bytearray() for side in self.pair.sides}
        self.on_the_way: dict[int, bytearray] = {id(side): bytearray() for side in self.pair.sides}
        self.damaged = False

    def do(self, operation: str, of_client: bool, number: int) -> None:
        side, other = self.pair.sides if of_client else self.pair.sides[::-1]
        stream = side.stream
        if operation == "start":
            if stream.state is StreamState.NEW:
                stream.start()
            else:
                with pytest.raises(ValueError, match="cannot take the step"):
                    stream.start()
        elif operation in ("carry", "piece", "damage"):
            self.carry(side, other, operation, number)
        elif operation == "write":
            self.write(side, b"SECRET%d|" % number)
        elif operation == "read":
            side.plaintext += stream.read(1 + number)
        else:
            self.rest(stream)[operation]()
        self.check()

    @staticmethod
    def rest(stream: TlsStream) -> dict[str, Callable[[], None]]:
        return {
            "close": stream.close,
            "end": stream.receive_end,
            "yes": stream.accept_certificate,
            "no": stream.reject_certificate,
        }

    def carry(self, side: Side, other: Side, how: str, number: int) -> None:
        waiting = self.on_the_way[id(side)]
        waiting += side.take()
        count = number % (len(waiting) + 1) if how == "piece" else len(waiting)
        data = bytearray(waiting[:count])
        del waiting[:count]
        if how == "damage" and data:
            data[number % len(data)] ^= 1 << number % 8
            self.damaged = True
        other.stream.receive(bytes(data))

    def write(self, side: Side, text: bytes) -> None:
        if side.stream.established:
            side.stream.write(text)
            self.written[id(side)] += text
        else:
            with pytest.raises(RuntimeError, match="cannot send application data"):
                side.stream.write(text)

    def check(self) -> None:
        client, server = self.pair.sides
        for side, other in ((client, server), (server, client)):
            check(side)
            assert b"SECRET" not in side.sent
            # What arrived is what was sent, from its beginning, whatever was done to the wire.
            assert self.written[id(other)].startswith(side.plaintext)
            if side.stream.peer_closed_cleanly and side.stream.state is not StreamState.FAILED:
                assert side.plaintext == self.written[id(other)]
        if not self.damaged and client.completed:
            assert server.stream.state is not StreamState.NEW


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("version", [*VERSIONS, None])
@many
@given(steps=operations)
def test_any_order_of_calls(version: Version | None, mutual: bool, steps: list[tuple[str, bool, int]]) -> None:
    """Only the documented exceptions, no impossible state, no plaintext on the wire, no invented data."""
    caller = Caller(version, mutual)
    for operation, of_client, number in steps:
        caller.do(operation, of_client, number)


def test_the_caller_gets_somewhere() -> None:
    """The machine above reaches a connection with data and a clean end."""
    caller = Caller("1.3", mutual=True)
    for step in ("start", *["carry"] * 4, "write", "carry", "read", "close", "carry", "read"):
        for of_client in (True, False):
            caller.do(step, of_client, 1000)
    for side in caller.pair.sides:
        assert side.plaintext == b"SECRET1000|"
        assert side.stream.peer_closed_cleanly
        assert side.stream.state is StreamState.CLOSED
