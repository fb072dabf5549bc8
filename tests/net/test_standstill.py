"""After a standstill of the process timers may come before what waits in the kernel: the peer has kept its time."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator

import pytest
from PySide6.QtNetwork import QHostAddress, QNetworkProxy, QTcpSocket

from qtsecure.engine.tls_stream import TlsStream
from qtsecure.net.native_sockets.name_lookup import NameLookup
from qtsecure.net.questions.choice_requests import VirtualHostRequest
from qtsecure.net.ssl_socket import SslSocket, connecting
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import Version, client_configuration, server_configuration
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, FakeClock, State, settle, spin
from tests.net.proxy_servers import HttpProxy, ProxyServer, Socks5Proxy

pytestmark = pytest.mark.usefixtures("transport_mode")
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
LIMIT = 10_000
"""Of a handshake, in ms."""


def isReadable(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


class Peer:
    """The other end: it hears and says something when it is told to, without any event loop.

    Args:
        stream: Its engine.
    """

    def __init__(self, stream: TlsStream) -> None:
        self.stream = stream
        self.socket = socket.socket()
        self.flight = b""

    def use(self, connected: socket.socket) -> None:
        self.socket.close()
        self.socket = connected
        self.socket.settimeout(20)
        self.stream.start()

    def hear(self) -> None:
        """Wait for something, and prepare the answer."""
        self.stream.receive(self.socket.recv(65536))
        while data := bytes(self.stream.take_outgoing()):
            self.flight += data

    def say(self, count: int | None = None) -> None:
        """Send the answer, or the first bytes of it."""
        part, self.flight = self.flight[:count], self.flight[len(self.flight[:count]) :]
        self.socket.sendall(part)

    def goOn(self) -> None:
        """Hear what is there, if anything, and answer."""
        if isReadable(self.socket):
            self.hear()
        self.say()

    def close(self) -> None:
        self.socket.close()


class PeerServer(Peer):
    """The other end of a client."""

    def __init__(self, pki: PublicKeyInfrastructure, version: Version) -> None:
        super().__init__(TlsStream(server_configuration(pki.server, version), server=True))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def accept(self) -> None:
        """Let the event loop run until the client and its hello have come, and have the answer ready."""
        spin(lambda: isReadable(self._listener))
        self.use(self._listener.accept()[0])
        spin(lambda: isReadable(self.socket))
        self.hear()

    def close(self) -> None:
        super().close()
        self._listener.close()


@pytest.fixture
def peer(qtsecure_pki: PublicKeyInfrastructure, version: Version) -> Iterator[PeerServer]:
    """A server for the client of the conversation."""
    made = PeerServer(qtsecure_pki, version)
    yield made
    made.close()


@pytest.fixture
def client(make_conversation: MakeConversation) -> SslSocket:
    """It trusts the server, and its handshake may take ten seconds."""
    conversation = make_conversation()
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.setHandshakeTimeout(LIMIT)
    return conversation.client


def sayHello(client: SslSocket, peer: PeerServer) -> list[Error]:
    """Until the server's answer is ready, and not sent; returns where errors come."""
    errors: list[Error] = []
    client.errorOccurred.connect(errors.append)
    client.connectToHostEncrypted("127.0.0.1", peer.port)
    peer.accept()
    spin(lambda: client.state() == State.ConnectedState)
    return errors


def arrives(client: SslSocket) -> None:
    """Wait until what was sent has arrived in the kernel."""
    assert select.select([client.socketDescriptor()], [], [], 20)[0]


def beginAsClient(conversation: Conversation, version: Version) -> tuple[SslSocket, Peer]:
    """A client of the conversation's server, whose hello waits there."""
    conversation.serverConfiguration.setProtocol(PROTOCOLS[version])
    conversation.server.setHandshakeTimeout(LIMIT)
    conversation.listen()
    configuration = client_configuration([conversation.pki.ca.certificate], version)
    peer = Peer(TlsStream(configuration, server=False, peer_name="127.0.0.1"))
    peer.use(socket.create_connection(("127.0.0.1", conversation.server.serverPort()), 20))
    peer.flight = bytes(peer.stream.take_outgoing())
    spin(lambda: bool(conversation.accepted))
    peer.say()
    arrives(conversation.accepted[0])
    return conversation.accepted[0], peer


