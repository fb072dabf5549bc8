"""PySide's Signal with complete types: its stub knows no signatures given as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal as _QtSignal

__all__ = ["Signal"]

if TYPE_CHECKING:

    class Signal(_QtSignal):
        """The same class, with the missing overload."""

        def __init__(
            self, /, *types: type | str, name: str | None = None, arguments: list[str] | None = None
        ) -> None: ...

else:
    Signal = _QtSignal
