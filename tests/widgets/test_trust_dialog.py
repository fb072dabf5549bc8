"""The question about a certificate: real servers, and answers through buttons and keys."""

from __future__ import annotations

import gc
import json

import pytest
from PySide6.QtCore import QEvent, QPointF, QSettings, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtNetwork import QAbstractSocket, QSsl, QSslError
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from shiboken6 import delete, isValid

from qtsecure import CertificateRequest, SslCertificate, SslError, SslSocket, TrustDecisions
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.questions.handshake_questions import DECISION_LIMIT_MS
from qtsecure.testing import Fault, SignalRecorder, waitFor
from qtsecure.widgets import TrustDialog, TrustPrompter
from tests.net.conversation import FakeClock

Lifetime = TrustDecisions.Lifetime


@pytest.fixture
def window(qtbot) -> QWidget:
    """The program's window."""
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def prompter(decisions, window) -> TrustPrompter:
    """What a program has."""
    return TrustPrompter(decisions, window)


def prompted(prompter: TrustPrompter, client: SslSocket, port: int) -> TrustDialog:
    """Connect, and wait until the user is asked."""
    client.acceptCertificate.connect(prompter.ask)
    client.connectToHostEncrypted("localhost", port)
    waitFor(lambda: prompter.dialog() is not None)
    dialog = prompter.dialog()
    assert dialog is not None
    return dialog


def texts(dialog: TrustDialog) -> str:
    """Everything that it says."""
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def madeRequest(certificate, *codes: IssueCode, host: str = "localhost") -> CertificateRequest:
    """A request without a connection."""
    leaf = SslCertificate(certificate)
    der = bytes(leaf.toDer().data())
    errors = [SslError.fromIssue(VerificationIssue(int(code), 0, der)) for code in codes]
    return CertificateRequest([leaf], errors, host, port=443)


def test_a_self_signed_server_leads_to_the_question(prompter, makeClient, serve, pki) -> None:
    """Plain words, the fingerprint, and no as the answer that a hasty user gives."""
    client, server = makeClient(), serve(pki.selfSigned)
    dialog = prompted(prompter, client, server.serverPort())
    said = texts(dialog)
    assert f"localhost:{server.serverPort()}" in said
    assert "signed by itself" in said
    assert "compare the fingerprint" in said
    assert SslCertificate(pki.selfSigned.certificate).fingerprint()[:47] in said
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert dialog.rejectButton().isDefault()
    assert dialog.lifetime() is Lifetime.Once
    assert not client.isEncrypted()


@pytest.mark.parametrize("how", ["button", "escape", "enter", "close", "space"])
def test_no_ends_with_an_alert(prompter, makeClient, serve, pki, how: str) -> None:
    """Every hasty way out is a no, and the server is told."""
    client, server = makeClient(), serve(pki.selfSigned)
    recorder = SignalRecorder(client, ["alertSent", "errorOccurred"])
    dialog = prompted(prompter, client, server.serverPort())
    dialog.rejectButton().setFocus()
    match how:
        case "button":
            QTest.mouseClick(dialog.rejectButton(), Qt.MouseButton.LeftButton)
        case "escape":
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
        case "enter":
            QTest.keyClick(dialog, Qt.Key.Key_Return)
        case "space":
            QTest.keyClick(dialog.rejectButton(), Qt.Key.Key_Space)
        case "close":
            dialog.close()
    recorder.waitFor("errorOccurred")
    ((_, kind, _),) = recorder.of("alertSent")
    assert kind is QSsl.AlertType.UnknownCa
    assert prompter.dialog() is None
    assert not client.isEncrypted()


def test_yes_goes_on_once(prompter, decisions, makeClient, serve, pki) -> None:
    """Nothing is remembered: the next connection asks again."""
    client, server = makeClient(), serve(pki.selfSigned)
    dialog = prompted(prompter, client, server.serverPort())
    QTest.mouseClick(dialog.acceptButton(), Qt.MouseButton.LeftButton)
    waitFor(client.isEncrypted)
    assert decisions.decisions() == []
    prompted(prompter, makeClient(), server.serverPort()).reject()


