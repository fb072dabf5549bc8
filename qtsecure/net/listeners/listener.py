"""What an SslServer needs of the thing that listens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol
from weakref import ReferenceType, ref

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

__all__ = ["Listener", "ListenerOwner"]


class ListenerOwner(Protocol):
    """Whom a listener tells about connections; each call may end in slots that delete both."""

    def mayAccept(self) -> bool:
        """Whether another connection may be taken from the kernel now."""

    def listenerAccepted(self, descriptor: int) -> None:
        """A connection; the descriptor now belongs to the owner."""

    def listenerFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """accept() failed; the listener has stopped accepting until setAccepting(True)."""


class Listener(ABC):
    """A listening TCP socket; keeps its owner weakly and closes when it goes."""

    def __init__(self, owner: ListenerOwner) -> None:
        self._owner: ReferenceType[ListenerOwner] = ref(owner, self._ownerGone)

    def _ownerGone(self, reference: object) -> None:
        self.close()

    @abstractmethod
    def listen(self, address: QHostAddress, port: int, backlog: int) -> None:
        """Begin; OSError (with an errno, or -1 and Qt's words) when it is not possible."""

    @abstractmethod
    def adopt(self, descriptor: int) -> None:
        """Take over a listening descriptor; OSError when it is none."""

    @abstractmethod
    def setAccepting(self, wanted: bool) -> None:
        """Leave connections in the kernel's backlog, or take them again."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening."""

    @abstractmethod
    def descriptor(self) -> int:
        """The native descriptor, or -1."""

    @abstractmethod
    def localEnd(self) -> tuple[QHostAddress, int]:
        """The address and port in use."""
