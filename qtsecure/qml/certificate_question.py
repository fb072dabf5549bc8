"""``CertificateQuestion``: a CertificateRequest as an object of QML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from shiboken6 import isValid

from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.values import certificateMap, certificateMaps, errorMaps

if TYPE_CHECKING:
    from qtsecure.qml.trust_decisions import TrustDecisionsItem

from qtsecure.qml.qt_property import Property

__all__ = ["CertificateQuestion"]


class CertificateQuestion(QObject):
    """Whether to go on in spite of what is wrong with a certificate; nobody's answer is a no.

    Belongs to the connection, and lives until that asks the next question or goes. ``defer()`` in the
    handler, and answer later. The request of Python is ``request()``.
    """

    #: pendingChanged(): it has been answered, or the connection has gone.
    pendingChanged = Signal()
    #: cancelled(): the connection has gone, the time is over, or the program has answered in another way.
    cancelled = Signal()

    def __init__(self, request: CertificateRequest, decisions: TrustDecisionsItem | None, parent: QObject) -> None:
        if not isinstance(request, CertificateRequest):
            raise TypeError(f"request must be a CertificateRequest, not {type(request).__name__}.")
        super().__init__(parent)
        self._request = request
        self._decisions = decisions
        self._settled = False
        request.settled.connect(plainSlot(self.review))
        request.destroyed.connect(plainSlot(self.review))

    def request(self) -> CertificateRequest:
        """The object of Python."""
        return self._request

    def review(self) -> None:
        """Tell if the connection has gone without an answer."""
        if isValid(self) and not self._settled and not self.isPending():
            self._settled = True
            self.pendingChanged.emit()
            if isValid(self):
                self.cancelled.emit()

    def isPending(self) -> bool:
        """Whether an answer would still count."""
        return isValid(self._request) and self._request.isPending()

    def _answer(self, accepted: bool) -> None:
        if not self.isPending():
            return
        self._settled = True  # an answer, not an end: the connection goes on within the call
        (self._request.accept if accepted else self._request.reject)()
        if isValid(self):
            self.pendingChanged.emit()

    # ------------------------------------------------------------------------------- for QML

    @Slot()
    def accept(self) -> None:
        """Go on, this once."""
        self._answer(True)

    @Slot()
    def reject(self) -> None:
        """Refuse; the peer gets the right alert where that is possible."""
        self._answer(False)

    @Slot()
    def defer(self) -> None:
        """Answer later; only in the handler."""
        if isValid(self._request):
            self._request.defer()

    @Slot(TlsEnums.Lifetime, result=bool)
    def remember(self, lifetime: TlsEnums.Lifetime) -> bool:
        """Go on, and remember it in the socket's ``trustDecisions``; False if that cannot be, and nothing happens.

        When the connection has gone meanwhile, the next one to the same place is accepted.
        """
        if self._decisions is None or not isValid(self._decisions) or not isValid(self._request):
            return False
        before, self._settled = self._settled, True
        if not self._decisions.remember(self._request, TlsEnums.Lifetime(lifetime)):
            self._settled = before
            self.review()  # its handlers may have ended the connection
            return False
        if isValid(self):
            self.pendingChanged.emit()
        return True

    @Slot(result=bool)
    def recall(self) -> bool:
        """Go on if the socket's ``trustDecisions`` know it by now, from the answer to another question."""
        if self._decisions is None or not isValid(self._decisions) or not self.isPending():
            return False
        self._settled = True
        if not self._decisions.answer(self._request):
            self._settled = False
            self.review()  # likewise
            return False
        if isValid(self):
            self.pendingChanged.emit()
        return True

    def _canRemember(self) -> bool:
        return self._decisions is not None and self._isOverridable()

    def _isOverridable(self) -> bool:
        return all(error.isOverridable() for error in self._request.errors())

    def _certificate(self) -> dict[str, object]:
        chain = self._request.certificateChain()
        return certificateMap(chain[0] if chain else None)

    def _trustedBefore(self) -> dict[str, object]:
        if self._decisions is None or not isValid(self._decisions) or not isValid(self._request):
            return {}
        return self._decisions.trustedBefore(self._request)

    pending = Property(bool, isPending, notify=pendingChanged)
    hostName = Property(str, lambda self: self._request.hostName(), constant=True)
    port = Property(int, lambda self: self._request.port(), constant=True)
    certificate = Property(dict, _certificate, constant=True)
    certificateChain = Property(
        "QVariantList", lambda self: certificateMaps(self._request.certificateChain()), constant=True
    )
    errors = Property("QVariantList", lambda self: errorMaps(self._request.errors()), constant=True)
    overridable = Property(bool, _isOverridable, constant=True)
    trustedBefore = Property(dict, _trustedBefore, constant=True)
    canRemember = Property(bool, _canRemember, constant=True)
