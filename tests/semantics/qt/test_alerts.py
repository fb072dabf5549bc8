"""qt-1.6: alerts."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QSsl

from qtsecure.engine.alerts import fatal_alert_record
from qtsecure.testing.peers import GarbageServer
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation
from tests.semantics.qt.support import SocketError


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (40, "no common set"),
        (116, "a client certificate is required"),
        (117, "no other alert"),
        (200, "alert 200"),
    ],
)
def test_qt_1_6_66_numbers_of_alerts_pass_through(conversation: Conversation, code: int, text: str) -> None:
    """Also those that Qt has no name for; the text is never just "unknown"."""
    with GarbageServer(fatal_alert_record(code)) as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.connectToHostEncrypted("127.0.0.1", server.port)
        conversation.waitForClientEnd()
    ((level, kind, words),) = conversation.recorder.of("client.alertReceived")
    assert level is QSsl.AlertLevel.Fatal
    assert isinstance(kind, QSsl.AlertType)
    assert kind.value == code
    assert isinstance(words, str)
    assert text in words


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("method", ["abort", "close", "deleteLater"])
@pytest.mark.parametrize("signal", ["alertSent", "errorOccurred"])
def test_qt_1_6_67_an_alert_is_on_its_way_before_the_slots_run(
    make_conversation: MakeConversation, version: str, method: str, signal: str
) -> None:
    """alertSent precedes errorOccurred, and a slot that ends the connection cannot lose the alert."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    getattr(client, signal).connect(lambda *_: getattr(client, method)())
    conversation.connect()
    conversation.recorder.waitFor("server.errorOccurred")
    names = [name for name in conversation.recorder.names() if name in ("client.alertSent", "client.errorOccurred")]
    expected = ["client.alertSent", "client.errorOccurred"]
    assert names == (expected[:1] if (signal, method) == ("alertSent", "abort") else expected)
    assert [args[2] for args in conversation.recorder.of("server.alertReceived")] == [QSsl.AlertType.UnknownCa]
    assert conversation.recorder.of("server.errorOccurred")[0][1] == SocketError.SslHandshakeFailedError
