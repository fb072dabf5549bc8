"""Finding the addresses of a host: without blocking the thread, or blocking it for a limited time."""

from __future__ import annotations

import math
import queue
import socket
import threading
from collections.abc import Callable
from functools import partial
from weakref import ref

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtNetwork import QHostAddress, QHostInfo
from shiboken6 import isValid

from qtsecure.net.event_loop.forks import isForked
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import qtAddress
from qtsecure.net.native_sockets.lookup_threads import Mailbox
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["LookUpThread", "NameLookup", "lookUpBlocking"]


class NameLookup(QObject):
    """One look-up in Qt's resolver threads; QHostInfo answers at once from its cache.

    In a forked child it is one in a thread of Python's: Qt's are the parent's.

    Args:
        finished: Called with the addresses (empty on failure) and Qt's error text. Not called
            after abort().
    """

    def __init__(self, finished: Callable[[list[QHostAddress], str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._finished: Callable[[list[QHostAddress], str], None] | None = finished
        self._id = -1
        self._mailbox: Mailbox | None = None

    def start(self, hostName: str) -> None:
        """Begin."""
        if isForked():
            self._askThread(hostName)
            return
        # Only the form with a receiver and a slot name returns an id, without which nothing can
        # be aborted.
        self._id = QHostInfo.lookupHost(hostName, self, SLOT("done(QHostInfo)"))  # type: ignore[call-overload]  # SLOT() gives the str that PySide wants

    def abort(self) -> None:
        """Forget the look-up; the callback will not be called."""
        self._finished = None
        if self._mailbox is not None:
            self._mailbox.close()
        else:
            QHostInfo.abortHostLookup(self._id)
        self.deleteLater()

    @Slot(QHostInfo)
    def done(self, info: QHostInfo) -> None:
        """Qt's answer."""
        self._answered(list(info.addresses()), info.errorString())

    def _askThread(self, hostName: str) -> None:
        lookup = ref(self)  # the last reference to a QObject must not be the thread's

        def tell(addresses: list[QHostAddress], errorText: str) -> None:
            alive = lookup()
            if alive is not None and isValid(alive):
                alive._answered(addresses, errorText)

        try:
            self._mailbox = Mailbox()
            self.destroyed.connect(plainSlot(self._mailbox.close))  # whose last reference must not be the thread's
            self._mailbox.run(lambda: partial(tell, *_addressesOf(hostName)))
        except (OSError, RuntimeError) as error:  # no descriptor or no thread is left
            schedulerOfThisThread().defer(partial(tell, [], str(error)))

    def _answered(self, addresses: list[QHostAddress], errorText: str) -> None:
        if self._mailbox is not None:
            self._mailbox.close()
        finished, self._finished = self._finished, None
        if finished is None:
            return
        self.deleteLater()
        finished(addresses, errorText)


def _addressesOf(hostName: str) -> tuple[list[QHostAddress], str]:
    """The addresses (empty on failure) and the error text; blocks."""
    try:
        found = socket.getaddrinfo(hostName, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return [], getattr(error, "strerror", None) or str(error)
    return [qtAddress(entry[4])[0] for entry in found], ""


class LookUpThread:
    """One look-up in a thread of its own, because the system's resolver knows no time-out.

    Not by QHostInfo::fromName(), during which PySide keeps every Python thread waiting.
    """

    def __init__(self, hostName: str) -> None:
        answers: queue.SimpleQueue[tuple[list[QHostAddress], str]] = queue.SimpleQueue()
        self._answers = answers
        threading.Thread(target=lambda: answers.put(_addressesOf(hostName)), name="name look-up", daemon=True).start()

    def answer(self, seconds: float) -> tuple[list[QHostAddress], str] | None:
        """The addresses (empty on failure) and the error text; None when the time is up before."""
        try:
            return self._answers.get(timeout=None if seconds == math.inf else seconds)
        except queue.Empty:
            return None


def lookUpBlocking(hostName: str, seconds: float) -> tuple[list[QHostAddress], str] | None:
    """The addresses (empty on failure) and the error text; None when the time is up before."""
    return LookUpThread(hostName).answer(seconds)
