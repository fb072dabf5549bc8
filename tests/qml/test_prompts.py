"""The prompts and the badge in a window, with real connections behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QDateTime, QObject, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtQuick import QQuickItem, QQuickWindow
from PySide6.QtTest import QTest

from qtsecure import (
    CertificateRequest,
    PreSharedKeyAuthenticator,
    Protocol,
    SslCertificate,
    SslConfiguration,
    SslError,
    TrustDecisions,
)
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.questions.handshake_questions import DECISION_LIMIT_MS
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.trust_decisions import TrustDecisionsItem
from qtsecure.qml.values import certificateMaps, errorMaps
from qtsecure.testing import IssuedCertificate, PublicKeyInfrastructure, waitFor
from tests.net.conversation import FakeClock
from tests.net.test_trust_decisions import cannotBeWritten
from tests.qml.conftest import Document, Load
from tests.qml.documents import HEAD, TLS

WINDOW = (
    "ApplicationWindow { id: window; width: 620; height: 560; visible: true\n"
    + TLS.strip().removeprefix("QtObject {").replace("identity: good", "identity: bad")
    .replace("onEncrypted: write", "trustDecisions: decisions\n"
             "        onCertificateQuestion: question => prompt.ask(question)\n        onEncrypted: write")
    .rstrip().removesuffix("}").replace("id: root", "").replace("root.", "window.")
    + """
    property string file
    TrustDecisions { id: decisions; file: window.file; onFailed: message => window.note(message) }
    property QtObject decisions: decisions
    property alias prompt: prompt
    property bool open: prompt.opened
    property string asks: prompt.title
    TrustPrompt { id: prompt; enter: null; exit: null; onAnswered: accepted => window.note("answered " + accepted) }
    PskPrompt { id: pskPrompt; enter: null; exit: null }
    property bool keyOpen: pskPrompt.opened
    property string problem: pskPrompt.problem
    property int more: prompt.waiting.length
    StatusBadge { id: badge; connection: window.socket }
    property string badgeText: badge.text
    ConnectionProgress { id: progress; y: 40; width: 400; connection: window.socket; onRetry: window.start() }
    property string progressText: progress.text
    property Component another: TlsSocket {
        trustDecisions: decisions
        onCertificateQuestion: question => prompt.ask(question)
    }
    property QtObject other: null
    function startAnother() {
        other = another.createObject(window)
        other.connectToHostEncrypted("localhost", server.port)
    }
}
"""
)  # fmt: skip


@pytest.fixture
def window(load: Load, tmp_path: Path) -> Document:
    """A window with everything in it, and a server whose certificate is signed by itself."""
    document = load(WINDOW)
    document.root.setProperty("file", str(tmp_path / "decisions.ini"))
    QTest.qWaitForWindowActive(document.root)
    return document


def item(document: Document, name: str) -> QQuickItem:
    """A visible item with this objectName, in popups as well."""
    queue: list[QObject] = [document.root.contentItem()]
    while queue:
        each = queue.pop()
        if isinstance(each, QQuickItem) and each.isVisible():
            if each.objectName() == name:
                return each
            queue += each.childItems()
    raise AssertionError(name)


def click(document: Document, name: str) -> None:
    """Click at its middle."""
    target = item(document, name)
    middle = target.mapToScene(QPointF(target.width() / 2, target.height() / 2)).toPoint()
    QTest.mouseClick(document.root, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(middle))


def ask(document: Document) -> None:
    """Connect, and wait for the question."""
    document.call("start")
    waitFor(lambda: document.get("open"))


def lines(document: Document) -> list[str]:
    """What was noted."""
    return document.get("log").toVariant()


def byEscape(document: Document) -> None:
    """Close the prompt."""
    QTest.keyClick(document.root, Qt.Key.Key_Escape)


def byEnter(document: Document) -> None:
    """The default answer."""
    QTest.keyClick(document.root, Qt.Key.Key_Return)


def bySpace(document: Document) -> None:
    """The button that has the focus."""
    QTest.keyClick(document.root, Qt.Key.Key_Space)


def byClick(document: Document) -> None:
    """The button itself."""
    click(document, "rejectButton")


@pytest.mark.parametrize("way", [byEscape, byEnter, bySpace, byClick])
def test_reject(window: Document, way: Callable[[Document], None]) -> None:
    """Whatever a hasty user does is a no, and the server is told with an alert."""
    ask(window)
    assert window.get("asks") == "Do you trust localhost?"
    assert window.get("badgeText") == "Waiting for you"
    assert window.get("progressText") == "Waiting for your answer"
    way(window)
    waitFor(lambda: any(line.startswith("server: ") for line in lines(window)))
    assert not window.get("open")
    assert any(line.startswith("sent ") for line in lines(window))
    assert window.get("badgeText") == "Connection failed"
    assert window.get("decisions").property("decisions") == []


def test_accept_once(window: Document) -> None:
    """For this connection; the next one asks again."""
    ask(window)
    click(window, "acceptButton")
    waitFor(lambda: window.get("done"))
    assert lines(window) == ["answered true", "echo hällo"]
    ask(window)


@pytest.mark.parametrize(("index", "permanent"), [(1, False), (2, True)])
def test_accept_and_remember(window: Document, load: Load, index: int, permanent: bool) -> None:
    """Remembered until the program ends, or in the file, where another window finds it."""
    ask(window)
    item(window, "lifetime").setProperty("currentIndex", index)
    click(window, "acceptButton")
    waitFor(lambda: window.get("done"))
    window.call("start")
    waitFor(lambda: window.get("done"))
    assert lines(window) == ["answered true", "echo hällo", "echo hällo"]
    (decision,) = window.get("decisions").property("decisions")
    assert (decision["hostName"], decision["permanent"]) == ("localhost", permanent)
    other = load(WINDOW)
    other.root.setProperty("file", window.get("file"))
    assert len(other.get("decisions").property("decisions")) == permanent
    window.get("decisions").revokeAll()
    ask(window)


def test_badge_of_an_accepted_certificate(window: Document) -> None:
    """Encrypted, but not with anybody known."""
    window.root.setProperty("log", [])
    ask(window)
    seen: list[str] = []
    window.root.badgeTextChanged.connect(lambda: seen.append(window.get("badgeText")))
    click(window, "acceptButton")
    waitFor(lambda: window.get("done"))
    assert seen[0] == "Encrypted, not verified"


def test_sec_nobody_has_looked_at_the_certificate(load: Load) -> None:
    """Without verification nothing is wrong, and nothing is called secure."""
    document = load(WINDOW.replace("caCertificates: [window.ca]", "verifyMode: Tls.VerifyMode.NotAtAll")
                    .replace("disconnectFromHost()", ""))  # fmt: skip
    document.call("start")
    waitFor(lambda: lines(document) == ["echo hällo"])
    assert document.get("badgeText") == "Encrypted, not verified"
    assert document.get("progressText") == "Encrypted, but the other side has not proved who it is"


def test_peer_gives_up(window: Document) -> None:
    """The prompt closes when the connection goes."""
    ask(window)
    window.get("server").close()
    waitFor(lambda: not window.get("open"))
    assert not any(line.startswith("answered") for line in lines(window))


def test_the_server_does_not_wait_for_the_answer(window: Document, clock: FakeClock) -> None:
    """After its time for handshakes the prompt goes, and the sentence says why."""
    ask(window)
    clock.advance(6)
    waitFor(lambda: not window.get("open"))
    assert not any(line.startswith("answered") for line in lines(window))
    waitFor(lambda: "It did not wait for the answer to the question" in window.get("socket").property("errorString"))


def test_several_questions(window: Document) -> None:
    """One after the other; each answer is for its own connection."""
    ask(window)
    window.call("startAnother")
    waitFor(lambda: window.get("more") == 1)
    click(window, "rejectButton")
    assert window.get("open")
    assert window.get("more") == 0
    click(window, "acceptButton")
    waitFor(lambda: not window.get("open"))
    assert [line for line in lines(window) if line.startswith("answered")] == ["answered false", "answered true"]


def test_remembered_for_those_that_wait(window: Document) -> None:
    """What the user has just answered for longer than once is not asked of the next connection."""
    ask(window)
    window.call("startAnother")
    waitFor(lambda: window.get("more") == 1)
    item(window, "lifetime").setProperty("currentIndex", 1)
    click(window, "acceptButton")
    waitFor(lambda: not window.get("open") and window.get("other").isEncrypted())
    assert window.get("more") == 0
    assert [line for line in lines(window) if line.startswith("answered")] == ["answered true"]


def test_the_time_for_an_answer_is_over(window: Document, clock: FakeClock) -> None:
    """The connection counts it as a no, and the prompt goes."""
    ask(window)
    clock.advance(DECISION_LIMIT_MS / 1000)
    waitFor(lambda: not window.get("open"))
    assert window.get("badgeText") == "Connection failed"
    assert not any(line.startswith("answered") for line in lines(window))


def test_python_answers(window: Document) -> None:
    """A slot of Python has answered: the prompt asks for nothing any more."""
    requests: list[CertificateRequest] = []
    window.get("socket").acceptCertificate.connect(requests.append)
    ask(window)
    requests[0].accept()
    waitFor(lambda: not window.get("open") and window.get("done"))
    assert not any(line.startswith("answered") for line in lines(window))


SMALL = (
    """ApplicationWindow { id: window; width: 480; height: 320; visible: true
"""
    + HEAD
    + """
    property var question: null
    property bool open: prompt.opened
    TrustPrompt { id: prompt; enter: null; exit: null }
    function askIt() { prompt.ask(question) }
}"""
)


def question(document: Document, issued: IssuedCertificate, decisions: TrustDecisionsItem) -> CertificateQuestion:
    """About a certificate that is for somebody else."""
    leaf = SslCertificate(issued.certificate)
    errors = [SslError.fromIssue(VerificationIssue(int(IssueCode.HOSTNAME_MISMATCH), 0, bytes(leaf.toDer().data())))]
    request = CertificateRequest([leaf], errors, "nas.example", document.root, port=443)
    return CertificateQuestion(request, decisions, document.root)


def askAbout(document: Document, asked: CertificateQuestion) -> None:
    """Show the prompt."""
    document.root.setProperty("question", asked)
    document.call("askIt")
    waitFor(lambda: document.get("open"))


def settledView(document: Document, *, overflows: bool) -> QQuickItem:
    """What scrolls, once texts have found their height."""
    view = item(document, "view")
    waitFor(lambda: view.property("contentHeight") > 100 and view.property("overflows") is overflows)
    return view


def bounds(target: QQuickItem) -> QRectF:
    """Where it is in the window."""
    return target.mapRectToScene(QRectF(0, 0, target.width(), target.height()))


def askInFront(document: Document, pki: PublicKeyInfrastructure, directory: Path) -> None:
    """Let the prompt, in the active window, ask about a certificate for another host."""
    QTest.qWaitForWindowActive(document.root)
    decisions = TrustDecisionsItem(document.root)
    decisions._setFile(str(directory / "decisions.ini"))
    askAbout(document, question(document, pki.wrongHost, decisions))


def test_keys_scroll_nothing_where_all_is_seen(
    load: Load, qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path
) -> None:
    """The content stays where it is."""
    document = load(SMALL.replace("320", "640"))
    askInFront(document, qtsecure_pki, tmp_path)
    content = settledView(document, overflows=False).property("contentItem")
    for _ in range(5):
        QTest.keyClick(document.root, Qt.Key.Key_Down)
    assert content.property("contentY") == 0


@pytest.mark.parametrize(("width", "height"), [(480, 320), (480, 640), (320, 240)])
@pytest.mark.parametrize("changed", [False, True])
def test_small_windows(
    load: Load, qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path, width: int, height: int, changed: bool
) -> None:
    """Buttons and choice are in the window, the whole fingerprint can be brought there, and a bar says so."""
    document = load(SMALL)
    document.root.setWidth(width)
    document.root.setHeight(height)
    decisions = TrustDecisionsItem(document.root)
    decisions._setFile(str(tmp_path / "decisions.ini"))
    if changed:
        before = question(document, qtsecure_pki.selfSigned, decisions).request()
        assert decisions.plain().remember(before, TrustDecisions.Lifetime.Forever)
    askAbout(document, question(document, qtsecure_pki.wrongHost, decisions))
    view = settledView(document, overflows=height < 640)
    window = QRectF(0, 0, width, height)
    for name in ("acceptButton", "rejectButton", "lifetime"):
        assert window.contains(bounds(item(document, name))), name
        assert not bounds(view).intersects(bounds(item(document, name))), name
    content = view.property("contentItem")
    bar = next(each for each in view.childItems() if each.metaObject().className().startswith("ScrollBar"))
    assert bar.isVisible() is (height < 640)
    names = ["fingerprint", "earlier"] if changed else ["fingerprint"]
    for name in names:
        fingerprint = item(document, name)
        (field,) = (each for each in fingerprint.childItems() if each.inherits("QQuickTextEdit"))
        assert len(field.property("text").split()) == 32
        assert field.property("contentWidth") <= field.width()
        field.forceActiveFocus(Qt.FocusReason.TabFocusReason)
        if field.height() <= view.height():
            assert bounds(view).adjusted(0, -1, 0, 1).contains(bounds(field)), name
        else:
            assert abs(bounds(field).top() - bounds(view).top()) < 1, name
            content.setProperty("contentY", content.property("contentHeight") - view.height())
            assert bounds(field).bottom() <= bounds(view).bottom() + 1
    assert ("warning" in visibleNames(document)) is changed


def visibleNames(document: Document) -> set[str]:
    """The objectNames of all visible items."""
    names, queue = set(), [document.root.contentItem()]
    while queue:
        each = queue.pop()
        if each.isVisible():
            names.add(each.objectName())
            queue += each.childItems()
    return names


def test_keys_scroll(load: Load, qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """From the button that has the focus, without leaving it."""
    document = load(SMALL)
    askInFront(document, qtsecure_pki, tmp_path)
    content = settledView(document, overflows=True).property("contentItem")
    for _ in range(20):
        QTest.keyClick(document.root, Qt.Key.Key_Down)
    end = content.property("contentHeight") - content.height()
    assert end > 0
    waitFor(lambda: abs(content.property("contentY") - end) < 1)
    for _ in range(20):
        QTest.keyClick(document.root, Qt.Key.Key_Up)
    assert content.property("contentY") == 0
    assert item(document, "rejectButton").hasActiveFocus()


def test_sec_another_certificate_than_before(load: Load, qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """The prompt says which one was trusted, and when."""
    document = load(SMALL)
    decisions = TrustDecisionsItem(document.root)
    decisions._setFile(str(tmp_path / "decisions.ini"))
    first = question(document, qtsecure_pki.selfSigned, decisions)
    assert first.property("trustedBefore") == {}
    assert first.remember(TlsEnums.Lifetime.Always)
    second = question(document, qtsecure_pki.wrongHost, decisions)
    before = second.property("trustedBefore")
    assert before["fingerprint"] == SslCertificate(qtsecure_pki.selfSigned.certificate).fingerprint()
    assert abs(before["decidedAt"].secsTo(QDateTime.currentDateTime())) < 3600
    askAbout(document, second)
    warning = item(document, "warning").property("text")
    assert warning.startswith("Another certificate was trusted for this server on ")
    assert document.warnings == []


def test_sec_the_next_question_begins_at_its_top(
    load: Load, qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path
) -> None:
    """However far down the one before was read: what comes first is the warning."""
    document = load(SMALL)
    QTest.qWaitForWindowActive(document.root)
    decisions = TrustDecisionsItem(document.root)
    decisions._setFile(str(tmp_path / "decisions.ini"))
    before = question(document, qtsecure_pki.selfSigned, decisions).request()
    assert decisions.plain().remember(before, TrustDecisions.Lifetime.Forever)
    askAbout(document, question(document, qtsecure_pki.wrongHost, decisions))
    document.root.setProperty("question", question(document, qtsecure_pki.expired, decisions))
    document.call("askIt")
    content = settledView(document, overflows=True).property("contentItem")
    for _ in range(20):
        QTest.keyClick(document.root, Qt.Key.Key_Down)
    waitFor(lambda: content.property("contentY") > 100)
    click(document, "rejectButton")
    waitFor(lambda: content.property("contentY") == 0)
    assert document.get("open")
    assert bounds(item(document, "view")).contains(bounds(item(document, "warning")))


def test_sec_text_of_peers_stays_text(load: Load, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A host or a certificate may be called like HTML; nothing that shows it takes it for that."""
    document = load(
        """ApplicationWindow { id: window; width: 620; height: 700; visible: true
    """
        + HEAD
        + """
    property var chain: []; property var errors: []; property var question: null
    property bool open: prompt.opened
    TrustPrompt { id: prompt; enter: null }
    PskPrompt { id: keyPrompt; enter: null; title: "<b>key</b>" }
    component Failure: QtObject {
        property int state: Tls.State.Unconnected
        property string errorString: "<b>failed</b>"
    }
    StatusBadge { connection: Failure {} }
    ConnectionProgress { y: 40; width: 400; connection: Failure {} }
    CertificateSheet { y: 100; width: 400; chain: window.chain; errors: window.errors }
    function askBoth() { prompt.ask(question); keyPrompt.open() }
    function rich(item: Item): var {
        const isRich = item.textFormat !== undefined && item.textFormat !== Text.PlainText && /</.test(item.text);
        return item.children.reduce((found, each) => found.concat(rich(each)), isRich ? [item.text] : []);
    }
    function plain(item: Item): int {
        const isPlain = item.textFormat === Text.PlainText && /</.test(item.text);
        return item.children.reduce((sum, each) => sum + plain(each), isPlain ? 1 : 0);
    }
    function found(): var { return [...rich(contentItem), ...rich(Overlay.overlay)] }
    function count(): int { return plain(contentItem) + plain(Overlay.overlay) }
}"""
    )
    issued = qtsecure_pki.ca.issue(["wrong.example"], commonName="<h1>Your bank</h1>")
    leaf = SslCertificate(issued.certificate)
    errors = [SslError.fromIssue(VerificationIssue(int(IssueCode.HOSTNAME_MISMATCH), 0, bytes(leaf.toDer().data())))]
    request = CertificateRequest([leaf], errors, "<img src='http://evil.example'>", document.root, port=443)
    document.root.setProperty("chain", certificateMaps([leaf]))
    document.root.setProperty("errors", [{**errorMaps(errors)[0], "text": "<i>error</i>"}])
    document.root.setProperty("question", CertificateQuestion(request, None, document.root))
    document.call("askBoth")
    waitFor(lambda: document.get("open"))
    assert document.call("found").toVariant() == []
    assert document.call("count") >= 6


