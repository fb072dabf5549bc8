"""The programs of the how-tos work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

import qtsecure
from qtsecure.testing import connectedTlsPair, waitFor
from qtsecure.widgets import ConnectionBadge, ConnectionState

DOCS = Path(qtsecure.__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def block(page: str, marker: str) -> dict[str, object]:
    """Run the block of a page that contains a text; gives its names."""
    (code,) = [code for code in BLOCK.findall((DOCS / f"{page}.md").read_text("utf-8")) if marker in code]
    names: dict[str, object] = {}
    exec(compile(code, page, "exec"), names)
    return names


def test_the_window(qtbot, serve, pki, tmp_path: Path) -> None:
    """A self-signed server leads to the question, and yes to an honest badge."""
    window = block("howto-widgets", "class MainWindow")["MainWindow"](
        "localhost", serve(pki.selfSigned).serverPort(), str(tmp_path / "trust.ini")
    )
    qtbot.addWidget(window)
    window.show()
    window.button.click()
    waitFor(lambda: window.prompter.dialog() is not None)
    window.prompter.dialog().accept()
    waitFor(lambda: window.badge.state() is ConnectionState.EncryptedWithErrors)
    assert window.log.model().rowCount() > 3
    window.socket.abort()


def test_certificates(qtbot, pki) -> None:
    """The dialog shows the chain."""
    pair = connectedTlsPair(pki)
    dialog = block("howto-widgets", "def showCertificates")["showCertificates"](None, pair.client)
    qtbot.addWidget(dialog)
    assert dialog.view().certificateChain() == pair.client.peerCertificateChain()


def test_keys(qtbot) -> None:
    """Asked for before connecting."""
    window = QWidget()
    qtbot.addWidget(window)
    sensor = block("howto-widgets", "class Sensor")["Sensor"](window)
    sensor.ask()
    assert sensor.prompt.isVisible()
    sensor.prompt.reject()


def test_forms(qtbot) -> None:
    """The loader makes the widgets themselves."""
    load = block("howto-designer", "def loadForm")["loadForm"]
    form = load(str(DOCS.parent / "examples" / "designer_form" / "connection.ui"))
    qtbot.addWidget(form)
    assert isinstance(form.badge, ConnectionBadge)


@pytest.mark.parametrize("state", ConnectionState)
def test_every_state_is_explained(state: ConnectionState, qapp) -> None:
    """The table names what the badge shows."""
    from qtsecure.widgets.connection_summary import stateWord

    assert f"| {stateWord(state)} |" in (DOCS / "howto-widgets.md").read_text("utf-8")
