"""Which sockets and transports of the program are in use: two readers would take each other's datagrams."""

from __future__ import annotations

from weakref import WeakSet

__all__ = ["claim", "isClaimed", "release"]

_claimed: WeakSet[object] = WeakSet()


def claim(carrier: object) -> bool:
    """Take a socket or transport into use; False when somebody else has done so."""
    if carrier in _claimed:
        return False
    _claimed.add(carrier)
    return True


def isClaimed(carrier: object) -> bool:
    """Whether it is in use."""
    return carrier in _claimed


def release(carrier: object) -> None:
    """It may be used again; harmless when it was not in use."""
    _claimed.discard(carrier)
