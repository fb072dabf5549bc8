"""What glib-networking's own tests ask of a DTLS connection, asked of DtlsPeer.

Each test names the upstream test that it stands for: those of tls/tests/dtls-connection.c, which upstream
does not build, and of tls/tests/connection.c as far as they make sense without a stream. Left out: those
about threads, PKCS #11, GSocketClient and streams that outlive their connection; /unclean-close-by-server
and /socket-timeout, which are about the end of a stream and become gio-D39; and
/session/reuse_ten_minute_expiry, a constant of glib-networking's: here the server decides about ages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure import (
    CertificateFlag,
    CertificateRequest,
    ChannelBinding,
    ChannelBindingError,
    ClientCertificateRequest,
    Condition,
    DtlsMessage,
    DtlsPeer,
    Interaction,
    Protocol,
    SecureError,
    SslCertificate,
    TrustStore,
)
from qtsecure.testing.certificates import CertificateAuthority, IssuedCertificate
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import plain_network
from tests.net.conversation import settle, spin
from tests.net.dtls.conversation import DtlsConversation, VerifyMode
from tests.semantics.gio.support import BOTH, PATIENCE_MS, Code, data, prepared, refusal, soon, watched

PARTS = (b"Hello, ", b"datagram ", b"world")
WHOLE = b"".join(PARTS)


class User(Interaction):
    """Provides this certificate, fails, or has none."""

    def __init__(self, identity: IssuedCertificate | None = None, failure: str = "") -> None:
        super().__init__()
        self.identity = identity
        self.failure = failure
        self.asked = 0

    def requestCertificate(self, request: ClientCertificateRequest) -> None:
        self.asked += 1
        if self.identity is not None:
            request.provide(list(self.identity.chain), self.identity.privateKey)
        elif self.failure:
            request.fail(self.failure)
        else:
            request.decline()


def greetEverybody(conversation: DtlsConversation) -> None:
    """The upstream server's part: one message out of several parts, then the end."""

    def greet() -> None:
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        peer.sendMessages([list(PARTS)])
        peer.close()

    conversation.server.pendingConnectionAvailable.connect(greet)


def crossSigned(subject: CertificateAuthority, issuer: CertificateAuthority) -> x509.Certificate:
    """Another certificate for the key of an authority, by another authority."""
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject.certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(subject.certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(issuer.privateKey, hashes.SHA256())
    )


def show(conversation: DtlsConversation, leaf: IssuedCertificate, *others: x509.Certificate) -> None:
    """Let the server send this chain, in this order."""
    conversation.showServer(IssuedCertificate(leaf.certificate, leaf.privateKey, (leaf.certificate, *others)))


# ------------------------------------------------------------------- dtls-connection.c


def test_basic_blocking(conversation: DtlsConversation) -> None:
    """/dtls/connection/basic/blocking, threaded/blocking: send, receive and see the end, each call waiting."""
    greetEverybody(conversation)
    client = prepared(conversation)
    assert client.sendMessages([b"ready"], timeout=-1) == 1
    assert data(client.receiveMessages(1, timeout=-1)) == [WHOLE]
    assert client.receiveMessages(1, timeout=-1) == []


def test_basic_timeout(conversation: DtlsConversation) -> None:
    """/dtls/connection/basic/timeout, threaded/timeout: the same, with a time that is long enough."""
    greetEverybody(conversation)
    client = prepared(conversation)
    assert data(client.receiveMessages(1, timeout=PATIENCE_MS)) == [WHOLE]
    assert client.receiveMessages(1, timeout=PATIENCE_MS) == []


def test_basic_nonblocking(conversation: DtlsConversation) -> None:
    """/dtls/connection/basic/nonblocking, threaded/nonblocking: never waiting, told by a notifier when to try again."""
    greetEverybody(conversation)
    client = prepared(conversation)
    assert refusal(client.receiveMessages).code is Code.WouldBlock
    received: list[DtlsMessage] = []

    def read(condition: Condition) -> None:
        if Condition.In in condition:  # and not the end, of which there is nothing to read
            received.extend(client.receiveMessages())

    client.createNotifier(Condition.In).activated.connect(read)
    spin(lambda: client.atEnd() and bool(received))
    assert data(received) == [WHOLE]


def test_timeouts_read(conversation: DtlsConversation) -> None:
    """/dtls/connection/timeouts/read: the server falls silent after the handshake."""
    client = prepared(conversation)
    assert client.handshake() is True
    assert refusal(client.receiveMessages, 1, timeout=50).code is Code.TimedOut


