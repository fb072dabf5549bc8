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
from typing import ClassVar

from OpenSSL import SSL

from qtsecure.engine._openssl_pipes import Outcome, Pipe, buffers_of_this_thread
from qtsecure.engine.client_hello import HelloReader
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import Event, FailureKind, PeerClosed, StreamFailed
from qtsecure.engine.failures import explain_early_end, explain_traffic_failure
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.host_names import HostName, InvalidHostName, normalize_host_name
from qtsecure.engine.ocsp import demands_status_untrusted
from qtsecure.engine.psk_exchange import PskExchange
from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted
from qtsecure.engine.resumption import Resumption
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import IN_HANDSHAKE, StreamState, Trigger, next_state
from qtsecure.engine.stream_handshake import StreamHandshake
from qtsecure.engine.stream_reading import READABLE
from qtsecure.engine.verification import VerificationIssue

__all__ = ["TlsStream"]

_S, _T = members_of(StreamState), members_of(Trigger)
_DONE = Outcome.DONE
_ALERT_RECORD, _HANDSHAKE_RECORD = 21, 22
_FIRST_BYTES = 64
"""Enough to tell TLS from other protocols."""
_WRITABLE = (_S.ESTABLISHED, _S.PEER_CLOSED)
_ASKING = (_S.DECIDING, _S.CHOOSING)
_TAKES_NOTHING = (_S.NEW, _S.CLOSED, _S.FAILED, _S.PEER_CLOSED)


class TlsStream(StreamHandshake):
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
        "_host",
        "_peer_heard",
        "_peer_place",
        "_resumption",
        "established",
        "events",
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
            what = "The remote host closed the connection during the TLS handshake."
            self._fail(explain_early_end(what, asked=self.state in _ASKING))

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
