"""gio-D40 to gio-D47: batches of messages."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication, QEvent
from PySide6.QtNetwork import QHostAddress

from qtsecure import Cancellable, Condition, DtlsPeer, SecureError
from qtsecure.net.datagram_based import MESSAGE_TRUNCATED
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation
from tests.semantics.gio.support import PATIENCE_MS, Code, arrive, data, prepared, refusal, soon


def test_gio_d40_nothing_would_block_or_times_out(conversation: DtlsConversation) -> None:
    """Without time it would block, with time it is too late; the association does not mind."""
    peer = conversation.establish()
    assert refusal(peer.receiveMessages).code is Code.WouldBlock
    assert refusal(peer.receiveMessages, 3, timeout=1).code is Code.TimedOut
    conversation.client.sendMessages([b"later"])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"later"]


def test_gio_d40_fewer_than_asked_for(conversation: DtlsConversation) -> None:
    """Two of four are what there is; nothing is waited for."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"one", b"two"])
    arrive(peer, 2)
    assert data(peer.receiveMessages(4)) == [b"one", b"two"]


def test_gio_d40_more_than_asked_for(conversation: DtlsConversation) -> None:
    """The rest stays for the next call, in order."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"one", b"two", b"three"])
    arrive(peer, 3)
    assert data(peer.receiveMessages(2, timeout=PATIENCE_MS)) == [b"one", b"two"]
    assert data(peer.receiveMessages()) == [b"three"]


def test_gio_d41_one_deadline_for_the_batch(conversation: DtlsConversation, clock: FakeClock) -> None:
    """A message after 0.3 s does not prolong the half second for the others."""
    peer = conversation.establish()
    begun = clock.now

    def tick() -> None:
        if clock.now - begun < 2:
            clock.advance(0.3)
            soon(tick)

    def send() -> None:
        clock.advance(0.3)
        conversation.client.sendMessages([b"message"])

    peer.readyRead.connect(lambda: soon(tick))
    soon(send)
    assert len(peer.receiveMessages(4, timeout=500)) == 1
    assert clock.now - begun == pytest.approx(0.6)
    begun = -1000.0  # no more ticks


def test_gio_d41_the_handshake_counts_for_the_deadline(conversation: DtlsConversation, clock: FakeClock) -> None:
    """It does not begin anew with the first message."""
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.setPeer("127.0.0.1", conversation.listen())
    conversation.server.pauseAccepting()
    soon(lambda: clock.advance(0.25))
    assert refusal(conversation.client.receiveMessages, timeout=250).code is Code.TimedOut


def test_gio_d42_cancelling_after_a_message(conversation: DtlsConversation) -> None:
    """The call returns what there was, the next one tells; nothing is lost."""
    peer = conversation.establish()
    cancellable = Cancellable()
    peer.readyRead.connect(cancellable.cancel)
    soon(lambda: conversation.client.sendMessages([b"one"]))
    assert data(peer.receiveMessages(3, timeout=PATIENCE_MS, cancellable=cancellable)) == [b"one"]
    conversation.client.sendMessages([b"two"])
    arrive(peer)
    assert refusal(peer.receiveMessages, cancellable=cancellable).code is Code.Cancelled
    assert data(peer.receiveMessages()) == [b"two"]


def test_gio_d42_cancelling_without_a_message(conversation: DtlsConversation) -> None:
    """At once, long before the time is up."""
    peer = conversation.establish()
    cancellable = Cancellable()
    soon(cancellable.cancel)
    begun = time.monotonic()
    assert refusal(peer.receiveMessages, timeout=60_000, cancellable=cancellable).code is Code.Cancelled
    assert time.monotonic() - begun < 30


def test_gio_d42_a_failure_after_a_message(conversation: DtlsConversation) -> None:
    """The error of the association waits until everything was read."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"last"])
    arrive(peer)
    peer._socketLost()
    assert data(peer.receiveMessages(2, timeout=-1)) == [b"last"]
    error = refusal(peer.receiveMessages)
    assert error is peer.error()
    assert error.code is Code.UncleanClose


