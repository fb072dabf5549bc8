"""Checks of arguments that several classes take."""

from __future__ import annotations

__all__ = ["checkTimeout", "checkWait"]


def checkTimeout(ms: int, *, name: str) -> int:
    """A duration in ms, or 0 or -1 for none; TypeError or ValueError naming the argument otherwise."""
    if isinstance(ms, bool) or not isinstance(ms, int):
        raise TypeError(f"{name} must be an int, not {type(ms).__name__}.")
    if ms < -1:
        raise ValueError(f"{name} must be a number of milliseconds, or 0 or -1 for no limit, not {ms}.")
    return ms


def checkWait(ms: int, *, name: str) -> int:
    """How long a blocking call may last in ms, or -1 for ever; TypeError or ValueError otherwise."""
    if isinstance(ms, bool) or not isinstance(ms, int):
        raise TypeError(f"{name} must be an int, not {type(ms).__name__}.")
    if ms < -1:
        raise ValueError(f"{name} must be a number of milliseconds, or -1 to wait for ever, not {ms}.")
    return ms
