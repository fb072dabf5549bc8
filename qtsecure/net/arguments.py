"""Checks of arguments that several classes take."""

from __future__ import annotations

from PySide6.QtCore import QByteArray

__all__ = ["LONGEST_WAIT", "checkBool", "checkInt", "checkLeast", "checkTimeout", "checkWait", "exporterArguments"]

LONGEST_WAIT = 2_000_000_000
"""In ms, 23 days; the system and Qt take little more."""
_LONGEST_EXPORT = 8160  # 255 blocks of SHA-256, the least that the key derivation can give (RFC 5869)
_LONGEST_LABEL = 249  # with the "tls13 " that TLS 1.3 puts before it (RFC 8446, section 7.1) it is 255


def checkBool(value: bool, *, name: str) -> bool:
    """The value, if it is a bool; TypeError naming the argument otherwise."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, not {type(value).__name__}.")
    return value


def checkInt(number: int, *, name: str) -> int:
    """The number, if it is an int; TypeError naming the argument otherwise."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {type(number).__name__}.")
    return number


def checkLeast(number: int, least: int, *, name: str) -> int:
    """The number, if it is an int and not too small; TypeError or ValueError naming the argument otherwise."""
    if checkInt(number, name=name) < least:
        raise ValueError(f"{name} must be at least {least}, not {number}.")
    return number


def checkTimeout(ms: int, *, name: str) -> int:
    """A duration in ms, or 0 or -1 for none; TypeError or ValueError naming the argument otherwise."""
    if checkInt(ms, name=name) < -1:
        raise ValueError(f"{name} must be a number of milliseconds, or 0 or -1 for no limit, not {ms}.")
    return ms


def checkWait(ms: int, *, name: str) -> int:
    """How long a blocking call may last in ms, or -1 for ever; TypeError or ValueError otherwise.

    Returns:
        It, or 23 days at most.
    """
    if checkInt(ms, name=name) < -1:
        raise ValueError(f"{name} must be a number of milliseconds, or -1 to wait for ever, not {ms}.")
    return min(ms, LONGEST_WAIT)


def exporterArguments(
    label: str | bytes | QByteArray, length: int, context: bytes | QByteArray | None
) -> tuple[bytes, int, bytes | None]:
    """What a key exporter (RFC 5705) takes; TypeError or ValueError naming the argument otherwise."""
    if isinstance(label, QByteArray):
        label = bytes(label.data())
    elif isinstance(label, str):
        if not label.isascii():
            raise ValueError(f"label must be ASCII, not {label!r}.")
        label = label.encode("ascii")
    elif not isinstance(label, bytes):
        raise TypeError(f"label must be str or bytes, not {type(label).__name__}.")
    if len(label) > _LONGEST_LABEL:
        raise ValueError(f"label must have at most {_LONGEST_LABEL} bytes, not {len(label)}.")
    if not 0 < checkInt(length, name="length") <= _LONGEST_EXPORT:
        raise ValueError(f"length must be between 1 and {_LONGEST_EXPORT} bytes, not {length}.")
    if context is not None:
        if not isinstance(context, (bytes, bytearray, memoryview, QByteArray)):
            raise TypeError(f"context must be bytes or None, not {type(context).__name__}.")
        context = bytes(context.data()) if isinstance(context, QByteArray) else bytes(context)
    return label, length, context