@pytest.mark.parametrize("sender", ["client", "server"])
def test_lossy(qtsecure_pki: PublicKeyInfrastructure, sender: str) -> None:
    """/dtls/connection/lossy/client and /server: the first datagram is lost; every later one: gio-D23."""

    def lose(datagram: LinkedDatagram) -> Iterable[bytes]:
        return () if (datagram.sender, datagram.number) == (sender, 0) else (datagram.data,)

    network = plain_network(qtsecure_pki, DatagramLink(tamper=lose)).established()
    assert network.link.counters.sent > network.link.counters.delivered
    assert network.say(WHOLE, from_server=True) == [WHOLE]


# ------------------------------------------------------------------------ connection.c


def test_verified(conversation: DtlsConversation) -> None:
    """/tls/connection/basic and /verified: a server that the database knows."""
    client = prepared(conversation)
    client.setTrustStore(TrustStore.fromCertificates([conversation.pki.ca.certificate]))
    assert client.handshake() is True
    assert client.peerCertificateFlags() is CertificateFlag.NoFlags


@pytest.mark.parametrize("order", ["complete", "root", "duplicate", "unordered"])
def test_verified_chains(conversation: DtlsConversation, order: str) -> None:
    """/verified-chain, -with-redundant-root-cert, -with-duplicate-server-cert, verified-unordered-chain."""
    pki = conversation.pki
    leaf, (_, intermediate) = pki.viaIntermediate, pki.viaIntermediate.chain
    others = {
        "complete": (intermediate,),
        "root": (intermediate, pki.ca.certificate),
        "duplicate": (leaf.certificate, intermediate),
        "unordered": (pki.ca.certificate, pki.otherCa.certificate, intermediate),
    }
    show(conversation, leaf, *others[order])
    client = prepared(conversation)
    assert client.handshake() is True
    assert client.peerCertificateErrors() == []


def test_verified_chain_with_an_alternative_authority(conversation: DtlsConversation) -> None:
    """/verified-chain-with-alternative-ca-cert: the server sends the root as an unknown authority has signed it."""
    pki = conversation.pki
    show(conversation, pki.viaIntermediate, pki.viaIntermediate.chain[1], crossSigned(pki.ca, pki.otherCa))
    assert prepared(conversation).handshake() is True


def test_invalid_chain_with_an_alternative_authority(conversation: DtlsConversation) -> None:
    """/invalid-chain-with-alternative-ca-cert: an authority of the same name with another key is trusted."""
    pki = conversation.pki
    show(conversation, pki.viaIntermediate, pki.viaIntermediate.chain[1], crossSigned(pki.ca, pki.otherCa))
    client = prepared(conversation)
    client.setTrustStore(TrustStore.fromCertificates([CertificateAuthority().certificate]))
    assert refusal(client.handshake).code is Code.BadCertificate
    assert client.peerCertificateFlags()


def test_cyclic_chain(conversation: DtlsConversation) -> None:
    """/cyclic-chain (CVE-2026-10028): two authorities that have signed each other; verification ends."""
    first, second = CertificateAuthority("first"), CertificateAuthority("second")
    show(conversation, first.issue(), crossSigned(first, second), crossSigned(second, first))
    client = prepared(conversation)
    assert refusal(client.handshake).code is Code.BadCertificate
    assert CertificateFlag.UnknownCa in client.peerCertificateFlags()


def test_client_authentication(conversation: DtlsConversation) -> None:
    """/client-auth: the server sees what the client has shown, another one the second time."""
    conversation.demandClientCertificate()
    for identity in (conversation.pki.client, conversation.pki.ca.issue(["second.example"], usage="client")):
        client = prepared(conversation)
        client.setCertificate(list(identity.chain), identity.privateKey)
        assert client.handshake() is True
        spin(conversation.server.hasPendingConnections)
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        assert peer.peerCertificate() == SslCertificate(identity.certificate)
        client.close()


def test_client_authentication_fails(conversation: DtlsConversation) -> None:
    """/client-auth-failure: without a certificate; then another peer with one succeeds."""
    conversation.demandClientCertificate()
    error = refusal(prepared(conversation).handshake)
    assert error.alert is not None
    spin(lambda: conversation.server.statistics().failed == 1)
    other = conversation.makeClient("other")
    conversation.showClient(conversation.pki.client)
    other.setSslConfiguration(conversation.clientConfiguration)
    other.setPeer("127.0.0.1", conversation.server.serverPort())
    assert other.handshake() is True
    other.close()


def test_client_authentication_without_key(conversation: DtlsConversation) -> None:
    """/client-auth-fail-missing-client-private-key: cannot come about; setting it fails."""
    with pytest.raises(ValueError, match="key"):
        conversation.client.setCertificate(list(conversation.pki.client.chain))


