"""Whatever a program or a network does wrong gets a clear error, and nothing else suffers."""

from __future__ import annotations

import errno
import socket as native
import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication
from PySide6.QtNetwork import QHostAddress

from qtsecure import DtlsPeer, DtlsServer, Protocol, SecureError, SslConfiguration
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Keys, Status, VerifyMode
from tests.ports import closedUdpPort

Code = SecureError.Code


def test_a_message_too_large(conversation: DtlsConversation) -> None:
    """The error names the limit, nothing is sent, the next message arrives."""
    peer = conversation.establish()
    limit = conversation.client.maxDatagramSize()
    with pytest.raises(SecureError, match=str(limit)) as caught:
        conversation.client.writeDatagram(b"x" * (limit + 1))
    assert caught.value.code is Code.MessageTooLarge
    conversation.client.writeDatagram(b"next")
    spin(peer.hasPendingDatagrams)
    assert peer.readDatagram() == b"next"
    assert conversation.client.status() is Status.Connected


def test_an_empty_message(conversation: DtlsConversation) -> None:
    conversation.establish()
    with pytest.raises(ValueError, match="data must not be empty"):
        conversation.client.writeDatagram(b"")


def test_no_bytes(conversation: DtlsConversation) -> None:
    conversation.establish()
    with pytest.raises(TypeError, match="encode text first"):
        conversation.client.writeDatagram("text")  # type: ignore[arg-type]  # what is tested


def test_a_message_before_the_handshake(conversation: DtlsConversation) -> None:
    with pytest.raises(SecureError) as caught:
        conversation.client.writeDatagram(b"x")
    assert caught.value.code is Code.Closed
    conversation.connect()
    with pytest.raises(SecureError, match="encrypted") as caught:
        conversation.client.writeDatagram(b"x")
    assert caught.value.code is Code.WouldBlock


def test_a_message_after_the_end(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    conversation.client.close()
    with pytest.raises(SecureError) as caught:
        conversation.client.writeDatagram(b"x")
    assert caught.value.code is Code.Closed
    spin(lambda: peer.status() is Status.Disconnected)
    with pytest.raises(SecureError):
        peer.writeDatagram(b"x")


@pytest.mark.parametrize("mtu", [-1, 0, 255, 65508])
def test_mtu_out_of_range(qapp: QCoreApplication, mtu: int) -> None:
    for end in (DtlsPeer(), DtlsServer()):
        with pytest.raises(ValueError, match="mtu must be between 256 and 65507"):
            end.setMtu(mtu)
        assert end.mtu() == 1200


def test_mtu_is_kept(conversation: DtlsConversation) -> None:
    conversation.server.setMtu(300)
    conversation.client.setMtu(256)
    peer = conversation.establish()
    assert 0 < conversation.client.maxDatagramSize() < 256
    assert conversation.client.maxDatagramSize() < peer.maxDatagramSize() < 300
    conversation.client.setMtu(9000)
    big = b"x" * conversation.client.maxDatagramSize()
    assert len(big) > 8900
    conversation.client.writeDatagram(big)
    spin(peer.hasPendingDatagrams)
    assert peer.readDatagram() == big


def test_a_closed_port_is_told_soon(conversation: DtlsConversation) -> None:
    with closedUdpPort() as port:
        conversation.client.connectToHost("127.0.0.1", port)
        spin(lambda: conversation.client.status() is Status.Error)
    error = conversation.client.error()
    assert error is not None
    assert error.code is Code.ConnectionRefused
    assert error.message == f"Connection refused: nothing listens on port {port} of 127.0.0.1."
    assert conversation.names("client") == ["statusChanged", "statusChanged", "errorOccurred", "disconnected"]
    conversation.establish()  # and the object can be used again


def test_datagrams_are_no_refusals(conversation: DtlsConversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind what was read, Qt says once more that there is something, as it does when nobody listens."""
    failed: list[DtlsPath] = []
    monkeypatch.setattr(DtlsPath, "datagramsFailed", lambda path, number: failed.append(path))
    peer = conversation.establish()
    for _ in range(3):
        peer.writeDatagram(b"x")
        spin(conversation.client.hasPendingDatagrams)
        conversation.client.readDatagram()
        settle()
    assert conversation.client._path is not None
    assert conversation.client._path not in failed  # others may be of clients that earlier tests have forgotten


def test_a_silent_port_is_told_at_the_deadline(conversation: DtlsConversation, clock: FakeClock) -> None:
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        client = DtlsPeer()
        repeated: list[None] = []
        client.retransmissionTimeout.connect(lambda: repeated.append(None))
        client.connectToHost("127.0.0.1", silent.getsockname()[1])
        for _ in range(299):
            clock.advance(0.1)
        assert client.status() is Status.Handshaking
        assert len(repeated) >= 5
        clock.advance(0.2)
        assert client.status() is Status.Error
        error = client.error()
        assert error is not None
        assert error.code is Code.TimedOut
        assert "does not answer" in error.message


def test_nothing_is_told_after_the_end(conversation: DtlsConversation, clock: FakeClock) -> None:
    """A flight that is sent again may be what shows that nobody is there."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        client = conversation.client
        told: list[str] = []
        client.retransmissionTimeout.connect(lambda: told.append("repeated"))
        client.disconnected.connect(lambda: told.append("over"))
        client.connectToHost("127.0.0.1", silent.getsockname()[1])

        def refuse(datagram: bytes) -> None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

        assert client._path is not None
        client._path._send = refuse
        for _ in range(20):
            clock.advance(0.1)
        assert client.status() is Status.Error
        assert told == ["repeated", "repeated", "over"]


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((5, 10), TypeError, "label"),
        (("é", 10), ValueError, "label"),
        (("x", True), TypeError, "length"),
        (("x", 0), ValueError, "length"),
        (("x", 8161), ValueError, "length"),
        (("x", 10, "text"), TypeError, "context"),
    ],
)
def test_arguments_of_the_exporter(
    conversation: DtlsConversation, arguments: tuple[object, ...], error: type[Exception], named: str
) -> None:
    conversation.establish()
    with pytest.raises(error, match=f"^{named} must be"):
        conversation.client.exportKeyingMaterial(*arguments)  # type: ignore[arg-type]  # what is tested
    keys = conversation.client.exportKeyingMaterial("x", 10, b"context")
    assert conversation.client.exportKeyingMaterial(b"x", 10, bytearray(b"context")) == keys
    assert conversation.client.exportKeyingMaterial(QByteArray(b"x"), 10, QByteArray(b"context")) == keys


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", 1), ValueError),
        (("a\0b", 1), ValueError),
        ((5, 1), TypeError),
        ((QHostAddress.SpecialAddress.Null, 1), ValueError),
        ((QHostAddress.SpecialAddress.AnyIPv4, 1), ValueError),
        (("localhost", 0), ValueError),
        (("localhost", 65536), ValueError),
        (("localhost", "1"), TypeError),
        (("localhost", 1, 5), TypeError),
        (("localhost", 1, "", 5), TypeError),
    ],
)
def test_arguments_of_connect(qapp: QCoreApplication, arguments: tuple[object, ...], error: type[Exception]) -> None:
    peer = DtlsPeer()
    with pytest.raises(error):
        peer.connectToHost(*arguments)  # type: ignore[arg-type]  # what is tested
    assert peer.status() is Status.Disconnected


