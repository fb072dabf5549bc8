"""One socket, several connections: nothing of the last may reach the next."""

from __future__ import annotations

import gc
import os
import socket as native
import threading
import weakref
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QObject, QThread
from PySide6.QtNetwork import QHostAddress
from shiboken6 import delete

from qtsecure import ClientCertificateRequest, Interaction, SslServer, SslSocket
from qtsecure.errors import SecureError
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.values import SslConfiguration, SslError
from tests.net.conftest import MakeConversation
from tests.net.conversation import (
    Conversation,
    Error,
    FakeClock,
    State,
    VerifyMode,
    assertNoneLeft,
    openDescriptors,
    settle,
    spin,
)
from tests.net.deferred import Deferred
from tests.net.encounters import Encounter

pytestmark = pytest.mark.usefixtures("transport_mode")


@pytest.fixture
def other(make_conversation: MakeConversation) -> Conversation:
    """A second server whose certificate nobody trusts."""
    conversation = make_conversation()
    conversation.showServer(conversation.pki.unknownCa)
    conversation.listen()
    return conversation


def test_reconnecting_in_peer_verify_error_judges_only_the_new_connection(
    conversation: Conversation, other: Conversation
) -> None:
    """The old judgement ends with its connection; the new one shows its own errors."""
    conversation.showServer(conversation.pki.selfSigned)
    shown: list[list[SslError]] = []
    requests: list[CertificateRequest] = []
    client = conversation.client

    def reconnect(error: SslError) -> None:
        client.peerVerifyError.disconnect(reconnect)
        client.abort()
        client.connectToHostEncrypted("127.0.0.1", other.server.serverPort())

    client.peerVerifyError.connect(reconnect)
    client.sslErrors.connect(shown.append)
    client.acceptCertificate.connect(requests.append)
    conversation.connect()
    conversation.waitForClientEnd()
    spin(lambda: bool(requests) and client.state() == State.UnconnectedState)
    assert len(shown) == len(requests) == 1
    assert {error.certificate() for error in shown[0]} >= {client.sslHandshakeErrors()[0].certificate()}
    assert not client.isEncrypted()


@pytest.mark.parametrize("way", ["STARTTLS", "descriptor"])
def test_ignoring_everything_ends_with_the_connection(
    conversation: Conversation, other: Conversation, way: str
) -> None:
    """Also where TLS begins on a connection that was made without it."""
    client = conversation.client
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors() if len(seen) == 0 else None)
    seen: list[int] = []
    conversation.showServer(conversation.pki.unknownCa)
    conversation.establish()
    seen.append(1)
    client.abort()
    if way == "STARTTLS":
        client.connectToHost("127.0.0.1", other.server.serverPort())
        client.connected.connect(client.startClientEncryption)
    else:
        plain = native.create_connection(("127.0.0.1", other.server.serverPort()))
        assert client.setSocketDescriptor(plain.detach())
        client.startClientEncryption()
    conversation.waitForClientEnd()
    assert client.error() == Error.SslHandshakeFailedError


def test_ignoring_before_connecting_has_no_effect(conversation: Conversation) -> None:
    """As in Qt, also on a fresh socket."""
    conversation.showServer(conversation.pki.unknownCa)
    conversation.client.ignoreSslErrors()
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.client.error() == Error.SslHandshakeFailedError


def test_a_second_descriptor_replaces_the_first(conversation: Conversation) -> None:
    """The first is closed, and none of its data arrives any more; a bad one changes nothing."""
    first, firstPeer = native.socketpair()
    second, secondPeer = native.socketpair()
    client = conversation.client
    with firstPeer, secondPeer:
        assert client.setSocketDescriptor(first.detach())
        assert not client.setSocketDescriptor(999_999)
        assert client.state() == State.ConnectedState
        firstPeer.send(b"still there")
        spin(lambda: client.bytesAvailable() == 11)
        assert client.setSocketDescriptor(second.detach())
        firstPeer.settimeout(2)
        assert firstPeer.recv(1) == b""
        secondPeer.send(b"second")
        spin(lambda: client.bytesAvailable() > 0)
        assert client.readBytes() == b"second"
        client.abort()


