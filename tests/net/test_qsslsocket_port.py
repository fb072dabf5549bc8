"""The cases of Qt's own tests of QSslSocket, in our words, over both transports.

Cases about blocking calls, pausing and backends are elsewhere or have no meaning here; host-name
matching is in tests/engine/test_host_names.py and tests/reliability.
"""

from __future__ import annotations

import socket as native
import struct
from collections.abc import Callable

import pytest
from cryptography.x509 import BasicConstraints
from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QSsl, QSslConfiguration, QSslError, QSslSocket, QTcpServer

from qtsecure.errors import SecureError
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import (
    PreSharedKeyAuthenticator,
    Protocol,
    SslCertificate,
    SslConfiguration,
    SslError,
)
from qtsecure.testing.certificates import selfSignedCertificate
from qtsecure.testing.peers import PythonTlsServer
from tests.net.conftest import MakeConversation
from tests.net.conversation import Conversation, Error, State, VerifyMode, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

Code = QSslError.SslError
SslMode = QSslSocket.SslMode
KEY = bytes(range(32))


def codes(errors: list[SslError]) -> list[Code]:
    return [error.error() for error in errors]


class PlainServer(QTcpServer):
    """Makes sockets of ours that are not encrypted yet, for startServerEncryption()."""

    def __init__(self, configuration: SslConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.sockets: list[SslSocket] = []
        assert self.listen()

    def incomingConnection(self, handle: int) -> None:
        socket = SslSocket(self)
        socket.setSslConfiguration(self.configuration)
        assert socket.setSocketDescriptor(handle)
        self.sockets.append(socket)


# ------------------------------------------------------------------------- a fresh socket


def test_constructing(conversation: Conversation) -> None:
    """Every getter's answer before anything has happened."""
    socket = SslSocket()
    assert socket.state() == State.UnconnectedState
    assert socket.mode() == SslMode.UnencryptedMode
    assert not socket.isEncrypted()
    assert not socket.isOpen()
    assert socket.openMode() == QIODevice.OpenModeFlag.NotOpen
    assert not socket.isReadable()
    assert not socket.isWritable()
    assert socket.isSequential()
    assert socket.size() == socket.pos() == 0
    assert socket.bytesAvailable() == socket.bytesToWrite() == 0
    assert socket.encryptedBytesAvailable() == socket.encryptedBytesToWrite() == 0
    assert not socket.canReadLine()
    assert socket.atEnd()
    assert socket.readBufferSize() == 0
    assert socket.socketDescriptor() == -1
    assert socket.error() == Error.UnknownSocketError
    assert socket.errorString() == "Unknown error"
    assert socket.localPort() == socket.peerPort() == 0
    assert socket.localAddress().isNull()
    assert socket.peerAddress().isNull()
    assert socket.peerName() == socket.peerVerifyName() == ""
    assert socket.peerCertificate().isNull()
    assert socket.peerCertificateChain() == []
    assert socket.sessionCipher().isNull()
    assert socket.sessionProtocol() == Protocol.Unknown
    assert socket.sslHandshakeErrors() == []
    assert socket.sslConfiguration() == SslConfiguration.defaultConfiguration()
    assert socket.read(0).data() == socket.readAll().data() == socket.readLine().data() == b""


@pytest.mark.parametrize("protocol", ["TlsV1_2", "TlsV1_3", "TlsV1_2OrLater", "TlsV1_3OrLater"])
def test_protocol(conversation: Conversation, protocol: str) -> None:
    """The wish stays what it is through a connection and its end."""
    wish = Protocol[protocol]
    conversation.clientConfiguration.setProtocol(wish)
    conversation.connect()
    spin(conversation.client.isEncrypted)
    assert conversation.client.sslConfiguration().protocol() == wish
    conversation.client.abort()
    assert conversation.client.sslConfiguration().protocol() == wish


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_verify_mode_and_depth(conversation: Conversation, depth: int) -> None:
    """Setters keep what they get; a negative depth is refused."""
    configuration = conversation.clientConfiguration
    for mode in (VerifyMode.VerifyNone, VerifyMode.QueryPeer, VerifyMode.VerifyPeer, VerifyMode.AutoVerifyPeer):
        configuration.setPeerVerifyMode(mode)
        configuration.setPeerVerifyDepth(depth)
        conversation.client.setSslConfiguration(configuration)
        assert conversation.client.sslConfiguration().peerVerifyMode() == mode
        assert conversation.client.sslConfiguration().peerVerifyDepth() == depth
    with pytest.raises(ValueError, match="-1"):
        configuration.setPeerVerifyDepth(-1)


def test_encrypt_without_connecting(conversation: Conversation, capfd: pytest.CaptureFixture[str]) -> None:
    """A warning, and nothing else."""
    conversation.client.startClientEncryption()
    conversation.client.startServerEncryption()
    assert conversation.story("client") == []
    assert conversation.client.mode() == SslMode.UnencryptedMode


# --------------------------------------------------------------- plain first, encrypted later


def test_simple_connect(conversation: Conversation) -> None:
    """A plain connection, its states one by one, and TLS that fails on an untrusted certificate."""
    conversation.showServer(conversation.pki.selfSigned)
    server = PlainServer(conversation.serverConfiguration)
    client = conversation.client
    client.connectToHost("127.0.0.1", server.serverPort())
    assert client.state() == State.ConnectingState
    conversation.recorder.waitFor("client.connected")
    assert conversation.story("client") == [
        "stateChanged HostLookupState",
        "stateChanged ConnectingState",
        "hostFound",
        "stateChanged ConnectedState",
        "connected",
    ]
    assert client.mode() == SslMode.UnencryptedMode
    assert not client.isEncrypted()
    assert client.sessionCipher().isNull()
    spin(lambda: bool(server.sockets))
    server.sockets[0].startServerEncryption()
    client.startClientEncryption()
    assert client.mode() == SslMode.SslClientMode
    conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.count("client.sslErrors") == 1
    assert conversation.recorder.count("client.encrypted") == 0
    assert client.state() == State.UnconnectedState
    assert not client.isEncrypted()


def test_simple_connect_with_ignore(conversation: Conversation) -> None:
    """The same with the errors ignored in the slot: the peer's data can be read."""
    conversation.showServer(conversation.pki.selfSigned)
    server = PlainServer(conversation.serverConfiguration)
    client = conversation.client
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
    client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: bool(server.sockets) and client.state() == State.ConnectedState)
    server.sockets[0].encrypted.connect(lambda: server.sockets[0].write(b"* OK\r\n"))
    server.sockets[0].startServerEncryption()
    client.startClientEncryption()
    spin(client.canReadLine)
    assert conversation.recorder.count("client.encrypted") == 1
    assert client.readLine().data() == b"* OK\r\n"


