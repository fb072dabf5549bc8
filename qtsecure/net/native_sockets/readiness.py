"""What a descriptor says without being read, waited for or owned: whether it is ready, broken, or has a peer."""

from __future__ import annotations

import select
import selectors
import socket

__all__ = ["checkConnected", "isBroken", "isReady"]

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


def isBroken(descriptor: int) -> bool:
    """Whether nothing can be sent any more; there may still be something to read.

    Windows, which cannot tell, keeps nothing to read once the peer has reset the connection.
    """
    if not hasattr(select, "poll"):
        return False
    poller = select.poll()
    poller.register(descriptor, 0)  # errors and the end of both directions are told always
    return bool(poller.poll(0))


def checkConnected(descriptor: int) -> None:
    """OSError or ValueError for a file, or a socket without a peer; the descriptor stays the caller's."""
    native = socket.socket(fileno=descriptor)
    try:
        native.getpeername()
    finally:
        native.detach()
