"""gio-D4 to D8, D10 to D16 and D19: certificates of both sides."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from PySide6.QtNetwork import QSsl, QSslSocket, QUdpSocket
from shiboken6 import delete

from qtsecure import (
    Cancellable,
    CertificateFlag,
    CertificateRequest,
    Condition,
    DtlsPeer,
    Interaction,
    SecureError,
    SslCertificate,
    SslConfiguration,
    SslError,
    TlsOptions,
    TrustStore,
)
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.values import certificateFlags
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import PEER_SIGNALS, DtlsConversation, Status
from tests.semantics.gio.support import Code, prepared, refusal, watched

Flag = CertificateFlag
VerifyMode = QSslSocket.PeerVerifyMode
CHANGES = (
    "peerCertificateChanged",
    "peerCertificateErrorsChanged",
    "negotiatedProtocolChanged",
    "protocolChanged",
    "cipherChanged",
)


class Asked(Interaction):
    """Answers with this passphrase, and counts."""

    def __init__(self, answer: str | None) -> None:
        super().__init__()
        self.answer = answer
        self.questions: list[str] = []

    def askPassword(self, description: str) -> str | None:
        self.questions.append(description)
        return self.answer


class Lenient(DtlsPeer):
    """Accepts by its method, and notes what it was asked."""

    def __init__(self, answer: bool = True) -> None:
        super().__init__()
        self.answer: object = answer
        self.asked: list[tuple[SslCertificate, list[SslError]]] = []

    def acceptCertificateEvent(self, certificate: SslCertificate, errors: list[SslError]) -> bool:
        self.asked.append((certificate, errors))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[return-value]  # wrong on purpose in one test


def use(conversation: DtlsConversation, client: DtlsPeer) -> DtlsPeer:
    """Put another client in the place of the conversation's."""
    conversation.client.deleteLater()
    conversation.recorder.watch(client, PEER_SIGNALS, prefix="client")
    conversation.client = client
    return client


def flagsAfterRefusal(conversation: DtlsConversation) -> CertificateFlag:
    """The client's flags after a handshake that nobody saved."""
    client = conversation.client
    if client.status() is Status.Disconnected and not client.peerName():
        prepared(conversation)
    assert refusal(client.handshake).code is Code.BadCertificate
    assert client.peerCertificateErrors() == client.sslHandshakeErrors() != []
    return client.peerCertificateFlags()


def test_gio_d4_an_unknown_authority(conversation: DtlsConversation) -> None:
    """That and nothing else."""
    conversation.showServer(conversation.pki.unknownCa)
    assert flagsAfterRefusal(conversation) is Flag.UnknownCa


def test_gio_d5_a_wrong_name(conversation: DtlsConversation) -> None:
    """That and nothing else."""
    conversation.showServer(conversation.pki.wrongHost)
    assert flagsAfterRefusal(conversation) is Flag.BadIdentity


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("expired", Flag.Expired),
        ("notYetValid", Flag.NotActivated),
        ("selfSigned", Flag.UnknownCa),
        ("badPurpose", Flag.GenericError),
    ],
)
def test_gio_d6_other_errors(conversation: DtlsConversation, identity: str, expected: CertificateFlag) -> None:
    """Each has its flag."""
    conversation.showServer(getattr(conversation.pki, identity))
    assert flagsAfterRefusal(conversation) == expected


def test_gio_d6_both_errors(conversation: DtlsConversation) -> None:
    """An unknown authority and a wrong name are told together."""
    conversation.showServer(conversation.pki.otherCa.issue(["wrong.example"]))
    assert flagsAfterRefusal(conversation) == Flag.UnknownCa | Flag.BadIdentity


def test_gio_d6_every_error_has_a_flag() -> None:
    """No failed verification looks like a good one; the numbers are Gio's."""
    for code in IssueCode:
        assert certificateFlags([SslError.fromIssue(VerificationIssue(code, 0, None))])
    expected = {
        2: 1,
        18: 1,
        19: 1,
        20: 1,
        21: 1,
        27: 1,
        62: 2,
        63: 2,
        64: 2,
        9: 4,
        10: 8,
        23: 16,
        66: 32,
        67: 32,
        68: 32,
    }
    found = {
        code.value: int(certificateFlags([SslError.fromIssue(VerificationIssue(code, 0, None))]))
        for code in IssueCode
        if code.value in expected or code.value > 0
    }
    assert {code: flag for code, flag in found.items() if flag != 64} == expected
    assert Flag.ValidateAll == 0x7F
    assert certificateFlags([]) is Flag.NoFlags


