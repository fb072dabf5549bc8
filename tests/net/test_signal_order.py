"""Which signals come, and in which order; the numbers are those of Qt's sequences (qt-1.2, qt-1.3)."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtNetwork import QSsl, QSslError, QSslSocket
from shiboken6 import isValid

from qtsecure.net.values import Protocol, SslConfiguration, SslError
from qtsecure.testing.peers import PythonTlsClient, RawClient, TruncatingServer
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, State, VerifyMode, settle, spin

both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])

CONNECTING = ["stateChanged HostLookupState", "stateChanged ConnectingState", "hostFound"]
CONNECTED = ["stateChanged ConnectedState", "modeChanged SslClientMode", "connected"]
UNCONNECTED = ["stateChanged UnconnectedState", "readChannelFinished", "disconnected"]
GOODBYE = ["stateChanged ClosingState", "alertSent Warning CloseNotify", *UNCONNECTED]


# ------------------------------------------------------------------------------ 1.2: the server


@both_versions
def test_qt_1_2_20_a_good_handshake(make_conversation: MakeConversation, version: str) -> None:
    """The server tells the connection, the beginning of its handshake, and the queued socket; nothing else."""
    conversation = make_conversation(PROTOCOLS[version])
    modes: list[QSslSocket.SslMode] = []
    conversation.server.startedEncryptionHandshake.connect(lambda socket: modes.append(socket.mode()))
    conversation.establish()
    assert conversation.story("server") == [
        "newConnection",
        "startedEncryptionHandshake",
        "pendingConnectionAvailable",
    ]
    assert modes == [QSslSocket.SslMode.SslServerMode]


def test_qt_1_2_17_configuration_comes_before_the_descriptor_and_sockets_are_children(
    conversation: Conversation,
) -> None:
    """The accepted socket is a child of the server and has its configuration from the beginning."""
    peer = conversation.establish()
    assert peer.parent() is conversation.server
    assert peer.sslConfiguration().localCertificate() == conversation.serverConfiguration.localCertificate()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x00", b"\xff" * 100, b"SSH-2.0-x\r\n"])
def test_qt_1_2_18_no_tls_no_signal_of_tls(conversation: Conversation, data: bytes) -> None:
    """A first byte that is no TLS handshake record: no alert, no handshake, nothing queued, socket deleted."""
    conversation.listen()
    with RawClient(conversation.server.serverPort(), data) as client:
        client.waitForEnding()
    spin(lambda: conversation.server.statistics().handshaking == 0)
    settle()
    names = conversation.story("server")
    assert "startedEncryptionHandshake" not in names
    assert not any(name.startswith("alert") for name in names)
    assert client.received == b""
    assert not isValid(conversation.accepted[0])


def test_qt_1_2_20_a_failing_first_flight(make_conversation: MakeConversation) -> None:
    """No common version: alertSent and errorOccurred come before startedEncryptionHandshake."""
    conversation = make_conversation(Protocol.TlsV1_3)
    conversation.clientConfiguration.setProtocol(Protocol.TlsV1_2)
    conversation.connect()
    conversation.waitForClientEnd()
    conversation.recorder.waitFor("server.errorOccurred")
    assert conversation.story("server")[:4] == [
        "newConnection",
        "alertSent Fatal ProtocolVersion",
        "errorOccurred SslHandshakeFailedError",
        "startedEncryptionHandshake",
    ]
    assert conversation.recorder.count("client.alertReceived") == 1


def test_qt_1_2_22_disconnected_first_then_the_time_out(conversation: Conversation) -> None:
    """At the time-out the socket is disconnected before errorOccurred, which still knows the peer."""
    conversation.server.setHandshakeTimeout(100)
    known: list[tuple[str, int]] = []
    conversation.server.errorOccurred.connect(
        lambda socket, error: known.append((socket.peerAddress().toString(), socket.peerPort()))
    )
    conversation.listen()
    with RawClient(conversation.server.serverPort()) as client:
        client.waitForEnding()
        port = client.localPort()
    assert known == [("127.0.0.1", port)]
    story = conversation.story("accepted")
    assert story.index("disconnected") < story.index("errorOccurred SocketTimeoutError")


@both_versions
def test_qt_1_2_24_nothing_is_forwarded_after_queueing(make_conversation: MakeConversation, version: str) -> None:
    """After pendingConnectionAvailable the server never speaks about that socket again."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    conversation.client.disconnectFromHost()
    conversation.recorder.waitFor("accepted.disconnected")
    assert peer.state() == State.UnconnectedState
    assert conversation.story("server")[-1] == "pendingConnectionAvailable"


