"""Virtual hosts of servers: names choose configurations, and programs may choose them, too."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QSslSocket
from shiboken6 import delete

from qtsecure import (
    PreSharedKeyAuthenticator,
    SecureError,
    SslConfiguration,
    SslServer,
    SslSocket,
    UnknownHostPolicy,
    VirtualHostRequest,
)
from qtsecure.net.questions import choosing
from tests.net.conversation import settle, spin
from tests.net.deferred import WAYS_TO_DELETE
from tests.net.encounters import Encounter


class Two:
    """Certificates for two hosts."""

    def __init__(self, encounter: Encounter) -> None:
        self.a = encounter.pki.ca.issue(["a.example"])
        self.b = encounter.pki.ca.issue(["b.example"])


@pytest.fixture
def two(encounter: Encounter) -> Two:
    """Made for each test; they are cheap."""
    return Two(encounter)


def serve(
    encounter: Encounter, hosts: dict[str, SslConfiguration], policy: UnknownHostPolicy, rest: Any = None
) -> None:
    """Listen with these hosts."""
    configuration = rest or SslConfiguration()
    configuration.setVirtualHosts(hosts)
    configuration.setUnknownHostPolicy(policy)
    encounter.listen(configuration)


def test_each_name_has_its_configuration(encounter: Encounter, two: Two) -> None:
    """The certificate, and what the server's end tells of it."""
    hosts = {"a.example": encounter.host(two.a), "*.b.example": encounter.host(encounter.pki.ca.issue(["*.b.example"]))}
    serve(encounter, hosts, UnknownHostPolicy.Refuse)
    assert encounter.shown(encounter.visit("a.example")) == two.a.certificate
    www = encounter.visit("www.b.example")
    assert www.isEncrypted()
    a, b = encounter.peers
    assert (a.serverName(), b.serverName()) == ("a.example", "www.b.example")
    if isinstance(a, SslSocket):
        assert a.sslConfiguration().localCertificate().toCryptography() == two.a.certificate
        assert a.sslConfiguration().virtualHosts() == {}
    assert len(encounter.server.sslConfiguration().virtualHosts()) == 2


def test_sec_e14_unknown_names(encounter: Encounter, two: Two) -> None:
    """Refused with alert 112, or served with the rest; changed while the server listens."""
    hosts = {"a.example": encounter.host(two.a)}
    serve(encounter, hosts, UnknownHostPolicy.Refuse)
    refused = encounter.visit("b.example")
    assert not refused.isEncrypted()
    assert encounter.received == [112]
    assert "does not serve the requested host name" in refused.errorString()
    spin(lambda: bool(encounter.failures))
    assert "not served here" in encounter.failures[0]
    serve(encounter, hosts, UnknownHostPolicy.UseDefault, encounter.host(two.b))
    assert encounter.shown(encounter.visit("b.example")) == two.b.certificate


def test_sec_e15_client_certificates_by_name(encounter: Encounter, two: Two) -> None:
    """Also for a client that has a session of the open host."""
    hosts = {"a.example": encounter.host(two.a), "b.example": encounter.host(two.b, demands=True)}
    serve(encounter, hosts, UnknownHostPolicy.Refuse)
    assert encounter.visit("a.example").isEncrypted()
    without = encounter.visit("b.example")
    spin(lambda: bool(encounter.failures))
    assert "no certificate" in encounter.failures[0]
    assert len(encounter.peers) == 1
    without.close()
    client = encounter.client()
    configuration = client.sslConfiguration()
    configuration.setLocalCertificateChain(list(encounter.pki.client.chain))
    configuration.setPrivateKey(encounter.pki.client.privateKey)
    client.setSslConfiguration(configuration)
    assert encounter.visit("b.example", client).isEncrypted()
    assert encounter.peers[-1].peerCertificate().toCryptography() == encounter.pki.client.certificate