def finish(client: SslSocket, peer: Peer) -> None:
    """Both ends go on, the clock stands still."""

    def done() -> bool:
        peer.goOn()
        return client.isEncrypted() and peer.stream.established

    spin(done)


# ------------------------------------------------------------------------------- the handshake


@pytest.mark.parametrize("late", [0, 0.05, 3, 30_000])
@pytest.mark.parametrize("version", ["1.3"])
def test_the_last_flight_waits_at_the_deadline(
    client: SslSocket, peer: PeerServer, clock: FakeClock, late: float
) -> None:
    """All that is needed is there: the handshake is complete."""
    errors = sayHello(client, peer)
    peer.say()
    arrives(client)
    clock.advance(LIMIT / 1000 + late)
    assert client.isEncrypted()
    clock.advance(100_000)
    assert client.isEncrypted()
    assert errors == []


@pytest.mark.parametrize("version", ["1.2"])
def test_a_flight_waits_that_is_not_the_last(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """The server could not go on while we stood still: it gets the time for it."""
    errors = sayHello(client, peer)
    peer.say()
    arrives(client)
    clock.advance(LIMIT / 1000 + 3)
    finish(client, peer)
    clock.advance(100_000)
    assert client.isEncrypted()
    assert errors == []


@pytest.mark.parametrize("version", ["1.2"])
def test_a_flight_was_read_before_the_deadline_came(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """After a standstill the socket may have its turn first: that makes the server no later."""
    errors = sayHello(client, peer)
    peer.say()
    clock.now += LIMIT / 1000 + 3
    spin(lambda: isReadable(peer.socket))
    clock.advance(0)
    finish(client, peer)
    clock.advance(100_000)
    assert client.isEncrypted()
    assert errors == []


@pytest.mark.parametrize("transport_mode", ["qt"], indirect=True)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_hello_waited_for_a_slot(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """A QTcpSocket sends it from the event loop only, so that the server has heard nothing while we stood still."""

    def standStill() -> None:
        clock.now += LIMIT / 1000 + 3

    client.connected.connect(standStill)
    errors = sayHello(client, peer)
    clock.advance(0)
    finish(client, peer)
    clock.advance(100_000)
    assert client.isEncrypted()
    assert errors == []


@pytest.mark.parametrize(("late", "given"), [(3, 3), (1000, LIMIT / 1000)])
@pytest.mark.parametrize("version", ["1.2"])
def test_what_was_given_back_ends(
    client: SslSocket, peer: PeerServer, clock: FakeClock, late: float, given: float
) -> None:
    """As much as could not be used, and no more than there was; then it is over, once."""
    errors = sayHello(client, peer)
    peer.say()
    arrives(client)
    clock.advance(LIMIT / 1000 + late)
    settle()
    clock.advance(given - 0.1)
    assert client.state() == State.ConnectedState
    clock.advance(0.2)
    assert client.state() == State.UnconnectedState
    settle()
    assert errors == [Error.SocketTimeoutError]


@both_versions
def test_a_server_that_drips_is_left_in_time(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """A process that stands still for a moment only owes it nothing."""
    errors = sayHello(client, peer)
    peer.say(1)
    arrives(client)
    clock.advance(LIMIT / 1000 + 0.09)
    assert client.state() == State.UnconnectedState
    assert errors == [Error.SocketTimeoutError]


@both_versions
def test_a_server_that_drips_after_a_standstill_is_left(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """However often we stand still, the time is given back once."""
    errors = sayHello(client, peer)
    peer.say(1)
    arrives(client)
    clock.advance(LIMIT / 1000 + 3)
    assert client.state() == State.ConnectedState
    peer.say(1)
    arrives(client)
    clock.advance(20)
    assert client.state() == State.UnconnectedState
    assert errors == [Error.SocketTimeoutError]


@pytest.mark.parametrize("version", ["1.2"])
def test_a_limit_that_was_lifted_meanwhile(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """That concerns the next handshake; this one gets back what it could not use, as before."""
    errors = sayHello(client, peer)
    client.setHandshakeTimeout(-1)
    peer.say()
    arrives(client)
    clock.advance(LIMIT / 1000 + 3)
    assert client.state() == State.ConnectedState
    finish(client, peer)
    assert errors == []


@both_versions
def test_a_server_that_says_nothing_is_left_at_once(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """It had its time, and nothing waits."""
    errors = sayHello(client, peer)
    spin(lambda: not client.encryptedBytesToWrite())  # to be told of that at the end would be traffic
    clock.advance(LIMIT / 1000 + 3)
    assert client.state() == State.UnconnectedState
    assert errors == [Error.SocketTimeoutError]


@pytest.mark.parametrize("slot", ["abort", "close", "again"])
@pytest.mark.parametrize("version", ["1.3"])
def test_a_slot_of_what_waits_ends_the_connection(
    client: SslSocket, peer: PeerServer, clock: FakeClock, slot: str
) -> None:
    """What it has ended does not time out, nor does what it has begun."""
    errors = sayHello(client, peer)

    def again() -> None:
        client.encrypted.disconnect(again)
        client.abort()
        client.connectToHost("127.0.0.1", peer.port)

    client.encrypted.connect(again if slot == "again" else getattr(client, slot))
    peer.say()
    arrives(client)
    clock.advance(LIMIT / 1000 + 3)
    settle()
    expected = State.ConnectedState if slot == "again" else State.UnconnectedState
    spin(lambda: client.state() == expected)
    assert errors == []


@both_versions
@pytest.mark.parametrize("goesOn", [True, False])
@pytest.mark.parametrize("first", ["socket", "timer"])
def test_a_client_of_a_server(
    conversation: Conversation, clock: FakeClock, version: Version, first: str, goesOn: bool
) -> None:
    """Its hello has waited: the handshake goes on; and what ends it then is told as what it is."""
    accepted, peer = beginAsClient(conversation, version)
    clock.now += LIMIT / 1000 + 3
    if first == "socket":
        spin(lambda: isReadable(peer.socket))
    clock.advance(0)
    assert conversation.server.statistics().handshaking == 1
    if goesOn:
        finish(accepted, peer)
        assert conversation.server.hasPendingConnections()
    else:
        peer.close()
        spin(lambda: not conversation.server.statistics().handshaking)
    peer.close()
    numbers = conversation.server.statistics()
    assert (numbers.encrypted, numbers.timedOut, numbers.failed) == (int(goesOn), 0, int(not goesOn))


@both_versions
def test_a_choice_in_what_waits(conversation: Conversation, clock: FakeClock, version: Version) -> None:
    """The program's time does not count, and what was given back goes on afterwards."""
    requests: list[VirtualHostRequest] = []

    def ask(accepted: SslSocket, request: VirtualHostRequest) -> None:
        requests.append(request)
        request.defer()

    conversation.server.certificateRequired.connect(ask)
    accepted, peer = beginAsClient(conversation, version)
    clock.advance(LIMIT / 1000 + 3)
    assert len(requests) == 1
    clock.advance(200)
    assert requests[0].isPending()
    requests[0].provide(conversation.serverConfiguration)
    settle()
    clock.advance(2.9)
    assert accepted.state() == State.ConnectedState
    clock.advance(0.2)
    assert conversation.server.statistics().timedOut == 1
    peer.close()


# -------------------------------------------------------------------------------- connecting


def test_a_connection_that_stands_already(conversation: Conversation, clock: FakeClock) -> None:
    """The kernel has made it; nobody has looked."""
    client = conversation.client
    conversation.listen()
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    clock.advance(33)
    spin(lambda: client.state() == State.ConnectedState)
    clock.advance(100)
    assert client.state() == State.ConnectedState
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.abort()


def test_a_refusal_that_waits(conversation: Conversation, clock: FakeClock, closedPort: int) -> None:
    """It is told as what it is."""
    client = conversation.client
    client.connectToHost("127.0.0.1", closedPort)
    clock.advance(33)
    spin(lambda: client.state() == State.UnconnectedState)
    assert conversation.recorder.of("client.errorOccurred") == [(Error.ConnectionRefusedError,)]


def test_the_time_out_of_a_connection_that_stands_already(conversation: Conversation, clock: FakeClock) -> None:
    """setTimeout(): that the server has accepted is traffic."""
    client = conversation.client
    conversation.listen()
    client.setTimeout(1000)
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    clock.advance(2)
    spin(lambda: client.state() == State.ConnectedState)
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.abort()


@pytest.mark.parametrize("first", ["timer", "socket"])
def test_a_connection_that_stands_is_traffic(conversation: Conversation, clock: FakeClock, first: str) -> None:
    """setTimeout(): the server gets the whole of it for its first byte, however late the connection stood."""
    client = conversation.client
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.setTimeout(LIMIT)
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        clock.now += LIMIT / 1000 + 0.2
        if first == "timer":
            clock.advance(0)
        spin(lambda: client.state() == State.ConnectedState)
        clock.advance(LIMIT / 1000 - 1)
        clock.advance(0.5)
        assert client.state() == State.ConnectedState
        clock.advance(1)
        assert client.state() == State.UnconnectedState
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]


def test_a_bound_socket_whose_connection_stands_already(conversation: Conversation, clock: FakeClock) -> None:
    """It has a descriptor from the beginning, at which nothing is to be read yet."""
    client = conversation.client
    conversation.listen()
    assert client.bind("127.0.0.1")
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    clock.advance(33)
    spin(lambda: client.state() == State.ConnectedState)
    clock.advance(100)
    assert client.state() == State.ConnectedState
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.abort()


def test_a_bound_socket_that_looks_a_name_up(
    conversation: Conversation, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """setTimeout(): a look at it, which is not connected, would break it; it times out, once."""
    client = conversation.client
    assert client.bind("127.0.0.1")
    client.setTimeout(1000)
    monkeypatch.setattr(NameLookup, "start", lambda lookup, name: None)
    client.connectToHost("nowhere.invalid", 5)
    clock.advance(2)
    clock.advance(2)
    settle()
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]


def test_addresses_wait_for_the_event_loop(
    conversation: Conversation, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """setTimeout(): only it brings what the resolver's thread has posted, and has its turn before the time counts."""
    client = conversation.client
    conversation.listen()
    monkeypatch.setattr(NameLookup, "start", lambda lookup, name: None)
    client.setTimeout(1000)
    client.connectToHost("localhost", conversation.server.serverPort())
    clock.advance(2)
    lookup = client._attempt.lookup
    assert lookup is not None
    lookup._answered([QHostAddress("127.0.0.1")], "")
    spin(lambda: client.state() == State.ConnectedState)
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.abort()


def test_the_next_address_is_waited_for_without_an_event_loop(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first one is given up in waitForConnected(), the second is not ended before it has begun."""
    monkeypatch.setattr(connecting, "_ADDRESS_TIMEOUT_MS", 50)
    client = conversation.client
    with socket.socket() as full, socket.socket() as good:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        good.bind(("127.0.0.2", port))
        good.listen()
        fillers = [socket.create_connection(("127.0.0.1", port))]  # in the backlog before the others come
        for _ in range(3):
            fillers.append(socket.socket())
            fillers[-1].setblocking(False)
            fillers[-1].connect_ex(("127.0.0.1", port))
        client.connectToHost("127.0.0.1", port)
        client._attempt.addresses = [QHostAddress("127.0.0.2")]
        assert client.waitForConnected(20_000)
        assert client.peerAddress() == QHostAddress("127.0.0.2")
        client.abort()
        for filler in fillers:
            filler.close()


# ------------------------------------------------------------------------------------ silence


@pytest.mark.parametrize("late", [0, 3])
def test_an_end_that_waits(conversation: Conversation, clock: FakeClock, late: float) -> None:
    """setTimeout(): it is told as what it is, although a QTcpSocket tells of it only from the event loop."""
    client = conversation.client
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.setTimeout(1000)
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectedState)
        listener.accept()[0].close()
        arrives(client)
        clock.advance(1 + late)
        settle()
    assert client.state() == State.UnconnectedState
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]


def test_a_time_out_that_began_with_binding(conversation: Conversation, clock: FakeClock) -> None:
    """It is none of a connection yet; and nothing is left of it when it is switched off later."""
    client = conversation.client
    conversation.listen()
    client.setTimeout(1000)
    assert client.bind("127.0.0.1")
    clock.advance(0.9)
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    spin(lambda: client.state() == State.ConnectedState)
    client.setTimeout(0)
    clock.advance(0.5)
    clock.advance(100)
    assert client.state() == State.ConnectedState
    client.abort()
    client.setTimeout(1000)
    assert client.bind("127.0.0.1")
    clock.advance(2)
    clock.advance(2)
    settle()
    assert client.state() == State.BoundState
    assert conversation.recorder.count("client.errorOccurred") == 0
    client.abort()


@pytest.mark.parametrize("first", ["timer", "socket"])
def test_an_end_that_is_told_for_long(conversation: Conversation, clock: FakeClock, first: str) -> None:
    """setTimeout(): a slot of errorOccurred shows a dialog; what is being told of does not time out meanwhile."""
    client = conversation.client
    client.errorOccurred.connect(lambda: clock.advance(10))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.setTimeout(1000)
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectedState)
        listener.accept()[0].close()
        arrives(client)
        clock.advance(1 if first == "timer" else 0)
        spin(lambda: client.state() == State.UnconnectedState)
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert conversation.recorder.count("client.disconnected") == 1


@pytest.mark.parametrize("version", ["1.3"])
def test_a_clean_end_that_is_told_for_long(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """The same with close_notify, behind which more may still be sent."""
    errors = sayHello(client, peer)
    finish(client, peer)
    client.setTimeout(1000)
    client.errorOccurred.connect(lambda: clock.advance(10))
    peer.stream.close()
    peer.flight = bytes(peer.stream.take_outgoing())
    peer.say()
    spin(lambda: client.state() == State.UnconnectedState)
    assert errors == [Error.RemoteHostClosedError]


@both_versions
def test_an_alert_that_is_told_for_long(client: SslSocket, peer: PeerServer, clock: FakeClock) -> None:
    """In a slot of alertReceived: the handshake has failed by then, which is told instead of the lateness."""
    errors = sayHello(client, peer)
    client.setTimeout(LIMIT)
    client.alertReceived.connect(lambda: clock.advance(2 * LIMIT / 1000))
    peer.socket.sendall(b"\x15\3\3\0\2\2\x28")  # handshake_failure
    spin(lambda: client.state() == State.UnconnectedState)
    assert errors == [Error.SslHandshakeFailedError]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("version", ["1.3"])
def test_the_end_of_a_handshake_that_is_told_for_long(
    client: SslSocket, peer: PeerServer, clock: FakeClock, reset: bool
) -> None:
    """The same, with the handshake's limit."""
    errors = sayHello(client, peer)
    client.errorOccurred.connect(lambda: clock.advance(2 * LIMIT / 1000))
    if reset:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    spin(lambda: client.state() == State.UnconnectedState)
    assert errors in ([Error.RemoteHostClosedError], [Error.NetworkError])


# ----------------------------------------------------------------------------------- closing


def stall(client: SslSocket) -> None:
    """Let the event loop run until the network takes no more."""
    left = -1
    while left != client.bytesToWrite() + client.encryptedBytesToWrite():
        left = client.bytesToWrite() + client.encryptedBytesToWrite()
        settle()


def makeRoom(connection: socket.socket, client: SslSocket) -> None:
    """Read until the client could send more, without any event loop."""
    while not select.select([], [client.socketDescriptor()], [], 0)[1]:
        assert select.select([connection], [], [], 20)[0]
        connection.recv(1 << 20)


def test_a_peer_that_reads_keeps_a_closing_connection(conversation: Conversation, clock: FakeClock) -> None:
    """It has read what the kernel had, and we did not go on; one that reads nothing is left."""
    client = conversation.client
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectedState)
        connection = listener.accept()[0]
        client.write(bytes(64 << 20))
        client.disconnectFromHost()
        stall(client)
        makeRoom(connection, client)
        clock.advance(33)
        assert client.state() == State.ClosingState
        for _ in range(3):  # what it has read made room for more
            stall(client)
            clock.advance(33)
        assert client.state() == State.UnconnectedState
        connection.close()
    assert conversation.recorder.count("client.disconnected") == 1


def test_a_closing_connection_waits_for_no_room(conversation: Conversation, clock: FakeClock) -> None:
    """A kernel without memory for TCP calls a socket ready that takes nothing; Qt would wait for it without end."""
    client = conversation.client
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectedState)
        connection = listener.accept()[0]
        client.write(bytes(16 << 20))
        client.disconnectFromHost()
        stall(client)
        clock.advance(33)  # some of it has gone since it was closed, and the limit begins anew
        makeRoom(connection, client)
        waits: list[int] = []
        tcp = getattr(client._dataPath.transport, "_device", None)  # of the reactor's there is none
        if tcp is not None:
            tcp.waitForBytesWritten = waits.append
        clock.advance(33)
        assert (client.state(), waits) == (State.ClosingState, [])
        connection.close()
        client.abort()


# ------------------------------------------------------------------- devices, and Qt's proxies


class Below:
    """A device of the program's, with the socket over it."""

    def __init__(self, conversation: Conversation, port: int) -> None:
        self.device = QTcpSocket()
        self.device.connectToHost("127.0.0.1", port)
        spin(lambda: self.device.state() == State.ConnectedState)
        self.socket = SslSocket(transport=self.device)
        self.socket.setSslConfiguration(conversation.clientConfiguration)
        self.socket.setPeerVerifyName("127.0.0.1")
        self.socket.setHandshakeTimeout(LIMIT)
        self.errors: list[Error] = []
        self.socket.errorOccurred.connect(self.errors.append)


@both_versions
@pytest.mark.parametrize("late", [0, 3])
def test_a_flight_waits_below_a_device(
    conversation: Conversation, peer: PeerServer, clock: FakeClock, late: float
) -> None:
    """Only the event loop can bring it, so it has its turn before the deadline counts."""
    below = Below(conversation, peer.port)
    below.socket.startClientEncryption()
    peer.accept()
    peer.say()
    assert select.select([int(below.device.socketDescriptor())], [], [], 20)[0]
    told: list[object] = []
    below.device.errorOccurred.connect(told.append)
    clock.advance(LIMIT / 1000 + late)
    finish(below.socket, peer)
    assert below.errors == told == []
    below.socket.abort()


@pytest.mark.parametrize("version", ["1.3"])
@pytest.mark.parametrize("late", [0, 3])
def test_silence_below_a_device(conversation: Conversation, peer: PeerServer, clock: FakeClock, late: float) -> None:
    """The turn is a short one, or as long as we stood still."""
    below = Below(conversation, peer.port)
    below.socket.startClientEncryption()
    clock.advance(LIMIT / 1000 + late)
    assert below.errors == []
    clock.advance(max(late, 0.05) + 0.001)
    assert below.errors == [Error.SocketTimeoutError]


@pytest.mark.parametrize("version", ["1.3"])
def test_a_message_waits_below_a_device(conversation: Conversation, peer: PeerServer, clock: FakeClock) -> None:
    """setTimeout(): it has come in time; the next silence counts."""
    below = Below(conversation, peer.port)
    below.socket.startClientEncryption()
    peer.accept()
    finish(below.socket, peer)
    below.socket.setTimeout(1000)
    settle()
    peer.stream.write(b"in time")
    peer.flight = bytes(peer.stream.take_outgoing())
    peer.say()
    clock.advance(1.5)
    spin(lambda: below.socket.bytesAvailable() == 7)
    clock.advance(0.9)
    assert below.socket.isEncrypted()
    clock.advance(1)
    clock.advance(1)
    assert below.errors == [Error.SocketTimeoutError]


@both_versions
@pytest.mark.parametrize(
    "kind",
    [(HttpProxy, QNetworkProxy.ProxyType.HttpProxy), (Socks5Proxy, QNetworkProxy.ProxyType.Socks5Proxy)],
    ids=["http", "socks5"],
)
def test_a_flight_waits_behind_a_proxy(
    client: SslSocket, peer: PeerServer, clock: FakeClock, kind: tuple[type[ProxyServer], QNetworkProxy.ProxyType]
) -> None:
    """Qt's engine of the proxy brings it in its own time."""
    with kind[0]() as server:
        client.setProxy(QNetworkProxy(kind[1], "127.0.0.1", server.port))
        errors = sayHello(client, peer)
        peer.say()
        clock.advance(LIMIT / 1000 + 3)
        finish(client, peer)
        assert errors == []
        client.abort()
