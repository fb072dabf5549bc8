"""SslServer: who gives way at the limits, how little unfetched sockets cost, and what is counted."""

from __future__ import annotations

import select
import socket as native
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from shiboken6 import delete, isValid

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.servers.statistics import Ending, ServerStatistics
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import RawClient
from tests.net.conversation import Conversation, Error, FakeClock, State, VerifyMode, deleteEverything, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

HELLO_BEGINS = b"\x16\x03\x01\x02\x00\x01\x00"


@contextmanager
def rawClients(server: SslServer, count: int, data: bytes = b"") -> Iterator[list[RawClient]]:
    """Clients that the server has accepted."""
    with ExitStack() as stack:
        before = server.statistics().accepted
        clients = [stack.enter_context(RawClient(server.serverPort(), data)) for _ in range(count)]
        spin(lambda: server.statistics().accepted == before + count)
        yield clients


def goodClient(conversation: Conversation) -> SslSocket:
    client = SslSocket(conversation.server)
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    return client


def test_silent_clients_give_way_when_others_wait(conversation: Conversation, clock: FakeClock) -> None:
    """The oldest one goes, once it has had 100 ms to speak; errorOccurred tells why, and the place is used."""
    server = conversation.server
    server.setMaxHandshakingConnections(3)
    conversation.listen()
    seen: list[tuple[int, State, str, Error]] = []
    server.errorOccurred.connect(lambda s, e: seen.append((s.peerPort(), s.state(), s.errorString(), e)))
    with rawClients(server, 3) as silent:
        good = goodClient(conversation)
        spin(lambda: good.state() == State.ConnectedState)
        clock.advance(0.09)
        settle()
        assert server.statistics().accepted == 3
        clock.advance(0.02)
        spin(lambda: good.isEncrypted() and server.hasPendingConnections())
        silent[0].waitForEnding()
        settle()
        assert [client.ending for client in silent] == ["eof", "open", "open"]
        assert [entry[:2] for entry in seen] == [(silent[0].localPort(), State.UnconnectedState)]
        assert "maxHandshakingConnections()" in seen[0][2]
        assert seen[0][3] == Error.SocketResourceError
    assert (server.statistics().evicted, server.statistics().failed) == (1, 1)


def test_who_has_begun_to_speak_keeps_its_place(conversation: Conversation, clock: FakeClock) -> None:
    """The rest of a hello may take its time: only the deadline ends it."""
    server = conversation.server
    server.setMaxHandshakingConnections(2)
    conversation.listen()
    with rawClients(server, 2, HELLO_BEGINS) as slow:
        spin(lambda: conversation.recorder.count("server.startedEncryptionHandshake") == 2)
        good = goodClient(conversation)
        spin(lambda: good.state() == State.ConnectedState)
        clock.advance(4)
        settle()
        assert server.statistics().accepted == 2
        assert [client.ending for client in slow] == ["open", "open"]
        clock.advance(2)
        spin(good.isEncrypted)
    assert (server.statistics().evicted, server.statistics().timedOut) == (0, 2)


def test_a_hello_that_waits_to_be_read_is_no_silence(conversation: Conversation, clock: FakeClock) -> None:
    """A busy event loop may come late to a client that has spoken in time."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    with native.create_connection(("127.0.0.1", server.serverPort())) as client:
        spin(lambda: server.statistics().handshaking == 1)
        accepted = conversation.accepted[0]
        client.sendall(HELLO_BEGINS)
        assert select.select([accepted.socketDescriptor()], [], [], 20)[0]  # it has arrived, and waits
        clock.now += 1  # nothing is served in between
        assert not server._mayAccept()
        assert isValid(accepted)
    spin(lambda: server.statistics().handshaking == 0)


def test_a_client_that_has_left_is_no_silence(
    conversation: Conversation, clock: FakeClock, transport_mode: str
) -> None:
    """A QTcpSocket that has seen the end has no descriptor any more; the server hears of it a moment later."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    answers: list[bool] = []
    with native.create_connection(("127.0.0.1", server.serverPort())):
        spin(lambda: server.statistics().handshaking == 1)
        transport = conversation.accepted[0]._dataPath.transport
        if transport_mode == "qt":
            transport._tcp().stateChanged.connect(lambda state: answers.append(server._mayAccept()))
        clock.now += 1
    spin(lambda: server.statistics().handshaking == 0)
    assert set(answers) == ({False} if transport_mode == "qt" else set())
    assert (server.statistics().evicted, server.statistics().disconnected) == (0, 1)


