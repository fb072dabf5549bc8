"""PySide's Property with complete types: its stub knows no type given as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Property as _QtProperty

__all__ = ["Property"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from PySide6.QtCore import Signal

    class Property(_QtProperty):
        """The same class, with the missing overload."""

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
