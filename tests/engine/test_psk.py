"""Pre-shared keys: TLS 1.2 (RFC 4279) and TLS 1.3, who is asked what, and what is refused."""

from __future__ import annotations

import gc
import sys

import pytest
from OpenSSL._util import ffi, lib

from qtsecure.engine import _openssl_pipes
from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.events import CertificateProblems, FailureKind, HandshakeCompleted
from qtsecure.engine.psk import PreSharedKey, PskHash
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.verification import IssueCode
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Answer,
    Pair,
    Recorder,
    Version,
    client_configuration,
    der_chain,
    refusal,
    server_configuration,
)

IDENTITY = b"somebody"
KEY = bytes(range(32))


def client_of(version: Version | None, **fields: object) -> TlsConfiguration:
    """A client that relies on its key alone."""
    fields = {"verify_mode": VerifyMode.NONE, "psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS, **fields}
    return client_configuration((), version, **fields)


def server_of(version: Version | None, **fields: object) -> TlsConfiguration:
    """A server without certificate."""
    fields = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS, **fields}
    return server_configuration(None, version, **fields)  # type: ignore[arg-type]  # fields of any kind


def psk_pair(
    version: Version | None,
    client_key: tuple[bytes, bytes] | None = (IDENTITY, KEY),
    server_keys: dict[bytes, bytes] | None = None,
    *,
    client: TlsConfiguration | None = None,
    server: TlsConfiguration | None = None,
) -> tuple[Pair, Recorder, Recorder]:
    """A pair and what its sides were asked."""
    asked_client = Recorder(client_key=client_key)
    asked_server = Recorder(server_keys={IDENTITY: KEY} if server_keys is None else server_keys)
    pair = Pair(
        client or client_of(version),
        server or server_of(version),
        client_decisions=asked_client,
        server_decisions=asked_server,
    )
    return pair, asked_client, asked_server


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_handshake(engine_path: str, version: Version, chunk: int) -> None:
    """Key on both sides, no certificate anywhere; both know that the key was used."""
    pair, asked_client, asked_server = psk_pair(version)
    pair.handshake(chunk)
    for side in pair.sides:
        assert side.events == [HandshakeCompleted()]
        assert side.stream.psk_used()
        assert not side.stream.session_reused()
        assert side.stream.peer_certificates() == ()
    assert pair.say(b"hello") == b"hello"
    assert pair.say(b"hello", from_server=True) == b"hello"
    assert set(asked_server.of("psk_for_client")) == {IDENTITY}
    assert asked_client.of("psk_for_server") == [b""]


@pytest.mark.parametrize("cipher", PSK_TLS12_CIPHERS)
def test_tls_1_2_suites(cipher: str) -> None:
    """Every suite of the list works and counts as a use of the key."""
    pair, _, _ = psk_pair("1.2", client=client_of("1.2", tls12_ciphers=(cipher,)))
    pair.established()
    assert pair.client.stream.cipher_name() == cipher
    assert pair.client.stream.psk_used()
    assert pair.server.stream.psk_used()


def test_default_versions_use_tls_1_3() -> None:
    """Keys work with the default range of versions, in the newest."""
    pair, _, _ = psk_pair(None)
    pair.established()
    assert pair.client.stream.protocol_version() == 0x0304
    assert pair.client.stream.psk_used()


@pytest.mark.parametrize("hint", [b"", b"which key?"])
def test_identity_hint(hint: bytes) -> None:
    """The hint of a TLS 1.2 server reaches the client."""
    pair, asked_client, _ = psk_pair("1.2", server=server_of("1.2", psk_identity_hint=hint))
    pair.established()
    assert asked_client.of("psk_for_server") == [hint]


def test_hint_is_asked_about_again() -> None:
    """A client that was asked before its TLS 1.3 hello is asked once more if TLS 1.2 brings a hint."""
    pair, asked_client, _ = psk_pair(None, server=server_of("1.2", psk_identity_hint=b"hint"))
    pair.established()
    assert asked_client.of("psk_for_server") == [b"", b"hint"]
    pair, asked_client, _ = psk_pair(None, server=server_of("1.2"))
    pair.established()
    assert asked_client.of("psk_for_server") == [b""]


