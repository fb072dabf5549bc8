"""``TrustDecisions`` in QML: makes the object of Python when it is first needed, in the file that QML names."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QObject, QUrl, Signal, Slot
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.trust.trust_decision import TrustDecision
from qtsecure.net.trust.trust_decisions import TrustDecisions
from qtsecure.net.values.distinguished_names import printable
from qtsecure.qml.enums import TlsEnums, lifetimeFrom
from qtsecure.qml.qt_property import Property

__all__ = ["TrustDecisionsItem"]

_FINGERPRINT = 95
"""Signs of a SHA-256 fingerprint with its colons; in a file that somebody has changed there may be more."""


class TrustDecisionsItem(QObject):
    """Remembers users' decisions for the sockets that name it as their ``trustDecisions``.

    ``file`` is a path or a URL, and is to be set before the first connection; without it decisions are in
    the application's settings, for which the application needs an organization name.
    """

    #: changed(): a decision was added, used up or revoked.
    changed = Signal()
    #: fileChanged().
    fileChanged = Signal()
    #: failed(message: str): decisions cannot be read or written; new ones hold for the session.
    failed = Signal(str, arguments=["message"])

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = ""
        self._plain: TrustDecisions | None = None

    def plain(self) -> TrustDecisions:
        """The object of Python.

        Raises:
            SecureError: No file is named and the application has no settings.
        """
        if self._plain is None:
            self._plain = TrustDecisions(self._file or None, self)
            self._plain.changed.connect(self.changed)
            self._plain.errorOccurred.connect(self._tell)
        return self._plain

    def answer(self, request: CertificateRequest) -> bool:
        """Accept what was accepted before; without settings nothing was."""
        try:
            return self.plain().answer(request)
        except SecureError as error:
            self._tell(error)
            return False

    def remember(self, request: CertificateRequest, lifetime: TlsEnums.Lifetime) -> bool:
        """Accept a request and everything like it; False for what no user can judge.

        Without settings it is neither accepted nor remembered, and ``failed`` tells why.
        """
        try:
            return self.plain().remember(request, lifetimeFrom(lifetime))
        except SecureError as error:
            self._tell(error)
            return False

    def trustedBefore(self, request: CertificateRequest) -> dict[str, object]:
        """Which other certificate was accepted last for the same server; empty for none.

        Keys: fingerprint, subject, and decidedAt (Date) if that was written down.
        """
        try:
            decision = self.plain().trustedBefore(request)
        except SecureError:
            return {}  # without settings nothing was
        if decision is None:
            return {}
        known: dict[str, object] = {
            "fingerprint": printable(decision.fingerprint)[:_FINGERPRINT],
            "subject": decision.subject,
        }
        if decision.decidedAt is not None:
            known["decidedAt"] = QDateTime.fromMSecsSinceEpoch(int(decision.decidedAt * 1000))
        return known

    @Slot(object)
    def _tell(self, error: SecureError) -> None:
        if isValid(self):  # a slot of changed may have deleted it
            self.failed.emit(str(error))

    # ------------------------------------------------------------------------------- for QML

    @Slot(int)
    def revoke(self, index: int) -> None:
        """Forget the decision at this place of ``decisions``."""
        decisions = self._decisions()
        if not 0 <= index < len(decisions):
            return
        try:
            self.plain().revoke(decisions[index])
        except SecureError as error:
            self._tell(error)

    @Slot()
    def revokeAll(self) -> None:
        """Forget everything; ``failed`` tells what is still there."""
        try:
            self.plain().revokeAll()
        except SecureError as error:
            self._tell(error)

    def _decisions(self) -> list[TrustDecision]:
        try:
            return self.plain().decisions()
        except SecureError:
            return []

    def _maps(self) -> list[dict[str, object]]:
        return [
            {
                "hostName": decision.host,
                "port": decision.port,
                "subject": decision.subject,
                "fingerprint": decision.fingerprint,
                "permanent": decision.isPermanent,
            }
            for decision in self._decisions()
        ]

    def _getFile(self) -> str:
        return self._file

    def _setFile(self, file: str) -> None:
        path = QUrl(file).toLocalFile() if file.startswith("file:") else file
        if path != self._file:
            if self._plain is not None:
                raise ValueError("file must be set before the first connection.")
            self._file = path
            self.fileChanged.emit()

    file = Property(str, _getFile, _setFile, notify=fileChanged)
    decisions = Property("QVariantList", _maps, notify=changed)
