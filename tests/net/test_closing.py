"""Every end of a connection: orderly, sudden, by deletion, and by the peer; and life after it."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial

import pytest
import shiboken6
from PySide6.QtCore import QIODevice, QObject

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.testing.peers import PythonTlsServer, TruncatingServer
from qtsecure.testing.peers._python_tls import serverContext
from tests.net.conftest import MakeConversation
from tests.net.conversation import (
    PROTOCOLS,
    SOCKET_SIGNALS,
    Conversation,
    Error,
    State,
    VerifyMode,
    assertNoneLeft,
    deleteEverything,
    inAnotherThread,
    openDescriptors,
    settle,
    spin,
)

pytestmark = pytest.mark.usefixtures("transport_mode")


def isOver(socket: SslSocket) -> bool:
    return not shiboken6.isValid(socket) or socket.state() == State.UnconnectedState


UNCONNECTED = ["stateChanged UnconnectedState", "readChannelFinished", "disconnected"]


@pytest.mark.parametrize("method", ["disconnectFromHost", "close"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_mebibyte_is_flushed_before_the_goodbye(
    make_conversation: MakeConversation, version: str, method: str
) -> None:
    """What was written before disconnectFromHost() or close() arrives, then close_notify."""
    conversation = make_conversation(PROTOCOLS[version])
    peer = conversation.establish()
    data = bytes(range(256)) * 4096
    conversation.client.write(data)
    getattr(conversation.client, method)()
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.readBytes() == data
    assert peer.peerClosedCleanly()
    assert conversation.client.state() == State.UnconnectedState


def test_disconnecting_while_connecting_delivers_first(conversation: Conversation) -> None:
    """disconnectFromHost() before the connection stands completes it, sends, and disconnects (qt-1.7#74)."""
    conversation.connect()
    conversation.client.write(b"hit and run")
    conversation.client.disconnectFromHost()
    assert conversation.client.state() != State.UnconnectedState
    spin(lambda: conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.readBytes() == b"hit and run"
    conversation.waitForClientEnd()


def test_close_tells_about_to_close_and_drops_what_was_not_read(conversation: Conversation) -> None:
    """close(): isOpen() is False at once, aboutToClose comes, unread data is gone."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"never read")
    spin(lambda: client.bytesAvailable() == 10)
    conversation.recorder.clear()
    client.close()
    assert not client.isOpen()
    assert client.bytesAvailable() == 0
    conversation.waitForClientEnd()
    story = conversation.story("client")
    assert story[0] == "aboutToClose"
    assert story[-3:] == UNCONNECTED


def test_abort(conversation: Conversation) -> None:
    """abort(): at once, no error on this side, aboutToClose last; the peer sees an unclean end (qt-1.7#77)."""
    peer = conversation.establish()
    client = conversation.client
    client.write(b"x" * 100)
    conversation.recorder.clear()
    client.abort()
    assert client.state() == State.UnconnectedState
    assert conversation.story("client") == [*UNCONNECTED, "aboutToClose"]
    spin(lambda: peer.state() == State.UnconnectedState)
    assert peer.error() == Error.RemoteHostClosedError
    assert not peer.peerClosedCleanly()


@pytest.mark.parametrize("method", ["abort", "close", "disconnectFromHost"])
def test_ending_what_never_began(qapp: QObject, method: str) -> None:
    """On a socket without connection the ending methods do nothing."""
    socket = SslSocket()
    getattr(socket, method)()
    assert socket.state() == State.UnconnectedState


def test_after_the_peers_end(conversation: Conversation) -> None:
    """Data stays readable, the device open; the certificate stays, the cipher does not (qt-1.7#78)."""
    peer = conversation.establish()
    client = conversation.client
    peer.write(b"rest")
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert client.isOpen()
    assert client.readBytes() == b"rest"
    assert client.readBytes() == b""
    assert not client.isEncrypted()
    assert client.sessionCipher().isNull()
    assert not client.peerCertificate().isNull()


def test_data_close_notify_and_end_in_one_segment(conversation: Conversation) -> None:
    """All the data is there and announced before disconnected."""
    with PythonTlsServer(conversation.pki.server, echo=False, greeting=b"greeting") as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        available: list[int] = []
        conversation.client.disconnected.connect(lambda: available.append(conversation.client.bytesAvailable()))
        conversation.client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(lambda: conversation.client.bytesAvailable() == 8)
        conversation.client.disconnectFromHost()
        server.waitForEnding()
    conversation.waitForClientEnd()
    assert available == [8]
    conversation.recorder.assertOrder(["client.readyRead", "client.disconnected"])


@pytest.mark.parametrize("size", [0, 1, 200_000])  # more than a transport takes at once
@pytest.mark.parametrize("end", [SslSocket.close, SslSocket.disconnectFromHost])
def test_a_goodbye_needs_no_event_loop(conversation: Conversation, end: Callable[[SslSocket], None], size: int) -> None:
    """A program that closes its sockets and ends has sent what it wrote, and the goodbye."""
    client, data = conversation.client, b"d" * size
    with PythonTlsServer(conversation.pki.server, echo=False) as server:
        client.setSslConfiguration(conversation.clientConfiguration)
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(client.isEncrypted)
        client.write(data)
        end(client)
        ended = inAnotherThread(server.waitForEnding)
        assert (ended.ending, ended.received == data) == ("closeNotify", True)
        assert client.state() == State.UnconnectedState
        assert conversation.recorder.of("client.errorOccurred") == []
        assert len(conversation.recorder.of("client.disconnected")) == 1


@pytest.mark.parametrize("size", [0, 1, 16384, 100_000])
def test_truncation_is_never_clean(conversation: Conversation, size: int) -> None:
    """FIN without close_notify: everything complete is readable, and the end is not clean."""
    data = b"t" * size
    with TruncatingServer(conversation.pki.server, data or b"") as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.connectToHostEncrypted("127.0.0.1", server.port)
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.client.readBytes() == data
    assert not conversation.client.peerClosedCleanly()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]


@pytest.mark.parametrize("required", [True, False])
def test_gio_d39_require_close_notify(conversation: Conversation, transport_mode: str, required: bool) -> None:
    """Without the demand an end of TCP looks like an orderly one, but peerClosedCleanly() still knows."""
    conversation.clientConfiguration.setRequireCloseNotify(required)
    with TruncatingServer(conversation.pki.server, b"data") as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.connectToHostEncrypted("127.0.0.1", server.port)
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.client.readBytes() == b"data"
    assert not conversation.client.peerClosedCleanly()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert ("data may be missing" in conversation.client.errorString()) is required
    assert conversation.recorder.count("client.disconnected") == 1


@pytest.mark.parametrize("right", [True, False])
def test_pinned_certificate(conversation: Conversation, transport_mode: str, right: bool) -> None:
    """A pin decides, also where everything else is ignored."""
    wanted = conversation.pki.server if right else conversation.pki.client
    conversation.clientConfiguration.setPinnedCertificates(wanted.certificate)
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.client.ignoreSslErrors()
    if right:
        conversation.establish()
        return
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.recorder.count("client.encrypted") == 0
    assert conversation.recorder.count("client.sslErrors") == 0
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SslHandshakeFailedError,)]
    assert "none of the pinned ones" in conversation.client.errorString()


