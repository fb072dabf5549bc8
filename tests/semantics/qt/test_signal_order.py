"""qt-1.3: the orders of signals that tests/net/test_signal_order.py leaves out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject, Qt, Slot

from qtsecure import SslSocket
from qtsecure.net.questions.certificate_request import CertificateRequest
from tests.net.conversation import Conversation, spin
from tests.semantics.qt.support import SocketError

pytestmark = pytest.mark.usefixtures("transport_mode")


class Late(QObject):
    """Ignores errors from a queued slot."""

    def __init__(self, socket: SslSocket) -> None:
        super().__init__()
        self._socket = socket
        self.called = 0

    @Slot(list)
    def ignore(self, errors: list[object]) -> None:
        self.called += 1
        self._socket.ignoreSslErrors()


def test_qt_1_3_50_a_queued_answer_comes_too_late(conversation: Conversation) -> None:
    """ignoreSslErrors() counts in a direct slot only."""
    client = conversation.client
    late = Late(client)
    client.sslErrors.connect(late.ignore, Qt.ConnectionType.QueuedConnection)
    conversation.showServer(conversation.pki.unknownCa)
    conversation.connect()
    conversation.waitForClientEnd()
    spin(lambda: late.called == 1)
    assert conversation.recorder.of("client.errorOccurred") == [(SocketError.SslHandshakeFailedError,)]
    assert conversation.recorder.count("client.encrypted") == 0


def test_qt_1_3_50_a_request_can_be_answered_later(conversation: Conversation) -> None:
    """acceptCertificate has what Qt lacks: defer()."""
    client = conversation.client
    requests: list[CertificateRequest] = []

    def ask(request: CertificateRequest) -> None:
        request.defer()
        requests.append(request)

    client.acceptCertificate.connect(ask)
    conversation.showServer(conversation.pki.unknownCa)
    conversation.connect()
    spin(lambda: bool(requests))
    requests[0].accept()
    spin(client.isEncrypted)