def test_gio_d7_no_name_to_prove(conversation: DtlsConversation) -> None:
    """None identifies nobody: the best certificate has an error. Given again, the name counts."""
    conversation.client.setServerIdentity(None)
    assert flagsAfterRefusal(conversation) is Flag.BadIdentity
    client = conversation.client
    client.setServerIdentity("")
    prepared(conversation)
    assert client.handshake() is True


def test_gio_d7_another_name_to_prove(conversation: DtlsConversation) -> None:
    """Instead of the host that is connected to, set before or after it."""
    client = prepared(conversation)
    client.setServerIdentity("other.example")
    assert client.serverIdentity() == "other.example"
    assert flagsAfterRefusal(conversation) is Flag.BadIdentity
    client.setServerIdentity("localhost")
    prepared(conversation)
    assert client.handshake() is True
    with pytest.raises(TypeError):
        client.setServerIdentity(5)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("identity", "expected"), [("server", Flag.UnknownCa), ("wrongHost", Flag.UnknownCa | Flag.BadIdentity)]
)
def test_gio_d8_trusting_nobody(conversation: DtlsConversation, identity: str, expected: CertificateFlag) -> None:
    """No store, no trust; the name is checked all the same."""
    conversation.showServer(getattr(conversation.pki, identity))
    client = prepared(conversation)
    client.setTrustStore(None)
    assert client.trustStore() == TrustStore.empty()
    assert flagsAfterRefusal(conversation) == expected


def test_gio_d8_a_trust_store(conversation: DtlsConversation) -> None:
    """Another configuration than the one it was given before."""
    client = prepared(conversation)
    client.setSslConfiguration(SslConfiguration.forClient([conversation.pki.otherCa.certificate]))
    client.setTrustStore(TrustStore.fromCertificates([conversation.pki.ca.certificate]))
    assert client.handshake() is True
    with pytest.raises(TypeError):
        client.setTrustStore("store")  # type: ignore[arg-type]  # wrong on purpose


def test_gio_d10_a_slot_accepts(conversation: DtlsConversation) -> None:
    """What was wrong stays readable."""
    conversation.showServer(conversation.pki.expired)
    conversation.client.acceptCertificate.connect(lambda request: request.accept())
    conversation.establish()
    assert conversation.client.peerCertificateFlags() is Flag.Expired
    assert [error.error().name for error in conversation.client.peerCertificateErrors()] == ["CertificateExpired"]


def test_gio_d11_the_first_answer_counts(conversation: DtlsConversation) -> None:
    """A slot without an answer leaves it to the next; after a yes nobody can say no."""
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient(False))
    order: list[str] = []
    client.acceptCertificate.connect(lambda request: order.append("silent"))
    client.acceptCertificate.connect(lambda request: (order.append("yes"), request.accept()))
    client.acceptCertificate.connect(lambda request: (order.append("no"), request.reject()))
    conversation.establish()
    assert order == ["silent", "yes", "no"]
    assert isinstance(client, Lenient)
    assert client.asked == []


def test_gio_d11_the_method_comes_last(conversation: DtlsConversation) -> None:
    """It is asked when no slot has answered."""
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    requests: list[CertificateRequest] = []
    client.acceptCertificate.connect(requests.append)
    conversation.establish()
    ((certificate, errors),) = client.asked
    assert certificate == client.peerCertificate()
    assert errors == client.peerCertificateErrors()
    assert len(requests) == 1


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_gio_d11_anything_but_true_is_no(conversation: DtlsConversation, answer: object) -> None:
    """A method that forgets to return must not accept."""
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    client.answer = answer
    assert flagsAfterRefusal(conversation) is Flag.Expired


def test_gio_d11_a_slot_that_rejects_or_defers_is_an_answer(conversation: DtlsConversation) -> None:
    """The method is not asked then."""
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    client.acceptCertificate.connect(lambda request: request.reject())
    flagsAfterRefusal(conversation)
    assert client.asked == []


