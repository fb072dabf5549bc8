"""The count of answers that a peer may not have read."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from qtsecure.net.ssl_socket.unread_answers import UnreadAnswers

STEPS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(0, 120)), max_size=60)
"""Bytes of data, of answers, and how many the network takes."""


@given(steps=STEPS)
def test_never_less_than_wait(steps: list[tuple[int, int, int]]) -> None:
    """Whatever goes out with them, and when."""
    answers = UnreadAnswers()
    ends: deque[tuple[int, int]] = deque()  # of answers, and how many bytes they are
    handed = gone = 0
    for data, size, taken in steps:
        before = handed + data
        handed = before + size
        ends.append((handed, size))
        gone = min(handed, gone + taken)
        while ends and ends[0][0] <= gone:
            ends.popleft()
        assert answers.count(before, handed, gone) >= sum(size for _, size in ends)


def test_who_reads_is_not_accused() -> None:
    """However long it asks: with a queue that never empties no more is counted than two of its lengths can hold."""
    answers = UnreadAnswers()
    handed = 0
    for _ in range(10_000):
        before = handed + 990
        handed = before + 10
        assert answers.count(before, handed, max(0, handed - 5000)) <= 2 * 60


def test_who_reads_nothing() -> None:
    """Each byte counts."""
    answers = UnreadAnswers()
    counted = [answers.count(number * 10, number * 10 + 10, 0) for number in range(100)]
    assert counted == list(range(10, 1010, 10))


def test_none_waits_when_all_before_has_gone() -> None:
    """As after a burst that has gone out, or on a new connection."""
    answers = UnreadAnswers()
    assert answers.count(0, 70_000, 0) == 70_000
    assert answers.count(70_000, 70_010, 70_000) == 10
