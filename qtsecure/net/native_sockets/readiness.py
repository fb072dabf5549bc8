"""Whether a descriptor is ready, without waiting and without reading."""

from __future__ import annotations

import selectors

__all__ = ["isReady"]

_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


def isReady(descriptor: int, event: int) -> bool:
    """Whether the descriptor is ready.

    Args:
        descriptor: Of a socket.
        event: selectors.EVENT_READ, which an end is, too, or EVENT_WRITE.
    """
    with _Selector() as selector:
        selector.register(descriptor, event)
        return bool(selector.select(0))
