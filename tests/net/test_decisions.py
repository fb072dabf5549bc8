"""Certificate decisions that are taken later: accepted, rejected, overtaken, or never taken."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from shiboken6 import delete, isValid

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.ssl_socket import SslSocket
from tests.engine.support import make_certificate
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, FakeClock, State, VerifyMode, settle, spin
from tests.net.deferred import WAYS_TO_DELETE, Deferred, answerInDialog, both_roles, doubt, forsake

pytestmark = pytest.mark.usefixtures("transport_mode")
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])


@both_roles
@both_versions
def test_accept_later(make_conversation: MakeConversation, version: str, role: str) -> None:
    """Accepted after the slot has returned: the connection goes on, and queued data arrives."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, role)
    request = deferred.request
    assert request.isPending()
    assert request.errors()
    assert request.hostName() == ("127.0.0.1" if role == "client" else "")
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0
    conversation.client.write(b"queued")
    request.accept()
    assert not request.isPending()
    spin(lambda: conversation.server.hasPendingConnections() and conversation.client.isEncrypted())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(lambda: peer.bytesAvailable() == 6)


@both_roles
@both_versions
def test_reject_later(make_conversation: MakeConversation, version: str, role: str) -> None:
    """Rejected later: the peer hears a real alert, except from a TLS 1.3 server, which only closes."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, role)
    conversation.client.write(b"queued")
    deferred.request.reject()
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    owner, other = ("client", "server") if role == "client" else ("server", "client")
    alerts = conversation.recorder.of(f"{owner}.alertSent")
    received = conversation.recorder.of(f"{other}.alertReceived")
    forged = version == "1.3" and role == "server"
    assert len(alerts) == len(received) == (0 if forged else 1)
    assert conversation.recorder.count(f"{owner}.errorOccurred") == 1
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0
    assert conversation.recorder.count("client.encrypted") == (1 if forged else 0)


@both_roles
@both_versions
def test_the_peer_gives_up(make_conversation: MakeConversation, version: str, role: str) -> None:
    """The peer leaves while the user thinks: cancelled, once; answers do nothing any more."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, role)
    other: SslSocket = conversation.accepted[0] if role == "client" else conversation.client
    request = deferred.request
    other.abort()
    spin(lambda: deferred.cancelled == 1)
    assert not request.isPending()
    request.accept()
    request.reject()
    settle()
    assert deferred.cancelled == 1
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0


@both_versions
def test_aborting_cancels(make_conversation: MakeConversation, version: str) -> None:
    """Our own abort() cancels as well."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, "client")
    conversation.client.abort()
    assert deferred.cancelled == 1
    assert conversation.recorder.count("client.errorOccurred") == 0


@both_roles
def test_the_handshake_deadline_pauses_and_the_decision_has_its_own(
    make_conversation: MakeConversation, clock: FakeClock, role: str
) -> None:
    """Our deadline does not run while the user thinks; after five minutes the answer is no."""
    conversation = make_conversation()
    conversation.client.setHandshakeTimeout(30_000 if role == "client" else -1)
    conversation.server.setHandshakeTimeout(5000 if role == "server" else -1)
    deferred = Deferred(conversation, role)
    clock.advance(290)
    settle()
    assert deferred.request.isPending()
    clock.advance(11)
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    owner = "client" if role == "client" else "server"
    assert conversation.recorder.of(f"{owner}.errorOccurred")[-1][-1] == Error.SslHandshakeFailedError


@both_versions
def test_answering_in_the_slot(make_conversation: MakeConversation, version: str) -> None:
    """accept() at once; the first answer wins."""
    conversation = make_conversation(PROTOCOLS[version])

    def accept(request: CertificateRequest) -> None:
        request.accept()
        request.reject()

    doubt(conversation, "client", accept)
    conversation.establish()


@both_roles
@both_versions
def test_no_answer_means_no(make_conversation: MakeConversation, version: str, role: str) -> None:
    """A slot that does nothing rejects, with the right alert from every role and version."""
    conversation = make_conversation(PROTOCOLS[version])
    doubt(conversation, role, lambda request: None)
    conversation.connect()
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    owner, other = ("client", "server") if role == "client" else ("server", "client")
    (sent,) = conversation.recorder.of(f"{owner}.alertSent")
    (received,) = conversation.recorder.of(f"{other}.alertReceived")
    assert sent[-2] == received[-2]
    assert str(sent[-2]).endswith("UnknownCa")


@both_roles
@both_versions
def test_a_dialog_in_the_slot(make_conversation: MakeConversation, version: str, role: str) -> None:
    """An event loop inside the slot, as a modal dialog has it; the answer counts."""
    conversation = make_conversation(PROTOCOLS[version])
    doubt(conversation, role, answerInDialog)
    conversation.establish()


@both_roles
@both_versions
@pytest.mark.parametrize("way", WAYS_TO_DELETE)
def test_a_deleted_question_is_a_no(make_conversation: MakeConversation, version: str, role: str, way: str) -> None:
    """At once, not after five minutes: nobody can answer any more. The other side hears it as any late no."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, role)
    WAYS_TO_DELETE[way](deferred.request)
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    assert conversation.recorder.of(f"{role}.errorOccurred")[-1][-1] == Error.SslHandshakeFailedError
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0
    assert conversation.recorder.count(f"{role}.alertSent") == (0 if (version, role) == ("1.3", "server") else 1)