@pytest.mark.parametrize("lifetime", [Lifetime.Session, Lifetime.Forever])
def test_yes_is_remembered(decisions, settingsFile, window, makeClient, serve, pki, lifetime: Lifetime) -> None:
    """For the session in the object, always in the settings: also at the next start of the program."""
    prompter, client, server = TrustPrompter(decisions, window), makeClient(), serve(pki.selfSigned)
    dialog = prompted(prompter, client, server.serverPort())
    dialog._lifetimes[lifetime].click()
    assert dialog.lifetime() is lifetime
    QTest.mouseClick(dialog.acceptButton(), Qt.MouseButton.LeftButton)
    waitFor(client.isEncrypted)
    again = makeClient()
    again.acceptCertificate.connect(prompter.ask)
    again.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(again.isEncrypted)
    assert prompter.dialog() is None
    # The next start.
    later, third = TrustPrompter(TrustDecisions(settingsFile), window), makeClient()
    third.acceptCertificate.connect(later.ask)
    third.connectToHostEncrypted("localhost", server.serverPort())
    if lifetime is Lifetime.Forever:
        waitFor(third.isEncrypted)
        assert later.dialog() is None
    else:
        waitFor(lambda: later.dialog() is not None)


def test_another_certificate_is_another_question(prompter, makeClient, serve, pki) -> None:
    """What was accepted for one certificate does not hold for the next."""
    server = serve(pki.selfSigned)
    dialog = prompted(prompter, makeClient(), server.serverPort())
    dialog.setLifetime(Lifetime.Session)
    dialog.accept()
    from qtsecure import SslConfiguration
    from qtsecure.testing.certificates import selfSignedCertificate

    other = selfSignedCertificate()
    server.setSslConfiguration(SslConfiguration.forServer(list(other.chain), other.privateKey))
    assert "Another certificate was trusted" not in texts(dialog)
    second = prompted(prompter, makeClient(), server.serverPort())
    assert SslCertificate(other.certificate).fingerprint()[:47] in texts(second)
    assert "Another certificate was trusted for this server on " in texts(second)
    assert "or this is an attack" in texts(second)
    assert SslCertificate(pki.selfSigned.certificate).fingerprint()[:47] in texts(second)
    assert second.rejectButton().isDefault()
    assert second.lifetime() is Lifetime.Once


def test_sec_a_file_that_somebody_has_changed(decisions, settingsFile, pki, qtbot) -> None:
    """Its fingerprint stays text, and leaves the buttons where they are; a moment that is not there is not shown."""
    decisions.remember(madeRequest(pki.selfSigned.certificate, IssueCode.HOSTNAME_MISMATCH), Lifetime.Forever)
    settings = QSettings(str(settingsFile), QSettings.Format.IniFormat)
    (key,) = settings.allKeys()
    fields = json.loads(settings.value(key))
    fields |= {"fingerprint": "<b>\u202e" + "F" * 9000, "decidedAt": None}
    settings.setValue(key, json.dumps(fields))
    dialog = TrustDialog(madeRequest(pki.server.certificate, IssueCode.HOSTNAME_MISMATCH), decisions)
    qtbot.addWidget(dialog)
    usual = TrustDialog(madeRequest(pki.server.certificate, IssueCode.HOSTNAME_MISMATCH))
    qtbot.addWidget(usual)
    assert "Another certificate was trusted for this server before." in texts(dialog)
    assert "<b>\\u202eFFF" in texts(dialog)
    assert "F" * 60 not in texts(dialog)
    assert dialog.sizeHint().width() < 1.6 * usual.sizeHint().width()


