"""What the second core brings: the same work in one thread, and shared by two.

Each thread has a server, a client and an event loop of its own, so that the work for a connection
is the same whoever does it and the ratio tells what threads gain. With the clients in a process of
their own, two server threads and the clients would share the two cores of a small machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, Qt, QThread, Signal, Slot

from benchmarks.sides import HOST, LOOPBACK, Side

_WARM_UP = 20


class Worker(QObject):
    """Does its share of the work in its thread, once all are ready."""

    finished = Signal()

    def __init__(self, side: Side, count: int, everybody: threading.Barrier) -> None:
        super().__init__()
        self.side, self.count, self.everybody = side, count, everybody
        self.begun = self.ended = 0.0
        self.facts = ""

    @Slot()
    def start(self) -> None:
        self.server = self.side.server()
        self.server.pendingConnectionAvailable.connect(self.pending)
        self.server.listen(LOOPBACK)
        self.begin()

    def begin(self) -> None:
        self.client = self.side.client()
        self.client.encrypted.connect(self.encrypted)
        self.client.connectToHostEncrypted(HOST, self.server.serverPort())

    def wait(self) -> None:
        """Begin together; Python's barrier lets the other thread run meanwhile."""
        self.everybody.wait(30)
        self.begun = time.perf_counter()

    def end(self) -> None:
        self.ended = time.perf_counter()
        self.server.close()
        self.finished.emit()

    def pending(self) -> None:
        raise NotImplementedError

    def encrypted(self) -> None:
        raise NotImplementedError


class Handshakes(Worker):
    """Full handshakes, one after the other."""

    done = 0

    def pending(self) -> None:
        peer = self.server.nextPendingConnection()
        peer.disconnected.connect(peer.deleteLater)

    def encrypted(self) -> None:
        self.facts = self.facts or self.side.describe(self.client)
        self.done += 1
        self.client.abort()
        self.client.deleteLater()
        if self.done == _WARM_UP:
            self.wait()
        if self.done == _WARM_UP + self.count:
            self.end()
        else:
            self.begin()


class Bulk(Worker):
    """One direction, 64 KiB writes."""

    peer: Any = None
    sent = received = 0

    def pending(self) -> None:
        self.peer = self.server.nextPendingConnection()
        self.peer.readyRead.connect(self.read)
        self.pump()

    def encrypted(self) -> None:
        self.facts = self.side.describe(self.client)
        self.client.encryptedBytesWritten.connect(self.pump)
        self.pump()

    def pump(self, *_: object) -> None:
        if self.peer is None or not self.facts:
            return
        if not self.sent:
            self.wait()
            self.chunk = QByteArray(b"x" * (64 << 10))
        total = self.count << 20
        while self.sent < total and self.client.bytesToWrite() + self.client.encryptedBytesToWrite() < 2 << 20:
            self.client.write(self.chunk)
            self.sent += 64 << 10

    def read(self) -> None:
        self.received += self.peer.readAll().size()
        if self.received >= self.count << 20:
            self.end()


class Join(QObject):
    """Ends the main thread's event loop when so many threads have said that they are done."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.left = threads

    @Slot()
    def finished(self) -> None:
        self.left -= 1
        if not self.left:
            QCoreApplication.exit()


def _rate(kind: type[Worker], side: Side, count: int, threads: int) -> tuple[float, str]:
    """Units of work a second, by so many threads together."""
    application = QCoreApplication.instance() or QCoreApplication([])
    barrier = threading.Barrier(threads)
    join = Join(threads)
    workers = [kind(side, count // threads, barrier) for _ in range(threads)]
    running = [QThread() for _ in workers]
    for worker, thread in zip(workers, running, strict=True):
        worker.moveToThread(thread)
        thread.started.connect(worker.start)
        worker.finished.connect(thread.quit, Qt.ConnectionType.DirectConnection)
        thread.finished.connect(join.finished)
        thread.start()
    application.exec()
    for thread in running:
        thread.wait()  # it may still be deleting what it was told to delete later
    seconds = max(worker.ended for worker in workers) - min(worker.begun for worker in workers)
    return count / seconds, workers[0].facts


def _processes(side: Side, count: int, workload: str) -> float:
    """The rate of two processes together, which share nothing."""
    task = {"workload": workload, "count": count // 2, "side": side.name, "group": side.group, "options": {}}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(task)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(json.loads(each.communicate(timeout=300)[0].splitlines()[-1])["value"]) for each in running)


def secondCore(side: Side, count: int, work: str) -> dict[str, Any]:
    """The rate of two threads; those of one, and of two processes, in the facts."""
    kind, alone = {"handshakes": (Handshakes, "handshakes"), "bulk": (Bulk, "bulk64k")}[work]
    one, facts = _rate(kind, side, count, 1)
    two, _ = _rate(kind, side, count, 2)
    unit = "/s" if work == "handshakes" else "MiB/s"
    processes = _processes(side, count, alone)
    gain = f"{one:,.0f} {unit} by one thread, {two / one:.2f} times that by two, {processes / one:.2f} by two processes"
    return {"value": two, "gain": two / one, "unit": unit, "facts": f"{gain}; {facts}"}
