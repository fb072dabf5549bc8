"""How an association gets through its handshake, on a bad network and among forged datagrams.

What is told to front ends about it is in :mod:`.association`.
"""

from __future__ import annotations

from qtsecure.engine.alerts import AlertDescription, AlertLevel
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls.assembler import Assembler, Verdict
from qtsecure.engine.dtls.doubts import AnswerNumbers, AskedOnce, HeldAlert, OtherHello, Waiting, WrongKeySigns
from qtsecure.engine.dtls.facts import AssociationFacts
from qtsecure.engine.dtls.flights import Flight, Numbering, RetransmissionTimer
from qtsecure.engine.dtls.session import DtlsSession
from qtsecure.engine.dtls.statistics import AssociationStatistics, DropReason
from qtsecure.engine.dtls.wire import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    ClientHelloStart,
    Fragment,
    HandshakeType,
    MalformedDatagram,
    Record,
    fragment_untrusted,
    hello_verify_request,
    plain_record,
)
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import AlertReceived, CertificateProblems, Event, FailureKind, StreamFailed
from qtsecure.engine.failures import explain_early_end
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import StreamState
from qtsecure.engine.verification import IssueCode

__all__ = ["AssociationHandshake"]

_FALLBACK_MTUS = ((2, 1232), (4, 548))
"""After so many repetitions of a flight, datagrams of the handshake are at most so large."""

_MAX_RESTARTS = 5
_DAMAGED_CERTIFICATE = ("damaged certificate",)
_SIGNS_OF_DAMAGE = frozenset({IssueCode.CERT_SIGNATURE_FAILURE, IssueCode.STATUS_UNREADABLE, IssueCode.STATUS_FORGED})
_PATIENCE_WITH_NUMBERS = 2
_LONGEST_FINISHED = 256
"""Bytes of its record: 61 with the usual suites. What is longer is not, and not kept for as long as the association."""

_S = members_of(StreamState)
_WAITING = (_S.DECIDING, _S.CHOOSING)
_CONTRADICTING = (Verdict.DROPPED, Verdict.CONTRADICTION)