def test_decisions_that_were_deleted(decisions, pki, qtbot) -> None:
    """The question is asked all the same."""
    delete(decisions)
    dialog = TrustDialog(madeRequest(pki.server.certificate, IssueCode.HOSTNAME_MISMATCH), decisions)
    qtbot.addWidget(dialog)
    assert "could not be verified" in texts(dialog)


def test_without_decisions_there_is_no_choice(window, makeClient, serve, pki) -> None:
    """Only once."""
    prompter, client, server = TrustPrompter(None, window), makeClient(), serve(pki.expired)
    dialog = prompted(prompter, client, server.serverPort())
    assert dialog._choice.isHidden()
    dialog.accept()
    waitFor(client.isEncrypted)


def test_what_no_user_can_judge(decisions, pki, qtbot) -> None:
    """There is no way to go on, not even for code that calls accept()."""
    request = madeRequest(pki.server.certificate, IssueCode.CERT_REVOKED, IssueCode.CERT_HAS_EXPIRED)
    accepted: list[bool] = []
    dialog = TrustDialog(request, decisions)
    dialog.decided.connect(accepted.append)
    assert dialog.acceptButton() is None
    assert not dialog.isOverridable()
    assert "no matter of opinion" in texts(dialog)
    assert dialog._lifetimes == {}
    dialog.accept()
    assert accepted == [False]
    assert not request.isPending()
    assert decisions.decisions() == []
    assert not decisions.answer(madeRequest(pki.server.certificate, IssueCode.CERT_REVOKED))


def test_a_name_that_no_certificate_can_have(decisions, pki, qtbot) -> None:
    """The decisions refuse it, so the answer is no whatever the user says."""
    request = madeRequest(pki.server.certificate, IssueCode.INVALID_HOST_NAME)
    dialog = TrustDialog(request, decisions)
    dialog.accept()
    assert request._answer.name == "REJECTED"


def test_the_server_does_not_wait_for_the_answer(prompter, makeClient, serve, pki, clock: FakeClock) -> None:
    """After its five seconds the dialog goes, and the error says that the answer would have been too late."""
    client, server = makeClient(), serve(pki.selfSigned)
    dialog = prompted(prompter, client, server.serverPort())
    clock.advance(server.handshakeTimeout() / 1000 + 1)
    waitFor(lambda: client.error() != QAbstractSocket.SocketError.UnknownSocketError)
    waitFor(lambda: prompter.dialog() is None)
    assert not isValid(dialog) or not dialog.isVisible()
    assert "It did not wait for the answer to the question" in client.errorString()


def test_the_peer_gives_up(prompter, makeClient, qtsecure_faulty_server) -> None:
    """Nobody waits for the answer any more, so the dialog goes."""
    server = qtsecure_faulty_server(Fault.SelfSigned)
    client = makeClient()
    dialog = prompted(prompter, client, server.port)
    gone: list[int] = []
    dialog.finished.connect(gone.append)
    server.stop()
    waitFor(lambda: gone == [0])
    assert prompter.dialog() is None


@pytest.mark.parametrize("how", ["abort", "delete", "deleteLater"])
def test_the_program_gives_up(prompter, makeClient, serve, pki, how: str) -> None:
    """The same when the socket is closed or deleted while the user thinks."""
    client, server = makeClient(), serve(pki.selfSigned)
    dialog = prompted(prompter, client, server.serverPort())
    assert dialog.isVisible()
    delete(client) if how == "delete" else getattr(client, how)()
    waitFor(lambda: prompter.dialog() is None)


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_somebody_else_answers(prompter, makeClient, serve, pki, answer: str) -> None:
    """Another slot of the program has answered: the dialog asks for nothing any more, nor does the queue."""
    requests, decided = [], []
    clients = [makeClient(), makeClient()]
    clients[0].acceptCertificate.connect(requests.append)
    prompted(prompter, clients[0], serve(pki.selfSigned).serverPort()).decided.connect(decided.append)
    clients[1].acceptCertificate.connect(requests.append)
    clients[1].acceptCertificate.connect(prompter.ask)
    clients[1].connectToHostEncrypted("localhost", serve(pki.expired).serverPort())
    waitFor(lambda: prompter.waiting() == 1)
    getattr(requests[1], answer)()
    assert prompter.waiting() == 0
    getattr(requests[0], answer)()
    assert prompter.dialog() is None
    assert decided == []
    for client in clients:
        waitFor(lambda client=client: client.isEncrypted() is (answer == "accept"))


