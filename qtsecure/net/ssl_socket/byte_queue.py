"""A queue of bytes: appended in pieces, taken in other pieces, never copied more than needed."""

from __future__ import annotations

from collections import deque

__all__ = ["ByteQueue"]


class ByteQueue:
    """First in, first out; ``size`` is how many bytes it holds."""

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._parts.append(data)
        self.size += len(data)

    def clear(self) -> None:
        """Drop everything."""
        self._parts.clear()
        self.size = 0

    def takeAll(self) -> bytes:
        """Remove and return everything."""
        parts = self._parts
        if len(parts) == 1:
            data = parts.pop()
        else:
            data = b"".join(parts)
            parts.clear()
        self.size = 0
        return data

    def take(self, count: int) -> bytes:
        """Remove and return min(count, size) bytes."""
        if count >= self.size:
            return self.takeAll()
        parts = self._parts
        taken: list[bytes] = []
        missing = max(0, count)
        while missing:
            part = parts.popleft()
            if len(part) > missing:
                parts.appendleft(part[missing:])
                part = part[:missing]
            taken.append(part)
            missing -= len(part)
        data = b"".join(taken)
        self.size -= len(data)
        return data

    def peek(self, count: int) -> bytes:
        """The first min(count, size) bytes, which stay."""
        taken: list[bytes] = []
        missing = count
        for part in self._parts:
            if missing <= 0:
                break
            taken.append(part[:missing])
            missing -= len(taken[-1])
        return b"".join(taken)

    def findNewline(self) -> int:
        """The position of the first newline, or -1."""
        position = 0
        for part in self._parts:
            index = part.find(b"\n")
            if index >= 0:
                return position + index
            position += len(part)
        return -1
