"""DtlsPeer.poll() and DtlsServer.poll(): programs without an event loop."""

from __future__ import annotations

import socket as native
import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QUdpSocket

from qtsecure import DtlsPeer, SecureError
from qtsecure.net.event_loop.scheduler import Scheduler, schedulerOfThisThread
from tests.net.conversation import FakeClock, settle
from tests.net.dtls.conversation import DtlsConversation, Status
from tests.ports import closedUdpPort

_frame = threading.Event()  # never set: a wait is a frame


def poll(conversation: DtlsConversation, times: int = 20) -> None:
    """On loopback there is nothing to wait for, as a rule."""
    for _ in range(times):
        conversation.client.poll()
        conversation.server.poll()


def pollUntil(conversation: DtlsConversation, condition: Callable[[], object]) -> None:
    """The same until the condition holds: the kernel of a busy machine may deliver a moment later."""
    for _ in range(20_000):
        poll(conversation, 1)
        if condition():
            return
        _frame.wait(0.001)
    pytest.fail("The condition did not hold within 20,000 frames.")


def test_no_event_is_processed(conversation: DtlsConversation) -> None:
    """From connectToHost() to the end; readyRead and its like are emitted inside poll()."""
    conversation.listen()
    conversation.connect()
    pollUntil(conversation, lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    packets = [b"%d" % number for number in range(100)]
    for packet in packets:
        peer.putPacket(packet)
    pollUntil(conversation, lambda: conversation.client.availablePacketCount() == len(packets))
    assert [conversation.client.getPacket() for _ in packets] == packets
    assert conversation.names("client").count("readyRead") >= 1
    conversation.client.close()
    pollUntil(conversation, lambda: peer.status() is Status.Disconnected)


def test_a_name_is_looked_up(conversation: DtlsConversation) -> None:
    """Qt's resolver answers through the event loop only."""
    conversation.listen()
    conversation.connect(host="localhost")
    pollUntil(conversation, lambda: conversation.client.status() is not Status.Handshaking)
    assert conversation.client.status() is Status.Connected
    settle()  # Qt's own answer changes nothing
    assert conversation.client.status() is Status.Connected


def test_timers_run(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Repetitions, and the deadline; only what is due."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        conversation.client.setHandshakeTimeout(5000)
        conversation.client.connectToHost("127.0.0.1", silent.getsockname()[1])
        conversation.client.poll()
        assert conversation.client.statistics().retransmissions == 0
        for _ in range(49):
            clock.now += 0.1  # and nothing fires by itself
            conversation.client.poll()
        assert conversation.client.statistics().retransmissions >= 2
        assert conversation.client.status() is Status.Handshaking
        clock.now += 0.2
        conversation.client.poll()
        assert conversation.client.status() is Status.Error


def test_the_servers_timers_run(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Of every peer: handshakes that stop, and clients that have gone."""
    conversation.server.setIdleTimeout(10_000)
    conversation.connect()
    pollUntil(conversation, conversation.server.hasPendingConnections)
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    conversation.client.abort()
    clock.now += 10.1
    conversation.server.poll()
    assert peer.status() is Status.Error
    half = conversation.makeClient("half")
    conversation.server.startedEncryptionHandshake.connect(lambda peer: half.abort())
    conversation.connect(half)

    def begun() -> bool:
        half.poll()
        return conversation.server.statistics().handshaking == 1

    pollUntil(conversation, begun)
    clock.now += 30.1
    conversation.server.poll()
    assert conversation.server.statistics().handshaking == 0


def test_nothing_piles_up(conversation: DtlsConversation, clock: FakeClock) -> None:
    """What is over is forgotten, though the scheduler's own timer never fires."""
    conversation.listen()
    scheduler = schedulerOfThisThread()

    def round() -> None:
        conversation.connect()
        pollUntil(
            conversation, lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections()
        )
        conversation.client.close()
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        pollUntil(conversation, lambda: peer.status() is Status.Disconnected)
        poll(conversation, 2)
        peer.deleteLater()
        QCoreApplication.sendPostedEvents(peer, 0)
        clock.now += 31

    for _ in range(3):
        round()
    before = sizes(scheduler)
    for _ in range(30):
        round()
    assert sizes(scheduler) <= before + 5


def sizes(scheduler: Scheduler) -> int:
    return len(scheduler._deadlines) + len(scheduler.tasks)


def test_a_slot_that_polls_for_every_message(conversation: DtlsConversation) -> None:
    """The stack does not grow with the messages."""
    peer = conversation.establish()
    received: list[bytes] = []
    depth = [0, 0]

    def take(message: bytes) -> None:
        received.append(message)
        depth[0] += 1
        depth[1] = max(depth)
        conversation.client.poll()
        depth[0] -= 1

    conversation.client.datagramReceived.connect(take)
    for number in range(500):
        peer.putPacket(b"%d" % number)
        if number % 100 == 99:
            conversation.client.poll()
    pollUntil(conversation, lambda: len(received) == 500)
    assert received == [b"%d" % number for number in range(500)]
    assert depth[1] <= 10


@pytest.mark.parametrize("kind", ["own", "udp", "native"])
def test_a_closed_port(conversation: DtlsConversation, clock: FakeClock, kind: str) -> None:
    """ICMP is noticed without an event loop, too."""
    client = conversation.client
    with closedUdpPort() as port, native.socket(native.AF_INET, native.SOCK_DGRAM) as plain:
        udp = QUdpSocket()
        udp.connectToHost("127.0.0.1", port)
        plain.connect(("127.0.0.1", port))
        if kind == "own":
            client.connectToHost("127.0.0.1", port)
        else:
            client.connectToPeer(udp if kind == "udp" else plain, "localhost", conversation.clientConfiguration)

        def told() -> bool:
            clock.now += 0.01  # what is repeated brings the news as well
            return client.status() is not Status.Handshaking

        pollUntil(conversation, told)
        error = client.error()
        assert error is not None
        assert error.code is SecureError.Code.ConnectionRefused
    udp.close()


def test_a_slot_that_polls_the_server_for_every_message(conversation: DtlsConversation) -> None:
    """The same for the server."""
    peer = conversation.establish()
    received: list[bytes] = []

    def take(message: bytes) -> None:
        received.append(message)
        conversation.server.poll()

    peer.datagramReceived.connect(take)
    for number in range(500):
        conversation.client.putPacket(b"%d" % number)
        if number % 100 == 99:
            conversation.server.poll()
    pollUntil(conversation, lambda: len(received) == 500)
    assert received == [b"%d" % number for number in range(500)]


def test_of_another_thread(conversation: DtlsConversation) -> None:
    failures: list[str] = []

    def run() -> None:
        for call in (conversation.client.poll, conversation.server.poll):
            try:
                call()
            except RuntimeError as error:
                failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(failures) == 2
    assert all("poll() was called in thread" in text for text in failures)


def test_an_idle_server_with_many_peers(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Polling it looks at none of them."""
    conversation.listen()
    clients = [conversation.makeClient(f"client{number}") for number in range(20)]
    for client in clients:
        conversation.connect(client)

        def polled(client: DtlsPeer = client) -> bool:
            client.poll()
            return client.isEncrypted() and conversation.server.hasPendingConnections()

        pollUntil(conversation, polled)
        assert conversation.server.nextPendingConnection() is not None
    clock.advance(0.9)  # timers of the handshakes
    settle()
    visits: list[DtlsPeer] = []
    for peer in conversation.server.findChildren(DtlsPeer):
        peer._pollLater = lambda peer=peer: visits.append(peer)
    for _ in range(100):
        conversation.server.poll()
    assert visits == []
    for client in clients:
        client.abort()
