"""Deferred certificate decisions of both DTLS roles: what waits, what ends the waiting, what the peer hears."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QSsl
from shiboken6 import delete

from qtsecure import CertificateRequest, DtlsPeer, SecureError
from tests.net.conversation import FakeClock, settle, spin
from tests.net.deferred import WAYS_TO_DELETE, Deferred, answerInDialog, both_roles, doubt, forsake
from tests.net.dtls.conversation import DtlsConversation, Status


@both_roles
def test_sec_d23_accepted_later(conversation: DtlsConversation, role: str) -> None:
    """The handshake goes on where it was, and data flows."""
    deferred = Deferred(conversation, role)
    request = deferred.request
    assert request.isPending()
    assert request.hostName() == ("127.0.0.1" if role == "client" else "")
    assert request.port() == (conversation.server.serverPort() if role == "client" else 0)
    assert not conversation.client.isEncrypted()
    assert not conversation.server.hasPendingConnections()
    request.accept()
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    conversation.client.writeDatagram(b"data")
    spin(peer.hasPendingDatagrams)


@both_roles
def test_sec_d23_rejected_later(conversation: DtlsConversation, role: str) -> None:
    """The other side hears the alert of the first error, from both roles."""
    deferred = Deferred(conversation, role)
    deferred.request.reject()
    owner, other = ("client", "server") if role == "client" else ("server", "client")
    spin(lambda: bool(conversation.arguments(f"{other}.alertReceived")))
    assert len(conversation.arguments(f"{owner}.alertSent")) == 1
    assert conversation.arguments(f"{other}.alertReceived")[0][-2] is QSsl.AlertType.UnknownCa
    assert len(conversation.arguments(f"{owner}.errorOccurred")) == 1
    assert not conversation.client.isEncrypted()
    assert not conversation.server.hasPendingConnections()


@both_roles
def test_sec_d23_the_timers_wait(conversation: DtlsConversation, clock: FakeClock, role: str) -> None:
    """However long the user thinks: the held flight stays held, and the deadline stands still."""
    conversation.client.setHandshakeTimeout(0 if role == "server" else 30_000)
    conversation.server.setHandshakeTimeout(0 if role == "client" else 30_000)
    deferred = Deferred(conversation, role)
    for _ in range(140):
        clock.advance(2)
        settle()
    assert deferred.request.isPending()
    assert not conversation.client.isEncrypted()
    assert conversation.server.statistics().encrypted == 0
    deferred.request.accept()
    for _ in range(20):  # what the other side repeats is repeated by the clock
        clock.advance(1)
        settle()
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())


@both_roles
def test_sec_d23_five_minutes(conversation: DtlsConversation, clock: FakeClock, role: str) -> None:
    """Then the answer is no, and the other side is told."""
    conversation.client.setHandshakeTimeout(0)
    conversation.server.setHandshakeTimeout(0)
    deferred = Deferred(conversation, role)
    for _ in range(149):  # in steps: with one leap the other side would take us for dead
        clock.advance(2)
        settle()
    assert deferred.request.isPending()
    clock.advance(2)
    other = "server" if role == "client" else "client"
    for _ in range(30):  # a plain alert is believed only after a while
        settle()
        clock.advance(1)
    assert conversation.arguments(f"{other}.alertReceived")
    assert not conversation.server.hasPendingConnections()
    if role == "client":
        error = conversation.client.error()
        assert error is not None
        assert error.code is SecureError.Code.BadCertificate


@both_roles
def test_sec_d23_our_own_end_cancels(conversation: DtlsConversation, role: str) -> None:
    """Closed while the user thinks: told once; answers do nothing any more."""
    deferred = Deferred(conversation, role)
    request = deferred.request
    (conversation.client if role == "client" else conversation.server).close()
    assert deferred.cancelled == 1
    assert not request.isPending()
    request.accept()
    settle()
    assert deferred.cancelled == 1
    assert not conversation.client.isEncrypted()


def test_sec_d23_the_client_begins_anew(conversation: DtlsConversation) -> None:
    """A client that has been restarted is another association: the old question is cancelled, a new one asked."""
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.demandClientCertificate()
    requests: list[CertificateRequest] = []
    cancelled: list[int] = []

    def defer(peer: object, request: CertificateRequest) -> None:
        number = len(requests)
        request.defer()
        request.cancelled.connect(lambda: cancelled.append(number))
        requests.append(request)

    conversation.server.acceptCertificate.connect(defer)
    conversation.connect()
    spin(lambda: len(requests) == 1)
    conversation.client.close()
    conversation.connect()
    spin(lambda: len(requests) == 2)
    requests[1].accept()
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())


@both_roles
def test_sec_d23_a_dialog_in_the_slot(conversation: DtlsConversation, role: str) -> None:
    """An event loop inside the slot, as a modal dialog has it; the answer counts."""
    doubt(conversation, role, answerInDialog)
    conversation.establish()


@both_roles
@pytest.mark.parametrize("way", WAYS_TO_DELETE)
def test_sec_d23_a_deleted_question_is_a_no(conversation: DtlsConversation, role: str, way: str) -> None:
    """At once, not after five minutes: nobody can answer any more. The other side hears it."""
    deferred = Deferred(conversation, role)
    WAYS_TO_DELETE[way](deferred.request)
    other = "server" if role == "client" else "client"
    spin(lambda: bool(conversation.arguments(f"{other}.alertReceived")))
    assert conversation.arguments(f"{other}.alertReceived")[0][-2] is QSsl.AlertType.UnknownCa
    assert len(conversation.arguments(f"{role}.errorOccurred")) == 1
    assert not conversation.server.hasPendingConnections()


@both_roles
def test_sec_d23_a_question_deleted_in_the_slot_is_a_no(conversation: DtlsConversation, role: str) -> None:
    """Although it was deferred."""
    doubt(conversation, role, forsake)
    conversation.connect()
    spin(lambda: bool(conversation.arguments(f"{role}.errorOccurred")))
    assert not conversation.client.isEncrypted()
    assert not conversation.server.hasPendingConnections()


def test_sec_d23_a_question_deleted_after_its_end_concerns_no_other(conversation: DtlsConversation) -> None:
    """The peer asks about the next association meanwhile; that question waits on."""
    deferred = Deferred(conversation, "client")
    earlier = deferred.request
    delete(earlier)
    conversation.client.abort()
    assert not earlier.isPending()
    conversation.connect()
    spin(lambda: len(deferred.requests) == 2)
    settle()
    assert deferred.requests[1].isPending()
    deferred.requests[1].accept()
    spin(conversation.client.isEncrypted)


def test_sec_d23_the_server_gives_up(conversation: DtlsConversation, clock: FakeClock) -> None:
    """It says so while the user thinks: cancelled, once; answers do nothing any more."""
    peers: list[DtlsPeer] = []
    conversation.server.startedEncryptionHandshake.connect(peers.append)
    deferred = Deferred(conversation, "client")
    request = deferred.request
    assert peers[0].abortHandshake()
    for _ in range(20):  # a plain alert is believed only after a while
        settle()
        clock.advance(1)
    assert deferred.cancelled == 1
    assert not request.isPending()
    request.accept()
    settle()
    assert not conversation.client.isEncrypted()
    assert not conversation.server.hasPendingConnections()


def test_sec_d23_the_server_runs_out_of_patience(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Its deadline does not wait for the client's user: the question is cancelled, not answered in vain."""
    conversation.server.setHandshakeTimeout(5000)
    deferred = Deferred(conversation, "client")
    for _ in range(4):
        settle()
        clock.advance(1)
    assert deferred.request.isPending()
    for _ in range(10):  # its plain alert is believed when it would have repeated itself
        settle()
        clock.advance(1)
    settle()
    assert deferred.cancelled == 1
    assert not deferred.request.isPending()
    error = conversation.client.error()
    assert error is not None
    assert "ended the association" in error.message


def test_sec_d23_the_other_side_has_vanished(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Nobody says anything: a yes comes too late, and the handshake's own deadline ends it."""
    deferred = Deferred(conversation, "client")
    conversation.server.close()
    deferred.request.accept()
    settle()
    assert not conversation.client.isEncrypted()
    clock.advance(31)
    spin(lambda: conversation.client.status() in (Status.Error, Status.Disconnected))
