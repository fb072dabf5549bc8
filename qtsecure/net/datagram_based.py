"""Whatever sends and receives datagrams in batches (Gio.DatagramBased): a socket, DTLS above it, a program's own.

These are plain classes without a metaclass of their own. ABCMeta and the metaclass of PySide's classes
exclude each other, and a metaclass made of both would have to be repeated by everybody who implements
an interface beside another abstract class. What is decorated as abstract is known to type checkers; at
run time a method that was left out raises NotImplementedError with its name.
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QHostAddress

from qtsecure.net.cancellable import Cancellable
from qtsecure.net.shown_names import ShowsItsName

if TYPE_CHECKING:
    from qtsecure.net.condition_notifier import ConditionNotifier

__all__ = [
    "MESSAGE_TRUNCATED",
    "Buffer",
    "Condition",
    "DatagramBased",
    "DtlsMessage",
    "OutgoingMessage",
    "refuseMissing",
]

Buffer = bytes | bytearray | memoryview | QByteArray
OutgoingMessage = Buffer | Sequence[Buffer]
"""A message, or the parts that one message is put together from."""

MESSAGE_TRUNCATED = 0x20
"""In ``DtlsMessage.flags``: MSG_TRUNC, with Linux's number everywhere."""


class Condition(ShowsItsName, enum.IntFlag):
    """What a program may wait for; the numbers are those of GLib.IOCondition."""

    In = 1
    """A message can be received, or the other side has ended its direction."""
    Out = 4
    """A message can be sent."""
    Err = 8
    """The association has failed; told unasked."""
    Hup = 16
    """It was closed here; told unasked."""


@dataclass(frozen=True, slots=True)
class DtlsMessage:
    """One received message (Gio.InputMessage)."""

    data: bytes
    truncated: bool = False
    """It was longer than the caller wanted; the rest is lost."""
    flags: int = 0
    """Of this message: ``MESSAGE_TRUNCATED`` or nothing."""
    address: tuple[QHostAddress, int] | None = None
    """The address and port that it came from, where that is known."""
    receivedAt: float = 0.0
    """When it came from the network, in seconds of ``time.monotonic()``."""


def refuseMissing(obj: object, method: str) -> NoReturn:
    """What an abstract method does at run time."""
    raise NotImplementedError(f"{type(obj).__name__} has to implement {method}().")


class DatagramBased:
    """An interface: messages in batches, and waiting for them.

    Implement it beside QObject or any other class; every method has to be there. How each behaves is
    the same everywhere: see the methods.
    """

    @abstractmethod
    def receiveMessages(
        self,
        maxCount: int = -1,
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
        maxSize: int = -1,
    ) -> list[DtlsMessage]:
        """Take messages that have come, or wait for some (g_datagram_based_receive_messages).

        Args:
            maxCount: How many at most; with a time-out they are waited for. -1 for whatever there is,
                and to wait for the first only.
            flags: Of the system; 0 unless an implementation says otherwise.
            timeout: How long to wait in ms, for all messages together; 0 not at all, -1 for ever.
            cancellable: Ends the wait.
            maxSize: Cut longer messages to so many bytes; -1 for never.

        Returns:
            The messages; fewer than asked for when the time was up, the other side has ended its
            direction or something failed. None at all means that the other side has ended its direction,
            or that ``maxCount`` was 0.

        Raises:
            SecureError: Only without any message: ``WouldBlock`` (``timeout`` was 0), ``TimedOut``,
                ``Cancelled``, ``Closed`` when receiving was ended here, ``InvalidArgument`` for flags, or
                why the association failed. With some messages, the next call raises instead.
            TypeError, ValueError: For an unusable argument.
        """
        refuseMissing(self, "receiveMessages")

    @abstractmethod
    def sendMessages(
        self,
        messages: Iterable[OutgoingMessage],
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
    ) -> int:
        """Send each message as one datagram (g_datagram_based_send_messages).

        Args:
            messages: Each as bytes, or as a list of parts.
            flags: Of the system; 0 unless an implementation says otherwise.
            timeout: How long to wait in ms until all can be sent; 0 not at all, -1 for ever.
            cancellable: Ends the wait.

        Returns:
            How many were sent.

        Raises:
            SecureError: As receiveMessages() does, and ``MessageTooLarge``.
            TypeError, ValueError: For an unusable argument.
        """
        refuseMissing(self, "sendMessages")

    @abstractmethod
    def conditionCheck(self, condition: Condition) -> Condition:
        """Which of these conditions hold now; Err and Hup are told unasked (g_datagram_based_condition_check)."""
        refuseMissing(self, "conditionCheck")

    @abstractmethod
    def conditionWait(self, condition: Condition, timeout: int = -1, cancellable: Cancellable | None = None) -> bool:
        """Wait until one of these conditions holds, or Err or Hup (g_datagram_based_condition_wait).

        Args:
            condition: What to wait for.
            timeout: How long in ms; -1 for ever.
            cancellable: Ends the wait.

        Returns:
            True.

        Raises:
            SecureError: ``TimedOut`` or ``Cancelled``.
        """
        refuseMissing(self, "conditionWait")

    @abstractmethod
    def createNotifier(self, condition: Condition, cancellable: Cancellable | None = None) -> ConditionNotifier:
        """An object that signals when one of these conditions begins to hold (g_datagram_based_create_source)."""
        refuseMissing(self, "createNotifier")