def test_set_socket_descriptor(conversation: Conversation) -> None:
    """Sockets made in incomingConnection() have addresses and ports, and can be encrypted."""
    server = PlainServer(conversation.serverConfiguration)
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: bool(server.sockets))
    peer = server.sockets[0]
    assert peer.state() == State.ConnectedState
    assert peer.localPort() == server.serverPort()
    peer.startServerEncryption()
    spin(lambda: client.isEncrypted() and peer.isEncrypted())
    assert peer.peerPort() == client.localPort() != 0
    assert peer.peerAddress() == client.localAddress()
    assert not peer.localAddress().isNull()


def test_qtbug18498_peek(conversation: Conversation) -> None:
    """Peeking before TLS does not eat the hello; peeked and read bytes are the same."""
    server = PlainServer(conversation.serverConfiguration)
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: bool(server.sockets) and client.state() == State.ConnectedState)
    peer = server.sockets[0]
    client.startClientEncryption()
    spin(lambda: peer.bytesAvailable() > 0)
    assert peer.peek(1).data() == b"\x16"
    assert peer.peek(1 << 20).size() == peer.bytesAvailable()
    peer.startServerEncryption()
    spin(lambda: client.isEncrypted() and peer.isEncrypted())
    data = bytes(range(256)) * 4
    client.write(data)
    spin(lambda: peer.bytesAvailable() == len(data))
    assert peer.peek(len(data)).data() == data
    assert peer.read(len(data)).data() == data