def test_gio_d43_a_short_buffer(conversation: DtlsConversation) -> None:
    """The rest of the message is lost, which is told; the next message is whole."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"0123456789", b"next", b""])
    arrive(peer, 2)
    first, second = peer.receiveMessages(maxSize=4)
    assert (first.data, first.truncated, first.flags) == (b"0123", True, MESSAGE_TRUNCATED)
    assert (second.data, second.truncated, second.flags) == (b"next", False, 0)
    conversation.client.sendMessages([b"all"])
    arrive(peer)
    (third,) = peer.receiveMessages(maxSize=0)
    assert (third.data, third.truncated) == (b"", True)


def test_gio_d43_what_a_message_tells(conversation: DtlsConversation) -> None:
    """Where it came from, and when: not when it was read."""
    peer = conversation.establish()
    begun = time.monotonic()
    conversation.client.sendMessages([b"one", b"two"])
    arrive(peer, 2)
    arrived = time.monotonic()
    assert peer.readDatagram() == b"one"  # which must not shift the others
    (message,) = peer.receiveMessages()
    assert message.address == (QHostAddress("127.0.0.1"), conversation.client.localPort())
    assert begun <= message.receivedAt <= arrived


def test_gio_d44_flags_are_refused(conversation: DtlsConversation) -> None:
    """There are none for DTLS; nothing happens."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"one"])
    arrive(peer)
    assert refusal(peer.receiveMessages, flags=2).code is Code.InvalidArgument
    assert refusal(conversation.client.sendMessages, [b"two"], 2).code is Code.InvalidArgument
    assert data(peer.receiveMessages()) == [b"one"]
    settle()
    assert not peer.hasPendingDatagrams()


def test_gio_d45_no_messages_at_all(conversation: DtlsConversation) -> None:
    """None asked for, none given: no effect, not even a handshake."""
    client = conversation.client
    client.setPeer("127.0.0.1", conversation.listen())
    assert client.receiveMessages(0, timeout=-1) == []
    assert client.sendMessages([], timeout=-1) == 0
    assert client.status() is DtlsPeer.Status.Disconnected


def test_gio_d46_parts_arrive_as_one_message(conversation: DtlsConversation) -> None:
    """Of every type of bytes."""
    peer = conversation.establish()
    parts = [b"a", bytearray(b"b"), memoryview(b"c"), QByteArray(b"d"), b""]
    assert conversation.client.sendMessages([parts, tuple(parts), QByteArray(b"whole")]) == 3
    assert data(peer.receiveMessages(3, timeout=PATIENCE_MS)) == [b"abcd", b"abcd", b"whole"]


def test_gio_d46_boundaries_are_kept(conversation: DtlsConversation) -> None:
    """From the smallest to the largest message."""
    peer = conversation.establish()
    largest = conversation.client.maxDatagramSize()
    sizes = [1, 2, 15, 16, 17, 255, 256, 257, 1000, largest - 1, largest]
    assert conversation.client.sendMessages([bytes(size) for size in sizes]) == len(sizes)
    received = peer.receiveMessages(len(sizes), timeout=PATIENCE_MS)
    assert [len(message.data) for message in received] == sizes


def test_gio_d46_a_batch_with_one_too_large_sends_none(conversation: DtlsConversation) -> None:
    """The error names the message and the limit; the association goes on."""
    peer = conversation.establish()
    client = conversation.client
    largest = client.maxDatagramSize()
    error = refusal(client.sendMessages, [b"small", bytes(largest + 1)])
    assert error.code is Code.MessageTooLarge
    assert str(largest) in error.message
    assert "messages[1]" in error.message
    client.sendMessages([b"after"])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"after"]
    settle()
    assert not peer.hasPendingDatagrams()


