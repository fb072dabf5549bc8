"""sec-D: what a client says about each kind of bad certificate, in Qt's vocabulary, and what its server hears.

Verdicts of the engine are in tests/reliability (R13, R14); here each case goes through sockets.
D15 to D17 (stapled status) are in test_ocsp, D21 (own certificates) in values/test_identity and
test_reloading, D23 (late decisions) in test_decisions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from PySide6.QtNetwork import QSsl, QSslError

from qtsecure import DtlsPeer, SecureError, SslCertificate, SslConfiguration, SslError, SslSocket, TrustStore
from qtsecure.engine import trust
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import make_certificate
from tests.engine.test_revocation import make_crl
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, State, spin
from tests.net.dtls.conversation import DtlsConversation

Code = QSslError.SslError
Alert = QSsl.AlertType
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)
EXPIRED: dict[str, Any] = {"not_before": NOW - 10 * DAY, "not_after": NOW - DAY}
FUTURE: dict[str, Any] = {"not_before": NOW + DAY, "not_after": NOW + 10 * DAY}
HOST = "host.test.example"


def authority(issuer: Any = None, **fields: Any) -> IssuedCertificate:
    """A root, or an authority below another."""
    return make_certificate(issuer, (), **{"ca": True, "common_name": "authority", **fields})


def below(issuer: IssuedCertificate, names: Sequence[Any] = (HOST,), **fields: Any) -> IssuedCertificate:
    """A certificate of an authority, sent with it."""
    return make_certificate(issuer, names, send=[issuer.certificate], **fields)


class Verdicts:
    """Shows certificates to a client of our own that connects by name.

    Attributes:
        root: The authority that it trusts.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.client = conversation.client
        self.root = authority(common_name="root")
        conversation.clientConfiguration.setCaCertificates([self.root.certificate])

    def connect(self, identity: IssuedCertificate, name: str = HOST) -> bool:
        """Whether the client accepts this one."""
        self.conversation.showServer(identity)
        self.conversation.listen()
        self.client.setSslConfiguration(self.conversation.clientConfiguration)
        self.client.setPeerVerifyName(name)
        self.client.connectToHostEncrypted("127.0.0.1", self.conversation.server.serverPort())
        spin(lambda: self.client.isEncrypted() or self.client.state() == State.UnconnectedState)
        return self.client.isEncrypted()

    def refused(self, identity: IssuedCertificate, alert: QSsl.AlertType, *codes: QSslError.SslError) -> None:
        """The client refuses with these codes, all of them, and the server hears this alert."""
        assert not self.connect(identity)
        assert self.client.error() == Error.SslHandshakeFailedError
        assert {error.error() for error in self.client.sslHandshakeErrors()} == set(codes)
        for error in self.client.sslHandshakeErrors():
            assert error.errorString() != "Unknown error"
        self.conversation.waitForServerEnd()
        ((*_, heard, _),) = self.conversation.recorder.of("server.alertReceived")
        assert heard == alert


@pytest.fixture
def verdicts(make_conversation: MakeConversation) -> Callable[[str], Verdicts]:
    return lambda version: Verdicts(make_conversation(PROTOCOLS[version]))


@both_versions
@pytest.mark.parametrize("when", ["past", "future"])
def test_sec_d01_dates(verdicts, version: str, when: str) -> None:
    """Expired is alert 45, not yet valid 42."""
    case = verdicts(version)
    if when == "past":
        case.refused(make_certificate(case.root, [HOST], **EXPIRED), Alert.CertificateExpired, Code.CertificateExpired)
    else:
        case.refused(make_certificate(case.root, [HOST], **FUTURE), Alert.BadCertificate, Code.CertificateNotYetValid)


@both_versions
@pytest.mark.parametrize(("name", "names"), [(HOST, ["other.example"]), ("127.0.0.1", ["127.0.0.2"]), ("::1", [HOST])])
def test_sec_d02_names(verdicts, version: str, name: str, names: list[str]) -> None:
    """Another name, another address, no address at all."""
    case = verdicts(version)
    assert not case.connect(make_certificate(case.root, names), name)
    (error,) = case.client.sslHandshakeErrors()
    assert error.error() == Code.HostNameMismatch
    assert "it is for" in error.errorString()
    case.conversation.waitForServerEnd()
    assert case.conversation.recorder.of("server.alertReceived")[0][-2] == Alert.BadCertificate


