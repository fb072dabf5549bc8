"""What the suites need of the two ends of a connection. Derive from these for a front end of another kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

__all__ = ["DatagramEnd", "StreamEnd", "Told"]

Told = list[str]
"""The names of the signals, or whatever else there is, by which an end has told of the end of the connection."""


def _nothing() -> None:
    pass


class _End(ABC):
    """What streams and datagrams have in common.

    Attributes:
        told: By what, and how often, the program was told that the connection is over.
        nests: An event loop may run in a slot of this end.
    """

    nests = True

    def __init__(self) -> None:
        self.told: Told = []
        self._react: Callable[[], None] = _nothing

    def whenReadable(self, react: Callable[[], None]) -> None:
        """Call a function whenever something can be read, as a slot is called; the last one given counts."""
        self._react = react

    @abstractmethod
    def close(self) -> None:
        """End the connection in good order; harmless when it has ended."""

    @abstractmethod
    def abort(self) -> None:
        """End it at once."""

    @abstractmethod
    def isOver(self) -> bool:
        """Whether nothing more will come and nothing can be sent."""


class StreamEnd(_End):
    """One end of a stream.

    Attributes:
        halfCloses: ``endWriting()`` ends the own direction only.
        limitsReading: ``limitReading()`` works.
    """

    halfCloses = False
    limitsReading = False

    @abstractmethod
    def write(self, data: bytes) -> bool:
        """Write all of this, now or later, behind what was written before; False when nothing can be any more."""

    @abstractmethod
    def unsent(self) -> int:
        """How many bytes were written and have not left this end."""

    @abstractmethod
    def read(self) -> bytes:
        """Take what has come; never waits."""

    @abstractmethod
    def available(self) -> int:
        """How many bytes read() would give."""

    def endWriting(self) -> None:
        """End the own direction, behind what was written."""
        raise NotImplementedError

    def limitReading(self, size: int) -> None:
        """Hold at most so many bytes that were not read, and let the other end feel it; 0 for no limit."""
        raise NotImplementedError


class DatagramEnd(_End):
    """One end of something that carries messages.

    Attributes:
        tellsEnd: The other end is told when this one closes.
        halfOpen: When the other end has closed, this one may still send.
    """

    tellsEnd = True
    halfOpen = False

    @abstractmethod
    def send(self, data: bytes) -> bool:
        """Send one message; whether it was taken."""

    @abstractmethod
    def receive(self) -> bytes | None:
        """Take the next message that has come; None without one, never waits."""

    @abstractmethod
    def largest(self) -> int:
        """The size of the largest message in bytes; 0 when nobody knows."""
