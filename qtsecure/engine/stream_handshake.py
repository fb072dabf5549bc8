"""The handshake of a stream: OpenSSL takes its steps, and what has come of them is judged here.

That OpenSSL is content is not enough. The program may have to accept errors first; perhaps nothing was
verified at all; a pre-shared key may have been there and not used; and a resumed session brings a
certificate along that nobody has looked at again. When the answer is no, the flight that would complete
the handshake is thrown away, and the peer is told why where it can still understand that.
"""

from __future__ import annotations

import dataclasses

from qtsecure.engine import _openssl, _openssl_psk
from qtsecure.engine._openssl_pipes import Outcome, make_pipe
from qtsecure.engine.alerts import AlertDescription, AlertLevel, fatal_alert_record
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import AlertSent, CertificateProblems, FailureKind, HandshakeCompleted, StreamFailed
from qtsecure.engine.failures import explain_early_end, explain_handshake_failure
from qtsecure.engine.host_names import HostName
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk_exchange import suites_for
from qtsecure.engine.resumption import Resumption
from qtsecure.engine.states import StreamState, Trigger
from qtsecure.engine.stream_answers import NOT_PINNED, StreamAnswers
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.errors import SecureError

__all__ = ["StreamHandshake"]

_S, _T, _O = members_of(StreamState), members_of(Trigger), members_of(Outcome)
_VERIFIED_PEER = VerifyMode.PEER
_TLS_1_3 = ProtocolVersion.TLS_1_3
_DONE = Outcome.DONE
_UNPROVEN = (
    "The server did not use the pre-shared key and its certificate is not verified; nothing proves who it is.",
    "The client named an identity, but its pre-shared key could not be used; both sides must agree on its hash "
    "algorithm (SHA-256 or SHA-384).",
)
"""What is wrong when a key was not used: on a client, and on a server."""
_REFUSALS = frozenset({"certificate verify failed", "invalid status response"})
"""OpenSSL's reasons when it was told here to refuse."""


class StreamHandshake(StreamAnswers):
    """A part of TlsStream."""

    __slots__ = ("_complete", "_pipe", "raised")

    _host: HostName | None

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
            if self._issues or self.configuration.pins:
                _openssl.forget_errors()  # a failed signature stays in the queue although the handshake goes on
        if outcome is _DONE:
            self._complete = True
            pipe.watch_messages()
            pipe.stop_at_messages()
            if self._resumption is not None:
                self._judge_resumption(self._resumption)
            self._note_missing_verification()
        elif outcome is _O.FAILED:
            self._fail_handshake()
        elif outcome is _O.CLOSE_NOTIFY:
            self._fail(explain_early_end("The remote host ended the connection during the handshake.", asked=False))
        elif self._psk.given and not self.server and self.protocol_version() is not _TLS_1_3 and self.psk_used():
            # OpenSSL has written the last flight with the key, and as long as that is held an alert is understood.
            self._note_missing_verification()
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
            self._pipe.reasons,
            self._alert_sent,
            self._alert_received,
            owes_certificate=self._owes_certificate(),
            psk_enabled=self.configuration.psk_enabled,
            server=self.server,
        )
        refusal = self._refusal or (f"{_sentence(self._issues[0])}." if self._issues else "")
        if refusal and self._alert_received is None and not _REFUSALS.isdisjoint(self._pipe.reasons):
            failure = StreamFailed(FailureKind.CERTIFICATE_REJECTED, refusal, self._alert_sent, self._pipe.reasons)
        self._fail(failure)


def _sentence(issue: VerificationIssue) -> str:
    text = issue.text
    return f"Error during SSL handshake: {text[:1].lower()}{text[1:]}"
