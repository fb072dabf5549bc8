"""Curves over time: with pyqtgraph where it is installed (pip install 'qtsecure[plot]'), else painted here."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

COLORS = ("#2f6fd0", "#d0662f", "#2fa36b", "#a04fd0")
KEPT = 240


class PaintedPlot(QWidget):
    """Draws the latest values of several curves, with a grid and a legend."""

    def __init__(self) -> None:
        super().__init__()
        self.curves: dict[str, deque[float]] = {}
        self.setAccessibleName("Measurements")

    def add(self, name: str, value: float) -> None:
        """Append a value to a curve."""
        self.curves.setdefault(name, deque(maxlen=KEPT)).append(value)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(600, 280)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        metrics = self.fontMetrics()
        low, high = self._range()
        left = metrics.horizontalAdvance(f"{high:.1f}") + 14
        area = QRectF(left, metrics.height() + 12, self.width() - left - 12, self.height() - metrics.height() - 28)
        grid = self.palette().color(QPalette.ColorRole.Text)
        grid.setAlpha(45)
        for step in range(5):
            y = area.bottom() - step * area.height() / 4
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            label = QRectF(0, y - metrics.height() / 2, left - 8, metrics.height())
            painter.drawText(label, Qt.AlignmentFlag.AlignRight, f"{low + step * (high - low) / 4:.1f}")
        x = area.left()
        for number, (name, values) in enumerate(self.curves.items()):
            pen = QPen(QColor(COLORS[number % len(COLORS)]), 2)
            painter.setPen(pen)
            points = [
                QPointF(
                    area.right() - (len(values) - 1 - position) * area.width() / (KEPT - 1),
                    area.bottom() - (value - low) / (high - low) * area.height(),
                )
                for position, value in enumerate(values)
            ]
            painter.drawPolyline(QPolygonF(points))
            painter.drawLine(QPointF(x, metrics.height() / 2 + 5), QPointF(x + 16, metrics.height() / 2 + 5))
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            painter.drawText(QPointF(x + 22, metrics.ascent() + 5), name)
            x += 22 + metrics.horizontalAdvance(name) + 24

    def _range(self) -> tuple[float, float]:
        values = [value for curve in self.curves.values() for value in curve] or [0.0, 1.0]
        low, high = min(values), max(values)
        margin = max(0.5, (high - low) * 0.1)
        return low - margin, high + margin


def makePlot():
    """The best plot that is there."""
    try:
        import pyqtgraph
    except ImportError:
        return PaintedPlot()

    class Plot(pyqtgraph.PlotWidget):
        """The same with zoom and export."""

        def __init__(self) -> None:
            super().__init__()
            self.setAccessibleName("Measurements")
            background = self.palette().color(QPalette.ColorRole.Base)
            self.setBackground(background)
            for axis in ("left", "bottom"):
                self.getAxis(axis).setTextPen(self.palette().color(QPalette.ColorRole.Text))
            self.showGrid(y=True, alpha=0.3)
            text = self.palette().color(QPalette.ColorRole.Text)
            self.addLegend(offset=(8, 4), colCount=8, brush=background, labelTextColor=text)
            self.curves: dict[str, deque[float]] = {}
            self._lines: dict = {}

        def add(self, name: str, value: float) -> None:
            """Append a value to a curve."""
            if name not in self.curves:
                self.curves[name] = deque(maxlen=KEPT)
                pen = pyqtgraph.mkPen(COLORS[(len(self.curves) - 1) % len(COLORS)], width=2)
                self._lines[name] = self.plot(name=name, pen=pen)
            self.curves[name].append(value)
            self._lines[name].setData(list(self.curves[name]))

    return Plot()
