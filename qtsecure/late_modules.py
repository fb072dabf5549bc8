"""Names that a package offers without loading what they stand for (PEP 562).

A program waits for its imports before it shows anything. What only a connection needs, half of this
package, is loaded just before the first one is made, where 30 ms more or less are not noticed; what
a headless server never needs is not loaded at all.

Modules that are loaded late import from one another directly, never through such a package: two
threads that wait for each other's imports would be the end.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping

from qtsecure.locks import Lock

__all__ = ["lateAttributes"]

# One thread at a time, because PySide builds a class or an enum when it is first named: net/qt_objects/late_names.py.
_lock = Lock()


def lateAttributes(module: str, places: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make a module's ``__getattr__`` and ``__dir__``.

    Args:
        module: Its ``__name__``.
        places: Each name, and the module that has it.
    """

    def find(name: str) -> object:
        try:
            place = places[name]
        except KeyError:
            raise AttributeError(f"module {module!r} has no attribute {name!r}") from None
        with _lock:
            value: object = getattr(importlib.import_module(place), name)
        setattr(sys.modules[module], name, value)  # the next access does not come here
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *places})

    return find, names
