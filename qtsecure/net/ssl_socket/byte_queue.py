"""A queue of bytes: appended in pieces, taken in other pieces, never copied more than needed."""

from __future__ import annotations

__all__ = ["ByteQueue"]

_COMPACT_AFTER = 64


class ByteQueue:
    """First in, first out; ``size`` is how many bytes it holds.

    A list with a moving head: an empty deque would cost half a kilobyte in every idle connection.
    Nor does what is taken from a part move the rest of it: one write may be many megabytes.
    """

    __slots__ = ("_head", "_offset", "_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._head = 0  # the first part that is not used up
        self._offset = 0  # how much of it is used up
        self.size = 0

    def append(self, data: bytes) -> int:
        """Add bytes at the end; how many."""
        self._parts.append(data)
        count = len(data)
        self.size += count
        return count

    def clear(self) -> None:
        """Drop everything."""
        self._parts.clear()
        self._head = self._offset = 0
        self.size = 0

    def takeAll(self) -> bytes:
        """Remove and return everything."""
        parts = self._parts
        self.size = 0
        if len(parts) == 1 and not self._offset:
            return parts.pop()
        if self._offset:
            parts[self._head] = parts[self._head][self._offset :]
            self._offset = 0
        data = b"".join(parts[self._head :])
        parts.clear()
        self._head = 0
        return data

    def take(self, count: int) -> bytes:
        """Remove and return min(count, size) bytes."""
        if count >= self.size:
            return self.takeAll()
        if count <= 0:
            return b""
        parts = self._parts
        head, offset = self._head, self._offset
        self.size -= count
        part = parts[head]
        if offset + count < len(part):  # small reads of a large part
            self._offset = offset + count
            return part[offset : offset + count]
        taken: list[bytes] = []
        while count:
            part = parts[head]
            left = len(part) - offset
            if left > count:
                taken.append(part[offset : offset + count])
                offset += count
                break
            taken.append(part[offset:] if offset else part)
            parts[head] = b""
            head += 1
            offset = 0
            count -= left
        if head > _COMPACT_AFTER and head * 2 > len(parts):
            del parts[:head]
            head = 0
        self._head = head
        self._offset = offset
        return b"".join(taken)

    def peek(self, count: int) -> bytes:
        """The first min(count, size) bytes, which stay."""
        taken: list[bytes] = []
        missing = count
        offset = self._offset
        for index in range(self._head, len(self._parts)):
            if missing <= 0:
                break
            taken.append(self._parts[index][offset : offset + missing])
            missing -= len(taken[-1])
            offset = 0
        return b"".join(taken)

    def findNewline(self) -> int:
        """The position of the first newline, or -1."""
        position = -self._offset
        for index in range(self._head, len(self._parts)):
            part = self._parts[index]
            found = part.find(b"\n", max(0, -position))
            if found >= 0:
                return position + found
            position += len(part)
        return -1
