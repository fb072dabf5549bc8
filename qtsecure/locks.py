"""Locks for what all threads of a process share, and where they may be met unexpectedly."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

__all__ = ["Lock"]


class Lock:
    """Keeps the other threads out, by ``with``, and neither the own one nor a forked child.

    * Python may collect garbage or call a signal's handler anywhere, also between two lines that hold a lock. What
      runs then, in the same thread, must not wait for itself.
    * A forked child has one thread only. What another thread has locked at that moment would stay so in it for ever;
      so it is free there. What it protects has to be whole at every moment, as a dictionary of Python's is.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _setFreeInChild(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()  # nobody has it, or the thread that is forking
        else:
            self._lock = threading.RLock()


_locks: WeakSet[Lock] = WeakSet()


def _setAllFreeInChild() -> None:
    for lock in list(_locks):
        lock._setFreeInChild()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_setAllFreeInChild)
