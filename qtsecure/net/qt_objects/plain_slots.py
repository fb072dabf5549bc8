"""Slots that are methods of plain objects, which may go before the signal does.

PySide drops the connections of such a method when its object goes. But of the end of a sender that
lives in another thread than the main one it hears too late: by then another sender may be at the
same address, and its entry is dropped instead. The method is then called on freed memory. A
function is kept alive by the connection itself, so a function is what is connected here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import cast
from weakref import ref

__all__ = ["plainSlot"]


def plainSlot(method: Callable[..., object]) -> Callable[..., None]:
    """A function that calls the bound method as long as its object lives, without keeping it alive.

    Undo the connection with ``QObject.disconnect(connection)``: PySide may have lost its own entry.
    """
    bound = cast(MethodType, method)
    owner, function = ref(bound.__self__), bound.__func__

    def slot(*arguments: object) -> None:
        alive = owner()
        if alive is not None:
            function(alive, *arguments)

    return slot
