"""The tests that the how-tos show pass, in projects of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing import Fault

ROOT = Path(qtsecure.__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SUITE = re.compile(r"^<!-- suite -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
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
# What the page's device is made for: a message channel that the program has already.
LINKS = """
from PySide6.QtCore import QObject, QTimer, Signal


class Link(QObject):
    received = Signal(object)
    finished = Signal()
    other = None

    def send(self, data):
        QTimer.singleShot(0, self.other, lambda: self.other.received.emit(data))

    def finish(self):
        QTimer.singleShot(0, self.other, self.other.finished.emit)


def connectedLinks():
    one, two = Link(), Link()
    one.other, two.other = two, one
    return one, two
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the plugins that it needs."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nqt_api = pyside6\npythonpath = .\n")
    return pytester


def run(project: pytest.Pytester) -> dict[str, int]:
    return project.runpytest_subprocess("-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin").parseoutcomes()


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def test_the_tests_of_the_howto_pass(project: pytest.Pytester) -> None:
    """With a program as the page supposes it."""
    blocks = BLOCK.findall(page("howto-testing"))
    (window,) = (code for code in BLOCK.findall(page("howto-widgets")) if "class MainWindow" in code)
    project.makepyfile(
        myprogram=PROGRAM, window=window, **{f"test_{number}": code for number, code in enumerate(blocks)}
    )
    outcomes = run(project)
    assert set(outcomes) <= {"passed", "skipped"}
    assert outcomes["passed"] >= sum(code.count("def test_") for code in blocks) + 15  # of the suite


def test_every_fault_is_in_the_table() -> None:
    """In the order and the words of the catalogue."""
    table = page("howto-testing").partition("| `Fault` |")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == [f"| `{fault.name}` | {fault.value} |" for fault in Fault]


def test_the_device_of_the_howto_conforms(project: pytest.Pytester) -> None:
    """As the page checks it."""
    text = page("howto-transports")
    (device,) = (code for code in BLOCK.findall(text) if "class Channel" in code)
    (suite,) = SUITE.findall(text)
    project.makepyfile(channel=device, links=LINKS, test_channel=suite)
    outcomes = run(project)
    assert set(outcomes) <= {"passed", "skipped"}
    assert outcomes["passed"] > 15


def test_the_transport_of_the_howto_conforms(project: pytest.Pytester) -> None:
    """As the page checks it."""
    (suite,) = SUITE.findall(page("howto-custom-datagrams"))
    module = (ROOT / "examples" / "custom_datagrams" / "local_datagrams.py").read_text("utf-8")
    project.makepyfile(local_datagrams=module, test_local=suite)
    outcomes = run(project)
    assert set(outcomes) <= {"passed", "skipped"}
    assert outcomes["passed"] > 15
