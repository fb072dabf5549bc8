"""Sessions: taken out, stored, offered again; and refused wherever trust would be carried over."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import gc
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from qtsecure.engine import _openssl_sessions
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.events import CertificateProblems, FailureKind, StreamFailed
from qtsecure.engine.host_names import normalize_host_name
from qtsecure.engine.pins import Pins
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, scope_of
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.trust import TrustAnchors
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Recorder,
    Version,
    client_configuration,
    credentials,
    der_chain,
    make_certificate,
    server_configuration,
)

both_versions = pytest.mark.parametrize("version", VERSIONS)


def client_of(pki: PublicKeyInfrastructure, version: Version, **fields: Any) -> TlsConfiguration:
    """A client that trusts the authority of the tests."""
    return client_configuration([pki.ca.certificate], version, **fields)


def session_of(pair: Pair) -> Session:
    """The session of an established pair; the data brings the tickets of TLS 1.3 along."""
    assert pair.say(b"ticket", from_server=True) == b"ticket"
    session = pair.client.stream.session()
    assert session is not None
    return session


def resumed(pair: Pair) -> bool:
    """Whether an established pair has resumed, in the opinion of both sides."""
    reused = pair.client.stream.session_reused()
    assert pair.server.stream.session_reused() is reused
    return reused


def forged(pair: Pair, client: TlsConfiguration, name: str = "localhost") -> Session:
    """The session of a connection that must not give any, under a scope that it does not have."""
    assert pair.client.stream.session() is None
    pair.say(b"ticket", from_server=True)
    pipe = pair.client.stream._pipe
    assert pipe is not None
    session = Session.of(
        pipe.connection, scope_of(client, normalize_host_name(name), ""), pair.client.stream.peer_certificates()
    )
    assert session is not None
    return session


# --------------------------------------------------------------------------------------- resuming


@both_versions
def test_resuming(pki: PublicKeyInfrastructure, version: Version, engine_path: str) -> None:
    """The handshake is shorter, and everything that a program may ask is the same."""
    client = client_of(pki, version, alpn_protocols=(b"x", b"y"))
    server = server_configuration(pki.viaIntermediate, version, alpn_protocols=(b"y",))
    first = Pair(client, server).established()
    second = Pair(client, server, session=session_of(first)).established()
    assert not resumed(first)
    assert resumed(second)
    assert second.say(b"there") == b"there"
    assert second.say(b"back", from_server=True) == b"back"
    for one, other in zip(first.sides, second.sides, strict=True):
        before, after = one.stream, other.stream
        assert after.peer_certificates() == before.peer_certificates()
        assert after.protocol_version() is before.protocol_version()
        assert after.cipher_name() == before.cipher_name()
        assert after.group_name() == before.group_name()
        assert after.negotiated_protocol() == before.negotiated_protocol() == b"y"
        assert after.server_name() == before.server_name() == "localhost"
        assert after.issues == ()
    assert second.client.stream.peer_certificates() == der_chain(pki.viaIntermediate.chain)


@both_versions
def test_when_there_is_a_session(pki: PublicKeyInfrastructure, version: Version) -> None:
    """In TLS 1.2 with the end of the handshake; in TLS 1.3 with the first ticket."""
    pair = Pair(client_of(pki, version), server_configuration(pki.server, version))
    assert pair.client.stream.session() is None
    pair.start()
    assert pair.client.stream.session() is None
    pair.run()
    assert pair.client.completed
    assert (pair.client.stream.session() is None) is (version == "1.3")
    session = session_of(pair)
    assert pair.client.stream.session() is session
    assert pair.server.stream.session() is None


def test_each_connection_has_a_ticket_of_its_own(pki: PublicKeyInfrastructure) -> None:
    """A ticket of TLS 1.3 is for one use; the resumed connection has none until it gets one."""
    client, server = client_of(pki, "1.3"), server_configuration(pki.server, "1.3")
    used = session_of(Pair(client, server).established())
    for _ in range(3):
        pair = Pair(client, server, session=used).established()
        assert resumed(pair)
        assert pair.client.stream.session() is None
        fresh = session_of(pair)
        assert fresh.identifier != used.identifier
        assert fresh.chain == used.chain
        used = fresh


def test_a_session_of_tls_1_2_is_for_many_connections(pki: PublicKeyInfrastructure) -> None:
    """It stays what it is."""
    client, server = client_of(pki, "1.2"), server_configuration(pki.server, "1.2")
    session = session_of(Pair(client, server).established())
    for _ in range(3):
        pair = Pair(client, server, session=session).established()
        assert resumed(pair)
        assert session_of(pair).chain == session.chain


@both_versions
@pytest.mark.parametrize("ending", ["close", "abandoned", "truncated"])
def test_however_the_first_connection_ended(pki: PublicKeyInfrastructure, version: Version, ending: str) -> None:
    """OpenSSL spoils the session of a connection that is freed without close_notify; ours is a copy."""
    client, server = client_of(pki, version), server_configuration(pki.server, version)
    first = Pair(client, server).established()
    session = session_of(first)
    if ending == "close":
        first.client.stream.close()
        first.run()
    elif ending == "truncated":
        first.client.stream.receive_end()
        assert first.client.stream.session() is session
    del first
    gc.collect()
    assert resumed(Pair(client, server, session=session).established())


@both_versions
def test_stored_and_restored(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Bytes are enough, together with an equal configuration."""
    server = server_configuration(pki.viaIntermediate, version)
    stored = session_of(Pair(client_of(pki, version), server, place="here:1").established()).to_bytes()
    session = Session.from_bytes(stored)
    assert session.to_bytes() == stored
    pair = Pair(client_of(pki, version), server, place="here:1", session=session).established()
    assert resumed(pair)
    assert pair.client.stream.peer_certificates() == der_chain(pki.viaIntermediate.chain)


