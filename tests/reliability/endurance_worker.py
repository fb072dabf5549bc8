"""Long runs in a process of their own: ``python endurance_worker.py RUN COUNT``; the runs are at the end.

Both ends are in this process. Prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QEventLoop, QTimer

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.reliability.census import census, memory, tidy

WARM_UP = 200
_PKI = PublicKeyInfrastructure()


class Waiter:
    """Runs the event loop until a condition holds; with one timer for all, because connections of PySide's leak."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setSingleShot(True)

    def __call__(self, condition: Callable[[], bool], timeout: int = 20_000) -> None:
        self._timer.start(timeout)
        while not condition():
            assert self._timer.isActive(), f"The condition did not hold within {timeout} ms."
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        self._timer.stop()


spin: Waiter  # there is no timer without an application


def makeServer() -> SslServer:
    """A server that takes whoever comes."""
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(_PKI.server.chain, _PKI.server.privateKey))
    server.setListenBacklogSize(1000)
    server.setMaxHandshakingConnections(5000)
    server.setHandshakeTimeout(0)
    assert server.listen("127.0.0.1")
    return server


_clientConfiguration = SslConfiguration.forClient([_PKI.ca.certificate])


def makePair(server: SslServer) -> tuple[SslSocket, SslSocket]:
    """Both ends of an encrypted connection."""
    client = SslSocket()
    client.setSslConfiguration(_clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    peer = server.nextPendingConnection()
    assert peer is not None
    return client, peer


def throughput(megabytes: int) -> dict[str, float]:
    """The highest memory while so much goes through one connection."""
    server = makeServer()
    client, peer = makePair(server)
    chunk = QByteArray(bytes(1 << 20))
    total = megabytes << 20
    moved = {"sent": 0, "received": 0}

    def pump(*_: object) -> None:
        while moved["sent"] < total and client.bytesToWrite() + client.encryptedBytesToWrite() < 1 << 20:
            client.write(chunk)
            moved["sent"] += len(chunk)

    def read() -> None:
        moved["received"] += len(peer.readBytes())

    client.encryptedBytesWritten.connect(pump)
    peer.readyRead.connect(read)
    tidy()
    before = memory()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here
    pump()
    spin(lambda: moved["received"] == total, timeout=300_000)
    return {"growth": memory("VmHWM") - before, "received": moved["received"]}


def cycles(count: int) -> dict[str, float]:
    """What is left of so many connections, each with a word there and back and one of four ends."""
    server = makeServer()

    def cycle(number: int) -> None:
        client, peer = makePair(server)
        client.write(b"ping")
        spin(lambda: peer.bytesAvailable() == 4)
        peer.write(peer.readAll())
        spin(lambda: client.bytesAvailable() == 4)
        first, second = (client, peer) if number & 1 else (peer, client)
        if number & 2:
            first.abort()
        else:
            first.disconnectFromHost()
        spin(lambda: not first.isEncrypted() and not second.isEncrypted())
        peer.deleteLater()
        client.deleteLater()

    return left(cycle, count)


def dtlsCycles(count: int) -> dict[str, float]:
    """The same for associations."""
    server = DtlsServer()
    server.setSslConfiguration(SslConfiguration.forServer(_PKI.server.chain, _PKI.server.privateKey))
    server.setIdleTimeout(0)
    assert server.listen("127.0.0.1")

    def cycle(number: int) -> None:
        client = DtlsPeer()
        client.setSslConfiguration(_clientConfiguration)
        client.connectToHost("127.0.0.1", server.serverPort())
        spin(lambda: client.isEncrypted() and server.hasPendingConnections())
        peer = server.nextPendingConnection()
        assert peer is not None
        client.writeDatagram(b"ping")
        spin(peer.hasPendingDatagrams)
        peer.writeDatagram(peer.readDatagram())
        spin(client.hasPendingDatagrams)
        first, second = (client, peer) if number & 1 else (peer, client)
        if number & 2:
            first.abort()
            second.abort()
        else:
            first.close()
        spin(lambda: not first.isEncrypted() and not second.isEncrypted())
        peer.deleteLater()
        client.deleteLater()

    return left(cycle, count)


def left(cycle: Callable[[int], None], count: int) -> dict[str, float]:
    """What has grown by so many cycles."""

    def run(number: int) -> None:
        for each in range(number):
            cycle(each)
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        deadline = schedulerOfThisThread().callLater(1100, lambda: None)  # whoever waits for a peer's end has gone
        spin(lambda: not deadline.isPending)

    run(WARM_UP)
    before = census()
    run(count)
    after = census()
    return {name: after[name] - number for name, number in before.items()}


def endpoints(count: int) -> dict[str, float]:
    """The memory of one end of an established connection."""
    server = makeServer()
    keep = [makePair(server) for _ in range(50)]
    tidy()
    before = memory()
    keep += [makePair(server) for _ in range(count)]
    tidy()
    return {"each": (memory() - before) / count / 2}


def silent(count: int) -> dict[str, float]:
    """The memory of an accepted socket whose client has said nothing."""
    server = makeServer()
    keep: list[socket.socket] = []

    def connect(number: int) -> None:
        keep.extend(socket.create_connection(("127.0.0.1", server.serverPort())) for _ in range(number))
        spin(lambda: server.statistics().handshaking == len(keep))

    connect(50)
    tidy()
    before = memory()
    for _ in range(count // 50):
        connect(50)
    tidy()
    return {"each": (memory() - before) / count}


RUNS: dict[str, Callable[[int], dict[str, float]]] = {
    run.__name__: run for run in (throughput, cycles, dtlsCycles, endpoints, silent)
}


def main() -> None:
    """One run."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    global spin
    application = QCoreApplication([])
    spin = Waiter()
    figures = RUNS[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps(figures), flush=True)
    del application
    os._exit(0)


if __name__ == "__main__":
    main()
