"""What slots may do to the objects around them; see also the matrix of R2."""

from __future__ import annotations

import socket as native

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from PySide6.QtCore import QEventLoop, QThread, QTimer
from PySide6.QtNetwork import QNetworkProxy
from shiboken6 import delete, isValid

from qtsecure import DtlsPeer, SecureError, SslConfiguration
from tests.engine.support import make_certificate
from tests.net.conversation import FakeClock, deleteEverything, settle, spin
from tests.net.deferred import Deferred
from tests.net.dtls.conversation import DtlsConversation, Keys, Status, VerifyMode
from tests.net.dtls.wires import Relay


@pytest.mark.parametrize("what", ["delete", "close", "listen"])
def test_one_peer_ends_another_whose_message_is_next(conversation: DtlsConversation, what: str) -> None:
    """Both messages come in one batch; the other peer hears nothing after its end."""
    first = conversation.establish()
    other = conversation.makeClient("other")
    second = conversation.establish(other)
    heard: list[bytes] = []
    second.datagramReceived.connect(heard.append)
    other.writeDatagram(b"before")
    spin(lambda: heard == [b"before"])

    def act() -> None:
        if what == "delete":
            delete(second)
        elif what == "close":
            second.close()
        else:
            second.readyRead.connect(lambda: heard.append(second.readDatagram() + b", read"))

    first.readyRead.connect(act)
    conversation.client.writeDatagram(b"first")
    other.writeDatagram(b"second")
    spin(first.hasPendingDatagrams)
    settle()
    if what == "listen":
        spin(lambda: len(heard) == 2)
    assert heard == ([b"before", b"second, read"] if what == "listen" else [b"before"])


def test_what_only_openssl_refuses(conversation: DtlsConversation) -> None:
    """A key that is too short passes the setters; the attempt fails with a reason, and another one may follow."""
    weak = make_certificate(conversation.pki.ca, ["client"], key=rsa.generate_private_key(65537, 1024))
    configuration = SslConfiguration(conversation.clientConfiguration)
    configuration.setLocalCertificateChain(list(weak.chain))
    configuration.setPrivateKey(weak.privateKey)
    client = conversation.client
    client.connectToHost("127.0.0.1", conversation.listen(), configuration=configuration)
    assert client.status() is Status.Error
    error = client.error()
    assert error is not None
    assert error.code is SecureError.Code.BadCertificate
    assert "too small" in error.message
    conversation.establish()


def test_a_client_that_restarts_while_its_old_peer_says_goodbye(conversation: DtlsConversation) -> None:
    """A slot of the old peer runs an event loop, in which the hello comes once more."""
    relay = Relay(conversation.listen())
    client, server = conversation.client, conversation.server
    old = conversation.establish(port=relay.port)

    def wait() -> None:
        loop = QEventLoop()
        QTimer.singleShot(300, loop.quit)
        loop.exec()

    old.disconnected.connect(wait)
    client.abort()
    peer = conversation.establish(port=relay.port)
    client.writeDatagram(b"anew")
    spin(peer.hasPendingDatagrams)
    assert server.statistics().live == 1
    assert set(server.findChildren(DtlsPeer)) == {old, peer}
    relay.close()


def test_a_peer_with_another_parent_outlives_its_server(conversation: DtlsConversation) -> None:
    """The socket stays for it, until it ends."""
    peer = conversation.establish()
    peer.setParent(None)
    delete(conversation.server)
    assert isValid(peer)
    conversation.client.writeDatagram(b"still here")
    spin(peer.hasPendingDatagrams)
    peer.close()
    spin(lambda: conversation.client.status() is Status.Disconnected)


def test_a_handshake_outlives_its_server(conversation: DtlsConversation) -> None:
    """Its questions are asked of the peer alone then."""
    keys, peers = Keys(), []
    for configuration in (conversation.clientConfiguration, conversation.serverConfiguration):
        configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
        configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
    conversation.client.preSharedKeyAuthenticationRequired.connect(keys.forClient)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)

    def take(peer: DtlsPeer) -> None:
        peer.preSharedKeyAuthenticationRequired.connect(lambda question: keys.forServer(peer, question))
        peer.setParent(None)
        peers.append(peer)
        delete(conversation.server)

    conversation.server.startedEncryptionHandshake.connect(take)
    conversation.connect()
    spin(lambda: conversation.client.isEncrypted() and peers[0].isEncrypted())
    assert keys.asked == [b"", b"sensor"]
    peers[0].close()


