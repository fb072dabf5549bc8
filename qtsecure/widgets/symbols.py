"""The symbols of the widgets, painted from paths: sharp at any size, in the colours of the palette."""

from __future__ import annotations

import enum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPainterPathStroker, QPalette, QPen, QPixmap, QPolygonF

from qtsecure.widgets.tones import Tone, mutedColor, toneColor

__all__ = ["Symbol", "paintSymbol", "symbolIcon", "symbolPixmap"]

_GRID = 16.0
"""Paths are drawn on a square of so many units."""


class Symbol(enum.Enum):
    """What can be painted."""

    Locked = enum.auto()
    """A closed lock: encrypted."""
    LockedWithErrors = enum.auto()
    """A closed lock with a warning: encrypted, but certificate errors were accepted."""
    Unlocked = enum.auto()
    """An open lock: connected without encryption."""
    Waiting = enum.auto()
    """The outline of a lock: the handshake is under way."""
    Idle = enum.auto()
    """The outline of an open lock: there is no connection."""
    Failed = enum.auto()
    """A cross in a circle."""
    Warning = enum.auto()
    """A triangle with an exclamation mark."""
    Valid = enum.auto()
    """A tick in a circle."""
    Certificate = enum.auto()
    """A sheet with a seal."""
    Log = enum.auto()
    """Lines of a log."""
    Key = enum.auto()
    """A key."""


_TONES = {
    Symbol.Locked: Tone.Good,
    Symbol.Valid: Tone.Good,
    Symbol.LockedWithErrors: Tone.Caution,
    Symbol.Warning: Tone.Caution,
    Symbol.Unlocked: Tone.Bad,
    Symbol.Failed: Tone.Bad,
}


def paintSymbol(painter: QPainter, rect: QRectF, symbol: Symbol, palette: QPalette) -> None:
    """Paint a symbol into the largest square in the middle of ``rect``."""
    side = min(rect.width(), rect.height())
    tone = _TONES.get(symbol)
    color = mutedColor(palette) if tone is None else toneColor(palette, tone)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center() - QPointF(side / 2, side / 2))
    painter.scale(side / _GRID, side / _GRID)
    _PAINTERS[symbol](painter, color)
    painter.restore()


def symbolPixmap(symbol: Symbol, size: int, palette: QPalette, ratio: float = 1.0) -> QPixmap:
    """Return a symbol as a pixmap.

    Args:
        symbol: Which one.
        size: Its side in device-independent pixels.
        palette: The palette of the widget that shows it.
        ratio: The widget's ``devicePixelRatioF()``.
    """
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paintSymbol(painter, QRectF(0, 0, size, size), symbol, palette)
    painter.end()
    return pixmap


def symbolIcon(symbol: Symbol, palette: QPalette) -> QIcon:
    """Return a symbol as an icon, for the sizes and screens that are usual."""
    icon = QIcon()
    # On a selected row the symbol takes the colours of the text there.
    selected = QPalette(palette)
    selected.setColor(QPalette.ColorRole.Window, palette.color(QPalette.ColorRole.Highlight))
    selected.setColor(QPalette.ColorRole.WindowText, palette.color(QPalette.ColorRole.HighlightedText))
    for size in (16, 22, 32, 48):
        for ratio in (1.0, 2.0, 3.0):
            icon.addPixmap(symbolPixmap(symbol, size, palette, ratio))
            icon.addPixmap(symbolPixmap(symbol, size, selected, ratio), QIcon.Mode.Selected)
    return icon


# ------------------------------------------------------------------------------------- locks


def _body() -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(2.8, 7.0, 10.4, 7.6), 1.6, 1.6)
    return path


def _shackle(rightEnd: float, lift: float = 0.0) -> QPainterPath:
    path = QPainterPath(QPointF(4.9, 7.2))
    path.lineTo(4.9, 4.9 - lift)
    path.arcTo(QRectF(4.9, 1.8 - lift, 6.2, 6.2), 180, -180)
    path.lineTo(11.1, rightEnd)
    return path


def _pen(color: QColor, width: float = 1.6) -> QPen:
    return QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)


def _solidLock(painter: QPainter, color: QColor, shackle: QPainterPath) -> None:
    keyhole = QPainterPath()
    keyhole.addEllipse(QPointF(8, 10.2), 1.15, 1.15)
    keyhole.addRoundedRect(QRectF(7.45, 10.4, 1.1, 2.4), 0.5, 0.5)
    painter.fillPath(_body().subtracted(keyhole.simplified()), color)
    painter.strokePath(shackle, _pen(color))


def _outlinedLock(painter: QPainter, color: QColor, shackle: QPainterPath) -> None:
    body = QPainterPath()
    body.addRoundedRect(QRectF(3.4, 7.6, 9.2, 6.4), 1.4, 1.4)
    painter.strokePath(body, _pen(color, 1.2))
    painter.strokePath(shackle, _pen(color, 1.2))


def _locked(painter: QPainter, color: QColor) -> None:
    _solidLock(painter, color, _shackle(7.2))


def _lockedWithErrors(painter: QPainter, color: QColor) -> None:
    painter.save()
    # Leave a gap around the triangle, so that both can be told apart at 16 pixels.
    gap = QPainterPath()
    gap.addRect(QRectF(0, 0, _GRID, _GRID))
    around = QPainterPath()
    around.addPolygon(QPolygonF([QPointF(11.0, 5.4), QPointF(17.2, 16.8), QPointF(4.8, 16.8)]))
    painter.setClipPath(gap.subtracted(around))
    painter.translate(-1.6, -0.4)
    painter.fillPath(_body(), color)
    painter.strokePath(_shackle(7.2), _pen(color))
    painter.restore()
    _triangle(painter, color, QRectF(6.6, 7.0, 8.8, 8.1), detailed=False)


