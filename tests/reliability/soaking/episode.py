"""One client of the soak, of TLS or DTLS: what it may come to, and how it ends."""

from __future__ import annotations

import time
from typing import Any

from shiboken6 import Shiboken, isValid

from tests.reliability.soaking.ledger import Ledger

__all__ = ["DELETIONS", "Episode"]

# What a slot may do to its object, for vanish().
DELETIONS = ("deleteLater", "abort", "close", "delete")


class Episode:
    """A client, from its beginning to its end.

    Attributes:
        number: Says which payload is sent.
        name: What kind it is, for the book.
        allowed: In which ways it may end: ``complete``, ``gone`` (deleted or ended by a slot), ``ended`` (the
            other side has, without an error), or the name of an error.
        client: The socket or peer.
    """

    PATIENCE_S = 40.0

    def __init__(self, ledger: Ledger, number: int, name: str, allowed: tuple[str, ...]) -> None:
        self.ledger = ledger
        self.number = number
        self.name = name
        self.allowed = allowed
        self.client: Any = None
        self.error = ""
        self.detail = ""
        self.over = False
        self._deadline = time.monotonic() + self.PATIENCE_S
        self._vanished = False
        self._countdown = 0

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"

    def begin(self) -> None:
        """Make the client and let it connect."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called often."""

    def isComplete(self) -> bool:
        """Whether all payload has come back."""
        raise NotImplementedError

    def isIdle(self) -> bool:
        """Whether the client has come to its end."""
        raise NotImplementedError

    def exists(self) -> bool:
        """Whether there is still a client to talk to; to be asked after everything that runs other slots."""
        return self.client is not None and isValid(self.client)

    def look(self) -> None:
        """See whether it has ended, or should have long ago."""
        if self.over:
            return
        if not self.exists() or (self._vanished and self.isIdle()):
            self.end("gone")
        elif time.monotonic() > self._deadline:
            self.ledger.stuck.append(f"{self}: {self.describe()}")
            self.client.abort()
            self.end("stuck")
        else:
            self.tick()

    def describe(self) -> str:
        """Where it stands, for humans."""
        return ""

    def finish(self) -> None:
        """The client has told that it is disconnected."""
        if self.over:
            return
        if self._vanished:
            self.end("gone")
        elif self.isComplete() and not self.error:
            self.end("complete")
        else:
            self.end(self.error or "ended")

    def end(self, outcome: str) -> None:
        """Write the outcome down."""
        self.over = True
        self.ledger.outcomes[f"{self.name}: {outcome}"] += 1
        if outcome != "stuck" and outcome not in self.allowed:
            self.ledger.unexplained.append(f"{self} ended with {outcome} {self.detail}")
        if self.exists():
            self.client.deleteLater()

    def release(self) -> None:
        """Let go of the client, which refers to its episode as well; with nested loops also inside one of its slots."""
        self.client = None

    # ------------------------------------------------------------------- slots that delete

    def vanish(self, signals: tuple[str, ...]) -> None:
        """Let a slot of one of these signals end or delete the client, some emissions from now."""
        chance = self.ledger.chance
        self._countdown = chance.randrange(3)
        self._action = chance.choice(DELETIONS)
        getattr(self.client, chance.choice(signals)).connect(self._vanishSlot)

    def _vanishSlot(self, *_: object) -> None:
        self._countdown -= 1
        if self._countdown >= 0 or self._vanished or not self.exists():
            return
        self._vanished = True
        destroy(self.client, self._action)


def destroy(thing: Any, action: str) -> None:
    """End or delete a socket or peer in one of the ways of DELETIONS."""
    if action == "delete":
        Shiboken.delete(thing)
    else:
        getattr(thing, action)()