def test_the_time_for_an_answer_is_over(prompter, makeClient, serve, pki, clock: FakeClock) -> None:
    """The connection counts it as a no, and the dialog goes."""
    client = makeClient()
    recorder = SignalRecorder(client, ["errorOccurred"])
    dialog = prompted(prompter, client, serve(pki.selfSigned).serverPort())
    decided: list[bool] = []
    dialog.decided.connect(decided.append)
    clock.advance(DECISION_LIMIT_MS / 1000)
    recorder.waitFor("errorOccurred")
    waitFor(lambda: prompter.dialog() is None)
    assert decided == []


@pytest.mark.parametrize("what", ["dialog", "window", "prompter"])
def test_a_slot_of_asked_deletes(decisions, makeClient, serve, pki, qtbot, what: str) -> None:
    """What is deleted while it is announced answers with no, and raises nothing."""
    window = QWidget()
    prompter, client = TrustPrompter(decisions, window), makeClient()
    parts = {"window": window, "prompter": prompter}
    prompter.asked.connect(lambda dialog: delete(parts.get(what, dialog)))
    client.acceptCertificate.connect(prompter.ask)
    recorder = SignalRecorder(client, ["errorOccurred"])
    client.connectToHostEncrypted("localhost", serve(pki.selfSigned).serverPort())
    if what == "prompter":  # the dialog belongs to the window, and lives on
        waitFor(lambda: bool(window.findChildren(TrustDialog)))
        window.findChildren(TrustDialog)[0].reject()
    recorder.waitFor("errorOccurred")
    if isValid(window):
        delete(window)


def test_closing_the_window_that_asked(prompter, window, makeClient, serve, pki) -> None:
    """Its question goes with it; the answer is no."""
    client, server = makeClient(), serve(pki.selfSigned)
    recorder = SignalRecorder(client, ["errorOccurred"])
    prompted(prompter, client, server.serverPort())
    window.close()
    recorder.waitFor("errorOccurred")
    assert prompter.dialog() is None


def test_deleting_the_window_that_asked(decisions, makeClient, serve, pki, qtbot) -> None:
    """No connection waits for a dialog that does not exist any more, shown or queued."""
    window = QWidget()
    prompter = TrustPrompter(decisions, window)
    clients = [makeClient(), makeClient()]
    prompted(prompter, clients[0], serve(pki.selfSigned).serverPort())
    clients[1].acceptCertificate.connect(prompter.ask)
    clients[1].connectToHostEncrypted("localhost", serve(pki.expired).serverPort())
    waitFor(lambda: prompter.waiting() == 1)
    recorders = [SignalRecorder(client, ["errorOccurred"]) for client in clients]
    delete(window)
    for recorder in recorders:
        recorder.waitFor("errorOccurred")
    assert not isValid(prompter)


def test_deleting_the_dialog(prompter, makeClient, serve, pki) -> None:
    """The answer is no, and the next question comes."""
    clients = [makeClient(), makeClient()]
    dialog = prompted(prompter, clients[0], serve(pki.selfSigned).serverPort())
    clients[1].acceptCertificate.connect(prompter.ask)
    clients[1].connectToHostEncrypted("localhost", serve(pki.expired).serverPort())
    waitFor(lambda: prompter.waiting() == 1)
    recorder = SignalRecorder(clients[0], ["errorOccurred"])
    delete(dialog)
    recorder.waitFor("errorOccurred")
    waitFor(lambda: prompter.dialog() is not None)
    assert "expired" in texts(prompter.dialog())


