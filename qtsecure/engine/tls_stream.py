"""TLS 1.2 and 1.3 as a value: ciphertext in, plaintext, ciphertext and events out.

A front end does this, for ever: ``receive()`` what the network brought, handle each
``next_event()``, ``read()`` the plaintext, and send what ``take_outgoing()`` gives.

Three rules make the stream safe, and they are kept here so that no front end can break them:

* **Nothing of the application reaches OpenSSL before the handshake is complete.** ``write()``
  refuses; OpenSSL would put the bytes on the wire unencrypted if a callback is on the stack.
* **No re-entrancy.** While OpenSSL runs (``busy``), every method that would call it raises.
* **A pending certificate decision holds everything back.** The verification itself always
  continues, but the flight that would complete the handshake is kept, so that a rejection can
  still be told to the peer with the right alert.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import ClassVar

from OpenSSL import SSL

from qtsecure.engine import _openssl, _openssl_psk
from qtsecure.engine._openssl_pipes import Outcome, Pipe, buffers_of_this_thread, make_pipe
from qtsecure.engine.alerts import AlertDescription, AlertLevel, fatal_alert_record
from qtsecure.engine.client_hello import HelloReader
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import (
    AlertSent,
    CertificateProblems,
    Event,
    FailureKind,
    HandshakeCompleted,
    PeerClosed,
    StreamFailed,
)
from qtsecure.engine.failures import explain_handshake_failure, explain_traffic_failure
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.host_names import HostName, InvalidHostName, normalize_host_name
from qtsecure.engine.ocsp import demands_status_untrusted
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk_exchange import PskExchange, suites_for
from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted
from qtsecure.engine.resumption import Resumption
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import IN_HANDSHAKE, StreamState, Trigger, next_state
from qtsecure.engine.stream_answers import NOT_PINNED, StreamAnswers
from qtsecure.engine.stream_reading import READABLE
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.errors import SecureError

__all__ = ["TlsStream"]

_S, _T, _O = members_of(StreamState), members_of(Trigger), members_of(Outcome)
_NO_VERIFICATION, _VERIFIED_PEER = VerifyMode.NONE, VerifyMode.PEER
_TLS_1_3 = ProtocolVersion.TLS_1_3
_DONE, _WANT_READ = Outcome.DONE, Outcome.WANT_READ
_ALERT_RECORD, _HANDSHAKE_RECORD = 21, 22
_FIRST_BYTES = 64
"""Enough to tell TLS from other protocols."""
_WRITABLE = (_S.ESTABLISHED, _S.PEER_CLOSED)
_TAKES_NOTHING = (_S.NEW, _S.CLOSED, _S.FAILED, _S.PEER_CLOSED)
_UNPROVEN = (
    "The server did not use the pre-shared key and its certificate is not verified; nothing proves who it is.",
    "The client named an identity, but its pre-shared key could not be used; both sides must agree on its hash "
    "algorithm (SHA-256 or SHA-384).",
)
"""What is wrong when a key was not used: on a client, and on a server."""
_REFUSALS = frozenset({"certificate verify failed", "invalid status response"})
"""OpenSSL's reasons when it was told here to refuse."""


