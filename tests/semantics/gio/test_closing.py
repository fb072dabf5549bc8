"""gio-D29 to gio-D39: the ends of an association, and of one direction."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtNetwork import QHostAddress, QSsl, QUdpSocket

from qtsecure import Cancellable, Condition, DtlsPeer, Protocol
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status
from tests.semantics.gio.support import BOTH, PATIENCE_MS, Code, arrive, data, prepared, refusal, watched

CLOSE_NOTIFY = QSsl.AlertType.CloseNotify


def goodbyes(conversation: DtlsConversation) -> int:
    """How many close_notify the client has sent."""
    return sum(arguments[1] == CLOSE_NOTIFY for arguments in conversation.arguments("client.alertSent"))


def test_gio_d29_closing_twice(conversation: DtlsConversation) -> None:
    """The second time nothing happens, and nothing is wrong."""
    conversation.establish()
    conversation.client.close()
    before = conversation.names("client")
    conversation.client.close()
    assert conversation.client.shutdown(True, True) is True
    assert conversation.names("client") == before
    assert conversation.client.error() is None


def test_gio_d30_one_close_notify_and_no_wait(conversation: DtlsConversation) -> None:
    """The call returns with the association ended; exactly one alert was sent."""
    peer = conversation.establish()
    sent = conversation.client.statistics().datagramsSent
    conversation.client.close()
    assert conversation.client.status() is Status.Disconnected
    assert conversation.client.statistics().datagramsSent == sent + 1
    spin(lambda: peer.status() is Status.Disconnected)
    settle()
    assert goodbyes(conversation) == 1
    assert conversation.client.statistics().datagramsSent == sent + 1


def test_gio_d30_the_transport_stays_open(conversation: DtlsConversation) -> None:
    """A socket of the program is the program's."""
    shared = QUdpSocket()
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.server.bind(shared)
    peer = conversation.establish()
    peer.close()
    spin(lambda: conversation.client.status() is Status.Disconnected)
    assert shared.state() == QUdpSocket.SocketState.BoundState
    assert conversation.server.isListening()


def test_gio_d31_closing_before_the_handshake(conversation: DtlsConversation) -> None:
    """No datagram; whatever is called afterwards finds it closed."""
    client = prepared(conversation)
    client.close()
    for call in (client.receiveMessages, client.handshake, client.startHandshake):
        assert refusal(call).code is Code.Closed
    assert refusal(client.sendMessages, [b"x"]).code is Code.Closed
    settle()
    assert client.statistics().datagramsSent == 0
    assert conversation.server.statistics().hellos == 0
    assert client.conditionCheck(BOTH) is Condition.Hup


def test_gio_d32_after_closing(conversation: DtlsConversation) -> None:
    """Nothing works any more; what was negotiated stays known."""
    conversation.clientConfiguration.setAllowedNextProtocols(["coap"])
    conversation.serverConfiguration.setAllowedNextProtocols(["coap"])
    peer = conversation.establish()
    peer.sendMessages([b"unread"])
    client = conversation.client
    arrive(client)
    cipher, chain = client.cipherName(), client.peerCertificateChain()
    assert cipher
    assert chain
    client.close()
    assert refusal(client.receiveMessages).code is Code.Closed
    assert refusal(client.sendMessages, [b"x"]).code is Code.Closed
    assert refusal(client.handshake).code is Code.Closed
    assert not client.waitForHandshake()
    assert client.cipherName() == cipher
    assert client.protocol() is Protocol.DtlsV1_2
    assert client.negotiatedProtocol() == "coap"
    assert client.peerCertificateChain() == chain
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    assert (client.cipherName(), client.protocol(), client.peerCertificateChain()) == ("", Protocol.Unknown, [])


def test_gio_d33_ending_neither_direction(conversation: DtlsConversation) -> None:
    """True, and nothing else."""
    peer = conversation.establish()
    assert conversation.client.shutdown(False, False) is True
    conversation.client.sendMessages([b"x"])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"x"]
    assert goodbyes(conversation) == 0


