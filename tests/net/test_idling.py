"""setTimeout(): a connection without traffic is given up."""

from __future__ import annotations

import select

import pytest
from PySide6.QtCore import QObject

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.ssl_socket.data_path import DataPath
from qtsecure.testing.peers import SilentServer
from tests.net.conversation import Conversation, Error, FakeClock, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


def isGivenUp(conversation: Conversation) -> bool:
    conversation.waitForClientEnd()
    return conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]


def hear(conversation: Conversation, peer: SslSocket) -> None:
    """Let a byte come from the server, and with it the session tickets, which are traffic, too."""
    peer.write(b"x")
    spin(lambda: conversation.client.bytesAvailable() == 1)
    conversation.client.readAll()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_idle_connection_is_given_up(conversation: Conversation, clock: FakeClock, when: str) -> None:
    """After exactly the time, with an error, then disconnected; the peer hears the end."""
    client = conversation.client
    if when == "before":
        client.setTimeout(10_000)
    peer = conversation.establish()
    if when == "after":
        client.setTimeout(10_000)
    assert client.timeout() == 10_000
    hear(conversation, peer)
    clock.advance(9.9)
    settle()
    assert client.isEncrypted()
    clock.advance(0.2)
    assert isGivenUp(conversation)
    assert "10000 ms" in client.errorString()
    conversation.recorder.assertOrder(["client.errorOccurred", "client.disconnected"])
    spin(lambda: peer.state() == State.UnconnectedState)


@pytest.mark.parametrize("direction", ["in", "out"])
def test_traffic_keeps_it(conversation: Conversation, clock: FakeClock, direction: str) -> None:
    """One byte either way, and the time begins anew."""
    peer = conversation.establish()
    client = conversation.client
    hear(conversation, peer)
    client.setTimeout(10_000)
    sender, receiver = (peer, client) if direction == "in" else (client, peer)
    for number in range(1, 6):
        clock.advance(9)
        sender.write(b"x")
        spin(lambda number=number: receiver.bytesAvailable() == number)  # type: ignore[misc]  # a default binds the loop's value
    assert client.isEncrypted()
    clock.advance(9.9)
    settle()
    assert client.isEncrypted()
    clock.advance(0.2)
    assert isGivenUp(conversation)


def test_a_stalled_peer_is_given_up(conversation: Conversation, clock: FakeClock) -> None:
    """Bytes that wait for a peer that reads nothing are no traffic."""
    peer = conversation.establish()
    peer.setReadBufferSize(1)
    client = conversation.client
    client.setTimeout(10_000)
    client.write(bytes(64 << 20))
    spin(lambda: client.encryptedBytesToWrite() > 0)
    left = -1
    while left != client.bytesToWrite():
        left = client.bytesToWrite()
        settle()
    clock.advance(10.1)
    assert isGivenUp(conversation)


def test_the_programs_own_pause_does_not_count(conversation: Conversation, clock: FakeClock) -> None:
    """A full read buffer is not the peer's fault."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(10)
    client.setTimeout(10_000)
    peer.write(bytes(100))
    spin(lambda: client.bytesAvailable() == 10)
    for _ in range(5):
        clock.advance(9)
        settle()
    assert client.isEncrypted()
    client.setReadBufferSize(0)
    spin(lambda: client.bytesAvailable() == 100)
    clock.advance(20.2)
    assert isGivenUp(conversation)


def test_what_waits_in_the_kernel_is_no_silence(conversation: Conversation, clock: FakeClock) -> None:
    """The program has slept, and the timer comes before the socket: the peer has kept its time."""
    peer = conversation.establish()
    client = conversation.client
    hear(conversation, peer)
    client.setTimeout(10_000)
    peer.write(b"in time")
    assert peer.waitForBytesWritten(20_000)
    assert select.select([client.socketDescriptor()], [], [], 20)[0]
    clock.advance(12)
    assert client.isEncrypted()
    assert client.readBytes() == b"in time"
    clock.advance(9.9)
    settle()
    assert client.isEncrypted()
    clock.advance(0.2)
    assert isGivenUp(conversation)


def test_a_decision_does_not_count(conversation: Conversation, clock: FakeClock) -> None:
    """Nor is the user's time."""
    client = conversation.client
    conversation.clientConfiguration.setCaCertificates([])
    conversation.server.setHandshakeTimeout(-1)
    client.acceptCertificate.connect(lambda request: request.defer())
    client.setTimeout(10_000)
    conversation.connect()
    spin(lambda: conversation.recorder.count("client.acceptCertificate") == 1)
    for _ in range(10):
        clock.advance(9)
        settle()
    assert client.state() == State.ConnectedState
    conversation.recorder.of("client.acceptCertificate")[0][0].accept()
    spin(client.isEncrypted)


def test_a_silent_server(conversation: Conversation, clock: FakeClock) -> None:
    """The handshake counts as well."""
    with SilentServer() as server:
        client = conversation.client
        client.setTimeout(1000)
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(lambda: client.state() == State.ConnectedState and not client.encryptedBytesToWrite())  # the hello is out
        clock.advance(1.1)
        assert isGivenUp(conversation)


def test_while_connecting(conversation: Conversation, clock: FakeClock) -> None:
    """So does the look-up; the event loop, which alone brings the answer, has a turn before."""
    client = conversation.client
    client.setTimeout(1000)
    client.connectToHost("some.name.invalid.", 443)
    clock.advance(1)
    assert client.state() == State.HostLookupState
    clock.advance(0.06)
    assert client.state() == State.UnconnectedState
    assert isGivenUp(conversation)


@pytest.mark.parametrize("value", [0, -1])
def test_off(conversation: Conversation, clock: FakeClock, value: int) -> None:
    """By default, and when it is switched off."""
    conversation.establish()
    client = conversation.client
    assert client.timeout() == 0
    assert type(client._dataPath) is DataPath
    client.setTimeout(1000)
    assert type(client._dataPath) is not DataPath
    client.setTimeout(value)
    assert type(client._dataPath) is DataPath
    clock.advance(100_000)
    settle()
    assert client.isEncrypted()


def test_it_stays_for_later_connections(conversation: Conversation, clock: FakeClock) -> None:
    """A setting of the socket, not of the connection."""
    client = conversation.client
    client.setTimeout(1000)
    conversation.establish()
    client.abort()
    clock.advance(2)
    assert conversation.recorder.count("client.errorOccurred") == 0
    hear(conversation, conversation.establish())
    clock.advance(2)
    assert isGivenUp(conversation)


@pytest.mark.parametrize(("value", "kind"), [(-2, ValueError), (1.5, TypeError), (True, TypeError)])
def test_arguments(qapp: QObject, value: object, kind: type[Exception]) -> None:
    """Milliseconds."""
    with pytest.raises(kind, match="ms"):
        SslSocket().setTimeout(value)  # type: ignore[arg-type]  # the mistake under test


def test_a_slot_that_the_handshake_waits_for_is_no_silence(conversation: Conversation, clock: FakeClock) -> None:
    """The user thinks; the peer has nothing to say."""
    client = conversation.client
    conversation.clientConfiguration.setCaCertificates([])
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    client.setTimeout(10_000)

    def think() -> None:
        clock.advance(11)
        client.continueInterruptedHandshake()

    client.handshakeInterruptedOnError.connect(think)
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
    client.setHandshakeTimeout(0)
    conversation.server.setHandshakeTimeout(0)
    conversation.connect()
    spin(client.isEncrypted)
    assert conversation.recorder.count("client.errorOccurred") == 0
