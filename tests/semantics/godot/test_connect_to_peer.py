"""Items 10 to 14: what connectToPeer() takes, and what it does at once."""

from __future__ import annotations

import socket as native
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QThread
from PySide6.QtNetwork import QHostAddress, QUdpSocket
from shiboken6 import delete

from qtsecure import DatagramTransport, DtlsPeer, SocketClient, SslConfiguration, SslServer, TlsOptions
from qtsecure.engine import trust
from qtsecure.testing.pki import CertificateAuthority
from tests.net.conversation import settle, spin
from tests.semantics.godot.support import Collector, Pair, Result, Status, received


def unconnected() -> QUdpSocket:
    return QUdpSocket()


def bound() -> QUdpSocket:
    udp = QUdpSocket()
    assert udp.bind(QHostAddress("127.0.0.1"), 0)
    return udp


def deleted() -> QUdpSocket:
    udp = QUdpSocket()
    delete(udp)
    return udp


def closedTransport() -> DatagramTransport:
    transport = DatagramTransport.pair()[0]
    transport.close()
    return transport


def nothing() -> None:
    return None


@pytest.mark.parametrize("make", [nothing, unconnected, bound, deleted, closedTransport])
def test_godot_10_unusable_transport(pair: Pair, make: object) -> None:
    """An answer, and nothing else happens."""
    assert callable(make)
    assert pair.client.connectToPeer(make(), "localhost", pair.options) is Result.InvalidParameter
    settle()
    assert pair.client.status() is Status.Disconnected
    assert pair.names() == []


def test_godot_10_unusable_native_socket(pair: Pair, silent: native.socket) -> None:
    """Not connected, for streams, closed."""
    with native.socket(native.AF_INET, native.SOCK_STREAM) as stream:
        assert pair.client.connectToPeer(stream) is Result.InvalidParameter
    assert pair.client.connectToPeer(stream) is Result.InvalidParameter
    assert pair.client.connectToPeer(silent) is Result.InvalidParameter


def test_godot_10_transport_of_another_thread(pair: Pair) -> None:
    thread = QThread()
    transport = Collector()
    transport.moveToThread(thread)
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.InvalidParameter
    assert transport.sent == []


def test_godot_10_no_transport_at_all(pair: Pair) -> None:
    """A mistake of the program."""
    with pytest.raises(TypeError, match="transport must be"):
        pair.client.connectToPeer("127.0.0.1")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="hostname"):
        pair.client.connectToPeer(Collector(), 7)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="NUL"):
        pair.client.connectToPeer(Collector(), "a\0b")
    with pytest.raises(TypeError):
        pair.client.connectToPeer(Collector(), "localhost", 7)  # type: ignore[arg-type]  # the mistake under test


def test_godot_11_second_call_while_alive(pair: Pair) -> None:
    """The session is not touched, whether handshaking or connected."""
    pair.serve()
    assert pair.begin() is Result.Ok
    other = Collector()
    assert pair.begin() is Result.AlreadyInUse
    assert pair.client.connectToPeer(other, "localhost", pair.options) is Result.AlreadyInUse
    spin(pair.client.isEncrypted)
    assert pair.client.connectToPeer(other, "localhost", pair.options) is Result.AlreadyInUse
    assert other.sent == []
    pair.client.putPacket(b"goes on")
    spin(lambda: pair.taken[-1].availablePacketCount() == 1)
    assert pair.client.baseTransport() is pair.ends[0]


@pytest.mark.parametrize("kind", ["transport", "udp", "native"])
def test_godot_11_transport_of_another_peer(pair: Pair, silent: native.socket, kind: str) -> None:
    """Two readers would take each other's datagrams; it is free again after the end."""
    port = silent.getsockname()[1]
    transport = {"transport": lambda: pair.ends[0], "udp": lambda: pair.udp(port), "native": lambda: pair.native(port)}
    shared = transport[kind]()
    assert pair.client.connectToPeer(shared, "localhost", pair.options) is Result.Ok
    other = DtlsPeer()
    assert other.connectToPeer(shared, "localhost", pair.options) is Result.AlreadyInUse
    assert other.status() is Status.Disconnected
    pair.client.disconnectFromPeer()
    assert other.connectToPeer(shared, "localhost", pair.options) is Result.Ok
    other.abort()


