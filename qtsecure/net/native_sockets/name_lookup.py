"""Finding the addresses of a host: without blocking the thread, or blocking it for a limited time."""

from __future__ import annotations

import math
import queue
import socket
import threading
from collections.abc import Callable

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtNetwork import QHostAddress, QHostInfo

from qtsecure.net.native_sockets.addresses import qtAddress

__all__ = ["LookUpThread", "NameLookup", "lookUpBlocking"]


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


class LookUpThread:
    """One look-up in a thread of its own, because the system's resolver knows no time-out.

    Not by QHostInfo::fromName(), during which PySide keeps every Python thread waiting.
    """

    def __init__(self, hostName: str) -> None:
        answers: queue.SimpleQueue[tuple[list[QHostAddress], str]] = queue.SimpleQueue()

        def ask() -> None:
            try:
                found = socket.getaddrinfo(hostName, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                answers.put(([], getattr(error, "strerror", None) or str(error)))
            else:
                answers.put(([qtAddress(entry[4])[0] for entry in found], ""))

        self._answers = answers
        threading.Thread(target=ask, name="name look-up", daemon=True).start()

    def answer(self, seconds: float) -> tuple[list[QHostAddress], str] | None:
        """The addresses (empty on failure) and the error text; None when the time is up before."""
        try:
            return self._answers.get(timeout=None if seconds == math.inf else seconds)
        except queue.Empty:
            return None


def lookUpBlocking(hostName: str, seconds: float) -> tuple[list[QHostAddress], str] | None:
    """The addresses (empty on failure) and the error text; None when the time is up before."""
    return LookUpThread(hostName).answer(seconds)
