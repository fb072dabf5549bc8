"""What DTLS needs of the thing that carries its datagrams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol
from weakref import ref

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["NULL_OWNER", "RECEIVE_BUFFER", "Address", "DatagramOwner", "DatagramSocket", "UdpSocket", "plainHost"]

Address = tuple[Any, ...]
"""A peer's host and port, and what else the system gives; always the same for the same peer of one socket."""

RECEIVE_BUFFER = 4 << 20
"""Bytes that the kernel is asked to hold; its default loses most of a burst."""

_MAPPED = "::ffff:"


def plainHost(address: Address) -> str:
    """The host of an address; IPv4 as such, which a dual-stack socket shows as mapped IPv6."""
    host: str = address[0]
    return host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host


class DatagramOwner(Protocol):
    """Whom a socket tells what happens. Any of these calls may end in slots that delete both."""

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        """A datagram, which is never empty."""

    def batchEnded(self) -> None:
        """That was all for now."""

    def datagramsFailed(self, number: int) -> None:
        """The network has reported an error (an errno) for what was sent earlier; receiving goes on."""

    def datagramSocketLost(self) -> None:
        """The socket is gone: somebody else has closed or deleted it."""


class _NullOwner:
    """Swallows what a socket says after its owner has gone."""

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        pass

    def batchEnded(self) -> None:
        pass

    def datagramsFailed(self, number: int) -> None:
        pass

    def datagramSocketLost(self) -> None:
        pass


NULL_OWNER: DatagramOwner = _NullOwner()


def _nobody() -> DatagramOwner | None:
    return None


class DatagramSocket(ABC):
    """What carries datagrams: a UDP socket, or a transport of the program's.

    The owner is held weakly; when it goes, the socket is closed.
    """

    __slots__ = ("__weakref__", "_owner", "_scheduler")

    def __init__(self, owner: DatagramOwner) -> None:
        self._owner: Callable[[], DatagramOwner | None] = ref(owner, self._ownerGone)
        self._scheduler = schedulerOfThisThread()

    def _ownerGone(self, reference: object) -> None:
        if not self._scheduler.takesOver(self.close):
            self.close()

    def _letGo(self) -> None:
        """Nothing is reported any more; without this the reference's callback would keep us alive."""
        self._owner = _nobody

    @abstractmethod
    def send(self, datagram: bytes, address: Address) -> None:
        """Send now or never; OSError when it cannot be. A connected socket ignores ``address``."""

    @abstractmethod
    def sender(self, address: Address) -> Callable[[bytes], object]:
        """What sends to this address, again and again."""

    @abstractmethod
    def serve(self) -> None:
        """Report what is there now, as the event loop would have it done."""

    def seesAll(self) -> bool:
        """Whether serve() reports everything that is there; else the event loop has to bring it."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Close; nothing is reported any more."""

    @abstractmethod
    def descriptor(self) -> int:
        """The native descriptor, or -1."""

    @abstractmethod
    def localEnd(self) -> tuple[QHostAddress, int]:
        """The own address and port; null and 0 when closed."""

    def ownEnd(self) -> Any:
        """The same in a form that Ends takes, which may make Qt's objects of it later."""
        return self.localEnd()

    @abstractmethod
    def peerEnd(self) -> Address:
        """The peer of a connected socket."""


class UdpSocket(DatagramSocket):
    """A UDP socket of our own, bound to serve many peers or connected to one."""

    __slots__ = ()

    @abstractmethod
    def bind(self, address: QHostAddress, port: int, *, reusePort: bool = False) -> None:
        """Receive from everybody, with SO_REUSEPORT if wanted; OSError (with an errno) when it is not possible."""

    @abstractmethod
    def connectTo(self, address: QHostAddress, port: int) -> None:
        """Receive from this peer alone; OSError (with an errno) when it is not possible."""
