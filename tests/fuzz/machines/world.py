"""What all state machines have in common: a clock that only they move, a census, and no exception that gets lost."""

from __future__ import annotations

import gc
import os
import sys
import traceback
import weakref
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from shiboken6 import isValid

from qtsecure.engine import _openssl
from qtsecure.net.event_loop.reactor import reactorOfThisThread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.transports.choice import usesReactor
from tests.net.conversation import FakeClock, openDescriptors

__all__ = ["Deliberate", "World", "profile"]

_LONGEST_DEADLINE = 400.0
"""Seconds; a certificate decision may take five minutes, everything else less."""
_MOST_IN_A_ROW = 16
_TURNS, _QUIET_TURNS, _MOST_TURNS = 12, 2, 20

LONG = os.environ.get("QTSECURE_FUZZ", "")
"""The number of examples of a long hunt; empty for the few examples that are always the same."""


def profile(examples: int, steps: int) -> settings:
    """Few examples and always the same, so that a run that was green stays green; or a long hunt."""
    return settings(
        max_examples=int(LONG or examples),
        stateful_step_count=3 * steps if LONG else steps,
        deadline=None,
        derandomize=not LONG,
        database=None,
        # A hunt tells at once what it has found; QTSECURE_FUZZ_SHRINK lets it look for a shorter way, which takes long.
        phases=(Phase.generate, Phase.shrink)
        if not LONG or "QTSECURE_FUZZ_SHRINK" in os.environ
        else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=bool(LONG),
    )


class Deliberate(Exception):  # noqa: N818 - not an error of anything under test
    """Raised by slots of the machines."""


class World:
    """Everything around the objects under test.

    Attributes:
        clock: The thread's scheduler runs by it.
        faults: What was wrong, in words; has to stay empty.
        raised: How many slots have raised on purpose.
    """

    def __init__(self, pump: Callable[[], bool]) -> None:
        self._pump = pump
        self._drain()
        self._scheduler = schedulerOfThisThread()
        self._ownClock = self._scheduler.clock
        self.clock = FakeClock()
        self._scheduler.clock = self.clock
        self.faults: list[str] = []
        self.raised = self._reported = 0
        self._hooks = sys.excepthook, sys.unraisablehook
        sys.excepthook = self._onException
        sys.unraisablehook = lambda arguments: self.faults.append(f"unraisable: {arguments.exc_value!r}")
        self._made: list[tuple[str, weakref.ref[object]]] = []
        self._depth = 0
        if usesReactor():
            reactorOfThisThread()  # has a descriptor of its own, which stays
        self._before, self._open = self._present(), openDescriptors()

    # ----------------------------------------------------------------------------- time

    def turn(self) -> None:
        """Let everything happen that can happen now."""
        if self._depth > 1:
            return
        self._depth += 1
        try:
            quiet = 0
            for _ in range(_TURNS):
                QCoreApplication.processEvents()
                moved = self._pump()
                if self._depth == 1:
                    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
                quiet = 0 if moved or self._scheduler.tasks else quiet + 1
                if quiet == _QUIET_TURNS:
                    break
        finally:
            self._depth -= 1

    def settle(self) -> None:
        """The same until nothing happens any more."""
        for _ in range(_MOST_TURNS):
            self.turn()

    def advance(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline."""
        self.clock.advance(seconds)
        self.turn()

    def outlast(self) -> None:
        """Let every deadline pass."""
        # Again and again: behind a limit one connection begins when another has ended.
        for _ in range(_MOST_IN_A_ROW):
            for seconds in (0.2, 1.0, 6.0, _LONGEST_DEADLINE):
                self.turn()
                self.advance(seconds)
        self.settle()

    # --------------------------------------------------------------------------- faults

    def track(self, name: str, thing: object) -> None:
        """It has to be gone at the end."""
        self._made.append((name, weakref.ref(thing)))

    def raiseDeliberately(self) -> None:
        """What a slot does that is broken."""
        self.raised += 1
        raise Deliberate

    def check(self) -> None:
        """Nothing was wrong until now, and each exception of a slot was reported once."""
        assert not self.faults, "\n".join(self.faults)
        if self._depth == 0:
            assert self._reported == self.raised, "exceptions of slots were lost, or reported twice"

    def _onException(self, kind: type[BaseException], value: BaseException, trace: object) -> None:
        if isinstance(value, Deliberate):
            self._reported += 1
        else:
            self.faults.append("".join(traceback.format_exception(value)))

    # --------------------------------------------------------------------------- census

    def _drain(self) -> None:
        # Where Python keeps the last exception that was printed, and with it everything on its stack.
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        for _ in range(3):
            QCoreApplication.processEvents()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            gc.collect()

    def _present(self) -> dict[tuple[str, int], object]:
        """Each thing itself and not their number: something older that ends meanwhile must not hide a leak."""
        deadlines = [deadline for _, _, deadline in self._scheduler._deadlines if deadline.hasOwner]
        kinds = {
            "handles": list(_openssl._hooks.references),
            "tasks": list(self._scheduler.tasks),
            "deadlines": deadlines,
        }
        return {(kind, id(thing)): thing for kind, things in kinds.items() for thing in things}

    def end(self) -> None:
        """Everything was let go: nothing may be left."""
        try:
            self.outlast()
            self._drain()
            self.check()
            left = [name for name, reference in self._made if (thing := reference()) is not None and _lives(thing)]
            assert not left, f"leaked: {left}"
            grown = Counter(kind for kind, _ in self._present().keys() - self._before.keys())
            grown.update(kind for _, kind in openDescriptors() - self._open)
            assert not grown, f"leaked: {dict(grown)}"
        finally:
            self.leave()

    def leave(self) -> None:
        """Give clock and hooks back, and look at nothing: something was wrong already."""
        sys.excepthook, sys.unraisablehook = self._hooks
        self._scheduler.clock = self._ownClock
        self._scheduler.fireDue()


def _lives(thing: object) -> bool:
    return not isinstance(thing, QObject) or isValid(thing)
