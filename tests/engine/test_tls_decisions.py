"""Decisions about certificates: early, late, deferred, interrupted; and what a callback may not do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from cryptography import x509

from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import AlertSent, CertificateProblems, Event, FailureKind, HandshakeCompleted, StreamFailed
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    CLIENT_AUTH,
    VERSIONS,
    Pair,
    Recorder,
    Side,
    Version,
    client_configuration,
    codes,
    constrained_authority,
    credentials,
    make_certificate,
    server_configuration,
)

UNKNOWN_ROOT = codes(IssueCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, IssueCode.UNABLE_TO_VERIFY_LEAF_SIGNATURE)


def bad_server(pki: PublicKeyInfrastructure, version: Version, **pair: object) -> Pair:
    """A server with a certificate by an unknown authority."""
    return Pair(
        client_configuration([pki.ca.certificate], version),
        server_configuration(pki.unknownCa, version),
        **pair,  # type: ignore[arg-type]  # what Pair takes
    )


def bad_client(
    pki: PublicKeyInfrastructure, version: Version, certificate: IssuedCertificate | None = None, **pair: object
) -> Pair:
    """A client with a certificate by an unknown authority, or with this one."""
    own = credentials(certificate or pki.clientUnknownCa)
    return Pair(
        client_configuration([pki.ca.certificate], version, credentials=own),
        server_configuration(pki.server, version, clients=[pki.ca.certificate]),
        **pair,  # type: ignore[arg-type]  # what Pair takes
    )


# ------------------------------------------------------------------------------- the late answer


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_client_accepts(pki: PublicKeyInfrastructure, engine_path: str, version: Version, chunk: int) -> None:
    """The errors are told once and before the handshake is complete; then data flows."""
    pair = bad_server(pki, version, client_answer="accept").handshake(chunk)
    problems = CertificateProblems(pair.client.stream.issues, True)
    assert pair.client.events == [problems, HandshakeCompleted()]
    assert pair.client.issue_codes == UNKNOWN_ROOT
    assert pair.server.events == [HandshakeCompleted()]
    assert pair.say(b"x") == b"x"
    assert pair.say(b"y", from_server=True) == b"y"


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_server_accepts(pki: PublicKeyInfrastructure, engine_path: str, version: Version, chunk: int) -> None:
    """The same for a client's certificate."""
    pair = bad_client(pki, version, server_answer="accept").handshake(chunk)
    problems = CertificateProblems(pair.server.stream.issues, True)
    assert pair.server.events == [problems, HandshakeCompleted()]
    assert pair.server.issue_codes == UNKNOWN_ROOT
    assert pair.client.events == [HandshakeCompleted()]
    assert pair.say(b"x") == b"x"
    assert pair.say(b"y", from_server=True) == b"y"


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_client_rejects(pki: PublicKeyInfrastructure, engine_path: str, version: Version, chunk: int) -> None:
    """The server hears the right alert and never believes that the handshake was complete."""
    pair = bad_server(pki, version).handshake(chunk)
    assert pair.client.alerts_sent == pair.server.alerts_received == [48]
    assert pair.client.failure is not None
    assert (pair.client.failure.kind, pair.client.failure.alert) == (FailureKind.CERTIFICATE_REJECTED, 48)
    assert pair.client.failure.message.endswith("(and 1 more).")
    assert pair.server.failure is not None
    assert "does not trust the authority" in pair.server.failure.message
    assert not pair.client.completed
    assert not pair.server.completed


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_server_rejects(pki: PublicKeyInfrastructure, engine_path: str, version: Version, chunk: int) -> None:
    """A TLS 1.2 client hears the alert; in TLS 1.3 the late answer leaves nothing but closing."""
    pair = bad_client(pki, version).handshake(chunk)
    assert not pair.server.completed
    assert pair.server.failure is not None
    assert pair.server.failure.kind is FailureKind.CERTIFICATE_REJECTED
    if version == "1.2":
        assert pair.server.alerts_sent == pair.client.alerts_received == [48]
        assert not pair.client.completed
    else:
        before = len(pair.server.sent)
        assert pair.server.alerts_sent == []
        assert pair.server.take() == b""
        pair.client.stream.receive_end()
        pair.client.settle()
        assert pair.client.failure is not None
        assert pair.client.failure.kind is FailureKind.TRUNCATED
        assert len(pair.server.sent) == before


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_nothing_moves_while_the_decision_is_pending(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version, role: str
) -> None:
    """Neither ciphertext nor plaintext, and the other side does not complete because of us; writes raise."""
    if role == "client":
        pair = bad_server(pki, version, client_answer="wait").handshake()
        side, other = pair.client, pair.server
        assert not other.completed
    else:
        pair = bad_client(pki, version, server_answer="wait").handshake()
        side, other = pair.server, pair.client
        assert other.completed is (version == "1.3")
        if version == "1.3":  # a TLS 1.3 client has finished: what it says early must wait
            other.stream.write(b"early")
            side.stream.receive(other.take())
    assert side.stream.state is StreamState.DECIDING
    assert side.take() == b""
    assert side.stream.read(100) == b""
    assert not side.stream.established
    assert not side.stream.complete
    with pytest.raises(RuntimeError, match="is deciding cannot send"):
        side.stream.write(b"SECRET")
    assert side.stream.peer_certificates()

    side.stream.accept_certificate()
    pair.run()
    assert side.completed
    assert other.completed
    if role == "server" and version == "1.3":
        assert side.drain() == b"early"
    assert pair.say(b"x") == b"x"
    assert b"SECRET" not in side.sent


