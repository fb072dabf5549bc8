"""What programs rely on when they use something that carries messages: boundaries, ends, re-entrancy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from qtsecure.testing.conformance.ends import DatagramEnd
from qtsecure.testing.conformance.waiting import Waiting

__all__ = ["DatagramConformance", "DatagramPair"]

_AT_ONCE = 10
"""So many messages may be on their way: what stores few of them must not lose any in these tests."""

DatagramPair = tuple[DatagramEnd, DatagramEnd]


class _Collector:
    """Takes every message, as a program does whose slot takes what is there."""

    def __init__(self, end: DatagramEnd) -> None:
        self.messages: list[bytes] = []
        self._end = end
        end.whenReadable(self.take)

    def take(self) -> None:
        while (message := self._end.receive()) is not None:
            self.messages.append(message)


@pytest.mark.usefixtures("qapp")
class DatagramConformance(Waiting):
    """Checks a connected pair that carries messages; derive from it and define the fixture ``datagrams``."""

    @pytest.fixture
    def datagrams(self) -> tuple[Any, Any]:
        """A connected pair, a DatagramEnd each. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'datagrams' that gives two DatagramEnds.")

    @pytest.fixture
    def ends(self, datagrams: DatagramPair) -> Iterator[DatagramPair]:
        """Both; ended after the test."""
        yield datagrams
        for end in datagrams:
            end.abort()
        self.settle()

    # ----------------------------------------------------------------------------- messages

    def test_messages_keep_their_boundaries(self, ends: DatagramPair) -> None:
        """Each arrives whole and alone, whatever its size, in both directions."""
        largest = ends[0].largest() or 1000
        sizes = sorted({1, 2, 13, 100, 255, 256, 500, min(1000, largest), largest})
        for sender, receiver in (ends, ends[::-1]):
            collector = _Collector(receiver)
            for size in sizes:
                message = random.Random(size).randbytes(size)  # noqa: S311 - any bytes will do
                self._carry(sender, collector, [message])

    def test_many_messages_arrive_in_order(self, ends: DatagramPair) -> None:
        """A few at a time; the network of this test neither loses nor repeats."""
        collectors = [_Collector(end) for end in ends]
        for start in range(0, 100, _AT_ONCE):
            messages = [b"message %d" % number for number in range(start, start + _AT_ONCE)]
            for message in messages:
                assert ends[0].send(message), "send() refused a small message."
                assert ends[1].send(message[::-1]), "send() refused a small message."
            self._expect(collectors[1], messages)
            self._expect(collectors[0], [message[::-1] for message in messages])

    def test_any_byte_may_be_sent(self, ends: DatagramPair) -> None:
        """Also NUL, also what is no text."""
        self._carry(ends[0], _Collector(ends[1]), [b"\0", b"\0\0x\0", bytes(range(256)), b"\xff\xfe\r\n\x1a"])

    def test_an_empty_message_is_none(self, ends: DatagramPair) -> None:
        """Whether it is refused or vanishes: nothing comes, and nothing breaks."""
        collector = _Collector(ends[1])
        ends[0].send(b"")
        self._carry(ends[0], collector, [b"x"])

    def test_too_large_is_refused(self, ends: DatagramPair) -> None:
        """At once, and nothing of it comes; the largest itself is carried."""
        largest = ends[0].largest()
        if not largest:
            pytest.skip("nobody knows how large a message may be")
        collector = _Collector(ends[1])
        assert not ends[0].send(bytes(largest + 1)), f"send() took {largest + 1} bytes, the limit is {largest}."
        self._carry(ends[0], collector, [bytes(largest), b"small"])

    def test_every_message_is_announced(self, ends: DatagramPair) -> None:
        """To and fro: none waits unnoticed for another one to come."""
        first, second = ends

        def answer() -> None:
            while (message := second.receive()) is not None:
                second.send(message)

        second.whenReadable(answer)
        collector = _Collector(first)
        for number in range(1, 50):
            self._carry(first, collector, [bytes((number,))])

    def test_messages_wait_for_a_reader(self, ends: DatagramPair) -> None:
        """A program may look later; they are in order, and each is there once."""
        first, second = ends
        for number in range(_AT_ONCE):
            first.send(bytes((65 + number,)))
            self.settle()
        messages: list[bytes] = []

        def all_() -> bool:
            if (message := second.receive()) is not None:
                messages.append(message)
            return len(messages) == _AT_ONCE

        self.waitFor(all_, "Messages that were not fetched at once are missing")
        assert b"".join(messages) == b"ABCDEFGHIJ"
        assert second.receive() is None

    # --------------------------------------------------------------------------------- ends

    def test_after_the_close(self, ends: DatagramPair) -> None:
        """Nothing can be sent, nothing comes, and closing again does no harm."""
        first, second = ends
        first.close()
        self.waitFor(first.isOver, "The end that was closed is not over")
        assert not first.send(b"too late"), "send() took a message after close()."
        assert first.receive() is None
        first.close()
        first.abort()
        self.settle()
        self._notTwice(first)
        second.send(b"to nobody")
        self.settle()

    def test_a_close_is_told_once(self, ends: DatagramPair) -> None:
        """To the other end, which sends no more, unless it has a direction of its own."""
        first, second = ends
        self._skipUnlessTold(first)
        first.close()
        self.waitFor(second.isOver, "The other end does not see that it is over")
        self.wait(lambda: False, 50)
        assert second.told, "The other end was told by nothing."
        self._notTwice(*ends)
        assert second.halfOpen or not second.send(b"too late"), "send() took a message after the end."

    def test_what_came_before_the_end_stays_readable(self, ends: DatagramPair) -> None:
        """A program may look later."""
        first, second = ends
        self._skipUnlessTold(first)
        first.send(b"last words")
        first.close()
        self.waitFor(second.isOver, "The other end does not see that it is over")
        assert second.receive() == b"last words"
        assert second.receive() is None

    def test_both_close(self, ends: DatagramPair) -> None:
        """At once, with something on the way."""
        for end in ends:
            end.send(b"goodbye")
        for end in ends:
            end.close()
        for end in ends:
            self.waitFor(end.isOver, "An end that was closed is not over")
        self.settle()
        self._notTwice(*ends)

    # ------------------------------------------------------------------------- re-entrancy

    @pytest.mark.parametrize("way", ["close", "abort"])
    def test_ending_in_the_slot(self, ends: DatagramPair, way: str) -> None:
        """With more on its way."""
        first, second = ends

        def end() -> None:
            second.receive()
            getattr(second, way)()

        second.whenReadable(end)
        for _ in range(_AT_ONCE):
            first.send(b"x")
        self.waitFor(second.isOver, "The end that was closed in a slot is not over")
        self.settle()
        self._notTwice(*ends)

    def test_a_loop_in_the_slot(self, ends: DatagramPair) -> None:
        """A dialog, for example: what comes meanwhile can be received in it."""
        first, second = ends
        if not second.nests:
            pytest.skip("no event loop runs inside a slot of this end")
        heard: list[bytes | None] = []

        def ask() -> None:
            if heard:
                return
            heard.append(second.receive())
            first.send(b"more")

            def came() -> bool:
                if len(heard) == 1 and (message := second.receive()) is not None:
                    heard.append(message)
                return len(heard) == 2

            self.waitFor(came, "Nothing can be received in an event loop inside a slot")

        second.whenReadable(ask)
        first.send(b"some")
        self.waitFor(lambda: len(heard) == 2, "The slot did not come to its end")
        assert heard == [b"some", b"more"]

    # ------------------------------------------------------------------------------ checks

    def _carry(self, sender: DatagramEnd, collector: _Collector, messages: list[bytes]) -> None:
        for message in messages:
            assert sender.send(message), f"send() refused a message of {len(message)} bytes."
        self._expect(collector, messages)

    def _expect(self, collector: _Collector, messages: list[bytes]) -> None:
        def came() -> bool:
            collector.take()
            return len(collector.messages) >= len(messages)

        self.wait(came, self.patience)
        received, collector.messages = collector.messages, []
        assert [len(message) for message in received] == [len(message) for message in messages], "sizes of the messages"
        assert received == messages

    def _skipUnlessTold(self, end: DatagramEnd) -> None:
        if not end.tellsEnd:
            pytest.skip("nobody tells the other end")

    def _notTwice(self, *ends: DatagramEnd) -> None:
        for end in ends:
            assert len(end.told) == len(set(end.told)), f"The end was told more than once: {end.told}."
