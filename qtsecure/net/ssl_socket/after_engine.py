"""What a slot may ask for while it is the handshake that waits for it."""

from __future__ import annotations

import enum

__all__ = ["AfterEngine"]


class AfterEngine(enum.IntEnum):
    """What a slot asked for while OpenSSL was on the stack; the strongest wish wins."""

    NOTHING = 0
    DISCONNECT = 1
    CLOSE = 2
    ABORT = 3
