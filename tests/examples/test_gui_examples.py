"""The examples with windows, driven as users would, and started and closed as programs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from qtsecure import SslCertificate, SslConfiguration, TrustDecisions
from qtsecure.testing import waitFor
from qtsecure.widgets import ConnectionState
from tests.closing import closedAgain
from tests.examples.running import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str, str], ModuleType]]:
    """Import a module of an example as if the example had been started, in an empty folder."""
    before = set(sys.modules)

    def imported(folder: str, module: str) -> ModuleType:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [module])
        monkeypatch.syspath_prepend(str(EXAMPLES / folder))
        return importlib.import_module(module)

    yield imported
    # The examples have modules of the same names.
    for name in set(sys.modules) - before:
        if str(EXAMPLES) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("folder", "module"),
    [
        ("secure_chat", "main"),
        ("certificate_inspector", "inspector"),
        ("dtls_dashboard", "dashboard"),
        ("designer_form", "main"),
    ],
)
def test_started_and_closed(qtbot, example, folder: str, module: str) -> None:
    """One command, no set-up, exit code 0."""
    program = example(folder, module)
    with closedAgain():
        assert program.main() == 0


def test_chat(qtbot, example, tmp_path: Path) -> None:
    """The client asks about the certificate, the user says always, and the next client is not asked."""
    main = example("secure_chat", "main")
    server, client = main.makeWindows([])
    assert server.server.handshakeTimeout() >= 60_000  # nobody reads the question in five seconds
    qtbot.addWidget(server)
    qtbot.addWidget(client)
    client.show()
    QTest.mouseClick(client.button, Qt.MouseButton.LeftButton)
    waitFor(lambda: client.prompter.dialog() is not None)
    dialog = client.prompter.dialog()
    dialog.setLifetime(TrustDecisions.Lifetime.Forever)
    QTest.mouseClick(dialog.acceptButton(), Qt.MouseButton.LeftButton)
    waitFor(lambda: client.input.isEnabled() and len(server.clients) == 1)
    waitFor(lambda: client.badge.state() is ConnectionState.EncryptedWithErrors)
    second = main.ClientWindow(TrustDecisions("chat-trust.ini"), "localhost", server.server.serverPort())
    qtbot.addWidget(second)
    second.connectOrLeave()
    waitFor(lambda: second.input.isEnabled() and len(server.clients) == 2)
    QTest.keyClicks(client.input, "hello")
    QTest.keyClick(client.input, Qt.Key.Key_Return)
    waitFor(lambda: second.text.toPlainText().endswith(": hello") and client.text.toPlainText().endswith(": hello"))
    client.connectOrLeave()
    waitFor(lambda: len(server.clients) == 1)
    assert client.button.text() == "&Connect"
    second.socket.abort()
    server.server.close()


def test_chat_keeps_its_certificate(qtbot, example, tmp_path: Path) -> None:
    """The server alone has the same certificate at each start."""
    main = example("secure_chat", "main")
    first, second = main.kept(), main.kept()
    assert first.localCertificate() == second.localCertificate()
    with pytest.raises(SystemExit):
        main.makeWindows(["nonsense"])


def test_inspector(qtbot, example, pki, tmp_path: Path) -> None:
    """A good server, a bad one, a file, and nonsense."""
    inspector = example("certificate_inspector", "inspector")
    servers = inspector.ExampleServers(pki)
    window = inspector.Inspector(SslConfiguration.forClient([pki.ca.certificate]))
    qtbot.addWidget(window)
    good, expired, _ = servers.targets
    window.target.setEditText(good)
    QTest.mouseClick(window.button, Qt.MouseButton.LeftButton)
    waitFor(lambda: len(window.view.certificateChain()) == 2)
    assert "valid" in window.status.text()
    window.target.setEditText(expired)
    window.inspect()
    waitFor(lambda: "expired" in window.status.text())
    assert window.view.currentCertificate() == SslCertificate(pki.expired.certificate)
    files = pki.selfSigned.writeTo(tmp_path, "some")
    window.inspectFile(str(files.certificate))
    assert window.view.currentCertificate() == SslCertificate(pki.selfSigned.certificate)
    window.inspectFile(str(tmp_path / "missing.pem"))
    assert "cannot be read" in window.status.text()
    window.target.setEditText("nonsense")
    window.inspect()
    assert "HOST:PORT" in window.status.text()


@pytest.mark.parametrize("kind", ["PaintedPlot", "Plot"])
def test_dashboard(qtbot, example, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Three sensors are drawn, with pyqtgraph or without; what is no measurement is not."""
    if kind == "PaintedPlot":
        monkeypatch.setitem(sys.modules, "pyqtgraph", None)  # the plot that everybody has
    else:
        pytest.importorskip("pyqtgraph", reason="pyqtgraph is not installed")
    dashboard = example("dtls_dashboard", "dashboard")
    monkeypatch.setattr(dashboard, "PERIOD_MS", 5)
    window, sensors = dashboard.makeAll()
    qtbot.addWidget(window)
    window.show()
    for sensor in sensors:
        sensor.start()
    waitFor(lambda: len(window.plot.curves) == 3 and window.received > 12)
    before = window.received
    for nonsense in (b"", b"[]", b'{"name": 1}', b'{"name": "x", "celsius": "warm"}', b'{"name": "x", "celsius": NaN}'):
        window._measured(nonsense)
    assert window.received == before
    assert set(window.plot.curves) == set(dashboard.NAMES)
    assert type(window.plot).__name__ == kind
    assert not window.plot.grab().isNull()
    for sensor in sensors:
        sensor.stop()
    window.server.close()


def test_designer_form(qtbot, example, pki) -> None:
    """The widgets of the form show the connection."""
    controller = example("designer_form", "main").Controller(pki)
    form = controller.form
    qtbot.addWidget(form)
    QTest.mouseClick(form.connectButton, Qt.MouseButton.LeftButton)
    waitFor(lambda: form.badge.state() is ConnectionState.Encrypted)
    assert form.certificateView.currentCertificate() == SslCertificate(pki.server.certificate)
    assert form.handshakeLog.maximumEntries == 500
    assert any(entry.event == "encrypted" for entry in form.handshakeLog.model().entries())
    controller.socket.abort()
    controller.server.close()


@pytest.fixture
def pki(qtsecure_pki):
    """Good and bad certificates."""
    return qtsecure_pki