@pytest.mark.parametrize("encrypted", [False, True])
def test_qtbug18498_peek2(conversation: Conversation, encrypted: bool) -> None:
    """Mixed peeks and reads, of data in two buffers, and beyond the end."""
    server = PlainServer(conversation.serverConfiguration)
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: bool(server.sockets) and client.state() == State.ConnectedState)
    peer = server.sockets[0]
    if encrypted:
        peer.startServerEncryption()
        client.startClientEncryption()
        spin(lambda: client.isEncrypted() and peer.isEncrypted())
    client.write(b"HELLO")
    spin(lambda: peer.bytesAvailable() == 5)
    assert peer.peek(5).data() == b"HELLO"
    assert QIODevice.peek(peer, 3).data() == b"HEL"  # now QIODevice holds a part of it
    client.write(b"WORLD\n")
    spin(lambda: peer.bytesAvailable() == 11)
    assert peer.peek(3).data() == b"HEL"
    assert peer.peek(8).data() == b"HELLOWOR"
    assert peer.peek(100).data() == b"HELLOWORLD\n"
    assert peer.read(2).data() == b"HE"
    assert peer.peek(6).data() == b"LLOWOR"
    assert peer.canReadLine()
    assert peer.readLine().data() == b"LLOWORLD\n"
    assert peer.peek(10).data() == b""
    assert peer.bytesAvailable() == 0


# ------------------------------------------------------------------------------ certificates


def test_ssl_errors(conversation: Conversation) -> None:
    """sslHandshakeErrors(), sslErrors and peerVerifyError tell of the same errors."""
    conversation.showServer(conversation.pki.otherCa.issue(["wrong.example"]))
    conversation.connect()
    conversation.waitForClientEnd()
    listed = set(codes(conversation.recorder.of("client.sslErrors")[0][0]))
    single = set(codes([error for (error,) in conversation.recorder.of("client.peerVerifyError")]))
    assert (
        sorted(listed, key=str)
        == sorted(single, key=str)
        == sorted(codes(conversation.client.sslHandshakeErrors()), key=str)
    )
    assert Code.HostNameMismatch in listed
    assert len(listed) >= 2


def test_connect_to_host_encrypted(conversation: Conversation) -> None:
    """The mode stays after the end; a plain connection resets it."""
    conversation.establish()
    client = conversation.client
    client.disconnectFromHost()
    conversation.waitForClientEnd()
    assert client.mode() == SslMode.SslClientMode
    server = PlainServer(conversation.serverConfiguration)
    client.connectToHost("127.0.0.1", server.serverPort())
    assert client.mode() == SslMode.UnencryptedMode
    spin(lambda: client.state() == State.ConnectedState)
    assert not client.isEncrypted()


def test_connect_with_verification_peer_name(conversation: Conversation) -> None:
    """The third argument replaces the host's name, for better and for worse."""
    conversation.showServer(conversation.pki.wrongHost)
    conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("localhost", conversation.server.serverPort(), "wrong.example")
    spin(client.isEncrypted)
    assert client.peerVerifyName() == "wrong.example"
    assert client.peerName() == "localhost"
    client.abort()
    client.connectToHostEncrypted("localhost", conversation.server.serverPort(), "other.example")
    conversation.recorder.waitFor("client.sslErrors")
    assert codes(client.sslHandshakeErrors()) == [Code.HostNameMismatch]


def test_session_cipher(conversation: Conversation) -> None:
    """Null before, one of the supported ones while encrypted, null after the end."""
    assert conversation.client.sessionCipher().isNull()
    conversation.establish()
    cipher = conversation.client.sessionCipher()
    assert not cipher.isNull()
    assert cipher.name() in [supported.name() for supported in SslConfiguration.supportedCiphers()]
    assert cipher.usedBits() >= 128
    conversation.client.abort()
    assert conversation.client.sessionCipher().isNull()


@pytest.mark.parametrize("commonName", ["client", ""])
def test_local_certificate(conversation: Conversation, commonName: str) -> None:
    """A client's certificate reaches the server, also one without a common name."""
    identity = conversation.pki.ca.issue(["client.example"], commonName=commonName, usage="client")
    conversation.showClient(identity)
    conversation.demandClientCertificate()
    peer = conversation.establish()
    assert peer.peerCertificate() == SslCertificate(identity.certificate)
    assert conversation.client.sslConfiguration().localCertificate() == peer.peerCertificate()


def test_local_certificate_chain(conversation: Conversation) -> None:
    """Chain and certificate are one setting; the intermediate reaches the client, in order."""
    identity = conversation.pki.viaIntermediate
    chain = [SslCertificate(certificate) for certificate in identity.chain]
    configuration = SslConfiguration()
    configuration.setLocalCertificateChain(chain)
    assert configuration.localCertificateChain() == chain
    assert configuration.localCertificate() == chain[0]
    configuration.setLocalCertificate(chain[1])
    assert configuration.localCertificateChain() == [chain[1]]
    conversation.showServer(identity)
    conversation.establish()
    assert conversation.client.peerCertificateChain() == chain
    assert conversation.client.peerCertificate() == chain[0]


