"""What a SocketClient can be asked to connect to (Gio.SocketConnectable)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import AddressEnumerator, LookupPlan

__all__ = ["SocketConnectable"]


class SocketConnectable(ABC):
    """An immutable value that leads to addresses; equal and hashable by what it says. Usable from any thread."""

    __slots__ = ()

    @abstractmethod
    def toString(self) -> str:
        """A short form for people (g_socket_connectable_to_string)."""

    @abstractmethod
    def serverIdentity(self) -> str:
        """The name that the server's certificate must prove; empty if only the program can say."""

    @abstractmethod
    def enumerate(self, plan: LookupPlan) -> AddressEnumerator:
        """A new enumerator of the addresses (g_socket_connectable_enumerate); any number of times."""

    @abstractmethod
    def _parts(self) -> tuple[object, ...]:
        """What makes two of a kind equal."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self._parts()))

    def __str__(self) -> str:
        return self.toString()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"
