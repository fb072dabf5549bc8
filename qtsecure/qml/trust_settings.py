"""The settings about trust that servers and SocketClient have in QML, and the question when they do not suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.qt_property import Property, alive
from qtsecure.qml.tls_configuration import TlsConfiguration
from qtsecure.qml.trust_decisions import TrustDecisionsItem

__all__ = ["TrustSettings"]

if TYPE_CHECKING:
    _Base = QObject  # signals are signals of QObjects only
else:
    _Base = object


class TrustSettings(_Base):
    """Mixed into QObjects; see ``connection_facade`` for why it is none."""

    _configuration: TlsConfiguration | None = None
    _decisions: TrustDecisionsItem | None = None

    #: settingsChanged(): one of the settings has another value.
    settingsChanged = Signal()
    #: certificateQuestion(question: CertificateQuestion): something is wrong with the peer's certificate.
    certificateQuestion = Signal(CertificateQuestion, arguments=["question"])

    def ask(self, connection: QObject, request: CertificateRequest) -> None:
        """acceptCertificate."""
        if not isValid(self) or not request.isPending():
            return
        if self._decisions is not None and isValid(self._decisions) and self._decisions.answer(request):
            return
        if isValid(self) and isValid(connection) and isValid(request) and request.isPending():
            self.certificateQuestion.emit(CertificateQuestion(request, self._decisions, connection))

    def _setConfiguration(self, configuration: TlsConfiguration | None) -> None:
        if configuration is not self._configuration:
            self._configuration = configuration
            self.settingsChanged.emit()

    def _setDecisions(self, decisions: TrustDecisionsItem | None) -> None:
        if decisions is not self._decisions:
            self._decisions = decisions
            self.settingsChanged.emit()

    configuration = Property(
        TlsConfiguration, lambda self: alive(self._configuration), _setConfiguration, notify=settingsChanged
    )
    trustDecisions = Property(
        TrustDecisionsItem, lambda self: alive(self._decisions), _setDecisions, notify=settingsChanged
    )