def test_the_method_raises(conversation: DtlsConversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reported once, and the certificate is refused."""
    reported: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: reported.append(value))
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    client.answer = planned = RuntimeError("planned")
    assert flagsAfterRefusal(conversation) is Flag.Expired
    assert reported == [planned]


def test_gio_d11_interrupting_the_method_is_no(conversation: DtlsConversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is reported as in a slot, and the handshake fails at once instead of hanging until its time is up."""
    reported: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: reported.append(error[0]))
    conversation.showServer(conversation.pki.expired)
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    client.answer = KeyboardInterrupt()
    assert flagsAfterRefusal(conversation) is Flag.Expired
    assert reported == [KeyboardInterrupt]


@pytest.mark.parametrize("answer", ["accept", "reject", "close"])
def test_gio_d12_a_deferred_answer(conversation: DtlsConversation, clock: FakeClock, answer: str) -> None:
    """The handshake waits, however often the other side repeats itself; closing is safe."""
    conversation.showServer(conversation.pki.expired)
    requests: list[CertificateRequest] = []
    client = use(conversation, Lenient())
    assert isinstance(client, Lenient)
    client.acceptCertificate.connect(lambda request: (request.defer(), requests.append(request)))
    prepared(conversation).startHandshake()
    spin(lambda: bool(requests))
    for _ in range(40):
        clock.advance(0.5)
        settle()
    assert client.status() is Status.Handshaking
    assert client.asked == []
    if answer == "close":
        client.close()
        assert client.status() is Status.Disconnected
        requests[0].accept()  # too late, and harmless
        return
    getattr(requests[0], answer)()
    expected = Status.Connected if answer == "accept" else Status.Error
    spin(lambda: client.status() is expected)
    assert client.peerCertificateFlags() is Flag.Expired


def test_gio_d13_while_the_question_is_asked(conversation: DtlsConversation) -> None:
    """The certificate is in the question and nowhere else; calls that would wait refuse."""
    conversation.showServer(conversation.pki.expired)
    client = conversation.client
    seen: list[object] = []

    def slot(request: CertificateRequest) -> None:
        seen.extend((len(request.certificateChain()), client.peerCertificateChain(), client.peerCertificateErrors()))
        waits: list[Callable[[], object]] = [
            lambda: client.receiveMessages(timeout=100),
            lambda: client.sendMessages([b"x"], timeout=100),
            lambda: client.conditionWait(Condition.In, 100),
            client.handshake,
            client.waitForHandshake,
        ]
        seen.extend(refusal(wait).code for wait in waits)
        seen.extend((refusal(client.receiveMessages).code, refusal(client.sendMessages, [b"x"]).code))
        request.accept()

    client.acceptCertificate.connect(slot)
    conversation.establish()
    assert seen == [1, [], [], *[Code.Pending] * 5, Code.WouldBlock, Code.WouldBlock]
    assert len(client.peerCertificateChain()) == 1


def test_gio_d13_closing_in_the_question(conversation: DtlsConversation) -> None:
    """Ends the handshake cleanly, whatever the answer is."""
    conversation.showServer(conversation.pki.expired)
    client = conversation.client
    client.acceptCertificate.connect(lambda request: (client.close(), request.accept()))
    prepared(conversation).startHandshake()
    spin(lambda: client.status() is Status.Disconnected)
    settle()
    assert client.error() is None
    assert not client.isEncrypted()
    assert refusal(client.handshake).code is Code.Closed


def test_gio_d14_order_of_what_becomes_known(conversation: DtlsConversation) -> None:
    """Each once, and before ``encrypted``."""
    conversation.clientConfiguration.setAllowedNextProtocols(["coap"])
    conversation.serverConfiguration.setAllowedNextProtocols(["coap"])
    seen = watched(conversation.client, *CHANGES, "encrypted", "statusChanged")
    conversation.establish()
    assert seen == ["statusChanged", *CHANGES, "statusChanged", "encrypted"]


def test_gio_d14_only_what_has_changed(conversation: DtlsConversation) -> None:
    """No protocol was negotiated, so that none is told; the server has seen no certificate."""
    server: list[list[str]] = []
    conversation.server.startedEncryptionHandshake.connect(lambda peer: server.append(watched(peer, *CHANGES)))
    seen = watched(conversation.client, *CHANGES)
    conversation.establish()
    assert seen == [name for name in CHANGES if name != "negotiatedProtocolChanged"]
    assert server == [["protocolChanged", "cipherChanged"]]


