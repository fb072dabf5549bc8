"""Values as bytes: one version, nothing that could run code, and no more memory than the bytes justify.

The first byte is the version, then comes one value: a byte that tells its kind, and what belongs to it.

=====  ==========================================================================
kind   followed by
=====  ==========================================================================
0      nothing: None
1, 2   nothing: False, True
3      an integer: its length in one byte, two's complement, most significant byte first
4      a float: eight bytes (IEEE 754, most significant byte first)
5, 6   text in UTF-8, bytes: the length, then as many bytes
7      a list: the number of its values, then these
8      a dict: the number of its pairs, then each key and its value
=====  ==========================================================================

Lengths and numbers are written in groups of seven bits, the lowest first; all but the last group have
the highest bit set.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from PySide6.QtCore import QByteArray

__all__ = ["MalformedVariantError", "Variant", "VariantTooLargeError", "decodeVariant_untrusted", "encodeVariant"]

Variant: TypeAlias = Any
"""None, bool, int, float, str, bytes, and lists and dicts of these; a recursive type would be of no help."""

_VERSION = 1
_NONE, _FALSE, _TRUE, _INT, _FLOAT, _STR, _BYTES, _LIST, _DICT = range(9)
_DEEPEST = 32
_MOST_INT_BYTES = 128
_KEYS = range(-(1 << 63), 1 << 63)
"""Integers that may be keys. Others could be chosen so that a dict of them takes very long to build."""
_MOST_LENGTH_BYTES = 5


class VariantTooLargeError(Exception):
    """The encoding has more bytes than it may have."""


class MalformedVariantError(Exception):
    """These bytes are no encoding of a value."""


def encodeVariant(value: Variant, limit: int) -> bytes:
    """Return the encoding of a value.

    Args:
        value: See ``Variant``; tuples become lists, QByteArray and other bytes-like objects bytes.
        limit: How many bytes it may have.

    Raises:
        TypeError: A part of it is of another type.
        ValueError: It is nested too deeply, an integer is too large, or text has lone surrogates.
        VariantTooLargeError: The encoding is larger.
    """
    return _Encoder(limit).encoded(value)


class _Encoder:
    """Collects parts, and never more than the limit."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._parts: list[bytes] = []

    def encoded(self, value: Variant) -> bytes:
        self._put(bytes((_VERSION,)))
        self._value(value, _DEEPEST)
        return b"".join(self._parts)

    def _put(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise VariantTooLargeError
        self._parts.append(part)

    def _value(self, value: Variant, levels: int) -> None:
        if value is None:
            self._put(bytes((_NONE,)))
        elif isinstance(value, bool):
            self._put(bytes((_TRUE if value else _FALSE,)))
        elif isinstance(value, int):
            self._integer(value)
        elif isinstance(value, float):
            self._put(bytes((_FLOAT,)) + struct.pack(">d", value))
        elif isinstance(value, str):
            self._octets(_STR, value.encode())
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self._octets(_BYTES, bytes(value))
        elif isinstance(value, QByteArray):
            self._octets(_BYTES, bytes(value.data()))
        elif isinstance(value, (list, tuple)):
            self._head(_LIST, len(value), levels)
            for item in value:
                self._value(item, levels - 1)
        elif isinstance(value, dict):
            self._head(_DICT, len(value), levels)
            for key, item in value.items():
                self._key(key)
                self._value(item, levels - 1)
        else:
            raise TypeError(
                "value must consist of None, bool, int, float, str, bytes, list and dict; "
                f"there is a {type(value).__name__} in it."
            )

    def _head(self, kind: int, count: int, levels: int) -> None:
        if not levels:
            raise ValueError(f"value must not be nested more than {_DEEPEST} levels deep.")
        self._put(bytes((kind,)) + _number(count))

    def _integer(self, value: int) -> None:
        # With a bit for the sign; -128 needs no more than that, and 128 does.
        size = ((value if value >= 0 else ~value).bit_length() + 8) // 8
        if size > _MOST_INT_BYTES:
            raise ValueError(f"value must not contain integers of more than {8 * _MOST_INT_BYTES} bits.")
        self._put(bytes((_INT, size)) + value.to_bytes(size, "big", signed=True))

    def _octets(self, kind: int, octets: bytes) -> None:
        self._put(bytes((kind,)) + _number(len(octets)))
        self._put(octets)

    def _key(self, key: object) -> None:
        if isinstance(key, (list, tuple, dict, bytearray, memoryview, QByteArray)):
            raise TypeError(f"value must not have a {type(key).__name__} as a key of a dict.")
        if isinstance(key, int) and key not in _KEYS:
            raise ValueError("value must not have integers of more than 64 bits as keys of a dict.")
        self._value(key, 0)


def _number(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(0x80 | (number & 0x7F))
        number >>= 7
    groups.append(number)
    return bytes(groups)


def decodeVariant_untrusted(data: bytes) -> Variant:
    """Return the value whose encoding these bytes are, all of them.

    Raises:
        MalformedVariantError: They are none; nothing else is raised.
    """
    if data[:1] != bytes((_VERSION,)):
        raise MalformedVariantError
    reader = _Reader(data)
    value = reader.value_untrusted(_DEEPEST)
    if reader.left():
        raise MalformedVariantError
    return value


class _Reader:
    """Reads on and on, never behind the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 1

    def left(self) -> int:
        """How many bytes there still are."""
        return len(self._data) - self._at

    def value_untrusted(self, levels: int) -> Variant:
        """The next value; MalformedVariantError when there is none."""
        kind = self._take_untrusted(1)[0]
        if kind >= len(_READERS):
            raise MalformedVariantError
        return _READERS[kind](self, levels)

    def _take_untrusted(self, size: int) -> bytes:
        if size > self.left():
            raise MalformedVariantError
        self._at += size
        return self._data[self._at - size : self._at]

    def _number_untrusted(self, unit: int) -> int:
        """A number of things of at least ``unit`` bytes each, for which there are still enough bytes."""
        number = 0
        for shift in range(0, 7 * _MOST_LENGTH_BYTES, 7):
            group = self._take_untrusted(1)[0]
            number |= (group & 0x7F) << shift
            if group < 0x80:
                if number * unit > self.left():
                    raise MalformedVariantError
                return number
        raise MalformedVariantError

    def _integer_untrusted(self, levels: int) -> int:
        size = self._take_untrusted(1)[0]
        if not 0 < size <= _MOST_INT_BYTES:
            raise MalformedVariantError
        return int.from_bytes(self._take_untrusted(size), "big", signed=True)

    def _float_untrusted(self, levels: int) -> float:
        value: float = struct.unpack(">d", self._take_untrusted(8))[0]
        return value

    def _bytes_untrusted(self, levels: int) -> bytes:
        return self._take_untrusted(self._number_untrusted(1))

    def _str_untrusted(self, levels: int) -> str:
        try:
            return self._bytes_untrusted(levels).decode()
        except UnicodeDecodeError:
            raise MalformedVariantError from None

    def _list_untrusted(self, levels: int) -> list[Variant]:
        if not levels:
            raise MalformedVariantError
        return [self.value_untrusted(levels - 1) for _ in range(self._number_untrusted(1))]

    def _dict_untrusted(self, levels: int) -> dict[Variant, Variant]:
        if not levels:
            raise MalformedVariantError
        result: dict[Variant, Variant] = {}
        for _ in range(self._number_untrusted(2)):
            key = self.value_untrusted(0)  # no list and no dict
            if key in result or (isinstance(key, int) and key not in _KEYS):
                raise MalformedVariantError
            result[key] = self.value_untrusted(levels - 1)
        return result


_READERS: tuple[Callable[[_Reader, int], Variant], ...] = (
    lambda reader, levels: None,
    lambda reader, levels: False,
    lambda reader, levels: True,
    _Reader._integer_untrusted,
    _Reader._float_untrusted,
    _Reader._str_untrusted,
    _Reader._bytes_untrusted,
    _Reader._list_untrusted,
    _Reader._dict_untrusted,
)
