"""Sizes of datagrams, in bytes of UDP payload."""

from __future__ import annotations

from qtsecure.engine.dtls import SMALLEST_MTU
from qtsecure.net.arguments import checkInt

__all__ = ["checkMtu"]

_LARGEST_MTU = 65507


def checkMtu(mtu: int) -> int:
    """The size, if datagrams can have it; TypeError or ValueError otherwise."""
    if not SMALLEST_MTU <= checkInt(mtu, name="mtu") <= _LARGEST_MTU:
        raise ValueError(f"mtu must be between {SMALLEST_MTU} and {_LARGEST_MTU} bytes, not {mtu}.")
    return mtu
