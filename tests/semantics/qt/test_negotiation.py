"""qt-1.9: application protocols, server names, certificates, sessions, errors, states."""

from __future__ import annotations

import datetime as dt
import socket as native
from contextlib import closing, suppress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from OpenSSL import SSL
from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QSsl, QSslConfiguration, QSslError

from qtsecure import Protocol, SslCertificate, SslConfiguration, SslError, SslSocket
from qtsecure.testing.peers import PythonTlsServer
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, FakeClock, State, VerifyMode, settle, spin
from tests.ports import ReservedPorts, closedPort
from tests.semantics.qt.support import CONNECTING, UNCONNECTED, SocketError, anotherClient

Code = QSslError.SslError
Status = QSslConfiguration.NextProtocolNegotiationStatus
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])


def failed(client: SslSocket) -> bool:
    return client.state() == State.UnconnectedState and client.error() == SocketError.SslHandshakeFailedError


def codes(errors: list[SslError]) -> list[QSslError.SslError]:
    return [error.error() for error in errors]


# ------------------------------------------------------------------------------------------ ALPN


@both_versions
def test_qt_1_9_92_the_negotiated_protocol(make_conversation: MakeConversation, version: str) -> None:
    """Both ends know it from their sslConfiguration(); without a question there is none."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.serverConfiguration.setAllowedNextProtocols([b"h2"])
    conversation.clientConfiguration.setAllowedNextProtocols([b"h2", b"http/1.1"])
    peer = conversation.establish()
    for socket in (conversation.client, peer):
        configuration = socket.sslConfiguration()
        assert configuration.nextNegotiatedProtocol() == b"h2"
        assert configuration.nextProtocolNegotiationStatus() == Status.NextProtocolNegotiationNegotiated
    conversation.clientConfiguration.setAllowedNextProtocols([])
    other = anotherClient(conversation)
    spin(other.isEncrypted)
    assert other.sslConfiguration().nextProtocolNegotiationStatus() == Status.NextProtocolNegotiationNone


@pytest.mark.parametrize("name", [b"", b"x" * 256])
def test_qt_1_9_92_names_that_cannot_be_sent_raise(name: bytes) -> None:
    """Qt leaves them out with a warning."""
    configuration = SslConfiguration()
    with pytest.raises(ValueError, match="protocol"):
        configuration.setAllowedNextProtocols([b"h2", name])
    assert configuration.allowedNextProtocols() == []


@both_versions
def test_qt_1_9_93_the_clients_order_counts(make_conversation: MakeConversation, version: str) -> None:
    """Server a, b; client b, a: the protocol is b."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.serverConfiguration.setAllowedNextProtocols([b"a", b"b"])
    conversation.clientConfiguration.setAllowedNextProtocols([b"b", b"a"])
    peer = conversation.establish()
    assert peer.negotiatedProtocol() == conversation.client.negotiatedProtocol() == "b"


