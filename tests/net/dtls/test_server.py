"""DtlsServer: cookies, limits, pauses, deadlines, clients that begin anew, closing in every state."""

from __future__ import annotations

import contextlib
import socket as native
from collections.abc import Callable, Iterator
from weakref import ref

import pytest
from PySide6.QtCore import QByteArray, QObject
from PySide6.QtNetwork import QHostAddress
from shiboken6 import delete, isValid

from qtsecure import DtlsPeer, DtlsServer, SecureError
from qtsecure.engine.dtls.wire import (
    HANDSHAKE,
    RECORD_HEADER,
    HandshakeType,
    fragment,
    fragment_untrusted,
    plain_record,
)
from tests.net.conversation import FakeClock, assertNoneLeft, deleteEverything, openDescriptors, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status, closeAll, connectMany
from tests.net.dtls.wires import Relay


@contextlib.contextmanager
def recordedHello(conversation: DtlsConversation) -> Iterator[bytes]:
    """The first datagram of a client, taken by somebody else than a server."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as catcher:
        catcher.bind(("127.0.0.1", 0))
        catcher.settimeout(5)
        client = DtlsPeer()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHost("127.0.0.1", catcher.getsockname()[1])
        yield catcher.recv(4096)
        client.abort()


def test_a_hello_without_cookie_makes_no_peer(conversation: DtlsConversation) -> None:
    """The answer is shorter than the hello, and nothing is kept."""
    port = conversation.listen()
    with recordedHello(conversation) as hello, native.socket(native.AF_INET, native.SOCK_DGRAM) as raw:
        raw.settimeout(5)
        raw.sendto(hello, ("127.0.0.1", port))
        spin(lambda: conversation.server.statistics().challenges == 1)
        answer = raw.recv(4096)
    assert 0 < len(answer) <= len(hello) / 2
    statistics = conversation.server.statistics()
    assert (statistics.hellos, statistics.accepted, statistics.live) == (1, 0, 0)
    assert conversation.server.findChildren(QObject) == []


def test_rubbish_is_counted(conversation: DtlsConversation) -> None:
    port = conversation.listen()
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as raw:
        for rubbish in (b"GET / HTTP/1.1\r\n", b"\x16", b"\x16\xfe\xfd" + bytes(60), bytes(60_000), b"\x17" * 40, b""):
            raw.sendto(rubbish, ("127.0.0.1", port))
        spin(lambda: sum(conversation.server.statistics().dropped.values()) == 5)
    assert conversation.server.statistics().live == 0
    conversation.establish()


def test_without_cookies(conversation: DtlsConversation) -> None:
    conversation.server.setCookieVerificationEnabled(False)
    conversation.establish()
    assert conversation.server.statistics().challenges == 0


def test_a_shared_secret(conversation: DtlsConversation) -> None:
    conversation.server.setCookieSecret(bytes(range(32)))
    conversation.establish()
    conversation.server.setCookieSecret(QByteArray(b"another secret of 32 bytes......"))
    other = conversation.makeClient("other")
    conversation.establish(other)
    other.close()


def test_a_restarted_client_replaces_its_association(conversation: DtlsConversation) -> None:
    """From the same port, without having said goodbye (QDtls ignores it for ever)."""
    relay = Relay(conversation.listen())
    old = conversation.establish(port=relay.port)
    told: list[SecureError] = []
    old.errorOccurred.connect(told.append)
    conversation.client.abort()  # the process was killed
    relay.forget()
    again = conversation.makeClient("again")
    new = conversation.establish(again, port=relay.port)
    assert (new.peerAddress(), new.peerPort()) == (old.peerAddress(), old.peerPort())
    assert old.status() is Status.Disconnected
    assert [error.code for error in told] == [SecureError.Code.Closed]
    assert conversation.server.statistics().replaced == 1
    assert conversation.server.statistics().live == 1
    again.writeDatagram(b"to the new one")
    spin(new.hasPendingDatagrams)
    relay.close()
    again.close()


def test_a_forged_hello_does_not_disturb(conversation: DtlsConversation) -> None:
    """A hello from the client's address, but without its cookie."""
    port = conversation.listen()
    relay = Relay(port)
    peer = conversation.establish(port=relay.port)
    with recordedHello(conversation) as hello:
        relay.out.writeDatagram(hello, QHostAddress("127.0.0.1"), port)
    spin(lambda: conversation.server.statistics().challenges == 2)
    conversation.client.writeDatagram(b"still here")
    spin(peer.hasPendingDatagrams)
    relay.close()


def test_the_pending_queue_is_limited(conversation: DtlsConversation) -> None:
    """A client that finds no place gets one as soon as somebody is fetched."""
    conversation.server.setMaxPendingConnections(2)
    clients = connectMany(conversation, 1)
    spin(lambda: conversation.server.statistics().pending == 1)
    clients += connectMany(conversation, 1)
    spin(lambda: conversation.server.statistics().pending == 2)
    clients += connectMany(conversation, 1)
    spin(lambda: "too many pending" in conversation.server.statistics().dropped)
    assert clients[2].status() is Status.Handshaking
    assert conversation.server.nextPendingConnection() is not None
    spin(clients[2].isEncrypted)
    closeAll(clients)


