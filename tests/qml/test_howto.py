"""The how-to for QML: its program runs, its documents load and are clean."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QUrl
from PySide6.QtQml import QQmlComponent, QQmlEngine

import qtsecure
from tests.qml.test_files import qmllint

ROOT = Path(qtsecure.__file__).parents[1]
PAGE = (ROOT / "docs" / "howto-qml.md").read_text("utf-8")
DOCUMENTS = re.findall(r"^```qml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_program(tmp_path: Path) -> None:
    """The program loads its window, as far as it goes without a user."""
    (program,) = re.findall(r"^<!-- program: app -->\n```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "Main.qml").write_text(DOCUMENTS[0], "utf-8")
    assert program.count("app.exec()") == 1
    done = subprocess.run(
        [sys.executable, "-c", program.replace("app.exec()", "app.processEvents()")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software"},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_document(qapp: QCoreApplication, tmp_path: Path, number: int) -> None:
    """Each is what qmllint likes, and makes an object; a server without its files says so, and no more."""
    file = tmp_path / f"Document{number}.qml"
    file.write_text(DOCUMENTS[number], "utf-8")
    done = qmllint(str(file))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    engine = QQmlEngine()
    component = QQmlComponent(engine, QUrl.fromLocalFile(str(file)))
    made = component.create()
    assert made is not None, component.errorString()
    made.deleteLater()
    engine.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def test_there_are_documents() -> None:
    """The tests above have something to do."""
    assert len(DOCUMENTS) == 4
