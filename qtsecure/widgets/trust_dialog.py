"""The question whether to go on in spite of certificate errors, asked so that the default answer is a no."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QMouseEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGroupBox,
    QHBoxLayout,
    QLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from qtsecure.net.arguments import checkBool
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.trust.trust_decision import errorIdentity, placeOf
from qtsecure.net.trust.trust_decisions import TrustDecisions
from qtsecure.widgets.certificate_facts import certificateSections, dateText
from qtsecure.widgets.certificate_models import nameOf
from qtsecure.widgets.certificate_view import CertificateView
from qtsecure.widgets.earlier_certificate import EarlierCertificate
from qtsecure.widgets.labels import CodeLabel, MutedLabel, TitleLabel, ToneLabel, shownName
from qtsecure.widgets.problem_list import ProblemList, SymbolWidget
from qtsecure.widgets.symbols import Symbol
from qtsecure.widgets.tones import Tone

__all__ = ["TrustDialog", "rejectAll"]

_Lifetime = TrustDecisions.Lifetime
_LARGE_SYMBOL = 40
_FEWEST_LINES = 10


class TrustDialog(QDialog):
    """Asks about one certificate; reject is the default, Escape and every other way to close it.

    It defers the request, does not block, and closes by itself when nobody waits for the answer any more.
    Further requests about the same errors of the same certificate can join (:meth:`addRequest`). Errors that
    no user can judge (``SslError.isOverridable``) are shown, with no way to go on.

    Show it with ``show()`` or ``open()`` and keep a reference; :class:`TrustPrompter` does both.

    Args:
        request: What ``acceptCertificate`` has brought, not answered yet.
        decisions: Where a yes is remembered; without it there is no choice but "only this time".
        parent: The window that it belongs to.

    Raises:
        TypeError: An argument is of another type.
    """

    #: decided(accepted: bool): the user has answered, and the requests have been told; not when nobody waited any more.
    decided = Signal(bool)

    def __init__(
        self, request: CertificateRequest, decisions: TrustDecisions | None = None, parent: QWidget | None = None
    ) -> None:
        if not isinstance(request, CertificateRequest):
            raise TypeError(f"request must be a CertificateRequest, not {type(request).__name__}.")
        if decisions is not None and not isinstance(decisions, TrustDecisions):
            raise TypeError(f"decisions must be TrustDecisions or None, not {type(decisions).__name__}.")
        super().__init__(parent)
        self._decisions = decisions
        self._chain = request.certificateChain()
        self._errors = request.errors()
        self._host = shownName(request.hostName())
        self._place = placeOf(request)
        self._requests: list[CertificateRequest] = []
        self._answered = False
        self._lifetimes: dict[_Lifetime, QRadioButton] = {}
        self._view: CertificateView | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Certificate not verified"))
        self._build(request)
        # Deleted with its window, it must not leave a connection waiting: no answer is a no.
        self.destroyed.connect(partial(rejectAll, self._requests))
        if parent is not None:
            parent.window().installEventFilter(self)
        self._join(request)

    # ---------------------------------------------------------------------------- public

    def addRequest(self, request: CertificateRequest) -> bool:
        """Let another connection wait for the same answer.

        Returns:
            Whether the question is the same; if not, nothing happens.
        """
        if not self.asksTheSame(request):
            return False
        self._join(request)
        return True

    def _join(self, request: CertificateRequest) -> None:
        request.defer()
        if request.isPending():
            self._requests.append(request)
            request.settled.connect(self._closeIfUnneeded)
            request.destroyed.connect(self._closeIfUnneeded)

    def asksTheSame(self, request: CertificateRequest) -> bool:
        """Whether a request is about the same certificate, place and errors."""
        if self._answered or self._place is None or placeOf(request) != self._place:
            return False
        return set(map(errorIdentity, request.errors())) == set(map(errorIdentity, self._errors))

    def isOverridable(self) -> bool:
        """Whether the user may go on at all."""
        return bool(self._errors) and all(error.isOverridable() for error in self._errors)

    def setWaiting(self, number: int) -> None:
        """Tell how many other questions come after this one."""
        text = self.tr("Another question like this one will follow.")
        if number > 1:
            text = self.tr("%n more questions like this one will follow.", None, number)
        self._waiting.setText(text)
        self._waiting.setVisible(number > 0)

    def setDetailsVisible(self, visible: bool) -> None:
        """Show the whole chain with its fields.

        Raises:
            TypeError: For anything but a bool.
        """
        checkBool(visible, name="visible")
        if visible and self._view is None:
            self._view = CertificateView(self)
            self._view.setProblemsVisible(False)  # they are said above
            self._view.setCertificateChain(self._chain, self._errors)
            # On a low screen the table shrinks, and not the room for the buttons.
            self._view.setMinimumSize(self._view.sizeHint().width(), self.fontMetrics().height() * _FEWEST_LINES)
            self._frame.insertWidget(1, self._view, 1)
        if self._view is not None:
            self._view.setVisible(visible)
            self._summary.setVisible(not visible)
        self._detailsButton.setText(self.tr("Hide &Details") if visible else self.tr("Show &Details"))
        self._frame.activate()
        self.resize(self.sizeHint().boundedTo(self.screen().availableSize()))

    def acceptButton(self) -> QPushButton | None:
        """Return the button that goes on; None where no user may."""
        return self._acceptButton

    def rejectButton(self) -> QPushButton:
        """Return the button that does not."""
        return self._rejectButton

    def detailsButton(self) -> QPushButton:
        """Return the button for the certificates."""
        return self._detailsButton

    def setLifetime(self, lifetime: TrustDecisions.Lifetime) -> None:
        """Choose beforehand how long a yes holds; without decisions there is no choice."""
        if lifetime in self._lifetimes:
            self._lifetimes[lifetime].setChecked(True)

    def lifetime(self) -> TrustDecisions.Lifetime:
        """Return how long a yes would hold."""
        return next((each for each, button in self._lifetimes.items() if button.isChecked()), _Lifetime.Once)

    # -------------------------------------------------------------------------- answering

    def done(self, result: int) -> None:
        """Answer, then close. Whatever closes it comes here: buttons, Escape, the window's cross."""
        if self._answered:
            return
        self._answered = True
        accepted = result == QDialog.DialogCode.Accepted and self.isOverridable()
        requests = [each for each in self._requests if isValid(each) and each.isPending()]
        lifetime = self.lifetime()
        for request in requests:
            # Each answer lets a connection go on, and its slots may end others, or this dialog.
            if isValid(request):
                _answer(request, accepted, lifetime, self._decisions)
        if not isValid(self):
            return
        super().done(QDialog.DialogCode.Accepted if accepted else QDialog.DialogCode.Rejected)
        if requests and isValid(self):
            self.decided.emit(accepted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """When the window that asked is closed, its question goes, too."""
        if event.type() == QEvent.Type.Hide and not event.spontaneous() and not self._answered:
            self.done(QDialog.DialogCode.Rejected)
        return False

    def sizeHint(self) -> QSize:
        """As high as the texts need at this width; Qt would ask for their height at a smaller one."""
        width = max(super().sizeHint().width(), self.minimumWidth())
        return QSize(width, self._frame.totalHeightForWidth(width))

    def showEvent(self, event: QShowEvent) -> None:
        """Begin at the safe answer."""
        super().showEvent(event)
        self._rejectButton.setFocus()

    def _closeIfUnneeded(self) -> None:
        if not any(isValid(each) and each.isPending() for each in self._requests):
            self.done(QDialog.DialogCode.Rejected)

    # -------------------------------------------------------------------------- appearance

    def _build(self, request: CertificateRequest) -> None:
        overridable = self.isOverridable()
        self._frame = QVBoxLayout(self)
        self._frame.setContentsMargins(18, 18, 18, 14)
        self._frame.setSpacing(14)
        body, self._column = QHBoxLayout(), QVBoxLayout()
        body.setSpacing(16)
        symbol = SymbolWidget(Symbol.Warning if overridable else Symbol.Failed, self, _LARGE_SYMBOL)
        body.addWidget(symbol, 0, Qt.AlignmentFlag.AlignTop)
        body.addLayout(self._column, 1)
        self._column.setSpacing(12)
        self._column.addLayout(self._makeHeader(request))
        if self._decisions is not None and isValid(self._decisions):
            earlier = self._decisions.trustedBefore(request)
            if earlier is not None:
                self._column.addWidget(EarlierCertificate(earlier, self))
        problems = ProblemList(self)
        problems.setErrors(self._errors)
        self._column.addWidget(problems)
        self._summary = self._makeSummary()
        self._column.addWidget(self._summary)
        self._choice = self._makeChoice(overridable)
        self._column.addWidget(self._choice)
        self._waiting = MutedLabel(self)
        self._waiting.setVisible(False)
        self._column.addWidget(self._waiting)
        self._frame.addLayout(body)
        self._frame.addLayout(self._makeButtons(overridable, toServer=bool(self._host)))
        self._frame.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("n") * 72)

    def _makeHeader(self, request: CertificateRequest) -> QVBoxLayout:
        title, explanation = TitleLabel(self), ToneLabel(self)
        if self._host:
            where = f"{self._host}:{request.port()}" if request.port() else self._host
            explanation.setText(self.tr("Somebody may be pretending to be this server, to read along."))
        else:
            where = nameOf(self._chain[0]) if self._chain else self.tr("a client without a certificate")
            explanation.setText(self.tr("Somebody may be pretending to be this client."))
        title.setText(self.tr("The identity of “%1” could not be verified").replace("%1", where))
        self.setAccessibleDescription(f"{title.text()}. {explanation.text()}")
        texts = QVBoxLayout()
        texts.setSpacing(4)
        texts.addWidget(title)
        texts.addWidget(explanation)
        return texts

    def _makeSummary(self) -> QWidget:
        summary = QWidget(self)
        column = QVBoxLayout(summary)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        if not self._chain:
            return summary
        leaf = self._chain[0]
        text = self.tr("Certificate of %1, valid until %2. Its SHA-256 fingerprint:")
        what = MutedLabel(summary)
        what.setText(text.replace("%2", dateText(leaf.expiryDate())).replace("%1", nameOf(leaf)))
        sections = certificateSections(leaf)
        fingerprint = next(fact.value for fact in sections[-1].facts if fact.label == "SHA-256")
        code = CodeLabel(summary)
        code.setText(fingerprint)
        code.setAccessibleName(self.tr("SHA-256 fingerprint"))
        column.addWidget(what)
        column.addWidget(code)
        return summary

    def _makeChoice(self, overridable: bool) -> QWidget:
        if not overridable:
            verdict = ToneLabel(self, Tone.Bad)
            verdict.setText(self.tr("You cannot go on: errors like this are no matter of opinion."))
            return verdict
        choice = QGroupBox(self.tr("If you go on, trust this certificate"), self)
        column = QVBoxLayout(choice)
        column.setSpacing(4)
        labels = {
            _Lifetime.Once: self.tr("&only for this connection"),
            _Lifetime.Session: self.tr("until this &program ends"),
            _Lifetime.Forever: self.tr("&always"),
        }
        for lifetime, label in labels.items():
            self._lifetimes[lifetime] = button = QRadioButton(label, choice)
            column.addWidget(button)
        self._lifetimes[_Lifetime.Once].setChecked(True)
        # Without a certificate, or a place to keep it, there is nothing to remember.
        choice.setVisible(self._decisions is not None and self._place is not None)
        return choice

    def _makeButtons(self, overridable: bool, *, toServer: bool) -> QHBoxLayout:
        self._detailsButton = QPushButton(self.tr("Show &Details"), self)
        self._detailsButton.setEnabled(bool(self._chain))
        self._detailsButton.clicked.connect(self._toggleDetails)
        box = QDialogButtonBox(self)
        self._acceptButton: QPushButton | None = None
        if overridable:
            self._acceptButton = _YesButton(self.tr("&Connect Anyway") if toServer else self.tr("&Admit Anyway"))
            box.addButton(self._acceptButton, QDialogButtonBox.ButtonRole.AcceptRole)
            box.accepted.connect(self.accept)
        self._rejectButton = QPushButton(self.tr("Do &Not Connect") if toServer else self.tr("Do &Not Admit"))
        box.addButton(self._rejectButton, QDialogButtonBox.ButtonRole.RejectRole)
        box.rejected.connect(self.reject)
        for button in (self._detailsButton, self._acceptButton):
            if button is not None:
                button.setAutoDefault(False)
        self._rejectButton.setDefault(True)
        row = QHBoxLayout()
        row.addWidget(self._detailsButton)
        row.addStretch(1)
        row.addWidget(box)
        return row

    def _toggleDetails(self) -> None:
        self.setDetailsVisible(self._view is None or self._view.isHidden())


class _YesButton(QPushButton):
    """Deaf to the second click of a double click, which was for what was in this place before."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()


def _answer(request: CertificateRequest, accepted: bool, lifetime: _Lifetime, decisions: TrustDecisions | None) -> None:
    if not accepted:
        request.reject()
    elif decisions is None or not isValid(decisions) or placeOf(request) is None:
        request.accept()
    elif not decisions.remember(request, lifetime) and isValid(request):
        request.reject()  # nothing that a user can judge


def rejectAll(requests: list[CertificateRequest], *_: object) -> None:
    """Answer what nobody else will; made for ``destroyed``, whose argument it does not look at."""
    for request in requests:
        if isValid(request) and request.isPending():
            request.reject()