def test_handshakes_are_limited(conversation: DtlsConversation) -> None:
    server, together = conversation.server, []
    server.setMaxHandshakingConnections(1)
    server.startedEncryptionHandshake.connect(lambda peer: together.append(server.statistics().handshaking))
    clients = connectMany(conversation, 3)
    spin(lambda: all(client.isEncrypted() for client in clients))
    assert together == [1, 1, 1]
    assert conversation.server.statistics().encrypted == 3
    closeAll(clients)


def test_failed_handshakes_that_repeat_their_alert_are_limited(
    conversation: DtlsConversation, clock: FakeClock
) -> None:
    """A client with many ports fails as often as it likes; what is kept for it does not grow with that."""
    with recordedHello(conversation) as hello:
        body = fragment_untrusted(hello[RECORD_HEADER:]).body
    start = body[: 35 + body[34]]  # version, random, session
    spoiled = start + b"\0" + b"\0\2\x12\x34" + b"\1\0"  # no cookie; one cipher, which does not exist
    record = plain_record(HANDSHAKE, 0, fragment(HandshakeType.CLIENT_HELLO, len(spoiled), 0, 0, spoiled))
    server = DtlsServer()
    server.setSslConfiguration(conversation.serverConfiguration)
    server.setCookieVerificationEnabled(False)
    assert server.listen("127.0.0.1")
    table = server._table
    assert table is not None
    kept = []
    for number in range(200):
        table.datagramArrived(record, ("127.0.0.9", 20_000 + number))
        kept.append(ref(table.paths["127.0.0.9", 20_000 + number]))
    settle()
    assert server.statistics().failed == 200
    assert [each() is not None for each in kept] == [False] * 136 + [True] * 64
    server.close()
    assert table.paths == {}
    delete(server)


def test_connections_of_one_address_are_limited(conversation: DtlsConversation) -> None:
    conversation.server.setMaxConnectionsPerAddress(1)
    clients = connectMany(conversation, 1)
    spin(lambda: conversation.server.statistics().pending == 1)
    clients += connectMany(conversation, 1)
    spin(lambda: "too many of one address" in conversation.server.statistics().dropped)
    conversation.server.nextPendingConnection()
    spin(clients[1].isEncrypted)
    closeAll(clients)


def test_connections_in_all_are_limited(conversation: DtlsConversation) -> None:
    conversation.server.setMaxConnections(1)
    peer = conversation.establish()
    clients = connectMany(conversation, 1)
    spin(lambda: "too many" in conversation.server.statistics().dropped)
    peer.close()
    spin(clients[0].isEncrypted)
    closeAll(clients)


