"""The tests that the how-to shows pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qtsecure

ROOT = Path(qtsecure.__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAM = """
from PySide6.QtWidgets import QMainWindow
from qtsecure import SslSocket


class MainWindow(QMainWindow):
    def __init__(self, configuration):
        super().__init__()
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(configuration)

    def connectTo(self, host, port):
        self.socket.errorOccurred.connect(self.tell)
        self.socket.connectToHostEncrypted(host, port)

    def tell(self):
        errors = [error.errorString() for error in self.socket.sslHandshakeErrors()]
        self.statusBar().showMessage("; ".join(errors))
"""


def test_the_howto_s_tests_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a project of their own, with a program as the page supposes it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nqt_api = pyside6\npythonpath = .\n")
    blocks = BLOCK.findall((ROOT / "docs" / "howto-testing.md").read_text("utf-8"))
    pytester.makepyfile(myprogram=PROGRAM, **{f"test_{number}": code for number, code in enumerate(blocks)})
    result = pytester.runpytest_subprocess("-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin")
    result.assert_outcomes(passed=len(blocks))
