"""A chain of certificates: who, by whom, until when, what is wrong, and every field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Property, QDateTime, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSaveFile, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkBool
from qtsecure.net.values import SslCertificate, SslError
from qtsecure.net.values.distinguished_names import printable
from qtsecure.widgets.certificate_facts import certificateSections, dateText, daysLeft, sectionsAsText, validityText
from qtsecure.widgets.certificate_models import ChainModel, FieldModel, nameOf
from qtsecure.widgets.labels import TitleLabel, ToneLabel, shownName
from qtsecure.widgets.problem_list import ProblemList
from qtsecure.widgets.tones import Tone

__all__ = ["CertificateView"]


_MOST_ROWS = 5
_ORDINARY_LINES = 21
_SOON_DAYS = 14


class _ChainTree(QTreeView):
    """A tree that is always open, without the arrows for closing it."""

    def drawBranches(self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        pass


class _FieldTree(QTreeView):
    """Two columns: the second one has room for the longest value, and takes what the window has beyond that."""

    def fit(self) -> None:
        """Give the columns their widths."""
        header = self.header()
        if header.count() == 2:
            label, value = (max(self.sizeHintForColumn(column), 0) for column in (0, 1))
            header.resizeSection(0, label)
            header.resizeSection(1, max(value, self.viewport().width() - label))

    def sizeHint(self) -> QSize:
        """High enough for an ordinary certificate."""
        return QSize(super().sizeHint().width(), self.fontMetrics().height() * _ORDINARY_LINES)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The window may be wider, or narrower."""
        super().resizeEvent(event)
        self.fit()