@pytest.mark.parametrize(
    ("name", "pattern", "accepted"),
    [
        ("host.test.example", "*.test.example", True),
        ("HOST.test.example", "*.TEST.example", True),
        ("deep.host.test.example", "*.test.example", False),
        ("test.example", "*.test.example", False),
        ("host.test.example", "h*.test.example", False),
        ("host.test.example", "host.*.example", False),
        ("test.example", "*.example", False),
        ("example", "*", False),
    ],
)
def test_sec_d03_wildcards(verdicts, name: str, pattern: str, accepted: bool) -> None:
    """A whole first label, for one level, and not right below a top-level domain."""
    case = verdicts("1.3")
    assert case.connect(make_certificate(case.root, [pattern]), name) is accepted


@pytest.mark.parametrize("names", [[], ["127.0.0.1"], ["other.example"]])
def test_sec_d04_the_common_name_never_counts(verdicts, names: list[str]) -> None:
    """Not even without other names."""
    case = verdicts("1.3")
    case.refused(make_certificate(case.root, names, common_name=HOST), Alert.BadCertificate, Code.HostNameMismatch)


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("bücher.example", True),
        ("xn--bcher-kva.example", True),
        ("BÜCHER.example", True),
        ("b\u200bcher.example", False),
    ],
)
def test_sec_d05_international_names(verdicts, name: str, accepted: bool) -> None:
    """In letters of any script or in ASCII; what is no name is refused and not let through."""
    case = verdicts("1.3")
    assert case.connect(make_certificate(case.root, ["xn--bcher-kva.example"]), name) is accepted


@both_versions
@pytest.mark.parametrize("kind", ["self-signed", "root sent along", "unknown root", "missing intermediate"])
def test_sec_d06_nobody_to_trust(verdicts, version: str, kind: str) -> None:
    """Four ways, four sets of codes, one alert."""
    case = verdicts(version)
    stranger = authority(common_name="stranger")
    leaf, codes = {
        "self-signed": (make_certificate(None, [HOST]), {Code.SelfSignedCertificate}),
        "root sent along": (below(stranger), {Code.SelfSignedCertificateInChain}),
        "unknown root": (
            make_certificate(stranger, [HOST]),
            {Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate},
        ),
        "missing intermediate": (
            make_certificate(authority(case.root), [HOST]),
            {Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate},
        ),
    }[kind]
    case.refused(leaf, Alert.UnknownCa, *codes)


@both_versions
@pytest.mark.parametrize("kind", ["path length", "not an authority", "may not sign"])
def test_sec_d07_who_may_issue(verdicts, version: str, kind: str) -> None:
    """By the numbers of this OpenSSL, where Qt's table has old ones."""
    case = verdicts(version)
    if kind == "path length":
        upper = authority(case.root, path_length=0, common_name="upper")
        lower = authority(upper, common_name="lower")
        leaf = make_certificate(lower, [HOST], send=[lower.certificate, upper.certificate])
        case.refused(leaf, Alert.UnknownCa, Code.PathLengthExceeded)
    elif kind == "not an authority":
        leaf = below(authority(case.root, ca=False, key_usage=False))
        case.refused(leaf, Alert.UnknownCa, Code.InvalidCaCertificate, Code.InvalidPurpose)
    else:
        impostor = make_certificate(case.root, ["ca.example"])
        case.refused(
            below(impostor), Alert.UnknownCa, Code.InvalidCaCertificate, Code.InvalidPurpose, Code.UnspecifiedError
        )