def test_set_ssl_configuration(conversation: Conversation) -> None:
    """An empty and the default configuration do not trust the server; one with its authority does."""
    conversation.listen()
    client = conversation.client
    for configuration in (SslConfiguration(), SslConfiguration.defaultConfiguration()):
        client.setSslConfiguration(configuration)
        client.connectToHostEncrypted("localhost", conversation.server.serverPort())
        conversation.recorder.waitFor("client.errorOccurred")
        assert client.error() == Error.SslHandshakeFailedError
        spin(lambda: client.state() == State.UnconnectedState)
        conversation.recorder.clear()
    conversation.establish(host="localhost")


@pytest.mark.parametrize("version", ["TlsV1_2", "TlsV1_3"])
def test_verify_depth(conversation: Conversation, version: str) -> None:
    """So many intermediates and no more."""
    authority = conversation.pki.ca.intermediate("first", basicConstraints=BasicConstraints(ca=True, path_length=None))
    identity = authority.intermediate("second").issue()
    conversation.showServer(identity)
    conversation.clientConfiguration.setProtocol(Protocol[version])
    conversation.clientConfiguration.setPeerVerifyDepth(1)
    conversation.connect()
    conversation.waitForClientEnd()
    assert conversation.client.error() == Error.SslHandshakeFailedError
    conversation.clientConfiguration.setPeerVerifyDepth(2)
    conversation.connect()
    spin(conversation.client.isEncrypted)


def test_verify_mode(conversation: Conversation) -> None:
    """The client finds exactly what is wrong; a server in its default mode finds nothing."""
    conversation.showServer(conversation.pki.selfSigned)
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.connect()
    conversation.waitForClientEnd()
    assert codes(conversation.client.sslHandshakeErrors()) == [Code.SelfSignedCertificate]
    assert conversation.recorder.count("server.sslErrors") == 0
    assert conversation.recorder.count("accepted.sslErrors") == 0


def test_set_empty_key(conversation: Conversation) -> None:
    """A server's certificate without its key: both ends are told, the client by an alert."""
    configuration = SslConfiguration()
    configuration.setLocalCertificateChain(conversation.pki.server.chain)
    server = PlainServer(configuration)
    conversation.client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: bool(server.sockets))
    server.sockets[0].startServerEncryption()
    assert server.sockets[0].error() == Error.SslInvalidUserDataError
    assert "key" in server.sockets[0].errorString()
    conversation.recorder.waitFor("client.alertReceived")
    conversation.waitForClientEnd()


_CLIENTS = {
    "none": None,
    "self-signed": "selfSigned",
    "wrong usage": "server",
    "unknown": "clientUnknownCa",
    "valid": "client",
    "valid with chain": "chain",
}


@pytest.mark.parametrize("version", ["TlsV1_2", "TlsV1_3"])
@pytest.mark.parametrize("shown", list(_CLIENTS))
@pytest.mark.parametrize(
    "mode", [VerifyMode.AutoVerifyPeer, VerifyMode.VerifyNone, VerifyMode.QueryPeer, VerifyMode.VerifyPeer]
)
def test_verify_client_certificate(conversation: Conversation, version: str, shown: str, mode: VerifyMode) -> None:
    """Every mode of the server against every kind of client: who gets in, and what the server knows of it."""
    name = _CLIENTS[shown]
    identity = None
    if name == "chain":
        identity = conversation.pki.intermediate.issue(["client.example"], commonName="client", usage="client")
    elif name is not None:
        identity = getattr(conversation.pki, name)
    if identity is not None:
        conversation.showClient(identity)
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol[version])
    conversation.serverConfiguration.setPeerVerifyMode(mode)
    conversation.serverConfiguration.setCaCertificates([conversation.pki.ca.certificate])
    trusted = shown.startswith("valid")
    asks = mode != VerifyMode.VerifyNone  # a server's AutoVerifyPeer means QueryPeer
    conversation.connect()
    if mode == VerifyMode.VerifyPeer and not trusted:
        conversation.recorder.waitFor("server.errorOccurred")
        assert not conversation.server.hasPendingConnections()
        assert conversation.recorder.count("accepted.encrypted") == 0
        conversation.waitForClientEnd()
        return
    spin(conversation.server.hasPendingConnections)
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    conversation.peer = peer
    expected = [SslCertificate(certificate) for certificate in identity.chain] if identity is not None and asks else []
    received = peer.peerCertificateChain()
    assert received[: len(expected)] == expected
    # OpenSSL completes a chain that was given without its authority from the trusted ones.
    assert set(received[len(expected) :]) <= {SslCertificate(conversation.pki.ca.certificate)}
    assert peer.peerCertificate() == (expected[0] if expected else SslCertificate())
    assert peer.isEncrypted()
    assert conversation.recorder.count("server.errorOccurred") == 0


