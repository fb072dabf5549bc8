"""Values as bytes: round trips, limits, and whatever a peer may send instead."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray

from qtsecure.net.variant_codec import (
    MalformedVariantError,
    VariantTooLargeError,
    decodeVariant_untrusted,
    encodeVariant,
)

LIMIT = 1 << 20
KEYS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary()
)
SCALARS = st.one_of(KEYS, st.integers(-(2**1000), 2**1000))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(KEYS, inner)), max_leaves=20)


def typed(value: Any) -> Any:
    """The value with the types of everything in it: 1, 1.0 and True are equal, 0.0 and -0.0 too."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return [(typed(key), typed(item)) for key, item in value.items()]
    return type(value), repr(value)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    """Value, types and order."""
    assert typed(decodeVariant_untrusted(encodeVariant(value, LIMIT))) == typed(value)


@pytest.mark.parametrize("bits", [7, 8, 63, 1023])
def test_no_integer_has_a_superfluous_byte(bits: int) -> None:
    """What could be decoded can be encoded, also the least integer of each size."""
    for value in (-(1 << bits), (1 << bits) - 1):
        size = bits // 8 + 1
        assert encodeVariant(value, LIMIT) == bytes((1, 3, size)) + value.to_bytes(size, "big", signed=True)


@given(VALUES)
def test_the_limit_is_exact(value: Any) -> None:
    size = len(encodeVariant(value, LIMIT))
    assert len(encodeVariant(value, size)) == size
    with pytest.raises(VariantTooLargeError):
        encodeVariant(value, size - 1)


@given(VALUES, st.data())
def test_every_prefix_is_malformed(value: Any, data: st.DataObject) -> None:
    encoded = encodeVariant(value, LIMIT)
    end = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(MalformedVariantError):
        decodeVariant_untrusted(encoded[:end])
    with pytest.raises(MalformedVariantError):
        decodeVariant_untrusted(encoded + b"\0")


def decodes(data: bytes) -> None:
    """Either a value, which can be sent on, or the one exception."""
    try:
        value = decodeVariant_untrusted(data)
    except MalformedVariantError:
        return
    assert typed(decodeVariant_untrusted(encodeVariant(value, LIMIT))) == typed(value)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    decodes(data)
    decodes(b"\1" + data)


@given(st.lists(st.integers(0, 9), max_size=60))
def test_any_kinds(kinds: list[int]) -> None:
    """Short lengths and many kinds: deeper than what random bytes reach."""
    decodes(b"\1" + bytes(kinds))


@given(VALUES, st.data())
def test_damaged_values(value: Any, data: st.DataObject) -> None:
    """One byte is another one."""
    encoded = bytearray(encodeVariant(value, LIMIT))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    decodes(bytes(encoded))


def test_not_a_number() -> None:
    assert math.isnan(decodeVariant_untrusted(encodeVariant(math.nan, LIMIT)))


def test_the_format_is_stable() -> None:
    """Programs of different versions talk to each other."""
    value = [None, False, True, -2, 300, 1.5, "ä", b"\0", {"k": []}]
    expected = (
        "01 07 09 00 01 02 03 01 fe 03 02 01 2c 04 3f f8 00 00 00 00 00 00 05 02 c3 a4 06 01 00 08 01 05 01 6b 07 00"
    )
    assert encodeVariant(value, LIMIT) == bytes.fromhex(expected)
    assert len(encodeVariant(bytes(200), LIMIT)) == 1 + 1 + 2 + 200


@pytest.mark.parametrize("value", [(1, 2), bytearray(b"x"), memoryview(b"x"), QByteArray(b"x")])
def test_other_types_become_plain_ones(value: Any) -> None:
    decoded = decodeVariant_untrusted(encodeVariant(value, LIMIT))
    assert decoded == ([1, 2] if isinstance(value, tuple) else b"x")


@pytest.mark.parametrize("value", [object(), {1}, 1j, len, {(1,): 2}, [{"a": type}], {b"": {frozenset(): 1}}])
def test_no_other_types(value: Any) -> None:
    with pytest.raises(TypeError, match="value must"):
        encodeVariant(value, LIMIT)


@pytest.mark.parametrize("value", ["\ud800", 2**1023, -(2**1024), {2**63: 1}, {-(2**63) - 1: 1}])
def test_what_has_no_encoding(value: Any) -> None:
    with pytest.raises(ValueError, match=r"surrogates|integers"):
        encodeVariant(value, LIMIT)


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def test_depth() -> None:
    """32 levels, in both directions; what contains itself is too deep as well."""
    assert decodeVariant_untrusted(encodeVariant(nested(32), LIMIT)) == nested(32)
    with pytest.raises(ValueError, match="32 levels"):
        encodeVariant(nested(33), LIMIT)
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(ValueError, match="32 levels"):
        encodeVariant(itself, LIMIT)
    for levels in (33, 1000, 100_000):
        with pytest.raises(MalformedVariantError):
            decodeVariant_untrusted(b"\1" + b"\7\1" * levels + b"\0")


@pytest.mark.parametrize("kind", [5, 6, 7, 8])
def test_announced_sizes_take_no_memory(kind: int) -> None:
    """A length is believed only when there are as many bytes."""
    for length in (b"\xff\xff\xff\xff\x0f", b"\xff" * 5, b"\x80" * 10, b"\x02"):
        with pytest.raises(MalformedVariantError):
            decodeVariant_untrusted(b"\1" + bytes((kind,)) + length)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\0\0",
        b"\2\0",
        b"\1\x09",
        b"\1\3\0",
        b"\1\3\x81" + bytes(129),
        b"\1\5\1\xff",
        b"\1\x08\1\7\0\0",
        b"\1\x08\2\0\0\0\0",
        b"\1\x08\2\2\0\3\1\1\0",
        b"\1\x08\1\3\x09\1" + bytes(9),
    ],
    ids=[
        *("nothing", "version 0", "version 2", "unknown kind", "empty integer", "long integer", "broken text"),
        *("list as key", "key twice", "equal keys", "large key"),
    ],
)
def test_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedVariantError):
        decodeVariant_untrusted(encoded)


def test_keys_cannot_be_chosen_to_collide() -> None:
    """Multiples of Python's modulus have one hash; those of 64 bits are too few to matter."""
    modulus = 2**61 - 1
    keys = b"".join(
        b"\3" + bytes((len(raw),)) + raw + b"\0"
        for raw in ((number * modulus).to_bytes(10, "big") for number in range(1, 1500))
    )
    with pytest.raises(MalformedVariantError):
        decodeVariant_untrusted(b"\1\x08\xdb\x0b" + keys)
