"""Pausing on certificate errors (QAbstractSocket::setPauseMode)."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslCertificate, SslError
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, FakeClock, State, VerifyMode, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")
PauseMode = QAbstractSocket.PauseMode
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])


def pausedClient(conversation: Conversation) -> SslSocket:
    """A client that distrusts the server's certificate, and has paused."""
    conversation.clientConfiguration.setCaCertificates([])
    conversation.client.setPauseMode(PauseMode.PauseOnSslErrors)
    conversation.connect()
    spin(lambda: conversation.recorder.count("client.sslErrors") == 1)
    settle()
    return conversation.client


@both_versions
@pytest.mark.parametrize(
    ("ignored", "accepted"), [("nothing", False), ("all", True), ("wrong list", False), ("right list", True)]
)
def test_qt_1_4_57_resume(make_conversation: MakeConversation, version: str, ignored: str, accepted: bool) -> None:
    """Nothing happens in the pause; resume() looks again whether everything is ignored."""
    conversation = make_conversation(PROTOCOLS[version])
    client = pausedClient(conversation)
    assert client.state() == State.ConnectedState
    assert not client.isEncrypted()
    for name in ("errorOccurred", "acceptCertificate", "encrypted"):
        assert conversation.recorder.count(f"client.{name}") == 0
    found = client.sslHandshakeErrors()
    if ignored == "all":
        client.ignoreSslErrors()
    elif ignored == "wrong list":
        client.ignoreSslErrors(
            [SslError(found[0].error(), SslCertificate(conversation.pki.clientUnknownCa.certificate))]
        )
    elif ignored == "right list":
        client.ignoreSslErrors(found)
    client.resume()
    assert not client.isEncrypted()  # from the event loop
    if accepted:
        spin(client.isEncrypted)
        assert conversation.recorder.count("client.errorOccurred") == 0
    else:
        conversation.waitForClientEnd()
        assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]
        assert conversation.recorder.count("client.encrypted") == 0


@both_versions
def test_qt_1_4_57_not_for_errors_that_are_ignored(make_conversation: MakeConversation, version: str) -> None:
    """What a slot of sslErrors ignores is no reason to pause."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.client.sslErrors.connect(lambda errors: conversation.client.ignoreSslErrors())
    pausedClient(conversation)
    spin(conversation.client.isEncrypted)


@both_versions
def test_qt_1_4_58_a_server_pauses(make_conversation: MakeConversation, version: str) -> None:
    """Set in startedEncryptionHandshake; the server's deadline stands still meanwhile."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    sockets: list[SslSocket] = []

    def pause(socket: SslSocket) -> None:
        sockets.append(socket)
        socket.setPauseMode(PauseMode.PauseOnSslErrors)

    conversation.server.startedEncryptionHandshake.connect(pause)
    conversation.connect()
    spin(lambda: conversation.recorder.count("accepted.sslErrors") == 1)
    settle()
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0
    assert conversation.recorder.count("accepted.errorOccurred") == 0
    sockets[0].ignoreSslErrors()
    sockets[0].resume()
    spin(conversation.server.hasPendingConnections)


def test_the_pause_has_a_limit(conversation: Conversation, clock: FakeClock) -> None:
    """The handshake's deadline does not run in it; after five minutes the answer is no."""
    conversation.client.setHandshakeTimeout(1000)
    conversation.server.setHandshakeTimeout(-1)
    client = pausedClient(conversation)
    clock.advance(290)
    settle()
    assert client.state() == State.ConnectedState
    clock.advance(11)
    conversation.waitForClientEnd()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]


def test_the_deadline_runs_on_after_the_pause(make_conversation: MakeConversation, clock: FakeClock) -> None:
    """A peer that stalls after it is given up as ever."""
    conversation = make_conversation(PROTOCOLS["1.2"])
    conversation.client.setHandshakeTimeout(1000)
    conversation.server.setHandshakeTimeout(-1)
    client = pausedClient(conversation)
    clock.advance(200)
    stalled = conversation.accepted[0]._dataPath.transport
    assert stalled is not None
    stalled.setReading(False)
    client.ignoreSslErrors()
    client.resume()
    settle()
    assert client.state() == State.ConnectedState
    clock.advance(1.1)
    conversation.waitForClientEnd()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]


def test_resuming_what_is_not_paused(conversation: Conversation) -> None:
    """Does nothing: before connecting, while connected, and on a deferred decision of the program's."""
    client = conversation.client
    client.resume()
    conversation.clientConfiguration.setCaCertificates([])
    client.acceptCertificate.connect(lambda request: request.defer())
    conversation.connect()
    spin(lambda: conversation.recorder.count("client.acceptCertificate") == 1)
    client.ignoreSslErrors()
    client.resume()
    settle()
    assert not client.isEncrypted()
    conversation.recorder.of("client.acceptCertificate")[0][0].accept()
    spin(client.isEncrypted)
    client.resume()
    settle()
    assert client.isEncrypted()


def test_ending_in_the_pause(conversation: Conversation) -> None:
    """abort() ends it; a later resume() does nothing."""
    client = pausedClient(conversation)
    client.resume()
    client.abort()
    settle()
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.count("client.errorOccurred") == 0


def test_the_mode(qapp: QObject) -> None:
    """PauseNever by default; anything else than a mode raises."""
    socket = SslSocket()
    assert socket.pauseMode() == PauseMode.PauseNever
    socket.setPauseMode(PauseMode.PauseOnSslErrors)
    assert socket.pauseMode() == PauseMode.PauseOnSslErrors
    socket.setPauseMode(PauseMode.PauseNever)
    assert socket.pauseMode() == PauseMode.PauseNever
    with pytest.raises(TypeError, match="pauseMode"):
        socket.setPauseMode(1)  # type: ignore[arg-type]  # the mistake under test


def test_a_query_does_not_pause(conversation: Conversation) -> None:
    """With QueryPeer the errors are told and the connection goes on."""
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.QueryPeer)
    pausedClient(conversation)
    spin(conversation.client.isEncrypted)