# -------------------------------------------------------------------------- ignoring errors


@pytest.mark.parametrize("where", ["before", "in the slot"])
@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("all", True),
        ("all and others", True),
        ("none", False),
        ("one of two", False),
        ("another certificate", False),
    ],
)
def test_ignore_ssl_errors_list(conversation: Conversation, where: str, listed: str, expected: bool) -> None:
    """Exactly the listed errors are ignored, each for its certificate."""
    identity = conversation.pki.otherCa.issue(["wrong.example"])
    conversation.showServer(identity)
    shown = SslCertificate(identity.certificate)
    other = SslCertificate(conversation.pki.server.certificate)
    local, first = Code.UnableToGetLocalIssuerCertificate, Code.UnableToVerifyFirstCertificate
    real = [SslError(code, shown) for code in (Code.HostNameMismatch, local, first)]
    errors = {
        "all": real,
        "all and others": [*real, SslError(Code.CertificateExpired, shown)],
        "none": [],
        "one of two": real[:1],
        "another certificate": [SslError(error.error(), other) for error in real],
    }[listed]
    client = conversation.client
    if where == "before":
        client.ignoreSslErrors(errors)
    else:
        client.sslErrors.connect(lambda found: client.ignoreSslErrors(errors))
    conversation.connect()
    if expected:
        spin(client.isEncrypted)
    else:
        conversation.waitForClientEnd()
        assert conversation.recorder.count("client.encrypted") == 0
    assert conversation.recorder.count("client.sslErrors") == 1


def test_abort_on_ssl_errors(conversation: Conversation) -> None:
    """abort() in the slot: Unconnected, and no error on top."""
    conversation.showServer(conversation.pki.selfSigned)
    conversation.client.sslErrors.connect(lambda errors: conversation.client.abort())
    conversation.connect()
    conversation.recorder.waitFor("client.disconnected")
    assert conversation.client.state() == State.UnconnectedState
    assert conversation.recorder.count("client.errorOccurred") == 0


def test_old_errors_on_socket_reuse(conversation: Conversation, make_conversation: MakeConversation) -> None:
    """A second connection carries nothing of the first one's errors."""
    conversation.showServer(conversation.pki.selfSigned)
    conversation.client.sslErrors.connect(lambda errors: conversation.client.ignoreSslErrors())
    conversation.establish()
    assert conversation.client.sslHandshakeErrors()
    conversation.client.disconnectFromHost()
    conversation.waitForClientEnd()
    good = make_conversation()
    good.listen()
    conversation.client.connectToHostEncrypted("localhost", good.server.serverPort())
    spin(conversation.client.isEncrypted)
    assert conversation.client.sslHandshakeErrors() == []
    assert conversation.client.error() == Error.UnknownSocketError


# ------------------------------------------------------------------------------ negotiation


_VERSIONS = {
    "1.2": (Protocol.TlsV1_2, {2}),
    "1.3": (Protocol.TlsV1_3, {3}),
    "1.2 or later": (Protocol.TlsV1_2OrLater, {2, 3}),
    "1.3 or later": (Protocol.TlsV1_3OrLater, {3}),
}


@pytest.mark.parametrize("ours", list(_VERSIONS))
@pytest.mark.parametrize("theirs", list(_VERSIONS))
def test_protocol_server_side(conversation: Conversation, ours: str, theirs: str) -> None:
    """Client and server meet at the highest version of both, or fail."""
    conversation.clientConfiguration.setProtocol(_VERSIONS[ours][0])
    conversation.serverConfiguration.setProtocol(_VERSIONS[theirs][0])
    common = _VERSIONS[ours][1] & _VERSIONS[theirs][1]
    conversation.connect()
    if not common:
        conversation.waitForClientEnd()
        assert conversation.client.error() == Error.SslHandshakeFailedError
        return
    spin(conversation.client.isEncrypted)
    assert conversation.client.sessionProtocol() == (Protocol.TlsV1_3 if 3 in common else Protocol.TlsV1_2)