def test_reuse_of_one_object(conversation: Conversation) -> None:
    """The same object connects again and again, also after failures, and nothing old leaks."""
    client = conversation.client
    for attempt in range(3):
        peer = conversation.establish()
        peer.write(b"unread")
        spin(lambda: client.bytesAvailable() == 6)
        client.write(b"hello %d" % attempt)
        client.disconnectFromHost()
        conversation.waitForClientEnd()
        spin(partial(isOver, peer))
        assert peer.readBytes() == b"hello %d" % attempt
        peer.deleteLater()
        client.setSslConfiguration(type(conversation.clientConfiguration).forClient([]))
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        assert client.bytesAvailable() == 0
        assert client.peerCertificate().isNull()
        assert client.sslHandshakeErrors() == []
        conversation.waitForClientEnd()
        assert client.error() == Error.SslHandshakeFailedError
        assert client.sslHandshakeErrors()


@pytest.mark.parametrize(
    "signal", ["stateChanged", "readChannelFinished", "disconnected", "aboutToClose", "errorOccurred", "alertSent"]
)
@pytest.mark.parametrize("way", ["abort", "close", "disconnectFromHost", "peer"])
def test_a_new_connection_in_a_slot_of_the_old_ones_end(conversation: Conversation, signal: str, way: str) -> None:
    """A slot that begins anew gets its connection: the end of the old one does not touch it."""
    peer = conversation.establish()
    client = conversation.client
    begun: list[str] = []

    def again(*_: object) -> None:
        if not begun and client.state() == State.UnconnectedState and conversation.server.isListening():
            begun.append(signal)
            client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())

    getattr(client, signal).connect(again)
    if way == "peer":
        peer.disconnectFromHost()
    else:
        getattr(client, way)()
    spin(lambda: bool(begun) or client.state() == State.UnconnectedState)
    settle()
    if not begun:
        return  # this end does not come with that signal while unconnected
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    again_peer = conversation.server.nextPendingConnection()
    assert again_peer is not None
    client.write(b"second life")
    spin(lambda: again_peer.bytesAvailable() == 11)
    assert client.isOpen()


