"""The simulated TCP connection, as a value: what arrives, when, in which pieces, and how it ends."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from qtsecure.testing.stream_link import LinkedPiece, StreamEnding, StreamLink

DATA = bytes(range(256)) * 40
End, Reset = StreamEnding.End, StreamEnding.Reset


def arrivals(link: StreamLink) -> list[tuple[float, LinkedPiece]]:
    """Everything that is on its way, and when it arrives, in seconds from the beginning."""
    found = []
    while (moment := link.nextDelivery()) is not None:
        link.advance(moment)
        found += [(link.now - 1000, piece) for piece in link.deliveries()]
    return found


def received(link: StreamLink, to: str = "server") -> bytes:
    """The bytes that arrive at an end."""
    return b"".join(piece.data for _, piece in arrivals(link) if piece.to == to)


def endings(link: StreamLink) -> list[tuple[str, StreamEnding]]:
    """Which end hears of which ending."""
    return [(piece.to, piece.ending) for _, piece in arrivals(link) if piece.ending is not None]


def test_everything_arrives_in_order_in_segments() -> None:
    """After the delay; the last piece is what is left."""
    link = StreamLink(delay=0.25)
    assert link.send("client", DATA) == len(DATA)
    found = arrivals(link)
    assert [moment for moment, _ in found] == [pytest.approx(0.25)] * 8
    assert [len(piece.data) for _, piece in found] == [1460] * 7 + [len(DATA) - 7 * 1460]
    assert [piece.offset for _, piece in found] == [1460 * number for number in range(8)]
    assert b"".join(piece.data for _, piece in found) == DATA
    assert link.counters.sent == link.counters.delivered == len(DATA)


def test_jitter_overtakes_nothing() -> None:
    """A stream has an order."""
    link = StreamLink(seed=5, segments=(1, 50), jitter=0.5)
    link.send("client", DATA)
    found = arrivals(link)
    assert b"".join(piece.data for _, piece in found) == DATA
    assert len({moment for moment, _ in found}) > 2


def test_accidents_follow_from_seed_and_offset() -> None:
    """However the bytes were written, and whatever the other direction does."""

    def story(seed: int, size: int) -> tuple[bytes, list[float], int]:
        link = StreamLink(seed=seed, segments=(20, 300), corrupt=0.1, stall=0.1)
        moments = {}
        for start in range(0, len(DATA), size):
            link.send("server", bytes(start % 97))
            link.send("client", DATA[start : start + size])
        came = b""
        for moment, piece in arrivals(link):
            if piece.to == "server":
                moments[len(came)] = moment
                came += piece.data
        return came, sorted(set(moments.values())), link.counters.stalled

    whole, pieces, other = story(1, len(DATA)), story(1, 7), story(2, 7)
    assert whole[0] == pieces[0] != DATA
    assert whole[1] == pieces[1]
    assert whole[0] != other[0]


def test_segments_are_read_together() -> None:
    """As often as they should; all of them do with certainty."""
    link = StreamLink(seed=1, segments=(100, 100), coalesce=0.3)
    link.send("client", DATA)
    assert 60 < len(arrivals(link)) < 85
    link = StreamLink(coalesce=1.0)
    for _ in range(5):
        link.send("client", DATA)
        link.send("server", b"x")
    assert [len(piece.data) for _, piece in arrivals(link)] == [5 * len(DATA), 5]
    assert link.counters.joined > 30


def test_two_writes_in_one_segment_are_one_piece() -> None:
    """Unless the first has been read meanwhile."""
    link = StreamLink()
    link.send("client", b"ab")
    link.send("client", b"cd")
    assert [piece.data for _, piece in arrivals(link)] == [b"abcd"]
    link.send("client", b"ef")
    assert [piece.data for _, piece in arrivals(link)] == [b"ef"]


def test_much_in_one_segment_is_read_in_linear_time() -> None:
    """A segment without end is the way to have nothing cut: what is in it is put together once."""
    link = StreamLink(segments=(1 << 30, 1 << 30))
    record = bytes(16384)
    for _ in range(4096):
        link.send("client", record)
    link.advance(link.now + 1)
    began = time.process_time()  # the others on this machine do not count
    (piece,) = link.deliveries()
    assert time.process_time() - began < 1
    assert len(piece.data) == 4096 * 16384
    assert link.counters.joined == 4095


def test_rate() -> None:
    """Each direction has its own; what comes later waits."""
    link = StreamLink(rate=1000, delay=0.5, segments=(100, 100))
    link.send("client", bytes(1000))
    link.send("server", bytes(100))
    found = arrivals(link)
    assert [moment for moment, piece in found if piece.to == "client"] == [pytest.approx(0.6)]
    assert [moment for moment, piece in found if piece.to == "server"] == [
        pytest.approx(0.5 + number / 10) for number in range(1, 11)
    ]


def test_a_stall_holds_up_what_is_behind() -> None:
    """And nothing else."""
    link = StreamLink(delay=0)
    link.stallAt("client", 1000, seconds=3)
    link.send("client", DATA)
    link.send("server", b"x")
    found = arrivals(link)
    assert sum(len(piece.data) for moment, piece in found if not moment and piece.to == "server") == 1000
    assert sum(len(piece.data) for moment, piece in found if moment == pytest.approx(3)) == len(DATA) - 1000
    assert link.counters.stalled == 1


def test_damage() -> None:
    """One bit at one place; and one bit in some segments."""
    link = StreamLink()
    link.corruptAt("client", 1459, bit=7)
    link.send("client", DATA[:1459])
    link.send("client", DATA[1459:])
    assert received(link) == DATA[:1459] + bytes([DATA[1459] ^ 0x80]) + DATA[1460:]
    link = StreamLink(seed=2, segments=(10, 10), corrupt=0.1)
    link.send("client", DATA)
    wrong = [number for number, byte in enumerate(received(link)) if byte != DATA[number]]
    assert len(wrong) == link.counters.corrupted
    assert 60 < len(wrong) < 145


def test_half_a_close() -> None:
    """The end comes behind the bytes; the other direction goes on."""
    link = StreamLink()
    link.send("client", b"last words")
    link.end("client")
    link.end("client")
    link.send("server", b"answer")
    assert [(piece.to, piece.data, piece.ending) for _, piece in arrivals(link)] == [
        ("server", b"last words", None),
        ("server", b"", End),
        ("client", b"answer", None),
    ]
    with pytest.raises(ValueError, match=r"sender: client has ended its direction"):
        link.send("client", b"more")


def test_an_abort() -> None:
    """What was sent before arrives; the one who aborts hears nothing any more."""
    link = StreamLink()
    link.send("client", b"before")
    link.send("server", b"on its way")
    link.abort("client")
    link.send("server", b"too late")
    assert [(piece.to, piece.data, piece.ending) for _, piece in arrivals(link)] == [
        ("server", b"before", None),
        ("server", b"", Reset),
    ]
    assert link.counters.vanished == len(b"on its waytoo late")


@pytest.mark.parametrize(("accident", "told"), [("endAt", [("server", End)]), ("resetAt", [("server", Reset)])])
def test_a_network_that_cuts_off(accident: str, told: list[Any]) -> None:
    """After exactly so many bytes; of a reset both ends hear."""
    link = StreamLink()
    getattr(link, accident)("client", 5000)
    link.send("client", DATA)
    link.send("server", b"x" * 10)
    found = arrivals(link)
    assert b"".join(piece.data for _, piece in found if piece.to == "server") == DATA[:5000]
    assert [(piece.to, piece.ending) for _, piece in found if piece.ending is not None and piece.to == "server"] == told
    assert (("client", Reset) in [(piece.to, piece.ending) for _, piece in found]) == (accident == "resetAt")
    assert link.send("client", b"more") == 4
    link.end("client")
    assert arrivals(link) == []


def test_a_random_reset() -> None:
    """Sooner or later, at the same place again."""

    def place(seed: int) -> int:
        link = StreamLink(seed=seed, segments=(10, 10), reset=0.02)
        link.send("client", DATA)
        return len(received(link))

    assert place(1) == place(1)
    assert len({place(seed) for seed in range(5)}) > 2


def test_accidents_of_the_past_are_refused() -> None:
    """They could never happen."""
    link = StreamLink()
    link.send("client", DATA)
    with pytest.raises(ValueError, match=r"offset: 100 has gone by; 10240 bytes were sent already"):
        link.resetAt("client", 100)
    link.resetAt("server", 100)
    with pytest.raises(ValueError, match="bit must be 0 to 7"):
        link.corruptAt("server", 0, 8)


def test_window() -> None:
    """So much is on its way at most; what has arrived makes room."""
    link = StreamLink(window=3000)
    assert link.send("client", DATA) == 3000
    assert link.send("client", DATA) == 0
    assert link.onTheWay("client") == 3000
    assert len(received(link)) == 3000
    assert link.send("client", DATA[3000:]) == 3000


def test_forging() -> None:
    """A test may replace, drop, double and invent bytes."""
    link = StreamLink(segments=(4, 4))
    link.tamper = lambda piece: [] if piece.offset == 4 else [piece.data.upper()] * 2
    link.send("client", b"abcdefghij")
    link.inject("server", b"forged")
    assert received(link) == b"ABCDABCDIJIJforged"


def test_settings_are_checked() -> None:
    """With the name of the wrong one."""
    for setting in ("corrupt", "coalesce", "stall", "reset"):
        with pytest.raises(ValueError, match=rf"{setting} must be a probability"):
            StreamLink(**{setting: 1.5})
    for setting in ("delay", "jitter", "rate", "stallTime", "window"):
        with pytest.raises(ValueError, match=rf"{setting} must not be negative"):
            StreamLink(**{setting: -1})
    for segments in ((0, 5), (5, 4)):
        with pytest.raises(ValueError, match="segments must be"):
            StreamLink(segments=segments)


def test_its_text_says_everything() -> None:
    """What a failing test prints."""
    text = repr(StreamLink(seed=7, stall=0.5))
    assert all(f"{each.name}=" in text for each in dataclasses.fields(StreamLink))
