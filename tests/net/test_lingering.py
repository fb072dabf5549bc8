"""What an ended connection still delivers, while its peer says and reads what it likes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports import reactor_stream
from tests.net.conversation import FakeClock, State, settle, spin

_MUCH = 16 << 20
_Option = QAbstractSocket.SocketOption


@pytest.fixture
def stalled(qapp: QObject) -> Iterator[tuple[SslSocket, socket.socket]]:
    """A client whose transport has to keep what its peer does not read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for name in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            listener.setsockopt(socket.SOL_SOCKET, name, 8192)  # what is on its way shall not lie in the kernel
        client = SslSocket()
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(15)
        spin(lambda: client.state() == State.ConnectedState)
        for option in (_Option.SendBufferSizeSocketOption, _Option.ReceiveBufferSizeSocketOption):
            client.setSocketOption(option, 8192)
        client.write(bytes(_MUCH))
        spin(lambda: client.encryptedBytesToWrite() > 0)
        left = -1
        while left != client.bytesToWrite():
            left = client.bytesToWrite()
            settle()
        yield client, peer


def _readAll(peer: socket.socket) -> int:
    size = 0
    while chunk := peer.recv(65536):
        size += len(chunk)
    return size


@pytest.mark.usefixtures("transport_mode")
def test_a_peer_that_speaks_before_it_reads_is_read(clock: FakeClock, stalled: tuple[SslSocket, socket.socket]) -> None:
    """Else both would wait for each other: it for its bytes to be taken, we for ours."""
    client, peer = stalled
    client.setTimeout(10_000)
    handedOver = _MUCH - client.bytesToWrite()
    clock.advance(10.1)
    assert client.state() == State.UnconnectedState
    received: list[int] = []

    def speakThenRead() -> None:
        peer.sendall(bytes(100_000))
        received.append(_readAll(peer))

    thread = threading.Thread(target=speakThenRead, daemon=True)
    thread.start()
    spin(lambda: bool(received) or not thread.is_alive())
    assert received == [handedOver]


def test_a_peer_that_has_ended_and_reads_slowly_keeps_nobody_busy(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, stalled: tuple[SslSocket, socket.socket]
) -> None:
    """Its end is there to be read for ever; who looks for it again and again does nothing else."""
    monkeypatch.setenv("QTSECURE_TRANSPORT", "reactor")
    calls: list[int] = []
    original = reactor_stream._Lingering._onEvents

    def counted(self: reactor_stream._Lingering, events: int) -> None:
        calls.append(events)
        original(self, events)

    monkeypatch.setattr(reactor_stream._Lingering, "_onEvents", counted)
    client, peer = stalled
    handedOver = _MUCH - client.bytesToWrite()
    peer.shutdown(socket.SHUT_WR)
    spin(lambda: client.state() == State.UnconnectedState)
    for _ in range(20):
        settle()
    assert len(calls) <= 2
    received: list[int] = []
    thread = threading.Thread(target=lambda: received.append(_readAll(peer)), daemon=True)
    thread.start()
    spin(lambda: bool(received) or not thread.is_alive())
    assert received == [handedOver]
