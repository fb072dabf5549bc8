"""A light and a dark palette: the offscreen platform knows neither (QStyleHints.setColorScheme does nothing there)."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

__all__ = ["PALETTES"]

_Role, _Group = QPalette.ColorRole, QPalette.ColorGroup


def _palette(window: str, base: str, alternate: str, text: str, disabled: str, button: str, highlight: str) -> QPalette:
    palette = QPalette(QColor(button), QColor(window))
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText, _Role.ToolTipText):
        palette.setColor(role, QColor(text))
        palette.setColor(_Group.Disabled, role, QColor(disabled))
    palette.setColor(_Role.Base, QColor(base))
    palette.setColor(_Role.AlternateBase, QColor(alternate))
    palette.setColor(_Role.ToolTipBase, QColor(base))
    palette.setColor(_Role.PlaceholderText, QColor(disabled))
    palette.setColor(_Role.Highlight, QColor(highlight))
    palette.setColor(_Role.Accent, QColor(highlight))
    palette.setColor(_Role.HighlightedText, QColor("#ffffff"))
    return palette


PALETTES = {
    "light": _palette("#efeff1", "#ffffff", "#f6f6f8", "#1b1c1f", "#8a8c93", "#e4e5e8", "#2f6fd0"),
    "dark": _palette("#37383e", "#1f2024", "#25262a", "#ececef", "#94969e", "#4a4c53", "#3d7de0"),
}
