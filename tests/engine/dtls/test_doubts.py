"""Whom to believe, and how long to wait."""

from __future__ import annotations

import pytest

from qtsecure.engine.dtls import doubts
from qtsecure.engine.dtls.doubts import AnswerNumbers, AskedOnce, HeldAlert, Waiting, WrongKeySigns
from qtsecure.engine.dtls.wire import ALERT, plain_record
from qtsecure.engine.events import CertificateProblems
from qtsecure.engine.psk import PreSharedKey, PskHash
from qtsecure.engine.verification import VerificationIssue
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server
from tests.engine.support import Recorder

REFUSAL, DAMAGE, CLOSE = b"\2\x28", b"\2\x32", b"\1\0"


@pytest.mark.parametrize("payload", [REFUSAL, CLOSE])
def test_an_alert_counts_after_a_while(payload: bytes) -> None:
    """And only the first one is looked at."""
    held = HeldAlert()
    held.hold(payload, 10.0, 0)
    held.hold(DAMAGE, 10.4, 0)
    assert held.alert == tuple(payload)
    assert held.believed_at == 10.5
    held.forget()
    assert held.alert is None


@pytest.mark.parametrize("payload", [b"", b"\2", b"\1\x2a", b"\2\x28\0", b"\3\x28"])
def test_what_ends_no_handshake(payload: bytes) -> None:
    """Warnings and nonsense are not kept."""
    held = HeldAlert()
    held.hold(payload, 0, 0)
    assert held.alert is None


def test_patience_grows_with_the_path() -> None:
    """Over a path with a round trip of two seconds, half a second tells nothing."""
    held = HeldAlert()
    held.hold(REFUSAL, 0, 2.0)
    assert held.believed_at == 3.0


def test_what_is_worth_another_try() -> None:
    """Damage, and anything directly after a cookie; each only once."""
    for payload, at_cookie, worth in ((REFUSAL, False, False), (REFUSAL, True, True), (DAMAGE, False, True)):
        held = HeldAlert()
        held.hold(payload, 0, 0)
        assert held.worth_another_try(at_cookie=at_cookie) == worth
        held.try_again(0.5)
        assert held.believed_at == 1.0
        assert not held.worth_another_try(at_cookie=at_cookie)
        held.forget()
        held.hold(payload, 2.0, 0)
        assert held.believed_at < 2.2


def test_stalling() -> None:
    """Nothing can be stuck before the first answer; then it depends on how long answers take."""
    waiting = Waiting()
    waiting.begin(100)
    assert waiting.stalled_at() is None
    waiting.progress(100.1)
    assert waiting.stalled_at() == pytest.approx(102.6)
    waiting.life(101)
    assert waiting.stalled_at() == pytest.approx(103.5)
    waiting.lengthen()
    assert waiting.stalled_at() == pytest.approx(106)
    waiting.progress(103)
    assert waiting.longest == pytest.approx(2)
    assert waiting.stalled_at() == pytest.approx(109)
    waiting.begin(110)
    assert waiting.stalled_at() is None


def test_a_peer_that_only_repeats_all_it_has_said_is_stuck() -> None:
    """It cannot use the answer. The time that the own side takes does not count."""
    waiting = Waiting()
    waiting.begin(100)
    waiting.progress(100.1)
    waiting.life(101)
    waiting.no_life()
    assert waiting.stalled_at() == pytest.approx(102.6)
    waiting.goes_on(160)  # somebody was asked for a minute
    waiting.life(160.1)
    waiting.no_life()
    assert waiting.stalled_at() == pytest.approx(162.5)


def test_signs_of_a_wrong_key() -> None:
    """Several, over some time, and not if the key exchange was tampered with."""
    signs = WrongKeySigns()
    assert not signs.repeated(0.05)
    assert not signs.repeated(0.15)
    assert signs.repeated(0.35)
    signs = WrongKeySigns()
    signs.rule_out()
    assert not any(signs.repeated(time) for time in range(10))