@pytest.mark.parametrize("serverChooses", [True, False])
def test_server_cipher_preferences(conversation: Conversation, serverChooses: bool) -> None:
    """The server's order counts, unless the option says otherwise."""
    first, second = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol.TlsV1_2)
    conversation.serverConfiguration.setCiphers(f"{first}:{second}")
    conversation.clientConfiguration.setCiphers(f"{second}:{first}")
    conversation.serverConfiguration.setSslOption(
        QSsl.SslOption.SslOptionDisableServerCipherPreference, not serverChooses
    )
    conversation.establish()
    assert conversation.client.sessionCipher().name() == (first if serverChooses else second)


def test_ecdh_server(conversation: Conversation) -> None:
    """An ephemeral elliptic-curve key exchange with TLS 1.2."""
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol.TlsV1_2)
    conversation.clientConfiguration.setCiphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    peer = conversation.establish()
    assert conversation.client.sessionCipher().name() == "ECDHE-ECDSA-AES256-GCM-SHA384"
    assert conversation.client.keyExchangeGroup() == peer.keyExchangeGroup() != ""


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        ([b"h2", b"http/1.1"], [b"h2"], b"h2"),
        ([b"http/1.1"], [b"h2", b"http/1.1"], b"http/1.1"),
        ([], [b"h2"], b""),
        ([b"h2"], [], b""),
    ],
)
def test_allowed_protocol_negotiation(
    conversation: Conversation, server: list[bytes], client: list[bytes], expected: bytes
) -> None:
    """Both sides agree about what they agreed on."""
    conversation.serverConfiguration.setAllowedNextProtocols(server)
    conversation.clientConfiguration.setAllowedNextProtocols(client)
    peer = conversation.establish()
    status = QSslConfiguration.NextProtocolNegotiationStatus
    for socket in (conversation.client, peer):
        assert socket.sslConfiguration().nextNegotiatedProtocol().data() == expected
        assert socket.sslConfiguration().nextProtocolNegotiationStatus() == (
            status.NextProtocolNegotiationNegotiated if expected else status.NextProtocolNegotiationNone
        )


@pytest.mark.parametrize("name", ["Unknown", "DtlsV1_2", "DtlsV1_2OrLater"])
def test_unsupported_protocols(conversation: Conversation, name: str) -> None:
    """SslInvalidUserDataError at each entry, or an exception from the setter."""
    configuration = SslConfiguration(conversation.clientConfiguration)
    try:
        configuration.setProtocol(Protocol[name])
    except (SecureError, ValueError):
        return
    client = conversation.client
    client.setSslConfiguration(configuration)
    client.connectToHostEncrypted("127.0.0.1", 9)
    assert client.error() == Error.SslInvalidUserDataError
    assert client.state() == State.UnconnectedState
    server = PlainServer(configuration)
    for start in (client.startClientEncryption, None):
        client.connectToHost("127.0.0.1", server.serverPort())
        spin(lambda: bool(server.sockets) and client.state() == State.ConnectedState)
        subject = client if start is not None else server.sockets[-1]
        (start or subject.startServerEncryption)()
        assert subject.error() == Error.SslInvalidUserDataError
        client.abort()
        server.sockets.clear()


# ------------------------------------------------------------------------------------ alerts


@pytest.mark.parametrize("version", ["TlsV1_2", "TlsV1_3"])
def test_alert_missing_certificate(conversation: Conversation, version: str) -> None:
    """A server that insists tells the client why it refuses."""
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol[version])
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setMissingCertificateIsFatal(True)
    conversation.connect()
    conversation.recorder.waitFor("client.alertReceived")
    conversation.recorder.waitFor("server.alertSent")
    conversation.waitForClientEnd()
    assert not conversation.server.hasPendingConnections()
    assert conversation.recorder.count("accepted.encrypted") == 0
    sent = conversation.recorder.of("accepted.alertSent")[0]
    received = conversation.recorder.of("client.alertReceived")[0]
    assert sent[:2] == received[:2]
    assert sent[0] == QSsl.AlertLevel.Fatal


def test_alert_invalid_certificate(conversation: Conversation) -> None:
    """A client that interrupts: alerts on both sides, and neither is encrypted."""
    conversation.showServer(conversation.pki.selfSigned)
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.connect()
    conversation.recorder.waitFor("server.alertReceived")
    conversation.waitForClientEnd()
    assert conversation.recorder.count("client.handshakeInterruptedOnError") == 1
    assert conversation.recorder.of("client.alertSent")[0][0] == QSsl.AlertLevel.Fatal
    assert conversation.recorder.count("client.encrypted") == 0
    assert conversation.recorder.count("accepted.encrypted") == 0


