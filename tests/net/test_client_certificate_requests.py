"""A client's certificate on request: the Interaction is asked, in time, once, and only if there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QThread
from PySide6.QtNetwork import QAbstractSocket, QSslSocket, QTcpSocket, QUdpSocket
from shiboken6 import delete, isValid

from qtsecure import ClientCertificateRequest, Interaction, PreSharedKeyAuthenticator, SecureError, SslSocket
from tests.net.conversation import settle, spin
from tests.net.deferred import WAYS_TO_DELETE
from tests.net.encounters import Encounter

Answer = Callable[[ClientCertificateRequest], object]


class User(Interaction):
    """Answers as it is told."""

    def __init__(self, answer: Answer = lambda request: None) -> None:
        super().__init__()
        self.answer = answer
        self.requests: list[ClientCertificateRequest] = []

    def requestCertificate(self, request: ClientCertificateRequest) -> None:
        self.requests.append(request)
        self.answer(request)


def listen(encounter: Encounter, *, required: bool = True) -> None:
    """A server that asks for certificates, or insists on them."""
    configuration = encounter.host(encounter.pki.server, demands=True)
    if not required:
        configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.QueryPeer)
    encounter.listen(configuration)


def client_with(encounter: Encounter, user: User) -> Any:
    """A client whose user may be asked."""
    client = encounter.client()
    client.setInteraction(user)
    assert client.interaction() is user
    return client


def own(encounter: Encounter, **fields: Any) -> Answer:
    """Provide the certificate of the tests' client."""
    pki = encounter.pki
    return lambda request: request.provide(list(pki.client.chain), pki.client.privateKey)


def ended(encounter: Encounter, client: Any) -> None:
    """Wait until the client has failed; a TLS 1.3 client is encrypted before it hears of that."""
    spin(lambda: encounter.isOver(client))


def test_gio_d18_a_provided_certificate_is_used(encounter: Encounter) -> None:
    """The server's end has it."""
    listen(encounter)
    user = User(own(encounter))
    client = encounter.visit("localhost", client_with(encounter, user))
    assert client.isEncrypted()
    assert encounter.peers[0].peerCertificate().toCryptography() == encounter.pki.client.certificate
    assert len(user.requests) == 1


def test_gio_d17_what_the_server_accepts(encounter: Encounter) -> None:
    """As DER and in words, for the request and for the connection; nothing if it does not ask."""
    listen(encounter)
    seen: list[tuple[Any, Any, str]] = []

    def answer(request: ClientCertificateRequest) -> None:
        seen.append((request.acceptedCAs(), request.acceptedCANames(), request.hostName()))
        own(encounter)(request)

    client = encounter.visit("localhost", client_with(encounter, User(answer)))
    encoded = encounter.pki.ca.certificate.subject.public_bytes()
    names = ["CN=qtsecure throw-away CA"]
    ((ders, texts, host),) = seen
    assert ([bytes(each.data()) for each in ders], texts, host) == ([encoded], names, "localhost")
    assert [bytes(each.data()) for each in client.acceptedCAs()] == [encoded]
    assert client.acceptedCANames() == names
    assert client.isCertificateRequested()
    configuration = encounter.host(encounter.pki.server)
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    encounter.listen(configuration)
    unasked = encounter.visit("localhost")
    assert unasked.isEncrypted()
    assert not unasked.isCertificateRequested()
    assert unasked.acceptedCAs() == []
    assert not encounter.client().isCertificateRequested()


def test_gio_d18_nobody_is_asked_who_has_a_certificate(encounter: Encounter) -> None:
    """What is set counts."""
    listen(encounter)
    user = User()
    client = client_with(encounter, user)
    configuration = client.sslConfiguration()
    configuration.setLocalCertificateChain(list(encounter.pki.client.chain))
    configuration.setPrivateKey(encounter.pki.client.privateKey)
    client.setSslConfiguration(configuration)
    assert encounter.visit("localhost", client).isEncrypted()
    assert user.requests == []


@pytest.mark.parametrize("how", ["decline", "nothing"])
def test_gio_d18_declining_is_the_same_as_none(encounter: Encounter, how: str) -> None:
    """A server that only asks goes on; no session is kept, so that the user is asked next time."""
    listen(encounter, required=False)
    user = User(lambda request: request.decline() if how == "decline" else None)
    for _ in range(2):
        client = encounter.visit("localhost", client_with(encounter, user))
        assert client.isEncrypted()
        assert client.session() is None
        assert encounter.peers[-1].peerCertificate().isNull()
    assert len(user.requests) == 2


def test_gio_d18_the_handshake_waits(encounter: Encounter) -> None:
    """Until the user has chosen."""
    listen(encounter)
    user = User(lambda request: request.defer())
    client = encounter.begin(client_with(encounter, user), "localhost")
    spin(lambda: bool(user.requests))
    settle()
    assert encounter.peers == []
    assert user.requests[0].isPending()
    own(encounter)(user.requests[0])
    spin(lambda: client.isEncrypted() and bool(encounter.peers))
    assert encounter.peers[0].peerCertificate().toCryptography() == encounter.pki.client.certificate


