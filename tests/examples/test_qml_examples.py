"""The examples in QML: the chat with a real connection, and the gallery's pictures."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtQuick import QQuickItem, QQuickWindow, QSGRendererInterface
from PySide6.QtTest import QTest

import qtsecure
import qtsecure.qml
from qtsecure.testing import waitFor

ROOT = Path(qtsecure.__file__).parents[1]
CHAT = ROOT / "examples" / "qml_chat" / "main.py"
GALLERY = ROOT / "examples" / "qml_gallery" / "main.py"

qtsecure.qml.register()
QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)


@pytest.fixture
def chat(qapp: QCoreApplication, tmp_path: Path) -> Iterator[Any]:
    """The window."""
    engine = runpy.run_path(str(CHAT))["load"](str(tmp_path / "decisions.ini"))
    warnings: list[str] = []
    engine.warnings.connect(lambda found: warnings.extend(each.toString() for each in found))
    (window,) = engine.rootObjects()
    QTest.qWaitForWindowActive(window)
    yield window
    engine.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert warnings == []


def items(window: QQuickWindow, name: str) -> list[QQuickItem]:
    """The visible items with this objectName, in popups as well."""
    found, queue = [], [window.contentItem()]
    while queue:
        each = queue.pop()
        if each.isVisible():
            found += [each] * (each.objectName() == name)
            queue += each.childItems()
    return found


def click(window: QQuickWindow, name: str) -> None:
    """Click at the middle of an item."""
    (item,) = items(window, name)
    middle = item.mapToScene(QPointF(item.width() / 2, item.height() / 2)).toPoint()
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(middle))


def property_(window: QQuickWindow, name: str, key: str) -> object:
    """A property of a named object."""
    return window.findChild(QObject, name).property(key)


def connect(window: QQuickWindow) -> None:
    """Connect and trust the certificate."""
    click(window, "connectButton")
    waitFor(lambda: bool(property_(window, "trustPrompt", "opened")))
    click(window, "acceptButton")
    waitFor(lambda: property_(window, "badge", "encrypted") is True)


def test_chat(chat: Any) -> None:
    """A question about trust, with time to read it, and a message each way."""
    assert chat.findChild(QObject, "server").handshakeTimeout() >= 60_000
    connect(chat)
    assert property_(chat, "badge", "text") == "Encrypted, not verified"
    for pane in ("clientChat", "serverChat"):
        waitFor(lambda pane=pane: property_(chat, pane, "connected") is True)
        (field,) = [each for each in items(chat, "message") if inside(each, pane)]
        field.forceActiveFocus()
        for character in "hello":
            QTest.keyClick(chat, character)
        QTest.keyClick(chat, Qt.Key.Key_Return)
    waitFor(lambda: lines(chat, "clientChat") == 2 and lines(chat, "serverChat") == 3)
    click(chat, "connectButton")
    waitFor(lambda: property_(chat, "badge", "text") == "Not connected")


def test_chat_with_a_certificate_of_the_authority(chat: Any) -> None:
    """Nothing is asked."""
    chat.findChild(QObject, "kind").setProperty("currentIndex", 1)
    chat.listenAnew()
    click(chat, "connectButton")
    waitFor(lambda: property_(chat, "badge", "text") == "Encrypted")
    assert property_(chat, "trustPrompt", "opened") is False


def test_closing_the_chat_while_it_asks(chat: Any) -> None:
    """The window closes, and the connection with it."""
    click(chat, "connectButton")
    waitFor(lambda: bool(property_(chat, "trustPrompt", "opened")))
    chat.close()
    waitFor(lambda: chat.findChild(QObject, "socket").state().name == "UnconnectedState")


def inside(item: QQuickItem, name: str) -> bool:
    """Whether one of its parents has this name."""
    parent = item.parentItem()
    return parent is not None and (parent.objectName() == name or inside(parent, name))


def lines(window: QQuickWindow, pane: str) -> int:
    """How many lines a chat shows."""
    return int(window.findChild(QObject, pane).property("count"))


def test_pictures(tmp_path: Path) -> None:
    """One command saves every page in light and dark, and none of them is empty."""
    done = subprocess.run(
        [sys.executable, str(GALLERY), "--images", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    saved = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    pages = ("badges", "progress", "certificate", "trust", "psk", "chat")
    assert saved.keys() == {f"qml-{page}-{scheme}.png" for page in pages for scheme in ("light", "dark")}
    assert min(saved.values()) > 4000
    assert saved.keys() == {path.name for path in (ROOT / "docs" / "images").glob("qml-*.png")}