def test_questions_to_the_same_place(window: Document) -> None:
    """Two connections to the same place ask twice; the second question goes with its connection."""
    ask(window)
    window.call("startAnother")
    waitFor(lambda: window.get("more") == 1)
    byEscape(window)
    waitFor(lambda: not window.get("open"))
    assert window.get("more") == 0


def test_closing_the_window_while_asked(load: Load, tmp_path: Path) -> None:
    """The prompt, the question and the connection go together."""
    document = load(WINDOW)
    document.root.setProperty("file", str(tmp_path / "decisions.ini"))
    ask(document)
    assert isinstance(document.root, QQuickWindow)
    document.root.close()


def test_connection_that_is_deleted(load: Load, tmp_path: Path) -> None:
    """The prompt, the badge and the progress let go of it."""
    document = load(
        WINDOW.replace("property QtObject socket: TlsSocket {", "property QtObject socket: maker.createObject(window)\n"
                       "property Component maker: TlsSocket {")
        .replace("function startAnother", "function remove() { socket.destroy(0) }\n    function startAnother")
    )  # fmt: skip
    document.root.setProperty("file", str(tmp_path / "decisions.ini"))
    ask(document)
    document.call("remove")
    waitFor(lambda: not document.get("open"))
    assert document.get("badgeText") == document.get("progressText") == "Not connected"