@pytest.mark.parametrize(
    "slot",
    [
        *("nothing", "answer", "event loop", "the same descriptor", "third descriptor"),
        *("connect", "abort", "close", "delete", "steal"),
    ],
)
def test_a_descriptor_while_a_question_is_unanswered(conversation: Conversation, slot: str) -> None:
    """The question is cancelled before the new connection begins, so that neither its slots nor an answer reach it."""
    request, client = Deferred(conversation, "client").request, conversation.client
    second, secondPeer = native.socketpair()
    third, thirdPeer = native.socketpair()
    told: list[State] = []

    def cancelled() -> None:
        told.append(client.state())
        if slot == "answer":
            request.accept()
        elif slot == "event loop":
            settle()
        elif slot == "the same descriptor":
            assert client.setSocketDescriptor(descriptor)
        elif slot == "third descriptor":
            assert client.setSocketDescriptor(third.detach())
        elif slot == "connect":
            client.abort()
            client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        elif slot in ("abort", "close"):
            getattr(client, slot)()
        elif slot == "delete":
            delete(client)
        elif slot == "steal":
            os.close(second.detach())

    request.cancelled.connect(cancelled)
    descriptor = second.fileno()
    with secondPeer, thirdPeer, second, third:
        secondPeer.send(b"second")
        assert client.setSocketDescriptor(descriptor) is (slot not in ("delete", "steal"))
        assert told == [State.ConnectedState]
        if slot == "delete":
            secondPeer.send(b"it is still the caller's")
            assert second.recv(6) == b"second"
        elif slot == "steal":
            assert client.state() == State.UnconnectedState
            assert "not a connected socket" in client.errorString()
        else:
            second.detach()
            assert client.state() == State.ConnectedState
            assert not client.isEncrypted()
            request.accept()
            spin(lambda: client.bytesAvailable() > 0)
            assert client.readBytes() == b"second"
            secondPeer.send(b", and more")
            spin(lambda: client.bytesAvailable() > 0)
            assert client.readBytes() == b", and more"
            client.write(b"answer")
            assert client.waitForBytesWritten(10_000)
            assert secondPeer.recv(100) == b"answer"
            if slot == "third descriptor":
                thirdPeer.settimeout(10)
                assert thirdPeer.recv(1) == b""
            client.abort()
    conversation.waitForServerEnd()
    assert conversation.recorder.count("client.encrypted") == 0
    assert len(told) == 1


class _Undecided(Interaction):
    """Answers later."""

    def __init__(self, asked: list[Any]) -> None:
        super().__init__()
        self._asked = asked

    def requestCertificate(self, request: ClientCertificateRequest) -> None:
        request.defer()
        self._asked.append(request)


@pytest.mark.parametrize("question", ["their certificate", "own certificate"])
def test_an_old_answer_does_not_reach_the_next_connection(encounter: Encounter, question: str) -> None:
    """Though that one waits for an answer to the same question."""
    asked: list[Any] = []
    client, pki = encounter.client(), encounter.pki
    user = _Undecided(asked)
    if question == "own certificate":
        encounter.listen(encounter.host(pki.server, demands=True))
        client.setInteraction(user)
    else:
        encounter.listen(encounter.host(pki.unknownCa))
        client.acceptCertificate.connect(lambda request: (request.defer(), asked.append(request)))
    encounter.begin(client, "localhost")
    spin(lambda: len(asked) == 1)
    if encounter.kind == "dtls":
        with pytest.raises(SecureError, match="already"):
            encounter.begin(client, "localhost")
        client.close()
        encounter.begin(client, "localhost")
    else:
        plain = native.create_connection(("127.0.0.1", encounter.server.serverPort()))
        assert client.setSocketDescriptor(plain.detach())
        client.setPeerVerifyName("localhost")
        client.startClientEncryption()
    spin(lambda: len(asked) == 2)
    answers = {
        "their certificate": lambda request: request.accept(),
        "own certificate": lambda request: request.provide(list(pki.client.chain), pki.client.privateKey),
    }
    answers[question](asked[0])
    settle()
    assert not asked[0].isPending()
    assert asked[1].isPending()
    assert not client.isEncrypted()
    answers[question](asked[1])
    spin(lambda: client.isEncrypted() and len(encounter.peers) == 1)


