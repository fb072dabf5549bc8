"""A queue of bytes: appended in pieces, taken in other pieces, never copied more than needed."""

from __future__ import annotations

__all__ = ["ByteQueue"]

_COMPACT_AFTER = 64


class ByteQueue:
    """First in, first out; ``size`` is how many bytes it holds.

    A list with a moving head: an empty deque would cost half a kilobyte in every idle connection.
    """

    __slots__ = ("_head", "_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._head = 0
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._parts.append(data)
        self.size += len(data)

    def clear(self) -> None:
        """Drop everything."""
        self._parts.clear()
        self._head = 0
        self.size = 0

    def takeAll(self) -> bytes:
        """Remove and return everything."""
        parts = self._parts
        if len(parts) == 1:
            data = parts.pop()
        else:
            data = b"".join(parts[self._head :])
            parts.clear()
        self._head = 0
        self.size = 0
        return data

    def take(self, count: int) -> bytes:
        """Remove and return min(count, size) bytes."""
        if count >= self.size:
            return self.takeAll()
        parts = self._parts
        head = self._head
        taken: list[bytes] = []
        missing = max(0, count)
        while missing:
            part = parts[head]
            if len(part) > missing:
                parts[head] = part[missing:]
                part = part[:missing]
            else:
                parts[head] = b""
                head += 1
            taken.append(part)
            missing -= len(part)
        if head > _COMPACT_AFTER and head * 2 > len(parts):
            del parts[:head]
            head = 0
        self._head = head
        data = b"".join(taken)
        self.size -= len(data)
        return data

    def peek(self, count: int) -> bytes:
        """The first min(count, size) bytes, which stay."""
        taken: list[bytes] = []
        missing = count
        for index in range(self._head, len(self._parts)):
            if missing <= 0:
                break
            taken.append(self._parts[index][:missing])
            missing -= len(taken[-1])
        return b"".join(taken)

    def findNewline(self) -> int:
        """The position of the first newline, or -1."""
        position = 0
        for index in range(self._head, len(self._parts)):
            part = self._parts[index]
            found = part.find(b"\n")
            if found >= 0:
                return position + found
            position += len(part)
        return -1