def test_a_slot_deletes_everything(decisions, makeClient, serve, pki, qtbot) -> None:
    """The connection that goes on may take window, dialog and prompter with it."""
    window = QWidget()
    prompter, client = TrustPrompter(decisions, window), makeClient()
    dialog = prompted(prompter, client, serve(pki.selfSigned).serverPort())
    client.encrypted.connect(lambda: delete(window))
    client.errorOccurred.connect(lambda: delete(window))
    dialog.accept()
    waitFor(lambda: not isValid(window))
    gc.collect()
    assert client.isEncrypted()


def test_one_dialog_at_a_time(prompter, makeClient, serve, pki) -> None:
    """Different questions come one after the other, in their order."""
    first, second, third = serve(pki.selfSigned), serve(pki.expired), serve(pki.wrongHost)
    dialog = prompted(prompter, makeClient(), first.serverPort())
    for number, server in enumerate((second, third), 1):
        client = makeClient()
        client.acceptCertificate.connect(prompter.ask)
        client.connectToHostEncrypted("localhost", server.serverPort())
        waitFor(lambda number=number: prompter.waiting() == number)
    assert "2 more questions" in texts(dialog)
    shown = [
        widget for widget in QApplication.topLevelWidgets() if isinstance(widget, TrustDialog) and widget.isVisible()
    ]
    assert shown == [dialog]
    dialog.reject()
    dialog = prompter.dialog()
    assert "expired" in texts(dialog)
    dialog.reject()
    assert "wrong.example" in texts(prompter.dialog())
    prompter.dialog().reject()
    assert prompter.dialog() is None


@pytest.mark.parametrize("accepted", [True, False])
def test_the_same_question_is_asked_once(prompter, makeClient, serve, pki, accepted: bool) -> None:
    """Ten connections to one server are one question, also for "only once"."""
    server = serve(pki.selfSigned)
    clients = [makeClient() for _ in range(10)]
    recorders = [SignalRecorder(client, ["encrypted", "errorOccurred"]) for client in clients]
    dialog = prompted(prompter, clients[0], server.serverPort())
    for client in clients[1:]:
        client.acceptCertificate.connect(prompter.ask)
        client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: len(dialog._requests) == 10)
    assert prompter.waiting() == 0
    dialog.accept() if accepted else dialog.reject()
    for recorder in recorders:
        recorder.waitFor("encrypted" if accepted else "errorOccurred")
    assert prompter.dialog() is None


def test_it_stays_for_those_who_still_wait(prompter, makeClient, serve, pki) -> None:
    """One of two connections with the same question goes away."""
    server = serve(pki.selfSigned)
    one, other = makeClient(), makeClient()
    dialog = prompted(prompter, one, server.serverPort())
    other.acceptCertificate.connect(prompter.ask)
    other.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: len(dialog._requests) == 2)
    one.abort()
    assert dialog.isVisible()
    dialog.accept()
    waitFor(other.isEncrypted)


def test_a_queued_connection_goes_away(prompter, makeClient, serve, pki) -> None:
    """Its question is not asked."""
    prompted(prompter, makeClient(), serve(pki.selfSigned).serverPort())
    client = makeClient()
    client.acceptCertificate.connect(prompter.ask)
    client.connectToHostEncrypted("localhost", serve(pki.expired).serverPort())
    waitFor(lambda: prompter.waiting() == 1)
    client.abort()
    assert prompter.waiting() == 0
    prompter.dialog().reject()
    assert prompter.dialog() is None


