"""Which alert goes out for which failure, on both ends of the wire, and everything that was found wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL, crypto

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import (
    AlertReceived,
    AlertSent,
    CertificateProblems,
    FailureKind,
    HandshakeCompleted,
    StreamFailed,
)
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.verification import IssueCode
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    CLIENT_AUTH,
    NUMBERS,
    SERVER_AUTH,
    VERSIONS,
    BarePeer,
    Pair,
    Version,
    client_configuration,
    codes,
    constrained_authority,
    credentials,
    der_chain,
    make_certificate,
    refusal,
    server_configuration,
)

I = IssueCode  # noqa: E741 - short in the table below


def yesterday() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)


def tomorrow() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=1)


def server_with(certificate: IssuedCertificate, version: Version) -> BarePeer:
    """A server on which even forbidden keys and signatures are allowed."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(int(NUMBERS[version]))
    context.set_max_proto_version(int(NUMBERS[version]))
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.privateKey)
    for other in certificate.chain[1:]:
        context.add_extra_chain_cert(other)
    return BarePeer(context, server=True)


Make = Callable[[PublicKeyInfrastructure], IssuedCertificate]


def constrained(pki: PublicKeyInfrastructure, constraints: x509.NameConstraints) -> IssuedCertificate:
    authority = constrained_authority(pki.ca, constraints)
    return make_certificate(authority, send=authority.chain)


def below_a_leaf(pki: PublicKeyInfrastructure) -> IssuedCertificate:
    return make_certificate(pki.server, send=pki.server.chain)


def too_deep(pki: PublicKeyInfrastructure) -> IssuedCertificate:
    first = make_certificate(pki.ca, (), ca=True, path_length=0, common_name="first")
    second = make_certificate(first, (), ca=True, common_name="second")
    return make_certificate(second, send=(second.certificate, first.certificate))


def critical(pki: PublicKeyInfrastructure) -> IssuedCertificate:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return make_certificate(pki.ca, extensions=[(unknown, True)])


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


# What is wrong, how the certificate is made, (code, depth) of everything that must be found, the alert.
FLAWS: list[tuple[str, Make, list[tuple[int, int]], int]] = [
    ("expired", lambda pki: pki.expired, [(I.CERT_HAS_EXPIRED, 0)], 45),
    ("not yet valid", lambda pki: pki.notYetValid, [(I.CERT_NOT_YET_VALID, 0)], 42),
    ("wrong host", lambda pki: pki.wrongHost, [(I.HOSTNAME_MISMATCH, 0)], 42),
    ("no names", lambda pki: make_certificate(pki.ca, (), common_name="localhost"), [(I.HOSTNAME_MISMATCH, 0)], 42),
    ("self-signed", lambda pki: pki.selfSigned, [(I.DEPTH_ZERO_SELF_SIGNED_CERT, 0)], 48),
    (
        "unknown root",
        lambda pki: pki.unknownCa,
        [(I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0), (I.UNABLE_TO_VERIFY_LEAF_SIGNATURE, 0)],
        48,
    ),
    (
        "unknown root that is sent",
        lambda pki: make_certificate(pki.otherCa, send=[pki.otherCa.certificate]),
        [(I.SELF_SIGNED_CERT_IN_CHAIN, 1)],
        48,
    ),
    (
        "missing intermediate",
        lambda pki: pki.missingIntermediate,
        [(I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0), (I.UNABLE_TO_VERIFY_LEAF_SIGNATURE, 0)],
        48,
    ),
    ("for clients only", lambda pki: pki.badPurpose, [(I.INVALID_PURPOSE, 0)], 43),
    ("unknown critical extension", critical, [(I.UNHANDLED_CRITICAL_EXTENSION, 0)], 46),
    (
        "issuer is no authority",
        below_a_leaf,
        [(I.INVALID_CA, 1), (I.INVALID_PURPOSE, 1), (I.KEYUSAGE_NO_CERTSIGN, 1)],
        48,
    ),
    ("path length", too_deep, [(I.PATH_LENGTH_EXCEEDED, 2)], 48),
    (
        "name not permitted",
        lambda pki: constrained(pki, x509.NameConstraints(dns("permitted.example"), None)),
        [(I.PERMITTED_VIOLATION, 0)],
        46,
    ),
    (
        "name excluded",
        lambda pki: constrained(pki, x509.NameConstraints(None, dns("localhost"))),
        [(I.EXCLUDED_VIOLATION, 0)],
        46,
    ),
    (
        "weak key",
        lambda pki: make_certificate(pki.ca, key=rsa.generate_private_key(65537, 1024)),
        [(I.EE_KEY_TOO_SMALL, 0)],
        42,
    ),
    (
        "expired and wrong host",
        lambda pki: make_certificate(
            pki.ca, ["other.example"], not_before=yesterday() - dt.timedelta(9), not_after=yesterday()
        ),
        [(I.HOSTNAME_MISMATCH, 0), (I.CERT_HAS_EXPIRED, 0)],
        42,
    ),
    (
        "expired intermediate, early leaf, wrong purpose and host",
        lambda pki: (
            lambda middle: make_certificate(
                middle, ["other.example"], not_before=tomorrow(), extensions=[CLIENT_AUTH], send=middle.chain
            )
        )(
            make_certificate(
                pki.ca, (), ca=True, common_name="old", not_before=yesterday() - dt.timedelta(9), not_after=yesterday()
            )
        ),
        [(I.INVALID_PURPOSE, 0), (I.HOSTNAME_MISMATCH, 0), (I.CERT_HAS_EXPIRED, 1), (I.CERT_NOT_YET_VALID, 0)],
        43,
    ),
]


