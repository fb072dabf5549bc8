"""Runs the tests of Qt Quick beside it."""

import sys
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtQml import QQmlEngine
from PySide6.QtQuickTest import QUICK_TEST_MAIN_WITH_SETUP

import qtsecure.qml

qtsecure.qml.register()


class Setup(QObject):
    """Shows each engine the module."""

    @Slot(QQmlEngine)
    def qmlEngineAvailable(self, engine: QQmlEngine) -> None:
        """Qt calls it before a file is loaded."""
        qtsecure.qml.register(engine)


arguments = [sys.argv[0], "-input", str(Path(__file__).parent), *sys.argv[1:]]
sys.exit(QUICK_TEST_MAIN_WITH_SETUP("qtsecure", Setup, arguments))
