"""Whom to believe, and how long to wait: the judgements of an association whose handshake is not authenticated yet."""

from __future__ import annotations

import secrets

from qtsecure.engine.alerts import AlertDescription, AlertLevel
from qtsecure.engine.dtls.wire import Fragment
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.psk import PreSharedKey
from qtsecure.engine.verification import VerificationIssue

__all__ = ["AnswerNumbers", "AskedOnce", "HeldAlert", "OtherHello", "Waiting", "WrongKeySigns"]

_ALERT_PATIENCE = 0.5
_REPEATED_ALERT_PATIENCE = 0.15
_AFTER_DAMAGE = frozenset(
    {
        AlertDescription.UNEXPECTED_MESSAGE,
        AlertDescription.BAD_RECORD_MAC,
        AlertDescription.ILLEGAL_PARAMETER,
        AlertDescription.DECODE_ERROR,
        AlertDescription.DECRYPT_ERROR,
        AlertDescription.INTERNAL_ERROR,
    }
)

_FAR = 1 << 28
"""The record numbers of another attempt are up to so much higher; even so 32 bits are enough for all of them."""
_NUMBERS_OF_AN_ATTEMPT = 1 << 14
"""So many records a server hardly sends in one handshake."""

_STALL = 2.5
_KEY_SIGNS = 2
_KEY_PATIENCE = 0.25


class HeldAlert:
    """An unencrypted alert that is kept until it is clear whether the peer goes on: anybody can send one.

    Attributes:
        alert: Level and description, or None.
        asked: It came while the program was being asked something.
        believed_at: When it counts.
    """

    __slots__ = ("_earlier", "alert", "asked", "believed_at")

    def __init__(self) -> None:
        self.alert: tuple[int, int] | None = None
        self.asked = False
        self.believed_at = 0.0
        self._earlier: set[tuple[int, int]] = set()

    def hold(self, payload: bytes, now: float, longest_wait: float, repeats_until: float | None = None) -> None:
        """Keep what may end the handshake, unless something is kept already.

        Args:
            payload: Of the record.
            now: The time in seconds.
            longest_wait: For an answer so far.
            repeats_until: While the program is asked: the peer has nothing better to say then, and only repeats itself.
        """
        if len(payload) != 2 or self.alert is not None:
            return
        level, description = payload
        if level == AlertLevel.FATAL or (level == AlertLevel.WARNING and description == AlertDescription.CLOSE_NOTIFY):
            self.alert = (level, description)
            self.asked = repeats_until is not None
            patience = _REPEATED_ALERT_PATIENCE if self.alert in self._earlier else _ALERT_PATIENCE
            self.believed_at = max(now + max(patience, 1.5 * longest_wait), repeats_until or 0.0)

    def answered(self, now: float, longest_wait: float) -> None:
        """The program has answered, so that it is the peer's turn."""
        self.believed_at = now + max(_ALERT_PATIENCE, 1.5 * longest_wait)

    def forget(self) -> None:
        """Whoever goes on has not given up."""
        self.alert = None

    def worth_another_try(self, *, at_cookie: bool) -> bool:
        """Whether the alert may only mean that our datagram was damaged, or our cookie forged.

        Decisions of the other side have other numbers, and what comes a second time is true.
        """
        assert self.alert is not None
        return (at_cookie or self.alert[1] in _AFTER_DAMAGE) and self.alert not in self._earlier

    def try_again(self, now: float) -> None:
        """It stands if nobody answers the next attempt."""
        assert self.alert is not None
        self._earlier.add(self.alert)
        self.believed_at = now + _ALERT_PATIENCE


class AnswerNumbers:
    """Which numbers the peer's answers have: a server begins with that of the hello (RFC 6347 section 4.2.1).

    Args:
        first: On a server: the number of the hello.
        server: Whether the own role is the server's.

    Attributes:
        lowest: What has a lower number answers, or belongs to, an earlier attempt; 0 when all are good.
    """

    __slots__ = ("_server", "lowest")

    def __init__(self, first: int, *, server: bool) -> None:
        self._server = server
        self.lowest = first

    def begin_anew(self, following: int) -> int:
        """Choose the number of another hello, which nobody knows who only guesses.

        Args:
            following: The next number without that.
        """
        self.lowest = following + 64 + secrets.randbelow(_FAR)
        return self.lowest

    @property
    def beyond(self) -> int:
        """What has this number, or a higher one, is of somebody who has not seen the hello of this attempt."""
        return self.lowest + _NUMBERS_OF_AN_ATTEMPT if self.lowest and not self._server else 1 << 48

    def fits(self, number: int) -> bool:
        """Whether a record with this number may be an answer to this attempt."""
        return self.lowest <= number < self.beyond


