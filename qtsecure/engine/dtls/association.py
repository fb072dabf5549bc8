"""DTLS 1.2 as a value: datagrams and the time in; datagrams, messages and events out.

A front end does this, for ever: ``receive()`` each datagram of the peer, send what
``take_outgoing()`` gives, handle each ``next_event()``, deliver ``take_messages()``, and call
``handle_timer()`` when ``timer()`` says so. Times are seconds of any monotonic clock. Nothing that a
peer sends makes a method raise; what the program's own decisions raise comes out of the call.

The association sits between the network and OpenSSL, which alone is helpless on a bad network and
against forged datagrams:

* Incoming handshake messages are collected and checked first (:mod:`.assembler`).
* The own flights are repeated early, and when the peer repeats its own (:mod:`.flights`).
* An unencrypted alert is believed only when nothing better follows within half a second: anybody
  can send one. While the program is asked something, the peer only waits for us: then it is believed
  when the peer would have repeated itself (RFC 6347 section 4.1.2.7 lets such alerts be discarded).
* A client whose handshake has been spoiled all the same begins again with a new session. A failure
  that happens twice in the same way is true and is reported. A fatal alert precedes the new hello, so
  that a server which takes only one hello for each address forgets the first.
  A server cannot begin again, unless it was the hello that was damaged: its client has to. Clients built on
  this engine do.
  Nothing can reset a foreign server that has switched to encryption with other keys than the client's: it
  believes no unencrypted datagram any more. Only an association from another port gets through to it.
* With a pre-shared key the wrong key looks like forged records. Here the server tells it from that:
  the same key exchange comes again and again, and what follows can never be decrypted.
"""

from __future__ import annotations

import dataclasses

from qtsecure.engine.alerts import AlertDescription, AlertLevel
from qtsecure.engine.certificates import Credentials
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls.flights import Flight
from qtsecure.engine.dtls.handshake import AssociationHandshake
from qtsecure.engine.dtls.statistics import DropReason
from qtsecure.engine.dtls.wire import (
    ALERT,
    APPLICATION_DATA,
    HANDSHAKE,
    RECORD_HEADER,
    ClientHelloStart,
    MalformedDatagram,
    Record,
    plain_record,
    split_records_untrusted,
)
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import Event, FailureKind, StreamFailed
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import IN_HANDSHAKE, StreamState
from qtsecure.errors import SecureError

__all__ = ["DEFAULT_MTU", "SMALLEST_MTU", "DtlsAssociation", "require_datagrams"]

DEFAULT_MTU = 1200
SMALLEST_MTU = 256
"""OpenSSL refuses to work with less."""
_LARGEST_MTU = 65507
_MAX_LAST_WORDS = 8

_S = members_of(StreamState)