@pytest.mark.parametrize("ending", ["close", "transport"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_leaving_a_decision_open_completes_nothing(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version, role: str, ending: str
) -> None:
    """Whoever closes instead of answering must not let the held flight go: it would tell the peer yes."""
    if role == "client":
        pair = bad_server(pki, version, client_answer="wait").handshake()
        side, other = pair.client, pair.server
    else:
        pair = bad_client(pki, version, server_answer="wait").handshake()
        side, other = pair.server, pair.client
    if ending == "close":
        side.stream.close()
        assert side.stream.state is StreamState.CLOSED
    else:
        side.stream.receive_end()
        side.settle()
        assert side.failure is not None
        assert side.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
    assert side.take() == b""
    side.stream.accept_certificate()
    side.stream.reject_certificate()
    assert side.take() == b""
    pair.run()
    assert other.completed is (role == "server" and version == "1.3")
    assert not side.completed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_does_not_wait_for_the_answer(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The user is told that the question was the reason, not the server; without a question it is as before."""
    client = client_configuration([pki.ca.certificate], version)
    pair = Pair(client, server_configuration(pki.expired, version), client_answer="wait").handshake()
    assert pair.client.stream.state is StreamState.DECIDING
    pair.client.stream.receive_end()
    pair.client.settle()
    assert pair.client.failure is not None
    assert pair.client.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
    assert "It did not wait for the answer to the question" in pair.client.failure.message
    other = Pair(client, server_configuration(pki.server, version)).start()
    other.client.stream.receive_end()
    other.client.settle()
    assert other.client.failure is not None
    assert "did not wait" not in other.client.failure.message


def test_answers_that_nobody_asked_for(pki: PublicKeyInfrastructure) -> None:
    """Before and after a decision both answers do nothing."""
    pair = bad_server(pki, "1.3", client_answer="accept").start()
    pair.client.stream.accept_certificate()
    pair.client.stream.reject_certificate()
    pair.run()
    assert pair.client.completed
    pair.client.stream.reject_certificate()
    pair.client.stream.accept_certificate()
    assert pair.say(b"x") == b"x"


@pytest.mark.parametrize("version", VERSIONS)
def test_accepting_an_unusable_name(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The missing check of the name is an error like others: a front end may ignore it, and only it."""
    client = client_configuration([pki.ca.certificate], version)
    pair = Pair(client, server_configuration(pki.server, version), name="", client_answer="accept").handshake()
    assert pair.client.completed
    assert pair.client.issue_codes == [IssueCode.INVALID_HOST_NAME]


# ---------------------------------------------------------- the answer inside a TLS 1.3 handshake


@pytest.mark.parametrize("chunk", [0, 1])
def test_synchronous_rejection_has_the_right_alert(pki: PublicKeyInfrastructure, engine_path: str, chunk: int) -> None:
    """accept_now() is the TLS 1.3 server's chance to say why."""
    decisions = Recorder(accepts=False)
    pair = bad_client(pki, "1.3", server_decisions=decisions).handshake(chunk)
    assert [[issue.code for issue in issues] for issues in decisions.of("accept_now")] == [UNKNOWN_ROOT]
    assert pair.server.alerts_sent == [48]
    assert pair.server.failure is not None
    assert (pair.server.failure.kind, pair.server.failure.alert) == (FailureKind.CERTIFICATE_REJECTED, 48)
    assert pair.server.of(CertificateProblems) == []
    pair.client.drain()
    assert pair.client.alerts_received == [48]
    assert pair.client.failure is not None
    assert "does not trust the authority" in pair.client.failure.message


def test_synchronous_acceptance(pki: PublicKeyInfrastructure) -> None:
    """Then nobody is asked again."""
    decisions = Recorder(accepts=True)
    pair = bad_client(pki, "1.3", server_decisions=decisions).handshake()
    assert pair.server.events == [HandshakeCompleted()]
    assert pair.server.issue_codes == UNKNOWN_ROOT
    assert pair.say(b"x") == b"x"
    assert len(decisions.of("accept_now")) == 1


def test_deferred_answer_on_a_tls_1_3_server(pki: PublicKeyInfrastructure) -> None:
    """None inside the handshake leads to the ordinary question."""
    decisions = Recorder(accepts=None)
    pair = bad_client(pki, "1.3", server_decisions=decisions, server_answer="accept").handshake()
    assert pair.server.decisions_asked == 1
    assert pair.server.completed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_certificate_asks_nothing(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Neither inside the handshake nor after it, in either role."""
    decisions = Recorder(accepts=False)
    client = client_configuration([pki.ca.certificate], version, credentials=credentials(pki.client))
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate])
    pair = Pair(client, server, server_decisions=decisions, client_decisions=decisions).established()
    assert decisions.asked == []
    assert [side.events for side in pair.sides] == [[HandshakeCompleted()]] * 2


@pytest.mark.parametrize("case", ["client role", "TLS 1.2 server", "query server"])
def test_only_a_verifying_tls_1_3_server_is_asked_inside(pki: PublicKeyInfrastructure, case: str) -> None:
    """Everybody else can tell the peer later, or needs no answer."""
    decisions = Recorder(accepts=False)
    if case == "client role":
        pair = bad_server(pki, "1.3", client_decisions=decisions, client_answer="accept")
    elif case == "TLS 1.2 server":
        pair = bad_client(pki, "1.2", server_decisions=decisions, server_answer="accept")
    else:
        client = client_configuration([pki.ca.certificate], "1.3", credentials=credentials(pki.clientUnknownCa))
        server = server_configuration(pki.server, "1.3", clients=[pki.ca.certificate], verify_mode=VerifyMode.QUERY)
        pair = Pair(client, server, server_decisions=decisions)
    pair.handshake()
    assert pair.client.completed
    assert pair.server.completed
    assert decisions.asked == []


def constrained_client(pki: PublicKeyInfrastructure, *, expired: bool) -> IssuedCertificate:
    """A client certificate with a name that its issuer may not certify."""
    constraints = x509.NameConstraints([x509.DNSName("permitted.example")], None)
    authority = constrained_authority(pki.ca, constraints)
    now = dt.datetime.now(dt.timezone.utc)
    dates = {"not_before": now - dt.timedelta(days=9), "not_after": now - dt.timedelta(days=1)} if expired else {}
    return make_certificate(
        authority,
        ["client.example"],
        extensions=[CLIENT_AUTH],
        send=authority.chain,
        **dates,  # type: ignore[arg-type]  # both are dates
    )


def test_name_constraints_are_judged_inside_the_handshake(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL checks them after everything else; the synchronous rejection still reaches the client."""
    decisions = Recorder(accepts=False)
    certificate = constrained_client(pki, expired=False)
    pair = bad_client(pki, "1.3", certificate, server_decisions=decisions).handshake()
    assert pair.server.issue_codes == codes(IssueCode.PERMITTED_VIOLATION)
    assert len(decisions.of("accept_now")) == 1
    pair.client.drain()
    assert pair.server.alerts_sent == pair.client.alerts_received == [46]


def test_accepting_one_error_does_not_accept_a_later_one(pki: PublicKeyInfrastructure) -> None:
    """Expired is accepted when it is the only error; the name constraints that are checked after it are not."""

    class OnlyExpired(HandshakeDecisions):
        def __init__(self) -> None:
            self.asked: list[list[int]] = []

        def accept_now(self, issues: tuple[VerificationIssue, ...]) -> bool | None:
            self.asked.append([issue.code for issue in issues])
            return self.asked[-1] == codes(IssueCode.CERT_HAS_EXPIRED)

    decisions = OnlyExpired()
    pair = bad_client(pki, "1.3", constrained_client(pki, expired=True), server_decisions=decisions).handshake()
    assert not pair.server.completed
    assert decisions.asked[-1] == codes(IssueCode.CERT_HAS_EXPIRED, IssueCode.PERMITTED_VIOLATION)
    assert pair.server.failure is not None
    assert pair.server.failure.kind is FailureKind.CERTIFICATE_REJECTED


# ------------------------------------------------------------------------------------ interrupted


def interrupted(
    pki: PublicKeyInfrastructure, version: Version, role: str, decisions: Recorder
) -> tuple[Side, Side, Pair]:
    """A handshake with a bad peer, in which each error interrupts."""
    if role == "client":
        client = client_configuration([pki.ca.certificate], version, interrupt_on_error=True)
        server = server_configuration(pki.unknownCa, version)
        pair = Pair(client, server, client_decisions=decisions, client_answer="accept").handshake()
        return pair.client, pair.server, pair
    client = client_configuration([pki.ca.certificate], version, credentials=credentials(pki.clientUnknownCa))
    server = server_configuration(pki.server, version, clients=[pki.ca.certificate], interrupt_on_error=True)
    pair = Pair(client, server, server_decisions=decisions, server_answer="accept").handshake()
    return pair.server, pair.client, pair


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_interruption_ends_the_handshake(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version, role: str
) -> None:
    """At the first error, with its alert, without asking for the others."""
    decisions = Recorder(continues=False)
    side, other, _ = interrupted(pki, version, role, decisions)
    assert [issue.code for issue in decisions.of("continue_after")] == UNKNOWN_ROOT[:1]
    assert side.issue_codes == UNKNOWN_ROOT[:1]
    assert side.alerts_sent == [48]
    assert side.failure is not None
    assert (side.failure.kind, side.failure.alert) == (FailureKind.CERTIFICATE_REJECTED, 48)
    assert side.of(CertificateProblems) == []
    other.drain()
    assert other.alerts_received == [48]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_interruption_is_continued(pki: PublicKeyInfrastructure, engine_path: str, version: Version, role: str) -> None:
    """Each error is asked about; continuing is not yet accepting."""
    decisions = Recorder(continues=True)
    side, other, pair = interrupted(pki, version, role, decisions)
    assert [issue.code for issue in decisions.of("continue_after")] == UNKNOWN_ROOT
    assert side.decisions_asked == 1
    assert side.completed
    assert other.completed
    assert pair.say(b"x") == b"x"


@pytest.mark.parametrize("version", VERSIONS)
def test_names_do_not_interrupt(pki: PublicKeyInfrastructure, version: Version) -> None:
    """As in Qt, the name is judged after the chain: it is in the list, and interrupts nothing."""
    decisions = Recorder(continues=False)
    client = client_configuration([pki.ca.certificate], version, interrupt_on_error=True)
    pair = Pair(client, server_configuration(pki.wrongHost, version), client_decisions=decisions).handshake()
    assert decisions.asked == []
    assert pair.client.issue_codes == [IssueCode.HOSTNAME_MISMATCH]
    assert pair.client.alerts_sent == [42]


# ----------------------------------------------------------------------- what callbacks may not do


Case = tuple[str, str, Version]
CALLBACKS: list[Case] = [
    ("continue_after", "client", "1.2"),
    ("continue_after", "client", "1.3"),
    ("continue_after", "server", "1.2"),
    ("continue_after", "server", "1.3"),
    ("accept_now", "server", "1.3"),
    ("psk_for_server", "client", "1.2"),
    ("psk_for_server", "client", "1.3"),
    ("psk_for_client", "server", "1.2"),
    ("psk_for_client", "server", "1.3"),
]
CALLBACK_IDS = ["-".join(case) for case in CALLBACKS]
KEY = (b"somebody", b"k" * 32)


def pair_that_asks(pki: PublicKeyInfrastructure, case: Case, decisions: Recorder) -> tuple[Pair, Side]:
    """A pair in whose handshake the one side is asked the question of the case."""
    question, role, version = case
    if question.startswith("psk"):
        ciphers = ("ECDHE-PSK-CHACHA20-POLY1305",)
        other = Recorder(client_key=KEY, server_keys={KEY[0]: KEY[1]})
        decisions.client_key, decisions.server_keys = KEY, {KEY[0]: KEY[1]}
        pair = Pair(
            client_configuration((), version, verify_mode=VerifyMode.NONE, psk_enabled=True, tls12_ciphers=ciphers),
            server_configuration(None, version, psk_enabled=True, tls12_ciphers=ciphers),
            client_decisions=decisions if role == "client" else other,
            server_decisions=decisions if role == "server" else other,
        )
    else:
        interrupt = question == "continue_after"
        client = client_configuration(
            [pki.ca.certificate],
            version,
            interrupt_on_error=interrupt and role == "client",
            credentials=credentials(pki.clientUnknownCa),
        )
        server = server_configuration(
            pki.unknownCa if role == "client" else pki.server,
            version,
            clients=[pki.ca.certificate] if role == "server" else (),
            interrupt_on_error=interrupt and role == "server",
        )
        pair = Pair(
            client,
            server,
            client_answer="accept",
            server_answer="accept",
            client_decisions=decisions if role == "client" else None,
            server_decisions=decisions if role == "server" else None,
        )
    return pair, pair.client if role == "client" else pair.server


ACTIONS: dict[str, Callable[[TlsStream], object]] = {
    "write": lambda stream: stream.write(b"SECRET"),
    "receive": lambda stream: stream.receive(b"\x16\x03\x03\x00\x01\x00"),
    "receive_landed": lambda stream: stream.receive_landed(6),
    "receive_end": lambda stream: stream.receive_end(),
    "close": lambda stream: stream.close(),
    "accept": lambda stream: stream.accept_certificate(),
    "reject": lambda stream: stream.reject_certificate(),
    "start": lambda stream: stream.start(),
}
HARMLESS: dict[str, Callable[[TlsStream], object]] = {
    "read": lambda stream: stream.read(100),
    "take_outgoing": lambda stream: stream.take_outgoing(),
    "next_event": lambda stream: stream.next_event(),
    "peer_certificates": lambda stream: stream.peer_certificates(),
    "protocol_version": lambda stream: stream.protocol_version(),
    "issues": lambda stream: stream.issues,
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("case", CALLBACKS, ids=CALLBACK_IDS)
def test_callbacks_may_not_enter_the_engine(
    pki: PublicKeyInfrastructure, engine_path: str, case: Case, action: str
) -> None:
    """Every call from inside raises, changes nothing, and puts nothing on the wire."""
    raised: list[Exception] = []

    def misbehave(question: str) -> None:
        if question == case[0]:
            before = side.stream.state
            assert side.stream.busy
            with pytest.raises((RuntimeError, ValueError)) as error:
                ACTIONS[action](side.stream)
            raised.append(error.value)
            assert side.stream.state is before

    pair, side = pair_that_asks(pki, case, Recorder(continues=True, inside=misbehave))
    pair.handshake()
    assert raised
    assert pair.client.completed
    assert pair.server.completed
    assert pair.say(b"x") == b"x"
    assert pair.say(b"y", from_server=True) == b"y"
    assert b"SECRET" not in pair.client.sent + pair.server.sent
    assert not side.stream.busy


@pytest.mark.parametrize("action", HARMLESS)
@pytest.mark.parametrize("case", CALLBACKS, ids=CALLBACK_IDS)
def test_callbacks_may_look(pki: PublicKeyInfrastructure, case: Case, action: str) -> None:
    """What only looks is allowed and gives nothing that was not there."""
    seen: list[object] = []

    def look(question: str) -> None:
        if question == case[0]:
            seen.append(HARMLESS[action](side.stream))

    pair, side = pair_that_asks(pki, case, Recorder(continues=True, inside=look))
    pair.handshake()
    assert pair.client.completed
    assert pair.server.completed
    if action in ("read", "take_outgoing"):
        assert all(value == b"" for value in seen)
    if action == "peer_certificates" and case[0] in ("continue_after", "accept_now"):
        assert seen
    assert pair.say(b"x") == b"x"


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)], ids=type)
@pytest.mark.parametrize("case", CALLBACKS, ids=CALLBACK_IDS)
def test_errors_of_callbacks_come_out_once(
    pki: PublicKeyInfrastructure, engine_path: str, case: Case, error: BaseException
) -> None:
    """Out of the call into this stream and no other, after OpenSSL has returned; the handshake has failed."""

    def fail(question: str) -> None:
        if question == case[0]:
            raise error

    bystander, _ = pair_that_asks(pki, case, Recorder(continues=True))
    bystander.start()
    pair, side = pair_that_asks(pki, case, Recorder(continues=True, inside=fail))
    caught: list[BaseException] = []
    for step in (pair.server.stream.start, pair.client.stream.start):
        try:
            step()
        except BaseException as raised:  # noqa: BLE001 - KeyboardInterrupt is among them
            caught.append(raised)
    for _ in range(6):
        for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
            source.settle()
            try:
                target.stream.receive(source.take())
            except BaseException as raised:  # noqa: BLE001 - KeyboardInterrupt is among them
                caught.append(raised)
                assert target is side
            target.settle()
    assert caught == [error]
    assert side.stream.state is StreamState.FAILED
    assert side.failure is not None
    assert not side.stream.busy
    assert side.stream.raised is None
    assert not side.completed
    bystander.run()
    assert bystander.client.completed
    assert bystander.server.completed


def test_events_come_after_the_engine_call(pki: PublicKeyInfrastructure) -> None:
    """Alerts are told in their place: before the failure that they explain."""
    pair = bad_server(pki, "1.3").handshake()
    kinds: list[type[Event]] = [type(event) for event in pair.client.events]
    assert kinds == [CertificateProblems, AlertSent, StreamFailed]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_verification_without_a_result_fails(
    pki: PublicKeyInfrastructure, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No news of the leaf is no good news: a certificate that nobody has looked at is not accepted."""
    monkeypatch.setattr(TlsStream, "verify", lambda *_: 0)
    pair = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version))
    pair.handshake()
    assert pair.client.issue_codes == [IssueCode.UNKNOWN_RESULT]
    assert not pair.client.completed
    assert pair.client.alerts_sent == ([80] if version == "1.3" else [])