def test_sessions_are_resumed_at_their_host(encounter: Encounter, two: Two) -> None:
    """Tickets serve all connections of the server, as without hosts."""
    hosts = {"a.example": encounter.host(two.a), "b.example": encounter.host(two.b)}
    serve(encounter, hosts, UnknownHostPolicy.Refuse)
    first = encounter.visit("a.example")
    if encounter.kind == "dtls":
        encounter.peers[0].writeDatagram(b"hello")
        spin(first.hasPendingDatagrams)
    else:
        encounter.peers[0].write(b"hello")
        spin(lambda: first.bytesAvailable() == 5)
    session = first.session()
    assert session is not None
    again = encounter.client()
    again.setSession(session)
    assert encounter.visit("a.example", again).isSessionReused()
    assert encounter.peers[1].serverName() == "a.example"
    assert not encounter.visit("b.example").isSessionReused()


def test_a_host_for_keys_alone(encounter: Encounter, two: Two) -> None:
    """One host has a certificate, the other takes keys; without somebody who knows them its clients are refused."""
    keys = encounter.host(two.b)
    keys.setLocalCertificateChain([])
    keys.setPrivateKey(None)
    keys.setPreSharedKeyIdentityHint("sensors")
    serve(encounter, {"a.example": encounter.host(two.a), "keys.example": keys}, UnknownHostPolicy.Refuse)

    def client() -> Any:
        made = encounter.client()
        made.preSharedKeyAuthenticationRequired.connect(answer)
        configuration = made.sslConfiguration()
        configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        made.setSslConfiguration(configuration)
        return made

    def answer(authenticator: PreSharedKeyAuthenticator) -> None:
        authenticator.setIdentity(b"sensor")
        authenticator.setPreSharedKey(bytes(range(32)))

    assert not encounter.visit("keys.example", client()).isEncrypted()
    assert "The server has no certificate" in encounter.failures[0]
    encounter.server.preSharedKeyAuthenticationRequired.connect(
        lambda peer, authenticator: authenticator.setPreSharedKey(bytes(range(32)))
    )
    assert encounter.visit("keys.example", client()).isEncrypted()
    assert encounter.peers[-1].serverName() == "keys.example"
    assert encounter.shown(encounter.visit("a.example")) == two.a.certificate


# ------------------------------------------------------------------------------ certificateRequired


class Chooser:
    """A slot for certificateRequired that answers as it is told, or not."""

    def __init__(self, encounter: Encounter, answer: Any = None) -> None:
        self.answer = answer
        self.names: list[str] = []
        self.requests: list[VirtualHostRequest] = []
        self.peers: list[Any] = []
        encounter.keep.append(self)  # a connection to a plain object's method does not
        encounter.server.certificateRequired.connect(self.choose)

    def choose(self, peer: Any, request: VirtualHostRequest) -> None:
        self.names.append(request.serverName())
        self.requests.append(request)
        self.peers.append(peer)
        if callable(self.answer):
            self.answer(request)


def test_a_program_chooses_at_once(encounter: Encounter, two: Two) -> None:
    """The server needs no certificate of its own then."""
    encounter.listen(SslConfiguration())
    table = {"a.example": encounter.host(two.a), "b.example": encounter.host(two.b)}
    chooser = Chooser(encounter, lambda request: request.provide(table[request.serverName()]))
    assert encounter.shown(encounter.visit("b.example")) == two.b.certificate
    assert encounter.shown(encounter.visit("a.example")) == two.a.certificate
    assert chooser.names == ["b.example", "a.example"]


def test_the_handshake_waits_for_the_program(encounter: Encounter, two: Two) -> None:
    """A certificate is fetched; the first answer wins."""
    encounter.listen(SslConfiguration())
    chooser = Chooser(encounter, lambda request: request.defer())
    client = encounter.begin(encounter.client(), "b.example")
    spin(lambda: bool(chooser.requests))
    settle()
    assert not client.isEncrypted()
    assert chooser.peers[0].serverName() == "b.example"
    request = chooser.requests[0]
    assert request.isPending()
    QTimer.singleShot(0, lambda: request.provide(encounter.host(two.b)))
    spin(lambda: client.isEncrypted() and bool(encounter.peers))
    assert encounter.shown(client) == two.b.certificate


def test_a_request_may_have_another_parent(encounter: Encounter, two: Two) -> None:
    """A dialog, for example: the answer is checked and counts all the same."""
    encounter.listen(SslConfiguration())
    dialog = QObject()

    def defer(request: VirtualHostRequest) -> None:
        request.defer()
        request.setParent(dialog)

    chooser = Chooser(encounter, defer)
    client = encounter.begin(encounter.client(), "b.example")
    spin(lambda: bool(chooser.requests))
    with pytest.raises(SecureError):
        chooser.requests[0].provide(SslConfiguration())
    chooser.requests[0].provide(encounter.host(two.b))
    spin(lambda: client.isEncrypted() and bool(encounter.peers))
    assert encounter.shown(client) == two.b.certificate


