"""Certificates with every field, for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from PySide6.QtCore import QDateTime, QModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from qtsecure import SecureError, SslCertificate, SslError
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.testing import waitFor
from qtsecure.widgets import CertificateView
from qtsecure.widgets.certificate_facts import certificateSections, dateText, daysLeft, validityText
from qtsecure.widgets.tones import Tone, toneColor


@pytest.fixture
def view(qtbot) -> CertificateView:
    """One that is shown."""
    widget = CertificateView()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def texts(view: CertificateView) -> list[str]:
    """What its labels say."""
    return [label.text() for label in view.findChildren(QLabel) if label.isVisible() and label.text()]


def shownFields(view: CertificateView) -> dict[str, str]:
    """Labels and values of the table."""
    model, found = view._fieldModel, {}
    for row in range(model.rowCount()):
        section = model.index(row, 0)
        for line in range(model.rowCount(section)):
            found[str(model.index(line, 0, section).data())] = str(model.index(line, 1, section).data())
    return found


def issue(code: IssueCode, certificate: SslCertificate, depth: int = 0) -> SslError:
    """An error of a handshake."""
    return SslError.fromIssue(VerificationIssue(int(code), depth, bytes(certificate.toDer().data())))


def test_a_chain(view, pki) -> None:
    """The authority on top, the peer's own chosen; a click shows another."""
    chain = [*map(SslCertificate, pki.viaIntermediate.chain), SslCertificate(pki.ca.certificate)]
    view.setCertificateChain(chain)
    assert view.certificateChain() == chain
    assert view.currentCertificate() == chain[0]
    model, names = view._chainModel, []
    index = model.index(0, 0)
    while index.isValid():
        names.append(index.data())
        index = model.index(0, 0, index)
    assert names == [each.subjectDisplayName() for each in reversed(chain)]
    top = view._chainView.visualRect(model.index(0, 0))
    QTest.mouseClick(view._chainView.viewport(), Qt.MouseButton.LeftButton, pos=top.center())
    assert view.currentCertificate() == chain[2]
    assert texts(view)[0] == "qtsecure throw-away CA"
    view.setCurrentPosition(1)
    assert view.currentCertificate() == chain[1]
    with pytest.raises(ValueError, match="3 certificates"):
        view.setCurrentPosition(3)


def test_fields(view, pki) -> None:
    """Names, fingerprints and the pin are all there, and the values are in the second column."""
    leaf = SslCertificate(pki.server.certificate)
    view.setCertificateChain([leaf])
    fields = shownFields(view)
    assert fields["SHA-256"].replace("\n", ":") == leaf.fingerprint()
    assert fields["Key pin"] == leaf.publicKeyPin()
    assert fields["Public key"] == "EC, secp256r1"
    assert fields["Serial number"] == leaf.serialNumber()
    assert fields["Purpose"] == "servers"
    assert fields["Authority"] == "no"
    assert view._fieldView.header().count() == 2
    assert view._chainView.isHidden()  # of one there is nothing to choose


def test_errors(view, pki) -> None:
    """Each with the certificate that it is about, in plain words and with advice."""
    chain = list(map(SslCertificate, pki.viaIntermediate.chain))
    view.setCertificateChain(
        chain, [issue(IssueCode.CERT_HAS_EXPIRED, chain[0]), issue(IssueCode.INVALID_CA, chain[1], depth=1)]
    )
    assert any("has expired" in text for text in texts(view))
    assert any("needs a new certificate" in text for text in texts(view))
    assert not any("not allowed to issue" in text for text in texts(view))
    view.setCurrentPosition(1)
    assert any("not allowed to issue" in text for text in texts(view))


def test_an_error_of_a_certificate_that_was_not_sent(view, pki) -> None:
    """The authority of the trust store has expired: nothing that is wrong may be hidden behind the end of the chain."""
    leaf = SslCertificate(pki.server.certificate)
    view.setCertificateChain([leaf], [issue(IssueCode.CERT_HAS_EXPIRED, leaf, depth=3)])
    assert any("has expired" in text for text in texts(view))


def test_many_errors(view, pki) -> None:
    """A hostile chain cannot fill the screen."""
    leaf = SslCertificate(pki.server.certificate)
    view.setCertificateChain([leaf], [issue(code, leaf) for code in IssueCode])
    assert any("more problems" in text for text in texts(view))
    assert len(texts(view)) < 15


def test_nothing(view, pki) -> None:
    """Without certificates it says so, and there is nothing to save."""
    assert texts(view) == ["No certificate"]
    assert not view._saveButton.isEnabled()
    view.setCertificateChain([SslCertificate(pki.server.certificate)])
    assert view._saveButton.isEnabled()
    view.setCertificateChain([])
    assert texts(view) == ["No certificate"]
    assert shownFields(view) == {}
    assert view.currentCertificate().isNull()


def test_a_damaged_certificate(view) -> None:
    """It still has a fingerprint."""
    damaged = SslCertificate(b"\x30\x81\x03\x02\x01\x01")
    view.setCertificateChain([damaged])
    assert shownFields(view)["SHA-256"].replace("\n", ":") == damaged.fingerprint()
    assert any("cannot be read" in text for text in texts(view))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (-10, 20, "20 days left"),
        (-10, 1, "one day left"),
        (-10, 0, "less than a day left"),
        (-10, -0.5, "expired less than a day ago"),
        (-10, -1.5, "expired one day ago"),
        (-10, -5.5, "expired 5 days ago"),
        (1, 9, "not valid yet"),
    ],
)
def test_days(pki, qapp, start: float, end: float, words: str) -> None:
    """As people count them."""
    now = datetime.now(timezone.utc)
    issued = pki.ca.issue(
        notBefore=now + timedelta(days=start), notAfter=now + timedelta(days=end, hours=3 if end >= 0 else 0)
    )
    assert validityText(SslCertificate(issued.certificate)) == words