class Waiting:
    """How long nothing has happened, and how long that is normal.

    Attributes:
        longest: The longest time in seconds that the peer took for an answer.
    """

    __slots__ = ("_answered", "_heard_at", "_news_at", "_patience", "_silence", "_since", "longest")

    def __init__(self) -> None:
        self._news_at = self._since = self._heard_at = 0.0
        self._silence = 0.0  # the longest between two repetitions
        self._answered = False
        # OpenSSL's servers repeat their last flight only for a client whose own OpenSSL has repeated, after a second.
        self._patience = _STALL
        self.longest = 0.0

    def begin(self, now: float) -> None:
        """An attempt begins. Before the first answer there is nothing that could have gone wrong."""
        self._news_at = self._since = now
        self._answered = False

    def progress(self, now: float) -> None:
        """The peer's next flight is there."""
        self.longest = max(self.longest, now - self._since)
        self._answered = True
        self._heard_at, self._silence = now, 0.0
        self.goes_on(now)

    def goes_on(self, now: float) -> None:
        """The own side has taken its time, and goes on."""
        self._news_at = self._since = now

    def life(self, now: float) -> None:
        """The peer is there, but has nothing new."""
        self._since = now

    def no_life(self) -> None:
        """What came last was all that the peer had to say before: it has not got our answer, or can do nothing with it.

        One that only thinks about it shows less (see AssociationHandshake._show_life).
        """
        self._since = self._news_at

    def heard(self, now: float) -> None:
        """The peer has said something that fits, were it the same again."""
        self._silence = max(self._silence, now - self._heard_at)
        self._heard_at = now

    def repeats_until(self) -> float:
        """Until when a peer that waits for us has repeated itself: its intervals double (RFC 6347 section 4.2.4.1)."""
        return self._heard_at + max(_STALL, 2.5 * self._silence)

    def stalled_at(self) -> float | None:
        """When to believe that the handshake is stuck."""
        return self._since + max(self._patience, 3 * self.longest) if self._answered else None

    def lengthen(self) -> None:
        """It was stuck; be more patient from now on."""
        self._patience *= 2


class WrongKeySigns:
    """Tells a wrong pre-shared key at a server: the client's Finished comes and comes, and never fits."""

    __slots__ = ("_count", "_possible", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0
        self._possible = True

    def rule_out(self) -> None:
        """The key exchange itself was forged or damaged; no wonder that nothing fits."""
        self._possible = False

    def repeated(self, now: float) -> bool:
        """Count an undecryptable repetition; whether it is clear now."""
        self._count += 1
        if self._count == 1:
            self._since = now
        return self._possible and self._count >= _KEY_SIGNS and now - self._since >= _KEY_PATIENCE


class OtherHello:
    """Tells a server that the hello which it has answered was damaged: its client goes on sending another one.

    Anybody can forge a part of a hello, save its beginning with the cookie. But when the answered hello was not
    damaged, the client's own copies of it contradict the forgery.

    Attributes:
        certain: That is clear.
    """

    __slots__ = ("_begun", "_part", "_record", "certain")

    def __init__(self) -> None:
        self._part: Fragment | None = None
        self._record = -1
        self._begun = False  # the client has begun to repeat its hello since the part came
        self.certain = False

    def came(self, part: Fragment, record: int) -> None:
        """A part of a hello contradicts what was answered; the network may have copied its record, with the number."""
        if part != self._part:
            self._part, self._record, self._begun = part, record, not part.offset
            self.certain = False
        elif record != self._record and self._begun:
            self.certain = True

    def fits(self, part: Fragment) -> None:
        """A part of a hello is what was answered."""
        other = self._part
        if other is None:
            return
        if part.offset < other.offset + len(other.body) and other.offset < part.offset + len(part.body):
            self._part = None
            self.certain = False
        elif not part.offset:
            self._begun = True


class AskedOnce(HandshakeDecisions):
    """Keeps the program's answers for later attempts, so that nobody is asked twice.

    Args:
        decisions: Who answers.
    """

    __slots__ = ("_accepted", "_certificates", "_decisions", "_issues", "_keys", "refused")

    def __init__(self, decisions: HandshakeDecisions) -> None:
        self._decisions = decisions
        self._keys: dict[bytes, PreSharedKey | None] = {}
        self._accepted: dict[VerificationIssue, bool] = {}
        self._certificates: tuple[bytes, ...] = ()
        self._issues: frozenset[VerificationIssue] = frozenset()
        #: Whether there was no key to give; then another attempt cannot do better.
        self.refused = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # and nothing of the keys

    def forget(self) -> None:
        """The handshake is over; keep no copy of any key."""
        self._keys.clear()  # a key overwrites itself when nobody needs it
        self._accepted.clear()
        self._certificates, self._issues = (), frozenset()

    def accept(self, certificates: tuple[bytes, ...], issues: tuple[VerificationIssue, ...]) -> None:
        """The program accepts the peer's certificates in spite of these issues."""
        self._certificates, self._issues = certificates, frozenset(issues)

    def has_accepted(self, certificates: tuple[bytes, ...], issues: tuple[VerificationIssue, ...]) -> bool:
        """Whether it has accepted the same certificates in an earlier attempt, with no fewer issues."""
        return bool(issues) and certificates == self._certificates and self._issues.issuperset(issues)

    def continue_after(self, issue: VerificationIssue) -> bool:
        if issue not in self._accepted:
            self._accepted[issue] = self._decisions.continue_after(issue)
        return self._accepted[issue]

    def accept_now(self, issues: tuple[VerificationIssue, ...]) -> bool | None:
        return self._decisions.accept_now(issues)

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        if hint not in self._keys:
            self._keys[hint] = self._decisions.psk_for_server(hint)
        key = self._keys[hint]
        self.refused = key is None or not key.usable
        # Each session overwrites the key that it was given.
        return None if key is None else PreSharedKey(key.identity, key.key[:], key.hash_algorithm)

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        return self._decisions.psk_for_client(identity)