@pytest.mark.parametrize("end", [SslSocket.close, SslSocket.disconnectFromHost])
def test_a_new_connection_that_is_ended_at_once_is_made_first(
    conversation: Conversation, end: Callable[[SslSocket], None]
) -> None:
    """The end of the old one, in whose slot that happens, does not go on with the new one."""
    conversation.establish()
    client = conversation.client

    def again() -> None:
        client.disconnected.disconnect(again)
        conversation.recorder.clear()
        client.connectToHost("127.0.0.1", conversation.server.serverPort())
        client.disconnectFromHost()

    client.disconnected.connect(again)
    client.write(b"x")
    end(client)
    conversation.recorder.waitFor("client.disconnected")
    assert "connected" in conversation.story("client")


def test_what_the_peer_says_meanwhile_costs_nothing_of_what_was_written(qapp: QObject) -> None:
    """Bytes for a closed descriptor, such as session tickets, would make the kernel drop what it has not sent yet."""
    data = bytes(range(250)) * 400
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # most of it stays with the sender
        client = SslSocket()
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(10)
        spin(lambda: client.state() == State.ConnectedState)
        client.write(data)
        client.disconnectFromHost()
        spin(lambda: client.state() == State.UnconnectedState)
        peer.sendall(b"a ticket")
        received = bytearray()
        while chunk := peer.recv(65536):
            received += chunk
    assert received == data


# ------------------------------------------------------------------------------------ deletion


def _drop(holder: list[SslSocket]) -> None:
    holder.clear()
    gc.collect()


def _deleteLater(holder: list[SslSocket]) -> None:
    holder[0].deleteLater()
    holder.clear()


def _delete(holder: list[SslSocket]) -> None:
    shiboken6.delete(holder[0])


def _deleteParent(holder: list[SslSocket]) -> None:
    parent = QObject()
    holder[0].setParent(parent)
    shiboken6.delete(parent)


