"""A signal for a condition of something that sends and receives datagrams (Gio's source)."""

from __future__ import annotations

from weakref import ref

from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure.net.arguments import checkBool
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.datagram_based import Condition, DatagramBased
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread

__all__ = ["ConditionNotifier", "checkCondition"]

_UNASKED = Condition.Err | Condition.Hup
_NOTHING = Condition(0)


def checkCondition(condition: Condition) -> Condition:
    """The condition, if it is one; TypeError otherwise."""
    if not isinstance(condition, Condition):
        raise TypeError(f"condition must be a Condition, not {type(condition).__name__}.")
    return condition


@confinedToThread(harmless=("condition", "isEnabled", "wake"))
class ConditionNotifier(QObject):
    """Made by ``createNotifier()``; signals from the event loop.

    A state is told once: when a condition begins to hold, and for ``Condition.In`` also when more
    messages have come. Enabling it tells the present state again.

    Whoever implements DatagramBased makes one with itself as ``source``, and calls wake() whenever
    something may have changed.

    Args:
        source: What the condition is about; held weakly.
        condition: What to signal; Err and Hup are signalled unasked.
        cancellable: When it is cancelled the notifier signals once more, whatever holds, and ends.
        parent: The QObject that owns it.

    Raises:
        TypeError: An argument is of another type.
    """

    #: activated(condition: Condition): which of the conditions hold.
    activated = Signal(object)

    def __init__(
        self,
        source: DatagramBased,
        condition: Condition,
        cancellable: Cancellable | None = None,
        parent: QObject | None = None,
    ) -> None:
        checkCondition(condition)
        if cancellable is not None and not isinstance(cancellable, Cancellable):
            raise TypeError(f"cancellable must be a Cancellable, not {type(cancellable).__name__}.")
        super().__init__(parent)
        self._source = ref(source)
        self._condition = condition
        self._enabled = True
        self._told = _NOTHING
        self._news = False
        self._waits = False
        self._cancelled = False
        self._over = False
        if cancellable is not None:
            if isValid(cancellable):  # one that was deleted cannot be cancelled any more
                cancellable.cancelled.connect(self._onCancelled)
            self._cancelled = cancellable.isCancelled()
        self._lookSoon()

    def condition(self) -> Condition:
        """What it signals."""
        return self._condition

    def isEnabled(self) -> bool:
        """Whether it signals."""
        return self._enabled

    def setEnabled(self, enabled: bool) -> None:
        """Signal or not; also in a slot of ``activated``. After its end by a cancellable it stays disabled.

        Raises:
            TypeError: For anything but a bool.
        """
        checkBool(enabled, name="enabled")
        if enabled is not self._enabled and not self._over:
            self._enabled = enabled
            self._told = _NOTHING
            if enabled:
                self._lookSoon()

    def wake(self, news: bool = False) -> None:
        """Something may have changed; with ``news`` a message has come. Signals later, from the event loop."""
        self._news = self._news or news
        self._lookSoon()

    def _lookSoon(self) -> None:
        if self._enabled and not self._waits:
            self._waits = True
            schedulerOfThisThread().defer(self._look)

    def _look(self) -> None:
        self._waits = False
        news, self._news = self._news, False
        source = self._source()
        if not isValid(self) or source is None or not self._enabled or not _isAlive(source):
            return
        met = source.conditionCheck(self._condition) & (self._condition | _UNASKED)
        if not isValid(self) or not self._enabled:
            return  # a program's own source has done that
        begun = met & ~self._told
        self._told = met
        if self._cancelled:
            self._enabled, self._over = False, True
        elif not begun and not (news and Condition.In in met):
            return
        self.activated.emit(met)

    def _onCancelled(self) -> None:
        self._cancelled = True
        self._lookSoon()


def _isAlive(source: object) -> bool:
    return not isinstance(source, QObject) or isValid(source)
