"""Paints every scene into docs/images, without a display."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QImage
from PySide6.QtWidgets import QApplication

import qtsecure
from qtsecure.testing import waitFor
from tests.screenshots.palettes import PALETTES
from tests.screenshots.scenes import SCENES

DIRECTORY = Path(qtsecure.__file__).parents[1] / "docs" / "images"


def _small(image: QImage) -> QImage:
    """With the 256 colours that are most used, and the next ones for the rest: a quarter of the size."""
    counts = Counter(memoryview(image.convertToFormat(QImage.Format.Format_RGB32).constBits()).cast("I"))
    table = [color for color, _ in counts.most_common(256)]
    flags = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
    return image.convertToFormat(QImage.Format.Format_Indexed8, table, flags)


def main(names: list[str]) -> None:
    """Paint the scenes with these names, or all."""
    application = QApplication([])
    application.setStyle("Fusion")
    application.setFont(QFont("DejaVu Sans", 10))
    for name in names or SCENES:
        for scheme, palette in PALETTES.items():
            application.setPalette(palette)
            scene = SCENES[name]()
            widget = next(scene)
            widget.resize(widget.sizeHint().expandedTo(widget.minimumSize()))
            widget.show()
            waitFor(widget.isVisible)
            for _ in range(3):
                application.processEvents()
            image = _small(widget.grab().toImage())
            path = DIRECTORY / f"widgets-{name}-{scheme}.png"
            image.save(str(path), "PNG", 0)
            print(path.name, image.width(), image.height(), path.stat().st_size)
            next(scene, None)
            widget.close()


if __name__ == "__main__":
    main(sys.argv[1:])