def test_gio_d34_ending_the_own_direction(conversation: DtlsConversation) -> None:
    """The other side sees the end and goes on sending; we go on receiving."""
    peer = conversation.establish()
    client = conversation.client
    seen = watched(client, "writeClosed", "readClosed", "closed", "disconnected")
    told = watched(peer, "readClosed", "closed", "disconnected")
    peer.setHalfOpenAllowed(True)
    client.sendMessages([b"last"])
    assert client.shutdown(False, True) is True
    assert refusal(client.sendMessages, [b"x"]).code is Code.Closed
    assert refusal(client.writeDatagram, b"x").code is Code.Closed
    assert data(peer.receiveMessages(2, timeout=PATIENCE_MS)) == [b"last"]
    assert peer.receiveMessages(timeout=PATIENCE_MS) == []
    assert peer.atEnd()
    assert peer.sendMessages([b"one", b"two"]) == 2
    assert data(client.receiveMessages(2, timeout=PATIENCE_MS)) == [b"one", b"two"]
    assert (client.status(), peer.status()) == (Status.Connected, Status.Connected)
    assert (seen, told) == (["writeClosed"], ["readClosed"])
    peer.shutdown(False, True)
    spin(lambda: client.status() is Status.Disconnected)
    assert seen == ["writeClosed", "readClosed", "closed", "disconnected"]
    assert told == ["readClosed", "closed", "disconnected"]
    assert goodbyes(conversation) == 1


def test_gio_d34_before_the_handshake_is_complete(conversation: DtlsConversation) -> None:
    """It takes effect when it is: the other side learns of it then."""
    client = prepared(conversation)
    conversation.server.startedEncryptionHandshake.connect(lambda peer: peer.setHalfOpenAllowed(True))
    assert client.shutdown(False, True) is True
    client.startHandshake()
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(peer.atEnd)
    assert client.isEncrypted()
    assert refusal(client.sendMessages, [b"x"]).code is Code.Closed
    assert goodbyes(conversation) == 1


def test_gio_d35_ending_the_other_direction(conversation: DtlsConversation) -> None:
    """Nothing is received any more, and the other side hears nothing of it."""
    peer = conversation.establish()
    client = conversation.client
    peer.sendMessages([b"unread"])
    arrive(client)
    seen = watched(client, "readClosed", "readyRead", "datagramReceived")
    assert client.shutdown(True, False) is True
    assert seen == ["readClosed"]
    assert refusal(client.receiveMessages).code is Code.Closed
    assert not client.hasPendingDatagrams()
    client.sendMessages([b"still"])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"still"]
    peer.sendMessages([b"into the void"])
    spin(lambda: client.statistics().dropped.get("reading ended") == 1)
    settle()
    assert seen == ["readClosed"]
    assert goodbyes(conversation) == 0


@pytest.mark.parametrize("first", [(True, False), (False, True), (True, True)])
def test_gio_d36_ending_both_directions_is_closing(conversation: DtlsConversation, first: tuple[bool, bool]) -> None:
    """At once or one after the other."""
    peer = conversation.establish()
    client = conversation.client
    client.shutdown(*first)
    client.shutdown(not first[0], not first[1])
    assert client.status() is Status.Disconnected
    assert client.conditionCheck(BOTH) is Condition.Hup
    assert refusal(client.receiveMessages).code is Code.Closed
    spin(lambda: peer.status() is Status.Disconnected)
    assert goodbyes(conversation) == 1


def test_gio_d37_there_is_one_variant_and_it_obeys(conversation: DtlsConversation) -> None:
    """Gio's asynchronous one always ends both; ours never waits, and does what it was told."""
    conversation.establish()
    conversation.client.shutdown(True, False)
    settle()
    assert conversation.client.status() is Status.Connected
    cancelled = Cancellable()
    cancelled.cancel()
    assert refusal(conversation.client.shutdown, True, True, cancelled).code is Code.Cancelled
    assert conversation.client.status() is Status.Connected
    assert not hasattr(conversation.client, "shutdownAsync")


def test_gio_d38_the_end_comes_after_the_messages(conversation: DtlsConversation) -> None:
    """And stays, without an error; sending is still allowed."""
    peer = conversation.establish()
    peer.conditionCheck(BOTH)  # a program that knows of directions
    conversation.client.sendMessages([b"one", b"two"])
    conversation.client.shutdown(False, True)
    spin(lambda: peer._attempt.readEnded)
    assert not peer.atEnd()
    assert data(peer.receiveMessages(5, timeout=-1)) == [b"one", b"two"]
    for _ in range(3):
        assert peer.receiveMessages(5, timeout=-1) == []
    assert peer.atEnd()
    assert peer.error() is None
    assert peer.sendMessages([b"still"]) == 1
    assert data(conversation.client.receiveMessages(timeout=PATIENCE_MS)) == [b"still"]