@both_versions
def test_qt_1_2_25_data_behind_the_finished_is_there(make_conversation: MakeConversation, version: str) -> None:
    """What the client sent right behind its Finished can be read when the socket is fetched."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.connect()
    conversation.client.write(b"early bird")
    received: list[bytes] = []

    def fetch() -> None:
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        received.append(peer.readBytes())
        peer.readyRead.connect(lambda: received.append(peer.readBytes()))

    conversation.server.pendingConnectionAvailable.connect(fetch)
    spin(lambda: b"".join(received) == b"early bird")


@both_versions
def test_qt_1_2_26_a_client_that_leaves_while_queued(make_conversation: MakeConversation, version: str) -> None:
    """A queued socket whose client has left is handed out unconnected, with its error and its data."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    conversation.client.write(b"last words")
    conversation.client.disconnectFromHost()
    conversation.recorder.waitFor("accepted.disconnected")
    assert conversation.server.hasPendingConnections()
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.state() == State.UnconnectedState
    assert peer.error() == Error.RemoteHostClosedError
    assert peer.readBytes() == b"last words"
    assert peer.peerClosedCleanly()


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_qt_1_2_27_a_client_that_leaves_in_the_handshake(conversation: Conversation, hello: bytes) -> None:
    """Hanging up before or in the handshake: RemoteHostClosedError, then the socket is deleted."""
    conversation.listen()
    valid: list[bool] = []
    conversation.server.errorOccurred.connect(lambda socket, error: valid.append(isValid(socket)))
    with RawClient(conversation.server.serverPort(), hello) as client:
        conversation.recorder.waitFor("server.newConnection")
        client.closeWriting()
        conversation.recorder.waitFor("server.errorOccurred")
    assert conversation.recorder.of("server.errorOccurred")[0][1] == Error.RemoteHostClosedError
    assert conversation.recorder.count("server.errorOccurred") == 1
    assert valid == [True]
    settle()
    assert not isValid(conversation.accepted[0])


@pytest.mark.parametrize("signal", ["peerVerifyError", "sslErrors", "startedEncryptionHandshake"])
@both_versions
def test_qt_1_2_29_an_abort_in_a_slot_frees_the_place_at_once(
    make_conversation: MakeConversation, version: str, signal: str
) -> None:
    """A socket that a slot aborts is reaped without any bogus time-out."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.demandClientCertificate()
    getattr(conversation.server, signal).connect(lambda socket, *_: socket.abort())
    conversation.connect()
    conversation.waitForClientEnd()
    spin(lambda: conversation.server.statistics().failed == 1)
    assert conversation.server.statistics().handshaking == 0
    assert conversation.recorder.count("server.errorOccurred") == 0
    settle()
    assert not isValid(conversation.accepted[0])


@both_versions
def test_qt_1_2_30_who_is_encrypted_first(make_conversation: MakeConversation, version: str) -> None:
    """TLS 1.3: the client's encrypted comes before the server queues; TLS 1.2: after."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.establish()
    names = [n for n in conversation.recorder.names() if n in ("client.encrypted", "server.pendingConnectionAvailable")]
    expected = ["client.encrypted", "server.pendingConnectionAvailable"]
    assert names == (expected if version == "1.3" else expected[::-1])


# ------------------------------------------------------------------------------ 1.3: the socket


@both_versions
def test_qt_1_3_34_connecting(make_conversation: MakeConversation, version: str) -> None:
    """The client's way to encrypted; connected comes after the handshake was started."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.establish()
    assert conversation.story("client") == [*CONNECTING, *CONNECTED, "encrypted"]


@both_versions
def test_qt_1_3_35_late_rejection_by_the_client(make_conversation: MakeConversation, version: str) -> None:
    """Errors one by one, the list, the question, a real alert, the error, the end."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.ca.issue(["wrong.example"], usage="client"))
    conversation.connect()
    conversation.waitForClientEnd()
    story = conversation.story("client")
    assert story == [
        *CONNECTING,
        *CONNECTED,
        "peerVerifyError",
        "peerVerifyError",
        "sslErrors",
        "acceptCertificate",
        story[10],
        "errorOccurred SslHandshakeFailedError",
        "stateChanged ClosingState",
        *UNCONNECTED,
    ]
    assert story[10].startswith("alertSent Fatal ")
    assert not conversation.client.isEncrypted()
    conversation.recorder.waitFor("server.alertReceived")
    assert conversation.recorder.of("server.alertReceived")[0][2] == conversation.recorder.of("client.alertSent")[0][1]


