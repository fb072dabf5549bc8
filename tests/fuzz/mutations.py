"""Damages inputs: blindly, along the structure of DER and of records, and with words that parsers look for.

Everything comes from one seeded generator, so that an input can be made again from its seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["Mutator"]

_LARGEST = 8192
"""Mutants stay small: what grows with its input is measured elsewhere."""
_BYTES = bytes((0, 1, 2, 3, 0x0A, 0x14, 0x16, 0x17, 0x20, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0xA0, 0xFE, 0xFF))
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF)
_DEEPEST = 12


class Mutator:
    """Makes mutants of a corpus.

    Args:
        corpus: What it begins with, at least one input.
        words: What parsers look for, put in here and there.
        der: Whether the inputs are DER, whose lengths are then kept right as often as not.
        seed: Another seed, other mutants.
    """

    def __init__(
        self, corpus: Sequence[bytes], words: Sequence[bytes] = (), *, der: bool = False, seed: int = 0
    ) -> None:
        self._corpus = list(corpus)
        self._words = list(words)
        self._chance = random.Random(seed)
        self._changes = [
            self._flip,
            self._setByte,
            self._setNumber,
            self._remove,
            self._repeat,
            self._insert,
            self._cut,
            self._splice,
        ]
        if words:
            self._changes += [self._insertWord, self._insertWord]
        self._der = der

    def next(self) -> bytes:
        """Another input."""
        chance = self._chance
        data = bytearray(chance.choice(self._corpus))
        if self._der and data and chance.random() < 0.6:
            data = bytearray(_changedDer(bytes(data), chance, chance.choice(self._corpus)))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 4, 8))):
            chance.choice(self._changes)(data)
        return bytes(data[:_LARGEST])

    def add(self, data: bytes) -> None:
        """Let there be mutants of this one, too."""
        self._corpus.append(data)

    def _place(self, data: bytearray) -> int:
        # Headers are at the front: every second change goes there.
        return self._chance.randrange(min(len(data), 32) if self._chance.random() < 0.5 else len(data))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << self._chance.randrange(8)

    def _setByte(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] = self._chance.choice(_BYTES)

    def _setNumber(self, data: bytearray) -> None:
        size = self._chance.choice((2, 3, 4))
        if len(data) >= size:
            place = min(self._place(data), len(data) - size)
            number = self._chance.choice((*_NUMBERS, len(data), len(data) - place - size))
            data[place : place + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")

    def _remove(self, data: bytearray) -> None:
        if data:
            place = self._place(data)
            del data[place : place + self._chance.choice((1, 1, 2, 4, 16, 64))]

    def _repeat(self, data: bytearray) -> None:
        if data:
            place = self._place(data)
            part = data[place : place + self._chance.choice((1, 2, 8, 32, 128))]
            data[place:place] = part * self._chance.choice((1, 1, 2, 16))

    def _insert(self, data: bytearray) -> None:
        place = self._chance.randrange(len(data) + 1)
        data[place:place] = self._chance.randbytes(self._chance.choice((1, 1, 2, 4, 32)))

    def _cut(self, data: bytearray) -> None:
        if data:
            del data[self._place(data) :]

    def _splice(self, data: bytearray) -> None:
        other = self._chance.choice(self._corpus)
        if data and other:
            place, start = self._chance.randrange(len(data)), self._chance.randrange(len(other))
            data[place:] = other[start:]

    def _insertWord(self, data: bytearray) -> None:
        word = self._chance.choice(self._words)
        place = self._chance.randrange(len(data) + 1)
        keep = self._chance.random() < 0.5
        data[place : place if keep else place + len(word)] = word


def _changedDer(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """One element of nested DER removed, doubled, swapped or changed; the lengths around it are right again."""
    elements = _elements(data)
    if not elements:
        return data
    path = _randomPath(data, chance)
    if not path:
        return data
    start, content, end = path[-1]
    kind = chance.randrange(6)
    if kind == 0:
        new = b""
    elif kind == 1:
        new = data[start:end] * 2
    elif kind == 2:
        new = _element(chance.choice(_BYTES), data[content:end])
    elif kind == 3:
        # An element of another input in its place.
        foreign = _randomPath(other, chance)
        new = other[foreign[-1][0] : foreign[-1][2]] if foreign else b"\x05\x00"
    elif kind == 4:
        new = _element(data[start], chance.randbytes(chance.choice((0, 1, 2, 8, 20))))
    else:
        body = bytearray(data[content:end]) or bytearray(1)
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        new = _element(data[start], bytes(body))
    for (outer, inside, outerEnd), (innerStart, _, innerEnd) in zip(path[-2::-1], path[:0:-1], strict=True):
        new = _element(data[outer], data[inside:innerStart] + new + data[innerEnd:outerEnd])
    first, last = path[0][0], path[0][2]
    return data[:first] + new + data[last:]


def _randomPath(data: bytes, chance: random.Random) -> list[tuple[int, int, int]]:
    """From an outer element down to one somewhere inside."""
    path: list[tuple[int, int, int]] = []
    start, end = 0, len(data)
    while len(path) < _DEEPEST:
        inside = _elements(data, start, end)
        if not inside:
            break
        path.append(chance.choice(inside))
        _, start, end = path[-1]
        if not data[path[-1][0]] & 0x20 or chance.random() < 0.15:  # primitive, or deep enough
            break
    return path


def _elements(data: bytes, start: int = 0, end: int | None = None) -> list[tuple[int, int, int]]:
    """Start, content and end of the elements that follow each other; none if there is anything else."""
    end = len(data) if end is None else end
    found = []
    while start < end:
        if end - start < 2:
            return []
        length, content = data[start + 1], start + 2
        if length & 0x80:
            content += length & 0x7F
            length = int.from_bytes(data[start + 2 : content], "big")
        if content + length > end:
            return []
        found.append((start, content, content + length))
        start = content + length
    return found


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content