@both_versions
def test_qt_1_9_94_no_common_protocol(make_conversation: MakeConversation, version: str) -> None:
    """The server says so with no_application_protocol (Qt's server sends an answer nobody can decode)."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.serverConfiguration.setAllowedNextProtocols([b"a"])
    conversation.clientConfiguration.setAllowedNextProtocols([b"b"])
    conversation.connect()
    spin(lambda: failed(conversation.client))
    assert [args[1].value for args in conversation.recorder.of("client.alertReceived")] == [120]
    assert conversation.recorder.count("client.alertSent") == 0


@pytest.mark.parametrize("asks", [True, False])
def test_qt_1_9_95_nothing_negotiated_is_nothing(conversation: Conversation, asks: bool) -> None:
    """A server without protocols: empty, and never http/1.1 by guess."""
    if asks:
        conversation.clientConfiguration.setAllowedNextProtocols([b"h2"])
    peer = conversation.establish()
    for socket in (conversation.client, peer):
        assert socket.sslConfiguration().nextNegotiatedProtocol() == b""
        assert socket.negotiatedProtocol() == ""


# ------------------------------------------------------------------------------------------- SNI


@pytest.mark.parametrize(
    ("host", "verifyName", "option", "sent"),
    [
        ("localhost", "", False, "localhost"),
        ("127.0.0.1", "", False, None),
        ("127.0.0.1", "other.example", False, "other.example"),
        ("127.0.0.1", "b\u00fccher.example", False, "xn--bcher-kva.example"),
        ("127.0.0.1", "dotted.example.", False, "dotted.example"),
        ("127.0.0.1", "192.0.2.1", False, None),
        ("localhost", "", True, None),
    ],
)
def test_qt_1_9_96_the_server_name(
    conversation: Conversation, host: str, verifyName: str, option: bool, sent: str | None
) -> None:
    """The verify name or the host, as ASCII, without the last dot, never an address."""
    client = conversation.client
    conversation.clientConfiguration.setSslOption(QSsl.SslOption.SslOptionDisableServerNameIndication, option)
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    client.setPeerVerifyName(verifyName)
    with PythonTlsServer(conversation.pki.server) as server:
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted(host, server.port)
        assert server.waitForConnection().serverName == sent
        client.abort()
        server.waitForEnding()


def test_qt_1_9_96_a_server_can_read_the_name(conversation: Conversation) -> None:
    """Qt's cannot."""
    assert conversation.establish("localhost").serverName() == "localhost"


# -------------------------------------------------------------------------------- certificates


@pytest.mark.parametrize(
    ("names", "commonName", "host", "fits"),
    [
        (["a.example"], "x", "a.example", True),
        (["A.EXAMPLE"], "x", "a.example", True),
        (["a.example"], "b.example", "b.example", False),
        ([], "b.example", "b.example", False),
        (["*.example.org"], "x", "a.example.org", True),
        (["*.example.org"], "x", "a.b.example.org", False),
        (["*.example.org"], "x", "example.org", False),
        (["127.0.0.1"], "x", "127.0.0.1", True),
        (["127.0.0.1"], "x", "127.0.0.2", False),
        (["::1"], "x", "0:0:0:0:0:0:0:1", True),
        (["localhost"], "127.0.0.1", "127.0.0.1", False),
    ],
)
def test_qt_1_9_97_names_of_certificates(
    conversation: Conversation, names: list[str], commonName: str, host: str, fits: bool
) -> None:
    """Host names and addresses of the subject's alternative names; the common name never counts."""
    conversation.showServer(conversation.pki.ca.issue(names, commonName=commonName))
    conversation.client.setPeerVerifyName(host)
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() or failed(conversation.client))
    assert conversation.client.isEncrypted() is fits
    assert codes(conversation.client.sslHandshakeErrors()) == ([] if fits else [Code.HostNameMismatch])


@pytest.fixture(scope="module")
def longChain(qtsecure_pki: PublicKeyInfrastructure) -> IssuedCertificate:
    """leaf - i2 - i1 - root."""
    upper = qtsecure_pki.ca.intermediate("i1", basicConstraints=x509.BasicConstraints(ca=True, path_length=None))
    return upper.intermediate("i2").issue()


