"""Whether somebody has ended receiving by shutdown(): such a UDP socket is ready again and again, for nothing."""

from __future__ import annotations

import select

__all__ = ["isShutDown"]

_SHUT_DOWN = getattr(select, "POLLHUP", 0) | getattr(select, "POLLRDHUP", 0)
"""What poll() says of a socket after shutdown(): Linux of one direction the latter. On Windows reading fails."""


def isShutDown(descriptor: int) -> bool:
    """Whether nothing can be received any more."""
    if not _SHUT_DOWN or descriptor < 0:
        return False
    poller = select.poll()
    poller.register(descriptor, _SHUT_DOWN)
    return any(events & _SHUT_DOWN for _, events in poller.poll(0))
