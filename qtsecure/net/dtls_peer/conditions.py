"""What can be done at the moment, and waiting for it (Gio.DatagramBased)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkWait
from qtsecure.net.cancellable import Cancellable, refuseCancelled
from qtsecure.net.condition_notifier import ConditionNotifier, checkCondition
from qtsecure.net.datagram_based import Condition
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.dtls_peer.message_batches import MessageBatches
from qtsecure.net.dtls_peer.waiting import Limit

__all__ = ["Conditions"]

_UNASKED = Condition.Err | Condition.Hup


class Conditions(MessageBatches):
    """The conditions of DtlsPeer."""

    def conditionCheck(self, condition: Condition) -> Condition:
        """Which of these conditions hold now (g_datagram_based_condition_check).

        ``In``: a message waits, or the other side has ended its direction. ``Out``: sendMessages() would send.
        ``Err``, told unasked: the association has failed. ``Hup``, told unasked and then alone: it was closed
        here, or there is none.

        Raises:
            TypeError: For anything but a Condition.
        """
        checkCondition(condition)
        self._knowsDirections = True
        return self._conditions() & (condition | _UNASKED)

    def conditionWait(self, condition: Condition, timeout: int = -1, cancellable: Cancellable | None = None) -> bool:
        """Wait until one of these conditions holds, or Err or Hup (g_datagram_based_condition_wait).

        After setPeer() it begins the handshake, without which none ever would. Runs an event loop.

        Args:
            condition: What to wait for.
            timeout: How long in ms; -1 for ever.
            cancellable: Ends the wait.

        Returns:
            True.

        Raises:
            SecureError: ``TimedOut``, ``Cancelled``, or ``Pending`` in a slot that the handshake waits for.
            TypeError, ValueError: For an unusable argument.
        """
        checkCondition(condition)
        limit = Limit(checkWait(timeout, name="timeout"))
        refuseCancelled(cancellable)
        self._refuseWaiting("conditionWait")
        self._beginUse()
        if self._waitUntil(lambda: bool(self.conditionCheck(condition)), limit, cancellable):
            return True
        raise SecureError(SecureError.Code.TimedOut, f"The condition did not come about within {timeout} ms.")

    def createNotifier(self, condition: Condition, cancellable: Cancellable | None = None) -> ConditionNotifier:
        """An object that signals when one of these conditions begins to hold (g_datagram_based_create_source).

        It is a child of this peer; deleteLater() ends it. After setPeer() it begins the handshake.

        Args:
            condition: What to signal; Err and Hup are signalled unasked.
            cancellable: When it is cancelled the notifier signals once more, and ends.

        Raises:
            TypeError: An argument is of another type.
            SecureError: What startHandshake() raises for a configuration that cannot be used.
        """
        notifier = ConditionNotifier(self, condition, cancellable, self)
        self._setWatchers((*(each for each in self._watchers if not _isOver(each)), notifier.wake))
        try:
            self._beginUse()
        except SecureError:
            notifier.deleteLater()
            raise
        return notifier

    # -------------------------------------------------------------------------- internals

    def _conditions(self) -> Condition:
        attempt, path = self._attempt, self._path
        if attempt.closedHere:
            return Condition.Hup
        met = Condition(0)
        if not attempt.readShut and (attempt.readEnded or (path is not None and path.messages)):
            met |= Condition.In
        if path is not None and path.writable:
            met |= Condition.Out
        if self._error is not None and not self._isStartable():
            met |= Condition.Err
        if not met and self._status is Status.Disconnected and not self._isStartable():
            met = Condition.Hup
        return met


def _isOver(wake: Callable[[bool], object]) -> bool:
    """Whether it belongs to a notifier that was deleted."""
    owner = getattr(wake, "__self__", None)
    return isinstance(owner, QObject) and not isValid(owner)