def test_the_next_silent_client_gives_way_when_the_first_has_spoken(
    conversation: Conversation, clock: FakeClock
) -> None:
    """Whose first bytes waited to be read is no candidate any more; the server looks for another when they are read."""
    server = conversation.server
    server.setMaxHandshakingConnections(5)
    conversation.listen()
    with rawClients(server, 5) as clients:
        spin(lambda: len(conversation.accepted) == 5)
        for client, accepted in zip(clients[:4], conversation.accepted, strict=False):
            client.send(HELLO_BEGINS)
            assert select.select([accepted.socketDescriptor()], [], [], 20)[0]  # it has arrived, and waits
        clock.advance(0.2)  # a timer comes before the bytes: it finds nobody who could go
        spin(lambda: conversation.recorder.count("server.startedEncryptionHandshake") == 4)
        good = goodClient(conversation)
        spin(good.isEncrypted)
        clients[4].waitForEnding()
        assert [client.ending for client in clients] == ["open", "open", "open", "open", "eof"]
        assert server.statistics().evicted == 1
        good.abort()


def test_a_full_server_does_not_look_at_its_listener(conversation: Conversation, clock: FakeClock) -> None:
    """Who could have given way has spoken: those who wait in the kernel do not keep the event loop busy."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    with rawClients(server, 1) as clients:
        clock.advance(1)
        assert server._mayAccept()  # the silent one would make room
        clients[0].send(HELLO_BEGINS)
        spin(lambda: conversation.recorder.count("server.startedEncryptionHandshake") == 1)
        good = goodClient(conversation)
        spin(lambda: good.state() == State.ConnectedState)
        settle()
        looks: list[None] = []
        listener = server._listener
        assert listener is not None
        acceptWaiting = listener.acceptWaiting
        listener.acceptWaiting = lambda: (looks.append(None), acceptWaiting())[1]  # type: ignore[method-assign]  # counts
        settle()
        del listener.acceptWaiting  # type: ignore[method-assign]  # the class's again
        assert not looks
        good.abort()


def test_accept_is_tried_again_without_an_event_loop(conversation: Conversation, clock: FakeClock) -> None:
    """A program that only calls waitForNewConnection() has no timers: one failure must not be the last word."""
    server = conversation.server
    conversation.listen()
    listener = server._listener
    assert listener is not None
    listener.setAccepting(False)
    server._listenerFailed(Error.SocketResourceError, "Too many open files")
    with native.create_connection(("127.0.0.1", server.serverPort())):
        assert server.waitForNewConnection(20_000) == (False, False)
        clock.now += 0.6
        assert server.waitForNewConnection(20_000) == (True, False)
        assert server._mayAccept()


def test_a_closed_server_leaves_no_timers_behind(conversation: Conversation, clock: FakeClock) -> None:
    """It may go to another thread after close(): nothing of before may look at it in this one."""
    looks: list[None] = []

    class Looking(SslServer):
        def _mayAccept(self) -> bool:
            looks.append(None)
            return super()._mayAccept()

    server = Looking(conversation.server)
    server.setMaxHandshakingConnections(1)
    assert server.listen("127.0.0.1")
    with rawClients(server, 1):
        server.resumeAccepting()  # when may the silent one go?
        server._listenerFailed(Error.SocketResourceError, "Too many open files")
        delete(next(iter(server._room.handshaking)))  # to be looked for soon
        server.close()
        assert server.listen("127.0.0.1")
        looks.clear()
        clock.advance(1)
        settle()
        assert not looks


def test_nobody_gives_way_below_the_limit(conversation: Conversation, clock: FakeClock) -> None:
    """A silent client that is in nobody's way has the whole deadline."""
    conversation.server.setMaxHandshakingConnections(3)
    conversation.listen()
    with rawClients(conversation.server, 2) as silent:
        clock.advance(4.9)
        conversation.establish()
        settle()
        assert [client.ending for client in silent] == ["open", "open"]


