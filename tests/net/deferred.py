"""Certificate decisions that a conversation's client or server takes later, over TLS or DTLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QEventLoop, QObject, QTimer
from shiboken6 import delete

from qtsecure.net.questions.certificate_request import CertificateRequest
from tests.net.conversation import settle, spin

__all__ = ["WAYS_TO_DELETE", "Deferred", "answerInDialog", "both_roles", "doubt", "forsake"]

both_roles = pytest.mark.parametrize("role", ["client", "server"])


def deleteLater(request: QObject) -> None:
    """As an event loop does it."""
    request.deleteLater()
    settle()


WAYS_TO_DELETE: dict[str, Callable[[QObject], None]] = {"at once": delete, "later": deleteLater}


def doubt(conversation: Any, role: str, slot: Callable[[CertificateRequest], object]) -> None:
    """Let the client (or server) see a certificate of an unknown authority, and ask this slot about it."""
    if role == "client":
        conversation.showServer(conversation.pki.unknownCa)
        conversation.client.acceptCertificate.connect(slot)
    else:
        conversation.showClient(conversation.pki.clientUnknownCa)
        conversation.demandClientCertificate()
        conversation.server.acceptCertificate.connect(lambda peer, request: slot(request))


def answerInDialog(request: CertificateRequest) -> None:
    """Say yes after an event loop, as a modal dialog has it."""
    loop = QEventLoop()
    QTimer.singleShot(10, loop.quit)
    loop.exec()
    request.accept()


def forsake(request: CertificateRequest) -> None:
    """Put it off, and delete it at once."""
    request.defer()
    delete(request)


class Deferred:
    """A conversation whose client (or server) has deferred its decision about the other's certificate.

    Attributes:
        requests: The questions.
        cancelled: How many of them were cancelled.
    """

    def __init__(self, conversation: Any, role: str) -> None:
        self.requests: list[CertificateRequest] = []
        self.cancelled = 0
        doubt(conversation, role, self._defer)
        conversation.connect()
        spin(lambda: bool(self.requests))
        settle()

    def _defer(self, request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(self._cancel)
        self.requests.append(request)

    def _cancel(self) -> None:
        self.cancelled += 1

    @property
    def request(self) -> CertificateRequest:
        """The only question."""
        assert len(self.requests) == 1
        return self.requests[0]