def test_a_program_refuses(encounter: Encounter, two: Two) -> None:
    """At once or later; the alert is unrecognized_name."""
    encounter.listen(encounter.host(two.a))
    chooser = Chooser(encounter, lambda request: request.reject())
    assert not encounter.visit("a.example").isEncrypted()
    chooser.answer = lambda request: request.defer()
    client = encounter.begin(encounter.client(), "a.example")
    asked = len(chooser.requests)
    spin(lambda: len(chooser.requests) > asked)
    chooser.answer = lambda request: request.reject()  # a DTLS client tries once more
    chooser.requests[-1].reject()
    assert not chooser.requests[-1].isPending()
    chooser.requests[-1].provide(encounter.host(two.a))  # too late
    spin(lambda: encounter.isOver(client))
    assert encounter.received == [112, 112]


@pytest.mark.parametrize("how", [*WAYS_TO_DELETE, "in the slot", "with its parent"])
def test_a_deleted_request_refuses(encounter: Encounter, two: Two, how: str) -> None:
    """At once, not after five minutes; also where there is a configuration for want of an answer."""
    serve(encounter, {"a.example": encounter.host(two.a)}, UnknownHostPolicy.Refuse)
    dialog = QObject()

    def choose(request: VirtualHostRequest) -> None:
        request.defer()
        if how == "in the slot":
            delete(request)
        elif how == "with its parent":
            request.setParent(dialog)

    chooser = Chooser(encounter, choose)
    client = encounter.begin(encounter.client(), "a.example")
    spin(lambda: bool(chooser.requests))
    chooser.answer = lambda request: request.reject()  # a DTLS client tries once more
    if how in WAYS_TO_DELETE:
        WAYS_TO_DELETE[how](chooser.requests[0])
    else:
        delete(dialog)
    spin(lambda: encounter.isOver(client))
    assert encounter.received == [112]
    assert encounter.peers == []


def test_no_answer_is_the_configuration_that_was_set(encounter: Encounter, two: Two) -> None:
    """Static hosts and a listener go together."""
    serve(encounter, {"a.example": encounter.host(two.a)}, UnknownHostPolicy.Refuse)
    Chooser(encounter)
    assert encounter.shown(encounter.visit("a.example")) == two.a.certificate
    assert not encounter.visit("b.example").isEncrypted()


def test_unusable_answers_are_refused_at_once(encounter: Encounter, two: Two) -> None:
    """And the request stays open."""
    encounter.listen(SslConfiguration())
    raised: list[Exception] = []

    def choose(request: VirtualHostRequest) -> None:
        for bad in (SslConfiguration(), None, "b.example"):
            try:
                request.provide(bad)  # type: ignore[arg-type]  # what the test is about
            except (SecureError, TypeError) as error:
                raised.append(error)
        assert request.isPending()
        request.provide(encounter.host(two.b))

    Chooser(encounter, choose)
    client = encounter.visit("b.example")
    assert client.isEncrypted(), (raised, encounter.failures)
    assert [type(error) for error in raised] == [SecureError, TypeError, TypeError]


def test_the_deadline_waits_for_the_program(encounter: Encounter, two: Two, clock: Any) -> None:
    """The user's time is not the peer's fault; but what was left of it goes on afterwards."""
    encounter.server.setHandshakeTimeout(5000)
    encounter.listen(SslConfiguration())
    chooser = Chooser(encounter, lambda request: request.defer())
    client = encounter.client()
    client.setHandshakeTimeout(0)
    encounter.begin(client, "b.example")
    spin(lambda: bool(chooser.requests))
    for _ in range(60):
        clock.advance(1)
        settle()
    assert len(chooser.requests) == 1
    assert chooser.requests[0].isPending()
    assert encounter.failures == []
    chooser.answer = lambda request: request.reject()  # a DTLS client tries once more
    for _ in range(250):
        clock.advance(1)
        settle()
    assert not chooser.requests[0].isPending()
    spin(lambda: clock.advance(1) or encounter.isOver(client))  # a DTLS client doubts the alert for a while
    assert encounter.received == [112]


