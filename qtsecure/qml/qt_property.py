"""PySide's Property with complete types, and what a getter may give to QML."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Property as _QtProperty
from PySide6.QtCore import QObject
from shiboken6 import isValid

__all__ = ["Property", "alive"]

_Object = TypeVar("_Object", bound=QObject)


def alive(obj: _Object | None) -> _Object | None:
    """The object, or None once QML has deleted it."""
    return obj if obj is not None and isValid(obj) else None


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from PySide6.QtCore import Signal

    class Property(_QtProperty):
        """The same class; its stub knows no type given as text."""

        def __init__(
            self,
            type: type | str,  # Qt's name
            fget: Callable[[Any], Any],
            fset: Callable[[Any, Any], Any] | None = None,
            /,
            *,
            notify: Signal | None = None,
            constant: bool = False,
        ) -> None: ...

else:
    Property = _QtProperty
