"""From connectToHost() to the end: status, signals, messages, facts."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QByteArray, QMetaMethod
from PySide6.QtNetwork import QHostAddress
from shiboken6 import isValid

from qtsecure import DtlsPeer, DtlsServer, Protocol, SecureError
from tests.net.conversation import FakeClock, deleteEverything, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status


def test_signals_of_a_good_association(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.client.close()
    spin(lambda: peer.status() is Status.Disconnected)
    assert conversation.names("client") == [
        "statusChanged",
        "statusChanged",
        "encrypted",
        "alertSent",
        "statusChanged",
        "closed",
        "disconnected",
    ]
    assert conversation.statuses() == [Status.Handshaking, Status.Connected, Status.Disconnected]
    assert conversation.names("server") == ["newConnection", "startedEncryptionHandshake", "pendingConnectionAvailable"]


def test_status_has_the_numbers_of_godot() -> None:
    assert [(status.name, int(status)) for status in DtlsPeer.Status] == [
        ("Disconnected", 0),
        ("Handshaking", 1),
        ("Connected", 2),
        ("Error", 3),
        ("ErrorHostnameMismatch", 4),
    ]


def test_messages_keep_their_boundaries(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    messages = [b"one", b"2" * 100, b"3" * conversation.client.maxDatagramSize()]
    for message in messages:
        assert conversation.client.writeDatagram(message) == len(message)
    received: list[bytes] = []

    def read() -> None:
        while peer.hasPendingDatagrams():
            size = peer.pendingDatagramSize()
            received.append(peer.readDatagram())
            assert len(received[-1]) == size

    peer.readyRead.connect(read)
    spin(lambda: len(received) == 3)
    assert received == messages
    assert peer.readDatagram() == b""
    assert peer.pendingDatagramSize() == -1


def test_datagram_received_gets_what_nobody_reads(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.client.writeDatagram(b"before")
    spin(peer.hasPendingDatagrams)
    received: list[bytes] = []
    peer.datagramReceived.connect(received.append)
    conversation.client.writeDatagram(b"after")
    spin(lambda: len(received) == 2)
    assert received == [b"before", b"after"]
    assert not peer.hasPendingDatagrams()
    peer.datagramReceived.disconnect(received.append)
    conversation.client.writeDatagram(b"later")
    spin(peer.hasPendingDatagrams)
    assert peer.readDatagram() == b"later"


@pytest.mark.parametrize("superclass", [True, False])
def test_a_subclass_with_a_connect_notify_of_its_own(conversation: DtlsConversation, superclass: bool) -> None:
    """Qt's does nothing, so nobody has to call it, neither in the subclass nor in one below it."""
    notes: list[str] = []

    class Noting(DtlsPeer):
        def connectNotify(self, signal: QMetaMethod) -> None:
            notes.append(signal.name().toStdString())
            if superclass:
                super().connectNotify(signal)

    class Below(Noting):
        pass

    peer = Below()
    heard: list[str] = []
    names = {"statusChanged", "encrypted", "datagramReceived", "disconnected"}
    for name in names:
        getattr(peer, name).connect(lambda *_, name=name: heard.append(name))
    conversation.establish(peer).writeDatagram(b"x")
    spin(lambda: "datagramReceived" in heard)
    peer.close()
    assert set(heard) == names <= set(notes)