def test_unusable_hint_is_a_configuration_error(pki: PublicKeyInfrastructure) -> None:
    """RFC 4279 would allow more, OpenSSL does not: the server says why, the client is not left waiting."""
    pair, _, _ = psk_pair("1.2", server=server_of("1.2", psk_identity_hint=b"x" * 300))
    pair.server.stream.start()
    pair.server.stream.receive(b"\x16\x03\x01")
    failure = refusal(pair.server.stream)
    assert "identity hint was refused" in failure.message
    assert failure.alert == 80


@pytest.mark.parametrize("size", [1, 16, 64, 256])
@pytest.mark.parametrize("version", VERSIONS)
def test_key_sizes(version: Version, size: int) -> None:
    """From one byte on."""
    key = b"k" * size
    pair, _, _ = psk_pair(version, (IDENTITY, key), {IDENTITY: key})
    pair.established()


@pytest.mark.parametrize("identity", [b"x", b"x" * 127, b"x" * 255, "schlüssel".encode()])
@pytest.mark.parametrize("version", VERSIONS)
def test_identities(version: Version, identity: bytes) -> None:
    """Up to 255 bytes, any but NUL."""
    pair, _, asked_server = psk_pair(version, (identity, KEY), {identity: KEY})
    pair.established()
    assert set(asked_server.of("psk_for_client")) == {identity}


UNUSABLE = {
    "none": None,
    "empty key": (IDENTITY, b""),
    "oversized key": (IDENTITY, b"k" * 513),
    "huge key": (IDENTITY, b"k" * 100_000),
    "oversized identity": (b"i" * 256, KEY),
    "huge identity": (b"i" * 100_000, KEY),
    "NUL in the identity": (b"some\0body", KEY),
}