def test_a_silent_client_leaves_as_its_time_is_up(conversation: Conversation, clock: FakeClock) -> None:
    """Qt's socket has lost its descriptor a moment before we tell the end; the limits are looked at in between."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    with rawClients(server, 1):
        (accepted,) = conversation.accepted
        device = getattr(accepted._dataPath.transport, "_device", None)
        if device is not None:
            device.disconnected.connect(lambda: clock.advance(0.2))
    spin(lambda: server.statistics().handshaking == 0)
    assert server.statistics().evicted == 0
    assert conversation.establish().isEncrypted()


@pytest.mark.parametrize("action", ["close", "deleteServer", "deleteSocket", "abort", "connectAnother"])
def test_slots_when_a_silent_client_gives_way(conversation: Conversation, clock: FakeClock, action: str) -> None:
    """The slot may end anything."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    acted: list[str] = []

    def act(socket: SslSocket, error: Error) -> None:
        acted.append(action)
        if action == "close":
            server.close()
        elif action == "deleteServer":
            delete(server)
        elif action == "deleteSocket":
            delete(socket)
        elif action == "abort":
            socket.abort()
        else:
            goodClient(conversation)

    server.errorOccurred.connect(act)
    with rawClients(server, 1) as silent:
        client = SslSocket()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
        spin(lambda: client.state() == State.ConnectedState)
        clock.advance(0.2)
        spin(lambda: bool(acted))
        silent[0].waitForEnding()
        if action in ("close", "deleteServer"):
            spin(lambda: client.state() == State.UnconnectedState)
        else:
            spin(lambda: client.isEncrypted() and server.hasPendingConnections())
            client.abort()
    settle()
    assert acted == [action]


def test_an_unfetched_socket_reads_a_bounded_amount(conversation: Conversation) -> None:
    """A client may not fill the memory through a queue that nobody looks at; fetching lifts the limit."""
    size = 4 << 20
    conversation.connect()
    conversation.client.write(bytes(size))
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    queued = conversation.accepted[0]
    spin(lambda: queued._dataPath.readingPaused)
    settle()
    assert queued.bytesAvailable() < 200_000
    peer = conversation.server.nextPendingConnection()
    assert peer is queued
    assert peer.readBufferSize() == 0
    spin(lambda: peer.bytesAvailable() == size)


def test_the_programs_own_read_limit_stays(conversation: Conversation) -> None:
    """Who has set a limit in a slot of the handshake finds it again after fetching."""
    conversation.server.startedEncryptionHandshake.connect(lambda socket: socket.setReadBufferSize(1000))
    assert conversation.establish().readBufferSize() == 1000


def test_the_queue_is_limited_exactly(conversation: Conversation) -> None:
    """pendingConnectionAvailable once for each queued socket; the limit frees with each fetched one (sec-A6)."""
    server = conversation.server
    server.setMaxPendingConnections(1)
    conversation.listen()
    clients = []
    for expected in (1, 2, 3):
        clients.append(goodClient(conversation))
        spin(lambda: clients[-1].isEncrypted() and server.hasPendingConnections())
        assert conversation.recorder.count("server.pendingConnectionAvailable") == expected
        assert server.nextPendingConnection() is not None
    assert server.statistics().pending == 0


# ------------------------------------------------------------------------------- statistics


def sums(statistics: ServerStatistics) -> bool:
    """What the documentation of the numbers promises."""
    failed = sum(getattr(statistics, ending.value) for ending in Ending)
    cared = statistics.handshaking + statistics.encrypted + statistics.failed
    return failed == statistics.failed and cared == statistics.accepted


def _garbage(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1, b"HELO there\r\n") as clients:
        clients[0].waitForEnding()


def _brokenHello(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1, b"\x16\x03\x01\x00\x05hello") as clients:
        clients[0].waitForEnding()


def _rejected(conversation: Conversation, clock: FakeClock) -> None:
    conversation.clientConfiguration.setCaCertificates([])
    conversation.connect()
    conversation.waitForServerEnd()


def _silence(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1) as clients:
        clock.advance(5.1)
        clients[0].waitForEnding()


def _leaves(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1, HELLO_BEGINS) as clients:
        clients[0].closeWriting()
        clients[0].waitForEnding()