def _unlocked(painter: QPainter, color: QColor) -> None:
    _solidLock(painter, color, _shackle(4.4, lift=0.8))


def _waiting(painter: QPainter, color: QColor) -> None:
    _outlinedLock(painter, color, _shackle(7.4))
    for x in (5.6, 8.0, 10.4):
        dot = QPainterPath()
        dot.addEllipse(QPointF(x, 10.8), 0.75, 0.75)
        painter.fillPath(dot, color)


def _idle(painter: QPainter, color: QColor) -> None:
    _outlinedLock(painter, color, _shackle(4.4, lift=0.8))


# ------------------------------------------------------------------------------- what else


def _disc() -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QRectF(1.2, 1.2, 13.6, 13.6))
    return path


def _strokeOf(path: QPainterPath, width: float) -> QPainterPath:
    stroker = QPainterPathStroker()
    stroker.setWidth(width)
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return stroker.createStroke(path)


def _failed(painter: QPainter, color: QColor) -> None:
    cross = QPainterPath(QPointF(5.4, 5.4))
    cross.lineTo(10.6, 10.6)
    cross.moveTo(10.6, 5.4)
    cross.lineTo(5.4, 10.6)
    painter.fillPath(_disc().subtracted(_strokeOf(cross, 1.7).simplified()), color)


def _valid(painter: QPainter, color: QColor) -> None:
    tick = QPainterPath(QPointF(4.8, 8.3))
    tick.lineTo(7.1, 10.7)
    tick.lineTo(11.3, 5.7)
    painter.fillPath(_disc().subtracted(_strokeOf(tick, 1.7)), color)


def _triangle(painter: QPainter, color: QColor, rect: QRectF, *, detailed: bool) -> None:
    inner = rect.adjusted(0.9, 0.9, -0.9, -0.9)
    corners = [QPointF(inner.center().x(), inner.top()), inner.bottomRight(), inner.bottomLeft()]
    triangle = QPainterPath()
    triangle.addPolygon(QPolygonF([*corners, corners[0]]))
    shape = triangle.united(_strokeOf(triangle, 1.8))
    middle, height = rect.center().x(), rect.height()
    mark = QPainterPath()
    width = 1.5 if detailed else 1.3
    top = rect.top() + 0.34 * height
    mark.addRoundedRect(QRectF(middle - width / 2, top, width, 0.30 * height), width / 2, width / 2)
    mark.addEllipse(QPointF(middle, rect.top() + 0.80 * height), width * 0.58, width * 0.58)
    painter.fillPath(shape.subtracted(mark), color)


def _warning(painter: QPainter, color: QColor) -> None:
    _triangle(painter, color, QRectF(0.6, 1.2, 14.8, 13.4), detailed=True)


def _certificate(painter: QPainter, color: QColor) -> None:
    sheet = QPainterPath()
    sheet.addRoundedRect(QRectF(1.7, 2.7, 12.6, 9.2), 1.2, 1.2)
    painter.strokePath(sheet, _pen(color, 1.2))
    lines = QPainterPath(QPointF(4.2, 5.6))
    lines.lineTo(11.6, 5.6)
    lines.moveTo(4.2, 8.2)
    lines.lineTo(7.0, 8.2)
    painter.strokePath(lines, _pen(color, 1.2))
    seal = QPainterPath()
    seal.addEllipse(QPointF(10.6, 10.2), 2.3, 2.3)
    ribbon = QPainterPath()
    ribbon.addPolygon(
        QPolygonF(
            [QPointF(9.2, 11.0), QPointF(12.0, 11.0), QPointF(12.4, 15.4), QPointF(10.6, 14.2), QPointF(8.8, 15.4)]
        )
    )
    painter.fillPath(seal.united(ribbon), color)


def _log(painter: QPainter, color: QColor) -> None:
    lines = QPainterPath()
    for y in (3.6, 8.0, 12.4):
        lines.moveTo(5.6, y)
        lines.lineTo(14.0, y)
        dot = QPainterPath()
        dot.addEllipse(QPointF(2.6, y), 1.1, 1.1)
        painter.fillPath(dot, color)
    painter.strokePath(lines, _pen(color, 1.5))


def _key(painter: QPainter, color: QColor) -> None:
    bow = QPainterPath()
    bow.addEllipse(QPointF(4.9, 8.0), 2.9, 2.9)
    painter.strokePath(bow, _pen(color, 1.6))
    bit = QPainterPath(QPointF(7.9, 8.0))
    bit.lineTo(14.2, 8.0)
    bit.lineTo(14.2, 10.8)
    bit.moveTo(11.3, 8.0)
    bit.lineTo(11.3, 10.2)
    painter.strokePath(bit, _pen(color, 1.6))


_PAINTERS = {
    Symbol.Locked: _locked,
    Symbol.LockedWithErrors: _lockedWithErrors,
    Symbol.Unlocked: _unlocked,
    Symbol.Waiting: _waiting,
    Symbol.Idle: _idle,
    Symbol.Failed: _failed,
    Symbol.Warning: _warning,
    Symbol.Valid: _valid,
    Symbol.Certificate: _certificate,
    Symbol.Log: _log,
    Symbol.Key: _key,
}
