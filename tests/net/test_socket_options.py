"""bind(), the options of the native socket, and IPv6."""

from __future__ import annotations

import os
import socket as native

import pytest
from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkInterface

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.native_sockets.addresses import nativeAddress, qtAddress
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.choice import usesReactor
from tests.net.carriers import pipePair, tcpPair
from tests.net.conversation import Conversation, Error, State, spin
from tests.net.test_connecting import freePort

pytestmark = pytest.mark.usefixtures("transport_mode")

Option = QAbstractSocket.SocketOption
Special = QHostAddress.SpecialAddress
BindFlag = QAbstractSocket.BindFlag

needs_ipv6 = pytest.mark.skipif(not native.has_dualstack_ipv6(), reason="this machine has no IPv6")


def bindToSomePort(conversation: Conversation, *address: str | QHostAddress | Special) -> int:
    """Bind the client to a port that is named, and free: another one if somebody takes it before."""
    for _ in range(10):
        conversation.recorder.clear()
        port = freePort()
        if conversation.client.bind(*address, port):  # type: ignore[arg-type]  # both forms
            return port
    raise AssertionError(conversation.client.errorString())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", QHostAddress("127.0.0.1"), Special.LocalHost, Special.AnyIPv4, Special.Any]
)
def test_bind_chooses_the_own_end(conversation: Conversation, address: str | QHostAddress | Special) -> None:
    """BoundState with address and port; the connection then comes from there."""
    client = conversation.client
    port = bindToSomePort(conversation, address)
    assert conversation.story("client") == ["stateChanged BoundState"]
    assert client.localPort() == port
    assert client.socketDescriptor() >= 0
    assert not client.isOpen()
    peer = conversation.establish()
    assert peer.peerPort() == port == client.localPort()
    assert peer.peerAddress() == QHostAddress("127.0.0.1")
    assert client.localAddress() == QHostAddress("127.0.0.1")


def test_bind_to_a_port_the_system_chooses(conversation: Conversation) -> None:
    """Without arguments; the port is known at once and kept."""
    assert conversation.client.bind()
    port = conversation.client.localPort()
    assert port != 0
    assert conversation.establish().peerPort() == port


def test_bind_with_a_port_only(conversation: Conversation) -> None:
    """Qt's short form."""
    port = bindToSomePort(conversation)
    assert conversation.client.localPort() == port
    conversation.client.abort()
    assert conversation.client.bind(port, BindFlag.ReuseAddressHint)
    assert conversation.client.localPort() == port


def test_a_bound_port_survives_the_first_address(conversation: Conversation) -> None:
    """localhost may have several addresses; each attempt comes from the same port."""
    conversation.listen()
    client = conversation.client
    assert client.bind()
    port = client.localPort()
    peer = conversation.establish(host="localhost")
    assert peer.peerPort() == port


def test_a_port_in_use(conversation: Conversation) -> None:
    """False, AddressInUseError, and nothing is left open."""
    with native.create_server(("127.0.0.1", 0)) as listener:
        assert not conversation.client.bind("127.0.0.1", listener.getsockname()[1], BindFlag.DontShareAddress)
    assert conversation.client.error() == Error.AddressInUseError
    assert conversation.story("client") == ["errorOccurred AddressInUseError"]
    assert conversation.client.state() == State.UnconnectedState
    assert conversation.client.socketDescriptor() == -1


def test_an_address_of_somebody_else(conversation: Conversation) -> None:
    """Only an own address can be bound."""
    assert not conversation.client.bind("192.0.2.1")
    assert conversation.client.error() == Error.SocketAddressNotAvailableError


def test_bind_needs_an_unconnected_socket(conversation: Conversation) -> None:
    """OperationError while there is a connection, which goes on."""
    conversation.establish()
    assert not conversation.client.bind()
    assert conversation.client.error() == Error.OperationError
    assert conversation.client.isEncrypted()


@pytest.mark.parametrize("end", ["abort", "disconnectFromHost", "close"])
def test_ending_what_is_bound(conversation: Conversation, end: str) -> None:
    """The port is free again."""
    client = conversation.client
    assert client.bind()
    port = client.localPort()
    getattr(client, end)()
    assert client.state() == State.UnconnectedState
    assert client.socketDescriptor() == -1
    with native.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_an_unknown_host_ends_what_is_bound(conversation: Conversation) -> None:
    """A failed look-up leaves nothing behind."""
    client = conversation.client
    assert client.bind()
    client.connectToHost("no-such-host.invalid", 443)
    conversation.recorder.waitFor("client.errorOccurred", timeout=15_000)
    assert client.error() == Error.HostNotFoundError
    assert client.socketDescriptor() == -1