def test_retry(window: Document) -> None:
    """The button after a failure connects again."""
    ask(window)
    byEscape(window)
    waitFor(lambda: not window.get("open") and window.get("badgeText") == "Connection failed")
    click(window, "retryButton")
    waitFor(lambda: window.get("open"))


def test_cancel(window: Document) -> None:
    """Giving up while the prompt is open needs the prompt's own answer; without it the button works."""
    window.call("start")
    click(window, "cancelButton")
    waitFor(lambda: window.get("badgeText") == "Not connected")
    assert not window.get("open")


PSK_WINDOW = (
    WINDOW.replace("property QtObject server: TlsServer {",
                   "property QtObject server: TlsServer { preSharedKeys: true\n"
                   "        onPskQuestion: question => { question.answerHex('', 'a1b2c3') }")
    .replace("property QtObject socket: TlsSocket {", "property QtObject socket: TlsSocket { preSharedKeys: true\n"
             "        onPskQuestion: question => pskPrompt.ask(question)")
    .replace("certificate: window.identity.certificate; privateKey: window.identity.key",
             "verifyMode: Tls.VerifyMode.NotAtAll")
    .replace("caCertificates: [window.ca]", "verifyMode: Tls.VerifyMode.NotAtAll")
)  # fmt: skip


def whenAsked(document: Document, act: Callable[[], None]) -> None:
    """Act in the prompt's own event loop; give the connection up if that does not end it."""

    def opened() -> None:
        if document.get("keyOpen"):
            QTimer.singleShot(0, document.root, act)
            QTimer.singleShot(20_000, document.root, lambda: byEscape(document))

    document.root.keyOpenChanged.connect(opened)


