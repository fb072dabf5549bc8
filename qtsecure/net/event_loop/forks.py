"""After a fork the child forgets what its parent was about to do: it would be done twice, or waited for in vain."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["Forgetful", "forgetsInChild", "isForked"]


class Forgetful(Protocol):
    """Has something under way that a child of this process must not have."""

    def _forgetParent(self) -> None:
        """Called in the child: the threads but one are gone, and so is what was deferred."""


_forgetful: WeakSet[Forgetful] = WeakSet()
_isForked = False


def isForked() -> bool:
    """Whether threads of Qt's may be the parent's: what one was waiting for, a child waits for in vain for ever."""
    return _isForked


def forgetsInChild(each: Forgetful) -> None:
    """From now on and as long as it lives: call its _forgetParent() after a fork, in the child."""
    _forgetful.add(each)


def _forgetInChild() -> None:
    global _isForked
    _isForked = True
    for each in list(_forgetful):
        each._forgetParent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forgetInChild)
