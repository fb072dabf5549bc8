"""Labels that show the text of others: always plain, selectable, in a colour with a meaning."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFontDatabase, QPalette
from PySide6.QtWidgets import QLabel, QWidget

from qtsecure.net.values.distinguished_names import printable
from qtsecure.widgets.tones import Tone, mutedColor, toneColor

__all__ = ["CodeLabel", "MutedLabel", "TitleLabel", "ToneLabel", "shownName"]

_TITLE_FACTOR = 1.2
_LONGEST_NAME, _START = 48, 12


def shownName(name: str) -> str:
    """Return a peer's name safe to display, and so short that no button is pushed off the screen.

    Of a host the end tells whose it is, so most of what is kept is from there.
    """
    text = printable(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_START]}…{text[_START + 1 - _LONGEST_NAME :]}"


class ToneLabel(QLabel):
    """A label whose text is never taken for HTML: a certificate could contain some.

    Args:
        parent: The Qt parent.
        tone: Its colour.
    """

    def __init__(self, parent: QWidget | None = None, tone: Tone = Tone.Neutral) -> None:
        super().__init__(parent)
        self._tone = tone
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._align()
        self._colour()

    def setTone(self, tone: Tone) -> None:
        """Choose another colour."""
        self._tone = tone
        self._colour()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the palette of the parent, and the direction of the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._align()
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ParentChange):
            self._colour()

    def _align(self) -> None:
        """Begin where the window begins; left to itself, selectable text begins where its own script does."""
        isRightToLeft = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        side = Qt.AlignmentFlag.AlignRight if isRightToLeft else Qt.AlignmentFlag.AlignLeft
        self.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignTop)

    def _colour(self) -> None:
        parent = self.parentWidget()
        color = self._colorIn(parent.palette() if parent is not None else QPalette())
        if self.palette().color(QPalette.ColorRole.WindowText) != color:
            own = QPalette()  # only the colours that are set override the parent's
            own.setColor(QPalette.ColorRole.WindowText, color)
            self.setPalette(own)

    def _colorIn(self, palette: QPalette) -> QColor:
        return toneColor(palette, self._tone)


class MutedLabel(ToneLabel):
    """What is less important."""

    def _colorIn(self, palette: QPalette) -> QColor:
        return mutedColor(palette)


class TitleLabel(ToneLabel):
    """The line that is read first."""

    def __init__(self, parent: QWidget | None = None, tone: Tone = Tone.Neutral) -> None:
        super().__init__(parent, tone)
        font = self.font()
        font.setBold(True)
        if font.pointSizeF() > 0:
            font.setPointSizeF(font.pointSizeF() * _TITLE_FACTOR)
        self.setFont(font)


class CodeLabel(ToneLabel):
    """Digits to compare, in a font whose signs all have the same width."""

    def __init__(self, parent: QWidget | None = None, tone: Tone = Tone.Neutral) -> None:
        super().__init__(parent, tone)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setWordWrap(False)
