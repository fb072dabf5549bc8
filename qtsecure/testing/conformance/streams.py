"""What programs rely on when they use a stream: order, completeness, back-pressure, ends, re-entrancy."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from qtsecure.testing.conformance.ends import StreamEnd
from qtsecure.testing.conformance.waiting import Waiting

__all__ = ["StreamConformance", "StreamPair"]

_BIG = 2 << 20
_LIMIT = 1000

StreamPair = tuple[StreamEnd, StreamEnd]


class _Collector:
    """Reads everything, as a program does whose slot reads what is there."""

    def __init__(self, end: StreamEnd) -> None:
        self.data = bytearray()
        self.depth = self.deepest = 0
        self._end = end
        end.whenReadable(self._take)
        self._take()

    def has(self, size: int) -> bool:
        """Whether so many bytes have come."""
        return len(self.data) >= size

    def _take(self) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        self.data += self._end.read()
        self.depth -= 1


@pytest.mark.usefixtures("qapp")
class StreamConformance(Waiting):
    """Checks a connected pair of streams; derive from it and define the fixture ``streams``.

    Attributes:
        bounded: What is between the ends holds only so much; False for something in memory without a limit.
    """

    bounded = True

    @pytest.fixture
    def streams(self) -> tuple[Any, Any]:
        """A connected pair: QIODevices, or a StreamEnd each. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'streams' that gives a connected pair.")

    @pytest.fixture
    def ends(self, streams: tuple[Any, Any]) -> Iterator[StreamPair]:
        """Both as the tests use them; ended after the test."""
        from qtsecure.testing.conformance.devices import DeviceEnd

        first, second = (each if isinstance(each, StreamEnd) else DeviceEnd(each) for each in streams)
        yield first, second
        for end in (first, second):
            end.abort()
        self.settle()

    # --------------------------------------------------------------------------------- data

    def test_bytes_arrive_complete_and_in_order(self, ends: StreamPair) -> None:
        """Many writes of any size, from both ends at once."""
        chance = random.Random(1)  # noqa: S311 - any sizes will do
        sent = [bytearray(), bytearray()]
        collectors = [_Collector(end) for end in ends]
        for _ in range(100):
            for end, data in zip(ends, sent, strict=True):
                piece = chance.randbytes(chance.choice((1, 2, 100, 1000, 5000)))
                data += piece
                assert end.write(piece), "write() refused bytes on an open stream."
            if chance.random() < 0.2:
                self.settle()
        self._expect(collectors[1], bytes(sent[0]), "what the first end wrote")
        self._expect(collectors[0], bytes(sent[1]), "what the second end wrote")

    def test_any_byte_may_be_sent(self, ends: StreamPair) -> None:
        """Also NUL, also what is no text."""
        data = b"\0" + bytes(range(256)) + b"\r\n\x1a\xff\xfe\0\0"
        collector = _Collector(ends[1])
        for start in range(0, len(data), 7):
            ends[0].write(data[start : start + 7])
        self._expect(collector, data, "every value of a byte")

    def test_an_empty_write_is_nothing(self, ends: StreamPair) -> None:
        """No byte, no end, no error."""
        first, second = ends
        collector = _Collector(second)
        first.write(b"")
        self.settle()
        assert not collector.data
        assert not second.isOver(), "An empty write has ended the stream."
        first.write(b"x")
        first.write(b"")
        first.write(b"y")
        self._expect(collector, b"xy", "what was written around an empty write")

    def test_every_byte_is_announced(self, ends: StreamPair) -> None:
        """A byte at a time to and fro: none waits unnoticed for another one to come."""
        first, second = ends

        def echo() -> None:
            second.write(second.read())

        second.whenReadable(echo)
        collector = _Collector(first)
        for number in range(50):
            first.write(bytes((number,)))
            self.waitFor(functools.partial(collector.has, number + 1), f"No answer to byte {number} came")
        assert bytes(collector.data) == bytes(range(50))

    def test_big_writes_in_both_directions(self, ends: StreamPair) -> None:
        """Neither end has to read before it may write."""
        data = random.Random(2).randbytes(_BIG)  # noqa: S311 - any bytes will do
        collectors = [_Collector(end) for end in ends]
        ends[0].write(data)
        ends[1].write(data[::-1])
        self._expect(collectors[1], data, "the first end's big write")
        self._expect(collectors[0], data[::-1], "the second end's big write")
        self.waitFor(lambda: not ends[0].unsent(), "The end still says that it has not sent everything")

    def test_who_does_not_read_is_felt(self, ends: StreamPair) -> None:
        """The reader holds little, the writer keeps the rest, and nothing is lost in the end."""
        first, second = ends
        if not second.limitsReading or not self.bounded:
            pytest.skip("what these ends hold has no limit")
        second.limitReading(_LIMIT)
        data = random.Random(3).randbytes(8 * _BIG)  # noqa: S311 - any bytes will do
        first.write(data)
        self.waitFor(lambda: second.available() > 0, "Nothing came")
        self.wait(lambda: False, 200)
        held = second.available()
        assert held <= _LIMIT, f"{held} bytes are held, the limit is {_LIMIT}."
        assert first.unsent() > 0, "Everything was sent, although nobody has read it."
        collector = _Collector(second)
        second.limitReading(0)
        self._expect(collector, data, "what was written to a slow reader")

    # --------------------------------------------------------------------------------- ends

    def test_a_close_delivers_everything(self, ends: StreamPair) -> None:
        """What was written before arrives before the end."""
        first, second = ends
        data = random.Random(4).randbytes(_BIG)  # noqa: S311 - any bytes will do
        collector = _Collector(second)
        first.write(data)
        first.close()
        self._over(first, second)
        collector.data += second.read()
        assert len(collector.data) == len(data), f"{len(data) - len(collector.data)} bytes are missing at the end."
        assert bytes(collector.data) == data

    def test_what_came_before_the_end_stays_readable(self, ends: StreamPair) -> None:
        """A program may read later."""
        first, second = ends
        first.write(b"last words")
        first.close()
        self._over(second)
        assert second.read() == b"last words"
        assert second.read() == b""

    def test_both_close(self, ends: StreamPair) -> None:
        """At once, and with something on the way; each end is told once."""
        for end in ends:
            end.write(b"goodbye")
        for end in ends:
            end.close()
        self._over(*ends)
        self._notTwice(*ends)

    def test_after_the_close(self, ends: StreamPair) -> None:
        """Nothing can be written, nothing comes, and closing again does no harm."""
        first, second = ends
        first.close()
        self._over(first, second)
        for end in ends:
            assert not end.write(b"too late"), "write() took bytes after the end."
            assert end.read() == b""
            end.close()
            end.abort()
        self.settle()
        self._toldOnce(second)

    def test_half_a_close(self, ends: StreamPair) -> None:
        """The own direction ends; what the other end has to say still comes."""
        first, second = ends
        if not first.halfCloses:
            pytest.skip("this end cannot end one direction only")
        data = random.Random(5).randbytes(_BIG)  # noqa: S311 - any bytes will do
        there, back = _Collector(second), _Collector(first)
        second.write(data)
        first.write(b"question")
        first.endWriting()
        assert not first.write(b"too late"), "write() took bytes behind the end of its direction."
        self._expect(there, b"question", "what was written before the own direction ended")
        self._expect(back, data, "the other direction after the own one has ended")

    def test_an_abort_is_told_once(self, ends: StreamPair) -> None:
        """The other end is over, too, and says so once."""
        first, second = ends
        first.abort()
        self._over(*ends)
        self.wait(lambda: False, 50)
        self._toldOnce(second)
        first.abort()
        assert not second.write(b"too late")

    def test_an_abort_ends_a_write(self, ends: StreamPair) -> None:
        """Whoever waits until a slow reader has taken everything does not wait for ever."""
        first, second = ends
        if second.limitsReading:
            second.limitReading(_LIMIT)
        first.write(bytes(4 * _BIG))
        self.wait(lambda: second.available() > 0, 1000)
        second.abort()
        self._over(*ends)
        self.wait(lambda: False, 50)
        self._toldOnce(first)

    # ------------------------------------------------------------------------- re-entrancy

    def test_writing_in_the_slot(self, ends: StreamPair) -> None:
        """An echo; no slot is entered while it runs."""
        first, second = ends
        data = random.Random(6).randbytes(300_000)  # noqa: S311 - any bytes will do
        depths = [0]

        def echo() -> None:
            depths.append(depths[-1] + 1)
            second.write(second.read())
            depths.append(depths[-1] - 1)

        second.whenReadable(echo)
        collector = _Collector(first)
        for start in range(0, len(data), 10_000):
            first.write(data[start : start + 10_000])
        self._expect(collector, data, "the echo")
        assert max(depths) == 1, "The slot was called while it was running."
        assert collector.deepest == 1, "The slot was called while it was running."

    @pytest.mark.parametrize("way", ["close", "abort"])
    def test_ending_in_the_slot(self, ends: StreamPair, way: str) -> None:
        """With more on its way."""
        first, second = ends

        def end() -> None:
            second.read()
            getattr(second, way)()

        second.whenReadable(end)
        for _ in range(10):
            first.write(bytes(10_000))
        self._over(*ends)
        self.settle()
        self._toldOnce(first)
        self._notTwice(second)

    def test_a_loop_in_the_slot(self, ends: StreamPair) -> None:
        """A dialog, for example: what comes meanwhile can be read in it."""
        first, second = ends
        if not second.nests:
            pytest.skip("no event loop runs inside a slot of this end")
        heard: list[bytes] = []

        def ask() -> None:
            if heard:
                return
            heard.append(second.read())
            first.write(b"more")
            self.waitFor(lambda: second.available() == 4, "Nothing can be read in an event loop inside a slot")
            heard.append(second.read())

        second.whenReadable(ask)
        first.write(b"some")
        self.waitFor(lambda: len(heard) == 2, "The slot did not come to its end")
        assert heard == [b"some", b"more"]

    # ------------------------------------------------------------------------------ checks

    def _expect(self, collector: _Collector, data: bytes, what: str) -> None:
        progress = -1
        while progress < len(collector.data) < len(data):  # slowly is no fault
            progress = len(collector.data)
            self.wait(functools.partial(collector.has, len(data)), self.patience)
        came = bytes(collector.data)
        if came == data:
            return
        same = next(
            (at for at, (a, b) in enumerate(zip(came, data, strict=False)) if a != b), min(len(came), len(data))
        )
        raise AssertionError(f"{what}: {len(data)} bytes were written, {len(came)} came, equal up to byte {same}.")

    def _over(self, *ends: StreamEnd) -> None:
        names = ("first end", "second end") if len(ends) > 1 else ("other end",)
        for name, end in zip(names, ends, strict=True):
            if not self.wait(end.isOver, self.patience):
                raise AssertionError(
                    f"The {name} does not see that the stream is over, within {self.patience} ms: "
                    f"it has {end.unsent()} bytes to send, and {end.available()} that nobody has read."
                )

    def _toldOnce(self, *ends: StreamEnd) -> None:
        for end in ends:
            assert end.told, "The end was told by nothing."
        self._notTwice(*ends)

    def _notTwice(self, *ends: StreamEnd) -> None:
        for end in ends:
            assert len(end.told) == len(set(end.told)), f"The end was told more than once: {end.told}."
