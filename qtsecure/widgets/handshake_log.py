"""A table of everything that connections and servers report, for people who look for the fault."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import ref

from PySide6.QtCore import (
    Property,
    QDateTime,
    QEvent,
    QMetaObject,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    QTimer,
)
from PySide6.QtGui import QAction, QGuiApplication, QHideEvent, QKeySequence, QPalette, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.qt_objects.signal_watch import NOISE, Fields, watchServer, watchSocket
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values.distinguished_names import printable
from qtsecure.widgets.handshake_log_model import HandshakeLogModel, LogEntry
from qtsecure.widgets.tones import Tone, toneColor

__all__ = ["HandshakeLog"]

_LONGEST_DETAILS = 2000
_RANKS = {"name": 0, "peer": 2}
_BAD = {"errorOccurred", "failed", "acceptError", "sslErrors", "peerVerifyError", "handshakeInterruptedOnError"}


class HandshakeLog(QWidget):
    """Lists signals, alerts and handshake messages with time, object, event and details.

    It never shows secrets: keys are in no signal that it watches, and it does not watch
    ``preSharedKeyAuthenticationRequired``, because being connected to that signal switches keys on. Messages of
    the program are not shown either. Objects are not kept alive. Forms of Qt Designer set ``maximumEntries``.

    Args:
        parent: The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._links: dict[int, list[QMetaObject.Connection]] = {}
        self._followsEnd = True
        self.destroyed.connect(partial(_disconnectAll, self._links))
        self._model = HandshakeLogModel(self)
        self._filtered = QSortFilterProxyModel(self)
        self._filtered.setSourceModel(self._model)
        self._filtered.setFilterKeyColumn(-1)
        self._filtered.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._makeView()
        self._filter = QLineEdit(self)
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(self._filtered.setFilterFixedString)
        self._copyButton, self._clearButton = QPushButton(self), QPushButton(self)
        row = QHBoxLayout()
        row.addWidget(self._filter, 1)
        for button, slot in ((self._copyButton, self.copy), (self._clearButton, self.clear)):
            button.setAutoDefault(False)
            button.clicked.connect(slot)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._view, 1)
        self._retranslate()

    # ---------------------------------------------------------------------------- public

    def addConnection(
        self, watched: SslSocket | SslServer | DtlsPeer | DtlsServer | SocketClient, name: str = ""
    ) -> None:
        """Watch a connection, a server or a client from now on, and have its handshakes traced.

        Args:
            watched: What to watch.
            name: How to call it; its objectName(), or else its class, if empty.

        Raises:
            TypeError: It is something else.
            RuntimeError: It lives in another thread.
        """
        if not isinstance(watched, (SslSocket, SslServer, DtlsPeer, DtlsServer, SocketClient)):
            raise TypeError(
                "watched must be an SslSocket, SslServer, DtlsPeer, DtlsServer or SocketClient, "
                f"not {type(watched).__name__}."
            )
        if watched.thread() is not self.thread():
            raise RuntimeError("watched lives in another thread than the log.")
        self.removeConnection(watched)
        shown = printable(name or watched.objectName() or type(watched).__name__)
        emit = _emitTo(self, shown)
        if isinstance(watched, (SslServer, DtlsServer, SocketClient)):
            links = watchServer(watched, emit)
        else:
            links = watchSocket(watched, emit)
        if not isinstance(watched, SocketClient):  # its connections are traced if the program asks each for it
            watched.setHandshakeTraceEnabled(True)
        key = id(watched)
        links.append(watched.destroyed.connect(partial(_forget, self._links, key)))
        self._links[key] = links

    def removeConnection(self, watched: SslSocket | SslServer | DtlsPeer | DtlsServer | SocketClient) -> None:
        """Watch it no longer; harmless if it is not watched.

        Its handshakes are still traced, maybe for others: see ``setHandshakeTraceEnabled()``.
        """
        for link in self._links.pop(id(watched), []):
            QObject.disconnect(link)

    def append(self, source: str, event: str, details: str = "", tone: Tone = Tone.Neutral) -> None:
        """Add an entry of the program's own, with the present time."""
        text = printable(details)
        if len(text) > _LONGEST_DETAILS:
            text = f"{text[:_LONGEST_DETAILS]}…"
        self._model.append(LogEntry(QDateTime.currentDateTime(), printable(source), event, text, tone))

    def model(self) -> HandshakeLogModel:
        """Return all entries, whatever the filter."""
        return self._model

    def filterText(self) -> str:
        """Return what entries have to contain to be shown."""
        return self._filter.text()

    def setFilterText(self, text: str) -> None:
        """Show only entries that contain a text, in whatever case."""
        self._filter.setText(text)

    def toText(self) -> str:
        """Return the shown entries, or those of them that are selected, in lines with tabs."""
        rows = sorted(index.row() for index in self._view.selectionModel().selectedRows())
        model = self._filtered
        columns = range(model.columnCount())
        cells = (
            [str(model.index(row, column).data()) for column in columns] for row in rows or range(model.rowCount())
        )
        return "\n".join(map("\t".join, cells))

    def copy(self) -> None:
        """Put :meth:`toText` on the clipboard."""
        QGuiApplication.clipboard().setText(self.toText())

    def clear(self) -> None:
        """Remove all entries."""
        self._model.clear()

    def setMaximumEntries(self, number: int) -> None:
        """Keep so many entries, the latest; 1000 by default.

        Raises:
            ValueError: ``number`` is below 1.
        """
        self._model.setLimit(number)

    def _limit(self) -> int:
        return self._model.limit()

    maximumEntries = Property(int, _limit, setMaximumEntries)

    # ------------------------------------------------------------------------- appearance

    def sizeHint(self) -> QSize:
        """Wide enough for most details."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance("n") * 110, metrics.height() * 18)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()
            self._model.retranslate()

    def showEvent(self, event: QShowEvent) -> None:
        """What has come while it was hidden is what the user opens it for."""
        super().showEvent(event)
        if self._followsEnd:
            self._scroll.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember whether the user has scrolled back."""
        super().hideEvent(event)
        self._followsEnd = self._isAtEnd()

    def _makeView(self) -> None:
        self._view = view = QTreeView(self)
        view.setModel(self._filtered)
        view.setItemDelegate(_ToneDelegate(view))
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAlternatingRowColors(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setTabKeyNavigation(False)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        header = view.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        width = self.fontMetrics().horizontalAdvance("n")
        for column, characters in enumerate((14, 12, 26)):
            header.resizeSection(column, width * characters)
        self._copyAction = QAction(self)
        self._copyAction.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self._copyAction.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self._copyAction.triggered.connect(self.copy)
        view.addAction(self._copyAction)
        self._scroll = QTimer(self, singleShot=True, interval=0)
        self._scroll.timeout.connect(view.scrollToBottom)
        self._filtered.rowsAboutToBeInserted.connect(self._followEnd)

    def _retranslate(self) -> None:
        self._view.setAccessibleName(self.tr("Handshake log"))
        self._filter.setPlaceholderText(self.tr("Filter"))
        self._filter.setAccessibleName(self.tr("Filter"))
        self._copyButton.setText(self.tr("&Copy"))
        self._clearButton.setText(self.tr("C&lear"))
        self._copyAction.setText(self.tr("Copy"))

    def _followEnd(self) -> None:
        """Show the newest entry, unless the user has scrolled back to read."""
        if self.isVisible():
            self._followsEnd = self._isAtEnd()
            if self._followsEnd:
                self._scroll.start()

    def _isAtEnd(self) -> bool:
        # Scrolling that is still to come would have brought it there.
        bar = self._view.verticalScrollBar()
        return self._scroll.isActive() or bar.value() >= bar.maximum()

    def _report(self, source: str, event: str, fields: Fields) -> None:
        if event in NOISE:
            return
        # What is cut off in a narrow window should be the peer's address, and not the name of a message.
        ordered = sorted(fields.items(), key=lambda field: _RANKS.get(field[0], 1))
        details = ", ".join(f"{key}={_words(value)}" for key, value in ordered if value != "")
        self.append(source, event, details, _toneOf(event, fields))


class _ToneDelegate(QStyledItemDelegate):
    """Colours the name of the event."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        tone = index.data(HandshakeLogModel.ToneRole)
        if isinstance(tone, Tone) and tone is not Tone.Neutral and index.column() == 2:
            palette = option.palette
            palette.setColor(QPalette.ColorRole.Text, toneColor(palette, tone))


def _emitTo(log: HandshakeLog, source: str) -> Callable[[str, Fields], None]:
    """What a signal calls; it must not keep the log alive, and may come after its end."""
    target = ref(log)

    def emit(event: str, fields: Fields) -> None:
        alive = target()
        if alive is not None and isValid(alive):
            alive._report(source, event, fields)

    return emit


def _disconnectAll(links: dict[int, list[QMetaObject.Connection]], *_: object) -> None:
    for each in links.values():
        for link in each:
            QObject.disconnect(link)
    links.clear()


def _forget(links: dict[int, list[QMetaObject.Connection]], key: int, *_: object) -> None:
    links.pop(key, None)


def _words(value: str | int | bool | list[str]) -> str:
    return "; ".join(value) if isinstance(value, list) else str(value)


def _toneOf(event: str, fields: Fields) -> Tone:
    farewell = fields.get("error") == "RemoteHostClosedError" or fields.get("type") == "CloseNotify"
    if event in _BAD and not farewell:
        return Tone.Bad
    if event.startswith("alert") and not farewell:
        return Tone.Bad if fields.get("level") == "Fatal" else Tone.Caution
    if event == "acceptCertificate":
        return Tone.Caution
    return Tone.Good if event == "encrypted" else Tone.Neutral
