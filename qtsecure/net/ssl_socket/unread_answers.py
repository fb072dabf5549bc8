"""How much of what the engine has answered by itself waits for the peer.

A peer may ask for answers (to key updates, for example) and read none. What it has not read cannot be told from
data of the program that waits with it, but all of it goes out in its order: so answers have gone when as many bytes
have gone as had been handed over with them.
"""

from __future__ import annotations

__all__ = ["UnreadAnswers"]


class UnreadAnswers:
    """Counts answers in two groups: a group has gone when everything has that was handed over until it was complete."""

    __slots__ = ("_complete", "_newer", "_older")

    def __init__(self) -> None:
        self._older = self._newer = 0
        self._complete = 0

    def count(self, before: int, handed: int, gone: int) -> int:
        """Count some more.

        Args:
            before: How many bytes of this connection were handed to the transport before these answers.
            handed: How many with them.
            gone: How many of all of them the network has taken.

        Returns:
            How many bytes of answers may still wait; at least as many as do.
        """
        if gone >= before:
            self._older = self._newer = 0
            self._complete = before
        elif gone >= self._complete:
            self._older, self._newer = self._newer, 0
            self._complete = before
        self._newer += handed - before
        return self._older + self._newer
