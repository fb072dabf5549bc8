"""What a handshake has asked the program, and what was answered; the asking is in ``handshake_questions``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakMethod

from PySide6.QtCore import QObject

from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread

if TYPE_CHECKING:
    from qtsecure.net.questions.certificate_request import CertificateRequest
    from qtsecure.net.questions.choice_requests import ChoiceRequest
    from qtsecure.net.values import SslError

__all__ = ["Questions", "cancelDecisionDeadline", "cancelRequest", "whenDeleted"]


class Questions:
    """Those of one connection; the values on the class are those of one in which nothing was asked.

    Attributes:
        decisionDeadline: When a deferred certificate decision counts as a no.
        request: The certificate decision that is pending.
        paused: That decision is a pause, which resume() ends.
        sslErrors: What was wrong with the peer's certificate.
        ignoresAll: ignoreSslErrors() was called without a list.
        choice: The certificate or configuration that is being chosen.
        handshakeDeadline: When the handshake is given up.
        handshakeLeft: How many ms were left when that deadline was made to wait.
        noCertificate: Why there was no certificate for a server that asked for one, if that is known.
        goesOn: A slot has called continueInterruptedHandshake() for the present error.
    """

    decisionDeadline: Deadline | None = None
    request: CertificateRequest | None = None
    paused: bool = False
    sslErrors: Sequence[SslError] = ()
    ignoresAll: bool = False
    goesOn: bool = False
    choice: ChoiceRequest | None = None
    noCertificate: str = ""
    handshakeDeadline: Deadline | None = None
    handshakeLeft: float | None = None


def cancelRequest(questions: Questions) -> None:
    """The connection is over, or there is another question."""
    if questions.request is None and questions.choice is None and questions.decisionDeadline is None:
        return  # as nearly always
    waiting = (questions.request, questions.choice)
    questions.request = questions.choice = None
    cancelDecisionDeadline(questions)
    for request in waiting:
        if request is not None:
            request._cancel()


def cancelDecisionDeadline(questions: Questions) -> None:
    """The decision has been made."""
    if questions.decisionDeadline is not None:
        questions.decisionDeadline.cancel()
        questions.decisionDeadline = None


def whenDeleted(request: QObject, refuse: Callable[[], None]) -> None:
    """The answer comes later: call a method of the request soon after the program has deleted it instead.

    Not within the deletion, in which the connection cannot go on: it may be what is deleted.
    """
    scheduler = schedulerOfThisThread()
    reference = WeakMethod(refuse)

    def deleted() -> None:
        method = reference()
        if method is not None:
            scheduler.defer(method)

    request.destroyed.connect(deleted)
