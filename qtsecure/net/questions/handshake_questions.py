"""What a handshake asks the program, as signals; the same for TLS and DTLS.

The way of a certificate error: engine -> ``CertificateProblems`` -> ``judgeCertificate`` ->
``peerVerifyError``, ``sslErrors``, ``acceptCertificate``. Questions that OpenSSL itself waits for
(pre-shared keys, an early interruption) come through ``ProgramDecisions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast
from weakref import ref

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSsl, QSslError
from shiboken6 import isValid

from qtsecure.engine.alerts import alert_text
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.psk import PreSharedKey
from qtsecure.engine.verification import VerificationIssue
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.questions.asked import Questions, cancelRequest
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.values.pre_shared_key_authenticator import PreSharedKeyAuthenticator
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_configuration import SslConfiguration
from qtsecure.net.values.ssl_error import SslError

__all__ = [
    "DECISION_LIMIT_MS",
    "Asker",
    "ProgramDecisions",
    "alertArguments",
    "allIgnored",
    "judgeCertificate",
]

DECISION_LIMIT_MS = 300_000
_LEVELS = {1: QSsl.AlertLevel.Warning, 2: QSsl.AlertLevel.Fatal}


class Asker(Protocol):
    """The socket or peer on whose behalf the program is asked."""

    @property
    def _questions(self) -> Questions:
        """Those of the present connection."""

    @property
    def _ignoreList(self) -> Sequence[SslError | QSslError]:
        """What ignoreSslErrors() was given."""

    @property
    def _configuration(self) -> SslConfiguration:
        """What the connection began with."""

    @property
    def _pausesOnErrors(self) -> bool:
        """Instead of acceptCertificate the handshake waits for resume()."""

    def _ask(self, signal: str, argument: object) -> bool:
        """Emit a signal, here and at the server; False when a slot has ended the connection."""

    def _beginAsking(self) -> bool:
        """OpenSSL is on the stack: whether slots may still be asked; nothing is received meanwhile."""

    def _endAsking(self) -> bool:
        """After the slots: whether the handshake may go on."""

    def _peerChain(self) -> list[SslCertificate]:
        """What the peer has shown."""

    def _nameToProve(self) -> str:
        """What the peer has to prove; empty on a server."""

    def _portAsked(self) -> int:
        """The port that a client has asked for; 0 on a server."""

    def _requestKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """No slot may have given a key: ask the Interaction."""

    def _takesBinaryIdentity(self) -> bool:
        """Whether an identity for a pre-shared key may have any bytes."""

    def _cancelHandshakeDeadline(self) -> None:
        """The user's time is not the peer's fault."""

    def _decided(self, accepted: bool) -> None:
        """The deferred answer."""


def alertArguments(level: int, description: int) -> tuple[QSsl.AlertLevel, QSsl.AlertType, str]:
    """The arguments of alertSent and alertReceived."""
    return _LEVELS.get(level, QSsl.AlertLevel.Unknown), QSsl.AlertType(description), alert_text(description)


def judgeCertificate(asker: Asker, issues: tuple[VerificationIssue, ...], decisionNeeded: bool) -> bool | None:
    """Tell the program about the errors and hear its answer; None when it comes later."""
    questions = asker._questions
    cancelRequest(questions)  # a TLS 1.3 server may find more after a decision was deferred
    if not isValid(cast(QObject, asker)) or asker._questions is not questions:
        return False  # a slot of that question has ended the connection
    errors = [SslError.fromIssue(issue) for issue in issues]
    own = [error for error in errors if _isOwnFinding(error)]
    found = [error for error in errors if not _isOwnFinding(error)]
    # Qt's orders: OpenSSL's findings first one by one, the own findings first in the list.
    questions.sslErrors = own + found
    # What was told by handshakeInterruptedOnError is not told one by one again.
    for error in own if asker._configuration.handshakeMustInterruptOnError() else found + own:
        if not asker._ask("peerVerifyError", error):
            return False
    if not asker._ask("sslErrors", list(questions.sslErrors)):
        return False
    if not decisionNeeded or allIgnored(asker):
        return True
    return _requestDecision(asker, questions)


def allIgnored(asker: Asker) -> bool:
    """Whether the program ignores everything that is wrong with the certificate."""
    ignored, questions = asker._ignoreList, asker._questions
    if ignored:
        return all(any(error.matches(each) for each in ignored) for error in questions.sslErrors)
    return questions.ignoresAll


def _requestDecision(asker: Asker, questions: Questions) -> bool | None:
    request = CertificateRequest(
        asker._peerChain(),
        list(questions.sslErrors),
        asker._nameToProve(),
        cast(QObject, asker),
        port=asker._portAsked(),
    )
    questions.request = request
    questions.paused = asker._pausesOnErrors
    if questions.paused:
        request.defer()  # until resume()
    elif not asker._ask("acceptCertificate", request):
        return False
    if allIgnored(asker):  # ignoreSslErrors() in the slot is an answer, too
        request._accept()
    verdict = request._verdict(asker._decided)
    if verdict is None:
        # The user's time is not the peer's fault: the handshake's own deadline pauses.
        asker._cancelHandshakeDeadline()
        questions.decisionDeadline = schedulerOfThisThread().callLater(DECISION_LIMIT_MS, request._reject)
    else:
        questions.request = None
        request._release()
    return verdict


def _isOwnFinding(error: SslError) -> bool:
    return error.error() in (
        QSslError.SslError.HostNameMismatch,
        QSslError.SslError.NoPeerCertificate,
        QSslError.SslError.CertificateBlacklisted,
    )


class ProgramDecisions(HandshakeDecisions):
    """Asks the program while OpenSSL is on the stack; nothing is read from the network meanwhile."""

    def __init__(self, asker: Asker) -> None:
        self._asker = ref(asker)

    def _asking(self) -> Asker | None:
        """The socket or peer, if its slots may still be asked."""
        asker = self._asker()
        return asker if asker is not None and asker._beginAsking() else None

    def continue_after(self, issue: VerificationIssue) -> bool:
        asker = self._asking()
        if asker is None:
            return False
        questions = asker._questions
        questions.goesOn = False
        asker._ask("handshakeInterruptedOnError", SslError.fromIssue(issue))
        return asker._endAsking() and questions.goesOn

    def accept_now(self, issues: tuple[VerificationIssue, ...]) -> bool | None:
        asker = self._asking()
        if asker is None:
            return False
        verdict = judgeCertificate(asker, issues, True)
        return verdict if asker._endAsking() else False

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        asker = self._asker()
        binary = asker is not None and asker._takesBinaryIdentity()
        return self._askKey(PreSharedKeyAuthenticator.forClient(hint, binaryIdentity=binary))

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        asker = self._asker()
        hint = bytes(asker._configuration.preSharedKeyIdentityHint().data()) if asker is not None else b""
        return self._askKey(PreSharedKeyAuthenticator.forServer(hint, identity))

    def _askKey(self, authenticator: PreSharedKeyAuthenticator) -> PreSharedKey | None:
        asker = self._asking()
        if asker is None:
            return None
        try:
            if asker._ask("preSharedKeyAuthenticationRequired", authenticator):
                asker._requestKey(authenticator)
            return authenticator.takeKey() if asker._endAsking() else None
        finally:
            authenticator.wipe()