def _resets(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1, HELLO_BEGINS) as clients:
        conversation.recorder.waitFor("server.startedEncryptionHandshake")
        clients[0].reset()
        conversation.waitForServerEnd()


def _goneBeforeAccept(conversation: Conversation, clock: FakeClock) -> None:
    conversation.server.pauseAccepting()
    client = native.create_connection(("127.0.0.1", conversation.server.serverPort()))
    client.setsockopt(native.SOL_SOCKET, native.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    conversation.server.resumeAccepting()


def _refused(conversation: Conversation, clock: FakeClock) -> None:
    conversation.server.setMaxConnectionsPerAddress(1)
    with rawClients(conversation.server, 2, HELLO_BEGINS) as clients:
        clients[1].waitForEnding()
        conversation.server.close()
        clients[0].waitForEnding()


def _abortedInSlot(conversation: Conversation, clock: FakeClock) -> None:
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.server.sslErrors.connect(lambda socket, errors: socket.abort())
    conversation.connect()
    conversation.waitForServerEnd()


def _deleted(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1):
        delete(conversation.accepted[0])
        settle()


def _closed(conversation: Conversation, clock: FakeClock) -> None:
    with rawClients(conversation.server, 1) as clients:
        conversation.server.close()
        clients[0].waitForEnding()


@pytest.mark.parametrize(
    ("happens", "reasons"),
    [
        (_garbage, {"handshakeFailed": 1}),
        (_brokenHello, {"handshakeFailed": 1}),
        (_rejected, {"handshakeFailed": 1}),
        (_silence, {"timedOut": 1}),
        (_leaves, {"disconnected": 1}),
        (_resets, {"disconnected": 1}),
        (_goneBeforeAccept, {"disconnected": 1}),
        (_refused, {"refused": 1, "dropped": 1}),
        (_abortedInSlot, {"aborted": 1}),
        (_deleted, {"aborted": 1}),
        (_closed, {"dropped": 1}),
    ],
)
def test_failures_are_counted_by_reason(
    conversation: Conversation,
    clock: FakeClock,
    happens: Callable[[Conversation, FakeClock], None],
    reasons: dict[str, int],
) -> None:
    """Every accepted connection ends in exactly one number."""
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.listen()
    happens(conversation, clock)
    server = conversation.server
    spin(lambda: server.statistics().failed == sum(reasons.values()))
    statistics = server.statistics()
    counted = {ending.value: getattr(statistics, ending.value) for ending in Ending}
    assert {name: number for name, number in counted.items() if number} == reasons
    assert statistics.handshaking == statistics.encrypted == 0
    assert sums(statistics)


def test_successes_and_unfetched_sockets_are_counted(conversation: Conversation) -> None:
    """What close() takes from the queue is told apart from what was fetched."""
    server = conversation.server
    conversation.establish()
    clients = [goodClient(conversation) for _ in range(2)]
    spin(lambda: server.statistics().pending == 2 and all(client.isEncrypted() for client in clients))
    assert (server.statistics().accepted, server.statistics().encrypted, server.statistics().unfetched) == (3, 3, 0)
    server.close()
    statistics = server.statistics()
    assert (statistics.pending, statistics.unfetched, statistics.failed) == (0, 2, 0)
    assert sums(statistics)


def test_statistics_are_a_plain_value(conversation: Conversation) -> None:
    """Frozen, and what came later is in the next one."""
    before = conversation.server.statistics()
    conversation.establish()
    assert before.accepted == 0
    with pytest.raises(AttributeError):
        before.accepted = 5  # type: ignore[misc]  # the mistake under test
    assert conversation.server.statistics() != before


def test_a_place_is_looked_for_again_when_the_server_is_gone(conversation: Conversation, clock: FakeClock) -> None:
    """The timer of a limit that was reached does not disturb a server that was deleted or closed."""
    server = conversation.server
    server.setMaxHandshakingConnections(1)
    conversation.listen()
    with rawClients(server, 1), RawClient(server.serverPort()):
        settle()
        server.close()
        clock.advance(1)
        settle()
        assert not server.isListening()
        delete(server)
        deleteEverything()
        clock.advance(1)
    assert not isValid(server)
