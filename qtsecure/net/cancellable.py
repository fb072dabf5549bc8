"""One "never mind" for any number of operations (Gio.Cancellable)."""

from __future__ import annotations

from PySide6.QtCore import QObject

from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread

__all__ = ["Cancellable", "refuseCancelled"]


@confinedToThread(harmless=("isCancelled",))
class Cancellable(QObject):
    """Given to operations that may take long; cancel() ends them all, those that begin later too.

    Use it in the thread that it lives in; only isCancelled() may be asked anywhere.
    """

    #: cancelled(): once, when cancel() is called for the first time.
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cancelled = False

    def cancel(self) -> None:
        """End every operation that was given this object; harmless when that has happened before."""
        if not self._cancelled:
            self._cancelled = True
            self.cancelled.emit()

    def isCancelled(self) -> bool:
        """Whether cancel() was called."""
        return self._cancelled


def refuseCancelled(cancellable: Cancellable | None) -> None:
    """Raise what an operation raises that was cancelled.

    Raises:
        TypeError: When it is no Cancellable.
        SecureError: ``Cancelled``.
    """
    if cancellable is None:
        return
    if not isinstance(cancellable, Cancellable):
        raise TypeError(f"cancellable must be a Cancellable, not {type(cancellable).__name__}.")
    if cancellable.isCancelled():
        raise SecureError(SecureError.Code.Cancelled, "The operation was cancelled.")
