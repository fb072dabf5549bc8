"""What is wrong with a certificate, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QStyle, QVBoxLayout, QWidget

from qtsecure.net.questions.error_words import adviceWords, errorWords
from qtsecure.net.values import SslError
from qtsecure.widgets.labels import MutedLabel, ToneLabel
from qtsecure.widgets.symbols import Symbol, paintSymbol

__all__ = ["ProblemList", "SymbolWidget"]

_MOST = 4


class SymbolWidget(QWidget):
    """One symbol, as large as a line of text or as asked for.

    Args:
        symbol: What to show.
        parent: The Qt parent.
        size: Its side in device-independent pixels; 0 stands for the size of small icons.
    """

    def __init__(self, symbol: Symbol, parent: QWidget | None = None, size: int = 0) -> None:
        super().__init__(parent)
        self._symbol = symbol
        self._side = size or self.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize, None, self)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def setSymbol(self, symbol: Symbol) -> None:
        """Show another one."""
        self._symbol = symbol
        self.update()

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(self._side, self._side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        paintSymbol(painter, QRectF(self.rect()), self._symbol, self.palette())


class ProblemList(QWidget):
    """Errors one below the other; a chain can have so many that only the first are shown, and counted.

    Args:
        parent: The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._errors: list[SslError] = []
        self._content: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setVisible(False)

    def setErrors(self, errors: Sequence[SslError]) -> None:
        """Show other errors; none hides the widget."""
        self._errors = list(errors)
        self._build()
        self.setVisible(bool(self._errors))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._build()

    def _build(self) -> None:
        if self._content is not None:
            self._content.hide()
            self._content.deleteLater()
        self._content = QWidget(self)
        grid = QGridLayout(self._content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        words: dict[str, SslError] = {}
        for error in self._errors:
            words.setdefault(errorWords(error), error)
        for number, (text, error) in enumerate(list(words.items())[:_MOST]):
            symbol = Symbol.Warning if error.isOverridable() else Symbol.Failed
            what = ToneLabel(self._content)
            font = what.font()
            font.setBold(True)
            what.setFont(font)
            what.setText(f"{text}.")
            advice = MutedLabel(self._content)
            advice.setText(adviceWords(error))
            if number:
                grid.setRowMinimumHeight(3 * number - 1, 6)
            grid.addWidget(SymbolWidget(symbol, self._content), 3 * number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(what, 3 * number, 1)
            grid.addWidget(advice, 3 * number + 1, 1)
        if len(words) > _MOST:
            more = MutedLabel(self._content)
            more.setText(self.tr("There are more problems: %1 in all.").replace("%1", str(len(words))))
            grid.addWidget(more, 3 * _MOST, 1)
        self._layout.addWidget(self._content)
        self._content.show()  # a layout would do that later, and move everything below once more