class TlsStream(StreamAnswers):
    """One side of a TLS connection, without any I/O.

    Args:
        configuration: What to bring along and to demand.
        server: Take the server's role.
        peer_name: On a client: the name or IP address that the server must prove, and that is
            sent as its name (SNI). An empty or unusable name fails the verification.
        decisions: Who answers the questions inside the handshake.
        peer_place: On a client: where the peer is, for example ``"host:443"``; a session of one place
            is not resumed at another.
        session: On a client: the session to resume if the server still knows it.
        chooses: Wait for the program: a server for the configuration once it knows which host the client
            wants (ConfigurationNeeded), a client without a certificate for one if it is asked for one
            (CertificateRequested). The configuration given here is the server's until then.
        traced: Tell of each message of the handshake (HandshakeMessage).

    Raises:
        SecureError: The session belongs to another peer or configuration.
    """

    __slots__ = (
        "__weakref__",
        "_complete",
        "_host",
        "_peer_heard",
        "_peer_place",
        "_pipe",
        "_resumption",
        "established",
        "events",
        "raised",
        "server",
        "state",
    )

    _hello_reader: ClassVar[type[HelloReader]] = HelloReader

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        server: bool,
        peer_name: str = "",
        decisions: HandshakeDecisions | None = None,
        peer_place: str = "",
        session: Session | None = None,
        chooses: bool = False,
        traced: bool = False,
    ) -> None:
        self.configuration = configuration
        self.server = server
        self.state = _S.NEW
        #: Whether application data may be written. (Derived: looking up an enum is slow in Python.)
        self.established = False
        self._readable = False
        self._messages_in_a_row = self._new_messages = 0
        self.busy = False
        self.raised: BaseException | None = None
        self._decisions = decisions or HandshakeDecisions()
        self._pipe: Pipe | None = None
        #: What next_event() has to give; only to be looked at.
        self.events: list[Event] = []
        #: Whether the last read() stopped at its limit, so that there may be more to read.
        self.has_more = False
        self._issues: list[VerificationIssue] = []
        self._issues_settled = False
        self._leaf_verified = False
        self._refusal = ""
        self._complete = False
        self._last_words = b""
        self._alert_sent: int | None = None
        self._alert_received: int | None = None
        self._psk = PskExchange(self._decisions)
        #: Set when OpenSSL may have written something by itself (the answer to a KeyUpdate).
        self.answered_peer = False
        #: The last receive_and_read() gave all there was, and there is nothing else to look at.
        self.quiet = False
        self.peer_closed_cleanly = False
        self._host: HostName | None = None
        self._name_checked = not configuration.verify_host_name
        self._peer_heard = False
        self._chain_to_judge: tuple[bytes, ...] = ()
        self._chooses = chooses
        self._traced = traced
        self._certificate_requested = self._certificate_asked = self._certificate_chosen = False
        #: On a server that chooses: the client's hello.
        self._hello = self._hello_reader() if chooses and server else None
        self._require_choices()
        #: On a client: the revocation status that the server has stapled, whatever it says; empty for none.
        self.ocsp_response = b""
        if not server and peer_name:
            try:
                self._host = normalize_host_name(peer_name)
            except InvalidHostName:
                self._host = None  # reported as a verification error; see verify()
        self._peer_place = peer_place
        self._resumption = Resumption(configuration, self._host, peer_place, session) if session is not None else None

    # ------------------------------------------------------------------ what front ends call

    def start(self) -> None:
        """Begin the handshake; a client has its hello to send afterwards."""
        self._move(_T.START)
        if not self.server:
            if self.configuration.psk_enabled and self.configuration.maximum_version is _TLS_1_3:
                self._ask_before_hello()
                if self.raised is not None:
                    self._fail(explain_handshake_failure(("the application raised an exception",), None, None))
                    self._reraise()
            self._make_pipe()
            self._handshake()

    def receive(self, data: bytes | memoryview) -> None:
        """Take ciphertext from the peer. Afterwards: events, plaintext and ciphertext to send."""
        if not data or not self._accepts_input():
            return
        if not self._peer_heard and not self._first_bytes_untrusted(bytes(data[:_FIRST_BYTES])):
            return
        if self._pipe is None:
            self._hold(data)
            return
        self._pipe.feed(data)
        self._after_input()

    def receive_landed(self, count: int) -> None:
        """The same for ``count`` bytes in the landing buffer of this thread (the hot path)."""
        pipe = self._pipe
        if pipe is None:
            self.receive(bytes(buffers_of_this_thread().landing_view[:count]))
            return
        if self._accepts_input():
            if not self._peer_heard:
                first = bytes(buffers_of_this_thread().landing_view[: min(count, _FIRST_BYTES)])
                if not self._first_bytes_untrusted(first):
                    return
            pipe.feed_landed(count)
            if not self._complete:
                self._after_input()

    def receive_end(self) -> None:
        """The transport ended: cleanly only if the peer's close_notify came first."""
        self._refuse_reentrance()
        if self.state in _TAKES_NOTHING:
            return
        if self.state is _S.LOCAL_CLOSED:
            self._move(_T.PEER_CLOSE)
        elif self._complete and self.state is _S.ESTABLISHED and not self.configuration.require_close_notify:
            self._move(_T.PEER_CLOSE)
            self.events.append(PeerClosed())
        elif self._complete and self.state is _S.ESTABLISHED:
            self._fail(
                StreamFailed(
                    FailureKind.TRUNCATED,
                    "The remote host closed the connection without a close_notify; data may be missing at the end.",
                )
            )
        else:
            self._fail(
                StreamFailed(
                    FailureKind.ENDED_IN_HANDSHAKE,
                    "The remote host closed the connection during the TLS handshake.",
                )
            )

    def next_event(self) -> Event | None:
        """The oldest event that was not fetched yet, or None."""
        return self.events.pop(0) if self.events else None

    @property
    def has_events(self) -> bool:
        """Whether next_event() has something."""
        return bool(self.events)

    def write(self, data: bytes) -> None:
        """Encrypt ``data`` whole; take_outgoing() has the ciphertext.

        Raises:
            RuntimeError: When the handshake is not complete, or the sending side is closed.
        """
        pipe = self._begin_writing()
        if not data:
            return  # OpenSSL takes an empty write for an error
        self.busy = True
        try:
            outcome = pipe.write(data)
        finally:
            self.busy = False
        if outcome is not _DONE:
            self._fail(explain_traffic_failure(False, pipe.reasons, self._alert_sent, self._alert_received))
        if self.raised is not None:
            self._reraise()

    def write_and_take(self, data: bytes) -> memoryview:
        """write() and take_outgoing() in one step, for ``data`` that is not empty (the hot path).

        More may be left to take.
        """
        pipe = self._pipe
        if not self.established or self.busy or pipe is None:
            pipe = self._begin_writing()
        self.busy = True
        try:
            ciphertext = pipe.send(data)
        finally:
            self.busy = False
        if ciphertext is None:
            self._fail(explain_traffic_failure(False, pipe.reasons, self._alert_sent, self._alert_received))
            ciphertext = self.take_outgoing()
        if self.raised is not None:
            self._reraise()
        return ciphertext

    def _begin_writing(self) -> Pipe:
        if not self.established or self._pipe is None:
            raise RuntimeError(f"A stream that is {self.state.value} cannot send application data.")
        self._refuse_reentrance()
        return self._pipe

    def take_outgoing(self) -> memoryview:
        """The next ciphertext to send (empty: none); valid until the thread's next engine call."""
        if self._last_words:
            words, self._last_words = self._last_words, b""
            return memoryview(words)
        if self._pipe is None or self.state is _S.DECIDING or self.busy:
            return memoryview(b"")
        return self._pipe.take()

    def accept_certificate(self) -> None:
        """Answer CertificateProblems with yes: the handshake goes on."""
        self._refuse_reentrance()
        if self.state is not _S.DECIDING:
            return
        self._issues_settled = True
        self._move(_T.ACCEPT)
        if self._complete:
            self._establish()
        else:
            self._handshake()

    def reject_certificate(self) -> None:
        """Answer CertificateProblems with no: the peer is told with the alert of the first issue."""
        self._refuse_reentrance()
        if self.state is not _S.DECIDING:
            return
        first = self._issues[0]
        more = f" (and {len(self._issues) - 1} more)" if len(self._issues) > 1 else ""
        self._discard_flight(first.alert)
        self._fail(StreamFailed(FailureKind.CERTIFICATE_REJECTED, f"{_sentence(first)}{more}.", self._alert_sent))

    def close(self) -> None:
        """Send close_notify and nothing after it; the peer may still send."""
        self._refuse_reentrance()
        if self.state is _S.FAILED:
            return
        if self.established and self._pipe is not None:
            self._enter()
            try:
                # It can fail only after a fatal error, which read() or write() reports: then there
                # is nothing left to say, and the transport is closed all the same.
                with contextlib.suppress(SSL.Error):
                    self._pipe.connection.shutdown()
            finally:
                self.busy = False
        self._move(_T.LOCAL_CLOSE)
        self._reraise()

    def forget_keys(self) -> None:
        """The front end drops the connection without a word: keep no pre-shared key in a stream that lives on."""
        if not self.busy:
            self._psk.forget()

    # ---------------------------------------------------------------- facts for front ends

    @property
    def complete(self) -> bool:
        """Whether the handshake has completed, whatever happened since."""
        return self._complete and self.state is not _S.DECIDING

    @property
    def issues(self) -> tuple[VerificationIssue, ...]:
        """Everything that was found wrong with the peer's certificate."""
        return tuple(self._issues)

    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's chain as DER, leaf first, as it was sent (inside accept_now(): as it was built)."""
        if self._chain_to_judge:
            return self._chain_to_judge
        if self._complete and self._resumption is not None and self._resumption.offered is not None:
            return self._resumption.offered.chain  # a resumed handshake brings none along
        return self._pipe.peer_certificates() if self._pipe is not None else ()

    def session(self) -> Session | None:
        """On a client: what can resume this connection later, or None.

        In TLS 1.3 there is one only after a ticket has arrived, and a newer one after each further
        ticket. There is none after verification errors, accepted or not, none after a fatal alert,
        and none with pre-shared keys.
        """
        pipe = self._pipe
        if pipe is None or self.server or self.busy or not self.complete or self._issues:
            return None
        if self._alert_sent is not None or self._alert_received is not None:
            return None
        if self._certificate_asked:
            return None  # resuming it would answer for the program next time
        chain = self.peer_certificates()
        if self.configuration.asks_for_status and chain and demands_status_untrusted(chain[0]):
            return None  # a resumed handshake would come without the status
        if self._resumption is None:
            self._resumption = Resumption(self.configuration, self._host, self._peer_place)
        return self._resumption.session(pipe.connection, chain)

    # ------------------------------------------------------------------------------ inside

    def _ask_before_hello(self) -> None:
        """TLS 1.3 offers the key in its first message, and only suites with the key's hash go with it."""
        self._enter()
        try:
            self.psk_for_server(b"")
        except BaseException as error:  # noqa: BLE001 - raised again when the engine is done
            self.raised = error
        finally:
            self.busy = False

    def _accepts_input(self) -> bool:
        if self.busy:
            raise RuntimeError("The engine is on the stack; it cannot take data now.")
        return self.state not in _TAKES_NOTHING

    def _first_bytes_untrusted(self, data: bytes) -> bool:
        """Refuse what is not TLS, on a server before any memory is spent on it."""
        self._peer_heard = True
        if self.server and starts_tls_handshake_untrusted(data):
            return self._hello is not None or self._make_servers_pipe()
        if not self.server and data[0] in (_HANDSHAKE_RECORD, _ALERT_RECORD):
            return True
        what = describe_first_bytes_untrusted(data)
        self._fail(StreamFailed(FailureKind.NOT_TLS, f"Error during SSL handshake: the peer sent {what}."))
        return False

    def _make_servers_pipe(self) -> bool:
        try:
            self._make_pipe()
        except SecureError as error:
            # The settings are at fault, for instance a key that OpenSSL finds too short: the client is not to wait.
            self._refuse_hello(AlertDescription.INTERNAL_ERROR, error.message)
            return False
        return True

    def _make_pipe(self) -> None:
        configuration = self.configuration
        key = None if self.server else self.psk_to_offer()
        if key is not None:
            configuration = dataclasses.replace(configuration, tls13_suites=suites_for(configuration, key))
        context = context_for(configuration, server=self.server, traced=self._traced)
        pipe = make_pipe(context, server=self.server, hooks=self)
        host = self._host
        if host is not None:
            if self.configuration.verify_host_name:
                self._name_checked = _openssl.set_verified_host(pipe.connection, host.ascii, host.ip)
            if not host.ip and self.configuration.server_name_indication:
                pipe.connection.set_tlsext_host_name(host.ascii.encode("ascii"))
        if not self.server and self.configuration.asks_for_status:
            pipe.connection.request_ocsp()
        if self._resumption is not None and self._resumption.offered is not None:
            self._resumption.offered.offer_on(pipe.connection)
        self._pipe = pipe

    def _begin_with(self, portions: list[bytes]) -> None:
        assert self._pipe is not None
        for portion in portions:
            self._pipe.feed(portion)
        self._after_input()

    def _after_input(self) -> None:
        if self.state is _S.HANDSHAKING:
            self._handshake()

    def _handshake(self) -> None:
        pipe = self._pipe
        assert pipe is not None
        self._enter()
        try:
            outcome = pipe.handshake()
        finally:
            self.busy = False
            if self._issues:
                _openssl.forget_errors()  # a failed signature stays in the queue although the handshake goes on
        if outcome is _DONE:
            self._complete = True
            pipe.watch_messages()
            pipe.stop_at_messages()
            if self._resumption is not None:
                self._judge_resumption(self._resumption)
            self._note_missing_verification()
        elif outcome is _O.FAILED or outcome is _O.CLOSE_NOTIFY:
            self._fail_handshake()
        if self._issues and not self._issues_settled and self.state is _S.HANDSHAKING:
            self._ask_or_report()
        if outcome is _O.WANT_CERTIFICATE and self.state is _S.HANDSHAKING:
            self._ask_for_certificate()  # only a server that is trusted hears who we are
        if self._complete and self.state is _S.HANDSHAKING:
            self._establish()
        if self.raised is not None:
            self._reraise()

    def _ask_or_report(self) -> None:
        needed = self.configuration.verify_mode is _VERIFIED_PEER
        self.events.append(CertificateProblems(tuple(self._issues), needed))
        self._issues_settled = True
        if needed:
            self._move(_T.QUESTION)

    def _judge_resumption(self, resumption: Resumption) -> None:
        assert self._pipe is not None
        issue = resumption.judge(self._pipe.session_reused(), self._pipe.connection.get_peer_certificate())
        if issue is not None:
            self._issues.append(issue)

    def _note_missing_verification(self) -> None:
        if self.configuration.verify_mode is not _VERIFIED_PEER or self._leaf_verified or self._issues:
            return  # nobody asked, or there was one to verify
        assert self._pipe is not None
        if self._pipe.connection.get_peer_certificate() is None:
            self._issues.append(VerificationIssue(int(IssueCode.NO_PEER_CERTIFICATE), 0, None))
        elif self.server or not self._pipe.session_reused():  # what a client resumes was judged before
            self._issues.append(VerificationIssue(int(IssueCode.UNKNOWN_RESULT), 0, self.peer_certificates()[0]))

    def _establish(self) -> None:
        # Again, because a resumed session brings its certificate along without verifying it.
        if self.configuration.pins and not self._pins_match(self.peer_certificates()):
            self._discard_flight(AlertDescription.BAD_CERTIFICATE)
            self._fail(StreamFailed(FailureKind.CERTIFICATE_REJECTED, NOT_PINNED, self._alert_sent))
            return
        if self._psk_bypassed():
            self._discard_flight(AlertDescription.HANDSHAKE_FAILURE)
            self._fail(StreamFailed(FailureKind.PSK_NOT_USED, _UNPROVEN[self.server], self._alert_sent))
            return
        if self._psk.given and not self.server and self.protocol_version() is _TLS_1_3:
            assert self._pipe is not None
            _openssl_psk.forget_offered_key(self._pipe.connection)
        self._move(_T.COMPLETE)
        self.events.append(HandshakeCompleted())

    def _psk_bypassed(self) -> bool:
        """A key was there, nothing else authenticates the peer, and the key was not used."""
        if self.server:
            # OpenSSL drops the key of another hash without a word, and goes on with the certificate or
            # another identity. But the application has heard who the client says it is.
            return self._psk.claimed and not self.psk_used()
        if not self.configuration.psk_enabled or self.configuration.verify_mode is _VERIFIED_PEER:
            return False
        if not self._psk.asked:
            # TLS 1.2 asks for the key only after the server has chosen a suite that needs one; a
            # server that chose another must not get away with it.
            self._enter()
            try:
                self.psk_for_server(b"")
            except BaseException as error:  # noqa: BLE001 - raised again when the engine is done
                self.raised = error
                return True
            finally:
                self.busy = False
        return self._psk.given and not self.psk_used()

    def _discard_flight(self, alert: AlertDescription) -> None:
        """Throw away what was held and say why, where the peer can still understand a plain alert."""
        self._drop_outgoing()
        tls13 = self.protocol_version() is _TLS_1_3
        if alert is AlertDescription.CERTIFICATE_REQUIRED and not tls13:
            alert = AlertDescription.HANDSHAKE_FAILURE  # the other is new in TLS 1.3
        # The own direction is still unencrypted as long as the own last flight is held. A TLS 1.3
        # server encrypts from its hello on, and a TLS 1.2 client finishes before the server.
        # Only a TLS 1.2 client that resumes finishes after it.
        resumed = self._complete and self.session_reused()
        if (not self.server) if tls13 else (self.server or resumed or not self._complete):
            self._last_words = self._plain_alert(alert)
            self._alert_sent = int(alert)
            self.events.append(AlertSent(int(AlertLevel.FATAL), int(alert)))

    def _plain_alert(self, alert: AlertDescription) -> bytes:
        return fatal_alert_record(alert)

    def _drop_outgoing(self) -> None:
        assert self._pipe is not None
        while len(self._pipe.take()):
            pass

    def _fail_handshake(self) -> None:
        assert self._pipe is not None
        failure = explain_handshake_failure(
            self._pipe.reasons, self._alert_sent, self._alert_received, owes_certificate=self._owes_certificate()
        )
        refusal = self._refusal or (f"{_sentence(self._issues[0])}." if self._issues else "")
        if refusal and self._alert_received is None and not _REFUSALS.isdisjoint(self._pipe.reasons):
            failure = StreamFailed(FailureKind.CERTIFICATE_REJECTED, refusal, self._alert_sent, self._pipe.reasons)
        self._fail(failure)

    def _fail(self, failure: StreamFailed) -> None:
        self._move(_T.FAIL)
        self.events.append(failure)

    def _move(self, trigger: Trigger) -> None:
        if self.state is _S.DECIDING and trigger is not _T.ACCEPT:
            self._drop_outgoing()  # no other way out of a decision may complete the peer's handshake
        self.state = state = next_state(self.state, trigger)
        self._readable = state in READABLE and not self._messages_in_a_row
        self.established = state in _WRITABLE
        if state not in IN_HANDSHAKE:
            self._psk.forget()  # the key has served

    def _enter(self) -> None:
        """Every call into OpenSSL is between this and ``busy = False``."""
        if self.busy:
            raise RuntimeError("The engine is on the stack; it cannot be entered again.")
        self.busy = True

    def _refuse_reentrance(self) -> None:
        if self.busy:
            raise RuntimeError("The engine is on the stack; it cannot be entered again.")

    def _reraise(self) -> None:
        """Hand on what was raised inside a callback, once OpenSSL has returned."""
        if self.raised is not None:
            error, self.raised = self.raised, None
            raise error


def _sentence(issue: VerificationIssue) -> str:
    text = issue.text
    return f"Error during SSL handshake: {text[:1].lower()}{text[1:]}"
