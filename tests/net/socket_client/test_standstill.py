"""A SocketClient whose process stands still: what has come in time counts, though the timers may come first."""

from __future__ import annotations

import select
import socket as native
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import ConnectOperation, SecureError, SocketClient, SslConfiguration, UnixAddress
from qtsecure.net.socket_client.system_resolver import SystemResolver
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, settle, spin
from tests.net.test_standstill import PeerServer

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")
LIMIT = 10_000
"""In ms."""


def makeClient() -> SocketClient:
    client = SocketClient()
    client.setEnableProxy(False)
    client.setFamily(QAbstractSocket.NetworkLayerProtocol.IPv4Protocol)
    return client


def finish(operation: ConnectOperation) -> None:
    assert operation.waitForFinished(20_000), operation.error()
    connection = operation.connection()
    assert connection is not None
    connection.abort()


@pytest.mark.parametrize("late", [0, 3])
def test_the_last_flight_waits_at_the_end_of_the_overall_time(
    qtsecure_pki: PublicKeyInfrastructure, clock: FakeClock, late: float
) -> None:
    """The server has said all that is needed."""
    peer, client = PeerServer(qtsecure_pki, "1.3"), makeClient()
    client.setTlsConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    client.setTls(True)
    client.setOverallTimeout(LIMIT)
    operation = client.connectToHost("127.0.0.1", peer.port)
    peer.accept()
    peer.say()
    clock.advance(LIMIT / 1000 + late)
    finish(operation)
    peer.close()


def test_silence_at_the_end_of_the_overall_time(clock: FakeClock) -> None:
    """A turn of the event loop, or as long as the program has stood still; then it is over."""
    with native.create_server(("127.0.0.1", 0)) as listener:
        client = makeClient()
        client.setTls(True)
        client.setOverallTimeout(LIMIT)
        operation = client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: bool(select.select([listener], [], [], 0)[0]))
        clock.advance(LIMIT / 1000 + 3)
        settle()
        assert operation.error() is None
        clock.advance(3.001)
        spin(operation.isFinished)
        error = operation.error()
        assert error is not None
        assert error.code is SecureError.Code.TimedOut


def test_addresses_wait_when_the_time_is_up(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were found in time, by a thread."""
    go = threading.Event()

    def found(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        assert go.wait(60)
        return [(0, 0, 0, "", ("127.0.0.1", 0))]

    with native.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(native, "getaddrinfo", found)
        client = makeClient()
        client.setTimeout(LIMIT)
        operation = client.connectToHost("name.example", listener.getsockname()[1])
        resolver = client._resolver
        assert isinstance(resolver, SystemResolver)
        spin(lambda: resolver._mailbox is not None)
        assert resolver._mailbox is not None
        go.set()
        assert select.select([resolver._mailbox._near], [], [], 20)[0]
        clock.advance(LIMIT / 1000 + 3)
        finish(operation)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
def test_a_local_server_waits_when_the_time_is_up(clock: FakeClock, tmp_path: Path) -> None:
    """It has made room, and nobody has looked."""
    path = str(tmp_path / "server")
    with native.socket(native.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        with native.socket(native.AF_UNIX) as first:
            first.connect(path)
            client = makeClient()
            client.setTimeout(LIMIT)
            operation = client.connectTo(UnixAddress(path))
            settle()
            assert not operation.isFinished()
            listener.accept()[0].close()
            clock.advance(LIMIT / 1000 + 3)
            finish(operation)