def test_the_computer_itself_by_its_special_address(conversation: DtlsConversation) -> None:
    """Where PySide's classes take an address, they take QHostAddress.SpecialAddress.LocalHost, too."""
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost(QHostAddress.SpecialAddress.LocalHost, conversation.server.serverPort())
    spin(client.isEncrypted)
    assert client.peerName() == "127.0.0.1"


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: DtlsPeer().setAdvertisedProtocols(5), "protocols"),
        (lambda: DtlsPeer().ignoreSslErrors(5), "errors"),
        (lambda: DtlsPeer().sendMessages(None), "messages"),
        (lambda: DtlsPeer().connectToPeer(None, "", 5), "options"),
        (lambda: DtlsServer().setup(5), "options"),
        (lambda: DtlsServer().setSslConfiguration(None), "configuration"),
    ],
)
def test_wrong_types_are_told_by_name(qapp: QCoreApplication, call: Callable[[], object], argument: str) -> None:
    """The name of the argument, not only what Python says of the value."""
    with pytest.raises(TypeError, match=f"^{argument} must be "):
        call()


def test_connecting_twice(conversation: DtlsConversation) -> None:
    peer = conversation.establish()
    with pytest.raises(SecureError) as caught:
        conversation.client.connectToHost("127.0.0.1", 1)
    assert caught.value.code is Code.Pending
    conversation.client.writeDatagram(b"unharmed")
    spin(peer.hasPendingDatagrams)


@pytest.mark.parametrize(
    ("protocol", "code"),
    [(Protocol.TlsV1_2, Code.InvalidArgument), (Protocol.DtlsV1_3, Code.NotSupported)],
)
def test_protocols_that_cannot_be(qapp: QCoreApplication, protocol: Protocol, code: SecureError.Code) -> None:
    configuration = SslConfiguration.forClient([])
    configuration.setProtocol(protocol)
    with pytest.raises(SecureError) as caught:
        DtlsPeer().connectToHost("127.0.0.1", 1, configuration=configuration)
    assert caught.value.code is code


@pytest.mark.parametrize("protocol", [Protocol.SecureProtocols, Protocol.DtlsV1_2, Protocol.DtlsV1_2OrLater])
def test_protocols_that_are_dtls_1_2(conversation: DtlsConversation, protocol: Protocol) -> None:
    conversation.clientConfiguration.setProtocol(protocol)
    conversation.serverConfiguration.setProtocol(protocol)
    conversation.establish()
    assert conversation.client.sessionProtocol() is Protocol.DtlsV1_2