@pytest.mark.parametrize(("depth", "fits"), [(0, True), (1, False), (2, True), (3, True)])
@both_versions
def test_qt_1_9_98_the_verify_depth(
    make_conversation: MakeConversation, version: str, longChain: IssuedCertificate, depth: int, fits: bool
) -> None:
    """How many intermediates there may be; 0 for the default."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(longChain)
    conversation.clientConfiguration.setPeerVerifyDepth(depth)
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() or failed(conversation.client))
    assert conversation.client.isEncrypted() is fits
    with pytest.raises(ValueError, match="-1"):
        conversation.clientConfiguration.setPeerVerifyDepth(-1)


@both_versions
def test_qt_1_9_99_the_peers_chain(
    make_conversation: MakeConversation, version: str, longChain: IssuedCertificate
) -> None:
    """As it was sent, leaf first, on both ends; empty and null without a certificate."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(longChain)
    client = conversation.client
    assert client.peerCertificateChain() == []
    peer = conversation.establish()
    sent = [SslCertificate(certificate) for certificate in longChain.chain]
    assert len(sent) == 3
    assert client.peerCertificateChain() == sent
    assert client.peerCertificate() == sent[0]
    assert peer.peerCertificateChain() == []
    assert peer.peerCertificate().isNull()
    client.abort()
    conversation.showClient(conversation.pki.intermediate.issue(usage="client"))
    conversation.demandClientCertificate()
    conversation.server.close()
    peer = conversation.establish()
    sent = [SslCertificate(certificate) for certificate in conversation.clientConfiguration.localCertificateChain()]
    assert len(sent) == 2
    assert peer.peerCertificateChain() == sent
    assert peer.peerCertificate() == sent[0]


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("expired", [Code.CertificateExpired]),
        ("notYetValid", [Code.CertificateNotYetValid]),
        ("wrongHost", [Code.HostNameMismatch]),
        ("badPurpose", [Code.InvalidPurpose]),
        ("selfSigned", [Code.SelfSignedCertificate]),
        ("unknownCa", [Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate]),
        ("missingIntermediate", [Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate]),
    ],
)
def test_qt_1_9_100_codes_of_errors(
    conversation: Conversation, member: str, expected: list[QSslError.SslError]
) -> None:
    """Qt's code for each of OpenSSL's that Qt knows."""
    conversation.showServer(getattr(conversation.pki, member))
    conversation.connect()
    spin(lambda: failed(conversation.client))
    assert codes(conversation.client.sslHandshakeErrors()) == expected


def test_qt_1_9_100_what_qt_has_no_code_for(conversation: Conversation, longChain: IssuedCertificate) -> None:
    """UnspecifiedError, as in Qt, with words of our own and OpenSSL's number."""
    conversation.showServer(longChain)
    conversation.clientConfiguration.setPeerVerifyDepth(1)
    conversation.connect()
    spin(lambda: failed(conversation.client))
    unspecified = [e for e in conversation.client.sslHandshakeErrors() if e.error() == Code.UnspecifiedError]
    assert len(unspecified) == 1
    assert unspecified[0].errorString() != "Unknown error"
    assert "more certificates" in unspecified[0].errorString()
    assert unspecified[0].engineCode() > 0


def test_qt_1_9_101_an_authority_that_has_expired(conversation: Conversation) -> None:
    """Is told as the expired certificate that it is (Qt leaves it out, so the issuer seems unknown)."""
    now = dt.datetime.now(dt.timezone.utc)
    authority = CertificateAuthority(
        "expired", notBefore=now - dt.timedelta(days=9), notAfter=now - dt.timedelta(days=1)
    )
    conversation.showServer(authority.issue())
    conversation.clientConfiguration.setCaCertificates([authority.certificate])
    conversation.connect()
    spin(lambda: failed(conversation.client))
    (error,) = conversation.client.sslHandshakeErrors()
    assert error.error() == Code.CertificateExpired
    assert error.certificate() == SslCertificate(authority.certificate)


def test_qt_1_9_101_a_list_of_authorities_is_all_there_is(conversation: Conversation) -> None:
    """Given authorities replace those of the system; an empty list trusts nobody."""
    own = SslCertificate(conversation.pki.ca.certificate)
    configuration = SslConfiguration.defaultConfiguration()
    configuration.setCaCertificates([own])
    assert configuration.caCertificates() == [own]
    configuration.setCaCertificates([])
    assert configuration.caCertificates() == []
    conversation.clientConfiguration.setCaCertificates([])
    conversation.connect()
    spin(lambda: failed(conversation.client))
    assert Code.UnableToGetLocalIssuerCertificate in codes(conversation.client.sslHandshakeErrors())