@pytest.mark.parametrize("how", ["fail", "raise", "interrupt"])
def test_gio_d18_an_error_surfaces_if_the_server_refuses(
    encounter: Encounter, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sentence of the connection's error; and what was raised is reported once."""
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda *error: reported.append(error[0]))
    listen(encounter)

    def answer(request: ClientCertificateRequest) -> None:
        if how == "raise":
            raise LookupError("no such card: SECRET")
        if how == "interrupt":
            raise KeyboardInterrupt
        request.fail("The smart card was removed.")

    client = encounter.begin(client_with(encounter, User(answer)), "localhost")
    ended(encounter, client)
    raised = {"raise": LookupError, "interrupt": KeyboardInterrupt}.get(how)
    reason = f"has raised {raised.__name__}" if raised else "The smart card was removed."
    assert reason in client.errorString()
    assert "SECRET" not in client.errorString()
    assert reported == ([raised] if raised else [])


def test_an_error_is_no_error_where_the_server_only_asks(encounter: Encounter) -> None:
    """It goes on without."""
    listen(encounter, required=False)
    client = encounter.visit("localhost", client_with(encounter, User(lambda request: request.fail("No card."))))
    assert client.isEncrypted()


def test_bad_answers_raise_and_leave_the_request_open(encounter: Encounter) -> None:
    """A key of another certificate, rubbish, nothing."""
    listen(encounter)
    pki = encounter.pki
    raised: list[type[Exception]] = []

    def answer(request: ClientCertificateRequest) -> None:
        for chain, key in (
            (list(pki.client.chain), pki.server.privateKey),
            (b"rubbish", pki.client.privateKey),
            ([], pki.client.privateKey),
            (None, None),
        ):
            try:
                request.provide(chain, key)  # type: ignore[arg-type]  # what the test is about
            except (SecureError, TypeError) as error:
                raised.append(type(error))
        with pytest.raises(TypeError):
            request.fail(None)  # type: ignore[arg-type]  # what the test is about
        assert request.isPending()
        own(encounter)(request)

    assert encounter.visit("localhost", client_with(encounter, User(answer))).isEncrypted()
    assert len(raised) == 4


def test_the_deadline_waits_for_the_user(encounter: Encounter, clock: Any) -> None:
    """For five minutes; then the handshake goes on without a certificate."""
    encounter.server.setHandshakeTimeout(0)
    listen(encounter, required=False)
    user = User(lambda request: request.defer())
    client = client_with(encounter, user)
    client.setHandshakeTimeout(2000)
    encounter.begin(client, "localhost")
    spin(lambda: bool(user.requests))
    for _ in range(29):
        clock.advance(10)
        settle()
    assert user.requests[0].isPending()
    clock.advance(11)
    spin(lambda: client.isEncrypted() and bool(encounter.peers))
    assert encounter.peers[0].peerCertificate().isNull()


def test_the_end_of_the_connection_cancels_the_request(encounter: Encounter) -> None:
    """A late answer does nothing."""
    listen(encounter)
    cancelled: list[bool] = []

    def answer(request: ClientCertificateRequest) -> None:
        request.cancelled.connect(lambda: cancelled.append(True))
        request.defer()

    user = User(answer)
    client = encounter.begin(client_with(encounter, user), "localhost")
    spin(lambda: bool(user.requests))
    client.abort()
    assert cancelled == [True]
    own(encounter)(user.requests[0])
    settle()
    assert not client.isEncrypted()


@pytest.mark.parametrize("how", [*WAYS_TO_DELETE, "in the slot", "in the slot, and not deferred"])
def test_a_deleted_request_is_an_error_of_the_user(encounter: Encounter, how: str) -> None:
    """None is shown then, at once and not after five minutes; the error says why."""
    listen(encounter)

    def answer(request: ClientCertificateRequest) -> None:
        if how != "in the slot, and not deferred":
            request.defer()
        if how.startswith("in the slot"):
            delete(request)

    user = User(answer)
    client = encounter.begin(client_with(encounter, user), "localhost")
    spin(lambda: bool(user.requests))
    if how in WAYS_TO_DELETE:
        WAYS_TO_DELETE[how](user.requests[0])
    ended(encounter, client)
    assert encounter.peers == []
    if how != "in the slot, and not deferred":
        assert "was deleted before anybody had answered" in client.errorString()


@pytest.mark.parametrize("how", ["delete the client", "abort the client", "delete the user", "nested loop"])
def test_the_user_may_do_anything(encounter: Encounter, how: str) -> None:
    """No crash; and the answer counts where there is still somebody to hear it."""
    listen(encounter)

    def answer(request: ClientCertificateRequest) -> None:
        if how == "delete the client":
            delete(client)
        elif how == "abort the client":
            client.abort()
        elif how == "delete the user":
            own(encounter)(request)
            user.deleteLater()
        else:
            for _ in range(3):
                settle()
            own(encounter)(request)

    user = User(answer)
    client = encounter.begin(client_with(encounter, user), "localhost")
    if how in ("delete the user", "nested loop"):
        spin(lambda: client.isEncrypted() and bool(encounter.peers))
    else:
        spin(lambda: bool(user.requests))
        settle()
        assert not isValid(client) or not client.isEncrypted()


