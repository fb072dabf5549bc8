"""``qtsecure demo --gui`` opens a window in which both ends talk, and ends with it."""

from __future__ import annotations

import signal

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from qtsecure import SslConfiguration
from qtsecure.cli.main import main
from qtsecure.testing import waitFor
from qtsecure.widgets.demo_window import DemoWindow
from tests.closing import closedAgain


@pytest.mark.parametrize("dtls", [False, True])
def test_a_talk(qtbot, pki, dtls: bool) -> None:
    """There and back, over TLS and DTLS."""
    window = DemoWindow(dtls=dtls)
    qtbot.addWidget(window)
    server = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
    assert window.begin(server, SslConfiguration.forClient([pki.ca.certificate])) == ""
    window.show()
    ends = (window.clientEnd, window.serverEnd)
    waitFor(lambda: all(end.input.isEnabled() for end in ends))
    for speaker, listener in (ends, ends[::-1]):
        QTest.keyClicks(speaker.input, "hello")
        with qtbot.waitSignal((listener.heard, "heard")) as heard:
            QTest.keyClick(speaker.input, Qt.Key.Key_Return)
        assert heard.args == ["hello"]
    window.end()
    waitFor(lambda: not window.clientEnd.input.isEnabled())
    waitFor(lambda: {entry.source for entry in window.log.model().entries()} == {"client", "server", "peer"})


@pytest.mark.parametrize("words", [["demo", "--gui"], ["demo", "--gui", "--dtls"]])
def test_the_command(qtbot, words: list[str]) -> None:
    """Exit code 0 when the user closes the window."""
    shown: list[QWidget] = []
    with closedAgain(shown.append):
        assert main(words) == 0
    assert any(isinstance(window, DemoWindow) for window in shown)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(qtbot, number: signal.Signals) -> None:
    """Ends it, with the exit code of all commands; it was a traceback, and the window stayed."""

    def press() -> None:
        if any(isinstance(window, DemoWindow) and window.isVisible() for window in QApplication.topLevelWidgets()):
            timer.stop()
            signal.raise_signal(number)

    timer, guard = QTimer(interval=10), QTimer(singleShot=True, interval=20_000)
    timer.timeout.connect(press)
    guard.timeout.connect(lambda: QApplication.exit(0))  # without it a failing test would not end
    timer.start()
    guard.start()
    code = main(["demo", "--gui"])
    guard.stop()
    assert code == 130


def test_nobody_listens(qtbot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 4."""
    monkeypatch.setattr(DemoWindow, "begin", lambda *arguments: "The port is in use.")
    assert main(["demo", "--gui"]) == 4
    assert "The port is in use." in capsys.readouterr().err


def test_either_or(capsys: pytest.CaptureFixture[str]) -> None:
    """With and without windows at once is a usage error."""
    assert main(["demo", "--gui", "--headless"]) == 2
    assert "not allowed with" in capsys.readouterr().err
