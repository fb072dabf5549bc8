"""R12: a flipped bit at, and a cut behind, every byte of a TLS handshake: it never completes as if nothing were."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.support import VERSIONS, Pair, Side, Version, records
from tests.engine.test_tls_fuzz import check, flights, new_pair, run_with
from tests.figures import Figure
from tests.reliability.test_r11_dtls_datagrams import SILENT, WRONGLY_COMPLETE

pytestmark = [pytest.mark.figure("R12"), pytest.mark.timeout(600)]

_HEADER = 5
"""Bytes of a record's header, the only ones that are not authenticated."""


def places(version: Version) -> list[tuple[int, int]]:
    """Every byte of a handshake with client certificates: the number of its flight, and where it is in that."""
    found: list[tuple[int, int]] = []
    for number in range(4):

        def note(data: bytes, number: int = number) -> bytes:
            found.extend((number, position) for position in range(len(data)))
            return data

        run_with(new_pair(version, mutual=True), number, note)
    return found


def chosen(version: Version, figure: Figure) -> list[tuple[int, int]]:
    """All of them, or a sample."""
    whole = places(version)
    assert len({number for number, _ in whole}) == (3 if version == "1.3" else 4)
    return figure.size(figure.chance.sample(whole, 150), whole)


class Damage:
    """Changes one flight of a handshake, and remembers what it was."""

    def __init__(self, version: Version, number: int, change: Callable[[bytes], bytes]) -> None:
        self.pair: Pair = new_pair(version, mutual=True)
        self.before = self.after = b""
        self._change = change
        self.happened = run_with(self.pair, number, self._apply)
        self.receiver: Side = flights(self.pair)[number][1]

    def _apply(self, data: bytes) -> bytes:
        self.before, self.after = data, self._change(data)
        return self.after

    def end(self) -> bool:
        """End the transport; whether the receiver has given a reason for not being connected."""
        self.receiver.stream.receive_end()
        check(self.receiver)
        return self.receiver.failure is not None


def is_in_header(data: bytes, position: int) -> bool:
    """Whether a byte belongs to the header of a record."""
    start = 0
    for record in records(data):
        if start <= position < start + len(record):
            return position < start + _HEADER
        start += len(record)
    return False


@pytest.mark.parametrize("version", VERSIONS)
def test_r12_flipped_bits(version: Version, figure: Figure) -> None:
    """Whoever receives the flipped bit does not complete, unless it was in a header and made no difference."""
    wrong, silent, cases = [], [], 0
    for number, place in chosen(version, figure):
        bit = figure.chance.randrange(8)

        def flip(data: bytes, place: int = place, bit: int = bit) -> bytes:
            position = place % len(data)  # signatures differ in length
            return data[:position] + bytes((data[position] ^ 1 << bit,)) + data[position + 1 :]

        damage = Damage(version, number, flip)
        if not damage.happened:
            continue
        cases += 1
        pair = damage.pair
        if damage.receiver.completed:
            harmless = is_in_header(damage.before, place % len(damage.before))
            if not (harmless and pair.client.completed and pair.server.completed and pair.say(b"x") == b"x"):
                wrong.append((number, place, bit))
        elif not damage.end():
            silent.append((number, place, bit))
    figure.none(WRONGLY_COMPLETE, len(wrong), cases, f"TLS {version}, flipped bits")
    figure.none(SILENT, len(silent), cases, f"TLS {version}, flipped bits")
    assert wrong == []
    assert silent == []


@pytest.mark.parametrize("version", VERSIONS)
def test_r12_cuts(version: Version, figure: Figure) -> None:
    """Whoever misses the rest of a flight does not complete, and says that the handshake has ended too early."""
    wrong, silent, cases = [], [], 0
    for number, place in chosen(version, figure):
        damage = Damage(version, number, lambda data, place=place: data[: place % len(data)])  # type: ignore[misc] # the default
        if not damage.happened:
            continue
        cases += 1
        if damage.receiver.completed:
            wrong.append((number, place))
        elif not damage.end():
            silent.append((number, place))
    figure.none(WRONGLY_COMPLETE, len(wrong), cases, f"TLS {version}, cuts")
    figure.none(SILENT, len(silent), cases, f"TLS {version}, cuts")
    assert wrong == []
    assert silent == []