STAGES = ["new", "hostLookup", "connecting", "connected", "encrypted", "unsent", "closing", "over"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("delete", [_drop, _deleteLater, _delete, _deleteParent])
def test_deletion_at_every_stage_leaves_no_descriptor(
    conversation: Conversation, stage: str, delete: Callable[[list[SslSocket]], None]
) -> None:
    """Whatever way a socket goes, and whenever: its descriptor is closed and the server notices."""
    conversation.listen()
    port = conversation.server.serverPort()
    warm = SslSocket()  # the thread's reactor has descriptors of its own
    warm.connectToHost("localhost", port)
    spin(lambda: warm.state() == State.ConnectedState and len(conversation.accepted) == 1)
    warm.abort()
    spin(lambda: conversation.server.statistics().handshaking == 0)
    deleteEverything()
    before = openDescriptors()
    listener = str(conversation.server.socketDescriptor())
    holder = [SslSocket()]
    socket = holder[0]
    socket.setSslConfiguration(conversation.clientConfiguration)
    if stage != "new":
        socket.connectToHostEncrypted("localhost" if stage == "hostLookup" else "127.0.0.1", port)
    if stage == "connected":
        spin(lambda: holder[0].state() == State.ConnectedState)
    elif stage in ("encrypted", "unsent", "closing", "over"):
        spin(lambda: holder[0].isEncrypted() and conversation.server.hasPendingConnections())
    if stage == "unsent":
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        peer.setReadBufferSize(10)
        socket.write(bytes(16 * 1024 * 1024))
        spin(lambda: holder[0].encryptedBytesToWrite() > 0)
        peer.setReadBufferSize(0)
    elif stage == "closing":
        socket.write(bytes(1000))
        socket.disconnectFromHost()
    elif stage == "over":
        socket.abort()
    del socket
    delete(holder)
    settle()
    # The server's ends go when they see the end of the client's.
    for accepted in conversation.accepted[1:]:
        spin(partial(isOver, accepted))
    conversation.server.close()
    settle()
    deleteEverything()
    assertNoneLeft(before, "socket:")
    assert (listener, dict(before)[listener]) not in openDescriptors()  # has gone as well


def test_dropping_the_server_drops_everything(make_conversation: MakeConversation) -> None:
    """A server without references goes with its handshaking, queued and fetched sockets."""
    conversation = make_conversation()
    peer = conversation.establish()
    idle = SslSocket()
    idle.connectToHost("127.0.0.1", conversation.server.serverPort())
    spin(lambda: conversation.server.statistics().handshaking == 1)
    sockets = list(conversation.accepted)
    conversation.recorder.close()
    shiboken6.delete(conversation.server)
    assert not shiboken6.isValid(peer)
    assert not any(shiboken6.isValid(socket) for socket in sockets)
    conversation.waitForClientEnd()
    spin(lambda: idle.state() == State.UnconnectedState)


def test_a_dying_socket_does_not_delete_its_server_inside_its_own_destructor(qapp: QObject) -> None:
    """The last reference to a dropped server is not kept by a socket that is about to be deleted."""
    from qtsecure.net.servers.ssl_server import SslServer

    for _ in range(20):
        server = SslServer()
        assert server.listen("127.0.0.1", 0)
        client = SslSocket()
        client.connectToHost("127.0.0.1", server.serverPort())
        client.write(b"no TLS")
        spin(partial(isOver, client))
        del server
        settle()
    gc.collect()


def test_destroying_a_pending_decision(make_conversation: MakeConversation) -> None:
    """A socket that is dropped while a certificate decision is pending goes without a crash."""
    conversation = make_conversation()
    conversation.showServer(conversation.pki.unknownCa)
    requests: list[CertificateRequest] = []

    def defer(request: CertificateRequest) -> None:
        request.defer()
        requests.append(request)

    conversation.client.acceptCertificate.connect(defer)
    conversation.connect()
    spin(lambda: bool(requests))
    shiboken6.delete(conversation.client)
    assert not shiboken6.isValid(requests[0])
    conversation.waitForServerEnd()


def test_nothing_is_taken_behind_the_goodbye(conversation: Conversation) -> None:
    """Once close_notify is on its way, write() says so instead of keeping what can never be sent."""
    peer = conversation.establish()
    client = conversation.client
    taken: list[int] = []

    def end() -> None:
        client.disconnectFromHost()
        taken.append(client.write(b"too late"))

    client.readyRead.connect(end)
    peer.write(b"x")
    conversation.recorder.waitFor("client.disconnected", timeout=20_000)
    assert taken == [-1]
    assert client.bytesToWrite() == 0


def test_signals_of_the_list_exist(qapp: QObject) -> None:
    """The recorded signals are all that there are, apart from those of pre-shared keys, proxies and tickets."""
    meta = SslSocket().metaObject()
    names = {bytes(meta.method(i).name().data()).decode() for i in range(meta.methodCount())}
    assert set(SOCKET_SIGNALS) <= names


def test_open_modes(conversation: Conversation) -> None:
    """openMode() is what connecting was asked for; not open before and after close()."""
    client = conversation.client
    assert client.openMode() == QIODevice.OpenModeFlag.NotOpen
    conversation.establish()
    assert client.openMode() == QIODevice.OpenModeFlag.ReadWrite
    client.close()
    assert client.openMode() == QIODevice.OpenModeFlag.NotOpen


@pytest.mark.parametrize("end", ["abort", "disconnectFromHost", "close"])
def test_ending_in_the_slot_of_encrypted_is_one_failure(conversation: Conversation, end: str) -> None:
    """A socket that its own slot has ended is not queued, and counts once."""
    sockets: list[SslSocket] = []

    def watch() -> None:
        socket = conversation.accepted[-1]
        socket.encrypted.connect(getattr(socket, end))
        sockets.append(socket)

    conversation.server.newConnection.connect(watch)
    conversation.connect()
    conversation.waitForClientEnd()
    settle()
    statistics = conversation.server.statistics()
    assert sockets
    assert (statistics.accepted, statistics.encrypted, statistics.failed) == (1, 0, 1)
    assert not conversation.server.hasPendingConnections()


def test_a_half_closing_peer_gets_what_is_left(conversation: Conversation, transport_mode: str) -> None:
    """close_notify and FIN of the peer end only its own direction: unsent ciphertext still goes out."""
    if transport_mode == "qt":
        pytest.skip("a QTcpSocket gives up sending when its peer ends")
    peer = conversation.establish()
    client = conversation.client
    transport = client._dataPath.transport
    assert transport is not None
    peer.setReadBufferSize(1)
    while transport.unsent < 60_000:
        client.write(bytes(16_000))
        client.flush()
    # The server's end as a peer that half-closes: close_notify and FIN, and then it reads on.
    stream = peer._dataPath.stream
    assert stream is not None
    stream.close()
    peer._dataPath.sendOutgoing()
    with socket.socket(fileno=os.dup(peer.socketDescriptor())) as native:
        native.shutdown(socket.SHUT_WR)
    spin(lambda: client.state() == State.ClosingState)
    settle()
    assert client.state() == State.ClosingState
    peer.setReadBufferSize(0)
    conversation.waitForClientEnd()
    assert transport.unsent == 0


def test_what_a_peer_that_has_gone_did_not_take_was_not_written(conversation: Conversation) -> None:
    """It said goodbye and left with something unread: the rest is lost, and no signal says that it went out."""
    say, leave = threading.Event(), threading.Event()
    sent: list[int] = []
    client, context = conversation.client, serverContext(conversation.pki.server)

    def serve() -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(1)
            assert say.wait(20)
            connection.settimeout(0)
            with contextlib.suppress(ssl.SSLError, OSError):  # what comes instead of the client's goodbye
                connection.unwrap()
            assert leave.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        client.setSslConfiguration(conversation.clientConfiguration)
        client.encryptedBytesWritten.connect(sent.append)
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1], "localhost")
        spin(client.isEncrypted)
        client.write(bytes(64 << 20))
        before = -1
        while before != client.bytesToWrite():  # until the network takes no more
            before = client.bytesToWrite()
            settle()
        say.set()
        conversation.recorder.waitFor("client.errorOccurred")
        leave.set()
        thread.join()
        spin(lambda: isOver(client))
    assert client.peerClosedCleanly()
    assert sum(sent) < 32 << 20
