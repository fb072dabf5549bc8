"""gio-D1 to D3, D9 and D20 to D28, D53, D54: from nothing to an association."""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Iterable

import pytest

from qtsecure import Cancellable, DtlsPeer, Protocol, SecureError, SslConfiguration
from qtsecure.engine.events import AlertReceived, AlertSent, StreamFailed
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server, plain_network
from tests.net.conftest import MakeConversation
from tests.net.conversation import FakeClock, settle, spin
from tests.net.conversation import VerifyMode as PeerVerifyMode
from tests.net.dtls.conversation import DtlsConversation, Status
from tests.semantics.gio.support import PATIENCE_MS, Code, arrive, data, prepared, refusal, soon, watched

ALPN = [
    (["one", "two"], ["two", "one"], "one"),
    (["two"], ["one", "two"], "two"),
    (["one"], ["two"], ""),
    (["one"], [], ""),
    ([], ["one"], ""),
    ([], [], ""),
]


def test_gio_d1_a_second_handshake_is_none(conversation: DtlsConversation) -> None:
    """Neither under way nor afterwards: no datagram, no signal."""
    client = prepared(conversation)
    client.startHandshake()
    client.startHandshake()
    assert client.handshake() is True
    spin(conversation.server.hasPendingConnections)
    sent = client.statistics().datagramsSent
    client.startHandshake()
    assert client.handshake() is True
    assert client.waitForHandshake(0) is True
    settle()
    assert client.statistics().datagramsSent == sent
    assert conversation.names("client").count("encrypted") == 1
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    peer.startHandshake()
    assert peer.handshake() is True


@pytest.mark.parametrize("call", ["receive", "send"])
def test_gio_d2_the_first_use_begins_the_handshake(conversation: DtlsConversation, call: str) -> None:
    """Without time it would block; the way is open when ``encrypted`` comes."""
    client = prepared(conversation)
    calls = {"receive": client.receiveMessages, "send": lambda: client.sendMessages([b"x"])}
    assert refusal(calls[call]).code is Code.WouldBlock
    assert client.status() is Status.Handshaking
    assert refusal(calls[call]).code is Code.WouldBlock
    spin(client.isEncrypted)
    assert client.sendMessages([b"x"]) == 1


def test_gio_d2_the_first_use_waits_for_the_handshake(conversation: DtlsConversation) -> None:
    """With time one call does everything."""
    client = prepared(conversation)
    assert client.sendMessages([b"hello"], timeout=PATIENCE_MS) == 1
    spin(conversation.server.hasPendingConnections)
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"hello"]


def test_gio_d3_a_trusted_server(conversation: DtlsConversation) -> None:
    """Nothing is asked and nothing is wrong."""
    conversation.establish()
    assert conversation.client.peerCertificateErrors() == []
    assert not conversation.client.peerCertificateFlags()
    assert "acceptCertificate" not in conversation.names("client")


def test_gio_d9_nobody_accepts(conversation: DtlsConversation) -> None:
    """BadCertificate here, a fatal alert there."""
    conversation.showServer(conversation.pki.unknownCa)
    client = prepared(conversation)
    error = refusal(client.handshake)
    assert error.code is Code.BadCertificate
    assert error is client.error()
    spin(lambda: conversation.server.statistics().failed == 1)
    ((_, level, _, _),) = conversation.arguments("server.alertReceived")
    assert level.name == "Fatal"  # type: ignore[attr-defined]  # a QSsl.AlertLevel


