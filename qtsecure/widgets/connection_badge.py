"""A lock that tells how secure a connection is."""

from __future__ import annotations

from PySide6.QtCore import Property, QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QStyleOptionFocusRect, QWidget
from shiboken6 import isValid

from qtsecure.net.arguments import checkBool
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.widgets.certificate_dialog import CertificateDialog
from qtsecure.widgets.connection_summary import connectionFacts, factsAsHtml, factsAsText, stateWord
from qtsecure.widgets.connection_watch import ConnectionState, ConnectionWatch
from qtsecure.widgets.symbols import Symbol, paintSymbol

__all__ = ["ConnectionBadge"]

_SYMBOLS = {
    ConnectionState.NotConnected: Symbol.Idle,
    ConnectionState.Connecting: Symbol.Waiting,
    ConnectionState.Unencrypted: Symbol.Unlocked,
    ConnectionState.Encrypted: Symbol.Locked,
    ConnectionState.EncryptedWithErrors: Symbol.LockedWithErrors,
    ConnectionState.Failed: Symbol.Failed,
}
_PADDING = 4
_GAP = 5


class ConnectionBadge(QAbstractButton):
    """Shows the state of an SslSocket or DtlsPeer, with the details in its tool tip.

    A click emits ``clicked``, and opens the peer's certificates where there are any. The connection is
    not kept alive; when it goes, the badge shows that there is none. Forms of Qt Designer set
    ``textVisible`` and ``certificateOnClick``.

    Args:
        parent: The Qt parent.
    """

    #: stateChanged(state: ConnectionState): what it shows has changed.
    stateChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._textVisible = True
        self._certificateOnClick = True
        self._dialog: CertificateDialog | None = None
        self._watch = ConnectionWatch(self)
        self._state = ConnectionState.NotConnected
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._watch.changed.connect(self._refresh)
        self.clicked.connect(self._showCertificate)
        self._refresh()

    # ---------------------------------------------------------------------------- public

    def connection(self) -> SslSocket | DtlsPeer | None:
        """Return what it shows; None if that is gone."""
        return self._watch.connection()

    def setConnection(self, connection: SslSocket | DtlsPeer | None) -> None:
        """Show another connection, or none; certificates of the one before are put away.

        Raises:
            TypeError: ``connection`` is something else.
            RuntimeError: It lives in another thread.
        """
        self._watch.setConnection(connection)
        dialog = self.certificateDialog()
        if dialog is not None:
            dialog.close()

    def state(self) -> ConnectionState:
        """Return what it shows now."""
        return self._state

    def setTextVisible(self, visible: bool) -> None:
        """Show a word beside the lock, or the lock alone.

        Raises:
            TypeError: For anything but a bool.
        """
        self._textVisible = checkBool(visible, name="visible")
        self.updateGeometry()
        self.update()

    def setCertificateOnClick(self, shown: bool) -> None:
        """Whether a click shows the certificates; the program may do something else in ``clicked``.

        Raises:
            TypeError: For anything but a bool.
        """
        self._certificateOnClick = checkBool(shown, name="shown")

    def certificateDialog(self) -> CertificateDialog | None:
        """Return the window with the certificates, while it is open."""
        return self._dialog if self._dialog is not None and isValid(self._dialog) else None

    def _isTextVisible(self) -> bool:
        return self._textVisible

    def _isCertificateOnClick(self) -> bool:
        return self._certificateOnClick

    textVisible = Property(bool, _isTextVisible, setTextVisible)
    certificateOnClick = Property(bool, _isCertificateOnClick, setCertificateOnClick)

    # ------------------------------------------------------------------------- appearance

    def sizeHint(self) -> QSize:
        """As large as the lock and the longest word need, so that nothing moves when the state changes."""
        side = self._side()
        width, height = side, side
        if self._textVisible:
            metrics = self.fontMetrics()
            width += _GAP + max(metrics.horizontalAdvance(stateWord(state)) for state in ConnectionState)
            height = max(height, metrics.height())
        return QSize(width + 2 * _PADDING, height + 2 * _PADDING)

    def minimumSizeHint(self) -> QSize:
        """The same: a word that is cut off could be taken for another."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint lock and word, and what shows that it can be clicked."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        if self.isEnabled() and (self.underMouse() or self.isDown()):
            shade = palette.color(QPalette.ColorRole.WindowText)
            shade.setAlpha(40 if self.isDown() else 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        side, width = self._side(), self.width()
        top = (self.height() - side) / 2
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        centred = not self._textVisible
        left = (width - side) / 2 if centred else (width - _PADDING - side if mirrored else _PADDING)
        paintSymbol(painter, QRectF(left, top, side, side), _SYMBOLS[self._state], palette)
        if self._textVisible:
            group = QPalette.ColorGroup.Normal if self.isEnabled() else QPalette.ColorGroup.Disabled
            painter.setPen(palette.color(group, QPalette.ColorRole.WindowText))
            edge = _PADDING + side + _GAP
            box = self.rect().adjusted(_PADDING if mirrored else edge, 0, -edge if mirrored else -_PADDING, 0)
            alignment = Qt.AlignmentFlag.AlignVCenter
            alignment |= Qt.AlignmentFlag.AlignRight if mirrored else Qt.AlignmentFlag.AlignLeft
            painter.drawText(box, alignment, stateWord(self._state))
        if self.hasFocus():
            option = QStyleOptionFocusRect()
            option.initFrom(self)
            self.style().drawPrimitive(QStyle.PrimitiveElement.PE_FrameFocusRect, option, painter, self)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language, the font and the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._refresh()
        if event.type() in (QEvent.Type.LanguageChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        """Make the tool tip when it is asked for: the peer's address changes without a signal."""
        if event.type() == QEvent.Type.ToolTip:
            self._describe()
        return super().event(event)

    # ----------------------------------------------------------------------------- inside

    def _side(self) -> int:
        small = self.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize, None, self)
        return max(small, self.fontMetrics().height())

    def _refresh(self) -> None:
        state = self._watch.state()
        changed, self._state = state is not self._state, state
        self._describe()
        self.update()
        if changed:
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.NameChanged))
            self.stateChanged.emit(state)

    def _describe(self) -> None:
        title = stateWord(self._state)
        facts = connectionFacts(self._watch.connection(), self._state)
        self.setToolTip(factsAsHtml(title, facts))
        self.setAccessibleName(self.tr("Connection: %1").replace("%1", title))
        self.setAccessibleDescription(factsAsText(title, facts))

    def _showCertificate(self) -> None:
        connection = self._watch.connection()
        chain = connection.peerCertificateChain() if connection is not None and self._certificateOnClick else []
        if connection is None or not chain:
            return
        dialog = self.certificateDialog()
        if dialog is None:
            self._dialog = dialog = CertificateDialog(self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.finished.connect(self._dialogClosed)
        dialog.view().setCertificateChain(chain, connection.sslHandshakeErrors())
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _dialogClosed(self) -> None:
        self._dialog = None