def test_the_program_is_asked_once() -> None:
    """For each hint and each error; refusing is remembered as such, and nothing is kept afterwards."""
    recorder = Recorder(client_key=(b"me", b"canary"), continues=True)
    asked = AskedOnce(recorder)
    issue = VerificationIssue(10, 0, None)
    for _ in range(3):
        key = asked.psk_for_server(b"hint")
        assert key is not None
        assert (key.identity, bytes(key.key)) == (b"me", b"canary")
        key.wipe()  # as a session does
        assert asked.continue_after(issue)
    assert len(recorder.asked) == 2
    assert not asked.refused
    assert "canary" not in repr(asked)
    asked.forget()
    assert asked.psk_for_server(b"hint")
    assert len(recorder.asked) == 3
    for nothing in (None, (b"me", b"")):
        empty = AskedOnce(Recorder(client_key=nothing))
        empty.psk_for_server(b"")
        assert empty.refused


def test_no_copy_of_a_key_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt gets a copy, none of which is bytes: those cannot be overwritten."""
    copied: list[type[object]] = []

    def note(identity: bytes, key: bytes | bytearray, hash_algorithm: PskHash) -> PreSharedKey:
        copied.append(type(key))
        return PreSharedKey(identity, key, hash_algorithm)

    asked = AskedOnce(Recorder(client_key=(b"me", b"canary")))
    monkeypatch.setattr(doubts, "PreSharedKey", note)
    first, second = asked.psk_for_server(b""), asked.psk_for_server(b"")
    assert first is not None
    first.wipe()
    assert second is not None
    assert second.key == b"canary"
    assert copied == [bytearray, bytearray]


def test_numbers_of_answers() -> None:
    """At first all are good; those of another attempt nobody knows in advance. A client's may be any on a server."""
    client, server = AnswerNumbers(0, server=False), AnswerNumbers(7, server=True)
    assert [client.fits(number) for number in (0, 7, 1 << 47)] == [True, True, True]
    assert [server.fits(number) for number in (6, 7, 1 << 47)] == [False, True, True]
    lowest = {client.begin_anew(9) for _ in range(20)}
    assert len(lowest) > 10
    assert min(lowest) >= 64 + 9
    first = client.lowest
    assert [client.fits(first + number) for number in (-1, 0, 1000, 1 << 20)] == [False, True, True, False]
    client.lowest = 0
    assert client.fits(1 << 47)


@pytest.mark.parametrize("other", ["", "selfSigned", "wrongHost"])
def test_an_accepted_certificate_is_not_asked_about_again(pki: PublicKeyInfrastructure, other: str) -> None:
    """A forged alert ends the server's attempt while the user is thinking. Another certificate is a new question."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="wait").start()
    network.run(1)
    network.deliver("server", plain_record(ALERT, 1 << 20, b"\2\x28"))
    network.run(1)
    assert network.server.failure is not None
    if other:
        network.listener.configuration = dtls_server(getattr(pki, other))
    assert network.client.association is not None
    network.client.association.accept_certificate(network.link.now)
    network.run(10, network.finished)
    assert network.client.association.statistics.restarts == 1
    asked = network.client.of(CertificateProblems)
    assert len(asked) == (2 if other else 1)
    assert network.client.completed is not bool(other)


def test_what_is_the_same_certificate() -> None:
    """The same chain with as many errors, or fewer; nothing is accepted that was not asked for."""
    first, second = VerificationIssue(10, 0, b"leaf"), VerificationIssue(20, 0, b"leaf")
    asked = AskedOnce(Recorder())
    assert not asked.has_accepted((), ())
    asked.accept((b"leaf", b"ca"), (first,))
    assert asked.has_accepted((b"leaf", b"ca"), (first,))
    assert not asked.has_accepted((b"leaf", b"ca"), (first, second))
    assert not asked.has_accepted((b"leaf", b"another"), (first,))
    assert not asked.has_accepted((b"leaf", b"ca"), ())
    asked.accept((b"leaf", b"ca"), (first, second))
    assert asked.has_accepted((b"leaf", b"ca"), (second,))
    asked.forget()
    assert not asked.has_accepted((b"leaf", b"ca"), (first,))