def test_an_untrusted_server_gets_no_certificate(encounter: Encounter) -> None:
    """Nobody is asked before the server's certificate is accepted."""
    listen(encounter)
    user = User(own(encounter))
    client = encounter.begin(client_with(encounter, user), "wrong.example")
    ended(encounter, client)
    assert user.requests == []


def test_arguments(encounter: Encounter) -> None:
    """Only an Interaction of the same thread."""
    client = encounter.client()
    with pytest.raises(TypeError):
        client.setInteraction("user")
    assert client.interaction() is None
    thread = QThread()
    stranger = User()
    stranger.moveToThread(thread)
    with pytest.raises(RuntimeError):
        client.setInteraction(stranger)
    client.setInteraction(None)


class Keys(Interaction):
    """Knows a key."""

    def __init__(self, key: bytes = bytes(range(32))) -> None:
        super().__init__()
        self.key = key
        self.asked = 0

    def requestPreSharedKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        self.asked += 1
        if not self.key:
            raise KeyboardInterrupt
        authenticator.setIdentity(b"sensor")
        authenticator.setPreSharedKey(self.key)


def test_an_interaction_may_know_keys(encounter: Encounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no slot has given one; an exception is reported and is no key."""
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda *error: reported.append(error[0]))
    answers: list[bytes] = []

    def serve(peer: object, authenticator: PreSharedKeyAuthenticator) -> None:
        answers.append(bytes(authenticator.identity().data()))
        authenticator.setPreSharedKey(bytes(range(32)))

    encounter.server.preSharedKeyAuthenticationRequired.connect(serve)
    encounter.listen(encounter.host(encounter.pki.server))
    user = Keys()
    client = encounter.client()
    client.setInteraction(user)
    configuration = client.sslConfiguration()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    if encounter.kind != "1.3":
        configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
    client.setSslConfiguration(configuration)
    encounter.visit("localhost", client)
    assert client.isEncrypted(), client.errorString()
    assert (user.asked, answers) == (1, [b"sensor"])
    client.close()
    for key, error in ((b"k" * 1000, ValueError), (b"", KeyboardInterrupt)):
        user.key = key  # setPreSharedKey() raises, or else the method itself
        encounter.visit("localhost", client)
        assert reported[0] is error
        if encounter.kind != "1.3":  # which may use the certificate, and nobody wants to verify it
            assert not client.isEncrypted()
        reported.clear()
        client.close()


def test_another_connection_in_the_dialog_of_the_first(encounter: Encounter) -> None:
    """The answer to the first question is none to the second."""
    listen(encounter)

    def first(request: ClientCertificateRequest) -> None:
        user.answer = lambda later: later.defer()
        client.abort()
        encounter.begin(client, "localhost")
        spin(lambda: len(user.requests) == 2)
        own(encounter)(request)

    user = User(first)
    client = encounter.begin(client_with(encounter, user), "localhost")
    spin(lambda: len(user.requests) == 2)
    settle()
    assert user.requests[1].isPending()
    assert encounter.peers == []
    own(encounter)(user.requests[1])
    spin(lambda: client.isEncrypted() and bool(encounter.peers))


def test_over_a_socket_of_the_program(encounter: Encounter) -> None:
    """A DtlsPeer that runs over a QUdpSocket asks and traces as well; an SslSocket over a QTcpSocket, too."""
    listen(encounter)
    user = User(own(encounter))
    client = client_with(encounter, user)
    client.setHandshakeTraceEnabled(True)
    seen: list[str] = []
    client.handshakeMessage.connect(lambda direction, name, size: seen.append(name))
    carrier: Any = QUdpSocket() if encounter.kind == "dtls" else QTcpSocket()
    carrier.connectToHost("127.0.0.1", encounter.server.serverPort())
    spin(lambda: carrier.state() == QAbstractSocket.SocketState.ConnectedState)
    if encounter.kind == "dtls":
        client.connectToPeer(carrier, "localhost", client.sslConfiguration())
    else:
        configuration = client.sslConfiguration()
        client = SslSocket(transport=carrier)
        client.setInteraction(user)
        client.setSslConfiguration(configuration)
        client.setPeerVerifyName("localhost")
        client.setHandshakeTraceEnabled(True)
        client.handshakeMessage.connect(lambda direction, name, size: seen.append(name))
        client.startClientEncryption()
    spin(lambda: client.isEncrypted() and bool(encounter.peers))
    assert len(user.requests) == 1
    assert encounter.peers[0].peerCertificate().toCryptography() == encounter.pki.client.certificate
    assert "CertificateRequest" in seen
    client.close()
