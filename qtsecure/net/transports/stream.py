"""What an SslSocket needs of the thing that carries its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol
from weakref import ref

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import Ends

__all__ = ["HIGH_WATER", "NULL_OWNER", "StreamOwner", "StreamTransport"]

HIGH_WATER = 128 * 1024
"""With more unsent bytes than this a transport is given nothing new to send."""


class StreamOwner(Protocol):
    """Whom a transport tells what happens. Any of these calls may end in slots that delete both."""

    def _transportConnected(self) -> None:
        """The connection stands."""

    def transportLanded(self, count: int) -> None:
        """So many bytes have arrived and lie in the landing buffer of this thread."""

    def transportSent(self, count: int) -> None:
        """So many bytes that had to wait went out."""

    def _transportEnded(self) -> None:
        """The peer sends no more."""

    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """The connection could not be made or broke."""


class _NullOwner:
    """Swallows what a transport says after its owner has gone."""

    def _transportConnected(self) -> None:
        pass

    def transportLanded(self, count: int) -> None:
        pass

    def transportSent(self, count: int) -> None:
        pass

    def _transportEnded(self) -> None:
        pass

    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        pass


NULL_OWNER: StreamOwner = _NullOwner()


def _nobody() -> StreamOwner | None:
    return None


class StreamTransport(ABC):
    """A byte stream to the peer.

    The owner is held weakly: a socket that the program has dropped must not live on because its
    descriptor is registered somewhere. When the owner goes, the connection is aborted.
    """

    __slots__ = ("__weakref__", "_failure", "_owner", "unsent")

    def __init__(self, owner: StreamOwner) -> None:
        self._owner: Callable[[], StreamOwner | None] = ref(owner, self._ownerGone)
        self._failure: tuple[QAbstractSocket.SocketError, str] | None = None
        self.unsent = 0

    def _failLater(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """Report a failure from the event loop, unless the owner lets go of the transport before."""
        self._failure = (error, text)
        schedulerOfThisThread().defer(self._reportFailure)

    def _reportFailure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            owner = self.owner()
            self.abort()
            owner._transportFailed(*failure)

    def _letGo(self) -> None:
        """Nothing is reported any more; without this the reference's callback would keep us alive."""
        self._failure = None
        self._owner = _nobody

    def owner(self) -> StreamOwner:
        """The owner, or a deaf one when it has gone."""
        return self._owner() or NULL_OWNER

    def _ownerGone(self, reference: object) -> None:
        self.abort()

    @abstractmethod
    def connectTo(self, address: QHostAddress, port: int) -> None:
        """Begin to connect; _transportConnected or _transportFailed tells the outcome."""

    @abstractmethod
    def bind(
        self, address: QHostAddress, port: int, mode: QAbstractSocket.BindFlag
    ) -> tuple[QAbstractSocket.SocketError, str] | None:
        """Choose the own address and port before connecting; what went wrong, or None."""

    @abstractmethod
    def send(self, data: memoryview) -> int:
        """Send, and keep what does not go out now; how many bytes went out at once.

        ``data`` is only borrowed: what is kept is copied.
        """

    def sendNow(self) -> int:
        """Send of what is kept as much as the network takes at once; how many bytes went out."""
        return 0  # all that it takes has gone, or nobody but the device below can tell

    def isWritable(self) -> bool:
        """Whether bytes can still go out after the peer has ended; TCP ends one direction at a time."""
        return True

    @abstractmethod
    def setReading(self, wanted: bool) -> None:
        """Pause or resume reading; while paused the peer feels back-pressure."""

    @abstractmethod
    def setPiece(self, size: int) -> None:
        """Take at most so many bytes at once, 1 at least; the size of the landing buffer bounds them anyway."""

    @abstractmethod
    def wait(self, milliseconds: int, *, writing: bool) -> bool:
        """Block until the peer or the network lets something happen, and do that, without an event loop.

        Args:
            milliseconds: How long at most; -1 for ever.
            writing: Return when the network has taken bytes; else when there is something to read.

        Returns:
            False, at once, when there is nothing to wait for.
        """

    def takeWhatWaits(self) -> bool | None:
        """Do now what the event loop would do for this connection, without waiting.

        For timers: when the process has stood still, they may come before what has waited in the kernel meanwhile.

        Returns:
            Whether anything was there; None where nobody but the event loop can tell, as below proxies of Qt's and
            devices of the program's: a look at them may be heard, or end them.
        """
        return None

    @abstractmethod
    def endOutput(self) -> None:
        """End our direction of the TCP connection and go on reading; nothing may be unsent.

        Does nothing where a device has no such thing.
        """

    @abstractmethod
    def closeGracefully(self) -> None:
        """Send what is unsent, end our direction, and let go of the owner at once."""

    @abstractmethod
    def abort(self) -> None:
        """Close now and drop what is unsent; nothing is reported any more."""

    @abstractmethod
    def setOption(self, option: QAbstractSocket.SocketOption, value: int) -> None:
        """Set an option of the native socket, if it has it; OSError when the system refuses."""

    @abstractmethod
    def option(self, option: QAbstractSocket.SocketOption) -> int | None:
        """The value of an option of the native socket, or None."""

    @abstractmethod
    def descriptor(self) -> int:
        """The native descriptor, or -1."""

    @abstractmethod
    def ends(self) -> Ends:
        """Both ends' addresses and ports."""