# ------------------------------------------------------------------------------------ sessions


def test_qt_1_9_102_default_options() -> None:
    """Qt's; a session ticket is nothing that has to be allowed first."""
    configuration = SslConfiguration()
    on = {option for option in QSsl.SslOption if configuration.testSslOption(option)}
    assert on == {
        QSsl.SslOption.SslOptionDisableEmptyFragments,
        QSsl.SslOption.SslOptionDisableCompression,
        QSsl.SslOption.SslOptionDisableLegacyRenegotiation,
        QSsl.SslOption.SslOptionDisableSessionPersistence,
    }
    assert configuration.sessionTicketsEnabled()


def sessionOf(conversation: Conversation) -> Any:
    """What a first connection leaves for the next one."""
    client: Any = conversation.client
    told: list[int] = []
    client.newSessionTicketReceived.connect(lambda: told.append(1))
    peer = conversation.establish()
    peer.write(b"x")
    spin(lambda: client.bytesAvailable() == 1)
    settle()
    if client.sessionProtocol() == Protocol.TlsV1_3:
        assert told
    session = client.session()
    assert session is not None
    client.abort()
    return session


@both_versions
def test_qt_1_9_102_sessions_are_told(make_conversation: MakeConversation, version: str) -> None:
    """TLS 1.3: newSessionTicketReceived; session() is there without switching anything on."""
    sessionOf(make_conversation(PROTOCOLS[version]))


@both_versions
def test_qt_1_9_103_resuming_on_the_client(make_conversation: MakeConversation, version: str) -> None:
    """A session of one socket makes the next handshake shorter; the peer's certificate is known."""
    conversation = make_conversation(PROTOCOLS[version])
    session = sessionOf(conversation)
    client: Any = conversation.client
    client.setSession(session)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(client.isEncrypted)
    assert client.isSessionReused()
    assert client.peerCertificate() == conversation.serverConfiguration.localCertificate()


@both_versions
def test_qt_1_9_104_a_server_resumes(make_conversation: MakeConversation, version: str) -> None:
    """Qt's server has a new context for each connection and so never does."""
    conversation = make_conversation(PROTOCOLS[version])
    session = sessionOf(conversation)
    client: Any = conversation.client
    client.setSession(session)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.isSessionReused()


# ------------------------------------------------------------------------- ciphers and the rest


def test_qt_1_9_105_default_versions_and_suites() -> None:
    """TLS 1.2 or later; at least 128 bits, always authenticated."""
    configuration = SslConfiguration()
    assert configuration.protocol() == Protocol.SecureProtocols
    assert Protocol.SecureProtocols.range() == Protocol.TlsV1_2OrLater.range()
    ciphers = configuration.ciphers()
    assert {cipher.protocol() for cipher in ciphers} == {Protocol.TlsV1_2, Protocol.TlsV1_3}
    assert min(cipher.usedBits() for cipher in ciphers) >= 128
    assert [cipher.name() for cipher in ciphers if "NULL" in cipher.name() or "anon" in cipher.ianaName()] == []


@pytest.mark.parametrize("serverPrefers", [True, False])
def test_qt_1_9_105_whose_order_of_suites_counts(make_conversation: MakeConversation, serverPrefers: bool) -> None:
    """The server's, unless SslOptionDisableServerCipherPreference is set."""
    conversation = make_conversation(Protocol.TlsV1_2)
    strong, fast = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
    conversation.serverConfiguration.setCiphers([strong, fast])
    conversation.clientConfiguration.setCiphers([fast, strong])
    option = QSsl.SslOption.SslOptionDisableServerCipherPreference
    conversation.serverConfiguration.setSslOption(option, not serverPrefers)
    peer = conversation.establish()
    assert (
        peer.sessionCipher().name() == conversation.client.sessionCipher().name() == (strong if serverPrefers else fast)
    )


