"""SRV records, and the order in which they are tried (RFC 2782)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

__all__ = ["ServiceRecord", "inOrder"]

_random = random.SystemRandom()


class ServiceRecord(NamedTuple):
    """One server of a service."""

    target: str
    """Its host; ``.`` says that the service is decidedly not offered."""
    port: int
    priority: int = 0
    """Lower ones are tried first."""
    weight: int = 0
    """Its share among those of the same priority."""


def inOrder(
    records: Iterable[ServiceRecord], choose: Callable[[int, int], int] = _random.randint
) -> list[ServiceRecord]:
    """The records as they are to be tried: by priority, and by weighted chance among equals.

    Args:
        records: In any order.
        choose: A random number between two, both included.
    """
    ordered: list[ServiceRecord] = []
    # Those of weight 0 stand in front, where only a drawn 0 reaches them: a very small chance, as it should be.
    left = sorted(records, key=lambda record: (record.priority, record.weight))
    while left:
        equals = [record for record in left if record.priority == left[0].priority]
        drawn = choose(0, sum(record.weight for record in equals))
        for record in equals:
            drawn -= record.weight
            if drawn <= 0:
                break
        ordered.append(record)
        left.remove(record)
    return ordered
