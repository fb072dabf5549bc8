"""qt-1.4: ignoring certificate errors, and pausing for a decision."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SslCertificate, SslError, SslSocket
from qtsecure.net.questions.certificate_request import CertificateRequest
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, FakeClock, State, settle, spin
from tests.semantics.qt.support import SocketError

pytestmark = pytest.mark.usefixtures("transport_mode")


def failed(client: SslSocket) -> bool:
    return client.state() == State.UnconnectedState and client.error() == SocketError.SslHandshakeFailedError


def test_qt_1_4_55_ignoring_everything_is_reset_by_connecting(conversation: Conversation) -> None:
    """Before connectToHostEncrypted() it has no effect; after it, it has."""
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    client.ignoreSslErrors()
    conversation.connect()
    spin(lambda: failed(client))
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    client.ignoreSslErrors()
    spin(client.isEncrypted)


def test_qt_1_4_55_a_list_stays(conversation: Conversation) -> None:
    """For every later connection of the socket."""
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    conversation.connect()
    spin(lambda: failed(client))
    client.ignoreSslErrors(client.sslHandshakeErrors())
    for _ in range(2):
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        spin(client.isEncrypted)
        client.abort()


@pytest.mark.parametrize(
    ("lists", "goesOn"),
    [
        (["all"], True),
        (["all but one"], False),
        (["codes of another certificate"], False),
        (["all", "all but one"], False),
        (["all but one", "all"], True),
        (["all but one", "flag"], False),
        (["all but one", "empty", "flag"], True),
        (["all", "empty"], False),
        (["empty", "flag"], True),
    ],
    ids=lambda value: ", then ".join(value) if isinstance(value, list) else str(value),
)
def test_qt_1_4_56_which_errors_are_ignored(conversation: Conversation, lists: list[str], goesOn: bool) -> None:
    """A list counts before the flag, must be complete, means code and certificate, and replaces the last one."""
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    other = SslCertificate(conversation.pki.server.certificate)

    def answer(errors: list[SslError]) -> None:
        assert len(errors) > 1
        choices = {
            "all": errors,
            "all but one": errors[1:],
            "codes of another certificate": [SslError(error.error(), other) for error in errors],
            "empty": [],
        }
        for name in lists:
            if name == "flag":
                client.ignoreSslErrors()
            else:
                client.ignoreSslErrors(choices[name])

    client.sslErrors.connect(answer)
    conversation.connect()
    spin(lambda: client.isEncrypted() or failed(client))
    assert client.isEncrypted() is goesOn


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_qt_1_4_57_a_pause_ends_with_resume(make_conversation: MakeConversation, version: str) -> None:
    """PauseOnSslErrors: after sslErrors nothing happens until resume(), which asks again."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    client.setPauseMode(QAbstractSocket.PauseMode.PauseOnSslErrors)
    assert client.pauseMode() == QAbstractSocket.PauseMode.PauseOnSslErrors
    conversation.connect()
    conversation.recorder.waitFor("client.sslErrors")
    settle()
    assert client.state() == State.ConnectedState
    assert not client.isEncrypted()
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.ignoreSslErrors()
    client.resume()
    assert not client.isEncrypted()  # from the event loop
    spin(client.isEncrypted)
    assert conversation.recorder.count("client.sslErrors") == 1


def test_qt_1_4_57_nobody_ignores_in_the_pause(conversation: Conversation) -> None:
    """Then resume() lets the connection fail."""
    conversation.showServer(conversation.pki.unknownCa)
    client = conversation.client
    client.setPauseMode(QAbstractSocket.PauseMode.PauseOnSslErrors)
    conversation.connect()
    conversation.recorder.waitFor("client.sslErrors")
    settle()
    client.resume()
    spin(lambda: failed(client))
    assert conversation.recorder.of("client.errorOccurred") == [(SocketError.SslHandshakeFailedError,)]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_qt_1_4_58_a_server_can_wait_for_a_decision(
    make_conversation: MakeConversation, clock: FakeClock, version: str
) -> None:
    """acceptCertificate and defer(); the handshake's deadline waits meanwhile."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.demandClientCertificate()
    requests: list[CertificateRequest] = []

    def ask(socket: SslSocket, request: CertificateRequest) -> None:
        request.defer()
        requests.append(request)

    conversation.server.acceptCertificate.connect(ask)
    conversation.client.setHandshakeTimeout(0)  # the client's patience is another matter
    conversation.connect()
    spin(lambda: bool(requests))
    clock.advance(60)
    settle()
    assert conversation.server.statistics().handshaking == 1
    requests[0].accept()
    spin(lambda: conversation.server.hasPendingConnections() and conversation.client.isEncrypted())
    assert conversation.recorder.count("server.errorOccurred") == 0
