"""What the second core brings: the same work in one thread, and shared by two threads or two processes.

Each thread has a server, a client and an event loop of its own, so that the work for a connection
is the same whoever does it and the ratio tells what threads gain. With the clients in a process of
their own, two server threads and the clients would share the two cores of a small machine.

Threads and processes run the same code, begin together, and are measured from the first beginning to
the last end. The three ways take turns, and the facts tell how many cores each has got: less than one
for one thread, or less than two for two processes, means that the machine was busy with something else
and that the ratios say little.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, Qt, QThread, QTimer, Signal, Slot

from benchmarks.sides import HOST, LOOPBACK, Side

_WARM_UP = 20
_ROUNDS = 3
_PATIENCE_MS = 120_000


class Worker(QObject):
    """Does its share of the work in its thread, once all are ready."""

    finished = Signal()

    def __init__(self, side: Side, count: int, everybody: Callable[[], object]) -> None:
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
        """Begin together, and let the others run meanwhile."""
        self.everybody()
        self.begun = time.monotonic()  # the same clock in all processes

    def end(self) -> None:
        self.ended = time.monotonic()
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


@dataclass
class Run:
    """From the first beginning to the last end, and the processor time meanwhile (all in seconds)."""

    begun: float
    ended: float
    cpu: float
    facts: str


def _run(kind: type[Worker], side: Side, count: int, threads: int, everybody: Callable[[], object]) -> Run:
    """The work of this process, in so many threads."""
    application = QCoreApplication.instance() or QCoreApplication([])
    join = Join(threads)
    cpu: list[float] = []

    def begin() -> None:
        everybody()
        cpu.append(time.process_time())

    workers = [kind(side, count // threads, begin) for _ in range(threads)]
    running = [QThread() for _ in workers]
    for worker, thread in zip(workers, running, strict=True):
        worker.moveToThread(thread)
        thread.started.connect(worker.start)
        worker.finished.connect(thread.quit, Qt.ConnectionType.DirectConnection)
        thread.finished.connect(join.finished)
        thread.start()
    patience = QTimer()
    patience.setSingleShot(True)
    patience.timeout.connect(lambda: sys.exit("A worker has not finished."))
    patience.start(_PATIENCE_MS)
    application.exec()
    patience.stop()
    used = time.process_time() - min(cpu)
    for thread in running:
        thread.wait()  # it may still be deleting what it was told to delete later
    return Run(min(each.begun for each in workers), max(each.ended for each in workers), used, workers[0].facts)


def _threads(kind: type[Worker], side: Side, count: int, threads: int) -> Run:
    return _run(kind, side, count, threads, threading.Barrier(threads, timeout=30).wait)


_KINDS: dict[str, type[Worker]] = {"handshakes": Handshakes, "bulk": Bulk}


def oneOfTwo(side: Side, count: int, work: str) -> dict[str, Any]:
    """A process that shares the work: says when it is ready, and begins when it is told to."""

    def wait() -> None:
        print("ready", flush=True)
        sys.stdin.readline()

    return vars(_run(_KINDS[work], side, count, 1, wait))


def _processes(side: Side, count: int, work: str) -> Run:
    """The same work in two processes, which share nothing."""
    options = {"work": work}
    task = {"workload": "oneOfTwo", "count": count // 2, "side": side.name, "group": side.group, "options": options}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(task)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for each in running:
        assert each.stdout is not None
        if each.stdout.readline() != "ready\n":
            raise SystemExit("A process has not begun.")
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    runs = [Run(**json.loads(each.communicate(timeout=300)[0].splitlines()[-1])) for each in running]
    first, second = runs
    return Run(
        min(first.begun, second.begun), max(first.ended, second.ended), first.cpu + second.cpu, facts=first.facts
    )


def secondCore(side: Side, count: int, work: str) -> dict[str, Any]:
    """The rate of two threads; those of one, and of two processes, in the facts."""
    kind = _KINDS[work]
    ways: dict[str, Callable[[], Run]] = {
        "one thread": lambda: _threads(kind, side, count, 1),
        "two threads": lambda: _threads(kind, side, count, 2),
        "two processes": lambda: _processes(side, count, work),
    }
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            runs[name].append(way())

    def rate(name: str) -> float:
        return statistics.median(count / (run.ended - run.begun) for run in runs[name])

    def cores(name: str) -> str:
        return f"{statistics.median(run.cpu / (run.ended - run.begun) for run in runs[name]):.1f} cores"

    one, two, processes = map(rate, ways)
    unit = "/s" if work == "handshakes" else "MiB/s"
    gain = (
        f"{one:,.0f} {unit} by one thread ({cores('one thread')}), "
        f"{two / one:.2f} times that by two ({cores('two threads')}), "
        f"{processes / one:.2f} by two processes ({cores('two processes')})"
    )
    return {"value": two, "gain": two / one, "unit": unit, "facts": f"{gain}; {runs['one thread'][0].facts}"}