def test_gio_d47_an_empty_message_is_not_sent(conversation: DtlsConversation) -> None:
    """It is not counted, and never looks like an end."""
    peer = conversation.establish()
    sent = conversation.client.statistics().datagramsSent
    assert conversation.client.sendMessages([b"", [], [b"", b""]]) == 0
    assert conversation.client.statistics().datagramsSent == sent
    assert conversation.client.sendMessages([b"", b"after"]) == 1
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"after"]
    assert not peer.atEnd()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-2,), ValueError),
        ((True,), TypeError),
        ((1, 0, -2), ValueError),
        ((1, 0, 1.5), TypeError),
        ((1, "x"), TypeError),
        ((1, 0, 0, object()), TypeError),
        ((1, 0, 0, None, -2), ValueError),
    ],
)
def test_arguments_of_receive_messages(
    conversation: DtlsConversation, arguments: tuple[object, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        conversation.client.receiveMessages(*arguments)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("messages", [b"bytes", "text", ["text"], [1], [["text"]], [[1]], 5, [{b"a"}]])
def test_arguments_of_send_messages(conversation: DtlsConversation, messages: object) -> None:
    """Found before anything is sent."""
    peer = conversation.establish()
    good = [b"good", *messages] if isinstance(messages, list) else messages
    with pytest.raises(TypeError):
        conversation.client.sendMessages(good)  # type: ignore[arg-type]  # wrong on purpose
    settle()
    assert not peer.hasPendingDatagrams()


def test_many_messages_at_once(conversation: DtlsConversation) -> None:
    """More than may wait to be read: a waiting call takes them as they come."""
    peer = conversation.establish()
    count, sent = 3000, 0

    def send() -> None:
        nonlocal sent
        for _ in range(50):
            conversation.client.sendMessages([b"%d" % sent])
            sent += 1
        if sent < count:
            soon(send)

    soon(send)
    received = data(peer.receiveMessages(count, timeout=20_000))
    assert received == [b"%d" % number for number in range(count)]


def test_waiting_inside_a_slot_of_ready_read(conversation: DtlsConversation) -> None:
    """readyRead is not emitted inside itself; the wait ends all the same."""
    peer = conversation.establish()
    inside: list[list[bytes]] = []

    def read() -> None:
        peer.readyRead.disconnect(read)
        conversation.client.sendMessages([b"two", b"three"])
        inside.append(data(peer.receiveMessages(3, timeout=PATIENCE_MS)))

    peer.readyRead.connect(read)
    conversation.client.sendMessages([b"one"])
    spin(lambda: bool(inside))
    assert inside == [[b"one", b"two", b"three"]]


def test_waits_inside_each_other(conversation: DtlsConversation) -> None:
    """Each gets what was meant for it; the outer one ends when the inner one has."""
    peer = conversation.establish()
    client = conversation.client
    inner: list[list[bytes]] = []

    def wait() -> None:
        client.sendMessages([b"outer"])
        peer.sendMessages([b"inner"])
        inner.append(data(client.receiveMessages(timeout=PATIENCE_MS)))

    soon(wait)
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"outer"]
    assert inner == [[b"inner"]]


def test_deleting_the_peer_ends_the_wait(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    soon(peer.deleteLater)
    assert refusal(peer.receiveMessages, timeout=-1).code is Code.Closed


def test_deleting_the_peer_when_it_begins(conversation: DtlsConversation) -> None:
    """In a slot of its status, inside the call that begins the handshake."""
    client = prepared(conversation)

    def delete(status: int) -> None:
        client.deleteLater()
        QCoreApplication.sendPostedEvents(client, QEvent.Type.DeferredDelete.value)

    client.statusChanged.connect(delete)
    assert refusal(client.receiveMessages, timeout=-1).code is Code.Closed
    conversation.client = conversation.makeClient("other")


def test_closing_ends_the_wait(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    soon(peer.close)
    assert refusal(peer.receiveMessages, timeout=-1).code is Code.Closed


def test_a_network_that_takes_only_smaller_messages(
    conversation: DtlsConversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went out before is counted; the next call tells."""
    conversation.establish()
    path = conversation.client._path
    assert path is not None
    error = SecureError(Code.MessageTooLarge, "too large")

    def write(message: bytes) -> None:
        if len(message) > 3:
            raise error

    class Narrow:
        def __getattr__(self, name: str) -> object:
            return write if name == "write" else getattr(path, name)

    monkeypatch.setattr(conversation.client, "_path", Narrow())
    assert conversation.client.sendMessages([b"one", b"two", b"three"]) == 2
    assert refusal(conversation.client.sendMessages, [b"three"]) is error
    monkeypatch.undo()


def test_nobody_to_talk_to() -> None:
    """A peer that was told of nobody is not connected, and says so."""
    peer = DtlsPeer()
    assert refusal(peer.receiveMessages, timeout=-1).code is Code.Closed
    assert refusal(peer.sendMessages, [b"x"], timeout=-1).code is Code.Closed
    assert refusal(peer.handshake).code is Code.Closed
    assert refusal(peer.startHandshake).code is Code.Closed
    assert not peer.waitForHandshake()
    assert peer.conditionCheck(Condition.In) is Condition.Hup


def test_a_wait_for_messages_ends_with_its_association(conversation: DtlsConversation) -> None:
    """What the next association brings is not mixed in: the next call returns it."""
    peer, client = conversation.establish(), conversation.client
    peer.sendMessages([b"old"])
    arrive(client)

    def beginAnew() -> None:
        client.abort()
        client.setPeer("127.0.0.1", conversation.server.serverPort())
        client.startHandshake()

    soon(beginAnew)
    assert data(client.receiveMessages(2, timeout=PATIENCE_MS)) == [b"old"]
    soon(beginAnew)
    assert refusal(client.receiveMessages, timeout=PATIENCE_MS).code is Code.Closed


def test_what_waits_to_be_sent_goes_to_nobody_else(conversation: DtlsConversation) -> None:
    """Another server, which is connected to during the wait, does not get the messages meant for the first."""
    client = prepared(conversation)
    received: list[bytes] = []

    def accept() -> None:
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        peer.datagramReceived.connect(lambda message: received.append(bytes(message)))

    conversation.server.pendingConnectionAvailable.connect(accept)

    def beginAnew() -> None:
        client.abort()
        client.setPeer("127.0.0.1", conversation.server.serverPort())
        client.startHandshake()

    soon(beginAnew)
    assert refusal(client.sendMessages, [b"for the first"], timeout=PATIENCE_MS).code is Code.Closed
    spin(client.isEncrypted)
    settle()
    assert received == []