@both_roles
@both_versions
def test_a_question_deleted_in_the_slot_is_a_no(make_conversation: MakeConversation, version: str, role: str) -> None:
    """Although it was deferred."""
    conversation = make_conversation(PROTOCOLS[version])
    doubt(conversation, role, forsake)
    conversation.connect()
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    assert conversation.recorder.of(f"{role}.errorOccurred")[-1][-1] == Error.SslHandshakeFailedError
    assert conversation.recorder.count("server.pendingConnectionAvailable") == 0


@both_versions
def test_a_question_that_is_deleted_after_its_connection_concerns_no_other(
    make_conversation: MakeConversation, version: str
) -> None:
    """The socket asks about the next connection meanwhile; that question waits on."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, "client")
    earlier = deferred.request
    delete(earlier)
    conversation.client.abort()
    assert not earlier.isPending()
    conversation.connect()
    spin(lambda: len(deferred.requests) == 2)
    settle()
    assert deferred.requests[1].isPending()
    deferred.requests[1].accept()
    spin(lambda: conversation.client.isEncrypted())


@pytest.mark.parametrize("signal", ["preSharedKeyAuthenticationRequired", "handshakeInterruptedOnError"])
def test_the_deadline_during_a_slot_inside_the_handshake(
    make_conversation: MakeConversation, clock: FakeClock, signal: str
) -> None:
    """The time runs out while a slot keeps OpenSSL waiting: one error, and nothing after it."""
    # The key of TLS 1.3 is asked for before the hello, that of TLS 1.2 only for a suite that needs it.
    conversation = make_conversation(PROTOCOLS["1.3"])
    client = conversation.client
    client.setHandshakeTimeout(5000)
    if signal == "handshakeInterruptedOnError":
        conversation.showServer(conversation.pki.unknownCa)
        conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    states: list[State] = []

    def slot(*_: object) -> None:
        clock.advance(6)
        states.append(client.state())

    getattr(client, signal).connect(slot)
    conversation.connect()
    conversation.waitForClientEnd()
    settle()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]
    assert conversation.recorder.count("client.disconnected") == 1
    assert conversation.recorder.count("client.encrypted") == 0


@pytest.mark.parametrize(
    ("role", "version"),
    [
        ("client", "1.2"),
        ("client", "1.3"),
        ("server", "1.2"),
        ("server", "1.3"),
    ],
)
def test_the_chain_is_known_in_the_slot(make_conversation: MakeConversation, role: str, version: str) -> None:
    """The request shows the certificate that it is about."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred = Deferred(conversation, role)
    expected = conversation.pki.unknownCa if role == "client" else conversation.pki.clientUnknownCa
    chain = deferred.request.certificateChain()
    assert [item.toCryptography() for item in chain][:1] == [expected.certificate]