def test_gio_d9_the_alert_takes_one_way(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The server knows as soon as the alert can be there."""
    network = Network(
        dtls_client([qtsecure_pki.ca.certificate]), dtls_server(qtsecure_pki.unknownCa), DatagramLink(delay=0.05)
    ).start()
    network.run(5, lambda: bool(network.client.of(AlertSent)))
    begun = network.link.now
    network.run(5, lambda: bool(network.server.of(AlertReceived)) or bool(network.server.of(StreamFailed)))
    assert network.server.alerts_received or network.server.failure
    assert network.link.now - begun <= 0.1 + 0.5  # an unencrypted alert is doubted for half a second


def test_gio_d20_a_failure_stays(conversation: DtlsConversation) -> None:
    """Each call raises the same error until the peer is closed, or is to connect anew."""
    conversation.showServer(conversation.pki.expired)
    client = prepared(conversation)
    error = refusal(client.receiveMessages, timeout=PATIENCE_MS)
    assert error.code is Code.BadCertificate
    for again in (
        refusal(client.receiveMessages, timeout=-1),
        refusal(client.sendMessages, [b"x"], timeout=-1),
        refusal(client.handshake),
        refusal(client.startHandshake),
        client.error(),
    ):
        assert again is error
    client.close()
    assert refusal(client.receiveMessages).code is Code.Closed
    conversation.server.close()
    conversation.showServer(conversation.pki.server)
    conversation.establish()
    assert client.error() is None


def test_gio_d20_before_the_first_datagram_nothing_stays(conversation: DtlsConversation) -> None:
    """A configuration that cannot be used is corrected, and the same peer goes on."""
    client = prepared(conversation)
    tls = SslConfiguration(conversation.clientConfiguration)
    tls.setProtocol(Protocol.TlsV1_3)
    client.setSslConfiguration(tls)
    with pytest.raises(SecureError):
        client.receiveMessages(timeout=PATIENCE_MS)
    with pytest.raises(SecureError):
        client.waitForHandshake()
    client.setSslConfiguration(conversation.clientConfiguration)
    assert client.handshake() is True


def test_gio_d20_an_unknown_host_may_be_known_later(conversation: DtlsConversation) -> None:
    """Nothing was sent to anybody, so the next call tries again."""
    client = conversation.client
    client.setPeer("does-not-exist.invalid", 4433)
    for _ in range(2):
        assert refusal(client.receiveMessages, timeout=60_000).code is Code.HostNotFound
    assert conversation.statuses().count(Status.Handshaking) == 2


def test_gio_d21_a_silent_peer(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Repetitions no later than after 1, 2 and 4 seconds, and TimedOut when the time is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        client = conversation.client
        client.setHandshakeTimeout(10_000)
        client.setPeer("127.0.0.1", silent.getsockname()[1])
        repeated: list[float] = []
        begun = clock.now
        client.retransmissionTimeout.connect(lambda: repeated.append(clock.now - begun))
        client.startHandshake()
        while client.status() is Status.Handshaking and clock.now - begun < 20:
            clock.advance(0.05)
            settle()
        assert 9 <= clock.now - begun <= 11
    error = client.error()
    assert error is not None
    assert error.code is Code.TimedOut
    for latest in (1, 3, 7):
        assert [moment for moment in repeated if moment <= latest + 0.1]


def test_gio_d22_a_refusal_after_the_handshake(make_conversation: MakeConversation) -> None:
    """TLS 1.3: the client was complete before the server missed its certificate. The reason is told, nothing read."""
    conversation = make_conversation(Protocol.TlsV1_3)
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setMissingCertificateIsFatal(True)
    conversation.connect()
    spin(lambda: "client.errorOccurred" in [record.name for record in conversation.recorder.records()])
    assert "demands a client certificate" in conversation.client.errorString()
    assert conversation.client.readBytes() == b""


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("sender", ["client", "server"])
def test_gio_d23_a_lost_datagram(qtsecure_pki: PublicKeyInfrastructure, sender: str, number: int) -> None:
    """Whichever it is, the handshake is complete in the end, and soon."""

    def lose(datagram: LinkedDatagram) -> Iterable[bytes]:
        return () if (datagram.sender, datagram.number) == (sender, number - 1) else (datagram.data,)

    network = plain_network(qtsecure_pki, DatagramLink(tamper=lose), mtu=300).established()
    assert network.link.now - 1000 < 3
    network.link.tamper = None
    assert network.say(b"hello") == [b"hello"]
    assert network.say(b"hello", from_server=True) == [b"hello"]


def test_gio_d24_repeated_overtaking_and_junk_datagrams(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """During the handshake and afterwards."""

    def disturb(datagram: LinkedDatagram) -> Iterable[bytes]:
        return (b"junk", datagram.data, b"\x16\xfe\xfd" + bytes(20), datagram.data, b"\x00")

    link = DatagramLink(seed=3, tamper=disturb, reorder=0.3, duplicate=0.3)
    network = plain_network(qtsecure_pki, link).established()
    for number in range(20):
        network.say(b"%d" % number)
    network.run(1)
    assert sorted(network.server.messages, key=int) == [b"%d" % number for number in range(20)]


def test_gio_d25_an_unrelated_source(conversation: DtlsConversation) -> None:
    """Its datagrams reach neither end, however good they are."""
    peer = conversation.establish()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for port in (conversation.client.localPort(), conversation.server.serverPort()):
            for datagram in (b"\x17\xfe\xfd\0\1\0\0\0\0\0\5\0\x10" + bytes(16), b"junk"):
                stranger.sendto(datagram, ("127.0.0.1", port))
    conversation.client.sendMessages([b"after"])
    assert data(peer.receiveMessages(timeout=PATIENCE_MS)) == [b"after"]
    peer.sendMessages([b"back"])
    assert data(conversation.client.receiveMessages(timeout=PATIENCE_MS)) == [b"back"]


@pytest.mark.parametrize(("client", "server", "expected"), ALPN)
def test_gio_d26_application_protocols(
    conversation: DtlsConversation, client: list[str], server: list[str], expected: str
) -> None:
    """The client's first that the server knows, as with Gio; without one the handshake succeeds all the same."""
    conversation.serverConfiguration.setAllowedNextProtocols(server)
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.setAdvertisedProtocols(client)
    assert conversation.client.advertisedProtocols() == client
    conversation.clientConfiguration = conversation.client.sslConfiguration()
    peer = conversation.establish()
    assert conversation.client.negotiatedProtocol() == peer.negotiatedProtocol() == expected


def test_gio_d27_changing_them_afterwards(conversation: DtlsConversation) -> None:
    """Has no effect on this association, neither here nor there."""
    conversation.serverConfiguration.setAllowedNextProtocols(["one", "two"])
    conversation.clientConfiguration.setAllowedNextProtocols(["one"])
    peer = conversation.establish()
    conversation.client.setAdvertisedProtocols(["two"])
    peer.setAdvertisedProtocols(None)
    assert conversation.client.negotiatedProtocol() == peer.negotiatedProtocol() == "one"
    assert conversation.server.sslConfiguration().allowedNextProtocols() == [b"one", b"two"]


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_gio_d28_names_that_cannot_be(conversation: DtlsConversation, name: str) -> None:
    """Refused at once, and the list stays as it was; 255 bytes are allowed."""
    conversation.client.setAdvertisedProtocols(["x" * 255])
    with pytest.raises(ValueError, match=r"\d+|empty"):
        conversation.client.setAdvertisedProtocols(["good", name])
    assert conversation.client.advertisedProtocols() == ["x" * 255]
    conversation.client.setAdvertisedProtocols(None)
    assert conversation.client.advertisedProtocols() == []


def test_gio_d53_there_is_no_second_handshake() -> None:
    """The mode is constant, and setting it warns."""
    peer = DtlsPeer()
    with pytest.warns(DeprecationWarning, match="no effect"):
        peer.setRehandshakeMode(DtlsPeer.RehandshakeMode.Unsafely)
    assert peer.rehandshakeMode() is DtlsPeer.RehandshakeMode.Safely
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        peer.rehandshakeMode()


def test_gio_d54_before_the_handshake_nothing_is_known(conversation: DtlsConversation) -> None:
    """Also while it is under way."""
    client = prepared(conversation)
    for _ in range(2):
        assert client.cipherName() == ""
        assert client.protocol() is Protocol.Unknown
        assert client.negotiatedProtocol() == ""
        assert client.peerCertificate().isNull()
        assert client.peerCertificateErrors() == []
        client.startHandshake()
    spin(client.isEncrypted)
    assert client.cipherName()
    assert client.protocol() is Protocol.DtlsV1_2


def test_cancelling_a_handshake(conversation: DtlsConversation) -> None:
    """Ends it, and the error stays."""
    client = prepared(conversation)
    cancellable = Cancellable()
    conversation.server.pauseAccepting()
    soon(cancellable.cancel)
    assert client.waitForHandshake(cancellable=cancellable) is False
    error = client.error()
    assert error is not None
    assert error.code is Code.Cancelled
    assert refusal(client.handshake) is error
    again = DtlsPeer()
    again.setPeer("127.0.0.1", conversation.server.serverPort())
    assert refusal(again.handshake, cancellable).code is Code.Cancelled
    assert again.status() is Status.Disconnected


def test_waiting_for_less_than_the_handshake_takes(conversation: DtlsConversation) -> None:
    """The wait ends and the handshake goes on."""
    client = prepared(conversation)
    assert client.waitForHandshake(ms=0) is False
    assert client.status() is Status.Handshaking
    assert client.waitForHandshake(PATIENCE_MS) is True


def test_naming_another_peer(conversation: DtlsConversation) -> None:
    """Forgets the last association, and is refused while there is one."""
    conversation.establish()
    client = conversation.client
    assert refusal(client.setPeer, "127.0.0.1", 1).code is Code.Pending
    client.close()
    changed = watched(client, "peerCertificateChanged", "cipherChanged", "protocolChanged")
    client.setPeer("127.0.0.1", conversation.server.serverPort())
    assert sorted(changed) == ["cipherChanged", "peerCertificateChanged", "protocolChanged"]
    assert client.status() is Status.Disconnected
    assert client.peerCertificate().isNull()
    assert client.handshake() is True


def test_a_wait_does_not_compute(conversation: DtlsConversation) -> None:
    """Neither for a handshake that nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        # Its own authorities: those of the computer are read for the first handshake, which takes its time.
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.setPeer("127.0.0.1", silent.getsockname()[1])
        begun = time.thread_time()
        assert conversation.client.waitForHandshake(300) is False
        assert time.thread_time() - begun < 0.1
        conversation.client.abort()


def test_messages_and_signals_together(conversation: DtlsConversation) -> None:
    """receiveMessages(), readDatagram() and readyRead look at the same queue."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"one", b"two", b"three"])
    arrive(peer, 3)
    assert peer.readDatagram() == b"one"
    assert data(peer.receiveMessages(1)) == [b"two"]
    assert peer.pendingDatagramSize() == 5


def test_mode_of_the_server(conversation: DtlsConversation) -> None:
    """gio's authentication mode is the server's; see the tests of certificates."""
    conversation.serverConfiguration.setPeerVerifyMode(PeerVerifyMode.VerifyNone)
    peer = conversation.establish()
    assert peer.authenticationMode().name == "Off"