class DtlsAssociation(AssociationHandshake):
    """One side of a DTLS association, without any I/O.

    Args:
        configuration: What to bring along and to demand; its versions have to be DTLS versions.
        server: Take the server's role; the listener does that.
        peer_name: On a client: the name or IP address that the server must prove.
        decisions: Who answers the questions inside the handshake.
        mtu: The largest datagram to send, in bytes of UDP payload; 256 to 65507.
        hello: On a server: the hello that this association is for.
        peer_place: On a client: where the server is, for example ``"host:4433"``; a session of one place
            is not resumed at another.
        session: On a client: the session to resume if the server still knows it.
        chooses: Wait for the program's choices: a server for its configuration, a client for a
            certificate; see :class:`~qtsecure.engine.tls_stream.TlsStream`.
        traced: Tell of each message of the handshake; repetitions because of losses are not told.

    Raises:
        ValueError: When the versions or the size are not usable.
        SecureError: When OpenSSL refuses a part of the configuration, or the session belongs to another
            peer or configuration.
    """

    __slots__ = ("__weakref__", "_last_words_left")

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        server: bool,
        peer_name: str = "",
        decisions: HandshakeDecisions | None = None,
        mtu: int = DEFAULT_MTU,
        hello: ClientHelloStart | None = None,
        peer_place: str = "",
        session: Session | None = None,
        chooses: bool = False,
        traced: bool = False,
    ) -> None:
        require_datagrams(configuration)
        _require_mtu(mtu)
        super().__init__(
            configuration,
            server=server,
            peer_name=peer_name,
            decisions=decisions,
            mtu=mtu,
            hello=hello,
            peer_place=peer_place,
            session=session,
            chooses=chooses,
            traced=traced,
        )
        self._last_words_left = _MAX_LAST_WORDS

    # ------------------------------------------------------------------ what front ends call

    def receive(self, datagram: bytes, now: float) -> None:
        """Take one datagram of the peer. Afterwards: events, messages and datagrams to send."""
        message = self.receive_message(datagram, now)
        if message:
            self._messages.append(message)

    def receive_message(self, datagram: bytes, now: float) -> bytes:
        """The same, and return the message at once if the datagram is an ordinary one (the hot path).

        Returns:
            The message. If empty, there may be events, messages and datagrams to send instead; if not, there
            are none that were not there before.
        """
        statistics = self.statistics
        statistics.datagrams_received += 1
        if (
            self._established
            and len(datagram) > RECORD_HEADER
            and datagram[0] == APPLICATION_DATA
            and len(datagram) == RECORD_HEADER + (datagram[11] << 8) + datagram[12]
        ):
            message = self._session.open(datagram)
            if message:
                statistics.messages_received += 1
                self._flight = None  # whoever sends data has got the last flight
                return message
            self._nothing_read(now, datagram)
        else:
            self._receive_other(datagram, now)
        return b""

    def _receive_other(self, datagram: bytes, now: float) -> None:
        if not self._established and self._receive_whole_flight(datagram, now):
            return
        try:
            records = split_records_untrusted(datagram)
        except MalformedDatagram:
            self.statistics.drop(DropReason.MALFORMED)
            return
        if self._established:
            self._receive_established(records, now)
        elif self._session.state in IN_HANDSHAKE:
            self._receive_handshake(records, now)
        else:
            self._receive_ended(records, now)

    def take_outgoing(self) -> list[bytes]:
        """The datagrams to send, in order."""
        outgoing = self._outgoing
        if outgoing:
            self._outgoing = []
        return outgoing

    def take_messages(self) -> list[bytes]:
        """What the peer has sent: one entry for each of its messages."""
        messages = self._messages
        if messages:
            self._messages = []
        return messages

    def next_event(self) -> Event | None:
        """The oldest event that was not fetched yet, or None."""
        return self._events.pop(0) if self._events else None

    def timer(self) -> float | None:
        """When to call handle_timer(), in the time of ``now``; None for never, as matters stand."""
        state = self._session.state
        if state not in IN_HANDSHAKE:
            return None
        due = self._alert.believed_at if self._alert.alert is not None else None
        if state is _S.HANDSHAKING:
            for other in (self._retransmission.due, self._stalled_at()):
                if other is not None and (due is None or other < due):
                    due = other
        return due

    def handle_timer(self, now: float) -> bool:
        """The time that timer() told has come; too early is harmless.

        Returns:
            Whether a flight was sent again because nobody has answered it.
        """
        state = self._session.state
        if self._alert.alert is not None and now >= self._alert.believed_at:
            self._believe_alert(now)
        elif state is not _S.HANDSHAKING:
            return False
        elif (stalled := self._stalled_at()) is not None and now >= stalled:
            self._waiting.lengthen()
            self._restart(now)
        elif self._retransmission.due is not None and now >= self._retransmission.due:
            self._send_again(now)
            return True
        return False

    def write(self, payload: bytes) -> None:
        """Encrypt one message, which becomes one datagram.

        Raises:
            SecureError: ``MessageTooLarge`` for more than :attr:`largest_message` bytes; nothing is sent.
            ValueError: When it is empty: DTLS peers cannot tell an empty message from none.
            RuntimeError: When the handshake is not complete, or the sending side is closed.
        """
        datagram = self.write_message(payload)
        if datagram:
            self._outgoing.append(datagram)

    def write_message(self, payload: bytes) -> bytes:
        """The same, and return the datagram at once (the hot path); what take_outgoing() has comes before it.

        Returns:
            The datagram; nothing when the association has failed, which an event tells.
        """
        session = self._session
        size = len(payload)
        if not 0 < size <= self._room and session.established:
            if not payload:
                raise ValueError("payload must not be empty.")
            raise SecureError(
                SecureError.Code.MessageTooLarge,
                f"A message of {size} bytes does not fit into one datagram; "
                f"the largest that does has {self._room} bytes.",
            )
        datagram = bytes(session.write_and_take(payload))
        if session.events:
            self._take_events()
        if datagram:
            statistics = self.statistics
            statistics.messages_sent += 1
            statistics.datagrams_sent += 1
        return datagram

    def accept_certificate(self, now: float) -> None:
        """Answer CertificateProblems with yes: the handshake goes on."""
        self._program_answered(now)
        if self._session.state is _S.DECIDING:
            self._asked.accept(self._session.peer_certificates(), self._session.issues)
        self._accept(now)

    def reject_certificate(self, now: float) -> None:
        """Answer CertificateProblems with no: the peer is told with the alert of the first issue."""
        self._session.reject_certificate()
        self._after_step(now)

    def provide_configuration(self, configuration: TlsConfiguration, now: float) -> None:
        """Answer ConfigurationNeeded: the handshake goes on with this configuration.

        Raises:
            ValueError: When its versions are of TLS.
            SecureError: OpenSSL refuses a part of it; the handshake goes on waiting.
        """
        require_datagrams(configuration)
        self._program_answered(now)
        try:
            self._session.provide_configuration(configuration)
        finally:
            self._after_step(now)
        self._feed(now)

    def refuse_name(self, unable: str, now: float) -> None:
        """Answer ConfigurationNeeded with no: the client is told that its host is not served here.

        Args:
            unable: See :meth:`~qtsecure.engine.choosing.Choosing.refuse_name`; empty for an unknown name.
            now: The time in seconds.
        """
        self._session.refuse_name(unable)
        self._after_step(now)

    def provide_certificate(self, credentials: Credentials | None, now: float) -> None:
        """Answer CertificateRequested: with a certificate, or with None for none.

        Raises:
            SecureError: OpenSSL refuses the certificate; the handshake goes on waiting.
        """
        self._program_answered(now)
        try:
            self._session.provide_certificate(credentials)
        finally:
            self._after_step(now)
        # Another attempt, after a forged datagram, answers in the same way without asking.
        self._chooses = False
        if credentials is not None:
            self._configuration = dataclasses.replace(self._configuration, credentials=credentials)
            self._offered = None
        self._feed(now)

    def close(self, now: float) -> None:
        """Send close_notify and nothing after it; it is not repeated, so it may get lost."""
        in_handshake = self._session.state in IN_HANDSHAKE
        self._session.close()
        if in_handshake:
            self._say_goodbye_in_the_open()
        self._after_step(now)

    def give_up(self, now: float) -> None:
        """The front end's total deadline for the handshake has passed."""
        if self._session.state not in IN_HANDSHAKE:
            return
        if self._alert.alert is not None:
            self._believe_alert(now, last=True)
            return
        self._session.abandon(StreamFailed(FailureKind.TIMED_OUT, self._why_nothing_happened()))
        if self.server:
            self._say_goodbye_in_the_open()  # the client's user may still be thinking about the certificate
        self._after_step(now)

    def _say_goodbye_in_the_open(self) -> None:
        """Send an unencrypted close_notify, if the peer has nothing encrypted from us that it would have to match."""
        if self._flight is not None and not self._flight.encrypted:
            words = plain_record(ALERT, 0, bytes((AlertLevel.WARNING, AlertDescription.CLOSE_NOTIFY)))
            self._send(Flight(words))

    def forget_keys(self) -> None:
        """The front end drops the association without a word: keep no pre-shared key."""
        self._session.forget_keys()
        self._asked.forget()

    @property
    def identity(self) -> bytes:
        """On a server: what distinguishes the hello that the association was made for."""
        return self._identity

    @property
    def began_with_damage(self) -> bool:
        """On a server: whether the hello that the association was made for is not what its client has sent."""
        return self._other_hello.certain and self._session.state is _S.HANDSHAKING

    # ---------------------------------------------------------------- facts for front ends

    @property
    def has_events(self) -> bool:
        """Whether next_event() has something."""
        return bool(self._events)

    @property
    def mtu(self) -> int:
        """The largest datagram to send, in bytes of UDP payload."""
        return self._mtu

    @property
    def largest_message(self) -> int:
        """How many bytes write() takes at most; 0 before the handshake is complete."""
        return self._room

    def set_mtu(self, mtu: int) -> None:
        """Change the largest datagram to send, in bytes of UDP payload; 256 to 65507.

        Raises:
            ValueError: When it is outside of these limits.
        """
        _require_mtu(mtu)
        self._mtu = self._flight_mtu = mtu
        if self._room:
            self._room = self._session.largest_message(mtu)

    # ---------------------------------------------------------------------------- after the handshake

    def _receive_established(self, records: list[Record], now: float) -> None:
        for record in records:
            if record.epoch == 0:
                self.statistics.drop(DropReason.STALE)  # nothing unencrypted counts any more
            elif record.data in self._finished_candidates:
                self._answer_repetition(now)
            elif self._established and not self._read_any(record.data):
                self._nothing_read(now, record.data)

    def _nothing_read(self, now: float, record: bytes) -> None:
        """A record had no message in it: an alert, a repeated Finished, or a forgery."""
        session = self._session
        answer = session.take_all()
        if answer:
            flight = Flight(answer)
            self._send(flight)
            if record[0] == HANDSHAKE and answer[0] != ALERT:
                # A Finished that the peer has encrypted anew, as OpenSSL does each time that its own timer runs out.
                # OpenSSL answers it once, but the peer repeats it as it is, and its number is not new any more.
                self._finished_candidates = (record,)
                self._flight = flight
                self._retransmission.asked_again(now)
        if not self._take_events() and not answer:
            self.statistics.drop(DropReason.UNAUTHENTIC)

    def _receive_ended(self, records: list[Record], now: float) -> None:
        """Say the last words again to a peer that has not heard them."""
        asks = any(record.kind == HANDSHAKE for record in records)
        if (
            asks
            and self._session.state is _S.FAILED
            and self._flight is not None
            and self._flight.records[0].kind == ALERT
            and self._last_words_left
            and self._retransmission.may_answer(now)
        ):
            self._last_words_left -= 1
            self._retransmission.last_sent = now
            self._send(self._flight)
        else:
            self.statistics.drop(DropReason.CLOSED)


def require_datagrams(configuration: TlsConfiguration) -> None:
    """ValueError unless the versions of a configuration are of DTLS."""
    if not configuration.minimum_version.is_datagram or not configuration.maximum_version.is_datagram:
        raise ValueError("configuration must be for DTLS: its minimum_version or maximum_version is of TLS.")


def _require_mtu(mtu: int) -> None:
    if not SMALLEST_MTU <= mtu <= _LARGEST_MTU:
        raise ValueError(f"mtu must be between {SMALLEST_MTU} and {_LARGEST_MTU} bytes, not {mtu}.")
