"""What OpenSSL asks a stream in the middle of a call, and what the stream notes meanwhile; see ``_openssl.Hooks``."""

from __future__ import annotations

from qtsecure.engine import _openssl_ocsp
from qtsecure.engine._openssl import VerifyStep
from qtsecure.engine.alerts import AlertLevel
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import AlertReceived, AlertSent
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.ocsp import judge_status_untrusted
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk import PreSharedKey
from qtsecure.engine.psk_exchange import PskExchange, suites_for
from qtsecure.engine.resumption import prevent_resumption
from qtsecure.engine.stream_reading import StreamReading
from qtsecure.engine.verification import IssueCode, VerificationIssue

__all__ = ["NOT_PINNED", "StreamAnswers"]

_NO_VERIFICATION, _VERIFIED_PEER = VerifyMode.NONE, VerifyMode.PEER
_TLS_1_3 = ProtocolVersion.TLS_1_3
NOT_PINNED = "Error during SSL handshake: the peer's certificate is none of the pinned ones."
_NAME_ISSUES = frozenset({int(IssueCode.HOSTNAME_MISMATCH), int(IssueCode.IP_ADDRESS_MISMATCH)})


class StreamAnswers(StreamReading):
    """A part of TlsStream."""

    __slots__ = (
        "_alert_received",
        "_chain_to_judge",
        "_decisions",
        "_issues",
        "_issues_settled",
        "_leaf_verified",
        "_name_checked",
        "_psk",
        "_refusal",
        "answered_peer",
        "ocsp_response",
    )
    _chain_to_judge: tuple[bytes, ...]
    _decisions: HandshakeDecisions
    _issues: list[VerificationIssue]
    _issues_settled: bool
    _leaf_verified: bool
    _name_checked: bool
    _psk: PskExchange
    _refusal: str
    answered_peer: bool
    ocsp_response: bytes

    def verify(self, ok: bool, code: int, depth: int, step: VerifyStep) -> int:
        """Collect each error; fail inside the handshake only where that was asked for."""
        if self.configuration.pins and not self._pins_match(step.built_chain()):
            self._refusal = NOT_PINNED
            return int(IssueCode.CERT_REJECTED)
        if self.configuration.verify_mode is _NO_VERIFICATION:
            return 0
        assert self._pipe is not None
        if self.server:
            # The certificate's verdict would not be repeated on a resumption, so there is none.
            prevent_resumption(self._pipe.connection, self.protocol_version())
        elif not self._name_checked and not any(issue.code == IssueCode.INVALID_HOST_NAME for issue in self._issues):
            self._issues.append(VerificationIssue(int(IssueCode.INVALID_HOST_NAME), 0, None))
        if not ok:
            issue = VerificationIssue(code, depth, step.certificate_der())
            self._issues.append(issue)
            self._issues_settled = False  # what was accepted before did not include this
            if (
                self.configuration.interrupt_on_error
                and code not in _NAME_ISSUES
                and not self._decisions.continue_after(issue)
            ):
                return code
        self._leaf_verified = self._leaf_verified or (ok and depth == 0)
        # The last call is normally "leaf, ok"; only name constraints are checked after it.
        if self._leaf_verified and self._issues and self._must_decide_inside():
            self._chain_to_judge = step.built_chain()
            answer = self._decisions.accept_now(tuple(self._issues))
            self._chain_to_judge = ()
            if answer is False:
                return self._issues[0].code if self._issues[0].code > 0 else int(IssueCode.APPLICATION_VERIFICATION)
            self._issues_settled = answer is True
        return 0

    def certificate_status(self, response: bytes) -> bool:
        """Find out whether the stapled status is good; see _openssl_ocsp."""
        pipe = self._pipe
        assert pipe is not None
        chain = pipe.peer_certificates()
        if not chain or pipe.session_reused():
            return True  # a resumed handshake repeats neither the certificate nor its status
        self.ocsp_response = response
        others = (*_openssl_ocsp.verified_chain(pipe.connection)[1:], *chain[1:])
        code = judge_status_untrusted(response, chain[0], others, _openssl_ocsp.current_time())
        if code is None:
            return True
        issue = VerificationIssue(int(code), 0, chain[0])
        self._issues.append(issue)
        self._issues_settled = False
        return not self.configuration.interrupt_on_error or self._decisions.continue_after(issue)

    def alert(self, sent: bool, level: int, description: int) -> None:
        """Note an alert; it becomes an event after the engine call."""
        self.quiet = False
        if sent:
            self.events.append(AlertSent(level, description))
            if level == AlertLevel.FATAL:
                self._alert_sent = description
        else:
            self.events.append(AlertReceived(level, description))
            if level == AlertLevel.FATAL:
                self._alert_received = description

    def handshake_message(self) -> None:
        """A message of the handshake is next, or a ticket or KeyUpdate after it."""
        self.quiet = False
        assert self._pipe is not None
        self.answered_peer = True
        if self._pipe.is_reading_message():
            self._new_messages += 1
        self._pipe.message_seen = True

    def psk_to_offer(self) -> PreSharedKey | None:
        """What was answered before the hello, if TLS 1.3 can use it."""
        answer = self._psk.answer
        return answer if answer is not None and suites_for(self.configuration, answer) else None

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        """See PskExchange."""
        return self._psk.for_server(hint)

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        """See PskExchange."""
        return self._psk.for_client(identity)

    def select_protocol(self, offered: tuple[bytes, ...]) -> bytes | None:
        """The client's first choice that we know too (Qt and Gio honour the client's order)."""
        known = self.configuration.alpn_protocols
        return next((name for name in offered if name in known), None)

    # ------------------------------------------------------------------------------ inside

    def _pins_match(self, chain: tuple[bytes, ...]) -> bool:
        """Whether the peer's own certificate is a pinned one; a key that was used needs none."""
        return self.psk_used() or bool(chain and self.configuration.pins.match_untrusted(chain[0]))

    def _must_decide_inside(self) -> bool:
        return (
            self.server
            and not self._issues_settled
            and self.configuration.verify_mode is _VERIFIED_PEER
            and self.protocol_version() is _TLS_1_3
        )