@pytest.mark.parametrize("version", ["TlsV1_2", "TlsV1_3"])
@pytest.mark.parametrize("known", [True, False])
def test_self_signed_certificates(conversation: Conversation, version: str, known: bool) -> None:
    """Both have self-signed certificates; the client goes on, the server knows the client or refuses it."""
    conversation.showServer(conversation.pki.selfSigned)
    identity = selfSignedCertificate(["client.example"], usage="client")
    conversation.showClient(identity)
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol[version])
        configuration.setHandshakeMustInterruptOnError(True)
    conversation.serverConfiguration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    conversation.serverConfiguration.setCaCertificates([identity.certificate] if known else [])
    client = conversation.client
    client.handshakeInterruptedOnError.connect(lambda error: client.continueInterruptedHandshake())
    client.sslErrors.connect(lambda errors: client.ignoreSslErrors())
    conversation.connect()
    if known:
        spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
        assert conversation.recorder.count("client.handshakeInterruptedOnError") >= 1
        assert conversation.recorder.count("server.handshakeInterruptedOnError") == 0
    else:
        conversation.recorder.waitFor("client.alertReceived")
        conversation.waitForClientEnd()
        assert conversation.recorder.count("server.handshakeInterruptedOnError") == 1
        assert not conversation.server.hasPendingConnections()


def withPsk(conversation: Conversation, clientKey: bytes) -> None:
    def answer(authenticator: PreSharedKeyAuthenticator) -> None:
        authenticator.setIdentity(b"Client 1")
        authenticator.setPreSharedKey(clientKey)

    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setProtocol(Protocol.TlsV1_2)
        configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
    conversation.clientConfiguration.setPeerVerifyMode(VerifyMode.VerifyNone)
    conversation.client.preSharedKeyAuthenticationRequired.connect(answer)
    conversation.server.preSharedKeyAuthenticationRequired.connect(
        lambda socket, authenticator: authenticator.setPreSharedKey(KEY)
    )


def test_psk_server(conversation: Conversation) -> None:
    """No certificates at all: key, conversation, end."""
    conversation.serverConfiguration = SslConfiguration()
    withPsk(conversation, KEY)
    peer = conversation.establish()
    assert peer.peerCertificate().isNull()
    assert conversation.client.peerCertificate().isNull()
    conversation.client.write(b"Hello from client!")
    spin(lambda: peer.bytesAvailable() == 18)
    peer.disconnectFromHost()
    conversation.waitForClientEnd()
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]


def test_psk_handshake_with_a_wrong_key(conversation: Conversation) -> None:
    """Different keys: the server's fatal alert reaches the client."""
    withPsk(conversation, KEY[::-1])
    conversation.connect()
    conversation.recorder.waitFor("client.alertReceived")
    conversation.waitForClientEnd()
    assert conversation.recorder.of("client.alertReceived")[0][:2] == (
        QSsl.AlertLevel.Fatal,
        QSsl.AlertType.BadRecordMac,
    )
    assert conversation.recorder.of("accepted.alertSent")[0][1] == QSsl.AlertType.BadRecordMac
    assert not conversation.server.hasPendingConnections()


# -------------------------------------------------------------------------------------- data


def test_spontaneous_write(conversation: Conversation) -> None:
    """The server speaks first."""
    peer = conversation.establish()
    peer.write(b"Hello from the server.")
    spin(lambda: conversation.client.bytesAvailable() == 22)
    assert conversation.client.readAll().data() == b"Hello from the server."


@pytest.mark.parametrize("limit", [10, 39 * 1024])
def test_set_read_buffer_size(conversation: Conversation, limit: int) -> None:
    """The limit is reached and held (to a record); lifting it brings the rest."""
    peer = conversation.establish()
    client = conversation.client
    client.setReadBufferSize(limit)
    data = bytes(range(256)) * 4096
    peer.write(data)
    spin(lambda: client.bytesAvailable() >= limit)
    settle()
    assert limit <= client.bytesAvailable() <= limit + 16384
    received = bytearray(client.read(1).data())
    client.setReadBufferSize(0)

    def complete() -> bool:
        received.extend(client.readBytes())
        return len(received) == len(data)

    spin(complete, timeout=20_000)
    assert received == data


