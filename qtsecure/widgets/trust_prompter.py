"""Asks the user about certificates, one question after the other, and remembers the answers."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.trust.trust_decisions import TrustDecisions
from qtsecure.widgets.trust_dialog import TrustDialog, rejectAll

__all__ = ["TrustPrompter"]


class TrustPrompter(QObject):
    """Connect :meth:`ask` to ``acceptCertificate`` of sockets, peers, servers and clients.

    What ``decisions`` know is answered at once. Otherwise the user is asked in a :class:`TrustDialog`. One
    dialog is shown at a time: a pile of warnings is clicked away unread. Connections with the same question
    share one dialog; others wait, and after each answer those that it settles are not asked any more.
    Requests of connections that go away leave the queue.

    Args:
        decisions: What the user has decided; None asks each time, and remembers nothing.
        parent: The window that dialogs belong to. With it go its questions, answered with no.

    Raises:
        TypeError: An argument is of another type.
    """

    #: asked(dialog: TrustDialog): a dialog is shown.
    asked = Signal(object)

    def __init__(self, decisions: TrustDecisions | None = None, parent: QWidget | None = None) -> None:
        if decisions is not None and not isinstance(decisions, TrustDecisions):
            raise TypeError(f"decisions must be TrustDecisions or None, not {type(decisions).__name__}.")
        if parent is not None and not isinstance(parent, QWidget):
            raise TypeError(f"parent must be a QWidget or None, not {type(parent).__name__}.")
        super().__init__(parent)
        self._decisions = decisions
        self._window = parent
        self._dialog: TrustDialog | None = None
        self._queue: list[CertificateRequest] = []
        self.destroyed.connect(partial(rejectAll, self._queue))

    def ask(self, request: CertificateRequest | QObject, requestToServer: CertificateRequest | None = None) -> None:
        """Answer a request, or ask the user; a slot for ``acceptCertificate``.

        Args:
            request: The request; with the signal of a server or SocketClient the connection, which is not
                looked at.
            requestToServer: With such a signal, the request.
        """
        asked = request if requestToServer is None else requestToServer
        if not isinstance(asked, CertificateRequest):
            raise TypeError(f"request must be a CertificateRequest, not {type(asked).__name__}.")
        if not asked.isPending() or self._known(asked):
            return
        asked.defer()
        if self._dialog is not None and self._dialog.addRequest(asked):
            return
        self._queue.append(asked)
        asked.settled.connect(self._tidy)
        self._next()

    def dialog(self) -> TrustDialog | None:
        """Return the dialog that is shown; None while nobody is asked."""
        return self._dialog

    def waiting(self) -> int:
        """Return how many requests wait behind the dialog."""
        return len(self._queue)

    def _known(self, request: CertificateRequest) -> bool:
        return self._decisions is not None and isValid(self._decisions) and self._decisions.answer(request)

    def _tidy(self) -> None:
        self._queue[:] = [each for each in self._queue if isValid(each) and each.isPending()]
        if self._dialog is not None and isValid(self._dialog):
            self._dialog.setWaiting(len(self._queue))

    def _next(self) -> None:
        self._tidy()
        while self._dialog is None and self._queue:
            request = self._queue.pop(0)
            if not isValid(request) or not request.isPending():
                continue
            known = self._known(request)
            if not isValid(self):
                return
            if not known and isValid(request) and request.isPending():
                self._show(request)
        self._tidy()

    def _show(self, request: CertificateRequest) -> None:
        window = self._window if self._window is not None and isValid(self._window) else None
        dialog = self._dialog = TrustDialog(request, self._decisions, window)
        for other in list(self._queue):
            if dialog.addRequest(other):
                self._queue.remove(other)
        dialog.finished.connect(self._finished)
        dialog.destroyed.connect(self._destroyed)
        dialog.show()
        dialog.raise_()
        self.asked.emit(dialog)

    def _finished(self) -> None:
        self._dialog = None
        self._next()

    def _destroyed(self) -> None:
        """Deleted without an answer. Maybe together with its window, which is no time for a new one."""
        if self._dialog is not None and not isValid(self._dialog):
            self._dialog = None
            QTimer.singleShot(0, self._next)