def test_a_bad_descriptor_while_a_question_is_unanswered(conversation: Conversation) -> None:
    """It changes nothing: the answer still counts."""
    request, client = Deferred(conversation, "client").request, conversation.client
    assert not client.setSocketDescriptor(999_999)
    assert not client.setSocketDescriptor(client.socketDescriptor())
    assert request.isPending()
    request.accept()
    spin(client.isEncrypted)


def test_connecting_while_a_question_is_unanswered(conversation: Conversation) -> None:
    """Refused, as on any connection that stands; the answer still counts."""
    request, client = Deferred(conversation, "client").request, conversation.client
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    assert client.error() == Error.OperationError
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    client.startServerEncryption()
    client.startClientEncryption()
    assert not client.bind("127.0.0.1", 0)
    assert request.isPending()
    request.accept()
    spin(client.isEncrypted)
    assert conversation.recorder.count("client.connected") == 1


def test_a_stale_refusal_does_not_reach_the_next_attempt(conversation: Conversation) -> None:
    """connect(unreachable), abort() and connect() within one turn of the loop."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("255.255.255.255", 9)
    client.abort()
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(client.isEncrypted)
    assert conversation.recorder.count("client.errorOccurred") == 0


def test_failures_never_come_inside_the_call(conversation: Conversation) -> None:
    """Whatever the system says at once is told from the event loop."""
    client = conversation.client
    client.connectToHostEncrypted("255.255.255.255", 9)
    assert conversation.recorder.count("client.errorOccurred") == 0
    conversation.waitForClientEnd()
    assert conversation.recorder.count("client.errorOccurred") == 1


def test_reconnecting_after_a_timeout_is_not_told_its_error(conversation: Conversation, clock: FakeClock) -> None:
    """The error of the handshake that timed out belongs to no other connection."""
    silent = native.create_server(("127.0.0.1", 0))
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.setHandshakeTimeout(1000)

    def again() -> None:
        client.disconnected.disconnect(again)
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())

    client.disconnected.connect(again)
    client.connectToHostEncrypted("127.0.0.1", silent.getsockname()[1])
    spin(lambda: client.state() == State.ConnectedState and not client.encryptedBytesToWrite())  # the hello is out
    clock.advance(1.1)
    spin(client.isEncrypted)
    silent.close()
    assert conversation.recorder.count("client.errorOccurred") == 0
    assert client.error() == Error.UnknownSocketError


def test_reuse_keeps_nothing_alive(conversation: Conversation) -> None:
    """Neither transports nor connections of signals pile up."""
    gone = []
    receivers = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(4):
            peer = conversation.establish()
            gone.append(weakref.ref(conversation.client._dataPath.transport))
            receivers.append(conversation.client.receivers("2destroyed(QObject*)"))
            conversation.client.abort()
            spin(lambda peer=peer: peer.state() == State.UnconnectedState)
            peer.deleteLater()
            settle()
        assert [reference() for reference in gone] == [None] * 4
        assert len(set(receivers)) == 1
    finally:
        gc.enable()


def test_closing_during_the_handshake_ends_at_once(conversation: Conversation, clock: FakeClock) -> None:
    """With nothing to deliver there is nothing to wait for."""
    silent = native.create_server(("127.0.0.1", 0))
    client = conversation.client
    client.connectToHostEncrypted("127.0.0.1", silent.getsockname()[1])
    spin(lambda: client.state() == State.ConnectedState)
    client.disconnectFromHost()
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.count("client.errorOccurred") == 0
    assert conversation.recorder.count("client.disconnected") == 1
    silent.close()


def test_closing_cancels_a_pending_decision(conversation: Conversation) -> None:
    """Whoever closes the socket does not want to know any more."""
    conversation.showServer(conversation.pki.unknownCa)
    requests: list[CertificateRequest] = []
    cancelled: list[bool] = []

    def defer(request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(lambda: cancelled.append(True))
        requests.append(request)

    conversation.client.acceptCertificate.connect(defer)
    conversation.client.write(b"")
    conversation.connect()
    conversation.client.write(b"queued")
    spin(lambda: bool(requests))
    conversation.client.close()
    assert cancelled == [True]
    assert conversation.client.state() == State.UnconnectedState


def test_closing_to_a_peer_that_never_reads_is_bounded(conversation: Conversation, clock: FakeClock) -> None:
    """Without any progress the connection is dropped after half a minute."""
    peer = conversation.establish()
    peer.setReadBufferSize(1)
    client = conversation.client
    client.write(bytes(64 << 20))
    client.flush()
    client.close()
    assert client.state() == State.ClosingState
    for _ in range(100):
        clock.advance(31)
        settle()
        if client.state() == State.UnconnectedState:
            break
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.count("client.disconnected") == 1


def test_a_connected_socket_does_not_move(conversation: Conversation) -> None:
    """Its notifications belong to the thread of its reactor."""
    conversation.establish()
    thread = QThread()
    with pytest.raises(SecureError, match="move it before connecting"):
        conversation.client.moveToThread(thread)


class _Worker(QObject):
    """Connects a socket that was made in another thread."""

    def __init__(self, socket: SslSocket, port: int) -> None:
        super().__init__()
        self.socket, self.port = socket, port
        self.threads: set[int] = set()
        self.data = b""

    def begin(self) -> None:
        self.socket.encrypted.connect(self._encrypted)
        self.socket.bytesWritten.connect(self._note)
        self.socket.readyRead.connect(self._read)
        self.socket.connectToHostEncrypted("127.0.0.1", self.port)

    def _encrypted(self) -> None:
        self._note()
        self.socket.write(b"from the worker")

    def _read(self) -> None:
        self._note()
        self.data += self.socket.readBytes()
        self.socket.abort()
        QThread.currentThread().quit()

    def _note(self, *_: object) -> None:
        self.threads.add(threading.get_ident())


def test_a_socket_made_elsewhere_works_in_the_thread_that_connects_it(conversation: Conversation) -> None:
    """Made here, moved, connected there: everything happens there."""
    conversation.listen()

    def echo() -> None:
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        conversation.accepted.append(peer)
        peer.readyRead.connect(lambda: peer.write(peer.readAll()))

    conversation.server.pendingConnectionAvailable.connect(echo)
    socket = SslSocket()
    socket.setSslConfiguration(SslConfiguration.forClient([conversation.pki.ca.certificate]))
    worker = _Worker(socket, conversation.server.serverPort())
    thread = QThread()
    socket.moveToThread(thread)
    worker.moveToThread(thread)
    thread.started.connect(worker.begin)
    thread.start()
    spin(thread.isFinished)
    assert worker.data == b"from the worker"
    assert len(worker.threads) == 1
    assert threading.get_ident() not in worker.threads


def test_deleting_the_server_in_its_own_slots(qapp: QCoreApplication, conversation: Conversation) -> None:
    """The handshake that was under way ends, and nothing is left open."""
    before = openDescriptors()
    server = SslServer()
    configuration = SslConfiguration.forServer(conversation.pki.server.chain, conversation.pki.server.privateKey)
    configuration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    configuration.setCaCertificates([conversation.pki.ca.certificate])
    server.setSslConfiguration(configuration)
    assert server.listen(QHostAddress(QHostAddress.SpecialAddress.LocalHost))
    server.sslErrors.connect(server.deleteLater)
    server.peerVerifyError.connect(server.close)
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: conversation.recorder.count("client.disconnected") == 1)
    settle()
    assertNoneLeft(before, "socket:")


def test_moving_leaves_no_deferred_work_behind(conversation: Conversation) -> None:
    """What was deferred in the old thread may not touch the engine that the new one uses."""
    conversation.establish()
    client = conversation.client
    client.write(b"never sent")
    client.abort()
    tasks = client._dataPath.scheduler.tasks
    assert any(getattr(task, "__self__", None) is client._dataPath for task in tasks)
    thread = QThread()
    assert client.moveToThread(thread)
    assert not any(getattr(task, "__self__", None) in (client, client._dataPath) for task in tasks)