def test_write_big_chunk(conversation: Conversation) -> None:
    """Ten megabytes in one write() are taken, delivered, and cause no error."""
    peer = conversation.establish()
    received = 0

    def take() -> None:
        nonlocal received
        received += len(peer.readBytes())

    peer.readyRead.connect(take)
    chunk = b"\x5a" * 10_000_000
    assert conversation.client.write(chunk) == len(chunk)
    spin(lambda: received == len(chunk), timeout=30_000)
    assert conversation.client.bytesToWrite() == conversation.client.encryptedBytesToWrite() == 0
    assert conversation.recorder.count("client.errorOccurred") == 0


def test_read_from_closed_socket(conversation: Conversation) -> None:
    """close() drops what was not read."""
    peer = conversation.establish()
    peer.write(b"unread")
    spin(lambda: conversation.client.bytesAvailable() == 6)
    conversation.client.close()
    assert conversation.client.bytesAvailable() == 0
    assert conversation.client.bytesToWrite() == 0
    assert conversation.client.read(10).data() == b""


# -------------------------------------------------------------------------------------- ends


def test_disconnect_from_host_when_connecting(conversation: Conversation) -> None:
    """The call changes no state; what was written is delivered; then the socket is unconnected and still open."""
    conversation.connect()
    client = conversation.client
    assert client.write(b"deliver me") == 10
    state = client.state()
    client.disconnectFromHost()
    assert client.state() == state
    conversation.recorder.waitFor("client.disconnected")
    assert client.state() == State.UnconnectedState
    assert client.isOpen()
    assert client.bytesToWrite() == 0
    spin(lambda: bool(conversation.accepted) and conversation.accepted[0].bytesAvailable() == 10)


def test_disconnect_from_host_when_connected(conversation: Conversation) -> None:
    """By way of ClosingState, and everything is delivered."""
    peer = conversation.establish()
    client = conversation.client
    client.write(b"0" * 1_000_000)
    client.disconnectFromHost()
    conversation.recorder.waitFor("client.disconnected")
    assert conversation.story("client")[-5:] == [
        "stateChanged ClosingState",
        "alertSent Warning CloseNotify",
        "stateChanged UnconnectedState",
        "readChannelFinished",
        "disconnected",
    ]
    assert client.bytesToWrite() == 0
    spin(lambda: peer.bytesAvailable() == 1_000_000)


def test_close_while_emitting_socket_error(conversation: Conversation) -> None:
    """close() with a megabyte in the queue, in the slot of the error: one error, no recursion."""
    peer = conversation.establish()
    client = conversation.client
    client.errorOccurred.connect(lambda error: client.close())
    client.write(b"0" * 1_000_000)
    peer.abort()
    conversation.recorder.waitFor("client.disconnected")
    settle()
    assert conversation.recorder.count("client.errorOccurred") == 1
    assert client.state() == State.UnconnectedState
    assert not client.isOpen()


def test_disconnecting_after_a_reset(conversation: Conversation, capfd: pytest.CaptureFixture[str]) -> None:
    """A reset, and disconnectFromHost() in the slot of the error: no write to a dead socket."""
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = conversation.client
        client.errorOccurred.connect(lambda error: client.disconnectFromHost())
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
        accepted, _ = listener.accept()
        spin(lambda: client.state() == State.ConnectedState)
        accepted.setsockopt(native.SOL_SOCKET, native.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.of("client.errorOccurred") == [(Error.RemoteHostClosedError,)]
    assert "QSocketNotifier" not in capfd.readouterr().err


@pytest.mark.parametrize("end", [lambda socket: socket.disconnectFromHost(), lambda socket: socket.abort()])
def test_forward_read_channel_finished(conversation: Conversation, end: Callable[[SslSocket], None]) -> None:
    """The server's end is the end of the client's read channel, once."""
    peer = conversation.establish()
    end(peer)
    conversation.recorder.waitFor("client.disconnected")
    assert conversation.recorder.count("client.readChannelFinished") == 1


def test_closing_says_goodbye(conversation: Conversation) -> None:
    """close() on an idle connection sends close_notify before the end of the stream."""
    with PythonTlsServer(conversation.pki.server) as server:
        conversation.client.setSslConfiguration(conversation.clientConfiguration)
        conversation.client.connectToHostEncrypted("localhost", server.port)
        spin(conversation.client.isEncrypted)
        conversation.client.close()
        assert server.waitForEnding() is not None
        conversation.waitForClientEnd()
    assert conversation.recorder.of("client.alertSent")[-1][1] == QSsl.AlertType.CloseNotify
