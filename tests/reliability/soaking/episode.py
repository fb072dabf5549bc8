"""One client of the soak, of TLS or DTLS: what it may come to, and how it ends."""

from __future__ import annotations

import time
from typing import Any

from shiboken6 import Shiboken, isValid

from qtsecure import PreSharedKeyAuthenticator
from tests.reliability.soaking.side import Side

__all__ = ["DELETIONS", "Episode", "destroy"]

# What a slot may do to its object, for vanish().
DELETIONS = ("deleteLater", "abort", "close", "delete")


class Episode:
    """A client, from its beginning to its end.

    Args:
        side: The servers.
        number: Says which payload is sent.
        name: What kind it is, for the book.
        route: How it reaches the server.
        server: Which one.
        allowed: In which ways it may end: ``complete``, ``gone`` (deleted or ended by a slot), ``ended`` (the
            other side has, without an error), or the name of an error.
        options: ``own`` certificate, ``trust``ed authority, ``key`` as identity and key, ``vanish`` in a slot,
            ``serverVanishes``, and what only some know.

    Attributes:
        client: The socket or peer.
    """

    PATIENCE_S = 40.0

    def __init__(
        self,
        side: Side,
        number: int,
        name: str,
        *,
        route: str = "direct",
        server: str = "plain",
        allowed: tuple[str, ...] = ("complete",),
        **options: Any,
    ) -> None:
        self.ledger = side.ledger
        self.number = number
        self.name = name
        self.allowed = allowed
        self.side = side
        self.route = route
        self.server = server
        self.options = options
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

    def giveKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """Answer with the identity and the key among the options."""
        identity, key = self.options["key"]
        authenticator.setIdentity(identity)
        authenticator.setPreSharedKey(key)

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
