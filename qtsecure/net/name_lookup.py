"""Finding the addresses of a host without blocking the thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtNetwork import QHostAddress, QHostInfo

__all__ = ["NameLookup"]


class NameLookup(QObject):
    """One look-up in Qt's resolver threads; QHostInfo answers at once from its cache.

    Args:
        finished: Called with the addresses (empty on failure) and Qt's error text. Not called
            after abort().
    """

    def __init__(self, finished: Callable[[list[QHostAddress], str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._finished: Callable[[list[QHostAddress], str], None] | None = finished
        self._id = -1

    def start(self, hostName: str) -> None:
        """Begin."""
        # Only the form with a receiver and a slot name returns an id, without which nothing can
        # be aborted.
        self._id = QHostInfo.lookupHost(hostName, self, SLOT("done(QHostInfo)"))  # type: ignore[call-overload]  # SLOT() gives the str that PySide wants

    def abort(self) -> None:
        """Forget the look-up; the callback will not be called."""
        self._finished = None
        QHostInfo.abortHostLookup(self._id)
        self.deleteLater()

    @Slot(QHostInfo)
    def done(self, info: QHostInfo) -> None:
        """Qt's answer."""
        finished, self._finished = self._finished, None
        if finished is None:
            return
        self.deleteLater()
        finished(list(info.addresses()), info.errorString())