@both_versions
@pytest.mark.parametrize("kind", ["permitted", "excluded"])
def test_sec_d08_name_constraints(verdicts, version: str, kind: str) -> None:
    """Qt has no code for them, but there are words."""
    case = verdicts(version)
    names = [x509.DNSName("other.example" if kind == "permitted" else "test.example")]
    subtrees = {"permitted_subtrees": None, "excluded_subtrees": None, f"{kind}_subtrees": names}
    limited = authority(case.root, extensions=[(x509.NameConstraints(**subtrees), True)])
    case.refused(below(limited), Alert.CertificateUnknown, Code.UnspecifiedError)
    assert kind.replace("excluded", "forbidden") in case.client.sslHandshakeErrors()[0].errorString()


@both_versions
def test_sec_d09_purposes(verdicts, version: str) -> None:
    """A client's certificate is no server's; nor the other way round, as test_server has it."""
    case = verdicts(version)
    usage = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    leaf = make_certificate(case.root, [HOST], extensions=[usage])
    case.refused(leaf, Alert.UnsupportedCertificate, Code.InvalidPurpose)


@both_versions
def test_sec_d09_a_servers_certificate_is_no_clients(make_conversation: MakeConversation, version: str) -> None:
    """The server refuses with alert 43."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.showClient(conversation.pki.server)
    conversation.demandClientCertificate()
    conversation.connect()
    spin(lambda: conversation.recorder.count("server.sslErrors") == 1)
    ((_, errors),) = conversation.recorder.of("server.sslErrors")
    assert [error.error() for error in errors] == [Code.InvalidPurpose]  # type: ignore[attr-defined]  # a list
    conversation.waitForClientEnd()
    assert conversation.recorder.of("client.alertReceived")[0][-2] == Alert.UnsupportedCertificate


def test_sec_d10_weak_keys(verdicts) -> None:
    """An authority with a short key; nobody can override that."""
    case = verdicts("1.3")
    weak = authority(case.root, key=rsa.generate_private_key(65537, 1024))
    case.conversation.clientConfiguration.setProtocol(PROTOCOLS["1.3"])
    # OpenSSL does not show such a chain, so only the authority's own certificate is weak, and it is trusted.
    case.conversation.clientConfiguration.setCaCertificates([weak.certificate])
    assert not case.connect(make_certificate(weak, [HOST]))
    (error,) = case.client.sslHandshakeErrors()
    assert error.error() == Code.UnspecifiedError
    assert "too short to be secure" in error.errorString()
    assert not error.isOverridable()


def test_sec_d11_critical_extensions(verdicts) -> None:
    """What is critical and not understood is refused."""
    case = verdicts("1.3")
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    leaf = make_certificate(case.root, [HOST], extensions=[(unknown, True)])
    case.refused(leaf, Alert.CertificateUnknown, Code.UnspecifiedError)
    assert "critical extension" in case.client.sslHandshakeErrors()[0].errorString()


@both_versions
def test_sec_d12_all_errors_at_once(verdicts, version: str) -> None:
    """One signal each, then one list; with all of them ignored the connection stands."""
    case = verdicts(version)
    leaf = make_certificate(None, ["other.example"], **EXPIRED)
    case.client.sslErrors.connect(case.client.ignoreSslErrors)
    assert case.connect(leaf)
    wanted = {Code.HostNameMismatch, Code.SelfSignedCertificate, Code.CertificateExpired}
    assert {error.error() for error in case.client.sslHandshakeErrors()} == wanted
    assert case.conversation.recorder.count("client.peerVerifyError") == 3
    assert case.conversation.recorder.count("client.sslErrors") == 1


@both_versions
@pytest.mark.parametrize("ignored", list(range(3)))
def test_sec_d13_ignoring_one_of_several(verdicts, version: str, ignored: int) -> None:
    """Whichever it is, the others are not ignored with it."""
    case = verdicts(version)
    leaf = make_certificate(None, ["other.example"], **EXPIRED)
    codes = (Code.HostNameMismatch, Code.SelfSignedCertificate, Code.CertificateExpired)
    case.client.ignoreSslErrors([SslError(codes[ignored], SslCertificate(leaf.certificate))])
    assert not case.connect(leaf)


@both_versions
def test_sec_d13_ignoring_the_error_of_another_certificate(verdicts, version: str) -> None:
    """The same kind of error, but of somebody else."""
    case = verdicts(version)
    other = make_certificate(case.root, [HOST], **EXPIRED)
    case.client.ignoreSslErrors([SslError(Code.CertificateExpired, SslCertificate(other.certificate))])
    assert not case.connect(make_certificate(case.root, [HOST], **EXPIRED))


CRLS: dict[
    str, tuple[Callable[[IssuedCertificate, IssuedCertificate], Any], QSslError.SslError, QSsl.AlertType, str]
] = {
    "revoked": (
        lambda root, leaf: make_crl(root, leaf),
        Code.CertificateRevoked,
        Alert.CertificateRevoked,
        "has been revoked",
    ),
    "stale": (
        lambda root, leaf: make_crl(root, end=NOW - DAY / 2),
        Code.UnspecifiedError,
        Alert.CertificateExpired,
        "list is out of date",
    ),
    "future": (
        lambda root, leaf: make_crl(root, begin=NOW + DAY / 2),
        Code.UnspecifiedError,
        Alert.BadCertificate,
        "list is not valid yet",
    ),
    "forged": (
        lambda root, leaf: make_crl(root, signer=CertificateAuthority()),
        Code.UnspecifiedError,
        Alert.DecryptError,
        "list is wrong: it was changed or forged",
    ),
    "missing": (
        lambda root, leaf: CertificateAuthority().crl(),
        Code.UnspecifiedError,
        Alert.UnknownCa,
        "there is no revocation list",
    ),
}


@both_versions
@pytest.mark.parametrize("kind", CRLS)
def test_sec_d14_revocation_lists(verdicts, version: str, kind: str) -> None:
    """Once there are lists, nothing gets through for want of a good one; each reason has its own words."""
    case = verdicts(version)
    leaf = make_certificate(case.root, [HOST])
    make, code, alert, words = CRLS[kind]
    case.conversation.clientConfiguration.setCrls(make(case.root, leaf))
    case.refused(leaf, alert, code)
    assert words in case.client.sslHandshakeErrors()[0].errorString().lower()


@both_versions
def test_sec_d14_each_authority_needs_a_list(verdicts, version: str) -> None:
    """That of the root alone says nothing about what the intermediate has issued."""
    case = verdicts(version)
    middle = authority(case.root)
    case.conversation.clientConfiguration.setCrls([make_crl(case.root)])
    assert not case.connect(below(middle))
    case.conversation.clientConfiguration.setCrls([make_crl(case.root), make_crl(middle)])
    case.conversation.server.close()
    assert case.connect(below(middle))


def keyPin(identity: IssuedCertificate) -> bytes:
    public = identity.privateKey.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest()


@both_versions
@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_sec_d18_pins(verdicts, version: str, kind: str) -> None:
    """On the full handshake and on the resumed one; a mismatch is refused although the chain is valid."""
    case = verdicts(version)
    leaf, other = (make_certificate(case.root, [HOST]) for _ in range(2))
    configuration = case.conversation.clientConfiguration
    pin: Callable[[IssuedCertificate], Any] = keyPin if kind == "key" else lambda each: each.certificate
    configuration.setPinnedCertificates(pin(leaf))
    assert case.connect(leaf)
    spin(case.conversation.server.hasPendingConnections)
    peer = case.conversation.server.nextPendingConnection()
    assert peer is not None
    peer.write(b"x")  # brings the ticket of TLS 1.3 along
    spin(lambda: case.client.bytesAvailable() == 1)
    again = SslSocket(case.client)
    again.setSslConfiguration(configuration)
    again.setPeerVerifyName(HOST)
    again.connectToHostEncrypted("127.0.0.1", case.conversation.server.serverPort())
    spin(again.isEncrypted)
    assert again.isSessionReused()
    configuration.setPinnedCertificates(pin(other))
    mismatch = SslSocket(case.client)
    mismatch.sslErrors.connect(lambda errors: mismatch.ignoreSslErrors())
    mismatch.setSslConfiguration(configuration)
    mismatch.setPeerVerifyName(HOST)
    mismatch.connectToHostEncrypted("127.0.0.1", case.conversation.server.serverPort())
    spin(lambda: mismatch.state() == State.UnconnectedState)
    assert "none of the pinned ones" in mismatch.errorString()


def test_sec_d18_pins_of_a_dtls_server(qapp: object, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The same demand over datagrams; ignoring everything does not lift it."""
    dtls = DtlsConversation(qtsecure_pki)
    try:
        dtls.clientConfiguration.setPinnedCertificates(keyPin(qtsecure_pki.server))
        dtls.establish()
        dtls.clientConfiguration.setPinnedCertificates(keyPin(qtsecure_pki.expired))
        other = dtls.makeClient("other")
        other.sslErrors.connect(lambda errors: other.ignoreSslErrors())
        dtls.connect(other)
        spin(lambda: other.status() is DtlsPeer.Status.Error)
        assert "none of the pinned ones" in str(other.error())
    finally:
        dtls.close()