def test_gio_d14_after_a_failure_the_certificate_is_known(conversation: DtlsConversation) -> None:
    """Before the error is told."""
    conversation.showServer(conversation.pki.expired)
    client = conversation.client
    seen = watched(client, *CHANGES, "errorOccurred", "disconnected")
    flagsAfterRefusal(conversation)
    assert seen == ["peerCertificateChanged", "peerCertificateErrorsChanged", "errorOccurred", "disconnected"]
    assert client.peerCertificate() == SslCertificate(conversation.pki.expired.certificate)
    client.close()
    assert not client.peerCertificate().isNull()


@pytest.mark.parametrize("moment", CHANGES)
@pytest.mark.parametrize("action", ["close", "deleteLater"])
def test_closing_when_something_becomes_known(conversation: DtlsConversation, moment: str, action: str) -> None:
    """Nothing of what would follow is told."""
    client = conversation.client
    seen = watched(client, "encrypted", "errorOccurred")
    getattr(client, moment).connect(getattr(client, action))
    conversation.clientConfiguration.setAllowedNextProtocols(["coap"])
    conversation.serverConfiguration.setAllowedNextProtocols(["coap"])
    conversation.connect()
    spin(lambda: conversation.server.statistics().accepted == 1)
    spin(lambda: conversation.server.statistics().live == 0 or conversation.server.hasPendingConnections())
    settle()
    if action == "close":
        assert seen == []
        assert client.status() is Status.Disconnected


@pytest.mark.parametrize(
    ("mode", "shows", "expected"),
    [
        (VerifyMode.VerifyNone, True, (True, False, TlsOptions.ClientAuthentication.Off)),
        (VerifyMode.QueryPeer, False, (True, False, TlsOptions.ClientAuthentication.Requested)),
        (VerifyMode.QueryPeer, True, (True, True, TlsOptions.ClientAuthentication.Requested)),
        (VerifyMode.VerifyPeer, True, (True, True, TlsOptions.ClientAuthentication.Required)),
    ],
)
def test_gio_d15_modes_of_authentication(
    conversation: DtlsConversation, mode: VerifyMode, shows: bool, expected: tuple[bool, bool, object]
) -> None:
    """Not asked, asked, required; with and without a certificate."""
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setPeerVerifyMode(mode)
    if shows:
        conversation.showClient(conversation.pki.client)
    peer = conversation.establish()
    assert (peer.isEncrypted(), not peer.peerCertificate().isNull(), peer.authenticationMode()) == expected


@pytest.mark.parametrize("fatal", [True, False])
def test_gio_d15_a_required_certificate_is_missing(conversation: DtlsConversation, fatal: bool) -> None:
    """The server says what it misses, and the client learns of it at once instead of waiting for a minute."""
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setMissingCertificateIsFatal(fatal)
    client = prepared(conversation)
    error = refusal(client.handshake)
    assert error.code is Code.CertificateRequired
    assert "none was sent" in error.message
    assert error.alert == QSsl.AlertType.HandshakeFailure.value  # DTLS 1.2 has no better one
    spin(lambda: conversation.server.statistics().failed == 1)
    ((_, failure),) = conversation.arguments("server.errorOccurred")
    assert isinstance(failure, SecureError)
    assert failure.code is Code.CertificateRequired


def test_gio_d16_certificates_of_clients(conversation: DtlsConversation) -> None:
    """Good ones are accepted without asking anybody; each client has its own."""
    conversation.demandClientCertificate()
    others = [conversation.pki.client, conversation.pki.ca.issue(["second.example"], usage="client")]
    for number, identity in enumerate(others):
        client = conversation.makeClient(f"client {number}")
        conversation.showClient(identity)
        peer = conversation.establish(client)
        assert peer.peerCertificate() == SslCertificate(identity.certificate)
        assert client.certificate() == SslCertificate(identity.certificate)
        conversation.clientConfiguration.setPrivateKey(None)
        client.close()
    assert "acceptCertificate" not in conversation.names("server")