@pytest.mark.parametrize(("make", "found", "alert"), [flaw[1:] for flaw in FLAWS], ids=[flaw[0] for flaw in FLAWS])
@pytest.mark.parametrize("version", VERSIONS)
def test_bad_server_certificate(
    pki: PublicKeyInfrastructure, version: Version, make: Make, found: list[tuple[int, int]], alert: int
) -> None:
    """Every error is collected with its depth and certificate; the server is told with the first one's alert."""
    certificate = make(pki)
    stream = TlsStream(client_configuration([pki.ca.certificate], version), server=False, peer_name="localhost")
    stream.start()
    peer = server_with(certificate, version)
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    peer.handshake(stream)
    # A key that is too weak already fails on the signature, which has no decision.
    problems = stream.next_event()
    assert isinstance(problems, CertificateProblems), problems
    assert problems.decision_needed
    assert [(issue.code, issue.depth) for issue in problems.issues] == found
    chain = [*certificate.chain, pki.ca.certificate]
    for issue in problems.issues:
        assert issue.certificate is not None
        assert x509.load_der_x509_certificate(issue.certificate) == chain[issue.depth]
    assert stream.state is StreamState.DECIDING
    assert not bytes(stream.take_outgoing())
    assert stream.peer_certificates() == der_chain(certificate.chain)

    stream.reject_certificate()
    assert stream.next_event() == AlertSent(2, alert)
    failure = stream.next_event()
    assert isinstance(failure, StreamFailed), failure
    assert (failure.kind, failure.alert) == (FailureKind.CERTIFICATE_REJECTED, alert)
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    with pytest.raises(SSL.Error) as error:
        peer.connection.do_handshake()
    assert "alert" in error.value.args[0][0][2]
    assert not bytes(stream.take_outgoing())


@pytest.mark.parametrize(("make", "found", "alert"), [flaw[1:] for flaw in FLAWS], ids=[flaw[0] for flaw in FLAWS])
@pytest.mark.parametrize("version", VERSIONS)
def test_accepted_bad_server_certificate(
    pki: PublicKeyInfrastructure, version: Version, make: Make, found: list[tuple[int, int]], alert: int
) -> None:
    """A front end may accept all of it; then the connection works like any other."""
    stream = TlsStream(client_configuration([pki.ca.certificate], version), server=False, peer_name="localhost")
    stream.start()
    peer = server_with(make(pki), version)
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    peer.handshake(stream)
    stream.accept_certificate()
    peer.handshake(stream)
    assert [type(stream.next_event()) for _ in range(2)] == [CertificateProblems, HandshakeCompleted]
    peer.connection.send(b"hello")
    stream.receive(peer.take())
    assert stream.read(100) == b"hello"
    assert [issue.code for issue in stream.issues] == [int(code) for code, _ in found]
    assert stream.next_event() is None
    assert alert