def test_qt_1_3_36_own_findings_first_in_the_list_last_one_by_one(conversation: Conversation) -> None:
    """sslErrors begins with the host name, peerVerifyError ends with it; errorString tells the first of the list."""
    conversation.clientConfiguration.setCaCertificates([])
    conversation.showServer(conversation.pki.wrongHost)
    conversation.connect()
    conversation.waitForClientEnd()
    listed = conversation.recorder.of("client.sslErrors")[0][0]
    single = [args[0] for args in conversation.recorder.of("client.peerVerifyError")]
    assert isinstance(listed, list)
    assert len(listed) >= 2
    assert listed[0].error() == QSslError.SslError.HostNameMismatch
    assert single[-1] == listed[0]
    assert single[:-1] == listed[1:]
    assert conversation.client.sslHandshakeErrors() == listed


@both_versions
def test_qt_1_3_37_ignored_errors_are_still_told(make_conversation: MakeConversation, version: str) -> None:
    """sslErrors comes although every error is on the list of ignored ones, and the connection goes on."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.wrongHost)
    certificate = conversation.serverConfiguration.localCertificate()
    conversation.client.ignoreSslErrors([SslError(QSslError.SslError.HostNameMismatch, certificate)])
    conversation.establish()
    assert conversation.recorder.count("client.sslErrors") == 1
    assert conversation.recorder.count("client.acceptCertificate") == 0
    assert [error.error() for error in conversation.client.sslHandshakeErrors()] == [
        QSslError.SslError.HostNameMismatch
    ]


@both_versions
def test_qt_1_3_37_query_peer_tells_and_goes_on(make_conversation: MakeConversation, version: str) -> None:
    """QueryPeer reports the errors of the client's certificate and never fails."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.establish()
    assert conversation.recorder.count("server.sslErrors") == 1
    assert conversation.recorder.count("server.acceptCertificate") == 0
    assert not conversation.peer.peerCertificate().isNull()


@both_versions
def test_qt_1_3_38_early_interruption(make_conversation: MakeConversation, version: str) -> None:
    """Interrupt, alert, error, the end without ClosingState; no late signals."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.unknownCa)
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.story("client")[6:] == [
        "handshakeInterruptedOnError",
        "alertSent Fatal UnknownCa",
        "errorOccurred SslHandshakeFailedError",
        *UNCONNECTED,
        "aboutToClose",
    ]


@pytest.mark.parametrize("ignore", [True, False])
@both_versions
def test_qt_1_3_39_continue_then_ignore(make_conversation: MakeConversation, version: str, ignore: bool) -> None:
    """One interrupt for each error; then the errors must be ignored as well."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.unknownCa)
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    client = conversation.client
    client.handshakeInterruptedOnError.connect(lambda error: client.continueInterruptedHandshake())
    if ignore:
        client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
        conversation.establish()
    else:
        conversation.connect()
        conversation.waitForClientEnd()
    errors = conversation.recorder.of("client.sslErrors")[0][0]
    assert isinstance(errors, list)
    interrupts = conversation.recorder.count("client.handshakeInterruptedOnError")
    assert interrupts == len(errors)
    assert conversation.recorder.count("client.peerVerifyError") == 0
    assert ("stateChanged ClosingState" in conversation.story("client")) is not ignore
    assert client.isEncrypted() is ignore
    assert conversation.recorder.of("client.errorOccurred") == ([] if ignore else [(Error.SslHandshakeFailedError,)])


@both_versions
def test_qt_1_3_40_the_host_name_is_never_an_interruption(make_conversation: MakeConversation, version: str) -> None:
    """A wrong host name is told late, also in the early mode."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.wrongHost)
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.recorder.count("client.handshakeInterruptedOnError") == 0
    assert conversation.recorder.count("client.sslErrors") == 1
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]


@both_versions
def test_qt_1_3_41_missing_certificate_is_fatal(make_conversation: MakeConversation, version: str) -> None:
    """The server's alert is certificate_required in TLS 1.3 and handshake_failure in TLS 1.2."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setMissingCertificateIsFatal(True)
    conversation.connect()
    conversation.recorder.waitFor("server.errorOccurred")
    conversation.waitForClientEnd()
    (alert,) = conversation.recorder.of("server.alertSent")
    assert getattr(alert[2], "value", alert[2]) == (116 if version == "1.3" else 40)
    assert conversation.recorder.count("server.sslErrors") == 0
    assert conversation.recorder.count("client.alertReceived") == 1


