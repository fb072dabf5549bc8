"""OpenSSL contexts: shared, bounded, the same in every environment, and what they let resume."""

from __future__ import annotations

import concurrent.futures
import gc
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography import x509
from OpenSSL import SSL

import qtsecure
from qtsecure.engine import contexts
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    NUMBERS,
    VERSIONS,
    Pair,
    Version,
    client_configuration,
    server_configuration,
)

ROOT = Path(qtsecure.__file__).parents[1]


# ------------------------------------------------------------------------------------- the cache


def test_equal_configurations_share_a_context(pki: PublicKeyInfrastructure) -> None:
    """The ticket keys live in the context: without sharing no client could ever resume."""
    first, second = (server_configuration(pki.server) for _ in range(2))
    assert first is not second
    assert context_for(first, server=True) is context_for(second, server=True)


def test_a_context_is_made_while_another_one_is(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a finalizer that a garbage collection runs meanwhile, in the same thread: it does not wait for itself."""
    outer, inner = (server_configuration(pki.server, alpn_protocols=(name,)) for name in (b"outer", b"inner"))
    made: list[SSL.Context] = []

    class Connects:
        """A log's handler that reports over TLS, for example."""

        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            made.extend(context_for(each, server=True) for each in (inner, outer))

    build = contexts._build

    def collecting(configuration: TlsConfiguration, server: bool) -> SSL.Context:
        monkeypatch.setattr(contexts, "_build", build)
        Connects()
        gc.collect()
        return build(configuration, server)

    monkeypatch.setattr(contexts, "_build", collecting)
    thread = threading.Thread(target=lambda: made.append(context_for(outer, server=True)), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert len(made) == 3
    assert made[1] is made[2] is context_for(outer, server=True)


def test_a_context_that_is_found_goes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finalizer in the comparison makes another, for which the cache has no room: what was found is good."""
    monkeypatch.setattr(contexts, "_cache", type(contexts._cache)())
    monkeypatch.setattr(contexts, "_MAX_CACHED", 1)
    found = context_for(TlsConfiguration(verify_depth=1), server=False)
    equal = TlsConfiguration.__eq__
    compared: list[object] = []

    def collecting(self: TlsConfiguration, other: object) -> bool:
        compared.append(other)
        if len(compared) == 2:  # for the one that was found to be the last one used
            context_for(TlsConfiguration(verify_depth=2), server=False)
        return equal(self, other)

    monkeypatch.setattr(TlsConfiguration, "__eq__", collecting)
    assert context_for(TlsConfiguration(verify_depth=1), server=False) is found
    assert len(compared) >= 2
    assert len(contexts._cache) == 1


def test_roles_and_configurations_have_their_own(pki: PublicKeyInfrastructure) -> None:
    """Nothing of one configuration can reach another."""
    base = server_configuration(pki.server)
    others = [
        server_configuration(pki.rsaServer),
        server_configuration(pki.server, "1.2"),
        server_configuration(pki.server, clients=[pki.ca.certificate]),
        server_configuration(pki.server, clients=[pki.otherCa.certificate]),
        server_configuration(pki.server, alpn_protocols=(b"h2",)),
        server_configuration(pki.server, session_tickets_enabled=False),
    ]
    made = [context_for(base, server=True), context_for(base, server=False)]
    made += [context_for(other, server=True) for other in others]
    assert len(set(map(id, made))) == len(made)


def test_the_cache_is_bounded() -> None:
    """The least recently used context goes first; what is in use stays usable."""
    kept = TlsConfiguration(verify_depth=1000)
    context = context_for(kept, server=False)
    for depth in range(2000, 2000 + 2 * contexts._MAX_CACHED):
        context_for(TlsConfiguration(verify_depth=depth), server=False)
        assert context_for(kept, server=False) is context
    assert len(contexts._cache) == contexts._MAX_CACHED
    for depth in range(4000, 4000 + contexts._MAX_CACHED):
        context_for(TlsConfiguration(verify_depth=depth), server=False)
    assert context_for(kept, server=False) is not context
    SSL.Connection(context, None)


def test_the_cache_is_thread_safe(pki: PublicKeyInfrastructure) -> None:
    """Many threads at once: one context for each configuration, and handshakes in all of them."""
    trust = [pki.ca.certificate]
    server = server_configuration(pki.server)

    def work(number: int) -> int:
        client = client_configuration(trust, verify_depth=10 + number % 5)
        pair = Pair(client, server).established()
        assert pair.say(b"x") == b"x"
        return id(context_for(client, server=False))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(80)))
    assert len(set(made)) == 5


def test_a_failed_context_is_not_kept() -> None:
    """The error comes again with the next attempt."""
    bad = TlsConfiguration(groups=("no-such-group",))
    for _ in range(2):
        with pytest.raises(SecureError, match="no-such-group") as error:
            context_for(bad, server=False)
        assert error.value.code is SecureError.Code.InvalidArgument
    with pytest.raises(SecureError, match="None of the configured cipher suites"):
        context_for(TlsConfiguration(tls12_ciphers=("NO-SUCH-CIPHER",)), server=False)
    # Nothing is left in OpenSSL's error queue for somebody else to stumble over.
    context_for(TlsConfiguration(verify_depth=99), server=False)


def test_no_suites_of_tls_1_2() -> None:
    """An empty list means that the version is not used; OpenSSL itself refuses one."""
    configuration = TlsConfiguration(tls12_ciphers=(), minimum_version=NUMBERS["1.3"])
    assert context_for(configuration, server=False) is context_for(configuration, server=False)


# ------------------------------------------------------------------------------- the environment

CHECK = """
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import BarePeer, Pair, client_configuration, make_certificate, server_configuration
from qtsecure.engine.tls_stream import TlsStream

pki = PublicKeyInfrastructure()
trust = [pki.ca.certificate]


def client_against(certificate, version):
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.privateKey)
    peer = BarePeer(context, server=True)
    stream = TlsStream(client_configuration(trust), server=False, peer_name="localhost")
    stream.start()
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    try:
        peer.handshake(stream)
    except SSL.Error:
        pass
    return stream


def server_against(version):
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    stream = TlsStream(server_configuration(pki.server), server=True)
    stream.start()
    try:
        BarePeer(context, server=False).handshake(stream)
    except SSL.Error:
        pass
    return stream


weak = make_certificate(pki.ca, key=rsa.generate_private_key(65537, 1024))
print("TLS 1.1 client", client_against(pki.server, SSL.TLS1_1_VERSION).established)
print("TLS 1.1 server", server_against(SSL.TLS1_1_VERSION).established)
print("TLS 1.2 client", client_against(pki.server, SSL.TLS1_2_VERSION).established)
print("TLS 1.2 server", server_against(SSL.TLS1_2_VERSION).established)
print("TLS 1.3 client", client_against(pki.server, SSL.TLS1_3_VERSION).established)
print("TLS 1.3 server", server_against(SSL.TLS1_3_VERSION).established)
for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
    print("RSA-1024", [issue.name for issue in client_against(weak, version).issues])
pair = Pair(client_configuration(trust, "1.2"), server_configuration(pki.server, "1.2")).established()
print("cipher", pair.client.stream.cipher_name())
context = SSL.Context(SSL.TLS_METHOD)
print("environment", context.set_options(0) & SSL.OP_NO_TICKET != 0)
"""

EXPECTED = [
    "TLS 1.1 client False",
    "TLS 1.1 server False",
    "TLS 1.2 client True",
    "TLS 1.2 server True",
    "TLS 1.3 client True",
    "TLS 1.3 server True",
    "RSA-1024 ['X509_V_ERR_EE_KEY_TOO_SMALL']",
    "RSA-1024 ['X509_V_ERR_EE_KEY_TOO_SMALL']",
    "cipher ECDHE-ECDSA-AES256-GCM-SHA384",
]

SYSTEM_DEFAULTS = {
    "none": "",
    "lowered": "MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\nOptions = UnsafeLegacyRenegotiation",
    "raised": "MinProtocol = TLSv1.3\nCipherString = DEFAULT:@SECLEVEL=4\nCiphersuites = TLS_CHACHA20_POLY1305_SHA256",
    "other range": "MinProtocol = TLSv1\nMaxProtocol = TLSv1.1\nCipherString = ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
}


@pytest.mark.parametrize("defaults", SYSTEM_DEFAULTS.values(), ids=SYSTEM_DEFAULTS)
def test_openssl_conf_changes_nothing(tmp_path: Path, defaults: str) -> None:
    """A configuration file of the system neither lowers nor raises what is configured here."""
    file = tmp_path / "openssl.cnf"
    options = f"{defaults}\nOptions = -SessionTicket" if "Options" not in defaults else f"{defaults},-SessionTicket"
    file.write_text(f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n{options}\n")
    result = subprocess.run(
        [sys.executable, "-c", CHECK],
        env={**os.environ, "OPENSSL_CONF": str(file), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    # The file has been read at all, or this test would show nothing.
    assert lines[-1] == "environment True"
    assert lines[:-1] == EXPECTED


# ------------------------------------------------------------------------------------ resumption


class PythonClient:
    """Python's ssl module over memory BIOs, with one session after the other."""

    def __init__(
        self, pki: PublicKeyInfrastructure, version: Version, tmp_path: Path, certificate: IssuedCertificate | None
    ) -> None:
        self.context = ssl.create_default_context(cadata=pki.ca.certificatePem().decode())
        self.context.minimum_version = self.context.maximum_version = {
            "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3,
        }[version]
        if certificate is not None:
            self.context.load_cert_chain(*certificate.writeTo(tmp_path))
        self.session: ssl.SSLSession | None = None

    def connect(self, configuration: TlsConfiguration) -> tuple[ssl.SSLObject, TlsStream]:
        """One connection with data in both directions and a clean end; resumes the last one if it can."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=self.session)
        server = TlsStream(configuration, server=True)
        server.start()

        def carry() -> None:
            server.receive(outgoing.read())
            if server.state.value == "deciding":
                server.accept_certificate()
            while len(data := server.take_outgoing()):
                incoming.write(bytes(data))

        for _ in range(5):
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                carry()
        carry()
        server.write(b"data")
        carry()
        assert client.read(100) == b"data"  # the tickets of TLS 1.3 come with it
        session = client.session
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        carry()
        assert server.read(100) == b""
        server.close()
        carry()
        self.session = session
        return client, server


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_verifies_nobody_resumes(pki: PublicKeyInfrastructure, tmp_path: Path, version: Version) -> None:
    """That is what tickets are for; both sides know it."""
    client = PythonClient(pki, version, tmp_path, None)
    resumed = []
    for _ in range(3):
        ours, theirs = client.connect(server_configuration(pki.server))
        assert ours.session_reused is theirs.session_reused()
        resumed.append(theirs.session_reused())
    assert resumed == [False, True, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_can_be_turned_off(pki: PublicKeyInfrastructure, tmp_path: Path, version: Version) -> None:
    """Then there is neither a ticket nor a session cache."""
    client = PythonClient(pki, version, tmp_path, None)
    configuration = server_configuration(pki.server, session_tickets_enabled=False)
    assert [client.connect(configuration)[0].session_reused for _ in range(3)] == [False] * 3


@pytest.mark.parametrize("kind", ["good", "bad", "none"])
@pytest.mark.parametrize("version", VERSIONS)
def test_verifying_server_never_resumes(
    pki: PublicKeyInfrastructure, tmp_path: Path, version: Version, kind: str
) -> None:
    """A resumption would skip the verification, whatever came out of the first one."""
    certificate = {"good": pki.client, "bad": pki.clientUnknownCa, "none": None}[kind]
    client = PythonClient(pki, version, tmp_path, certificate)
    configuration = server_configuration(pki.server, clients=[pki.ca.certificate])
    for _ in range(3):
        ours, theirs = client.connect(configuration)
        assert not ours.session_reused
        assert not theirs.session_reused()
        assert bool(theirs.peer_certificates()) is (certificate is not None)
        assert [issue.code for issue in theirs.issues] == {"good": [], "bad": [20, 21], "none": [-1]}[kind]


@pytest.mark.parametrize("kind", ["good", "bad", "none"])
@pytest.mark.parametrize("version", VERSIONS)
def test_querying_server_resumes_only_the_anonymous(
    pki: PublicKeyInfrastructure, tmp_path: Path, version: Version, kind: str
) -> None:
    """Every connection of a client with certificate reports that certificate and its errors anew."""
    certificate = {"good": pki.client, "bad": pki.clientUnknownCa, "none": None}[kind]
    client = PythonClient(pki, version, tmp_path, certificate)
    configuration = server_configuration(pki.server, clients=[pki.ca.certificate], verify_mode=VerifyMode.QUERY)
    resumed = []
    for _ in range(3):
        ours, theirs = client.connect(configuration)
        assert ours.session_reused is theirs.session_reused()
        resumed.append(theirs.session_reused())
        assert bool(theirs.peer_certificates()) is (certificate is not None)
        assert [issue.code for issue in theirs.issues] == ([20, 21] if kind == "bad" else [])
    assert resumed == ([False, True, True] if kind == "none" else [False] * 3)


@pytest.mark.parametrize("version", VERSIONS)
def test_session_of_another_configuration_is_not_resumed(
    pki: PublicKeyInfrastructure, tmp_path: Path, version: Version
) -> None:
    """A ticket of a server without client certificates opens no door of one that wants them."""
    client = PythonClient(pki, version, tmp_path, None)
    client.connect(server_configuration(pki.server))
    ours, theirs = client.connect(server_configuration(pki.server, clients=[pki.ca.certificate]))
    assert not ours.session_reused
    assert [issue.code for issue in theirs.issues] == [-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_our_client_never_resumes(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Nothing of one connection is offered on the next."""
    client = client_configuration([pki.ca.certificate], version)
    server = server_configuration(pki.server, version)
    for _ in range(3):
        pair = Pair(client, server).established()
        pair.say(b"x", from_server=True)
        pair.client.stream.close()
        assert not pair.client.stream.session_reused()
        assert not pair.server.stream.session_reused()


# ---------------------------------------------------------------------------------- credentials


def test_intermediates_are_sent(pki: PublicKeyInfrastructure) -> None:
    """The client has only the root."""
    pair = Pair(client_configuration([pki.ca.certificate]), server_configuration(pki.viaIntermediate)).established()
    assert pair.client.issue_codes == []


def test_client_learns_the_accepted_authorities(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """The CertificateRequest names them, so that clients with several certificates can choose."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    peer = SSL.Connection(context, None)
    peer.set_connect_state()
    trust = [pki.ca.certificate, pki.otherCa.certificate]
    server = TlsStream(server_configuration(pki.server, clients=trust), server=True)
    server.start()
    with pytest.raises(SSL.WantReadError):
        peer.do_handshake()
    server.receive(peer.bio_read(1 << 16))
    peer.bio_write(bytes(server.take_outgoing()))
    with pytest.raises(SSL.WantReadError):
        peer.do_handshake()
    names = {name.get_components()[0][1].decode() for name in peer.get_client_ca_list()}
    expected = {authority.certificate.subject.rfc4514_string().split("=", 1)[1] for authority in (pki.ca, pki.otherCa)}
    assert names == expected


@pytest.mark.parametrize(
    ("depth", "found"),
    [(0, []), (2, []), (1, [IssueCode.CERT_CHAIN_TOO_LONG])],
)
def test_verify_depth(pki: PublicKeyInfrastructure, depth: int, found: list[IssueCode]) -> None:
    """A chain with more intermediates than allowed is an error; 0 stands for OpenSSL's own limit."""
    middle = pki.ca.intermediate(basicConstraints=x509.BasicConstraints(ca=True, path_length=None))
    leaf = middle.intermediate().issue()
    client = client_configuration([pki.ca.certificate], verify_depth=depth)
    pair = Pair(client, server_configuration(leaf)).handshake()
    assert pair.client.issue_codes[: len(found) or None] == found