def test_client_authentication_by_an_interaction(conversation: DtlsConversation) -> None:
    """/client-auth-request-cert: the user is asked once, and the server sees what was provided."""
    conversation.demandClientCertificate()
    user = User(conversation.pki.client)
    client = prepared(conversation)
    client.setInteraction(user)
    assert client.handshake() is True
    spin(conversation.server.hasPendingConnections)
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.peerCertificate() == SslCertificate(conversation.pki.client.certificate)
    assert user.asked == 1


def test_client_authentication_by_an_interaction_that_fails(conversation: DtlsConversation) -> None:
    """/client-auth-request-fail: the server insists; its refusal comes with the reason of the user."""
    conversation.demandClientCertificate()
    user = User(failure="The card was removed.")
    client = prepared(conversation)
    client.setInteraction(user)
    assert "The card was removed." in str(refusal(client.handshake))
    assert "The card was removed." in str(refusal(client.receiveMessages))
    assert user.asked == 1
    spin(lambda: conversation.server.statistics().failed == 1)
    assert not conversation.server.hasPendingConnections()


def test_client_authentication_by_an_interaction_that_has_none(conversation: DtlsConversation) -> None:
    """/client-auth-request-none: the server only asks, the user has none, and the handshake succeeds."""
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.QueryPeer)
    user = User()
    conversation.client.setInteraction(user)
    assert conversation.establish().peerCertificate().isNull()
    assert user.asked == 1


def test_client_authentication_is_requested(conversation: DtlsConversation) -> None:
    """/client-auth-request-none without anybody to ask: not required, and without a certificate."""
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.QueryPeer)
    peer = conversation.establish()
    assert peer.peerCertificate().isNull()


def test_no_database(conversation: DtlsConversation) -> None:
    """/no-database: nobody is trusted, so that the slot is asked; it accepts."""
    client = prepared(conversation)
    client.setTrustStore(None)
    requests: list[CertificateRequest] = []
    client.acceptCertificate.connect(lambda request: (requests.append(request), request.accept()))
    assert client.handshake() is True
    assert len(requests) == 1
    assert client.peerCertificateFlags() is CertificateFlag.UnknownCa


def test_failed(conversation: DtlsConversation) -> None:
    """/failed: after the failed handshake every call tells the same."""
    conversation.showServer(conversation.pki.unknownCa)
    client = prepared(conversation)
    assert refusal(client.handshake).code is Code.BadCertificate
    assert refusal(client.receiveMessages).code is Code.BadCertificate
    assert refusal(client.sendMessages, [b"x"]).code is Code.BadCertificate


def test_reading_times_out_then_writing_works(conversation: DtlsConversation) -> None:
    """/read-time-out-then-write: a time-out does no harm."""
    peer = conversation.establish()
    assert refusal(conversation.client.receiveMessages, timeout=10).code is Code.TimedOut
    conversation.client.sendMessages([WHOLE])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [WHOLE]


def test_both_directions_at_once(conversation: DtlsConversation) -> None:
    """/simultaneous-async: each side sends while it receives."""
    peer = conversation.establish()
    count = 200
    for end, other in ((conversation.client, peer), (peer, conversation.client)):
        other.readyRead.connect(lambda: None)
        soon(lambda end=end: end.sendMessages([b"%d" % number for number in range(count)]))
    for end in (peer, conversation.client):
        assert data(end.receiveMessages(count, timeout=PATIENCE_MS)) == [b"%d" % number for number in range(count)]


def test_close_immediately(conversation: DtlsConversation) -> None:
    """/close-immediately: closing before anything else succeeds."""
    client = prepared(conversation)
    client.close()
    assert client.error() is None
    settle()
    assert conversation.server.statistics().hellos == 0


def test_the_handshake_is_implicit(conversation: DtlsConversation) -> None:
    """/async-implicit-handshake: receiving begins it, and what comes then is received."""
    client = prepared(conversation)
    greetEverybody(conversation)
    assert data(client.receiveMessages(timeout=PATIENCE_MS)) == [WHOLE]


def test_closing_the_output(conversation: DtlsConversation) -> None:
    """/output-stream-close: the own direction has ended, the other one goes on."""
    peer = conversation.establish()
    peer.conditionCheck(BOTH)
    conversation.client.shutdown(False, True)
    assert peer.receiveMessages(timeout=PATIENCE_MS) == []
    peer.sendMessages([WHOLE])
    assert data(conversation.client.receiveMessages(timeout=PATIENCE_MS)) == [WHOLE]


def test_garbage_database(tmp_path: Path) -> None:
    """/garbage-database: is refused when it is made."""
    path = tmp_path / "garbage.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(SecureError):
        TrustStore.fromFile(path)


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [(["one", "two"], ["two", "one"], "one"), (["one"], ["two"], ""), (["one"], [], ""), ([], ["one"], "")],
)
def test_alpn(conversation: DtlsConversation, client: list[str], server: list[str], expected: str) -> None:
    """/alpn/match, no-match, client-only and server-only, of both programs."""
    conversation.clientConfiguration.setAllowedNextProtocols(client)
    conversation.serverConfiguration.setAllowedNextProtocols(server)
    peer = conversation.establish()
    assert conversation.client.negotiatedProtocol() == peer.negotiatedProtocol() == expected