def test_messages_of_the_last_association_do_not_get_into_the_next(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    peer.writeDatagram(b"old")
    spin(conversation.client.hasPendingDatagrams)
    conversation.client.close()
    heard: list[bytes] = []
    conversation.client.datagramReceived.connect(heard.append)  # would get what waits, a moment later
    peer = conversation.establish()
    peer.writeDatagram(b"new")
    spin(lambda: bool(heard))
    assert heard == [b"new"]


def test_the_repeated_flight_is_sent_before_anybody_is_told(conversation: DtlsConversation, clock: FakeClock) -> None:
    """So a slot that takes its time delays nothing."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(5)
        came: list[bytes] = []
        client = DtlsPeer()
        client.retransmissionTimeout.connect(lambda: came.append(silent.recv(4096)))
        client.connectToHost("127.0.0.1", silent.getsockname()[1])
        silent.recv(4096)
        clock.advance(0.6)
        assert len(came) == 1


def test_proxies_do_not_concern_datagrams(conversation: DtlsConversation) -> None:
    """Whatever the application has set for its connections."""
    before = QNetworkProxy.applicationProxy()
    QNetworkProxy.setApplicationProxy(QNetworkProxy(QNetworkProxy.ProxyType.Socks5Proxy, "127.0.0.1", 9))
    try:
        conversation.establish()
    finally:
        QNetworkProxy.setApplicationProxy(before)


def test_an_association_stays_in_its_thread(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    thread = QThread()
    for end in (conversation.client, peer):
        with pytest.raises(SecureError) as caught:
            end.moveToThread(thread)
        assert caught.value.code is SecureError.Code.Pending
    conversation.client.close()
    free = DtlsPeer()
    assert free.moveToThread(thread)
    deleteEverything()


@pytest.mark.parametrize("action", ["delete", "connectToHost", "setPeer"])
@pytest.mark.parametrize(
    ("end", "signal"),
    [
        ("abort", "statusChanged"),
        ("abort", "disconnected"),
        ("close", "statusChanged"),
        ("close", "closed"),
        ("close", "disconnected"),
    ],
)
def test_a_handshake_that_ends_frees_its_place(
    conversation: DtlsConversation, end: str, signal: str, action: str
) -> None:
    """Also when a slot of the peer deletes it, or uses it anew; a few hundred places that are lost would be all."""
    server, ended = conversation.server, list[DtlsPeer]()
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))

        def act(peer: DtlsPeer) -> None:
            if ended:
                return  # connecting changes the status, too
            ended.append(peer)
            if action == "delete":
                delete(peer)
            else:
                getattr(peer, action)("127.0.0.1", silent.getsockname()[1])

        def started(peer: DtlsPeer) -> None:
            getattr(peer, signal).connect(lambda *_: act(peer))
            getattr(peer, end)()

        server.startedEncryptionHandshake.connect(started)
        conversation.connect()
        spin(lambda: bool(ended))
        conversation.client.abort()
        assert server._handshakingCount() == 0
        assert server.statistics().failed == server.statistics().accepted == 1
        assert isValid(ended[0]) == (action != "delete")
        if action == "connectToHost":
            assert ended[0].status() == Status.Handshaking
            delete(ended[0])
        assert server.statistics().failed == 1


@pytest.mark.parametrize("action", ["delete", "close", "abort", "close and connect", "abort and connect"])
@pytest.mark.parametrize("end", ["close", "abort", "deadline"])
def test_a_slot_of_cancelled_at_the_end(conversation: DtlsConversation, end: str, action: str) -> None:
    """It is the first to hear of the end, which is told once, and never to the next association."""
    deferred, client = Deferred(conversation, "client"), conversation.client

    def act() -> None:
        if action == "delete":
            delete(client)
            return
        getattr(client, action.partition(" ")[0])()
        if "connect" in action:
            client.connectToHost("127.0.0.1", conversation.server.serverPort())

    deferred.request.cancelled.connect(act)
    if end == "deadline":
        client._handshakeTimedOut()
    else:
        getattr(client, end)()
    told = [Status.Handshaking]
    if action != "delete":
        told.append(Status.Disconnected)
    if "connect" in action:
        spin(lambda: len(deferred.requests) == 2)
        assert client.status() is Status.Handshaking
        assert client.error() is None
        deferred.requests[1].accept()
        spin(client.isEncrypted)
        told += [Status.Handshaking, Status.Connected]
    settle()
    assert isValid(client) == (action != "delete")
    assert conversation.statuses() == told
    assert conversation.names("client").count("disconnected") == (action != "delete")