def test_a_client_that_leaves_cancels_the_request(encounter: Encounter, two: Two) -> None:
    """The program hears of it; a late answer is ignored."""
    encounter.listen(SslConfiguration())
    cancelled: list[bool] = []

    def choose(request: VirtualHostRequest) -> None:
        request.cancelled.connect(lambda: cancelled.append(True))
        request.defer()

    chooser = Chooser(encounter, choose)
    client = encounter.begin(encounter.client(), "b.example")
    spin(lambda: bool(chooser.requests))
    if encounter.kind == "dtls":
        chooser.peers[0].abort()  # a client's end is not heard before there are keys
    else:
        client.abort()
    spin(lambda: bool(cancelled))
    assert encounter.server.statistics().handshaking == 0


@pytest.mark.parametrize("how", ["delete the peer", "abort the peer", "close the server", "delete the server"])
def test_slots_may_do_anything(encounter: Encounter, two: Two, how: str) -> None:
    """No crash, and nothing goes on."""
    encounter.listen(encounter.host(two.a))

    def choose(request: VirtualHostRequest) -> None:
        peer = request.parent()
        if how == "delete the peer":
            delete(peer)
        elif how == "abort the peer":
            peer.abort()  # type: ignore[attr-defined]  # a socket or a peer
        elif how == "close the server":
            encounter.server.close()
        else:
            delete(encounter.server)

    chooser = Chooser(encounter, choose)
    client = encounter.begin(encounter.client(), "a.example")
    spin(lambda: bool(chooser.requests))
    settle()
    assert not client.isEncrypted()
    assert encounter.peers == []


def test_a_socket_that_is_used_again_forgets_the_host(encounter: Encounter, two: Two) -> None:
    """What one client asked for does not count for the next."""
    if encounter.kind == "dtls":
        pytest.skip("A peer of a DTLS server serves one association only.")
    configuration = SslConfiguration()
    configuration.setVirtualHosts({"a.example": encounter.host(two.a), "b.example": encounter.host(two.b)})
    configuration.setUnknownHostPolicy(UnknownHostPolicy.Refuse)
    server = SslSocket()
    server.setSslConfiguration(configuration)
    listener = _Plain(server)
    assert listener.listen("127.0.0.1", 0)
    for name, own in (("a.example", two.a), ("b.example", two.b)):
        client = encounter.client()
        client.connectToHostEncrypted("127.0.0.1", listener.serverPort(), name)
        spin(lambda: client.isEncrypted() and server.isEncrypted())  # noqa: B023  # of this round
        assert client.peerCertificate().toCryptography() == own.certificate
        server.abort()
        client.abort()
    server.deleteLater()
    listener.close()


class _Plain(SslServer):
    """Gives each connection to one socket."""

    def __init__(self, socket: SslSocket) -> None:
        super().__init__()
        self._socket = socket

    def incomingConnection(self, socketDescriptor: int) -> None:
        self._socket.setSocketDescriptor(socketDescriptor)
        self._socket.startServerEncryption()


def test_settings_that_cannot_be_used_cost_their_own_clients_only(encounter: Encounter, two: Two) -> None:
    """With alert 80 and a sentence; the other host is served."""
    broken = encounter.host(two.b)
    broken.setCiphers("TLS_AES_128_GCM_SHA256" if encounter.kind != "1.3" else "ECDHE-ECDSA-AES128-GCM-SHA256")
    serve(encounter, {"a.example": encounter.host(two.a), "b.example": broken}, UnknownHostPolicy.Refuse)
    client = encounter.visit("b.example")
    assert not client.isEncrypted()
    assert encounter.received == [80]
    spin(lambda: bool(encounter.failures))
    assert "cipher suites" in encounter.failures[0]
    assert encounter.visit("a.example").isEncrypted()


def test_nobody_is_asked_without_a_listener(encounter: Encounter, two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without hosts and without a slot does not look into hellos at all."""
    asked: list[object] = []
    monkeypatch.setattr(choosing.Choosing, "_configurationNeeded", lambda self, event: asked.append(event))
    encounter.listen(encounter.host(two.a))
    assert encounter.visit("a.example").isEncrypted()
    assert asked == []
