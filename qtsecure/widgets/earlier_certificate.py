"""That another certificate was trusted here before, which a question about the present one must not conceal."""

from __future__ import annotations

from PySide6.QtCore import QDateTime
from PySide6.QtWidgets import QVBoxLayout, QWidget

from qtsecure.net.trust.trust_decision import TrustDecision
from qtsecure.widgets.certificate_facts import dateText, fingerprintText
from qtsecure.widgets.labels import CodeLabel, ToneLabel
from qtsecure.widgets.tones import Tone

__all__ = ["EarlierCertificate"]


class EarlierCertificate(QWidget):
    """A warning with the fingerprint that was trusted until now.

    Args:
        decision: What ``TrustDecisions.trustedBefore()`` has found.
        parent: The Qt parent.
    """

    def __init__(self, decision: TrustDecision, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        text = self.tr("Another certificate was trusted for this server before.")
        if decision.decidedAt is not None:
            date = dateText(QDateTime.fromMSecsSinceEpoch(int(decision.decidedAt * 1000)))
            text = self.tr("Another certificate was trusted for this server on %1.").replace("%1", date)
        warning, meaning, code = ToneLabel(self, Tone.Bad), ToneLabel(self), CodeLabel(self)
        font = warning.font()
        font.setBold(True)
        warning.setFont(font)
        warning.setText(text)
        meaning.setText(
            self.tr(
                "Either the server has a new one, or this is an attack. Ask the operator before you go on. "
                "The SHA-256 fingerprint that was trusted:"
            )
        )
        code.setText(fingerprintText(decision.fingerprint))
        code.setAccessibleName(self.tr("SHA-256 fingerprint that was trusted"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for label in (warning, meaning, code):
            column.addWidget(label)