class CertificateView(QWidget):
    """Shows a chain, and what is wrong with it; values can be copied, certificates saved as PEM.

    Without certificates it says so. Forms of Qt Designer set ``buttonsVisible``.

    Args:
        parent: The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chain: list[SslCertificate] = []
        self._errors: list[SslError] = []
        self._position = 0
        self._buttonsVisible = True
        self._problemsVisible = True
        self._makeChain()
        self._title = TitleLabel(self)
        self._issuer = ToneLabel(self)
        self._validity = ToneLabel(self)
        self._problems = ProblemList(self)
        self._makeFields()
        self._makeButtons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._chainView)
        summary = QVBoxLayout()
        summary.setSpacing(2)
        for label in (self._title, self._issuer, self._validity):
            summary.addWidget(label)
        layout.addLayout(summary)
        layout.addWidget(self._problems)
        layout.addWidget(self._fieldView, 1)
        layout.addWidget(self._buttons)
        self._retranslate()
        self._show()

    # ---------------------------------------------------------------------------- public

    def setCertificateChain(self, chain: Sequence[SslCertificate], errors: Sequence[SslError] = ()) -> None:
        """Show other certificates.

        Args:
            chain: The peer's own first, as ``peerCertificateChain()`` has it; may be empty.
            errors: What is wrong with them, as ``sslHandshakeErrors()`` has it.

        Raises:
            TypeError: There is something else in one of the lists.
        """
        chain, errors = list(chain), list(errors)
        if not all(isinstance(each, SslCertificate) for each in chain):
            raise TypeError("chain must hold SslCertificate objects.")
        if not all(isinstance(each, SslError) for each in errors):
            raise TypeError("errors must hold SslError objects.")
        self._chain, self._errors, self._position = chain, errors, 0
        self._show()

    def certificateChain(self) -> list[SslCertificate]:
        """Return what is shown, the peer's own certificate first."""
        return list(self._chain)

    def currentCertificate(self) -> SslCertificate:
        """Return the certificate whose fields are shown; null without any."""
        return self._chain[self._position] if self._chain else SslCertificate()

    def setCurrentPosition(self, position: int) -> None:
        """Show the fields of another certificate of the chain; 0 is the peer's own.

        Raises:
            ValueError: There is no such position.
        """
        if not 0 <= position < len(self._chain):
            raise ValueError(f"position must be one of the {len(self._chain)} certificates, not {position}.")
        self._chainView.setCurrentIndex(self._chainModel.indexFromItem(self._chainModel.itemAt(position)))

    def detailsAsText(self) -> str:
        """Return the fields of the present certificate as lines."""
        return sectionsAsText(certificateSections(self.currentCertificate()))

    def exportPem(self, path: str | Path) -> None:
        """Write the chain into a file, the peer's own certificate first (PEM, RFC 7468).

        Raises:
            SecureError: The file cannot be written; an existing one is left as it was.
        """
        file = QSaveFile(str(path))
        pem = b"".join(bytes(each.toPem().data()) for each in self._chain)
        if not (file.open(QSaveFile.OpenModeFlag.WriteOnly) and file.write(pem) == len(pem) and file.commit()):
            text = self.tr("The certificates cannot be written to “%1”: %2.")
            text = text.replace("%2", file.errorString()).replace("%1", printable(str(path)))
            raise SecureError(SecureError.Code.Failed, text)

    def setProblemsVisible(self, visible: bool) -> None:
        """Tell what is wrong in words, or only mark the certificates, where the words are said elsewhere.

        Raises:
            TypeError: For anything but a bool.
        """
        self._problemsVisible = checkBool(visible, name="visible")
        self._showCertificate()

    def setButtonsVisible(self, visible: bool) -> None:
        """Show the buttons for copying and saving.

        Raises:
            TypeError: For anything but a bool.
        """
        self._buttonsVisible = checkBool(visible, name="visible")
        self._buttons.setVisible(self._buttonsVisible)

    def _isButtonsVisible(self) -> bool:
        return self._buttonsVisible

    buttonsVisible = Property(bool, _isButtonsVisible, setButtonsVisible)

    # ------------------------------------------------------------------------- appearance

    def sizeHint(self) -> QSize:
        """Wide enough for a fingerprint, high enough for most fields."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance("n") * 80, metrics.height() * 30)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language and the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()
            self._show()
        elif event.type() == QEvent.Type.PaletteChange:
            self._fillChain()

    def _makeChain(self) -> None:
        self._chainModel = ChainModel(self)
        self._chainView = view = _ChainTree(self)
        view.setModel(self._chainModel)
        view.setHeaderHidden(True)
        view.setRootIsDecorated(False)
        view.setItemsExpandable(False)
        view.setUniformRowHeights(True)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setTabKeyNavigation(False)
        view.selectionModel().currentChanged.connect(self._chosen)

    def _makeFields(self) -> None:
        self._fieldModel = FieldModel(self)
        self._fieldView = view = _FieldTree(self)
        view.setModel(self._fieldModel)
        view.setHeaderHidden(True)
        view.setAlternatingRowColors(True)
        view.setRootIsDecorated(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setTextElideMode(Qt.TextElideMode.ElideNone)
        view.header().setStretchLastSection(False)  # it would also shrink it, and hide the end of a value
        view.header().setMinimumSectionSize(0)
        view.setTabKeyNavigation(False)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._copyAction = QAction(self)
        self._copyAction.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self._copyAction.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self._copyAction.triggered.connect(self._copySelection)
        view.addAction(self._copyAction)

    def _makeButtons(self) -> None:
        self._buttons = QWidget(self)
        self._copyButton, self._saveButton = QPushButton(self._buttons), QPushButton(self._buttons)
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        for button, slot in ((self._copyButton, self._copyDetails), (self._saveButton, self._save)):
            button.setAutoDefault(False)  # it may be in a dialog whose default is another one
            button.clicked.connect(slot)
            row.addWidget(button)
        row.addStretch(1)

    def _retranslate(self) -> None:
        self._chainView.setAccessibleName(self.tr("Certificate chain"))
        self._fieldView.setAccessibleName(self.tr("Fields of the certificate"))
        self._copyAction.setText(self.tr("Copy"))
        self._copyButton.setText(self.tr("&Copy Details"))
        self._saveButton.setText(self.tr("&Save as PEM…"))

    # ----------------------------------------------------------------------------- inside

    def _show(self) -> None:
        self._fillChain()
        self._showCertificate()

    def _fillChain(self) -> None:
        faulty = {self._positionOf(error) for error in self._errors}
        self._chainModel.setChain(self._chain, faulty, self.palette())
        view = self._chainView
        view.setVisible(len(self._chain) > 1)
        view.expandAll()
        rows = min(max(len(self._chain), 1), _MOST_ROWS)
        height = view.sizeHintForRow(0) if self._chain else 0
        view.setFixedHeight(rows * max(height, self.fontMetrics().height()) + 2 * view.frameWidth() + 2)
        if self._chain:
            position = self._position  # the current index may change it meanwhile
            view.setCurrentIndex(self._chainModel.indexFromItem(self._chainModel.itemAt(position)))

    def _chosen(self, current: QModelIndex) -> None:
        position = current.data(ChainModel.PositionRole)
        if isinstance(position, int) and position != self._position:
            self._position = position
            self._showCertificate()

    def _positionOf(self, error: SslError) -> int:
        """Where an error is shown; one of a certificate that the peer has not sent, at the last that it has."""
        return min(max(error.depth(), 0), len(self._chain) - 1)

    def _showCertificate(self) -> None:
        certificate = self.currentCertificate()
        known = not certificate.isNull()
        for widget in (self._issuer, self._validity):
            widget.setVisible(known)
        self._fieldView.setEnabled(known)
        for button in (self._copyButton, self._saveButton):
            button.setEnabled(known)
        errors = [each for each in self._errors if self._positionOf(each) == self._position] if known else self._errors
        self._problems.setErrors(errors if self._problemsVisible else [])
        self._fieldModel.setSections(certificateSections(certificate) if known else [])
        self._fieldView.fit()
        if not known:
            self._title.setText(self.tr("No certificate"))
            return
        self._title.setText(nameOf(certificate))
        issuer = shownName(certificate.issuerDisplayName())
        own = certificate.isSelfSigned()
        by = self.tr("Issued by %1").replace("%1", issuer or self.tr("an issuer without a name"))
        self._issuer.setText(self.tr("Signed by itself: nobody else vouches for it") if own else by)
        self._showValidity(certificate)
        view = self._fieldView
        view.expandAll()
        for row in range(self._fieldModel.rowCount()):
            view.setFirstColumnSpanned(row, QModelIndex(), True)
        view.fit()
        view.scrollToTop()

    def _showValidity(self, certificate: SslCertificate) -> None:
        days, now = daysLeft(certificate), QDateTime.currentDateTimeUtc()
        isOver = days is not None and days < 0
        tone = Tone.Good
        if days is None or isOver or certificate.effectiveDate() > now:
            tone = Tone.Bad
        elif days < _SOON_DAYS:
            tone = Tone.Caution
        text = self.tr("Valid until %1 (%2)") if not isOver else self.tr("Was valid until %1 (%2)")
        text = text.replace("%1", dateText(certificate.expiryDate())).replace("%2", validityText(certificate))
        self._validity.setTone(tone)
        self._validity.setText(text)

    def _copySelection(self) -> None:
        rows = sorted(self._fieldView.selectionModel().selectedRows(1), key=_place)
        values = [value for index in rows if (value := index.data(FieldModel.ValueRole))]  # titles have none
        if values:
            QGuiApplication.clipboard().setText("\n".join(values))

    def _copyDetails(self) -> None:
        QGuiApplication.clipboard().setText(self.detailsAsText())

    def _save(self) -> None:
        dialog = QFileDialog(self, self.tr("Save Certificates"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("Certificates (*.pem)"))
        dialog.setDefaultSuffix("pem")
        dialog.fileSelected.connect(self._saveTo)
        dialog.open()

    def _saveTo(self, path: str) -> None:
        try:
            self.exportPem(path)
        except SecureError as error:
            box = QMessageBox(QMessageBox.Icon.Warning, self.tr("Save Certificates"), error.message, parent=self)
            box.setTextFormat(Qt.TextFormat.PlainText)
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.open()


def _place(index: QModelIndex) -> tuple[int, int]:
    """Sections from top to bottom, and the rows of each."""
    return index.parent().row(), index.row()
