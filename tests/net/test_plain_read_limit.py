"""setReadBufferSize() without TLS: not one byte more than the program has asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from qtsecure import SslConfiguration, SslSocket
from qtsecure.testing import PublicKeyInfrastructure, waitFor

LIMIT = 1000
DATA = bytes(number % 251 for number in range(100_000))  # the kernel takes so many without a reader


@pytest.fixture
def talker() -> Iterator[socket.socket]:
    """Listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def readAllInPieces(plain: SslSocket) -> bytes:
    """Everything up to the end, looking at each signal whether the limit holds."""
    received = bytearray()
    held = []

    def take() -> None:
        held.append(plain.bytesAvailable())
        received.extend(plain.readBytes(300))

    plain.readyRead.connect(take)

    def complete() -> bool:
        held.append(plain.bytesAvailable())
        received.extend(plain.readBytes(300))
        return len(received) >= len(DATA)

    waitFor(complete)
    assert max(held) <= LIMIT
    return bytes(received)


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_limit_holds(transport_mode: str, qapp: object, talker: socket.socket, when: str) -> None:
    """Whether it was set before the connection or on it, and nothing is lost."""
    plain = SslSocket()
    if when == "before":
        plain.setReadBufferSize(LIMIT)
    plain.connectToHost(*talker.getsockname())
    waitFor(lambda: plain.state().name == "ConnectedState")
    if when == "after":
        plain.setReadBufferSize(LIMIT)
    peer, _ = talker.accept()
    with peer:
        peer.sendall(DATA)
        waitFor(lambda: plain.bytesAvailable() == LIMIT)
        assert readAllInPieces(plain) == DATA


def test_an_adopted_connection(transport_mode: str, qapp: object, talker: socket.socket) -> None:
    """The limit counts from the first byte on, and lifting it lets the rest in."""
    native = socket.create_connection(talker.getsockname())
    peer, _ = talker.accept()
    with peer:
        peer.sendall(DATA[:50_000])
        plain = SslSocket()
        plain.setReadBufferSize(LIMIT)
        assert plain.setSocketDescriptor(native.detach())
        waitFor(lambda: plain.bytesAvailable() > 0)
        assert plain.bytesAvailable() <= LIMIT
        plain.setReadBufferSize(0)
        waitFor(lambda: plain.bytesAvailable() == 50_000)
        assert plain.readBytes() == DATA[:50_000]


def test_tls_on_it_is_not_slowed_down(
    transport_mode: str, qapp: object, talker: socket.socket, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """STARTTLS with a limit of one byte: the handshake is read in pieces of any size."""
    client = SslSocket()
    client.setReadBufferSize(1)
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    client.setPeerVerifyName("localhost")
    client.connectToHost(*talker.getsockname())
    waitFor(lambda: client.state().name == "ConnectedState")
    peer, identity = SslSocket(), qtsecure_pki.server
    peer.setSslConfiguration(SslConfiguration.forServer(identity.chain, identity.privateKey))
    assert peer.setSocketDescriptor(talker.accept()[0].detach())
    client.startClientEncryption()
    peer.startServerEncryption()
    waitFor(lambda: client.isEncrypted() and peer.isEncrypted())
    transport = client._dataPath.transport
    assert len(transport._landing) > 10_000  # type: ignore[union-attr]  # both kinds have it
    peer.write(b"ab")
    received = bytearray()

    def both() -> bool:
        received.extend(client.readBytes())
        return len(received) == 2

    waitFor(both)
    assert received == b"ab"
