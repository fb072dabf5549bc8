"""Items of docs/semantics/qt-dtls.md that only show above the engine."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtNetwork import QHostAddress, QUdpSocket

from qtsecure import DtlsPeer, DtlsServer, SecureError
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status


def test_qt_2_1_one_socket_of_the_program_serves_many(conversation: DtlsConversation) -> None:
    shared = QUdpSocket()
    assert shared.bind(QHostAddress("127.0.0.1"), 0)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert conversation.server.bind(shared)
    conversation.establish()
    other = conversation.makeClient("other")
    conversation.establish(other)
    assert conversation.server.statistics().live == 2
    other.close()


def test_qt_2_2_statuses(conversation: DtlsConversation) -> None:
    """The certificate of the other side stays readable after the end."""
    peer = conversation.establish()
    peer.close()
    spin(lambda: conversation.client.status() is Status.Disconnected)
    assert conversation.statuses() == [Status.Handshaking, Status.Connected, Status.Disconnected]
    assert not conversation.client.peerCertificate().isNull()


def test_qt_2_3_errors_are_told_apart_and_cleared(conversation: DtlsConversation) -> None:
    conversation.showServer(conversation.pki.expired)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    error = conversation.client.error()
    assert error is not None
    assert error.code is SecureError.Code.BadCertificate
    conversation.showServer(conversation.pki.server)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.connect()
    assert conversation.client.error() is None
    assert conversation.client.errorString() == ""
    spin(conversation.client.isEncrypted)


def test_qt_2_4_an_association_is_not_redirected(conversation: DtlsConversation) -> None:
    conversation.establish()
    port = conversation.client.peerPort()
    with pytest.raises(SecureError, match="already"):
        conversation.client.connectToHost("127.0.0.1", 1)
    assert conversation.client.peerPort() == port
    assert conversation.client.status() is Status.Connected


def test_qt_2_9_setting_the_secret_works_or_raises(conversation: DtlsConversation) -> None:
    conversation.server.setCookieSecret(bytes(32))
    conversation.establish()
    with pytest.raises(ValueError, match="16 bytes"):
        conversation.server.setCookieSecret(b"")


def test_qt_2_16_repetitions_come_at_their_time(conversation: DtlsConversation, clock: FakeClock) -> None:
    """By the monotonic clock, each interval at most twice the one before."""
    with_nobody = QUdpSocket()
    assert with_nobody.bind(QHostAddress("127.0.0.1"), 0)
    begin = clock.now
    moments: list[float] = []
    client = DtlsPeer()
    client.retransmissionTimeout.connect(lambda: moments.append(clock.now - begin))
    client.connectToHost("127.0.0.1", with_nobody.localPort())
    for _ in range(800):
        clock.advance(0.01)
    assert moments[0] <= 1.02
    gaps = [b - a for a, b in zip([0.0, *moments], moments, strict=False)]
    assert all(later <= 2 * earlier + 0.03 for earlier, later in itertools.pairwise(gaps))
    assert len(moments) >= 3
    client.abort()


def test_qt_2_24_a_network_error_is_no_error_of_dtls(conversation: DtlsConversation) -> None:
    """ICMP in an established association costs nothing; a message that cannot be sent changes nothing."""
    peer = conversation.establish()
    for number in (111, 113, 101):
        assert conversation.client._path is not None
        conversation.client._path.datagramsFailed(number)
    settle()
    assert conversation.client.status() is Status.Connected
    conversation.client.writeDatagram(b"x")
    spin(peer.hasPendingDatagrams)


def test_qt_2_30_what_every_program_has_to_write_is_inside() -> None:
    server, peer = DtlsServer(), DtlsPeer()
    for name in ("setMaxHandshakingConnections", "setMaxConnectionsPerAddress", "setIdleTimeout", "statistics"):
        assert callable(getattr(server, name))
    for name in ("setHandshakeTimeout", "resumeHandshake", "close", "connectToHost"):
        assert callable(getattr(peer, name))
