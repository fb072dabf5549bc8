"""The widgets speak other languages."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QTranslator

from qtsecure import SslCertificate, TrustDecisions
from qtsecure.engine.verification import IssueCode
from qtsecure.net.questions.certificate_advice import adviceTexts
from qtsecure.widgets import (
    CertificateView,
    ConnectionBadge,
    ConnectionState,
    HandshakeLog,
    PskForm,
    TrustDialog,
    installTranslations,
)
from qtsecure.widgets.connection_summary import stateWord
from qtsecure.widgets.translating import DIRECTORY
from tests.translations import compileTranslation, engineTexts, update
from tests.widgets.test_trust_dialog import madeRequest, texts


@pytest.fixture
def german(qapp):
    """German until the end of the test."""
    assert installTranslations("de")
    yield
    for translator in qapp.findChildren(QTranslator):
        QCoreApplication.removeTranslator(translator)
        translator.deleteLater()


def test_a_dialog(german, qtbot, tmp_path: Path, pki) -> None:
    """Also the texts of the layers below, which translate nothing themselves."""
    request = madeRequest(pki.wrongHost.certificate, IssueCode.CERT_HAS_EXPIRED, IssueCode.HOSTNAME_MISMATCH)
    dialog = TrustDialog(request, TrustDecisions(tmp_path / "trust.ini"))
    qtbot.addWidget(dialog)
    said = texts(dialog)
    assert "Die Identität von „localhost:443“ konnte nicht geprüft werden" in said
    assert "Das Zertifikat ist abgelaufen" in said
    assert "gilt nicht für den verlangten Rechnernamen; es gilt für wrong.example" in said
    assert "Der Server braucht ein neues Zertifikat." in said
    assert dialog.acceptButton().text() == "&Trotzdem verbinden"
    dialog.setWaiting(3)
    assert "noch 3 solche Fragen" in texts(dialog)


def test_widgets_that_exist_follow(qtbot, pki, request) -> None:
    """The language changes under their feet."""
    badge, view, log, form = ConnectionBadge(), CertificateView(), HandshakeLog(), PskForm()
    for widget in (badge, view, log, form):
        qtbot.addWidget(widget)
    view.setCertificateChain([SslCertificate(pki.server.certificate)])
    wide = badge.sizeHint().width()
    request.getfixturevalue("german")
    QCoreApplication.processEvents()
    assert badge.accessibleName() == "Verbindung: Nicht verbunden"
    assert badge.sizeHint().width() > wide
    assert view._saveButton.text() == "Als PEM &speichern …"
    assert "Ausgestellt von" in view._issuer.text()
    assert log.model().headerData(0, log._view.header().orientation()) == "Zeit"
    assert form._keyLabel.text() == "&Schlüssel:"


def test_there_is_no_such_language(qapp) -> None:
    """Then everything stays English."""
    assert not installTranslations("tlh")
    assert not installTranslations("en")


def test_back_to_english(german, qapp) -> None:
    """The language that was chosen before goes, and none is piled on another."""
    assert installTranslations("de_AT")
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert len(qapp.findChildren(QTranslator)) == 1
    assert stateWord(ConnectionState.NotConnected) == "Nicht verbunden"
    assert not installTranslations("en_GB")
    assert stateWord(ConnectionState.NotConnected) == "Not connected"


@pytest.mark.parametrize(
    ("languages", "word"), [(["en-US", "de-DE"], "Not connected"), (["tlh", "de-Latn-DE", "en"], "Nicht verbunden")]
)
def test_the_order_of_the_users_languages(german, monkeypatch: pytest.MonkeyPatch, languages, word: str) -> None:
    """Whoever reads English first and German second is not shown German."""
    monkeypatch.setattr(QLocale, "uiLanguages", lambda *_: languages)
    installTranslations()
    assert stateWord(ConnectionState.NotConnected) == word


def test_a_locale_of_the_wrong_type(qapp) -> None:
    """It is refused, and named."""
    with pytest.raises(TypeError, match="locale must be"):
        installTranslations(5)


def messages(path: Path) -> set[tuple[str, str]]:
    """Context and text of a .ts file."""
    root = ET.parse(path).getroot()
    return {
        (str(context.findtext("name")), str(message.findtext("source")))
        for context in root.iter("context")
        for message in context.iter("message")
    }


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.ts")), ids=lambda path: path.stem)
def test_files_are_up_to_date(path: Path, tmp_path: Path) -> None:
    """Whoever changes a text runs ``python -m tests.translations``."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    update(copy)
    assert messages(copy) == messages(path)
    assert set(engineTexts()) <= messages(path)
    compiled = tmp_path / "compiled.qm"
    compileTranslation(path, compiled)
    assert compiled.read_bytes() == path.with_suffix(".qm").read_bytes()


def test_german_is_complete() -> None:
    """Whatever can be translated is."""
    root = ET.parse(DIRECTORY / "qtsecure_de.ts").getroot()
    unfinished = {
        (str(context.findtext("name")), str(message.findtext("source")))
        for context in root.iter("context")
        for message in context.iter("message")
        if message.find("translation").get("type") == "unfinished"
    }
    assert unfinished == set()
    assert len(adviceTexts()) > 10
