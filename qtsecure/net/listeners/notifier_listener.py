"""A listening socket that Qt's event dispatcher watches, where there is no reactor."""

from __future__ import annotations

from PySide6.QtCore import QSocketNotifier
from shiboken6 import isValid

from qtsecure.net.listeners.listener import Listener, ListenerOwner
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["NotifierListener"]


class NotifierListener(Listener):
    """The listener on platforms without epoll and kqueue."""

    def __init__(self, owner: ListenerOwner) -> None:
        super().__init__(owner)
        self._notifier: QSocketNotifier | None = None

    def _watch(self, descriptor: int) -> None:
        self._notifier = QSocketNotifier(descriptor, QSocketNotifier.Type.Read)
        self._notifier.activated.connect(plainSlot(self._onReady))

    def _onReady(self, *arguments: object) -> None:
        self.acceptWaiting()

    def setAccepting(self, wanted: bool) -> None:
        if self._notifier is not None and isValid(self._notifier):
            self._notifier.setEnabled(wanted)

    def _unwatch(self) -> None:
        notifier, self._notifier = self._notifier, None
        if notifier is not None and isValid(notifier):
            notifier.setEnabled(False)
            notifier.deleteLater()  # not at once: it may be in the middle of telling us