@both_versions
@pytest.mark.parametrize("kind", ["leaf", "self-signed leaf", "intermediate"])
def test_sec_d19_exact_anchors(verdicts, version: str, kind: str) -> None:
    """Whoever trusts a certificate itself, or an intermediate, need not know the root."""
    case = verdicts(version)
    stranger = authority(common_name="stranger")
    middle = authority(stranger, common_name="middle")
    leaf, anchor = {
        "leaf": (leaf := make_certificate(stranger, [HOST]), leaf),
        "self-signed leaf": (own := make_certificate(None, [HOST]), own),
        "intermediate": (make_certificate(middle, [HOST]), middle),
    }[kind]
    case.conversation.clientConfiguration.setTrustStore(TrustStore.fromCertificates(anchor.certificate))
    assert case.connect(leaf)
    case.client.abort()
    another = make_certificate(stranger if kind == "intermediate" else case.root, [HOST])
    case.conversation.server.close()
    assert not case.connect(another)


def test_sec_d20_deep_chains(verdicts) -> None:
    """The limit for intermediates is honoured; what is far too large is refused by OpenSSL at once."""
    case = verdicts("1.3")
    upper = authority(case.root, common_name="upper")
    lower = authority(upper, common_name="lower")
    leaf = make_certificate(lower, [HOST], send=[lower.certificate, upper.certificate])
    case.conversation.clientConfiguration.setPeerVerifyDepth(1)
    assert not case.connect(leaf)
    assert "more certificates between this one and a trusted authority" in " ".join(
        error.errorString() for error in case.client.sslHandshakeErrors()
    )
    case.conversation.clientConfiguration.setPeerVerifyDepth(2)
    case.conversation.server.close()
    assert case.connect(leaf)
    case.client.abort()
    case.conversation.server.close()
    huge = make_certificate(case.root, [HOST], send=[case.root.certificate] * 300)
    assert not case.connect(huge)
    assert "larger message than the protocol allows" in case.client.errorString()


def test_sec_d22_no_roots(monkeypatch: pytest.MonkeyPatch, make_conversation: MakeConversation) -> None:
    """A variable that leads nowhere, and a computer without roots: an error before connecting, never an empty store."""
    trust._system_anchors.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    try:
        with pytest.raises(SecureError, match="no certificate can be read there"):
            TrustStore.system()
        conversation = make_conversation()
        conversation.clientConfiguration = SslConfiguration.forClient()
        conversation.connect()
        spin(lambda: conversation.recorder.count("client.errorOccurred") == 1)
        assert conversation.client.error() == Error.SslInvalidUserDataError
        assert "SSL_CERT_FILE" in conversation.client.errorString()
        conversation.client.abort()
    finally:
        monkeypatch.undo()
        trust._system_anchors.cache_clear()


def test_ip_addresses_are_names(verdicts) -> None:
    """sec-D2: an address in the certificate, and an address with brackets."""
    case = verdicts("1.3")
    leaf = make_certificate(case.root, [x509.IPAddress(ipaddress.ip_address("2001:db8::1"))])
    assert case.connect(leaf, "2001:db8::1")