@both_versions
def test_qt_1_3_41_missing_certificate_can_be_ignored(make_conversation: MakeConversation, version: str) -> None:
    """Otherwise NoPeerCertificate is an error like any other."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.demandClientCertificate()
    conversation.server.sslErrors.connect(lambda socket, errors: socket.ignoreSslErrors())
    conversation.establish()
    errors = conversation.recorder.of("server.sslErrors")[0][1]
    assert isinstance(errors, list)
    assert [error.error() for error in errors] == [QSslError.SslError.NoPeerCertificate]


def test_qt_1_3_43_late_rejection_by_a_tls_1_2_server_is_told_with_an_alert(
    make_conversation: MakeConversation,
) -> None:
    """The rejected TLS 1.2 client hears the alert that alertSent announces."""
    conversation = make_conversation(Protocol.TlsV1_2)
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.demandClientCertificate()
    conversation.connect()
    conversation.waitForClientEnd()
    (sent,) = conversation.recorder.of("server.alertSent")
    (received,) = conversation.recorder.of("client.alertReceived")
    assert sent[1:] == received


def test_qt_1_3_43_alert_sent_is_only_for_bytes_on_the_wire(conversation: Conversation) -> None:
    """abort() says nothing to the peer and so emits no alertSent."""
    conversation.establish()
    conversation.client.abort()
    conversation.recorder.waitFor("accepted.disconnected")
    assert conversation.recorder.count("client.alertSent") == 0
    assert conversation.recorder.count("accepted.alertReceived") == 0
    assert not conversation.peer.peerClosedCleanly()


def test_qt_1_3_44_an_alert_after_encrypted(make_conversation: MakeConversation) -> None:
    """A TLS 1.3 client that is rejected when it is encrypted already: alert, SslInternalError, the end."""
    conversation = make_conversation(Protocol.TlsV1_3)
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.demandClientCertificate()
    conversation.connect()
    conversation.waitForClientEnd()
    story = conversation.story("client")
    assert story[6:] == [
        "encrypted",
        "alertReceived Fatal UnknownCa",
        "errorOccurred SslInternalError",
        "stateChanged ClosingState",
        *UNCONNECTED,
    ]
    assert conversation.client.errorString().startswith("Error while reading")


def test_qt_1_3_45_an_alert_in_the_handshake(conversation: Conversation) -> None:
    """The receiver of a fatal alert: alertReceived, SslHandshakeFailed, the end without ClosingState."""
    conversation.serverConfiguration.setProtocol(Protocol.TlsV1_3)
    conversation.clientConfiguration.setProtocol(Protocol.TlsV1_2)
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.story("client")[6:] == [
        "alertReceived Fatal ProtocolVersion",
        "errorOccurred SslHandshakeFailedError",
        *UNCONNECTED,
        "aboutToClose",
    ]
    assert not conversation.client.isOpen()
    assert conversation.client.errorString().startswith("Error during SSL handshake")


@both_versions
def test_qt_1_3_46_graceful_close_by_the_peer(make_conversation: MakeConversation, version: str) -> None:
    """close_notify: one RemoteHostClosedError, and our own close_notify in return."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    conversation.recorder.clear()
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert conversation.story("client") == [
        "alertReceived Warning CloseNotify",
        "errorOccurred RemoteHostClosedError",
        *GOODBYE,
    ]
    assert conversation.client.peerClosedCleanly()
    assert conversation.story("accepted") == GOODBYE


def test_qt_1_3_47_truncation_is_told_apart(conversation: Conversation) -> None:
    """An end without close_notify: the same error, other words, peerClosedCleanly() False, data readable."""
    with TruncatingServer(conversation.pki.server, b"half a mess") as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(lambda: conversation.recorder.count("client.disconnected") == 1)
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert not conversation.client.peerClosedCleanly()
    assert "close_notify" in conversation.client.errorString()
    assert conversation.client.readBytes() == b"half a mess"
    assert conversation.recorder.count("client.alertReceived") == 0