@pytest.mark.parametrize("version", VERSIONS)
def test_sha1_signature_is_refused(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The signature of the leaf must not be forgeable."""
    good = make_certificate(pki.ca)
    weak = crypto.X509.from_cryptography(good.certificate)
    with pytest.warns(DeprecationWarning, match="X509.sign"):  # cryptography signs with nothing so old
        weak.sign(crypto.PKey.from_cryptography_key(pki.ca.privateKey), "sha1")
    leaf = weak.to_cryptography()
    stream = TlsStream(client_configuration([pki.ca.certificate], version), server=False, peer_name="localhost")
    stream.start()
    peer = server_with(IssuedCertificate(leaf, good.privateKey, (leaf,)), version)
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    peer.handshake(stream)
    assert [issue.code for issue in stream.issues] == [IssueCode.CA_MD_TOO_WEAK]
    assert stream.state is StreamState.DECIDING


# What is wrong with a client's certificate, and the alert of a TLS 1.2 server that rejects it.
CLIENT_FLAWS: list[tuple[str, Make, list[int], int]] = [
    (
        "expired",
        lambda pki: make_certificate(
            pki.ca, extensions=[CLIENT_AUTH], not_before=yesterday() - dt.timedelta(9), not_after=yesterday()
        ),
        codes(I.CERT_HAS_EXPIRED),
        45,
    ),
    (
        "not yet valid",
        lambda pki: make_certificate(pki.ca, extensions=[CLIENT_AUTH], not_before=tomorrow()),
        codes(I.CERT_NOT_YET_VALID),
        42,
    ),
    (
        "unknown root",
        lambda pki: pki.clientUnknownCa,
        codes(I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, I.UNABLE_TO_VERIFY_LEAF_SIGNATURE),
        48,
    ),
    (
        "self-signed, for servers only",
        lambda pki: pki.selfSigned,
        codes(I.DEPTH_ZERO_SELF_SIGNED_CERT, I.INVALID_PURPOSE),
        48,
    ),
    ("for servers only", lambda pki: make_certificate(pki.ca, extensions=[SERVER_AUTH]), codes(I.INVALID_PURPOSE), 43),
    (
        "name not permitted",
        lambda pki: constrained(pki, x509.NameConstraints(dns("permitted.example"), None)),
        codes(I.PERMITTED_VIOLATION),
        46,
    ),
]


@pytest.mark.parametrize(
    ("make", "found", "alert"), [flaw[1:] for flaw in CLIENT_FLAWS], ids=[flaw[0] for flaw in CLIENT_FLAWS]
)
@pytest.mark.parametrize("version", VERSIONS)
def test_bad_client_certificate(
    pki: PublicKeyInfrastructure, version: Version, make: Make, found: list[int], alert: int
) -> None:
    """The TLS 1.2 client is told with the right alert; a late rejection in TLS 1.3 can only close."""
    client = client_configuration([pki.ca.certificate], version, credentials=credentials(make(pki)))
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate])
    pair = Pair(client, server).handshake()
    assert pair.server.issue_codes == found
    assert not pair.server.completed
    assert pair.server.failure is not None
    assert pair.server.failure.kind is FailureKind.CERTIFICATE_REJECTED
    if version == "1.2":
        assert pair.server.alerts_sent == pair.client.alerts_received == [alert]
        assert pair.server.failure.alert == alert
        assert not pair.client.completed
        assert pair.client.failure is not None
        assert pair.client.failure.alert == alert
    else:
        assert pair.server.alerts_sent == []
        assert pair.server.failure.alert is None
        assert pair.client.completed  # the client has finished before the server judges


@pytest.mark.parametrize(("version", "alert"), [("1.2", 40), ("1.3", 116)])
def test_required_client_certificate_is_missing(pki: PublicKeyInfrastructure, version: Version, alert: int) -> None:
    """handshake_failure in TLS 1.2, certificate_required in TLS 1.3; both ends say what is missing."""
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate], certificate_required=True)
    pair = Pair(client_configuration([pki.ca.certificate], version), server).handshake()
    assert pair.server.alerts_sent == [alert]
    assert pair.server.failure is not None
    assert (pair.server.failure.kind, pair.server.failure.alert) == (FailureKind.CERTIFICATE_REQUIRED, alert)
    assert "showed no certificate" in pair.server.failure.message
    pair.client.drain()
    assert pair.client.alerts_received == [alert]
    assert pair.client.failure is not None
    assert pair.client.failure.alert == alert
    if version == "1.3":
        # The client was already through: it learns it on its first read.
        assert pair.client.failure.kind is FailureKind.READ
        assert "demands a client certificate" in pair.client.failure.message


@pytest.mark.parametrize("shown", [False, True])
def test_a_certificate_that_was_not_shown_is_not_rejected(pki: PublicKeyInfrastructure, shown: bool) -> None:
    """Some servers of TLS 1.3 say bad_certificate when there is none."""
    own = {"credentials": credentials(pki.client)} if shown else {}
    client = client_configuration([pki.ca.certificate], "1.3", **own)
    server = server_configuration(pki.server, "1.3", clients=[pki.ca.certificate])
    pair = Pair(client, server, server_answer="accept").handshake()
    pair.client.stream.alert(False, 2, AlertDescription.BAD_CERTIFICATE)  # OpenSSL's servers send another one
    pair.client.stream.receive(b"\x17\x03\x03\x00\x20" + bytes(32))
    pair.client.stream.read(100)
    pair.client.drain()
    assert pair.client.failure is not None
    assert ("rejects our certificate" in pair.client.failure.message) is shown
    assert ("none was sent" in pair.client.failure.message) is not shown


@pytest.mark.parametrize(("version", "alert"), [("1.2", 40), ("1.3", None)])
def test_missing_client_certificate_is_a_decision(
    pki: PublicKeyInfrastructure, version: Version, alert: int | None
) -> None:
    """Without certificate_required it is one more error that a front end may reject, or ignore."""
    client = client_configuration([pki.ca.certificate], version)
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate])
    rejected = Pair(client, server).handshake()
    assert rejected.server.issue_codes == [IssueCode.NO_PEER_CERTIFICATE]
    assert rejected.server.failure is not None
    assert rejected.server.failure.alert == alert
    assert rejected.server.alerts_sent == rejected.client.alerts_received == ([alert] if alert else [])

    accepted = Pair(client, server, server_answer="accept").handshake()
    assert accepted.server.completed
    assert accepted.client.completed
    assert accepted.say(b"anonymous") == b"anonymous"


@pytest.mark.parametrize(("ours", "theirs"), [("1.2", "1.3"), ("1.3", "1.2")])
def test_no_common_version(pki: PublicKeyInfrastructure, ours: Version, theirs: Version) -> None:
    """protocol_version from the server, whichever side is older."""
    pair = Pair(client_configuration([pki.ca.certificate], ours), server_configuration(pki.server, theirs)).handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [70]
    for side in pair.sides:
        assert side.failure is not None
        assert (side.failure.kind, side.failure.alert) == (FailureKind.HANDSHAKE, 70)
    assert pair.client.failure is not None
    assert "none of our TLS versions" in pair.client.failure.message
    assert pair.server.failure is not None
    assert "no TLS version in common" in pair.server.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_no_common_cipher(pki: PublicKeyInfrastructure, version: Version) -> None:
    """handshake_failure."""
    pair = Pair(
        client_configuration(
            [pki.ca.certificate],
            version,
            tls12_ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",),
            tls13_suites=("TLS_AES_256_GCM_SHA384",),
        ),
        server_configuration(
            pki.server,
            version,
            tls12_ciphers=("ECDHE-ECDSA-AES128-GCM-SHA256",),
            tls13_suites=("TLS_AES_128_GCM_SHA256",),
        ),
    ).handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [40]
    assert pair.server.failure is not None
    assert "no cipher suite or key type in common" in pair.server.failure.message


def test_cipher_for_another_kind_of_key(pki: PublicKeyInfrastructure) -> None:
    """An RSA certificate and a client with ECDSA suites only."""
    pair = Pair(
        client_configuration([pki.ca.certificate], "1.2", tls12_ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",)),
        server_configuration(pki.rsaServer, "1.2"),
    ).handshake()
    assert pair.server.alerts_sent == [40]


def test_no_common_group(pki: PublicKeyInfrastructure) -> None:
    """handshake_failure, and the words name the groups."""
    pair = Pair(
        client_configuration([pki.ca.certificate], "1.3", groups=("P-384",)),
        server_configuration(pki.server, "1.3", groups=("X25519",)),
    ).handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [40]
    assert pair.server.failure is not None
    assert "no key-exchange group in common" in pair.server.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_no_common_application_protocol(pki: PublicKeyInfrastructure, version: Version) -> None:
    """no_application_protocol."""
    pair = Pair(
        client_configuration([pki.ca.certificate], version, alpn_protocols=(b"h2",)),
        server_configuration(pki.server, version, alpn_protocols=(b"http/1.1", b"h3")),
    ).handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [120]
    assert pair.client.failure is not None
    assert "none of our application protocols" in pair.client.failure.message
    assert pair.server.failure is not None
    assert "no application protocol in common" in pair.server.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_garbage_inside_the_handshake(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A damaged answer of the server ends the handshake with an alert, never with a connection."""
    pair = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version)).start()
    pair.server.stream.receive(pair.client.take())
    answer = bytearray(pair.server.take())
    answer[len(answer) // 2] ^= 0xFF
    pair.client.stream.receive(bytes(answer))
    pair.client.settle()
    assert not pair.client.completed
    assert pair.client.failure is not None
    assert len(pair.client.alerts_sent) == 1


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(("code", "words"), [(40, "found no acceptable set"), (80, "internal error"), (255, "255")])
def test_alert_of_the_peer_inside_the_handshake(pki: PublicKeyInfrastructure, side: str, code: int, words: str) -> None:
    """Reported with its number, even one that does not exist, and the words for it."""
    pair = Pair(client_configuration([pki.ca.certificate], "1.2"), server_configuration(pki.server, "1.2")).start()
    pair.server.stream.receive(pair.client.take())
    target = pair.client if side == "client" else pair.server
    target.stream.receive(bytes((0x15, 3, 3, 0, 2, 2, code)))
    target.settle()
    assert target.events[0] == AlertReceived(2, code)
    assert target.failure is not None
    assert target.failure.alert == code
    assert words in target.failure.message


@pytest.mark.parametrize("side", ["client", "server"])
def test_close_notify_inside_the_handshake(engine_path: str, pki: PublicKeyInfrastructure, side: str) -> None:
    """A peer that says goodbye instead of going on: no connection, and one failure that says so."""
    pair = Pair(client_configuration([pki.ca.certificate], "1.2"), server_configuration(pki.server, "1.2")).start()
    pair.server.stream.receive(pair.client.take())
    target = pair.client if side == "client" else pair.server
    target.stream.receive(bytes((0x15, 3, 3, 0, 2, 1, 0)))
    target.settle()
    assert not target.completed
    assert target.failure is not None
    assert target.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
    assert "ended the connection during the handshake" in target.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_query_reports_and_goes_on(pki: PublicKeyInfrastructure, version: Version) -> None:
    """QUERY tells every error of the peer's certificate and needs no decision, in both roles."""
    client = client_configuration(
        [pki.ca.certificate], version, verify_mode=VerifyMode.QUERY, credentials=credentials(pki.clientUnknownCa)
    )
    server = server_configuration(pki.wrongHost, version, clients=[pki.ca.certificate], verify_mode=VerifyMode.QUERY)
    pair = Pair(client, server).handshake()
    found = codes(I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, I.UNABLE_TO_VERIFY_LEAF_SIGNATURE)
    for side, expected in ((pair.client, codes(I.HOSTNAME_MISMATCH)), (pair.server, found)):
        assert side.completed
        assert side.issue_codes == expected
        assert side.of(CertificateProblems) == [CertificateProblems(side.stream.issues, False)]
        assert side.events.index(side.of(CertificateProblems)[0]) < side.events.index(HandshakeCompleted())
    assert pair.say(b"hello") == b"hello"


@pytest.mark.parametrize("version", VERSIONS)
def test_query_without_client_certificate_is_silent(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A client may have none; that is no error there."""
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate], verify_mode=VerifyMode.QUERY)
    pair = Pair(client_configuration([pki.ca.certificate], version), server).established()
    assert pair.server.events == [HandshakeCompleted()]


@pytest.mark.parametrize("name", ["", "a b", "*.example", "x", "127.1", "localhost..", ".localhost", "loc\0alhost"])
@pytest.mark.parametrize("version", VERSIONS)
def test_unusable_host_name_fails_the_verification(pki: PublicKeyInfrastructure, version: Version, name: str) -> None:
    """No name, no trust: it is one error of the list, told once, even if the certificate is otherwise good."""
    client, server = client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version)
    pair = Pair(client, server, name=name).handshake()
    assert pair.client.issue_codes == [IssueCode.INVALID_HOST_NAME]
    assert pair.client.alerts_sent == pair.server.alerts_received == [42]
    assert pair.server.stream.server_name() == ""


def test_rsa_1024_on_our_own_server_is_refused(pki: PublicKeyInfrastructure) -> None:
    """A weak own key that only OpenSSL can refuse: the server says why, the client is not left waiting."""
    weak = make_certificate(pki.ca, key=rsa.generate_private_key(65537, 1024))
    stream = TlsStream(server_configuration(weak), server=True)
    stream.start()
    stream.receive(b"\x16\x03\x01")
    failure = refusal(stream)
    assert "OpenSSL refuses the own certificate or key: ee key too small" in failure.message
    assert failure.alert == 80