def test_a_server_asks_about_its_clients(prompter, decisions, serve, makeClient, pki) -> None:
    """The slot takes the two arguments of a server's signal."""
    from PySide6.QtNetwork import QSslSocket

    from qtsecure import SslConfiguration

    server, client = serve(pki.server), makeClient()
    configuration = server.sslConfiguration()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
    configuration.setCaCertificates([pki.ca.certificate])
    server.setSslConfiguration(configuration)
    server.acceptCertificate.connect(prompter.ask)
    mine = SslConfiguration.forClient([pki.ca.certificate])
    mine.setLocalCertificateChain([pki.clientUnknownCa.certificate])
    mine.setPrivateKey(pki.clientUnknownCa.privateKey)
    client.setSslConfiguration(mine)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: prompter.dialog() is not None)
    dialog = prompter.dialog()
    assert "“client”" in texts(dialog)
    assert "Admit" in dialog.acceptButton().text()
    dialog.accept()
    waitFor(server.hasPendingConnections)


def test_details(decisions, pki, qtbot) -> None:
    """Behind a button, and the dialog grows; nothing that is said above is said again."""
    dialog = TrustDialog(madeRequest(pki.expired.certificate, IssueCode.CERT_HAS_EXPIRED), decisions)
    qtbot.addWidget(dialog)
    dialog.show()
    small = dialog.height()
    QTest.mouseClick(dialog.detailsButton(), Qt.MouseButton.LeftButton)
    assert dialog._view.isVisible()
    assert dialog.height() > small
    assert texts(dialog).count("The certificate has expired") == 1
    QTest.mouseClick(dialog.detailsButton(), Qt.MouseButton.LeftButton)
    assert not dialog._view.isVisible()


def test_keyboard(decisions, pki, qtbot) -> None:
    """Focus begins at the safe answer; Tab reaches everything; mnemonics differ."""
    dialog = TrustDialog(madeRequest(pki.expired.certificate, IssueCode.CERT_HAS_EXPIRED), decisions)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.activateWindow()
    waitFor(dialog.isActiveWindow)
    assert dialog.focusWidget() is dialog.rejectButton()
    reached = {dialog.focusWidget()}
    for _ in range(8):
        QTest.keyClick(dialog, Qt.Key.Key_Tab)
        reached.add(dialog.focusWidget())
    assert {dialog.rejectButton(), dialog.acceptButton(), dialog.detailsButton()} <= reached
    buttons = [dialog.rejectButton(), dialog.acceptButton(), dialog.detailsButton(), *dialog._lifetimes.values()]
    keys = [button.text().partition("&")[2][:1].lower() for button in buttons]
    assert len(set(keys)) == len(keys)
    assert dialog.accessibleDescription()


def test_text_of_the_peer_stays_text(decisions, pki, qtbot) -> None:
    """No label takes HTML, and characters that reorder a line are escaped."""
    evil = pki.ca.issue(["localhost"], commonName="<h1>Your bank\u202e")
    request = madeRequest(evil.certificate, IssueCode.CERT_HAS_EXPIRED, host="a\u202eb")
    dialog = TrustDialog(request, decisions)
    qtbot.addWidget(dialog)
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in dialog.findChildren(QLabel) if label.text())
    assert "\u202e" not in texts(dialog)
    assert "<h1>Your bank\\u202e" in texts(dialog)


def test_long_names_leave_the_buttons_on_the_screen(decisions, pki, qtbot) -> None:
    """The end of a host name stays, which tells whose it is; a hostile peer cannot make the dialog wide."""
    host = ".".join(["h" * 63] * 3) + ".evil.example"
    long = pki.ca.issue([host, f"{'x' * 63}.{'y' * 63}.example"], commonName="W" * 64)
    request = madeRequest(long.certificate, IssueCode.HOSTNAME_MISMATCH, host=host)
    dialog = TrustDialog(request, decisions)
    qtbot.addWidget(dialog)
    dialog.show()
    usual = TrustDialog(madeRequest(pki.server.certificate, IssueCode.HOSTNAME_MISMATCH), decisions)
    qtbot.addWidget(usual)
    assert "hh.evil.example:443" in texts(dialog)
    assert dialog.sizeHint().width() < 1.6 * usual.sizeHint().width()
    dialog.setDetailsVisible(True)
    assert dialog.sizeHint().width() < 1.6 * usual.sizeHint().width()