def test_psk_prompt(load: Load) -> None:
    """Typed with the keyboard; a wrong digit is told, and can be mended."""
    document = load(PSK_WINDOW)
    QTest.qWaitForWindowActive(document.root)
    steps = iter(["sensor", Qt.Key.Key_Tab, "xyz", Qt.Key.Key_Return, "problem", "a1b2c3", Qt.Key.Key_Return])

    def typeOn() -> None:
        for step in steps:
            if step == "problem":
                assert "hexadecimal" in document.get("problem")
                item(document, "keyField").setProperty("text", "")
            elif isinstance(step, str):
                for character in step:
                    QTest.keyClick(document.root, character)
            else:
                QTest.keyClick(document.root, step)

    whenAsked(document, typeOn)
    document.call("start")
    waitFor(lambda: document.get("done"))
    assert lines(document) == ["echo hällo"]


ANIMATED = WINDOW.replace(
    "enter: null;", 'enter: Transition { NumberAnimation { property: "opacity"; from: 0; to: 1; duration: 3600000 } }\n'
)
"""With a style whose popups take their time to appear."""


def test_psk_prompt_that_is_still_appearing(load: Load) -> None:
    """A second question does not take the place of the first, which would wait for its deadline unseen."""
    document = load(
        ANIMATED.replace("function startAnother", "property bool shown: pskPrompt.visible\n"
                         "    property QtObject asked: pskPrompt.question\n"
                         "    function askKey(question) { pskPrompt.ask(question) }\n    function startAnother")
    )  # fmt: skip
    first, second = (PskQuestion(PreSharedKeyAuthenticator.forClient(), document.root) for _ in range(2))
    document.call("askKey", first)
    document.call("askKey", second)
    assert document.get("shown")
    assert not document.get("keyOpen")
    assert document.get("asked") is first
    first.giveUp()
    waitFor(lambda: not document.get("shown"))