def letTwoFindingsCome(conversation: Conversation) -> x509.Certificate:
    """Give the client a certificate that has expired, and whose authority, which is returned, may not name it."""
    constraints = x509.NameConstraints([x509.DNSName("permitted.example")], None)
    authority = make_certificate(None, (), extensions=[(constraints, True)], ca=True, common_name="constrained")
    yesterday = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
    flawed = make_certificate(
        authority, ["other.example"], not_before=yesterday - dt.timedelta(days=9), not_after=yesterday
    )
    conversation.showClient(flawed)
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    return authority.certificate


def test_a_later_finding_asks_again(make_conversation: MakeConversation) -> None:
    """A TLS 1.3 server finds a name violation after it has asked: the first answer counts no more."""
    conversation = make_conversation(PROTOCOLS["1.3"])
    conversation.serverConfiguration.setCaCertificates([letTwoFindingsCome(conversation)])
    asked: list[CertificateRequest] = []
    cancelled: list[int] = []

    def defer(socket: SslSocket, request: CertificateRequest) -> None:
        number = len(asked)
        request.defer()
        request.cancelled.connect(lambda: cancelled.append(number))
        asked.append(request)

    conversation.server.acceptCertificate.connect(defer)
    conversation.connect()
    spin(lambda: len(asked) == 2)
    settle()
    assert cancelled == [0]
    assert len(asked[1].errors()) == 2
    if isValid(asked[0]):
        asked[0].accept()
    settle()
    assert not conversation.server.hasPendingConnections()
    assert asked[1].isPending()
    asked[1].reject()
    conversation.waitForServerEnd()
    assert not conversation.server.hasPendingConnections()


@pytest.mark.parametrize("action", ["delete", "abort", "connect"])
@pytest.mark.parametrize("end", ["abort", "deadline", "peer aborts", "peer closes"])
@both_versions
def test_a_slot_of_cancelled_at_the_end(
    make_conversation: MakeConversation, version: str, end: str, action: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends the socket, or uses it anew: the end of the old connection is nobody's business any more."""
    conversation = make_conversation(PROTOCOLS[version])
    deferred, client = Deferred(conversation, "client"), conversation.client
    errors: list[Error] = []
    acted: list[str] = []

    def act() -> None:
        acted.append(action)
        client.errorOccurred.connect(errors.append)
        if action == "delete":
            delete(client)
            return
        client.abort()
        if action == "connect":
            client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())

    deferred.request.cancelled.connect(act)
    if end == "abort":
        client.abort()
    elif end == "deadline":
        client._handshakeTimedOut()
    elif end == "peer aborts":
        conversation.accepted[0].abort()
    else:
        conversation.accepted[0].close()
    spin(lambda: bool(acted))
    settle()
    if action == "connect":
        spin(lambda: len(deferred.requests) == 2)
        deferred.requests[1].accept()
        spin(client.isEncrypted)
    assert isValid(client) == (action != "delete")
    # After "disconnected" the time-out says why, as that of QSslServer does.
    assert errors == ([Error.SocketTimeoutError] if (end, action) == ("deadline", "abort") else [])
    assert conversation.recorder.count("client.disconnected") == (action != "delete")
    assert "Error" not in capfd.readouterr().err


@pytest.mark.parametrize("action", ["delete", "abort"])
def test_a_slot_of_cancelled_at_a_later_finding(
    make_conversation: MakeConversation, action: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing more is asked about a connection that it has ended."""
    conversation = make_conversation(PROTOCOLS["1.3"])
    conversation.serverConfiguration.setCaCertificates([letTwoFindingsCome(conversation)])
    told: list[str] = []

    def defer(socket: SslSocket, request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(lambda: end(socket))
        told.append("acceptCertificate")

    def end(socket: SslSocket) -> None:
        told.append(action)
        if action == "delete":
            delete(socket)
        else:
            socket.abort()

    conversation.server.acceptCertificate.connect(defer)
    conversation.server.peerVerifyError.connect(lambda *_: told.append("peerVerifyError"))
    conversation.connect()
    spin(lambda: action in told)
    conversation.waitForClientEnd()
    assert told == ["peerVerifyError", "acceptCertificate", action]
    assert conversation.server.statistics().handshaking == 0
    assert "Error" not in capfd.readouterr().err