@both_versions
def test_forgetful_server(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A full handshake follows, with everything that belongs to it."""
    client = client_of(pki, version)
    session = session_of(Pair(client, server_configuration(pki.server, version)).established())
    other = Pair(client, server_configuration(pki.viaIntermediate, version), session=session).established()
    assert not resumed(other)
    assert other.client.stream.peer_certificates() == der_chain(pki.viaIntermediate.chain)
    assert session_of(other).chain != session.chain


@both_versions
def test_a_server_that_is_no_longer_trusted_is_found_out_in_the_full_handshake(
    pki: PublicKeyInfrastructure, version: Version
) -> None:
    """An offered session makes nothing weaker."""
    client = client_of(pki, version)
    session = session_of(Pair(client, server_configuration(pki.server, version)).established())
    pair = Pair(client, server_configuration(pki.selfSigned, version), session=session).handshake()
    assert not pair.client.completed
    assert pair.client.issue_codes


# --------------------------------------------------------------------------------- never taken out


@both_versions
@pytest.mark.parametrize("mode", [VerifyMode.PEER, VerifyMode.QUERY])
def test_no_session_after_errors(pki: PublicKeyInfrastructure, version: Version, mode: VerifyMode) -> None:
    """Whether they were accepted one by one or only reported."""
    client = client_of(pki, version, verify_mode=mode)
    pair = Pair(client, server_configuration(pki.expired, version), client_answer="accept").established()
    pair.say(b"ticket", from_server=True)
    assert pair.client.stream.session() is None


def test_no_session_after_an_interrupted_handshake_went_on(pki: PublicKeyInfrastructure) -> None:
    """The same for errors that were accepted inside the handshake."""
    client = client_of(pki, "1.3", interrupt_on_error=True)
    pair = Pair(
        client,
        server_configuration(pki.expired, "1.3"),
        client_answer="accept",
        client_decisions=Recorder(continues=True),
    ).established()
    pair.say(b"ticket", from_server=True)
    assert pair.client.stream.session() is None


@both_versions
@pytest.mark.parametrize(
    "fields",
    [{"session_tickets_enabled": False}, {"psk_enabled": True}],
    ids=["tickets off", "pre-shared keys"],
)
def test_no_session_with(pki: PublicKeyInfrastructure, version: Version, fields: dict[str, Any]) -> None:
    """What the user has switched off, and what another secret proves each time."""
    client = client_of(pki, version, **fields)
    pair = Pair(client, server_configuration(pki.server, version), client_decisions=Recorder()).established()
    pair.say(b"ticket", from_server=True)
    assert pair.client.stream.session() is None


@both_versions
def test_no_session_without_a_name(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Nobody could tell later whose it is."""
    client = client_of(pki, version, verify_mode=VerifyMode.NONE)
    pair = Pair(client, server_configuration(pki.server, version), name="").established()
    pair.say(b"ticket", from_server=True)
    assert pair.client.stream.session() is None


@both_versions
def test_no_session_after_a_fatal_alert(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Then nothing of the connection may be used again (RFC 5246, section 7.2.2)."""
    pair = Pair(client_of(pki, version), server_configuration(pki.server, version)).established()
    session_of(pair)
    pair.client.stream.receive(b"\x17\x03\x03\x00\x20" + b"!" * 32)
    pair.client.drain()
    assert pair.client.of(StreamFailed)
    assert pair.client.stream.session() is None


@both_versions
def test_no_session_from_a_server_without_tickets(pki: PublicKeyInfrastructure, version: Version) -> None:
    """There is nothing to resume; in TLS 1.3 OpenSSL sends tickets all the same, which it then does not know."""
    client = client_of(pki, version)
    server = server_configuration(pki.server, version, session_tickets_enabled=False)
    pair = Pair(client, server).established()
    pair.say(b"data", from_server=True)
    session = pair.client.stream.session()
    assert (session is None) is (version == "1.2")
    assert not resumed(Pair(client, server, session=session).established())


# ------------------------------------------------------------------------------------------ refused


@both_versions
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "127.0.0.1"}, "it belongs to 'localhost', not to '127.0.0.1'"),
        ({"place": "there:2"}, "it was made at 'here:1', not at 'there:2'"),
        ({"client": {"verify_mode": VerifyMode.QUERY}}, "another configuration"),
    ],
)
def test_another_peer_or_configuration(
    pki: PublicKeyInfrastructure, version: Version, change: dict[str, Any], told: str
) -> None:
    """The stream refuses the session at once and says why."""
    client, server = client_of(pki, version), server_configuration(pki.server, version)
    session = session_of(Pair(client, server, place="here:1").established())
    arguments: dict[str, Any] = {"name": "localhost", "place": "here:1", "client": {}} | change
    client = dataclasses.replace(client, **arguments.pop("client"))
    with pytest.raises(SecureError, match=told) as caught:
        Pair(client, server, session=session, **arguments)
    assert caught.value.code is SecureError.Code.InvalidArgument


@pytest.mark.parametrize("case", ["server", "no name", "tickets off", "pre-shared keys"])
def test_where_no_session_can_be_used(pki: PublicKeyInfrastructure, case: str) -> None:
    """Told when the stream is made, not by a handshake that silently is a full one."""
    client = client_of(pki, "1.3")
    session = session_of(Pair(client, server_configuration(pki.server, "1.3")).established())
    if case == "tickets off":
        client = dataclasses.replace(client, session_tickets_enabled=False)
    if case == "pre-shared keys":
        client = dataclasses.replace(client, psk_enabled=True)
    with pytest.raises(SecureError, match="can only be resumed with the name"):
        TlsStream(client, server=case == "server", peer_name="" if case == "no name" else "localhost", session=session)


def test_every_field_of_a_configuration_counts(pki: PublicKeyInfrastructure) -> None:
    """Also those that are added later: a field of a type without a fingerprint fails here."""
    host = normalize_host_name("localhost")
    whole = TlsConfiguration(credentials=credentials(pki.client), trust=TrustAnchors.of([pki.ca.certificate]))
    other = {
        "credentials": credentials(pki.server),
        "trust": TrustAnchors.of([pki.otherCa.certificate]),
        "verify_mode": VerifyMode.QUERY,
        "minimum_version": ProtocolVersion.TLS_1_3,
        "maximum_version": ProtocolVersion.TLS_1_2,
        "alpn_protocols": (b"x",),
        "groups": ("X25519",),
        "crls": (b"x",),
        "pins": Pins(frozenset({b"x"})),
        "srtp_profiles": (b"x",),
    }
    assert scope_of(whole, host, "") == scope_of(dataclasses.replace(whole), host, "")
    for field in dataclasses.fields(TlsConfiguration):
        if not field.init:
            continue
        value = getattr(whole, field.name)
        changed = other.get(field.name)
        if changed is None:
            changed = {
                bool: lambda v: not v,
                int: lambda v: v + 1,
                str: lambda v: v + "x",
                bytes: lambda v: v + b"x",
            }.get(type(value), lambda v: v[1:])(value)
        assert scope_of(dataclasses.replace(whole, **{field.name: changed}), host, "") != scope_of(whole, host, "")
    assert scope_of(dataclasses.replace(whole, credentials=None), host, "") != scope_of(whole, host, "")
    apart = dataclasses.replace(whole, alpn_protocols=(b"a", b"b"))
    together = dataclasses.replace(whole, alpn_protocols=(b"ab",))
    assert scope_of(apart, host, "") != scope_of(together, host, "")


# ------------------------------------------------------------------------------------ judged again


@both_versions
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"not_before": -9, "not_after": -1}, IssueCode.CERT_HAS_EXPIRED),
        ({"not_before": 1}, IssueCode.CERT_NOT_YET_VALID),
        ({"names": ["other.example"]}, IssueCode.HOSTNAME_MISMATCH),
    ],
)
def test_name_and_dates_are_looked_at_again(
    pki: PublicKeyInfrastructure, version: Version, fields: dict[str, Any], code: IssueCode, engine_path: str
) -> None:
    """What a full handshake would complain about, with the same error and the same alert."""
    days = {
        key: dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=value)
        for key, value in fields.items()
        if key != "names"
    }
    server = server_configuration(make_certificate(pki.ca, fields.get("names", ["localhost"]), **days), version)
    client = client_of(pki, version)
    session = forged(Pair(client, server, client_answer="accept").established(), client)

    pair = Pair(client, server, session=session).handshake()
    assert pair.client.stream.session_reused()
    assert pair.client.issue_codes == [code]
    assert not pair.client.completed
    failure = pair.client.of(StreamFailed)[0]
    assert failure.kind is FailureKind.CERTIFICATE_REJECTED
    assert not pair.server.completed
    assert pair.server.alerts_received == [int(pair.client.stream.issues[0].alert)]

    accepted = Pair(client, server, session=session, client_answer="accept").established()
    assert resumed(accepted)
    accepted.say(b"ticket", from_server=True)
    assert accepted.client.stream.session() is None


@both_versions
def test_address_is_looked_at_again(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The same for IP addresses."""
    server = server_configuration(make_certificate(pki.ca, ["localhost"]), version)
    client = client_of(pki, version)
    first = Pair(client, server, name="127.0.0.2", client_answer="accept").established()
    pair = Pair(client, server, name="127.0.0.2", session=forged(first, client, "127.0.0.2")).handshake()
    assert pair.client.issue_codes == [IssueCode.IP_ADDRESS_MISMATCH]
    assert not pair.client.completed


@both_versions
def test_querying_clients_only_report_it(pki: PublicKeyInfrastructure, version: Version) -> None:
    """As in a full handshake."""
    client = client_of(pki, version, verify_mode=VerifyMode.QUERY)
    server = server_configuration(pki.expired, version)
    session = forged(Pair(client, server).established(), client)
    pair = Pair(client, server, session=session).established()
    assert [event.decision_needed for event in pair.client.of(CertificateProblems)] == [False]
    assert pair.client.issue_codes == [IssueCode.CERT_HAS_EXPIRED]


@both_versions
def test_pins_are_looked_at_again(pki: PublicKeyInfrastructure, version: Version) -> None:
    """In every mode."""
    pinned = client_of(pki, version, verify_mode=VerifyMode.NONE, pins=Pins(frozenset({b"x" * 32})))
    client, server = client_of(pki, version, verify_mode=VerifyMode.NONE), server_configuration(pki.server, version)
    session = session_of(Pair(client, server).established())
    scope = scope_of(pinned, normalize_host_name("localhost"), "")
    pair = Pair(pinned, server, session=dataclasses.replace(session, scope=scope)).handshake()
    assert pair.client.stream.session_reused()
    assert not pair.client.completed
    assert "none of the pinned" in pair.client.of(StreamFailed)[0].message


@both_versions
def test_names_that_are_not_checked_are_not_checked_again(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The configuration says what a certificate has to prove."""
    client = client_of(pki, version, verify_host_name=False)
    server = server_configuration(make_certificate(pki.ca, ["other.example"]), version)
    session = session_of(Pair(client, server).established())
    assert resumed(Pair(client, server, session=session).established())


def test_sec_c14_no_verdict_is_remembered(pki: PublicKeyInfrastructure) -> None:
    """What judges is kept for each certificate and name, but not what it has said: time goes on."""
    problem = _openssl_sessions.leaf_problem
    leaf = der_chain(make_certificate(pki.ca, ["localhost", "*.example.com"]).chain)[0]
    names = {
        "localhost": 0,
        "www.example.com": 0,
        "a.b.example.com": IssueCode.HOSTNAME_MISMATCH,
        "localhost.example": IssueCode.HOSTNAME_MISMATCH,
        "127.0.0.1": IssueCode.IP_ADDRESS_MISMATCH,
    }
    for _ in range(2):
        assert {name: problem(leaf, normalize_host_name(name)) for name in names} == names
        assert problem(leaf, None) == 0
    times = {
        dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=36500): IssueCode.CERT_HAS_EXPIRED,
        dt.datetime(1990, 1, 1, tzinfo=dt.timezone.utc): IssueCode.CERT_NOT_YET_VALID,
    }
    for host in (normalize_host_name("localhost"), None):
        for time, code in times.items():
            _openssl_sessions._judge_of.cache_clear()
            assert problem(leaf, host) == 0
            judge = _openssl_sessions._judge_of(leaf, host)
            assert judge is not None
            judge[0].set_time(time)
            assert problem(leaf, host) == code
    _openssl_sessions._judge_of.cache_clear()


def test_sec_c14_what_is_no_certificate_is_refused_each_time(pki: PublicKeyInfrastructure) -> None:
    """Nothing that cannot be judged is good; nor is a name that OpenSSL refuses."""
    leaf = der_chain(pki.server.chain)[0]
    for _ in range(2):
        for data in (b"", b"no certificate", leaf[:-1], leaf[:40]):
            assert _openssl_sessions.leaf_problem(data, None)
        assert _openssl_sessions.leaf_problem(leaf, dataclasses.replace(normalize_host_name("localhost"), ip=b"123"))


def test_sec_c14_threads_share_what_judges(pki: PublicKeyInfrastructure) -> None:
    """Each gets the verdict for its own certificate and name."""
    good = der_chain(make_certificate(pki.ca, ["localhost"]).chain)[0]
    yesterday = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
    expired = make_certificate(pki.ca, ["localhost"], not_before=yesterday - dt.timedelta(days=9), not_after=yesterday)
    old = der_chain(expired.chain)[0]
    cases = [
        (good, "localhost", 0),
        (good, "other.example", IssueCode.HOSTNAME_MISMATCH),
        (old, "localhost", IssueCode.CERT_HAS_EXPIRED),
    ]

    def judge(number: int) -> bool:
        leaf, name, code = cases[number % len(cases)]
        return _openssl_sessions.leaf_problem(leaf, normalize_host_name(name)) == code

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(judge, range(1500)))


@both_versions
def test_another_certificate_inside(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The chain beside OpenSSL's own part must begin with the same certificate."""
    client, server = client_of(pki, version), server_configuration(pki.server, version)
    session = session_of(Pair(client, server).established())
    swapped = dataclasses.replace(session, chain=der_chain(pki.viaIntermediate.chain))
    pair = Pair(client, server, session=swapped).handshake()
    assert pair.client.issue_codes == [IssueCode.UNKNOWN_RESULT]
    assert not pair.client.completed


# ------------------------------------------------------------------------------------------- bytes


@pytest.fixture(scope="module")
def stored(qtsecure_pki: PublicKeyInfrastructure) -> bytes:
    """A session as bytes."""
    client, server = client_of(qtsecure_pki, "1.3"), server_configuration(qtsecure_pki.viaIntermediate, "1.3")
    return session_of(Pair(client, server, place="here:1").established()).to_bytes()


def parse(data: bytes) -> Session | None:
    """A session, or None for the one kind of error."""
    try:
        return Session.from_bytes(data)
    except SecureError:
        return None


def test_incomplete_bytes(stored: bytes) -> None:
    """Any part of a session is none, apart from one that lacks the last certificates."""
    whole = Session.from_bytes(stored)
    for size in range(len(stored)):
        part = parse(stored[:size])
        if part is not None:
            assert part == dataclasses.replace(whole, chain=whole.chain[: len(part.chain)])
            assert part.chain


def test_changed_bytes(pki: PublicKeyInfrastructure, stored: bytes) -> None:
    """Whatever is changed: an error of the one kind, or a session; and then a handshake at most fails."""
    chooser = random.Random(7)
    client, server = client_of(pki, "1.3"), server_configuration(pki.viaIntermediate, "1.3")
    whole = Session.from_bytes(stored)
    used = 0
    for _ in range(400):
        data = bytearray(stored)
        for _ in range(chooser.randint(1, 3)):
            data[chooser.randrange(len(data))] = chooser.randrange(256)
        session = parse(bytes(data))
        if session is not None and session.scope == whole.scope:
            used += 1
            pair = Pair(client, server, place="here:1", session=session).handshake()
            assert pair.client.completed or pair.client.of(StreamFailed)
    assert used > 40


@pytest.mark.parametrize(
    "data", [b"", b"x", b"qtsecure session\x01", b"\0" * 100, b"qtsecure session\x01" + b"\xff" * 99]
)
def test_no_session(data: bytes) -> None:
    """Other bytes are refused with a sentence."""
    with pytest.raises(SecureError, match="no TLS session, or a damaged one"):
        Session.from_bytes(data)


def test_a_long_chain(stored: bytes) -> None:
    """Whatever a handshake can bring can be stored."""
    session = Session.from_bytes(stored)
    session = dataclasses.replace(session, chain=session.chain * 40)
    assert Session.from_bytes(session.to_bytes()) == session


def test_huge_data_is_not_looked_at(stored: bytes) -> None:
    """Nor copied to and fro."""
    with pytest.raises(SecureError):
        Session.from_bytes(stored + b"\0" * (1 << 20))


def test_other_types_are_refused() -> None:
    """A programming mistake."""
    with pytest.raises(TypeError, match="data must be bytes, not str"):
        Session.from_bytes("session")  # type: ignore[arg-type]  # the mistake under test


def test_secrets_stay_inside(stored: bytes) -> None:
    """No repr shows them, and pickle takes nothing."""
    session = Session.from_bytes(stored)
    assert "here:1" in repr(session)
    assert len(repr(session)) < 400
    assert session.encoded.hex()[:32] not in repr(session)
    assert repr(session.encoded[40:60])[2:-1] not in repr(session)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)
    assert copy.copy(session) is session
    assert copy.deepcopy(session) is session


# ----------------------------------------------------------------------------------------- servers


@both_versions
def test_configurations_of_servers_share_no_tickets(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A ticket of one virtual host is worth nothing at another, even with the same certificate."""
    client = client_of(pki, version)
    one = server_configuration(pki.server, version)
    other = server_configuration(pki.server, version, prefer_server_ciphers=False)
    session = session_of(Pair(client, one).established())
    assert not resumed(Pair(client, other, session=session).established())
    assert resumed(Pair(client, one, session=session).established())


@both_versions
def test_a_server_that_demands_certificates_resumes_no_session_of_one_that_does_not(
    pki: PublicKeyInfrastructure, version: Version
) -> None:
    """In both directions; the client certificate is shown each time."""
    client = client_of(pki, version, credentials=credentials(pki.client))
    free = server_configuration(pki.server, version)
    strict = server_configuration(pki.server, version, clients=[pki.ca.certificate], certificate_required=True)
    session = session_of(Pair(client, free).established())
    pair = Pair(client, strict, session=session).established()
    assert not resumed(pair)
    assert pair.server.stream.peer_certificates()[:1] == der_chain(pki.client.chain)
    pair.say(b"data", from_server=True)
    assert not resumed(Pair(client, strict, session=pair.client.stream.session()).established())
    assert not resumed(Pair(client, free, session=pair.client.stream.session()).established())
