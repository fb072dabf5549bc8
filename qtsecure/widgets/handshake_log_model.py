"""The entries of a handshake log, the oldest of which go when there are too many."""

from __future__ import annotations

import html
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from PySide6.QtCore import QAbstractTableModel, QDateTime, QModelIndex, QObject, QPersistentModelIndex, Qt

from qtsecure.widgets.tones import Tone

__all__ = ["HandshakeLogModel", "LogEntry"]

_Index: TypeAlias = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_DETAILS = 3
DEFAULT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event.

    Attributes:
        time: When it came.
        source: The name of the object.
        event: The name of the signal.
        details: Its arguments, safe to display; never a secret.
        tone: Whether it is good or bad news.
    """

    time: QDateTime
    source: str
    event: str
    details: str
    tone: Tone = Tone.Neutral

    def cells(self) -> tuple[str, str, str, str]:
        """Return it as text, column by column."""
        return self.time.toString("HH:mm:ss.zzz"), self.source, self.event, self.details


class HandshakeLogModel(QAbstractTableModel):
    """A table of entries with time, object, event and details.

    Args:
        parent: The Qt parent.
    """

    ToneRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: deque[LogEntry] = deque()
        self._limit = DEFAULT_LIMIT

    def limit(self) -> int:
        """Return how many entries are kept."""
        return self._limit

    def setLimit(self, limit: int) -> None:
        """Keep so many entries, the latest.

        Raises:
            ValueError: ``limit`` is below 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, not {limit}.")
        self._limit = limit
        self._dropOldest(len(self._entries) - limit)

    def append(self, entry: LogEntry) -> None:
        """Add an entry at the end."""
        self._dropOldest(len(self._entries) + 1 - self._limit)
        row = len(self._entries)
        self.beginInsertRows(_NOWHERE, row, row)
        self._entries.append(entry)
        self.endInsertRows()

    def clear(self) -> None:
        """Remove all entries."""
        self.beginResetModel()
        self._entries.clear()
        self.endResetModel()

    def entries(self) -> list[LogEntry]:
        """Return all entries, the oldest first."""
        return list(self._entries)

    def retranslate(self) -> None:
        """Announce headers in another language."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self.columnCount() - 1)

    def _dropOldest(self, number: int) -> None:
        if number > 0:
            self.beginRemoveRows(_NOWHERE, 0, number - 1)
            for _ in range(number):
                self._entries.popleft()
            self.endRemoveRows()

    # --------------------------------------------------------------- QAbstractTableModel

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """The number of entries."""
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """Time, object, event and details."""
        return 0 if parent.isValid() else 4

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell, its tone, and all of the details for where there is no room for them."""
        if not index.isValid() or not 0 <= index.row() < len(self._entries):
            return None
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.cells()[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == _DETAILS and entry.details:
            return f"<p>{html.escape(entry.details)}</p>"  # as a paragraph it is wrapped
        return entry.tone if role == self.ToneRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The titles of the columns."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        titles = (self.tr("Time"), self.tr("Object"), self.tr("Event"), self.tr("Details"))
        return titles[section] if 0 <= section < len(titles) else None