@both_versions
def test_qt_1_3_48_close_notify_is_answered(make_conversation: MakeConversation, version: str) -> None:
    """A peer that does a two-way shutdown gets its answer."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.listen()
    with PythonTlsClient(conversation.server.serverPort()) as client:
        client.waitForConnection()
        conversation.recorder.waitFor("server.pendingConnectionAvailable")
        client.close()
        ending = client.waitForEnding()
    assert ending.ending == "closeNotify"
    assert conversation.accepted[0].peerClosedCleanly()


@both_versions
def test_qt_1_3_48_what_is_queued_still_goes_out_after_the_peers_close_notify(
    make_conversation: MakeConversation, version: str
) -> None:
    """Bytes that were written in the slot of the peer's end arrive."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    conversation.client.alertReceived.connect(lambda *_: conversation.client.write(b"one more thing"))
    received: list[bytes] = []
    peer.readyRead.connect(lambda: received.append(peer.readBytes()))
    peer.write(b"question")
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    # The peer has ended both directions by itself; the client only must not fail over it.
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert conversation.client.readBytes() == b"question"


def test_qt_1_3_49_unusable_settings(conversation: Conversation) -> None:
    """A server without a certificate fails with SslInvalidUserDataError, and tells the client with an alert."""
    conversation.serverConfiguration = SslConfiguration()
    conversation.connect()
    conversation.waitForClientEnd()
    errors = [args[1] for args in conversation.recorder.of("server.errorOccurred")]
    assert errors == [Error.SslInvalidUserDataError]
    alert = QSsl.AlertLevel.Fatal, QSsl.AlertType.HandshakeFailure
    assert [args[1:3] for args in conversation.recorder.of("server.alertSent")] == [alert]
    assert [args[:2] for args in conversation.recorder.of("client.alertReceived")] == [alert]
    spin(lambda: conversation.server.statistics().handshaking == 0)


@pytest.mark.parametrize("method", ["startClientEncryption", "startServerEncryption"])
def test_qt_1_3_51_starting_twice(conversation: Conversation, method: str, qtlog: Any) -> None:
    """Starting TLS on a socket that is in TLS mode is a warning and nothing else."""
    conversation.establish()
    conversation.recorder.clear()
    getattr(conversation.client, method)()
    assert conversation.story("client") == []
    assert conversation.client.isEncrypted()
    assert ["already in TLS mode" in record.message for record in qtlog.records] == [True]


@pytest.mark.parametrize("method", ["startClientEncryption", "startServerEncryption"])
def test_qt_1_3_52_starting_without_connection(conversation: Conversation, method: str, qtlog: Any) -> None:
    """Starting TLS on a socket that was never connected is a warning; Qt's server side crashes."""
    getattr(conversation.client, method)()
    assert conversation.story("client") == []
    assert conversation.client.mode() == QSslSocket.SslMode.UnencryptedMode
    assert ["not connected" in record.message for record in qtlog.records] == [True]


def test_qt_1_3_53_connecting_twice(conversation: Conversation) -> None:
    """connectToHostEncrypted() while connected only warns; connectToHost() is an OperationError; both go on."""
    conversation.establish()
    conversation.recorder.clear()
    conversation.client.connectToHostEncrypted("127.0.0.1", 1)
    assert conversation.story("client") == []
    conversation.client.connectToHost("127.0.0.1", 1)
    assert conversation.story("client") == ["errorOccurred OperationError"]
    assert conversation.client.isEncrypted()


def test_qt_1_3_54_dtls_on_a_tls_socket(conversation: Conversation) -> None:
    """A DTLS version on a TLS socket: SslInvalidUserDataError and no attempt to connect."""
    conversation.clientConfiguration.setProtocol(Protocol.DtlsV1_2)
    conversation.connect()
    assert conversation.story("client") == ["errorOccurred SslInvalidUserDataError"]
    assert conversation.client.state() == State.UnconnectedState


def test_qt_1_3_42_verify_none_requests_nothing(conversation: Conversation) -> None:
    """VerifyNone: the server sees no certificate; the client still has the server's."""
    conversation.showClient(conversation.pki.client)
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.clientConfiguration.setCaCertificates([])
    conversation.establish()
    assert conversation.peer.peerCertificate().isNull()
    assert not conversation.client.peerCertificate().isNull()
    assert conversation.recorder.count("client.sslErrors") == 0
