"""Colours that carry a meaning, readable on light and on dark windows."""

from __future__ import annotations

import enum

from PySide6.QtGui import QColor, QPalette

__all__ = ["Tone", "mutedColor", "toneColor"]

# Each pair has a contrast of at least 4.5 (WCAG AA) to the windows of Qt's Fusion style, light and dark.
_COLORS = {
    "good": ("#17692f", "#57c979"),
    "caution": ("#7d4e00", "#e8b84a"),
    "bad": ("#b3142a", "#ff9392"),
}


class Tone(enum.Enum):
    """What a colour says."""

    Neutral = "neutral"
    Good = "good"
    Caution = "caution"
    Bad = "bad"


def toneColor(palette: QPalette, tone: Tone) -> QColor:
    """Return the colour for text and symbols on a window of this palette."""
    if tone is Tone.Neutral:
        return palette.color(QPalette.ColorRole.WindowText)
    light, dark = _COLORS[tone.value]
    isDark = palette.color(QPalette.ColorRole.Window).lightness() < 128
    return QColor(dark if isDark else light)


def mutedColor(palette: QPalette) -> QColor:
    """Return the colour of what is less important: between text and window, still readable."""
    text = palette.color(QPalette.ColorRole.WindowText)
    window = palette.color(QPalette.ColorRole.Window)

    def mixed(own: int, other: int) -> int:
        return round(0.68 * own + 0.32 * other)

    return QColor(
        mixed(text.red(), window.red()), mixed(text.green(), window.green()), mixed(text.blue(), window.blue())
    )