@both_versions
def test_qt_1_9_105_a_suite_of_tls_1_3_can_be_chosen(make_conversation: MakeConversation, version: str) -> None:
    """In the same list; a version for which the list has nothing is switched off."""
    conversation = make_conversation()
    names = {"1.2": "ECDHE-ECDSA-AES256-GCM-SHA384", "1.3": "TLS_CHACHA20_POLY1305_SHA256"}
    conversation.clientConfiguration.setCiphers([names[version]])
    peer = conversation.establish()
    assert peer.sessionCipher().name() == names[version]
    assert peer.sessionProtocol() == PROTOCOLS[version]


@both_versions
def test_qt_1_9_106_stapled_responses(make_conversation: MakeConversation, version: str) -> None:
    """A server may staple; a client that asks and gets nothing reports OcspNoResponseFound."""
    conversation = make_conversation(PROTOCOLS[version])
    server: Any = conversation.serverConfiguration
    client: Any = conversation.clientConfiguration
    client.setOcspStaplingEnabled(True)
    assert client.ocspStaplingEnabled()
    conversation.connect()
    spin(lambda: failed(conversation.client))
    assert codes(conversation.client.sslHandshakeErrors()) == [Code.OcspNoResponseFound]
    now = dt.datetime.now(dt.timezone.utc)
    pki = conversation.pki
    response = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=pki.server.certificate,
            issuer=pki.ca.certificate,
            algorithm=SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now - dt.timedelta(hours=1),
            next_update=now + dt.timedelta(hours=1),
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, pki.ca.certificate)
        .sign(pki.ca.privateKey, SHA256())
    )
    server.setOcspResponse(response.public_bytes(Encoding.DER))
    conversation.server.setSslConfiguration(server)
    good: Any = anotherClient(conversation)
    spin(good.isEncrypted)
    assert len(good.ocspResponses()) == 1