@pytest.mark.parametrize("arguments", [(object(),), (QSslError(),), ("request", None)])
def test_bad_arguments(qtbot, arguments: tuple[object, ...]) -> None:
    """They are refused, and named."""
    with pytest.raises(TypeError, match="request must be"):
        TrustDialog(*arguments)
    with pytest.raises(TypeError, match="request must be"):
        TrustPrompter(None).ask(*arguments[:1])


@pytest.mark.parametrize(("arguments", "name"), [(("trust.ini",), "decisions"), ((None, "window"), "parent")])
def test_bad_arguments_of_the_prompter(qtbot, arguments: tuple[object, ...], name: str) -> None:
    """At once, and not when the first certificate is wrong, where nobody would see it."""
    with pytest.raises(TypeError, match=f"{name} must be"):
        TrustPrompter(*arguments)


def test_an_answered_request_is_not_asked(prompter, pki) -> None:
    """An earlier slot was quicker."""
    request = madeRequest(pki.expired.certificate, IssueCode.CERT_HAS_EXPIRED)
    request.accept()
    prompter.ask(request)
    assert prompter.dialog() is None


def test_sec_a_double_click_is_one_answer(prompter, pki) -> None:
    """The next dialog comes up in the same place: its yes does not hear the second click."""
    first = madeRequest(pki.selfSigned.certificate, IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT)
    second = madeRequest(pki.expired.certificate, IssueCode.CERT_HAS_EXPIRED)
    for request in (first, second):
        prompter.ask(request)
    QTest.mouseClick(prompter.dialog().acceptButton(), Qt.MouseButton.LeftButton)
    assert not first.isPending()
    button = prompter.dialog().acceptButton()
    middle = QPointF(button.rect().center())
    for kind in (QEvent.Type.MouseButtonDblClick, QEvent.Type.MouseButtonRelease):
        held = Qt.MouseButton.LeftButton if kind is QEvent.Type.MouseButtonDblClick else Qt.MouseButton.NoButton
        QApplication.sendEvent(
            button,
            QMouseEvent(
                kind, middle, button.mapToGlobal(middle), Qt.MouseButton.LeftButton, held,
                Qt.KeyboardModifier.NoModifier,
            ),
        )  # fmt: skip
    assert second.isPending()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not second.isPending()


def test_sec_no_other_question_joins_one_that_is_over(pki, qtbot) -> None:
    """The first connection has gone before the dialog was made: a yes to it is no yes to another certificate."""
    first = madeRequest(pki.selfSigned.certificate, IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT)
    other = madeRequest(pki.expired.certificate, IssueCode.CERT_HAS_EXPIRED)
    first._cancel()
    dialog = TrustDialog(first)
    qtbot.addWidget(dialog)
    assert not dialog.addRequest(other)
    dialog.accept()
    assert other.isPending()


def test_sec_a_queued_question_is_over_before_it_is_asked(prompter, decisions, pki) -> None:
    """A slot of the decisions ends the connection as its turn comes: the next in line is asked instead."""
    code, expired = IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT, IssueCode.CERT_HAS_EXPIRED
    shown = madeRequest(pki.server.certificate, code)
    queued = madeRequest(pki.selfSigned.certificate, code, expired)
    other = madeRequest(pki.expired.certificate, expired)
    for request in (shown, queued, other):
        prompter.ask(request)
    earlier = madeRequest(pki.selfSigned.certificate, code)
    earlier._cancel()
    decisions.remember(earlier, Lifetime.Once)
    decisions.changed.connect(queued._cancel)
    prompter.dialog().reject()
    dialog = prompter.dialog()
    assert dialog.asksTheSame(other)
    dialog.accept()
    assert not other.isPending()