def test_waiting_in_the_handshake(conversation: DtlsConversation) -> None:
    """/sync-op-during-handshake: is refused instead of waiting for itself."""
    conversation.showServer(conversation.pki.expired)
    client = prepared(conversation)
    refused: list[object] = []

    def slot(request: CertificateRequest) -> None:
        refused.append(refusal(client.receiveMessages, timeout=-1).code)
        request.accept()

    client.acceptCertificate.connect(slot)
    assert client.handshake() is True
    assert refused == [Code.Pending]


def test_missing_server_identity(conversation: DtlsConversation) -> None:
    """/missing-server-identity: an error of its own, which a slot may accept."""
    client = prepared(conversation)
    client.setServerIdentity(None)
    client.acceptCertificate.connect(lambda request: request.accept())
    assert client.handshake() is True
    assert client.peerCertificateFlags() is CertificateFlag.BadIdentity


def test_peer_certificate_is_notified(conversation: DtlsConversation) -> None:
    """/peer-certificate-notify: once, after the question, when both are set."""
    conversation.showServer(conversation.pki.expired)
    client = prepared(conversation)
    order = watched(client, "acceptCertificate", "peerCertificateChanged", "peerCertificateErrorsChanged")
    states: list[bool] = []
    client.peerCertificateChanged.connect(lambda: states.append(bool(client.peerCertificateErrors())))
    client.acceptCertificate.connect(lambda request: request.accept())
    assert client.handshake() is True
    assert order == ["acceptCertificate", "peerCertificateChanged", "peerCertificateErrorsChanged"]
    assert states == [True]


def test_information(conversation: DtlsConversation) -> None:
    """/tls-info: version and cipher suite, known from the handshake on."""
    client = prepared(conversation)
    assert (client.protocol(), client.cipherName()) == (Protocol.Unknown, "")
    client.handshake()
    assert client.protocol() is Protocol.DtlsV1_2
    assert "GCM" in client.cipherName() or "CHACHA" in client.cipherName()


def test_sessions(conversation: DtlsConversation) -> None:
    """/session/resume_multiple_times: one session serves several associations, which carry messages."""
    conversation.establish()
    session = conversation.client.session()
    assert session is not None
    assert not conversation.client.isSessionReused()
    for number in range(3):
        client = conversation.makeClient(f"again{number}")
        client.setSslConfiguration(conversation.clientConfiguration)
        client.setSession(session)
        client.setPeer("127.0.0.1", conversation.server.serverPort())
        assert client.handshake() is True
        assert client.isSessionReused()
        spin(conversation.server.hasPendingConnections)
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        assert peer.isSessionReused()
        client.sendMessages([WHOLE])
        assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [WHOLE]
        client.close()


def bindings(peers: Iterable[DtlsPeer], kind: ChannelBinding) -> set[bytes]:
    """What each end says; one element if they agree."""
    return {bytes(peer.channelBindingData(kind)) for peer in peers}


def test_binding_tls_unique(conversation: DtlsConversation) -> None:
    """/binding/match-tls-unique: the first Finished message, on both ends; another one for another association."""
    ends = (conversation.establish(), conversation.client)
    assert all(end.supportsChannelBinding(ChannelBinding.TlsUnique) for end in ends)
    (unique,) = bindings(ends, ChannelBinding.TlsUnique)
    assert len(unique) == 12
    other = conversation.makeClient("other")
    (another,) = bindings((conversation.establish(other), other), ChannelBinding.TlsUnique)
    assert another != unique


def test_binding_tls_server_end_point(conversation: DtlsConversation) -> None:
    """/binding/match-tls-server-end-point: the hash of the server's certificate."""
    ends = (conversation.establish(), conversation.client)
    expected = hashlib.sha256(conversation.pki.server.certificate.public_bytes(Encoding.DER)).digest()
    assert bindings(ends, ChannelBinding.TlsServerEndPoint) == {expected}


def test_binding_tls_exporter(conversation: DtlsConversation) -> None:
    """/binding/match-tls-exporter: 32 bytes, the same on both ends; before the handshake InvalidState."""
    with pytest.raises(ChannelBindingError) as caught:
        prepared(conversation).channelBindingData(ChannelBinding.TlsExporter)
    assert caught.value.code is ChannelBindingError.Code.InvalidState
    ends = (conversation.establish(), conversation.client)
    (exported,) = bindings(ends, ChannelBinding.TlsExporter)
    assert len(exported) == 32
