"""The question whether to accept a peer's certificate in spite of its errors."""

from __future__ import annotations

import enum
from collections.abc import Callable
from weakref import WeakMethod

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.questions.asked import whenDeleted
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_error import SslError

__all__ = ["CertificateRequest"]


class _Answer(enum.Enum):
    NONE = "none"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@confinedToThread(harmless=("certificateChain", "errors", "hostName", "isPending", "isUnanswered", "port"))
class CertificateRequest(QObject):
    """Given to ``acceptCertificate``; the first answer wins, and no answer means no.

    Answer in the slot with accept() or reject(), or call defer() there and answer later, for
    example when the user has closed a dialog. Meanwhile nothing is sent to the peer, and the
    connection keeps the request alive. After five minutes without an answer it is rejected, and at
    once if you delete it instead of answering.
    Once it is answered or cancelled, it lives as long as the program holds it.

    Answer in the thread of the connection: the answer goes on with its handshake. In another thread it
    raises RuntimeError; emit a signal from there that is connected to accept() or reject().
    """

    #: cancelled(): the connection went away before an answer was given; close your dialog.
    cancelled = Signal()
    #: settled(): no answer counts any more: one was given, by whomever, its time is over, or it was cancelled.
    settled = Signal()

    def __init__(
        self,
        chain: list[SslCertificate],
        errors: list[SslError],
        hostName: str,
        parent: QObject | None = None,
        *,
        port: int = 0,
    ) -> None:
        super().__init__(parent)
        self._chain = chain
        self._errors = errors
        self._hostName = hostName
        self._port = port
        self._answer = _Answer.NONE
        # Weak, because it is a method of the parent, which a child must not keep alive.
        self._onAnswer: Callable[[], Callable[[bool], None] | None] | None = None

    def certificateChain(self) -> list[SslCertificate]:
        """The peer's chain, leaf first; empty when it showed none."""
        return list(self._chain)

    def errors(self) -> list[SslError]:
        """What is wrong with it."""
        return list(self._errors)

    def hostName(self) -> str:
        """The name that the peer was to prove; empty on a server."""
        return self._hostName

    def port(self) -> int:
        """The port that was connected to; 0 on a server, and where the program made the connection itself."""
        return self._port

    def accept(self) -> None:
        """Go on with the connection in spite of the errors."""
        self._settle(_Answer.ACCEPTED)

    def reject(self) -> None:
        """Refuse; the peer is told with the alert of the first error where that is possible."""
        self._settle(_Answer.REJECTED)

    def defer(self) -> None:
        """Answer later. Only in the slot, before any answer."""
        if self._answer is _Answer.NONE:
            self._answer = _Answer.DEFERRED

    def isPending(self) -> bool:
        """Whether an answer would still count."""
        return self._answer in (_Answer.NONE, _Answer.DEFERRED)

    def isUnanswered(self) -> bool:
        """Whether nobody has answered, nor deferred the answer."""
        return self._answer is _Answer.NONE

    # What the socket does with it, even if a slot has deleted the QObject.

    def _accept(self) -> None:
        """The program has said yes in another way."""
        self._settle(_Answer.ACCEPTED)

    def _reject(self) -> None:
        """It has said no in another way, or nothing for too long."""
        self._settle(_Answer.REJECTED)

    def _settle(self, answer: _Answer) -> None:
        if not self.isPending():
            return
        self._answer = answer
        onAnswer, self._onAnswer = self._onAnswer, None
        callback = onAnswer() if onAnswer is not None else None
        if callback is not None:
            self._release()
            callback(answer is _Answer.ACCEPTED)
        if isValid(self):
            self.settled.emit()

    def _verdict(self, onAnswer: Callable[[bool], None]) -> bool | None:
        """After the slots: True or False, or None when the answer comes later through ``onAnswer``."""
        if self._answer is _Answer.DEFERRED and isValid(self):
            self._onAnswer = WeakMethod(onAnswer)
            whenDeleted(self, self._reject)
            return None
        accepted = self._answer is _Answer.ACCEPTED
        if self.isPending():
            self._answer = _Answer.REJECTED
        return accepted

    def _cancel(self) -> None:
        """The connection is over."""
        if self.isPending():
            self._answer = _Answer.CANCELLED
            self._onAnswer = None
            if isValid(self):
                self.cancelled.emit()
            if isValid(self):
                self.settled.emit()
        self._release()

    def _release(self) -> None:
        """Nobody waits for it any more: leave it to those who hold it, who may remember the answer later."""
        if isValid(self):
            self.setParent(None)
