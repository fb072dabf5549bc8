"""TrustDecisions: what was accepted once is accepted again, and nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QDateTime, QObject, QSettings, QThread
from PySide6.QtNetwork import QSslError

from qtsecure import (
    CertificateRequest,
    DtlsPeer,
    SecureError,
    SslCertificate,
    SslError,
    SslSocket,
    TrustDecision,
    TrustDecisions,
)
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.trust.decision_store import DecisionStore
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, State, settle, spin
from tests.net.dtls.conversation import DtlsConversation

Lifetime = TrustDecisions.Lifetime
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trust.ini"


@pytest.fixture
def pki(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    return qtsecure_pki


def issue(code: IssueCode, certificate: IssuedCertificate) -> SslError:
    der = bytes(SslCertificate(certificate.certificate).toDer().data())
    return SslError.fromIssue(VerificationIssue(int(code), 0, der))


def asked(
    certificate: IssuedCertificate,
    *codes: IssueCode,
    host: str = "host.example",
    port: int = 443,
    others: tuple[SslError, ...] = (),
) -> CertificateRequest:
    """A request as a socket would make it."""
    errors = [issue(code, certificate) for code in codes or (IssueCode.CERT_HAS_EXPIRED,)]
    return CertificateRequest([SslCertificate(certificate.certificate)], [*errors, *others], host, port=port)


def accepts(decisions: TrustDecisions, request: CertificateRequest) -> bool:
    """Whether the request is accepted; the return value says the same as the request."""
    answer = decisions.answer(request)
    assert request.isPending() is not answer
    return answer


# --------------------------------------------------------------------------------- the three lifetimes


@pytest.mark.parametrize("lifetime", list(Lifetime))
def test_lifetimes(pki: PublicKeyInfrastructure, file: Path, lifetime: TrustDecisions.Lifetime) -> None:
    """The request is accepted now; later ones as long as the decision holds."""
    decisions = TrustDecisions(file)
    request = asked(pki.expired)
    assert not accepts(decisions, request)
    assert decisions.remember(request, lifetime)
    assert not request.isPending()
    assert accepts(decisions, asked(pki.expired)) is (lifetime is not Lifetime.Once)
    assert accepts(TrustDecisions(file), asked(pki.expired)) is (lifetime is Lifetime.Forever)


def test_once_after_the_peer_has_gone(pki: PublicKeyInfrastructure, file: Path) -> None:
    """A yes that came too late counts for the next connection, and for that one only."""
    decisions = TrustDecisions(file)
    request = asked(pki.expired)
    request.defer()
    request._cancel()
    assert decisions.remember(request, Lifetime.Once)
    assert len(decisions.decisions()) == 1
    assert accepts(decisions, asked(pki.expired))
    assert not accepts(decisions, asked(pki.expired))
    assert decisions.decisions() == []


def test_an_end(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Permanent, but asked again after a day; by the given clock."""
    clock = Clock()
    decisions = TrustDecisions(file, clock=clock)
    until = QDateTime.fromSecsSinceEpoch(int(clock.now) + 86_400)
    assert decisions.remember(asked(pki.expired), Lifetime.Forever, until=until)
    clock.now += 86_399
    assert accepts(decisions, asked(pki.expired))
    assert accepts(TrustDecisions(file, clock=clock), asked(pki.expired))
    assert len(decisions.decisions()) == 1
    clock.now += 1
    assert not accepts(decisions, asked(pki.expired))
    assert decisions.decisions() == []


# ------------------------------------------------------------------------------------ nothing else