def test_gio_d16_a_bad_certificate_of_a_client(conversation: DtlsConversation) -> None:
    """Refused, unless somebody accepts it."""
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    client = prepared(conversation)
    assert refusal(client.handshake).alert is not None
    conversation.server.acceptCertificate.connect(lambda peer, request: request.accept())
    peer = conversation.establish()
    assert peer.peerCertificateFlags() is Flag.UnknownCa


def test_gio_d19_a_certificate_without_its_key(conversation: DtlsConversation) -> None:
    """Refused when it is set, and what was set before stays."""
    client, pki = conversation.client, conversation.pki
    client.setCertificate(list(pki.client.chain), pki.client.privateKey)
    own = client.certificate()
    assert own == SslCertificate(pki.client.certificate)
    with pytest.raises(ValueError, match="key"):
        client.setCertificate(list(pki.server.chain))
    with pytest.raises(SecureError):
        client.setCertificate(list(pki.server.chain), pki.client.privateKey)
    with pytest.raises(SecureError):
        client.setCertificate(b"no certificate", pki.client.privateKey)
    assert client.certificate() == own
    client.setCertificate(None)
    assert client.certificate().isNull()
    assert client.sslConfiguration().privateKey() is None


def test_gio_d19_the_interaction_is_asked_for_the_passphrase(conversation: DtlsConversation) -> None:
    """Once, where none is given; without an answer nothing changes."""
    client, identity = conversation.client, conversation.pki.client
    encrypted = identity.keyPem(b"secret")
    chain = list(identity.chain)
    for answer in (None, "wrong"):
        client.setInteraction(Asked(answer))
        assert refusal(client.setCertificate, chain, encrypted).code is Code.BadCertificatePassword
        assert client.certificate().isNull()
    asked = Asked("secret")
    client.setInteraction(asked)
    client.setCertificate(chain, encrypted)
    client.setCertificate(chain, identity.privateKey)
    assert client.certificate() == SslCertificate(identity.certificate)
    assert len(asked.questions) == 1
    delete(asked)
    client.setCertificate(chain, identity.privateKey)


def test_gio_d19_a_certificate_is_shown(conversation: DtlsConversation) -> None:
    """When the server asks for it; copies of the configuration are not changed."""
    conversation.demandClientCertificate()
    client, pki = prepared(conversation), conversation.pki
    before = client.sslConfiguration()
    client.setCertificate(list(pki.client.chain), pki.client.privateKey)
    assert before.localCertificate().isNull()
    assert client.handshake() is True
    spin(conversation.server.hasPendingConnections)
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.peerCertificate() == client.certificate()


def test_settings_of_a_servers_peer_are_its_own(conversation: DtlsConversation) -> None:
    """They share the server's configuration until one of them changes something."""
    peer = conversation.establish()
    peer.setRequireCloseNotify(False)
    peer.setTrustStore(None)
    assert conversation.server.sslConfiguration().requireCloseNotify() is True


def test_cancelled_questions_are_told(conversation: DtlsConversation) -> None:
    """A wait that is cancelled while the answer is open ends the question as well."""
    conversation.showServer(conversation.pki.expired)
    cancellable = Cancellable()
    told: list[str] = []

    def slot(request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(lambda: told.append("cancelled"))
        cancellable.cancel()

    conversation.client.acceptCertificate.connect(slot)
    assert refusal(prepared(conversation).handshake, cancellable).code is Code.Cancelled
    assert told == ["cancelled"]


def test_settings_from_iterators_while_options_are_lent(conversation: DtlsConversation) -> None:
    """connectToPeer() with options of its own: both configurations get the whole list, not one of them the rest."""
    port = conversation.listen()
    client, identity = conversation.client, conversation.pki.client
    transport = QUdpSocket(client)
    transport.connectToHost("127.0.0.1", port)
    assert client.connectToPeer(transport, "localhost", conversation.clientConfiguration) is DtlsPeer.Result.Ok
    client.setAdvertisedProtocols(name for name in ("one", "two"))
    client.setCertificate(iter(identity.chain), identity.privateKey)
    assert client.advertisedProtocols() == ["one", "two"]
    assert client.certificate() == SslCertificate(identity.certificate)
    standing = client.sslConfiguration()
    assert [bytes(name.data()) for name in standing.allowedNextProtocols()] == [b"one", b"two"]
    assert standing.localCertificate() == SslCertificate(identity.certificate)