class AssociationHandshake(AssociationFacts):
    """The part of an association that front ends do not see."""

    __slots__ = (
        "_alert",
        "_asked",
        "_assembler",
        "_chooses",
        "_configuration",
        "_cookie",
        "_established",
        "_events",
        "_failures",
        "_finished_candidates",
        "_flight",
        "_flight_mtu",
        "_heard",
        "_hello",
        "_identity",
        "_messages",
        "_mtu",
        "_numbering",
        "_numbers",
        "_offered",
        "_other_cookie",
        "_other_hello",
        "_outgoing",
        "_peer_name",
        "_peer_place",
        "_portions",
        "_retransmission",
        "_room",
        "_traced",
        "_verified",
        "_waiting",
        "_wrong_key",
        "server",
        "statistics",
    )

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        server: bool,
        peer_name: str,
        decisions: HandshakeDecisions | None,
        mtu: int,
        hello: ClientHelloStart | None,
        peer_place: str,
        session: Session | None,
        chooses: bool,
        traced: bool,
    ) -> None:
        self.server = server
        self.statistics = AssociationStatistics()
        self._configuration = configuration
        self._peer_name = peer_name
        self._peer_place = peer_place
        self._offered = session
        self._chooses = chooses
        self._traced = traced
        self._asked = AskedOnce(decisions or HandshakeDecisions())
        self._mtu = self._flight_mtu = mtu
        self._room = 0
        self._established = False
        self._events: list[Event] = []
        self._messages: list[bytes] = []
        self._outgoing: list[bytes] = []
        self._flight: Flight | None = None
        self._retransmission = RetransmissionTimer(server=server, verified=hello is not None and bool(hello.cookie))
        # A server's first record has the number of the client's, as the client has seen lower ones.
        first = int.from_bytes(hello.record_sequence, "big") if hello is not None else 0
        self._numbering = Numbering(first if first < 1 << 40 else 0)
        self._numbers = AnswerNumbers(first, server=server)
        self._verified = hello is not None and bool(hello.cookie)
        self._identity = hello.identity if hello is not None else b""
        self._hello = hello
        self._session = self._new_session()
        self._assembler = Assembler(server=server, first=hello.message_number if hello is not None else 0)
        #: What OpenSSL has still to be given of the peer's flight.
        self._portions: list[bytes] = []
        self._heard = False
        self._cookie: bytes | None = None
        self._other_cookie: bytes | None = None
        self._other_hello = OtherHello()
        self._alert = HeldAlert()
        self._waiting = Waiting()
        self._wrong_key = WrongKeySigns()
        self._failures: set[tuple[str, ...]] = set()
        self._finished_candidates: tuple[bytes, ...] = ()

    # ------------------------------------------------------------------------- input and output

    def start(self, now: float) -> None:
        """Begin the handshake; a client has its hello to send afterwards.

        Raises:
            SecureError: When OpenSSL refuses a part of the configuration.
        """
        self._waiting.begin(now)
        try:
            self._session.start()
        finally:
            if not self.server:  # which only listens
                self._after_step(now)

    def _receive_whole_flight(self, datagram: bytes, now: float) -> bool:
        """Hand a datagram to OpenSSL as it is, if nothing speaks against it; whether that was so."""
        session = self._session
        if (
            session.state is not _S.HANDSHAKING
            or self._portions
            or self._alert.alert is not None
            or (self.server and session.psk_in_use)
            or not self._assembler.take_whole_flight_untrusted(datagram, self._numbers.lowest, self._numbers.beyond)
        ):
            return False
        self._heard = True
        if self.server:
            self._retransmission.stop()  # the client has our flight
        self._note_progress(now)
        self._portions.append(datagram)
        self._feed(now)
        if self.server and session.state in _WAITING:
            self._show_life(now)
        return True

    def _receive_handshake(self, records: list[Record], now: float) -> None:
        assembler = self._assembler
        repeated = early = False
        for record in records:
            if record.epoch == 0:
                self._heard = True
                if not self._numbers.fits(record.sequence) and self._is_outdated(now):
                    self.statistics.drop(DropReason.STALE)
                elif record.kind == HANDSHAKE:
                    repeated |= self._take_fragments(record, now)
                    if assembler is not self._assembler:
                        return  # begun anew
                elif record.kind == CHANGE_CIPHER_SPEC and record.payload == b"\1":
                    assembler.add_change_cipher_spec()
                elif record.kind == ALERT:
                    repeats_until = self._waiting.repeats_until() if self._session.state in _WAITING else None
                    self._alert.hold(record.payload, now, self._waiting.longest, repeats_until)
                else:
                    self.statistics.drop(DropReason.UNEXPECTED)
            elif record.epoch == 1:
                if not assembler.add_encrypted(record.data):
                    self.statistics.drop(DropReason.TOO_MANY)
                if record.kind == HANDSHAKE:
                    self._note_undecryptable(now)
                else:
                    early = True
            else:
                self.statistics.drop(DropReason.UNEXPECTED)
        if self.server and assembler.started:
            # The client has our flight. GnuTLS's never repeats its own while ours keeps coming.
            self._retransmission.stop()
        if self._session.state is _S.HANDSHAKING:
            self._give_flight(now)
        if repeated and self._session.state is _S.HANDSHAKING:
            self._answer_repetition(now)
        elif early and assembler.resuming and self._verified and self._session.state is _S.HANDSHAKING:
            # The client has finished and says nothing else by itself, so its Finished was lost: our flight brings it.
            if self._retransmission.may_remind(now):
                self._answer_repetition(now)
        elif self.server and self._session.state in _WAITING:
            self._show_life(now)

    def _is_outdated(self, now: float) -> bool:
        """Whether strange record numbers mean what they should.

        There are servers that count otherwise, as OpenSSL's do, which give no cookie to the fifth hello in a row;
        and the number of the hello may have been damaged.
        """
        hello = self._retransmission
        if hello.repetitions >= _PATIENCE_WITH_NUMBERS and hello.earlier_answers_have_come(now):
            self._numbers.lowest = 0
        return self._numbers.lowest > 0

    def _take_fragments(self, record: Record, now: float) -> bool:
        """Take each fragment of a record; whether the end of the peer's last flight came again."""
        position = 0
        repeated = False
        while position < len(record.payload):
            try:
                part = fragment_untrusted(record.payload, position)
            except MalformedDatagram:
                self.statistics.drop(DropReason.MALFORMED)
                break
            position += 12 + len(part.body)
            if part.kind == HandshakeType.HELLO_VERIFY_REQUEST:
                if not self.server and self._take_hello_verify_request(part, record.data[1:3], now):
                    break
                continue
            verdict = self._assembler.add(part)
            if part.kind == HandshakeType.CLIENT_HELLO and self._assembler.is_last(part):
                if verdict in _CONTRADICTING:
                    self._other_hello.came(part, record.sequence)
                else:
                    self._other_hello.fits(part)
            if verdict is Verdict.DROPPED:
                self.statistics.drop(DropReason.UNEXPECTED)
            elif verdict is Verdict.CONTRADICTION:
                self.statistics.drop(DropReason.STALE)
                self._wrong_key.rule_out()
                if self._can_restart():
                    self._restart(now)
                    break
            else:
                self._alert.forget()
                self._waiting.heard(now)
                if verdict is Verdict.FLIGHT_REPEATED:
                    repeated = True
                    self._waiting.no_life()
                else:
                    self._waiting.life(now)
        return repeated

    def _give_flight(self, now: float) -> None:
        """Hand a complete flight to OpenSSL."""
        portions = self._assembler.take_flight()
        if portions:
            self._note_progress(now)
            self._portions += portions
            self._feed(now)

    def _feed(self, now: float) -> None:
        """Go on until there is nothing left, or a decision is needed."""
        session = self._session
        try:
            while self._portions and session.state is _S.HANDSHAKING:
                session.feed(self._portions.pop(0))
        except BaseException:
            self._asked.refused = True  # what the program's decisions raise is no answer, but final
            raise
        finally:
            self._after_step(now)

    def _take_hello_verify_request(self, part: Fragment, version: bytes, now: float) -> bool:
        """Answer with the cookie; whether the handshake went on or began anew."""
        body = part.body
        if part.number or part.offset or len(body) != part.length or len(body) < 3 or len(body) != 3 + body[2]:
            self.statistics.drop(DropReason.MALFORMED)
            return False
        cookie = body[3:]
        if self._cookie is not None:
            # One of two cookies was forged. The genuine one comes again: the other does not satisfy the server.
            doubtful = cookie not in (self._cookie, self._other_cookie)
            if cookie == self._cookie and self._assembler.next == 1:
                self._waiting.begin(now)  # the server is still thinking about the hello
            if cookie == self._cookie or doubtful or self._assembler.next != 1 or not self._can_restart():
                self._other_cookie = cookie if doubtful else self._other_cookie
                self.statistics.drop(DropReason.STALE)
                return False
            self._restart(now)
            return True
        if self._assembler.next:
            self.statistics.drop(DropReason.STALE)
            return False
        self._cookie = cookie
        self._alert.forget()
        self._note_progress(now)
        try:
            self._session.feed(self._assembler.hello_verify_request(part, version))
        finally:
            self._after_step(now)
        return True

    def _after_step(self, now: float) -> None:
        """Hand on what OpenSSL has done: its events and its flight."""
        session = self._session
        if session.events:
            events = session.events[:]
            session.events.clear()
            if self._are_doubtful(events):
                self._restart(now)
                return
            if session.state is _S.DECIDING and self._asked.has_accepted(session.peer_certificates(), session.issues):
                self._events += [event for event in events if not isinstance(event, CertificateProblems)]
                self._accept(now)
                return
            self._events += events
        output = session.take_all()
        if output:
            self._new_flight(Flight(output), now)
            if self.server:
                self._assembler.resuming = session.session_reused()
        state = session.state
        if state is _S.HANDSHAKING:
            return
        if state in _WAITING:
            self._retransmission.stop()
            return
        self._asked.forget()
        if state is _S.FAILED:
            self._established = False
            self._retransmission.stop()
            self._alert.forget()
        elif session.complete and not self._room:
            self._establish(sent_last=bool(output))

    def _accept(self, now: float) -> None:
        """The program has accepted the certificate, now or in an earlier attempt."""
        try:
            self._session.accept_certificate()
        finally:
            self._after_step(now)
        self._feed(now)

    def _establish(self, *, sent_last: bool) -> None:
        session = self._session
        self._room = session.largest_message(self._mtu)
        self._retransmission.stop()
        self._alert.forget()
        if not sent_last:
            self._flight = None
        encrypted = self._assembler.encrypted
        # What the peer repeats, if our last flight gets lost. Which of them is genuine OpenSSL does not say.
        finished = (record for record in encrypted if record[0] == HANDSHAKE and len(record) <= _LONGEST_FINISHED)
        self._finished_candidates = tuple(finished) if sent_last else ()
        self._assembler.forget()
        self._portions.clear()
        self._established = session.established
        # Data may have overtaken the end of the handshake; OpenSSL drops what it has had.
        for record in (b"", *encrypted):
            if not record or record[0] != HANDSHAKE:
                self._read_any(record)
        self._take_events()

    def _new_flight(self, flight: Flight, now: float) -> None:
        # OpenSSL's own timer may have repeated the flight before; nobody waits for that any more.
        news = flight if self._flight is None else flight.after(self._flight)
        self._flight = news or flight
        self._send(self._flight)
        if news is not None:
            self._retransmission.flight_sent(now)
        else:
            self._retransmission.last_sent = now

    def _send(self, flight: Flight) -> None:
        datagrams = flight.datagrams(self._flight_mtu, self._numbering)
        self._outgoing += datagrams
        self.statistics.datagrams_sent += len(datagrams)

    # ----------------------------------------------------------------- time, loss and lies

    def _send_again(self, now: float) -> None:
        """Nobody has answered."""
        self._retransmission.sent_again(now)
        self._session.retransmit(self._flight_mtu)
        output = self._session.take_all()
        if output:
            self._flight = Flight(output)
        self._repeat_flight()

    def _answer_repetition(self, now: float) -> None:
        """The peer repeats what was answered: the answer was lost."""
        if self._retransmission.may_answer(now):
            self._retransmission.asked_again(now)
            self._repeat_flight()

    def _show_life(self, now: float) -> None:
        """A decision takes its time: the beginning of the last flight keeps the client from beginning again.

        Before there is a flight the cookie does, again: clients drop it, and ours take it for a sign of life.
        """
        if self._session.state is _S.CHOOSING and self._hello is not None and self._hello.cookie:
            self._outgoing.append(hello_verify_request(self._hello.cookie, self._hello.record_sequence))
        elif self._flight is not None and self._retransmission.may_answer(now):
            self._retransmission.last_sent = now
            self._send(Flight(self._flight.records[0].data))

    def _repeat_flight(self) -> None:
        """Send the flight once more, in smaller datagrams if that did not help before."""
        if self._flight is None:
            return
        self.statistics.retransmissions += 1
        for after, size in _FALLBACK_MTUS:
            if self._retransmission.repetitions > after and self._flight_mtu > size:
                self._flight_mtu = size
        self._send(self._flight)

    def _note_progress(self, now: float) -> None:
        """The peer has answered."""
        self._retransmission.answered(now)
        self._waiting.progress(now)

    def _stalled_at(self) -> float | None:
        return self._waiting.stalled_at() if self._can_restart() else None

    def _can_restart(self) -> bool:
        return (
            not self.server
            and self._session.state in (_S.HANDSHAKING, _S.FAILED)
            and not self._session.complete
            and self.statistics.restarts < _MAX_RESTARTS
        )

    def _are_doubtful(self, events: list[Event]) -> bool:
        """Whether these events are not to be told, because another try may have others."""
        failure = None
        for event in events:
            if isinstance(event, AlertReceived):
                return False  # encrypted, or held long enough
            if failure is None and isinstance(event, StreamFailed):
                failure = event
        return (failure is not None and self._is_doubtful(failure)) or self._is_damaged(events)

    def _is_doubtful(self, failure: StreamFailed) -> bool:
        """Whether somebody else than the peer may have caused a failure, so that it is worth another try."""
        reasons = failure.engine_reasons
        forgeable = failure.kind in (FailureKind.HANDSHAKE, FailureKind.NOT_TLS) or "decode error" in reasons
        known = reasons in self._failures
        self._failures.add(reasons)
        return (
            forgeable
            and self._heard
            and not self._asked.refused
            and bool(reasons)
            and not known
            and self._can_restart()
        )

    def _is_damaged(self, events: list[Event]) -> bool:
        """Whether the server's certificate looks damaged, so that it is worth another try before anybody is asked."""
        if self.server or self._session.complete or self.statistics.restarts >= _MAX_RESTARTS:
            return False
        issues = [issue for event in events if isinstance(event, CertificateProblems) for issue in event.issues]
        known = _DAMAGED_CERTIFICATE in self._failures
        if known or not any(issue.code in _SIGNS_OF_DAMAGE for issue in issues):
            return False
        self._failures.add(_DAMAGED_CERTIFICATE)
        return True

    def _restart(self, now: float, *, keep_alert: bool = False) -> None:
        """Begin again; forget everything that anybody has said."""
        self.statistics.restarts += 1
        if not keep_alert:
            self._alert.forget()
        earlier = self._session
        words = earlier.take_all() if earlier.state is _S.FAILED else b""
        if not words and self._assembler.next > (self._cookie is not None):
            words = plain_record(ALERT, 0, bytes((AlertLevel.FATAL, AlertDescription.INTERNAL_ERROR)))
        if words:
            # A server that takes one hello for each address forgets the first when it gets an alert. One that
            # has only sent a cookie has nothing to forget, and there are some that an alert confuses then.
            self._send(Flight(words))
        self._cookie = self._other_cookie = None
        self._numbering.next = self._numbers.begin_anew(self._numbering.next)
        self._session = self._new_session()
        self._assembler = Assembler(server=False)
        self._portions.clear()
        self._flight = None
        self.start(now)

    def _new_session(self) -> DtlsSession:
        return DtlsSession(
            self._configuration,
            server=self.server,
            peer_name=self._peer_name,
            decisions=self._asked,
            mtu=self._flight_mtu,
            hello_verified=self._verified,
            peer_place=self._peer_place,
            session=self._offered,
            chooses=self._chooses,
            traced=self._traced,
        )

    def _believe_alert(self, now: float, *, last: bool = False) -> None:
        alert = self._alert.alert
        assert alert is not None
        at_cookie = self._cookie is not None and self._assembler.next == 1
        if not last and self._can_restart() and self._alert.worth_another_try(at_cookie=at_cookie):
            self._alert.try_again(now)
            self._restart(now, keep_alert=True)
            return
        level, description = alert
        self._alert.forget()
        if description == AlertDescription.CLOSE_NOTIFY:
            what = "The remote host ended the association during the DTLS handshake."
            asked = self._alert.asked or self._session.state in _WAITING
            self._session.abandon(explain_early_end(what, asked=asked))
        else:
            self._session.alerted(level, description)
        self._after_step(now)

    def _note_undecryptable(self, now: float) -> None:
        """An encrypted message of the handshake came, although the keys should be there already."""
        if not self.server or not self._session.psk_in_use or self._session.complete:
            return
        if self._wrong_key.repeated(now):
            self._session.refuse(
                StreamFailed(
                    FailureKind.HANDSHAKE,
                    "Error during SSL handshake: the peer's messages cannot be decrypted; "
                    "the pre-shared keys of both sides differ.",
                    int(AlertDescription.BAD_RECORD_MAC),
                ),
                AlertDescription.BAD_RECORD_MAC,
            )
            self._after_step(now)

    def _program_answered(self, now: float) -> None:
        """What was asked is answered, and the peer has its turn."""
        self._waiting.goes_on(now)
        self._alert.answered(now, self._waiting.longest)

    def _why_nothing_happened(self) -> str:
        if not self._heard:
            text = (
                "the remote host does not answer; either nothing there speaks DTLS on this port, "
                "or a firewall drops the datagrams"
            )
        elif self._session.psk_in_use and not self._session.complete:
            text = (
                "the remote host fell silent once the keys were exchanged; the pre-shared keys of both sides may differ"
            )
        else:
            text = "the remote host stopped answering"
        return f"Error during SSL handshake: {text}."

    # ------------------------------------------------------------------------------ the end of it

    def _read_any(self, record: bytes) -> bool:
        """Read all messages; whether there were any."""
        messages = self._session.open_any(record)
        self.statistics.messages_received += len(messages)
        self._messages += messages
        return bool(messages)

    def _take_events(self) -> bool:
        """Hand on what happened to an established association; whether anything did."""
        session = self._session
        if not session.events:
            return False
        self._events += session.events
        session.events.clear()
        self._established = session.state in (_S.ESTABLISHED, _S.LOCAL_CLOSED)
        return True