def test_a_bound_family_that_does_not_fit(conversation: Conversation, closedPort: int) -> None:
    """An IPv4 socket cannot reach an IPv6 address: an error, no crash."""
    conversation.client.bind("127.0.0.1")
    conversation.client.connectToHost("::1", closedPort)
    conversation.recorder.waitFor("client.errorOccurred")
    assert conversation.client.state() == State.UnconnectedState


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("localhost",), ValueError),
        ((5.0,), TypeError),
        ((None,), TypeError),
        (("127.0.0.1", -1), ValueError),
        (("127.0.0.1", "80"), TypeError),
        ((70000,), ValueError),
        ((80, 80), TypeError),
    ],
)
def test_bad_arguments_of_bind(
    conversation: Conversation, arguments: tuple[object, ...], kind: type[Exception]
) -> None:
    """They raise at once."""
    with pytest.raises(kind):
        conversation.client.bind(*arguments)  # type: ignore[arg-type]  # on purpose
    assert conversation.client.state() == State.UnconnectedState


def test_options(conversation: Conversation) -> None:
    """They reach the native socket; LowDelayOption is on from the start."""
    client = conversation.client
    conversation.establish()
    assert client.socketOption(Option.LowDelayOption) == 1
    assert client.socketOption(Option.KeepAliveOption) == 0
    client.setSocketOption(Option.LowDelayOption, 0)
    client.setSocketOption(Option.KeepAliveOption, 1)
    client.setSocketOption(Option.TypeOfServiceOption, 32)
    client.setSocketOption(Option.SendBufferSizeSocketOption, 20_000)
    client.setSocketOption(Option.ReceiveBufferSizeSocketOption, 30_000)
    with native.socket(fileno=os.dup(client.socketDescriptor())) as same:
        assert same.getsockopt(native.IPPROTO_TCP, native.TCP_NODELAY) == 0
        assert same.getsockopt(native.SOL_SOCKET, native.SO_KEEPALIVE) == 1
        assert same.getsockopt(native.IPPROTO_IP, native.IP_TOS) == 32
        assert same.getsockopt(native.SOL_SOCKET, native.SO_SNDBUF) in (20_000, 40_000)  # Linux doubles them
    assert client.socketOption(Option.LowDelayOption) == 0
    assert client.socketOption(Option.KeepAliveOption) == 1
    assert client.socketOption(Option.TypeOfServiceOption) == 32
    assert client.socketOption(Option.SendBufferSizeSocketOption) in (20_000, 40_000)
    assert client.socketOption(Option.ReceiveBufferSizeSocketOption) in (30_000, 60_000)
    assert client.socketOption(Option.MulticastTtlOption) in (None, 1)  # not of a stream


def test_options_without_a_socket(conversation: Conversation) -> None:
    """Before a connection there is nothing to set (as in Qt), and nothing to tell; a bound socket has them."""
    client = conversation.client
    client.setSocketOption(Option.KeepAliveOption, 1)
    assert client.socketOption(Option.KeepAliveOption) is None
    client.bind()
    client.setSocketOption(Option.KeepAliveOption, 1)
    assert client.socketOption(Option.KeepAliveOption) == 1
    conversation.establish()
    assert client.socketOption(Option.KeepAliveOption) == 1


def test_options_of_a_device_below(qapp: object) -> None:
    """A socket below has the options; a device that is none has not."""
    over = SslSocket(transport=tcpPair()[0])
    over.setSocketOption(Option.KeepAliveOption, 1)
    assert over.socketOption(Option.KeepAliveOption) == 1
    over.abort()
    pipe = pipePair()
    over = SslSocket(transport=pipe[0])
    over.setSocketOption(Option.KeepAliveOption, 1)
    assert over.socketOption(Option.KeepAliveOption) is None
    with pytest.raises(SecureError):
        over.bind()
    over.abort()


def test_options_take_options(conversation: Conversation) -> None:
    """Wrong types raise."""
    with pytest.raises(TypeError, match="option"):
        conversation.client.setSocketOption(1, 1)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="value"):
        conversation.client.setSocketOption(Option.KeepAliveOption, "yes")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="option"):
        conversation.client.socketOption("KeepAlive")  # type: ignore[arg-type]  # on purpose


def test_facts(conversation: Conversation) -> None:
    """What never changes."""
    assert conversation.client.socketType() == QAbstractSocket.SocketType.TcpSocket
    assert conversation.client.protocolTag() == ""


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6_literals(conversation: Conversation, host: str) -> None:
    """With and without brackets; the certificate proves the address."""
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert conversation.server.listen("::1", 0)
    peer = conversation.establish(host=host)
    assert conversation.client.peerAddress() == QHostAddress("::1") == peer.peerAddress()
    assert conversation.client.localAddress() == QHostAddress("::1")
    assert conversation.client.peerName() == host
    conversation.client.setSocketOption(Option.TypeOfServiceOption, 32)


