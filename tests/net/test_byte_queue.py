"""The queue of bytes."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtsecure.net.ssl_socket.byte_queue import ByteQueue

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(max_size=20)),
        st.tuples(st.sampled_from(["take", "peek"]), st.integers(-2, 60)),
        st.tuples(st.sampled_from(["takeAll", "clear", "findNewline"]), st.none()),
    ),
    max_size=200,
)


@given(steps=_STEPS)
def test_the_queue_is_like_one_bytes_object(steps: list[tuple[str, bytes | int | None]]) -> None:
    """Whatever is appended, taken, peeked and sought, in whatever pieces."""
    queue, expected = ByteQueue(), b""
    for step, value in steps:
        if isinstance(value, bytes):
            value += b"\n" if value.endswith(b"0") else b""
            queue.append(value)
            expected += value
        elif isinstance(value, int):
            assert getattr(queue, step)(value) == expected[: max(0, value)]
            expected = expected[max(0, value) :] if step == "take" else expected
        elif step == "findNewline":
            assert queue.findNewline() == expected.find(b"\n")
        elif step == "takeAll":
            assert queue.takeAll() == expected
            expected = b""
        else:
            queue.clear()
            expected = b""
        assert queue.size == len(expected)
    assert queue.takeAll() == expected


def test_many_small_parts() -> None:
    """What is used up is let go of, also when the queue never runs empty."""
    queue = ByteQueue()
    queue.append(b"x")
    for _ in range(10_000):
        queue.append(b"ab")
        assert len(queue.take(2)) == 2
    assert queue.size == 1
    assert len(queue._parts) < 300


class _Counting(bytes):
    """Counts the bytes that are copied out of it."""

    copied = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]  # bytes' own overloads
        taken = super().__getitem__(key)
        _Counting.copied += len(taken)
        return _Counting(taken)


@pytest.mark.parametrize("slices", [64 * 1024, 1000])
def test_taking_from_a_large_part_does_not_move_the_rest(slices: int) -> None:
    """Every byte is copied once, however small the pieces."""
    size = 4 * 1024 * 1024
    queue = ByteQueue()
    queue.append(_Counting(size))
    _Counting.copied = 0
    while queue.size:
        queue.take(slices)
    assert _Counting.copied <= size


def test_a_whole_part_is_handed_out_as_it_is() -> None:
    """The usual case, one message in and out, copies nothing."""
    data = b"x" * 1000
    queue = ByteQueue()
    queue.append(data)
    assert queue.takeAll() is data
    queue.append(data)
    assert queue.take(1000) is data


def test_an_empty_queue_is_small() -> None:
    """Every idle connection has two of them."""
    queue = ByteQueue()
    assert sys.getsizeof(queue) + sys.getsizeof(queue._parts) < 200