def test_a_pause_lets_nobody_new_in(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.server.pauseAccepting()
    clients = connectMany(conversation, 1)
    spin(lambda: "paused" in conversation.server.statistics().dropped)
    conversation.client.writeDatagram(b"the others go on")
    spin(peer.hasPendingDatagrams)
    conversation.server.resumeAccepting()
    spin(clients[0].isEncrypted)
    closeAll(clients)


def test_pausing_without_listening(conversation: DtlsConversation) -> None:
    conversation.server.pauseAccepting()
    conversation.server.resumeAccepting()
    conversation.server.pauseAccepting()
    conversation.connect()
    spin(lambda: "paused" in conversation.server.statistics().dropped)
    conversation.server.resumeAccepting()
    spin(conversation.client.isEncrypted)


def test_a_new_configuration_is_for_new_clients(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    first = conversation.client.peerCertificate()
    conversation.showServer(conversation.pki.rsaServer)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    other = conversation.makeClient("other")
    conversation.establish(other)
    assert other.peerCertificate() != first
    conversation.client.writeDatagram(b"the old one lives")
    spin(peer.hasPendingDatagrams)
    other.close()


def test_a_handshake_that_stops_is_ended_at_the_deadline(conversation: DtlsConversation, clock: FakeClock) -> None:
    conversation.server.startedEncryptionHandshake.connect(lambda peer: conversation.client.abort())
    conversation.connect()
    spin(lambda: conversation.server.statistics().handshaking == 1)
    for _ in range(299):
        clock.advance(0.1)
        settle()
    assert conversation.server.statistics().handshaking == 1
    clock.advance(0.2)
    settle()
    assert conversation.server.statistics().handshaking == 0
    ((_peer, error),) = conversation.arguments("server.errorOccurred")
    assert isinstance(error, SecureError)
    assert error.code is SecureError.Code.TimedOut
    deleteEverything()
    assert conversation.server.findChildren(DtlsPeer) == []
    assert conversation.server.statistics().live == 0


SERVER_MOMENTS = ("newConnection", "startedEncryptionHandshake", "pendingConnectionAvailable")
PEER_MOMENTS = ("statusChanged", "encrypted", "readyRead", "datagramReceived", "closed", "disconnected")
ACTIONS: dict[str, Callable[[DtlsServer, DtlsPeer | None], object]] = {
    "close the server": lambda server, peer: server.close(),
    "delete the server": lambda server, peer: delete(server),
    "close the peer": lambda server, peer: peer.close() if peer is not None else None,
    "abort the peer": lambda server, peer: peer.abort() if peer is not None else None,
    "delete the peer": lambda server, peer: delete(peer) if peer is not None else None,
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("moment", SERVER_MOMENTS + PEER_MOMENTS)
def test_in_every_slot(conversation: DtlsConversation, moment: str, action: str) -> None:
    """Nothing crashes, nothing leaks, the client is told or finds out."""
    done: list[str] = []
    server = conversation.server

    def act(*arguments: object) -> None:
        if done:
            return
        done.append(moment)
        peer = next(iter(server.findChildren(DtlsPeer)), None)
        ACTIONS[action](server, peer)

    def attend(peer: DtlsPeer) -> None:
        if moment in PEER_MOMENTS:
            getattr(peer, moment).connect(act)

    if moment in SERVER_MOMENTS:
        getattr(server, moment).connect(act)
    else:
        server.startedEncryptionHandshake.connect(attend)
    conversation.client.encrypted.connect(lambda: conversation.client.writeDatagram(b"x"))
    conversation.client.encrypted.connect(conversation.client.close)
    conversation.connect()
    spin(lambda: bool(done))
    settle()
    conversation.client.abort()
    deleteEverything()
    if isValid(server) and action != "close the server":
        spin(lambda: server.statistics().handshaking == 0)


@pytest.mark.parametrize("moment", ["statusChanged", "encrypted", "readyRead", "datagramReceived", "sslErrors"])
def test_deleting_a_client_in_every_slot(conversation: DtlsConversation, moment: str) -> None:
    if moment == "sslErrors":
        conversation.showServer(conversation.pki.expired)
    client = DtlsPeer()
    getattr(client, moment).connect(lambda *arguments: delete(client) if isValid(client) else None)
    conversation.server.pendingConnectionAvailable.connect(
        lambda: conversation.server.nextPendingConnection().writeDatagram(b"x")  # type: ignore[union-attr]  # it has one
    )
    conversation.listen()
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost("127.0.0.1", conversation.server.serverPort())
    spin(lambda: not isValid(client))
    settle()


def test_nothing_leaks(conversation: DtlsConversation) -> None:
    conversation.server.setMaxPendingConnections(1000)
    peer = conversation.establish()
    peer.deleteLater()
    conversation.client.close()
    del peer
    deleteEverything()
    before = openDescriptors()
    for number in range(100):
        client = DtlsPeer()
        peer = conversation.establish(client)
        client.close()
        spin(lambda peer=peer: peer.status() is Status.Disconnected)  # type: ignore[misc]  # bound now
        peer.deleteLater()
        del client, peer
        settle()
        if number % 25 == 24:
            deleteEverything()  # which is slow
    assert conversation.server.statistics().live == 0
    assert conversation.server.findChildren(QObject) == []
    assertNoneLeft(before, "socket:")


def test_a_thousand_peers(conversation: DtlsConversation) -> None:
    """All of them live, on one socket and one timer, and each gets its own messages."""
    conversation.server.setMaxPendingConnections(2000)
    conversation.listen()
    clients: list[DtlsPeer] = []
    for _ in range(1000):
        client = DtlsPeer()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHost("127.0.0.1", conversation.server.serverPort())
        clients.append(client)
        if len(clients) % 50 == 0:
            spin(lambda: all(each.isEncrypted() for each in clients[-50:]), timeout=20_000)
    spin(lambda: conversation.server.statistics().pending == 1000)
    peers = {}
    while (peer := conversation.server.nextPendingConnection()) is not None:
        peers[peer.peerPort()] = peer
    assert len(peers) == conversation.server.statistics().live == 1000
    for index, client in enumerate(clients):
        client.writeDatagram(str(index).encode())
    for index, client in enumerate(clients):
        peer = peers[client.localPort()]
        spin(peer.hasPendingDatagrams)
        assert peer.readDatagram() == str(index).encode()
    closeAll(clients)


def test_twenty_clients_at_once(conversation: DtlsConversation, clock: FakeClock) -> None:
    """While no time passes, so that nobody can repeat anything."""
    clients = connectMany(conversation, 20)
    spin(lambda: all(client.isEncrypted() for client in clients))
    assert conversation.server.statistics().pending == 20
    assert {client.statistics().retransmissions for client in clients} == {0}
    assert conversation.server.statistics().challenges == 20
    closeAll(clients)
