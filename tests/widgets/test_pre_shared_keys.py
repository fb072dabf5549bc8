"""Keys from users: typed before connecting, remembered, and never shown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtNetwork import QSslSocket
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDialogButtonBox, QLineEdit, QWidget

from qtsecure import DtlsPeer, DtlsServer, PreSharedKeyAuthenticator, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import SignalRecorder, waitFor
from qtsecure.widgets import PreSharedKeys, PskForm, PskPrompt

KEY = bytes(range(1, 17))


@pytest.fixture
def form(qtbot) -> PskForm:
    """Empty input fields."""
    widget = PskForm()
    qtbot.addWidget(widget)
    return widget


def withoutCertificates() -> SslConfiguration:
    """The key is the proof."""
    configuration = SslConfiguration()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    return configuration


@pytest.mark.parametrize(("server", "client"), [(SslServer, SslSocket), (DtlsServer, DtlsPeer)])
def test_both_ends(qtbot, server, client) -> None:
    """One provider for clients and servers, over TLS and DTLS."""
    keys, theirs = PreSharedKeys(), PreSharedKeys()
    keys.remember("other", b"x" * 16)
    keys.remember("sensor", KEY)
    theirs.remember("sensor", bytearray(KEY))
    listener, connection = server(), client()
    for each, provider in ((listener, theirs), (connection, keys)):
        each.setSslConfiguration(withoutCertificates())
        each.preSharedKeyAuthenticationRequired.connect(provider.answer)
    assert listener.listen("127.0.0.1", 0)
    if client is SslSocket:
        connection.connectToHostEncrypted("127.0.0.1", listener.serverPort())
    else:
        connection.connectToHost("127.0.0.1", listener.serverPort())
    waitFor(connection.isEncrypted)
    connection.abort()
    listener.close()


def test_ask_and_connect_again(qtbot, pki) -> None:
    """Without a key the handshake fails and keyMissing tells; then the user is asked, and it works."""
    server, client, keys, theirs = SslServer(), SslSocket(), PreSharedKeys(), PreSharedKeys()
    theirs.remember("sensor", KEY)
    for each, provider in ((server, theirs), (client, keys)):
        each.setSslConfiguration(withoutCertificates())
        each.preSharedKeyAuthenticationRequired.connect(provider.answer)
    assert server.listen("127.0.0.1", 0)
    prompts: list[PskPrompt] = []

    def ask(hint: str) -> None:
        if prompts:
            return
        prompt = PskPrompt(keys, "localhost", hint)
        prompts.append(prompt)
        prompt.accepted.connect(lambda: client.connectToHostEncrypted("127.0.0.1", server.serverPort()))
        prompt.open()

    keys.keyMissing.connect(ask)
    failed = SignalRecorder(client, ["errorOccurred"])
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    failed.waitFor("errorOccurred")
    (prompt,) = prompts
    qtbot.addWidget(prompt)
    ok = prompt.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    assert not ok.isEnabled()
    identity, key = prompt.form().findChildren(QLineEdit)
    assert key.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClicks(identity, "sensor")
    QTest.keyClicks(key, KEY.hex(" "))
    assert ok.isEnabled()
    QTest.mouseClick(ok, Qt.MouseButton.LeftButton)
    waitFor(client.isEncrypted)
    assert key.text() == ""
    client.abort()
    server.close()


def test_cancel_remembers_nothing(qtbot) -> None:
    """And the key is gone from the field."""
    keys = PreSharedKeys()
    prompt = PskPrompt(keys, "peer")
    qtbot.addWidget(prompt)
    identity, key = prompt.form().findChildren(QLineEdit)
    identity.setText("me")
    key.setText(KEY.hex())
    prompt.reject()
    assert keys.identities() == []
    assert key.text() == ""


@pytest.mark.parametrize("cleared", [True, False])
def test_sec_a_forgotten_key_does_not_come_back(form, cleared: bool) -> None:
    """Whoever has the keyboard next makes signs visible and undoes the clearing, by hand or by the form."""
    _, key = form.findChildren(QLineEdit)
    QTest.keyClicks(key, KEY.hex())
    if cleared:
        key.selectAll()
        QTest.keyClick(key, Qt.Key.Key_Delete)
    form.clear()
    form.findChild(QCheckBox).setChecked(True)
    assert not key.isUndoAvailable()
    assert not key.isRedoAvailable()
    key.undo()
    assert key.text() == ""


@pytest.mark.parametrize(
    ("text", "isText", "key", "remark"),
    [
        ("00112233445566778899aabbccddeeff", False, bytes.fromhex("00112233445566778899aabbccddeeff"), ""),
        ("00:11 22", False, bytes.fromhex("001122"), "short"),
        ("001", False, b"", "digit is missing"),
        ("xyz", False, b"", "no hexadecimal"),
        ("ä1", False, b"", "no hexadecimal"),
        ("correct horse battery", True, b"correct horse battery", ""),
        ("00" * 600, False, b"\0" * 600, "too long"),
    ],
)
def test_forms_of_keys(form, text: str, isText: bool, key: bytes, remark: str) -> None:
    """Digits with whatever between them, or text; mistakes are told while one types."""
    identity, field = form.findChildren(QLineEdit)
    identity.setText("me")
    form.setKeyIsText(isText)
    field.setText(text)
    assert form.key() == key
    assert remark in form._remark.text() if remark else form._remark.text() == ""
    assert form.isComplete() is (not remark or remark == "short")


def test_an_identity_that_cannot_be_sent(form) -> None:
    """Too long for a hello."""
    identity, field = form.findChildren(QLineEdit)
    field.setText(KEY.hex())
    identity.setText("x" * 5000)
    assert not form.isComplete()
    assert "identity" in form._remark.text()


def test_show_key(form) -> None:
    """Only on demand."""
    field = form.findChildren(QLineEdit)[1]
    form._shown.click()
    assert field.echoMode() is QLineEdit.EchoMode.Normal
    form.clear()
    assert field.echoMode() is QLineEdit.EchoMode.Password


def test_sec_keys_appear_in_no_text(qtbot) -> None:
    """Neither in reprs nor in what is raised; what is forgotten is overwritten."""
    keys = PreSharedKeys()
    keys.remember("me", b"sixteen secret b")
    inside = keys._keys[b"me"]
    assert "secret" not in repr(keys)
    with pytest.raises(ValueError, match="empty") as caught:
        keys.remember("", b"sixteen secret b")
    assert "secret" not in str(caught.value)
    keys.forget("me")
    assert inside == bytearray(16)
    keys.forget("me")
    keys.remember("me", KEY)
    keys.forgetAll()
    assert keys.identities() == []


def test_choosing(qtbot) -> None:
    """A client uses what was remembered last, or what is chosen."""
    keys = PreSharedKeys()
    keys.remember("one", KEY)
    keys.remember("two", KEY)
    question = PreSharedKeyAuthenticator.forClient()
    keys.answer(question)
    assert question.identity() == b"two"
    keys.choose("one")
    question = PreSharedKeyAuthenticator.forClient()
    keys.answer(question)
    assert question.identity() == b"one"
    with pytest.raises(ValueError, match="not remembered"):
        keys.choose("three")


@pytest.mark.parametrize(("identity", "key"), [(1, KEY), ("me", "text"), ("me", None)])
def test_bad_arguments(qtbot, identity: object, key: object) -> None:
    """They are refused."""
    with pytest.raises(TypeError):
        PreSharedKeys().remember(identity, key)
    with pytest.raises(TypeError, match="keys must be"):
        PskPrompt(None)
    window = QWidget()
    qtbot.addWidget(window)
    for words, name in (((b"peer",), "peerName"), (("peer", 5), "hint")):
        with pytest.raises(TypeError, match=f"{name} must be"):
            PskPrompt(PreSharedKeys(), *words, parent=window)
    assert window.children() == []  # no half of a dialog
    with pytest.raises(TypeError, match="authenticator must be"):
        PreSharedKeys().answer(None)


def test_missing_on_a_server(qtbot) -> None:
    """It tells which identity a client has named."""
    keys, missing = PreSharedKeys(), []
    keys.keyMissing.connect(missing.append)
    keys.answer(object(), PreSharedKeyAuthenticator.forServer(b"", b"stranger"))
    assert missing == ["stranger"]
