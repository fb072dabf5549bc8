"""What is measured: each function is a Qt program that works with either side's objects."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QCoreApplication, QTimer

from benchmarks.second_core import oneOfTwo as oneOfTwo
from benchmarks.second_core import secondCore as secondCore
from benchmarks.sides import HOST, LOOPBACK, Side, noDelay, raiseDescriptorLimit, residentBytes


def _application() -> QCoreApplication:
    return QCoreApplication.instance() or QCoreApplication([])


class Pairs:
    """Makes encrypted pairs one after the other and then calls ``done(client, peer)`` for the last."""

    def __init__(self, side: Side, count: int, done: Callable[[Any, Any], None]) -> None:
        self.side, self.count, self.done = side, count, done
        self.server = side.server()
        self.server.pendingConnectionAvailable.connect(self._pending)
        if not self.server.listen(LOOPBACK):
            raise SystemExit(self.server.errorString())
        self.clients: list[Any] = []
        self.peers: list[Any] = []
        self._encrypted = 0
        self._next()

    def _next(self) -> None:
        client = self.side.client()
        self.clients.append(client)
        client.encrypted.connect(self._clientEncrypted)
        client.connectToHostEncrypted(HOST, self.server.serverPort())

    def _clientEncrypted(self) -> None:
        self._encrypted += 1
        self._step()

    def _pending(self) -> None:
        while (peer := self.server.nextPendingConnection()) is not None:
            self.peers.append(peer)
        self._step()

    def _step(self) -> None:
        if self._encrypted != len(self.clients) or len(self.peers) != len(self.clients):
            return
        if len(self.clients) < self.count:
            QTimer.singleShot(0, self._next)
        else:
            self.done(noDelay(self.clients[-1]), noDelay(self.peers[-1]))


def handshakes(side: Side, count: int) -> dict[str, Any]:
    """Full TLS 1.3 handshakes, one after the other, both ends in this thread."""
    application = _application()
    server = side.server()
    server.listen(LOOPBACK)
    state: dict[str, Any] = {"done": 0, "facts": ""}

    def pending() -> None:
        peer = server.nextPendingConnection()
        peer.disconnected.connect(peer.deleteLater)

    def begin() -> None:
        client = state["client"] = side.client()
        client.encrypted.connect(encrypted)
        client.connectToHostEncrypted(HOST, server.serverPort())

    def encrypted() -> None:
        client = state["client"]
        state["facts"] = state["facts"] or side.describe(client)
        state["done"] += 1
        client.abort()
        client.deleteLater()
        if state["done"] == 20:
            state["start"] = time.perf_counter()  # the first ones load libraries and trust stores
        if state["done"] == count + 20:
            state["seconds"] = time.perf_counter() - state["start"]
            application.quit()
        else:
            begin()

    server.pendingConnectionAvailable.connect(pending)
    begin()
    application.exec()
    return {"value": count / state["seconds"], "unit": "/s", "facts": state["facts"]}


def resumed(side: Side, count: int) -> dict[str, Any]:
    """TLS 1.3 handshakes with the session of an earlier connection; Qt's server never resumes.

    Qt's side makes full handshakes. A connection of ours that is not resumed fails the workload.
    """
    if side.name == "qt":
        return handshakes(side, count)
    application = _application()
    server = side.server()
    server.listen(LOOPBACK)
    state: dict[str, Any] = {"done": 0, "reused": 0, "facts": ""}

    def pending() -> None:
        peer = server.nextPendingConnection()
        state["reused"] += peer.isSessionReused()
        peer.disconnected.connect(peer.deleteLater)

    def ticketReceived() -> None:
        first = state["client"]
        state["session"] = first.session()
        first.abort()
        first.deleteLater()
        begin()

    def begin() -> None:
        client = state["client"] = side.client()
        client.setSession(state["session"])
        client.encrypted.connect(encrypted)
        client.connectToHostEncrypted(HOST, server.serverPort())

    def encrypted() -> None:
        client = state["client"]
        state["facts"] = state["facts"] or f"{side.describe(client)}, resumed"
        state["done"] += 1
        client.abort()
        client.deleteLater()
        if state["done"] == 20:
            state["start"] = time.perf_counter()
        if state["done"] == count + 20:
            state["seconds"] = time.perf_counter() - state["start"]
            QTimer.singleShot(0, application.quit)
        else:
            begin()

    server.pendingConnectionAvailable.connect(pending)
    client = state["client"] = side.client()
    client.newSessionTicketReceived.connect(ticketReceived)
    client.connectToHostEncrypted(HOST, server.serverPort())
    application.exec()
    # The server may not have seen the end of the last handshake when the client is done.
    if state["reused"] < count + 19:
        raise SystemExit(f"Only {state['reused']} of {count + 20} connections were resumed.")
    return {"value": count / state["seconds"], "unit": "/s", "facts": state["facts"]}


def _bulk(side: Side, megabytes: int, size: int) -> dict[str, Any]:
    application = _application()
    total = megabytes << 20
    chunk = QByteArray(b"x" * size)
    state: dict[str, Any] = {"sent": 0, "received": 0}

    def start(client: Any, peer: Any) -> None:
        state["facts"] = side.describe(client)

        def pump(*_: object) -> None:
            while state["sent"] < total and client.bytesToWrite() + client.encryptedBytesToWrite() < 2 << 20:
                client.write(chunk)
                state["sent"] += size

        def read() -> None:
            state["received"] += peer.readAll().size()
            if state["received"] >= total:
                state["seconds"] = time.perf_counter() - state["start"]
                application.quit()

        client.encryptedBytesWritten.connect(pump)
        peer.readyRead.connect(read)
        state["start"] = time.perf_counter()
        pump()

    pairs = Pairs(side, 1, start)
    application.exec()
    del pairs
    return {"value": megabytes / state["seconds"], "unit": "MiB/s", "facts": state["facts"]}


def bulk64k(side: Side, count: int) -> dict[str, Any]:
    """One direction, 64 KiB writes."""
    return _bulk(side, count, 64 << 10)


def bulk1m(side: Side, count: int) -> dict[str, Any]:
    """One direction, 1 MiB writes."""
    return _bulk(side, count, 1 << 20)


def pingPong(side: Side, count: int, idle: int = 0) -> dict[str, Any]:
    """64 bytes there and back with readAll() and write(), with ``idle`` further pairs connected."""
    application = _application()
    raiseDescriptorLimit()
    state: dict[str, Any] = {"count": 0}
    message = QByteArray(b"p" * 64)
    before = residentBytes()
    begun = time.perf_counter()

    def start(client: Any, peer: Any) -> None:
        state["setup"] = time.perf_counter() - begun
        state["memory"] = residentBytes() - before
        state["facts"] = side.describe(client)

        def echo() -> None:
            peer.write(peer.readAll())

        def again() -> None:
            client.readAll()
            state["count"] += 1
            if state["count"] < count:
                client.write(message)
            else:
                state["seconds"] = time.perf_counter() - state["start"]
                application.quit()

        peer.readyRead.connect(echo)
        client.readyRead.connect(again)
        state["start"] = time.perf_counter()
        client.write(message)

    pairs = Pairs(side, idle + 1, start)
    application.exec()
    del pairs
    return {
        "value": count / state["seconds"],
        "unit": "/s",
        "facts": state["facts"],
        "setup": state["setup"],
        "memory": state["memory"] / (idle + 1),
    }


def lateness(side: Side, count: int, load: str = "") -> dict[str, Any]:
    """How late a 1 ms timer of the same thread fires (99.9th percentile, ms), idle or under load.

    Beside it stands for how long the thread itself has worked at most between two ticks: where that is much less,
    it was the machine that was late, because others used it as well.

    What the imports have made is frozen, as in a program that cannot have pauses: the garbage collector would look
    through all of it now and then, whatever the sockets do. What connections make it does look through.
    """
    application = _application()
    raiseDescriptorLimit()
    gc.collect()
    gc.freeze()
    late: list[float] = []
    own: list[float] = []
    timer = QTimer()
    timer.setTimerType(timer.timerType().PreciseTimer)
    state = {"last": time.perf_counter(), "worked": time.thread_time()}

    def tick() -> None:
        now, worked = time.perf_counter(), time.thread_time()
        late.append((now - state["last"]) * 1000 - 1)
        own.append((worked - state["worked"]) * 1000)
        state["last"], state["worked"] = now, worked

    timer.timeout.connect(tick)

    def beginNow() -> None:
        state["last"], state["worked"] = time.perf_counter(), time.thread_time()

    def begin() -> None:
        beginNow()
        timer.start(1)

    keep: list[Any] = []
    if load == "bulk":

        def start(client: Any, peer: Any) -> None:
            chunk = QByteArray(b"x" * (1 << 20))
            total = count << 20
            moved = {"sent": 0, "received": 0}

            def pump(*_: object) -> None:
                while moved["sent"] < total and client.bytesToWrite() + client.encryptedBytesToWrite() < 2 << 20:
                    client.write(chunk)
                    moved["sent"] += 1 << 20

            def read() -> None:
                moved["received"] += peer.readAll().size()
                if moved["received"] >= total:
                    application.quit()

            client.encryptedBytesWritten.connect(pump)
            peer.readyRead.connect(read)
            begin()
            pump()

        keep.append(Pairs(side, 1, start))
    elif load == "handshakes":
        server = side.server()
        server.listen(LOOPBACK)
        server.pendingConnectionAvailable.connect(lambda: keep.append(server.nextPendingConnection()))
        remaining = {"rounds": count}

        def round_() -> None:
            tick()
            clients = [side.client() for _ in range(100)]
            keep.append(clients)
            left = {"n": len(clients)}

            def one() -> None:
                left["n"] -= 1
                if left["n"] == 0:
                    remaining["rounds"] -= 1
                    if remaining["rounds"]:
                        QTimer.singleShot(20, round_)
                    else:
                        application.quit()

            for client in clients:
                client.encrypted.connect(one)
                client.connectToHostEncrypted(HOST, server.serverPort())
            beginNow()  # to ask for so many is the program's own time

        begin()
        QTimer.singleShot(50, round_)
    elif load == "operations":
        server = side.server()
        server.listen(LOOPBACK)
        ended = {"n": 0}

        def another(*_: object) -> None:
            ended["n"] += 1
            if ended["n"] == count:
                application.quit()

        keep.append(server)
        keep.append(side.connectMany(server.serverPort(), count, another))
        begin()  # as above
    else:
        begin()
        QTimer.singleShot(2000, application.quit)
    application.exec()
    late.sort()
    index = min(len(late) - 1, int(len(late) * 0.999))
    return {
        "value": late[index],
        "unit": "ms",
        "facts": f"max {late[-1]:.1f} ms, own work {max(own):.1f} ms, {len(late)} ticks",
        "worst": late[-1],
        "own": max(own),
        "ticks": len(late),
    }


def importTime(side: Side, count: int) -> dict[str, Any]:
    """Interpreter start, imports and one socket (ours) or only the imports that it stands on.

    With the bytecode of every module, as pip installs a package: a checkout may be without, and would
    be compiled each time where PYTHONDONTWRITEBYTECODE is set.
    """
    code = {
        "qt": "import PySide6.QtNetwork, OpenSSL.SSL",
        "qtsecure": "from qtsecure import SslSocket; from PySide6.QtCore import QCoreApplication; "
        "a = QCoreApplication([]); SslSocket()",
    }[side.name]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(count + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        times.append(time.perf_counter() - start)
    times = sorted(times[1:])  # the first one may have compiled
    return {"value": times[len(times) // 2] * 1000, "unit": "ms", "facts": ""}


def silentSockets(side: Side, count: int) -> dict[str, Any]:
    """Memory of an accepted socket whose client has said nothing."""
    import socket

    application = _application()
    raiseDescriptorLimit()
    server = side.server()
    server.setHandshakeTimeout(0 if side.name == "qtsecure" else 600_000)
    server.setMaxPendingConnections(count + 100)
    if side.name == "qtsecure":
        server.setMaxHandshakingConnections(count + 100)
    server.listen(LOOPBACK)
    clients: list[socket.socket] = []
    seen = {"n": 0, "before": 0}

    def one() -> None:
        seen["n"] += 1
        if seen["n"] == 50:
            seen["before"] = residentBytes()
        if seen["n"] == count + 50:
            application.quit()
        else:
            connect()

    def connect() -> None:
        clients.append(socket.create_connection((HOST, server.serverPort())))

    server.newConnection.connect(one)
    QTimer.singleShot(0, connect)
    application.exec()
    return {"value": (residentBytes() - seen["before"]) / count / 1024, "unit": "KiB", "facts": ""}
