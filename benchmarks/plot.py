"""Draws ping-pong rate against the number of idle pairs, with Qt's own painter."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

from benchmarks.rows import Row

__all__ = ["idlePlot"]

_IDLE = (0, 10, 50, 200, 1000, 3000)
_COLOURS = {"qt": "#d1495b", "qtsecure": "#1b7f5c"}
_NAMES = {"qt": "QSslSocket", "qtsecure": "SslSocket"}


def idlePlot(path: str, measure: Callable[[Row, str], dict[str, Any]]) -> None:
    """Measure both sides at each number of idle pairs, and draw them on logarithmic axes."""
    curves: dict[str, list[float]] = {"qt": [], "qtsecure": []}
    for idle in _IDLE:
        for side, rates in curves.items():
            count = 2_000 if side == "qt" and idle >= 1000 else 10_000
            row = Row(title="", workload="pingPong", count=count, options={"idle": idle})
            rates.append(measure(row, side)["value"])
    draw(path, curves)


def draw(path: str, curves: dict[str, list[float]]) -> None:
    """Write the picture."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QPointF, QRectF, Qt
    from PySide6.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter, QPen, QPolygonF

    application = QGuiApplication.instance() or QGuiApplication([])
    image = QImage(1040, 620, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRectF(110, 70, 760, 460)
    low, high = 2.0, 5.0  # decades of messages a second

    def x(idle: int) -> float:
        return area.left() + math.log10(idle + 1) / math.log10(_IDLE[-1] + 1) * area.width()

    def y(rate: float) -> float:
        return area.bottom() - (math.log10(rate) - low) / (high - low) * area.height()

    painter.setPen(QColor("#222222"))
    painter.setFont(QFont("sans-serif", 15))
    painter.drawText(QPointF(area.left(), 40), "Messages there and back each second, beside idle TLS connections")
    painter.setFont(QFont("sans-serif", 12))
    for decade in range(int(low), int(high) + 1):
        level = y(10**decade)
        painter.setPen(QPen(QColor("#dddddd"), 1))
        painter.drawLine(QPointF(area.left(), level), QPointF(area.right(), level))
        painter.setPen(QColor("#555555"))
        label = QRectF(0, level - 12, area.left() - 12, 24)
        painter.drawText(label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{10**decade:,}")
    for idle in _IDLE:
        painter.drawText(QRectF(x(idle) - 40, area.bottom() + 8, 80, 24), Qt.AlignmentFlag.AlignCenter, f"{idle:,}")
    caption = QRectF(area.left(), area.bottom() + 40, area.width(), 26)
    painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, "idle encrypted pairs in the same process")
    for side, rates in curves.items():
        colour = QColor(_COLOURS[side])
        points = [QPointF(x(idle), y(rate)) for idle, rate in zip(_IDLE, rates, strict=True)]
        painter.setPen(QPen(colour, 3))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(colour)
        for point in points:
            painter.drawEllipse(point, 5, 5)
        painter.drawText(points[-1] + QPointF(14, 5), f"{_NAMES[side]} {rates[-1]:,.0f}")
    painter.end()
    if not image.save(path):
        raise SystemExit(f"The picture {path} cannot be written.")
    del application