@pytest.mark.parametrize(
    ("start", "end", "said", "tone"),
    [
        (-10, 20, "Valid until", Tone.Good),
        (-10, 5, "Valid until", Tone.Caution),
        (-10, -1.5, "Was valid until", Tone.Bad),
        (5, 90, "Valid until", Tone.Bad),
    ],
)
def test_the_colour_of_the_dates(view, pki, start: float, end: float, said: str, tone: Tone) -> None:
    """Green is for what is valid today."""
    now = datetime.now(timezone.utc)
    issued = pki.ca.issue(notBefore=now + timedelta(days=start), notAfter=now + timedelta(days=end))
    view.setCertificateChain([SslCertificate(issued.certificate)])
    assert view._validity.text().startswith(said)
    color = view._validity.palette().color(QPalette.ColorRole.WindowText)
    assert color == toneColor(view.palette(), tone)


def test_a_narrow_view(view, pki) -> None:
    """The end of every value can be reached with the scroll bar."""
    view.setCertificateChain([SslCertificate(pki.server.certificate)])
    view.resize(300, 400)
    view.show()
    waitFor(view._fieldView.isVisible)
    header = view._fieldView.header()
    assert header.sectionSize(1) >= view._fieldView.sizeHintForColumn(1)
    assert view._fieldView.horizontalScrollBar().maximum() > 0


def test_from_right_to_left(view, pki, qapp) -> None:
    """Labels begin at the right, and the last sign of a pin stays behind it; what is copied is the pin alone."""
    leaf = SslCertificate(pki.server.certificate)
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        view.setCertificateChain([leaf])
        assert view._title.alignment() & Qt.AlignmentFlag.AlignRight
        assert shownFields(view)["Key pin"] == f"{leaf.publicKeyPin()}\u200e"
        view._fieldView.selectAll()
        view._copyAction.trigger()
        assert leaf.publicKeyPin() in QGuiApplication.clipboard().text().split("\n")
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    assert view._title.alignment() & Qt.AlignmentFlag.AlignLeft


def test_no_date(qapp) -> None:
    """A date that cannot be read is none."""
    assert dateText(QDateTime()) == ""
    assert daysLeft(SslCertificate()) is None
    assert certificateSections(SslCertificate()) == []


def test_copy(view, pki) -> None:
    """The button copies all fields, Ctrl+C the selected values, in one line each."""
    leaf = SslCertificate(pki.server.certificate)
    view.setCertificateChain([leaf])
    QTest.mouseClick(view._copyButton, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied == view.detailsAsText()
    assert "Common name: qtsecure throw-away certificate" in copied
    model = view._fieldModel
    section = model.index(model.rowCount() - 1, 0)
    view._fieldView.setCurrentIndex(model.index(0, 0, section))
    view._fieldView.setFocus()
    view._copyAction.trigger()
    assert QGuiApplication.clipboard().text() == leaf.fingerprint()
    assert f"SHA-256: {leaf.fingerprint()}\n" in copied
    view._fieldView.selectAll()
    view._copyAction.trigger()
    lines = QGuiApplication.clipboard().text().split("\n")
    assert lines[0] == "qtsecure throw-away certificate"
    assert lines[-3:] == [leaf.fingerprint(), leaf.publicKeyPin(), leaf.digest("sha1").data().hex(":").upper()]


def test_save(view, pki, tmp_path: Path) -> None:
    """PEM, the peer's own first; what cannot be written is told."""
    chain = list(map(SslCertificate, pki.viaIntermediate.chain))
    view.setCertificateChain(chain)
    view.exportPem(tmp_path / "chain.pem")
    assert SslCertificate.fromPath(tmp_path / "chain.pem") == chain
    with pytest.raises(SecureError, match="cannot be written"):
        view.exportPem(tmp_path / "missing" / "chain.pem")


@pytest.mark.parametrize("arguments", [([1],), ([], ["error"])])
def test_bad_arguments(view, arguments: tuple[object, ...]) -> None:
    """Refused before anything changes."""
    with pytest.raises(TypeError, match="must hold"):
        view.setCertificateChain(*arguments)


def test_everything_has_a_name_for_those_who_cannot_see_it(view, pki) -> None:
    """Views have names, values say their label."""
    view.setCertificateChain(list(map(SslCertificate, pki.viaIntermediate.chain)))
    assert view._chainView.accessibleName()
    assert view._fieldView.accessibleName()
    section = view._fieldModel.index(0, 0, QModelIndex())
    text = view._fieldModel.index(0, 1, section).data(Qt.ItemDataRole.AccessibleTextRole)
    assert text == "Common name: qtsecure throw-away certificate"


def test_nothing_needs_no_scroll_bar(view) -> None:
    """Also in Designer, where there never is a certificate."""
    view.resize(300, 300)
    QTest.qWait(1)
    assert view._fieldView.horizontalScrollBar().maximum() == 0
