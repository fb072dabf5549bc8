"""Numbers that show their names: since Python 3.11, IntEnum and IntFlag print as mere numbers."""

from __future__ import annotations

import enum

__all__ = ["ShowsItsName"]


class ShowsItsName:
    """Goes in front of IntEnum or IntFlag, so that print() says ``Status.Connected`` on every version of Python."""

    __slots__ = ()

    def __str__(self) -> str:
        assert isinstance(self, enum.Enum)
        return enum.Enum.__str__(self)

    def __format__(self, spec: str) -> str:
        assert isinstance(self, int)
        return int.__format__(self, spec) if spec else str(self)