@both_versions
def test_qt_1_9_107_the_key_exchange_is_told(make_conversation: MakeConversation, version: str) -> None:
    """keyExchangeGroup() on both ends (Qt: the server's ephemeral key, on clients)."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showServer(conversation.pki.rsaServer)  # in TLS 1.2 the groups concern EC certificates as well
    conversation.clientConfiguration.setKeyExchangeGroups(["P-384"])
    peer = conversation.establish()
    assert peer.keyExchangeGroup() == conversation.client.keyExchangeGroup() != ""
    assert peer.keyExchangeGroup() in ("P-384", "secp384r1")


def test_qt_1_9_107_renegotiation_is_refused(make_conversation: MakeConversation) -> None:
    """A client that wants new keys in TLS 1.2 is told no with a warning; the connection stays as it is."""
    conversation = make_conversation(Protocol.TlsV1_2)
    conversation.listen()
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    peer = SSL.Connection(context, None)
    peer.set_connect_state()
    with native.create_connection(("127.0.0.1", conversation.server.serverPort())) as wire:
        wire.setblocking(False)

        def pump() -> None:
            with suppress(SSL.WantReadError):
                while data := peer.bio_read(65536):
                    wire.sendall(data)
            with suppress(BlockingIOError):
                peer.bio_write(wire.recv(65536))

        def shaken() -> bool:
            try:
                peer.do_handshake()
            except SSL.WantReadError:
                pass
            else:
                pump()
                return True
            pump()
            return False

        spinPolling(shaken)
        spinPolling(conversation.server.hasPendingConnections)
        fetched = conversation.server.nextPendingConnection()
        assert fetched is not None
        conversation.recorder.clear()
        assert peer.renegotiate()
        with pytest.raises(SSL.Error, match="no renegotiation"):
            spinPolling(shaken)
        settle()
        assert conversation.story("accepted") == ["alertSent Warning NoRenegotiation"]
        assert fetched.isEncrypted()
        assert fetched.sessionProtocol() == Protocol.TlsV1_2


def spinPolling(condition: Any) -> None:
    """Run the event loop beside a peer that is polled from this thread."""
    timer = QTimer()
    timer.start(1)
    try:
        spin(condition)
    finally:
        timer.stop()  # as in spin()


# ------------------------------------------------------------------------------ texts and states


def test_qt_1_9_108_texts_begin_as_in_qt(make_conversation: MakeConversation) -> None:
    """So that programs that look at them keep working."""
    fresh = SslSocket()
    assert (fresh.error(), fresh.errorString()) == (SocketError.UnknownSocketError, "Unknown error")
    conversation = make_conversation()
    peer = conversation.establish()
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert conversation.client.errorString().startswith("The TLS/SSL connection has been closed")
    conversation.client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(conversation.client.isEncrypted)
    conversation.accepted[-1].abort()
    conversation.waitForClientEnd()
    assert conversation.client.errorString().startswith("The remote host closed the connection")
    other = make_conversation(Protocol.TlsV1_3)
    other.clientConfiguration.setProtocol(Protocol.TlsV1_2)
    other.connect()
    other.waitForClientEnd()
    assert other.client.errorString().startswith("Error during SSL handshake")


@pytest.mark.parametrize("code", [code for code in Code if code not in (Code.NoError, Code.UnspecifiedError)])
def test_qt_1_9_108_every_certificate_error_has_a_text(code: QSslError.SslError) -> None:
    """Also those for which Qt says "Unknown error" or nothing."""
    text = SslError(code).errorString()
    assert text
    assert "unknown error" not in text.lower()


def test_qt_1_9_109_states_of_a_failed_attempt(conversation: Conversation) -> None:
    """The state changes before the error is told; one error however many addresses there are."""
    client = conversation.client
    with closing(ReservedPorts()) as ports:
        client.connectToHostEncrypted("localhost", ports.take("127.0.0.1", "::1"))
        conversation.recorder.waitFor("client.errorOccurred")
    settle()
    assert conversation.story("client") == [
        *CONNECTING,
        "stateChanged UnconnectedState",
        "errorOccurred ConnectionRefusedError",
    ]
    conversation.recorder.clear()
    client.connectToHostEncrypted("no-such-host.invalid", 443)
    conversation.recorder.waitFor("client.errorOccurred", timeout=60_000)
    assert conversation.story("client") == [
        "stateChanged HostLookupState",
        "stateChanged UnconnectedState",
        "errorOccurred HostNotFoundError",
    ]


def test_qt_1_9_109_each_address_is_tried_once(conversation: Conversation, clock: FakeClock) -> None:
    """For 30 s (Qt: twice)."""
    with native.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # a full backlog: the kernel drops the next connection's first packet
        fillers = [native.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        client = conversation.client
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectingState)
        clock.advance(29.9)
        assert client.state() == State.ConnectingState
        clock.advance(0.2)
        assert client.state() == State.UnconnectedState
        assert conversation.recorder.of("client.errorOccurred") == [(SocketError.SocketTimeoutError,)]
        for filler in fillers:
            filler.close()


def test_qt_1_9_109_an_abort_skips_closing(conversation: Conversation) -> None:
    """Connected, then Unconnected."""
    conversation.establish()
    conversation.client.abort()
    states = [line for line in conversation.story("client") if line.startswith("stateChanged")]
    assert states[-2:] == ["stateChanged ConnectedState", "stateChanged UnconnectedState"]
    assert conversation.story("client")[-4:-1] == UNCONNECTED


def test_qt_1_9_109_bound(conversation: Conversation) -> None:
    """bind() chooses the own port; BoundState until the connection is made."""
    client: Any = conversation.client
    with closedPort() as port:
        assert client.bind("127.0.0.1", port)
        assert client.state() == State.BoundState
        assert client.localPort() == port
        conversation.establish()
        assert client.localPort() == port