@needs_ipv6
def test_ipv6_from_an_own_address(conversation: Conversation) -> None:
    """bind() to ::1."""
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    assert conversation.server.listen("::1", 0)
    assert conversation.client.bind("::1")
    port = conversation.client.localPort()
    assert conversation.establish(host="::1").peerPort() == port


NO_INTERFACES = ("nosuchif0", "\u00b2", "4294967297", "1" * 5000)  # the third is 1 in 32 bits


@pytest.mark.parametrize("scope", NO_INTERFACES, ids=["a name", "a digit of another kind", "a large one", "a long one"])
def test_an_interface_that_does_not_exist(conversation: Conversation, scope: str) -> None:
    """A scope that names nothing is an error of the network, not an exception."""
    conversation.client.connectToHost(f"fe80::1%{scope}", 443)
    conversation.recorder.waitFor("client.errorOccurred")
    assert conversation.client.state() == State.UnconnectedState


@pytest.mark.parametrize("scope", NO_INTERFACES, ids=["a name", "a digit of another kind", "a large one", "a long one"])
def test_an_interface_that_does_not_exist_is_named(scope: str) -> None:
    """Servers listen nowhere then, nor does a client of DTLS connect; the sentence says what to look at."""
    address = QHostAddress(f"fe80::1%{scope}")
    servers = SslServer(), DtlsServer()
    peer = DtlsPeer()
    failures: list[SecureError] = []
    peer.errorOccurred.connect(failures.append)
    for server in servers:
        assert not server.listen(address)
    peer.connectToHost(address.toString(), 443)
    spin(lambda: failures != [])
    if usesReactor():  # else the sentence is Qt's
        texts = [failures[0].message, *(server.errorString() for server in servers)]
        assert [text for text in texts if "no such network interface" not in text] == []


def linkLocalAddress() -> QHostAddress | None:
    for address in QNetworkInterface.allAddresses():
        if address.isLinkLocal() and address.scopeId() and ":" in address.toString():
            return address
    return None


def test_a_scoped_address(conversation: Conversation) -> None:
    """A link-local address needs its interface, and is reported with it."""
    address = linkLocalAddress()
    if address is None:
        pytest.skip("this machine has no link-local address")
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    if not conversation.server.listen(address, 0):
        pytest.skip("the link-local address cannot be used")
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted(address.toString(), conversation.server.serverPort(), "localhost")
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    assert client.peerAddress() == address
    assert client.peerAddress().scopeId() == address.scopeId()
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert peer.peerAddress().scopeId() == address.scopeId()


def test_addresses_keep_their_scope() -> None:
    """Names and numbers of interfaces, there and back."""
    name = native.if_indextoname(1)
    address = QHostAddress(f"fe80::1%{name}")
    family, target = nativeAddress(address, 443)
    assert (family, target) == (native.AF_INET6, ("fe80::1", 443, 0, 1))
    assert qtAddress(target) == (address, 443)
    assert qtAddress(target)[0].scopeId() == name
    assert nativeAddress(QHostAddress("fe80::1%1"), 443)[1] == target
    assert qtAddress(("fe80::1", 443, 0, 1 << 20))[0].scopeId() == str(1 << 20)  # an interface that has gone
    assert qtAddress(("::1", 443, 0, 0))[0].scopeId() == ""


@pytest.mark.parametrize("mode", [QIODevice.OpenModeFlag.ReadOnly, QIODevice.OpenModeFlag.ReadWrite])
def test_a_descriptor_and_its_mode(conversation: Conversation, mode: QIODevice.OpenModeFlag) -> None:
    """setSocketDescriptor(): state, mode, addresses and options are there at once."""
    with native.create_server(("127.0.0.1", 0)) as listener:
        far = native.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    descriptor = accepted.detach()
    client = conversation.client
    assert client.setSocketDescriptor(descriptor, State.ConnectedState, mode)
    assert conversation.story("client") == ["stateChanged ConnectedState"]
    assert client.socketDescriptor() == descriptor
    assert client.openMode() == mode
    assert (client.peerPort(), client.localPort()) == (far.getsockname()[1], far.getpeername()[1])
    assert client.peerName() == ""
    assert client.socketOption(Option.LowDelayOption) == 1
    assert (client.write(b"x") == 1) == (mode == QIODevice.OpenModeFlag.ReadWrite)
    with pytest.raises(ValueError, match="ConnectedState"):
        client.setSocketDescriptor(descriptor, State.BoundState)
    client.abort()
    far.close()
