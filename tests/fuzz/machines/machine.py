"""What every state machine does around its rules: it looks whether anything is wrong, and lets go of everything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hypothesis.stateful import RuleBasedStateMachine

from tests.fuzz.machines.world import World

__all__ = ["Machine"]


class Machine(RuleBasedStateMachine):
    """Rules are what programs, peers and the network do; invariants are what the documentation promises.

    Attributes:
        world: Everything around the objects under test.
        keep: What only slots refer to.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.keep: list[object] = []
        self._isSound = True

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Something may turn out to be wrong; then tracebacks keep objects, and no census makes sense."""
        sound, self._isSound = self._isSound, False
        yield
        self._isSound = sound

    def teardown(self) -> None:
        """The end of every example, called by Hypothesis."""
        try:
            if self._isSound:
                with self.judging():
                    self._finish()
        finally:
            self._letGo()
            if not self._isSound:
                self.world.leave()
        self.world.end()

    def _finish(self) -> None:
        """After every deadline, what has to hold in the end."""
        raise NotImplementedError

    def _letGo(self) -> None:
        """Delete and forget everything, whatever has happened."""
        raise NotImplementedError
