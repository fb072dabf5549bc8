"""SslSocket.failure(): the last error with its code, its alert and OpenSSL's reasons."""

from __future__ import annotations

import copy
import pickle

from qtsecure import ChannelBindingError, SecureError
from qtsecure.testing.peers import PlainHttpServer
from tests.net.conversation import Conversation

Code = SecureError.Code


def failed(conversation: Conversation, port: int, host: str = "localhost") -> SecureError:
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.connectToHostEncrypted(host, port)
    conversation.recorder.waitFor("client.errorOccurred")
    failure = conversation.client.failure()
    assert failure is not None
    assert failure.message == conversation.client.errorString()
    return failure


def test_errors_come_back_from_worker_processes() -> None:
    """They are pickled on the way; what cannot be read there breaks the whole pool."""
    failure = SecureError(Code.HandshakeRefused, "No.", alert=40, engineReasons=("odd thing",))
    for same in (pickle.loads(pickle.dumps(failure)), copy.copy(failure)):
        assert (type(same), str(same), vars(same)) == (SecureError, "No.", vars(failure))
    unbound = ChannelBindingError(ChannelBindingError.Code.InvalidState, "Not yet.")
    same = pickle.loads(pickle.dumps(unbound))
    assert (type(same), str(same), vars(same)) == (ChannelBindingError, "Not yet.", vars(unbound))


def test_nothing_has_failed_yet(conversation: Conversation) -> None:
    """A fresh socket has no failure."""
    assert conversation.client.failure() is None


def test_the_network_failed(conversation: Conversation, closedPort: int) -> None:
    """Refused: the code of the network, no alert."""
    failure = failed(conversation, closedPort, "127.0.0.1")
    assert failure.code is Code.ConnectionRefused
    assert failure.alert is None


def test_the_peer_speaks_something_else(conversation: Conversation) -> None:
    """HTTP instead of TLS has a code of its own."""
    with PlainHttpServer() as server:
        assert failed(conversation, server.port).code is Code.NotTls


def test_the_certificate_was_rejected(conversation: Conversation) -> None:
    """BadCertificate, with the alert that the peer was told."""
    conversation.clientConfiguration.setCaCertificates([])
    conversation.listen()
    failure = failed(conversation, conversation.server.serverPort())
    assert failure.code is Code.BadCertificate
    assert failure.alert == 48


def test_a_later_failure_is_not_taken_for_the_first(conversation: Conversation, closedPort: int) -> None:
    """The next connection fails for a reason of its own."""
    with PlainHttpServer() as server:
        assert failed(conversation, server.port).code is Code.NotTls
    conversation.recorder.clear()
    assert failed(conversation, closedPort, "127.0.0.1").code is Code.ConnectionRefused