@pytest.mark.parametrize("client_key", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("version", VERSIONS)
def test_unusable_keys_of_the_client(
    engine_path: str, version: Version, client_key: tuple[bytes, bytes] | None
) -> None:
    """Not a byte too much reaches OpenSSL's buffers; there is no connection without a key."""
    everything = {b"some": KEY, b"i" * 255: KEY, b"i" * 256: KEY, IDENTITY: b"k" * 512, b"": KEY}
    pair, _, _ = psk_pair(version, client_key, everything)
    pair.handshake()
    for side in pair.sides:
        assert not side.completed
        assert side.failure is not None
        assert side.failure.kind is FailureKind.HANDSHAKE


@pytest.mark.parametrize("key", [b"", b"k" * 513, b"k" * 100_000])
@pytest.mark.parametrize("version", VERSIONS)
def test_unusable_keys_of_the_server(engine_path: str, version: Version, key: bytes) -> None:
    """As if the identity were unknown."""
    pair, _, _ = psk_pair(version, (IDENTITY, key[:512] or KEY), {IDENTITY: key})
    pair.handshake()
    assert not pair.client.completed
    assert not pair.server.completed


@pytest.mark.parametrize(("version", "alert"), [("1.2", 115), ("1.3", 40)])
def test_unknown_identity(engine_path: str, version: Version, alert: int) -> None:
    """unknown_psk_identity in TLS 1.2; TLS 1.3 hides it in a handshake_failure."""
    pair, _, _ = psk_pair(version, (b"stranger", KEY))
    pair.handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [alert]
    assert pair.client.failure is not None
    assert pair.client.failure.alert == alert
    if version == "1.2":
        assert "does not know our pre-shared key identity" in pair.client.failure.message
        assert pair.server.failure is not None
        assert "identity is not known here" in pair.server.failure.message


@pytest.mark.parametrize("key", [None, (IDENTITY, b""), (b"cut\0off", KEY)])
def test_a_client_without_a_usable_key_says_whose_fault_it_is(key: tuple[bytes, bytes] | None) -> None:
    """The program's own, not that of an identity which the other side does not know."""
    pair, _, _ = psk_pair("1.2", key)
    pair.handshake()
    assert pair.client.failure is not None
    assert "the program gave none that can be used" in pair.client.failure.message


@pytest.mark.parametrize(("version", "alert"), [("1.2", 20), ("1.3", 51)])
def test_wrong_key(engine_path: str, version: Version, alert: int) -> None:
    """The other side's alert differs by version; both sides' words mention the keys."""
    pair, _, _ = psk_pair(version, (IDENTITY, KEY[::-1]))
    pair.handshake()
    assert pair.server.alerts_sent == pair.client.alerts_received == [alert]
    for side in pair.sides:
        assert not side.completed
        assert side.failure is not None
        assert "key" in side.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_keying_material(version: Version) -> None:
    """Overwriting the key leaves alone what was derived from it: both sides export the same, each time anew."""
    exported = []
    for _ in range(2):
        pair, _, _ = psk_pair(version)
        pair.established()
        pair.say(b"hello", from_server=True)  # brings the tickets of TLS 1.3 along
        material = {side.stream.export_keying_material(b"EXPERIMENTAL", 32, b"") for side in pair.sides}
        assert len(material) == 1
        exported.append(material.pop())
    assert exported[0] != exported[1]


@pytest.mark.parametrize("identity", [b"sen\0sor", b"\0", b"sensor\0", bytes(range(255))])
def test_binary_identities(engine_path: str, identity: bytes) -> None:
    """TLS 1.3 carries any bytes; in TLS 1.2 nothing is cut off, but refused."""
    pair, _, asked_server = psk_pair("1.3", (identity, KEY), {identity: KEY})
    pair.established()
    assert asked_server.of("psk_for_client") == [identity]
    pair, _, asked_server = psk_pair("1.2", (identity, KEY), {identity: KEY, identity.partition(b"\0")[0]: KEY})
    pair.handshake()
    assert not pair.client.completed
    assert asked_server.of("psk_for_client") == []


@pytest.mark.parametrize(
    ("psk_hash", "suite"),
    [(PskHash.SHA384, "TLS_AES_128_GCM_SHA256"), (PskHash.SHA256, "TLS_AES_256_GCM_SHA384")],
)
def test_no_key_is_offered_with_another_hash(engine_path: str, psk_hash: PskHash, suite: str) -> None:
    """Without a suite of its hash it stays at home in TLS 1.3 (RFC 8446, section 4.2.11); TLS 1.2 has no hash."""
    pair, asked_client, asked_server = psk_pair(None, client=client_of(None, tls13_suites=(suite,)))
    asked_client.psk_hash = asked_server.psk_hash = psk_hash
    pair.start()
    assert IDENTITY not in pair.client.take()
    older, asked_client, _ = psk_pair(None, client=client_of(None, tls13_suites=(suite,)), server=server_of("1.2"))
    asked_client.psk_hash = psk_hash
    older.established()
    assert older.client.stream.psk_used()


def test_second_hello_asks_nobody_again() -> None:
    """A server that wants another group: both sides keep their first answer."""
    client, server = client_of("1.3", groups=("X25519", "P-256")), server_of("1.3", groups=("P-256",))
    pair, asked_client, asked_server = psk_pair("1.3", client=client, server=server)
    pair.established()
    assert pair.client.stream.psk_used()
    assert asked_client.of("psk_for_server") == [b""]
    assert asked_server.of("psk_for_client") == [IDENTITY]


# ------------------------------------------------------------------- keys beside certificates


def test_tls_1_3_falls_back_to_the_certificate(pki: PublicKeyInfrastructure) -> None:
    """An identity that is unknown to a server with certificate: a verifying client may go on."""
    client = client_configuration([pki.ca.certificate], "1.3", psk_enabled=True)
    server = server_configuration(pki.server, "1.3", psk_enabled=True)
    pair, _, asked_server = psk_pair("1.3", (b"stranger", KEY), client=client, server=server)
    pair.established()
    assert set(asked_server.of("psk_for_client")) == {b"stranger"}
    for side in pair.sides:
        assert not side.stream.psk_used()
    assert pair.client.stream.peer_certificates() == der_chain(pki.server.chain)


@pytest.mark.parametrize("verify_mode", [VerifyMode.NONE, VerifyMode.QUERY])
@pytest.mark.parametrize("server_knows_keys", [False, True])
@pytest.mark.parametrize("version", [*VERSIONS, None])
def test_a_certificate_is_no_substitute_for_the_key(
    pki: PublicKeyInfrastructure,
    version: Version | None,
    server_knows_keys: bool,
    verify_mode: VerifyMode,
) -> None:
    """A server that shows any certificate instead of using the key proves nothing to a client that verifies none."""
    ciphers = (*PSK_TLS12_CIPHERS, *TlsConfiguration().tls12_ciphers)
    client = client_of(version, tls12_ciphers=ciphers, verify_mode=verify_mode)
    server = server_configuration(pki.selfSigned, version, psk_enabled=server_knows_keys, tls12_ciphers=ciphers[::-1])
    pair, asked_client, _ = psk_pair(version, client=client, server=server, server_keys={})
    pair.handshake()
    assert asked_client.of("psk_for_server") == [b""]
    assert not pair.client.completed
    assert pair.client.failure is not None
    assert pair.client.failure.kind is FailureKind.PSK_NOT_USED
    assert "did not use the pre-shared key" in pair.client.failure.message
    if version != "1.2":
        assert pair.client.alerts_sent == [40]
        assert not pair.server.completed
    else:  # both have finished before the client can tell
        assert pair.client.alerts_sent == []
    assert [pair.client.failure.alert or 0] == (pair.client.alerts_sent or [0])
    with pytest.raises(RuntimeError):
        pair.client.stream.write(b"SECRET")


def test_downgrade_to_tls_1_2_is_no_way_around_the_key(pki: PublicKeyInfrastructure) -> None:
    """A client of both versions, asked for its key before the hello, and a server of TLS 1.2 only."""
    client = client_of(None, tls12_ciphers=(*PSK_TLS12_CIPHERS, *TlsConfiguration().tls12_ciphers))
    pair, _, _ = psk_pair(None, client=client, server=server_configuration(pki.selfSigned, "1.2"))
    pair.handshake()
    assert not pair.client.completed
    assert pair.client.failure is not None
    assert pair.client.failure.kind is FailureKind.PSK_NOT_USED


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_key_verify_none_is_what_it_says(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A client that could give a key but gives none, and verifies nothing, gets a connection."""
    client = client_of(version, tls12_ciphers=TlsConfiguration().tls12_ciphers)
    pair, asked_client, _ = psk_pair(version, None, client=client, server=server_configuration(pki.server, version))
    pair.established()
    assert asked_client.of("psk_for_server") == [b""]
    assert not pair.client.stream.psk_used()


def test_error_of_the_late_question(pki: PublicKeyInfrastructure) -> None:
    """TLS 1.2 with a certificate asks after the handshake; an error there ends the connection as well."""

    def fail(question: str) -> None:
        raise KeyboardInterrupt

    client = client_of("1.2", tls12_ciphers=TlsConfiguration().tls12_ciphers)
    pair = Pair(client, server_configuration(pki.server, "1.2"), client_decisions=Recorder(inside=fail)).start()
    with pytest.raises(KeyboardInterrupt):
        pair.run()
    pair.client.settle()
    assert pair.client.failure is not None
    assert not pair.client.stream.established
    assert not pair.client.stream.busy


@pytest.mark.parametrize("version", VERSIONS)
def test_verifying_clients_miss_the_certificate(version: Version) -> None:
    """As in Qt, a client that insists on a certificate is told that there is none, and may accept that."""
    client = client_of(version, verify_mode=VerifyMode.PEER)
    answers: tuple[Answer, ...] = ("accept", "reject")
    for answer in answers:
        pair, _, _ = psk_pair(version, client=client)
        pair.client.answer = answer
        pair.handshake()
        assert pair.client.issue_codes == [IssueCode.NO_PEER_CERTIFICATE]
        assert len(pair.client.of(CertificateProblems)) == 1
        assert pair.client.completed is (answer == "accept")
        assert pair.client.stream.psk_used()
        assert pair.client.alerts_sent == ([] if answer == "accept" else [40 if version == "1.2" else 116])
        assert pair.server.alerts_received == pair.client.alerts_sent  # its last flight was held
        assert pair.server.completed is (answer == "accept")


# ------------------------------------------------------------------------------------- secrecy


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("outcome", ["success", "wrong key", "closed early"])
def test_key_material_is_not_kept(engine_path: str, version: Version, outcome: str) -> None:
    """After the handshake, however it ended, the streams hold no reference to the key or its owner."""
    key = bytearray(b"canary").hex().encode() + outcome.encode()  # a new object, no constant
    answer = (IDENTITY, key)
    pair, asked_client, asked_server = psk_pair(version, answer, {IDENTITY: key})
    if outcome == "wrong key":
        asked_server.server_keys = {IDENTITY: KEY}
    if outcome == "closed early":
        pair.start()
        pair.server.stream.receive(pair.client.take())
        pair.client.stream.receive(pair.server.take()[:-1])
        pair.client.stream.close()
        pair.server.stream.close()
    else:
        pair.handshake()
        assert pair.client.completed is (outcome == "success")
    asked_client.client_key = None
    asked_server.server_keys = {}
    gc.collect()
    alone = tuple(range(1))  # how many references an object has that only a variable holds
    assert sys.getrefcount(answer) == sys.getrefcount(alone)
    del answer
    assert sys.getrefcount(key) == sys.getrefcount(alone)


def test_a_stream_that_is_dropped_keeps_no_key() -> None:
    """Also not in memory that others may get."""
    pair, asked_client, _ = psk_pair("1.3")
    pair.start()
    (key,) = asked_client.keys_given
    assert any(key)
    del pair
    gc.collect()
    assert not any(key)


@pytest.mark.parametrize("key", [None, 32, "text"])
def test_keys_are_bytes(key: object) -> None:
    """A number must not become a key of zeros."""
    with pytest.raises(TypeError, match="key must be bytes"):
        PreSharedKey(IDENTITY, key)  # type: ignore[arg-type]  # the mistake under test


def _fields(pair: Pair) -> list[object]:
    names = [name for name in TlsStream.__slots__ if name != "__weakref__"]
    return [(name, getattr(side.stream, name)) for side in pair.sides for name in names]


@pytest.mark.parametrize("version", VERSIONS)
def test_keys_appear_nowhere(version: Version) -> None:
    """Neither in events nor in reprs nor on the wire."""
    key = b"canary-canary-canary-canary"
    pair, _, _ = psk_pair(version, (IDENTITY, key), {IDENTITY: key})
    pair.established()
    shown = repr([side.events for side in pair.sides]) + repr(_fields(pair))
    assert "canary" not in shown
    assert b"canary" not in pair.client.sent + pair.server.sent
    assert "hint" not in repr(server_of("1.2", psk_identity_hint=b"secret hint")).replace("psk_identity_hint", "")


def with_identities(hello: bytes, identities: list[bytes]) -> bytes:
    """A client's hello in one record, with these identities and made-up binders instead of its own."""
    # pre_shared_key (41) is always the last; its random binder may look like anything, so it is found by its identity.
    start = hello.rindex(b"\x00\x08" + IDENTITY) - 6
    head, kind, extension = hello[:start], hello[start : start + 2], hello[start + 2 :]
    assert kind == b"\x00\x29"
    named = b"".join(len(each).to_bytes(2, "big") + each + bytes(4) for each in identities)
    binders = (b"\x20" + bytes(32)) * len(identities)
    content = b"".join(len(part).to_bytes(2, "big") + part for part in (named, binders))
    new = head + b"\x00\x29" + len(content).to_bytes(2, "big") + content
    grown = len(content) - int.from_bytes(extension[:2], "big")
    lengths = 5 + 4 + 2 + 32 + 1 + new[43]
    lengths += 2 + int.from_bytes(new[lengths : lengths + 2], "big") + 2  # of the suites, and no compression
    for position, size in ((3, 2), (6, 3), (lengths, 2)):
        length = int.from_bytes(new[position : position + size], "big") + grown
        new = new[:position] + length.to_bytes(size, "big") + new[position + size :]
    return new


def test_many_identities_cost_little(engine_path: str) -> None:
    """The application is asked for a few of them only."""
    pair, _, asked_server = psk_pair("1.3")
    pair.client.stream.start()
    pair.server.stream.start()
    hello = with_identities(pair.client.take(), [b"%d" % number for number in range(300)])
    pair.server.stream.receive(hello)
    pair.server.settle()
    assert pair.server.failure is not None
    assert asked_server.of("psk_for_client") == [b"%d" % number for number in range(16)]


def test_a_known_identity_among_others_is_found(engine_path: str) -> None:
    """The hello above is a good one: it fails for its binder only."""
    pair, _, asked_server = psk_pair("1.3")
    pair.client.stream.start()
    pair.server.stream.start()
    pair.server.stream.receive(with_identities(pair.client.take(), [b"a", b"b", IDENTITY, b"c"]))
    pair.server.settle()
    assert asked_server.of("psk_for_client") == [b"a", b"b", IDENTITY]
    assert pair.server.alerts_sent == [51]


def test_a_claimed_identity_without_its_key_is_nobody(engine_path: str, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A suite with another hash makes OpenSSL drop the key, so that its binder is not even looked at."""
    fields = {"tls13_suites": ("TLS_AES_256_GCM_SHA384",)}
    attacker = Recorder(client_key=(IDENTITY, b"not the key"), psk_hash=PskHash.SHA384)
    server = server_configuration(qtsecure_pki.server, "1.3", psk_enabled=True)
    client = client_configuration(
        (qtsecure_pki.ca.certificate,), "1.3", verify_mode=VerifyMode.PEER, psk_enabled=True, **fields
    )
    asked = Recorder(server_keys={IDENTITY: KEY})
    pair = Pair(client, server, client_decisions=attacker, server_decisions=asked)
    pair.handshake()
    assert asked.of("psk_for_client") == [IDENTITY]
    assert not pair.server.completed
    failure = pair.server.failure
    assert failure is not None
    assert failure.kind is FailureKind.PSK_NOT_USED
    assert "hash" in failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_no_ticket_replaces_a_key(engine_path: str, version: Version) -> None:
    """A client whose key is known no more cannot resume what it began with it."""
    configuration = server_of(version)
    own = client_of(version, alpn_protocols=(f"a context for {engine_path} alone".encode(),))  # it is changed below
    pair, _, _ = psk_pair(version, client=own, server=configuration)
    pair.handshake()
    assert pair.say(b"and tickets, if there are any", from_server=True)
    assert pair.client.stream._pipe is not None
    first = pair.client.stream._pipe.connection
    session, context = first.get_session(), first.get_context()
    assert session is not None
    lib.SSL_CTX_set_psk_use_session_callback(context._context, ffi.NULL)
    lib.SSL_CTX_set_psk_client_callback(context._context, ffi.NULL)
    again = _openssl_pipes.make_pipe(context, server=False, hooks=pair.client.stream)
    again.connection.set_session(session)
    server = TlsStream(configuration, server=True, decisions=Recorder(server_keys={}))
    server.start()
    for _ in range(5):
        again.handshake()
        while len(data := again.take()):
            server.receive(data)
        while len(data := server.take_outgoing()):
            again.feed(data)
    assert server.state is StreamState.FAILED