@pytest.mark.parametrize("kind", ["udp", "native"])
def test_godot_12_hello_leaves_before_return(pair: Pair, silent: native.socket, kind: str, transport_mode: str) -> None:
    port = silent.getsockname()[1]
    transport = pair.udp(port) if kind == "udp" else pair.native(port)
    assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
    hello = received(silent)[0]
    assert (hello[0], hello[13]) == (22, 1)  # a handshake record with a ClientHello
    assert pair.client.status() is Status.Handshaking


@pytest.fixture
def authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[CertificateAuthority], None]]:
    """Replaces the authorities of this computer."""

    def use(authority: CertificateAuthority) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.writeTo(tmp_path)))
        trust._system_anchors.cache_clear()

    yield use
    trust._system_anchors.cache_clear()


def test_godot_13_system_store_by_default(pair: Pair, authorities: Callable[[CertificateAuthority], None]) -> None:
    """Without options the authorities of the computer decide; options are for one association alone."""
    pair.serve()
    authorities(pair.pki.otherCa)
    assert pair.client.connectToPeer(pair.ends[0], "localhost") is Result.Ok
    assert pair.outcome() is Status.Error
    assert pair.begin("another.example", TlsOptions.clientUnsafe()) is Result.Ok
    assert pair.outcome() is Status.Connected
    pair.client.disconnectFromPeer()
    assert pair.client.connectToPeer(pair.ends[0], "localhost") is Result.Ok
    assert pair.outcome() is Status.Error
    authorities(pair.pki.ca)
    assert pair.client.connectToPeer(pair.ends[0], "localhost") is Result.Ok
    assert pair.outcome() is Status.Connected


def test_godot_13_own_configuration_stays(pair: Pair) -> None:
    """What setSslConfiguration() was given stands in for missing options, also after other options."""
    pair.serve()
    own = SslConfiguration.forClient([pair.pki.ca.certificate])
    pair.client.setSslConfiguration(own)
    assert pair.begin("localhost", TlsOptions.client(pair.pki.otherCa.certificate)) is Result.Ok
    assert pair.client.sslConfiguration() == own
    assert pair.outcome() is Status.Error
    assert pair.client.connectToPeer(pair.ends[0], "localhost") is Result.Ok
    assert pair.outcome() is Status.Connected
    pair.client.disconnectFromPeer()
    pair.begin("localhost", TlsOptions.client(pair.pki.otherCa.certificate))
    assert pair.outcome() is Status.Error
    pair.listen()
    pair.client.connectToHost("127.0.0.1", pair.server.serverPort())
    assert pair.outcome() is Status.Connected


def test_godot_14_options_of_the_other_side(pair: Pair) -> None:
    """Neither takes the other's."""
    server = TlsOptions.server(pair.pki.server.privateKey, list(pair.pki.server.chain))
    transport = Collector()
    assert pair.client.connectToPeer(transport, "localhost", server) is Result.InvalidParameter
    assert pair.client.status() is Status.Disconnected
    assert transport.sent == []
    assert pair.server.setup(pair.options) is Result.InvalidParameter
    assert pair.server.setup(None) is Result.InvalidParameter
    with pytest.raises(TypeError):
        pair.server.setup(7)  # type: ignore[arg-type]  # the mistake under test


def test_godot_14_wherever_a_configuration_is_taken(pair: Pair) -> None:
    """With the options of a server, which verify no server, a client would believe anybody."""
    server = TlsOptions.server(pair.pki.server.privateKey, list(pair.pki.server.chain))
    client, connector = pair.client, SocketClient()
    before = client.sslConfiguration()
    for take in (
        client.setSslConfiguration,
        lambda options: client.connectToHost("127.0.0.1", 9, "localhost", options),
        connector.setTlsConfiguration,
        connector.setProxyTlsConfiguration,
    ):
        with pytest.raises(ValueError, match="must be for a client, not the TlsOptions of a server"):
            take(server)
    assert client.status() is Status.Disconnected
    assert client.sslConfiguration() == before
    for take in (pair.server.setSslConfiguration, SslServer().setSslConfiguration):
        with pytest.raises(ValueError, match="must be for a server, not the TlsOptions of a client"):
            take(pair.options)
        take(server)