def test_a_server_without_certificate(conversation: DtlsConversation) -> None:
    """It is told once, however often clients come; a better configuration heals it."""
    conversation.server.listen("127.0.0.1", 0)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("server.acceptError")))
    settle()
    ((error,),) = conversation.arguments("server.acceptError")
    assert isinstance(error, SecureError)
    assert "certificate" in error.message
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    spin(conversation.client.isEncrypted)


def test_an_ed25519_server(conversation: DtlsConversation) -> None:
    conversation.showServer(conversation.pki.ed25519Server)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("server.acceptError")))
    ((error,),) = conversation.arguments("server.acceptError")
    assert isinstance(error, SecureError)
    assert "Ed25519" in error.message


def test_wrong_key(conversation: DtlsConversation) -> None:
    keys = pskOnly(conversation)
    wrong = Keys(key=bytes(32))
    conversation.client.preSharedKeyAuthenticationRequired.connect(wrong.forClient)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    error = conversation.client.error()
    assert error is not None
    assert error.code is Code.HandshakeRefused
    _peer, told = conversation.arguments("server.errorOccurred")[0]  # the client tries a second time
    assert isinstance(told, SecureError)
    assert "keys of both sides differ" in told.message


def test_unknown_identity(conversation: DtlsConversation) -> None:
    keys = pskOnly(conversation)
    stranger = Keys(identity=b"stranger")
    conversation.client.preSharedKeyAuthenticationRequired.connect(stranger.forClient)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    assert keys.asked == [b"stranger"]
    error = conversation.client.error()
    assert error is not None
    assert error.alert == 115


def test_no_key_at_all(conversation: DtlsConversation) -> None:
    """A slot that sets none refuses."""
    keys = pskOnly(conversation)
    conversation.client.preSharedKeyAuthenticationRequired.connect(lambda authenticator: None)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)


def test_pre_shared_keys(conversation: DtlsConversation) -> None:
    keys = pskOnly(conversation)
    own = Keys()
    conversation.serverConfiguration.setPreSharedKeyIdentityHint(b"who are you")
    conversation.client.preSharedKeyAuthenticationRequired.connect(own.forClient)
    conversation.server.preSharedKeyAuthenticationRequired.connect(keys.forServer)
    peer = conversation.establish()
    assert "PSK" in conversation.client.cipherName()
    assert own.asked == [b"who are you"]
    assert keys.asked == [b"sensor"]
    peer.writeDatagram(b"x")
    spin(conversation.client.hasPendingDatagrams)


def pskOnly(conversation: DtlsConversation) -> Keys:
    """Neither side shows a certificate."""
    conversation.serverConfiguration = SslConfiguration()
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.clientConfiguration = SslConfiguration()
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    return Keys()


@pytest.mark.parametrize(
    "call",
    [
        lambda server: server.setHandshakeTimeout(-2),
        lambda server: server.setIdleTimeout(-2),
        lambda server: server.setMaxPendingConnections(0),
        lambda server: server.setMaxHandshakingConnections(0),
        lambda server: server.setMaxConnectionsPerAddress(-1),
        lambda server: server.setMaxConnections(-1),
        lambda server: server.setCookieSecret(b"short"),
        lambda server: server.listen("nowhere", 0),
        lambda server: server.listen("127.0.0.1", 65536),
    ],
)
def test_values_of_a_server(qapp: QCoreApplication, call: Callable[[DtlsServer], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        call(DtlsServer())


def test_a_busy_port(conversation: DtlsConversation, qtsecure_pki: PublicKeyInfrastructure) -> None:
    port = conversation.listen()
    other = DtlsServer()
    assert not other.listen("127.0.0.1", port)
    assert other.serverError().name == "AddressInUseError"
    assert "in use" in other.errorString()
    assert other.serverPort() == 0


def test_another_thread(conversation: DtlsConversation) -> None:
    conversation.establish()
    raised: list[BaseException] = []

    def call() -> None:
        for method in (
            lambda: conversation.client.writeDatagram(b"x"),
            conversation.client.close,
            conversation.server.close,
        ):
            try:
                method()
            except RuntimeError as error:
                raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(raised) == 3
    assert all("main thread" in str(error) for error in raised)
    assert conversation.client.status() is Status.Connected


def test_a_network_that_takes_only_smaller_datagrams(conversation: DtlsConversation) -> None:
    """EMSGSIZE lowers the MTU and is told; the next message fits."""
    peer = conversation.establish()
    path = conversation.client._path
    assert path is not None
    real = path._send

    def send(datagram: bytes) -> None:
        if len(datagram) > 600:
            raise OSError(errno.EMSGSIZE, "Message too long")
        real(datagram)

    path._send = send
    with pytest.raises(SecureError, match="from now on") as caught:
        conversation.client.writeDatagram(b"x" * 1000)
    assert caught.value.code is Code.MessageTooLarge
    assert conversation.client.mtu() == 548
    conversation.client.writeDatagram(b"x" * conversation.client.maxDatagramSize())
    spin(peer.hasPendingDatagrams)
    # On a busy machine the server may also have repeated the end of its handshake.
    assert conversation.client.statistics().dropped["too large"] == 1
