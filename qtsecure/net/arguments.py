"""Checks of arguments that several classes take."""

from __future__ import annotations

__all__ = ["checkBool", "checkInt", "checkLeast", "checkTimeout", "checkWait"]


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
    """How long a blocking call may last in ms, or -1 for ever; TypeError or ValueError otherwise."""
    if checkInt(ms, name=name) < -1:
        raise ValueError(f"{name} must be a number of milliseconds, or -1 to wait for ever, not {ms}.")
    return ms