def test_what_a_slot_of_ready_read_reads_is_not_told_again(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    read: list[bytes] = []
    told: list[bytes] = []
    peer.readyRead.connect(lambda: read.append(peer.readDatagram()))
    peer.datagramReceived.connect(told.append)
    conversation.client.writeDatagram(b"once")
    spin(lambda: bool(read))
    settle()
    assert (read, told) == ([b"once"], [])


def test_echo_in_slots(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    peer.datagramReceived.connect(peer.writeDatagram)
    received: list[bytes] = []
    conversation.client.datagramReceived.connect(received.append)
    for data in (bytearray(b"a"), memoryview(b"b"), QByteArray(b"c")):
        conversation.client.writeDatagram(data)
    spin(lambda: len(received) == 3)
    assert received == [b"a", b"b", b"c"]
    assert all(type(message) is bytes for message in received)


def test_data_right_behind_the_finished(conversation: DtlsConversation) -> None:
    """A server's peer has the message when it is fetched."""
    conversation.client.encrypted.connect(lambda: conversation.client.writeDatagram(b"early"))
    peer = conversation.establish()
    spin(peer.hasPendingDatagrams)
    assert peer.readDatagram() == b"early"


def test_messages_before_close_notify_stay_readable(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.client.writeDatagram(b"last words")
    conversation.client.close()
    spin(lambda: peer.status() is Status.Disconnected)
    assert peer.readDatagram() == b"last words"


def test_facts(conversation: DtlsConversation) -> None:
    conversation.serverConfiguration.setAllowedNextProtocols(["coap"])
    conversation.clientConfiguration.setAllowedNextProtocols(["other", "coap"])
    client = conversation.client
    assert client.sessionProtocol() is Protocol.Unknown
    assert client.sessionCipher().isNull()
    assert client.peerCertificate().isNull()
    peer = conversation.establish()
    for end in (client, peer):
        assert end.isEncrypted()
        assert end.sessionProtocol() is Protocol.DtlsV1_2
        assert end.sessionCipher().name() == end.cipherName() != ""
        assert end.keyExchangeGroup()
        assert end.negotiatedProtocol() == "coap"
        assert end.srtpProfile() == ""
        assert end.statistics().datagramsReceived > 0
    assert client.peerCertificate() == client.peerCertificateChain()[0]
    assert client.exportKeyingMaterial("EXPERIMENTAL x", 32) == peer.exportKeyingMaterial("EXPERIMENTAL x", 32)
    assert client.localPort() == peer.peerPort() != 0
    assert client.peerPort() == peer.localPort() == conversation.server.serverPort()
    assert peer.peerAddress() == client.localAddress() == QHostAddress("127.0.0.1")
    assert peer.parent() is conversation.server


def test_the_same_object_again(conversation: DtlsConversation) -> None:
    for _ in range(3):
        peer = conversation.establish()
        conversation.client.writeDatagram(b"hello")
        spin(peer.hasPendingDatagrams)
        peer.close()
        spin(lambda: conversation.client.status() is Status.Disconnected)
    assert conversation.server.statistics().encrypted == 3


def test_a_name_is_looked_up(conversation: DtlsConversation) -> None:
    """Whatever address of the name comes first."""
    conversation.establish(host="localhost")
    assert conversation.client.peerName() == conversation.client.peerVerifyName() == "localhost"


def test_unknown_host(conversation: DtlsConversation) -> None:
    conversation.client.setHandshakeTimeout(0)  # the system's resolver takes its time, which is the real one
    conversation.connect(host="does-not-exist.invalid")
    spin(lambda: conversation.client.status() is Status.Error, timeout=20_000)
    error = conversation.client.error()
    assert error is not None
    assert error.code is SecureError.Code.HostNotFound
    assert "does-not-exist.invalid" in error.message


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "any-4", "any-6"])
def test_families(conversation: DtlsConversation, address: str) -> None:
    """Both families, each alone and both on one socket; addresses are what the client sees itself."""
    host = {"any-4": "127.0.0.1", "any-6": "::1"}.get(address, address)
    if address.startswith("any"):
        conversation.server.setSslConfiguration(conversation.serverConfiguration)
        assert conversation.server.listen(), conversation.server.errorString()
    else:
        conversation.listen(address)
    peer = conversation.establish(host=host)
    assert peer.peerAddress() == QHostAddress(host)
    peer.writeDatagram(b"x")
    spin(conversation.client.hasPendingDatagrams)


def test_close_in_the_handshake(conversation: DtlsConversation) -> None:
    conversation.connect()
    conversation.client.close()
    assert conversation.statuses() == [Status.Handshaking, Status.Disconnected]
    settle()
    conversation.establish()


def test_close_tells_the_server_of_a_handshake_under_way(conversation: DtlsConversation) -> None:
    conversation.server.startedEncryptionHandshake.connect(lambda peer: conversation.client.close())
    conversation.connect()
    spin(lambda: conversation.server.statistics().failed == 1)
    assert conversation.server.statistics().handshaking == 0


def test_deleting_a_connected_client_says_goodbye(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.client.deleteLater()
    deleteEverything()
    spin(lambda: peer.status() is Status.Disconnected)


def test_deleting_the_servers_end_says_goodbye(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    peer.deleteLater()
    deleteEverything()
    assert not isValid(peer)
    spin(lambda: conversation.client.status() is Status.Disconnected)
    assert conversation.server.statistics().live == 0


def test_dropping_a_client_ends_it(conversation: DtlsConversation) -> None:
    client = DtlsPeer()
    peer = conversation.establish(client)
    del client
    deleteEverything()
    spin(lambda: peer.status() is Status.Disconnected)


def test_the_server_goes_with_everything(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.server.deleteLater()
    deleteEverything()
    assert not isValid(peer)
    spin(lambda: conversation.client.status() is Status.Disconnected)


def test_idle_timeout_of_the_server(conversation: DtlsConversation, clock: FakeClock) -> None:
    conversation.server.setIdleTimeout(100)
    peer = conversation.establish()
    settle()
    assert peer.status() is Status.Connected
    clock.advance(0.11)
    spin(lambda: peer.status() is Status.Error)
    error = peer.error()
    assert error is not None
    assert error.code is SecureError.Code.TimedOut
    spin(lambda: conversation.client.status() is Status.Disconnected)  # it was told


def test_messages_prolong_the_idle_timeout(conversation: DtlsConversation, clock: FakeClock) -> None:
    peer = conversation.establish()
    peer.setIdleTimeout(300)
    for _ in range(10):
        clock.advance(0.2)
        conversation.client.writeDatagram(b"still here")
        spin(peer.hasPendingDatagrams)
        peer.readDatagram()
    assert peer.status() is Status.Connected
    clock.advance(0.31)
    spin(lambda: peer.status() is Status.Error)


def test_defaults() -> None:
    peer, server = DtlsPeer(), DtlsServer()
    assert peer.status() is Status.Disconnected
    assert peer.error() is None
    assert (peer.mtu(), peer.maxDatagramSize()) == (1200, 0)
    assert (peer.handshakeTimeout(), peer.idleTimeout()) == (30_000, 0)
    assert (server.handshakeTimeout(), server.idleTimeout()) == (30_000, 60_000)
    assert server.isCookieVerificationEnabled()
    assert (server.maxPendingConnections(), server.maxConnections(), server.maxConnectionsPerAddress()) == (30, 0, 0)
    assert not server.isListening()
    assert server.serverPort() == 0
    assert server.nextPendingConnection() is None