def test_gio_d38_programs_without_directions_close_with_the_other_side(conversation: DtlsConversation) -> None:
    """Qt's and Godot's way: the answer is sent at once. For reading it is the same end."""
    peer = conversation.establish()
    told = watched(peer, "readClosed", "closed", "disconnected")
    conversation.client.sendMessages([b"last"])
    conversation.client.shutdown(False, True)
    spin(lambda: conversation.client.status() is Status.Disconnected)
    assert told == ["readClosed", "closed", "disconnected"]
    assert data(peer.receiveMessages()) == [b"last"]
    assert peer.receiveMessages() == []
    assert refusal(peer.sendMessages, [b"x"]).code is Code.Closed


@pytest.mark.parametrize("allowed", [True, False])
def test_gio_d38_the_setting_decides(conversation: DtlsConversation, allowed: bool) -> None:
    """Whatever was called before."""
    peer = conversation.establish()
    peer.conditionCheck(BOTH)
    peer.setHalfOpenAllowed(allowed)
    assert peer.isHalfOpenAllowed() is allowed
    conversation.client.shutdown(False, True)
    spin(lambda: peer._attempt.readEnded)
    settle()
    assert (peer.status() is Status.Connected) is allowed


def vanishing(conversation: DtlsConversation, *, required: bool) -> tuple[DtlsPeer, list[str]]:
    """The server's end of an association whose socket has just been deleted."""
    shared = QUdpSocket()
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.server.bind(shared)
    peer = conversation.establish()
    peer.setRequireCloseNotify(required)
    told = watched(peer, "errorOccurred", "closed", "disconnected")
    shared.deleteLater()
    QCoreApplication.sendPostedEvents(shared, QEvent.Type.DeferredDelete.value)
    return peer, told


def test_gio_d39_a_vanished_transport_is_an_error(conversation: DtlsConversation) -> None:
    """Messages may be missing at the end."""
    peer, told = vanishing(conversation, required=True)
    error = peer.error()
    assert error is not None
    assert error.code is Code.UncleanClose
    assert refusal(peer.receiveMessages) is error
    assert told == ["errorOccurred", "disconnected"]


def test_gio_d39_a_vanished_transport_may_be_a_quiet_end(conversation: DtlsConversation) -> None:
    """For programs that know themselves when they have got everything."""
    peer, told = vanishing(conversation, required=False)
    assert peer.status() is Status.Disconnected
    assert peer.error() is None
    assert peer.receiveMessages() == []
    assert peer.atEnd()
    assert told == ["disconnected"]


@pytest.mark.parametrize("required", [True, False])
def test_gio_d39_silence(conversation: DtlsConversation, clock: FakeClock, required: bool) -> None:
    """The idle timeout is an error or a quiet end in the same way."""
    peer = conversation.establish()
    peer.setRequireCloseNotify(required)
    assert peer.requireCloseNotify() is required
    peer.setIdleTimeout(1000)
    clock.advance(1.1)
    error = peer.error()
    assert (error.code if error else None) is (Code.TimedOut if required else None)
    assert peer.status() is (Status.Error if required else Status.Disconnected)


def test_deleting_the_peer_when_its_direction_ends(conversation: DtlsConversation) -> None:
    """In a slot of either signal."""
    for name in ("readClosed", "writeClosed"):
        peer = conversation.establish()
        other = conversation.client

        def delete(peer: DtlsPeer = peer) -> None:
            peer.deleteLater()
            QCoreApplication.sendPostedEvents(peer, QEvent.Type.DeferredDelete.value)

        getattr(peer, name).connect(delete)
        if name == "readClosed":
            other.close()
        else:
            peer.shutdown(False, True)
        spin(lambda other=other: other.status() is Status.Disconnected)


@pytest.mark.parametrize("arguments", [(1, True), (True, None), ("yes", False), (True, True, object())])
def test_arguments_of_shutdown(conversation: DtlsConversation, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        conversation.client.shutdown(*arguments)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError):
        conversation.client.setHalfOpenAllowed(1)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError):
        conversation.client.setRequireCloseNotify(1)  # type: ignore[arg-type]  # wrong on purpose