def test_only_the_same(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Another certificate, host, port or error asks again; fewer errors do not."""
    decisions = TrustDecisions(file)
    both = (IssueCode.CERT_HAS_EXPIRED, IssueCode.HOSTNAME_MISMATCH)
    assert decisions.remember(asked(pki.expired, *both), Lifetime.Forever)
    assert accepts(decisions, asked(pki.expired, *both))
    assert accepts(decisions, asked(pki.expired, IssueCode.CERT_HAS_EXPIRED))
    assert accepts(decisions, asked(pki.expired, *both, host="HOST.example."))
    assert not accepts(decisions, asked(pki.selfSigned, *both))
    assert not accepts(decisions, asked(pki.expired, *both, host="other.example"))
    assert not accepts(decisions, asked(pki.expired, *both, port=8443))
    assert not accepts(decisions, asked(pki.expired, *both, IssueCode.INVALID_PURPOSE))
    # The same kind of error, but of another certificate in the chain.
    intermediate = issue(IssueCode.CERT_HAS_EXPIRED, pki.server)
    assert not accepts(decisions, asked(pki.expired, *both, others=(intermediate,)))


NEVER = [
    IssueCode.CERT_REVOKED,
    IssueCode.CERT_SIGNATURE_FAILURE,
    IssueCode.EE_KEY_TOO_SMALL,
    IssueCode.CA_MD_TOO_WEAK,
    IssueCode.UNKNOWN_RESULT,
    IssueCode.STATUS_REVOKED,
    IssueCode.STATUS_FORGED,
    IssueCode.STATUS_DEMANDED,
    IssueCode.INVALID_HOST_NAME,
]


@pytest.mark.parametrize("code", NEVER)
@pytest.mark.parametrize("lifetime", list(Lifetime))
def test_what_nobody_can_judge(
    pki: PublicKeyInfrastructure, file: Path, code: IssueCode, lifetime: TrustDecisions.Lifetime
) -> None:
    """Not remembered, not accepted; and not even if it is in the file."""
    decisions = TrustDecisions(file)
    request = asked(pki.expired, IssueCode.CERT_HAS_EXPIRED, code)
    assert not decisions.remember(request, lifetime)
    assert request.isPending()
    assert decisions.decisions() == []
    forged = TrustDecision(
        "host.example",
        443,
        SslCertificate(pki.expired.certificate).fingerprint(),
        "",
        frozenset(
            (error.error().name, error.engineCode(), error.certificate().fingerprint()) for error in request.errors()
        ),
        None,
        True,
    )
    decisions._store.write(forged)
    assert decisions.decisions() == [forged]
    assert not accepts(decisions, request)


def test_no_certificate(pki: PublicKeyInfrastructure, file: Path) -> None:
    """There is nothing that a decision could be about."""
    decisions = TrustDecisions(file)
    missing = SslError.fromIssue(VerificationIssue(IssueCode.NO_PEER_CERTIFICATE, 0, None))
    request = CertificateRequest([], [missing], "host.example")
    assert not decisions.remember(request, Lifetime.Forever)
    assert not accepts(decisions, request)


def test_an_answered_request_stays_answered(pki: PublicKeyInfrastructure, file: Path) -> None:
    """The first answer wins, also against a stored one."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired), Lifetime.Session)
    request = asked(pki.expired)
    request.reject()
    assert not decisions.answer(request)


# ------------------------------------------------------------------------- what was trusted before


def test_sec_another_certificate_than_before(pki: PublicKeyInfrastructure, file: Path) -> None:
    """The same host and port, another certificate: what was trusted there is told, and the request stays open."""
    clock = Clock()
    decisions = TrustDecisions(file, clock=clock)
    assert decisions.trustedBefore(asked(pki.expired)) is None
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert decisions.trustedBefore(asked(pki.expired)) is None
    request = asked(pki.selfSigned, host="HOST.example.")
    for each in (decisions, TrustDecisions(file)):  # also when the program has ended meanwhile
        before = each.trustedBefore(request)
        assert before is not None
        assert before.fingerprint == SslCertificate(pki.expired.certificate).fingerprint()
        assert before.decidedAt == clock.now
    assert request.isPending()
    assert not accepts(decisions, request)
    assert decisions.trustedBefore(asked(pki.selfSigned, port=8443)) is None
    assert decisions.trustedBefore(asked(pki.selfSigned, host="other.example")) is None
    clock.now += 60
    decisions.remember(asked(pki.selfSigned), Lifetime.Session)
    assert decisions.trustedBefore(asked(pki.selfSigned)) is None  # that is the last one
    latest = decisions.trustedBefore(asked(pki.wrongHost))
    assert latest is not None
    assert latest.fingerprint == SslCertificate(pki.selfSigned.certificate).fingerprint()
    decisions.revokeAll()
    assert decisions.trustedBefore(asked(pki.wrongHost)) is None


def test_sec_a_decision_that_has_expired_was_one(pki: PublicKeyInfrastructure, file: Path) -> None:
    """It accepts nothing any more, but what is there now is still another certificate."""
    clock = Clock()
    decisions = TrustDecisions(file, clock=clock)
    until = QDateTime.fromSecsSinceEpoch(int(clock.now) + 60)
    decisions.remember(asked(pki.expired), Lifetime.Forever, until=until)
    clock.now += 61
    assert decisions.decisions() == []
    assert decisions.trustedBefore(asked(pki.selfSigned)) is not None


def test_clients_have_no_place(pki: PublicKeyInfrastructure, file: Path) -> None:
    """A server's clients come from anywhere: that another one was admitted says nothing."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired, host="", port=0), Lifetime.Forever)
    assert decisions.trustedBefore(asked(pki.selfSigned, host="", port=0)) is None
    assert decisions.trustedBefore(CertificateRequest([], [], "host.example", port=443)) is None


@pytest.mark.parametrize("moment", ["absent", None, 1e400, -1, 10**40, "yesterday", True])
def test_sec_moments_in_the_file(pki: PublicKeyInfrastructure, file: Path, moment: object) -> None:
    """Earlier versions wrote none; what is no moment damages the entry."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    settings = QSettings(str(file), QSettings.Format.IniFormat)
    (key,) = settings.allKeys()
    fields = json.loads(settings.value(key))
    fields["decidedAt"] = moment
    if moment == "absent":
        del fields["decidedAt"]
    settings.setValue(key, json.dumps(fields))
    before = decisions.trustedBefore(asked(pki.selfSigned))
    if moment in ("absent", None):
        assert before is not None
        assert before.decidedAt is None
        assert accepts(decisions, asked(pki.expired))
    else:
        assert before is None
        assert not accepts(decisions, asked(pki.expired))


# --------------------------------------------------------------------------------- listing, revoking


def test_listing_and_revoking(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Each decision tells what it is about; revoked, it asks again."""
    decisions = TrustDecisions(file)
    told: list[None] = []
    decisions.changed.connect(lambda: told.append(None))
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    decisions.remember(asked(pki.selfSigned, host="other.example"), Lifetime.Session)
    first, second = sorted(decisions.decisions(), key=lambda each: each.host)
    assert (first.host, first.port, first.isPermanent) == ("host.example", 443, True)
    assert first.fingerprint == SslCertificate(pki.expired.certificate).fingerprint()
    assert first.subject == "qtsecure throw-away certificate"
    assert {name for name, _, _ in first.errors} == {"CertificateExpired"}
    assert not second.isPermanent
    assert len(told) == 2
    decisions.revoke(first)
    assert decisions.decisions() == [second]
    assert not accepts(decisions, asked(pki.expired))
    assert accepts(decisions, asked(pki.selfSigned, host="other.example"))
    decisions.revokeAll()
    assert decisions.decisions() == []
    assert not accepts(decisions, asked(pki.selfSigned, host="other.example"))
    assert len(told) == 4
    assert TrustDecisions(file).decisions() == []


def test_two_objects_share_a_file(pki: PublicKeyInfrastructure, file: Path) -> None:
    """What one has revoked the other does not accept any more."""
    one, other = TrustDecisions(file), TrustDecisions(file)
    one.remember(asked(pki.expired), Lifetime.Forever)
    assert accepts(other, asked(pki.expired))
    one.revokeAll()
    assert not accepts(other, asked(pki.expired))


def test_other_settings_stay(pki: PublicKeyInfrastructure, file: Path) -> None:
    """The application's own settings are not touched."""
    settings = QSettings(str(file), QSettings.Format.IniFormat)
    settings.setValue("window/width", 800)
    decisions = TrustDecisions(settings)
    settings.beginGroup("elsewhere")
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert accepts(TrustDecisions(file), asked(pki.expired))
    settings.endGroup()
    decisions.revokeAll()
    assert settings.allKeys() == ["window/width"]


# ------------------------------------------------------------------------------------ damaged files


def cannotBeWritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on; in tests that run as root, no permission is missing."""

    def fail(*_: object) -> None:
        raise SecureError(SecureError.Code.Failed, "The decisions cannot be written.")

    monkeypatch.setattr(DecisionStore, "_openForWriting", fail)


def damage(path: Path, change: Callable[[bytes], bytes]) -> bytes:
    content = change(path.read_bytes())
    path.write_bytes(content)
    # QSettings reads a file again only if its size or time has changed.
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 10))
    return content


@pytest.mark.parametrize(
    ("change", "survives"),
    [
        (lambda content: b"\x00\xff garbage \n" * 9, False),
        (lambda content: content + b"a line without a sign\n", True),
        (lambda content: content.replace(b'\\"format\\": 1', b'\\"format\\": 2', 1), False),
        (lambda content: content.replace(b'\\"host\\"', b'\\"hos', 1), False),
        (lambda content: content.replace(b'\\"host\\": \\"', b'\\"host\\": \\"\\\\ud800', 1), False),
        (lambda content: content.replace(b'\\"port\\": 443', b'\\"port\\": null', 1), False),
        (lambda content: content.replace(b'\\"errors\\": [', b'\\"errors\\": [7, ', 1), False),
        (lambda content: content.replace(b'\\"expiry\\": null', b'\\"expiry\\": \\"x\\"', 1), False),
    ],
)
def test_a_damaged_file(
    pki: PublicKeyInfrastructure, file: Path, change: Callable[[bytes], bytes], survives: bool
) -> None:
    """A clear error, a copy of all that was there, and a store that works."""
    TrustDecisions(file).remember(asked(pki.expired), Lifetime.Forever)
    content = damage(file, change)
    _forgetCachedSettings(file)
    decisions = TrustDecisions(file)
    error = decisions.error()
    assert error is not None
    assert "is damaged; a copy is in" in error.message
    (copy,) = file.parent.glob("trust.ini.damaged-*")
    assert copy.read_bytes() == content
    assert str(copy) in error.message
    assert accepts(decisions, asked(pki.expired)) is survives
    decisions.remember(asked(pki.selfSigned), Lifetime.Forever)
    assert accepts(decisions, asked(pki.selfSigned))
    _forgetCachedSettings(file)
    again = TrustDecisions(file)
    assert again.error() is None
    assert accepts(again, asked(pki.selfSigned))
    assert len(list(file.parent.glob("*damaged*"))) == 1


@pytest.mark.parametrize("readsFirst", [True, False])
def test_a_file_that_is_damaged_meanwhile(pki: PublicKeyInfrastructure, file: Path, readsFirst: bool) -> None:
    """The same while the object lives: a copy is made before anything is written over what cannot be read."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    content = damage(file, lambda content: content + b"a line without a sign\n")
    if readsFirst:
        assert accepts(decisions, asked(pki.expired))
    decisions.remember(asked(pki.selfSigned), Lifetime.Forever)
    (copy,) = file.parent.glob("trust.ini.damaged-*")
    assert copy.read_bytes() == content
    error = decisions.error()
    assert error is not None
    assert str(copy) in error.message
    assert accepts(TrustDecisions(file), asked(pki.expired))
    assert accepts(TrustDecisions(file), asked(pki.selfSigned))


def _forgetCachedSettings(path: Path) -> None:
    """Let other QSettings of this file notice that it has changed."""
    QSettings(str(path), QSettings.Format.IniFormat).sync()


def test_a_damaged_file_that_cannot_be_copied(
    pki: PublicKeyInfrastructure, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is written at all; decisions hold for the session."""
    file.write_bytes(b"garbage\n")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qtsecure.net.trust.decision_store.shutil.copy2", fail)
    decisions = TrustDecisions(file)
    failures: list[SecureError] = []
    decisions.errorOccurred.connect(failures.append)
    error = decisions.error()
    assert error is not None
    assert "No space left on device" in error.message
    assert decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert failures == [error]
    assert accepts(decisions, asked(pki.expired))
    del decisions
    assert file.read_bytes() == b"garbage\n"


def test_damaged_entries_that_are_in_no_file(
    pki: PublicKeyInfrastructure, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the registry of Windows: the entry stays where it is, and others can be written."""
    settings = QSettings(str(file), QSettings.Format.IniFormat)
    settings.setValue("qtsecure-trust/damaged", "{")
    monkeypatch.setattr("qtsecure.net.trust.decision_store.os.path.isfile", lambda path: False)
    decisions = TrustDecisions(settings)
    error = decisions.error()
    assert error is not None
    assert "they stay there" in error.message
    assert decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert accepts(TrustDecisions(settings), asked(pki.expired))
    assert settings.value("qtsecure-trust/damaged") == "{"
    assert list(file.parent.glob("*damaged*")) == []


@pytest.mark.parametrize("every", [False, True])
def test_revoking_when_settings_cannot_be_written(
    pki: PublicKeyInfrastructure, file: Path, every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in memory is forgotten, and whoever shows a list hears of it."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired), Lifetime.Session)
    TrustDecisions(file).remember(asked(pki.expired), Lifetime.Forever)
    cannotBeWritten(monkeypatch)
    told: list[list[bool]] = []
    decisions.changed.connect(lambda: told.append([each.isPermanent for each in decisions.decisions()]))
    with pytest.raises(SecureError, match="cannot be written"):
        decisions.revokeAll() if every else decisions.revoke(decisions.decisions()[0])
    assert told == [[True]]


def test_settings_that_cannot_be_written(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """The user is told; the decision holds for the session."""
    blocker = tmp_path / "a file"
    blocker.write_bytes(b"")
    decisions = TrustDecisions(blocker / "trust.ini")
    failures: list[SecureError] = []
    decisions.errorOccurred.connect(failures.append)
    assert decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert "cannot be written" in failures[0].message
    assert decisions.error() is failures[0]
    assert accepts(decisions, asked(pki.expired))
    blocker.unlink()
    blocker.mkdir()
    assert decisions.remember(asked(pki.selfSigned), Lifetime.Forever)
    assert len(failures) == 1
    assert accepts(TrustDecisions(blocker / "trust.ini"), asked(pki.selfSigned))


def test_a_file_that_was_damaged_and_cannot_be_written(pki: PublicKeyInfrastructure, file: Path) -> None:
    """The second error is told although there was one before, of which QSettings remembers the first only."""
    file.write_bytes(b"garbage\n")
    decisions = TrustDecisions(file)
    failures: list[SecureError] = []
    decisions.errorOccurred.connect(failures.append)
    file.unlink()
    file.mkdir()
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    assert "cannot be written" in failures[0].message


def test_entries_that_pretend(pki: PublicKeyInfrastructure, file: Path) -> None:
    """An entry under the name of another place counts only for its own."""
    decisions = TrustDecisions(file)
    decisions.remember(asked(pki.expired), Lifetime.Forever)
    settings = QSettings(str(file), QSettings.Format.IniFormat)
    (key,) = settings.allKeys()
    fields = json.loads(settings.value(key))
    fields["host"] = "other.example"
    settings.setValue(key, json.dumps(fields))
    assert not accepts(decisions, asked(pki.expired))
    assert not accepts(decisions, asked(pki.expired, host="other.example"))


# ------------------------------------------------------------------------------- connections


def connectAgain(conversation: Conversation, decisions: TrustDecisions) -> SslSocket:
    socket = SslSocket(conversation.client)
    socket.setSslConfiguration(conversation.clientConfiguration)
    socket.acceptCertificate.connect(decisions.answer)
    socket.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: socket.isEncrypted() or socket.state() == State.UnconnectedState)
    return socket


@both_versions
def test_a_client(make_conversation: MakeConversation, file: Path, version: str) -> None:
    """Asked once, accepted later without a question; a changed certificate asks again."""
    conversation = make_conversation(PROTOCOLS[version])
    decisions = TrustDecisions(file)
    questions: list[CertificateRequest] = []

    def ask(request: CertificateRequest) -> None:
        if request.isPending():
            questions.append(request)
            assert decisions.remember(request, Lifetime.Session)

    conversation.client.acceptCertificate.connect(decisions.answer)
    conversation.client.acceptCertificate.connect(ask)
    conversation.showServer(conversation.pki.expired)
    conversation.establish()
    (question,) = questions
    assert (question.hostName(), question.port()) == ("127.0.0.1", conversation.server.serverPort())
    assert connectAgain(conversation, decisions).isEncrypted()
    conversation.showServer(conversation.pki.selfSigned)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert not connectAgain(conversation, decisions).isEncrypted()


@both_versions
def test_a_server(make_conversation: MakeConversation, file: Path, version: str) -> None:
    """A client's certificate is remembered by itself: ports of clients mean nothing."""
    conversation = make_conversation(PROTOCOLS[version])
    decisions = TrustDecisions(file)
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.server.acceptCertificate.connect(decisions.answer)
    conversation.server.acceptCertificate.connect(lambda socket, request: decisions.remember(request, Lifetime.Session))
    conversation.establish()
    (decision,) = decisions.decisions()
    assert (decision.host, decision.port) == ("", 0)
    conversation.server.acceptCertificate.disconnect()
    conversation.server.acceptCertificate.connect(decisions.answer)
    assert connectAgain(conversation, TrustDecisions(file.with_name("other.ini"))).isEncrypted()
    spin(conversation.server.hasPendingConnections)


@both_versions
def test_the_user_took_too_long(make_conversation: MakeConversation, file: Path, version: str) -> None:
    """The server gives up; the decision is remembered, and connecting again succeeds."""
    conversation = make_conversation(PROTOCOLS[version])
    decisions = TrustDecisions(file)
    client = conversation.client
    requests: list[CertificateRequest] = []
    cancelled: list[None] = []

    def think(request: CertificateRequest) -> None:
        if not requests:
            request.defer()
            request.cancelled.connect(lambda: cancelled.append(None))
            requests.append(request)

    client.acceptCertificate.connect(decisions.answer)
    client.acceptCertificate.connect(think)
    conversation.showServer(conversation.pki.expired)
    conversation.connect()
    spin(lambda: bool(requests))
    settle()
    conversation.accepted[0].abort()
    spin(lambda: bool(cancelled))
    spin(lambda: client.state() == State.UnconnectedState)
    assert not requests[0].isPending()
    assert decisions.remember(requests[0], Lifetime.Once)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(client.isEncrypted)


@pytest.fixture
def dtls(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[DtlsConversation]:
    made = DtlsConversation(qtsecure_pki)
    yield made
    made.close()


def test_dtls(dtls: DtlsConversation, file: Path) -> None:
    """The same slot for peers."""
    decisions = TrustDecisions(file)
    dtls.client.acceptCertificate.connect(decisions.answer)
    dtls.client.acceptCertificate.connect(lambda request: decisions.remember(request, Lifetime.Forever))
    dtls.showServer(dtls.pki.expired)
    dtls.establish()
    (decision,) = decisions.decisions()
    assert decision.port == dtls.server.serverPort()
    another = dtls.makeClient("another")
    another.acceptCertificate.connect(decisions.answer)
    dtls.connect(another)
    spin(lambda: another.status() in (DtlsPeer.Status.Connected, DtlsPeer.Status.Error))
    assert another.isEncrypted()


# ------------------------------------------------------------------------------------- arguments, threads


def test_wrong_arguments(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Each names the argument."""
    with pytest.raises(TypeError, match="settings must be a QSettings or a path, not int"):
        TrustDecisions(7)  # type: ignore[arg-type]  # the mistake under test
    decisions = TrustDecisions(file)
    request = asked(pki.expired)
    wrong: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
        (decisions.answer, (7,), {}, TypeError, "request must be a CertificateRequest, not int"),
        (decisions.remember, (request, "Once"), {}, TypeError, "lifetime must be"),
        (decisions.remember, (request, Lifetime.Forever), {"until": 7}, TypeError, "until must be a QDateTime"),
        (decisions.remember, (request, Lifetime.Forever), {"until": QDateTime()}, ValueError, "valid time"),
        (
            decisions.remember,
            (request, Lifetime.Session),
            {"until": QDateTime.currentDateTime()},
            ValueError,
            "must not be given with Session",
        ),
        (decisions.revoke, ("host.example",), {}, TypeError, "decision must be one of"),
    ]
    for call, arguments, named, error, words in wrong:
        with pytest.raises(error, match=words):
            call(*arguments, **named)
    assert request.isPending()
    assert decisions.decisions() == []


def test_the_applications_settings(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a name there are none, which is said at once."""
    monkeypatch.setattr(QCoreApplication, "organizationName", staticmethod(lambda: ""))
    monkeypatch.setattr(QCoreApplication, "organizationDomain", staticmethod(lambda: ""))
    with pytest.raises(SecureError, match="setOrganizationName"):
        TrustDecisions()
    monkeypatch.setattr(QCoreApplication, "organizationName", staticmethod(lambda: "example"))
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path))
    assert TrustDecisions().decisions() == []


def test_another_thread(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Refused by name."""
    decisions = TrustDecisions(file)
    caught: list[BaseException] = []

    class Worker(QThread):
        def run(self) -> None:
            try:
                decisions.decisions()
            except RuntimeError as error:
                caught.append(error)

    worker = Worker()
    worker.start()
    assert worker.wait(20_000)
    assert "TrustDecisions.decisions() was called in" in str(caught[0])


def test_the_usual_clock(pki: PublicKeyInfrastructure, file: Path) -> None:
    """Seconds since 1970."""
    decisions = TrustDecisions(file)
    tomorrow = QDateTime.fromSecsSinceEpoch(int(time.time()) + 86_400)
    decisions.remember(asked(pki.expired), Lifetime.Forever, until=tomorrow)
    assert accepts(decisions, asked(pki.expired))
    yesterday = QDateTime.fromSecsSinceEpoch(int(time.time()) - 86_400)
    decisions.remember(asked(pki.expired), Lifetime.Forever, until=yesterday)
    assert not accepts(decisions, asked(pki.expired))


def test_errors_of_the_program(pki: PublicKeyInfrastructure, file: Path) -> None:
    """An error that is made from Qt's code is identified by that."""
    decisions = TrustDecisions(file)
    error = SslError(QSslError.SslError.CertificateExpired, SslCertificate(pki.expired.certificate))
    chain = [SslCertificate(pki.expired.certificate)]
    assert decisions.remember(CertificateRequest(chain, [error], "a.example"), Lifetime.Session)
    assert accepts(decisions, CertificateRequest(chain, [error], "a.example"))