def test_trust_prompt_that_is_still_appearing(load: Load, tmp_path: Path) -> None:
    """Its connection goes, and the question with it: the next one is asked, and no empty prompt stays."""
    document = load(ANIMATED.replace("property int more", "property bool shown: prompt.visible\n    property int more"))
    document.root.setProperty("file", str(tmp_path / "decisions.ini"))
    document.call("start")
    waitFor(lambda: document.get("shown"))
    document.call("startAnother")
    waitFor(lambda: document.get("more") == 1)
    document.get("socket").deleteLater()
    waitFor(lambda: document.get("more") == 0)
    assert document.get("shown")
    document.get("other").deleteLater()
    waitFor(lambda: not document.get("shown"))


def test_sec_a_double_click_is_one_answer(window: Document) -> None:
    """The second click, which nobody has thought about, is no yes to the question that comes next."""
    ask(window)
    window.call("startAnother")
    waitFor(lambda: window.get("more") == 1)
    target = item(window, "acceptButton")
    middle = target.mapToScene(QPointF(target.width() / 2, target.height() / 2)).toPoint()
    QTest.mouseDClick(window.root, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    waitFor(lambda: window.get("done"))
    assert lines(window) == ["answered true", "echo hällo"]
    assert window.get("open")
    assert not window.get("other").isEncrypted()
    click(window, "acceptButton")
    waitFor(window.get("other").isEncrypted)


def test_sec_psk_prompt_forgets_the_key(load: Load) -> None:
    """Whoever is asked next cannot undo the clearing; moving the cursor parts what is undone into steps."""
    document = load(PSK_WINDOW)
    QTest.qWaitForWindowActive(document.root)
    fields: list[QQuickItem] = []

    def typeKey() -> None:
        fields.append(item(document, "keyField"))
        item(document, "identityField").setProperty("text", "sensor")
        fields[0].forceActiveFocus()
        for key in (*"a1b2c3", Qt.Key.Key_Left, Qt.Key.Key_Return):
            QTest.keyClick(document.root, key)

    whenAsked(document, typeKey)
    document.call("start")
    waitFor(lambda: document.get("done"))
    (field,) = fields
    assert not field.property("text")
    assert not field.property("canUndo")
    assert not field.property("canRedo")


IMPOSTOR = (
    WINDOW.replace("property QtObject socket: TlsSocket {",
                   "property QtObject socket: TlsSocket {\n        preSharedKeys: true\n"
                   "        onPskQuestion: question => pskPrompt.ask(question)")
    .replace("caCertificates: [window.ca]", "verifyMode: Tls.VerifyMode.MODE")
    .replace("onEncrypted: write", "onEncryptedChanged: window.note('encrypted')\n        onEncrypted: write")
)  # fmt: skip


@pytest.mark.parametrize("version", [Protocol.TlsV1_2, Protocol.TlsV1_3])
@pytest.mark.parametrize("mode", ["NotAtAll", "Query"])
def test_psk_prompt_cancelled_before_an_impostor(load: Load, mode: str, version: Protocol) -> None:
    """Whoever has no key and shows any certificate gets no connection out of a user who has refused."""
    document = load(IMPOSTOR.replace("MODE", mode))
    configuration = SslConfiguration()
    configuration.setProtocol(version)
    document.get("socket").property("configuration").setSslConfiguration(configuration)
    QTest.qWaitForWindowActive(document.root)
    whenAsked(document, lambda: byEscape(document))
    document.call("start")
    waitFor(lambda: document.get("badgeText") == "Connection failed")
    said = [line for line in lines(document) if not line.startswith("server: ")]
    assert said == ["failed: There is no pre-shared key, and nothing else would prove who the server is."]
    assert not document.get("keyOpen")


def test_psk_prompt_cancelled(load: Load) -> None:
    """No key, no connection."""
    document = load(PSK_WINDOW)
    QTest.qWaitForWindowActive(document.root)
    whenAsked(document, lambda: byEscape(document))
    document.call("start")
    waitFor(lambda: any(line.startswith("failed: ") for line in lines(document)))
    assert not document.get("keyOpen")


def test_decisions_that_cannot_be_revoked(window: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    """QML hears why, and sees that they are still there."""
    ask(window)
    item(window, "lifetime").setProperty("currentIndex", 2)
    click(window, "acceptButton")
    waitFor(lambda: window.get("done"))
    cannotBeWritten(monkeypatch)
    window.root.setProperty("log", [])
    window.get("decisions").revoke(0)
    window.get("decisions").revokeAll()
    first, second = lines(window)
    assert first == second
    assert "cannot be written" in first
    assert len(window.get("decisions").property("decisions")) == 1


def test_no_decisions_without_settings(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """QML hears what is missing."""
    monkeypatch.setattr(QCoreApplication, "organizationName", staticmethod(lambda: ""))
    monkeypatch.setattr(QCoreApplication, "organizationDomain", staticmethod(lambda: ""))
    window = load(WINDOW)
    window.get("decisions").revokeAll()
    assert "setOrganizationName" in lines(window)[0]
