"""The soak itself, in a process of its own: ``python -m tests.reliability.soaking.worker SECONDS SEED KINDS``.

Clients of all kinds at the same time, over good and bad routes, against servers in the same event loop.
Prints the ledger as JSON, with what is left when all have gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer
from shiboken6 import isValid

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.reliability.census import census
from tests.reliability.soaking.dtls import DtlsSide
from tests.reliability.soaking.episode import Episode
from tests.reliability.soaking.ledger import Ledger
from tests.reliability.soaking.tls import TlsSide
from tests.reliability.steady_clock import SteadyClock

AT_ONCE = 40
_TICK_MS = 10
_LEAST = 300
"""Clients, also where the time is too short for so many."""
_DRAIN_S = 60.0
_QUIET_S = 1.5
"""Longer than a socket waits for the other side's goodbye."""
_GROWING = ("rss", "blocks")
"""What is judged by how much it grows, not by whether."""
_STALL_S = 1.0
"""Without the event loop for so long, deadlines of the soak pass that nobody has missed."""


class Soak:
    """Starts clients and looks after them until the time is up.

    Args:
        ledger: The book.
        only: Only kinds with this in their name.
    """

    def __init__(self, ledger: Ledger, only: str) -> None:
        self.ledger = ledger
        pki = PublicKeyInfrastructure()
        self._sides = (TlsSide(ledger, pki), DtlsSide(ledger, pki))
        self._episodes: list[Episode] = []
        self._queue: list[str] = []
        self._number = 0
        self._root = Path(__file__).parents[3]
        tls, dtls = self._sides
        orders = {"seed": ledger.seed, "tcp": tls.serverPorts(), "udp": dtls.serverPorts()}
        self._network = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.soaking.bad_network", json.dumps(orders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._root,
        )
        assert self._network.stdout is not None
        ports = json.loads(self._network.stdout.readline())
        tls.ports = dtls.ports = ports
        self._kinds = [kind for kind in (*tls.kinds(), *dtls.kinds()) if only in kind]
        self._timer = QTimer()
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._accepting = False
        self._lastTick = (time.monotonic(), time.process_time())
        self._timer.start()

    def runAll(self) -> None:
        """Each kind once."""
        self._queue = list(self._kinds)
        self._begin()
        self._spinUntil(lambda: not self._queue)
        self._drain()

    def runFor(self, seconds: float) -> None:
        """Kinds by chance, for so long."""
        end = time.monotonic() + seconds
        least = self._number + _LEAST
        self._begin()
        self._spinUntil(lambda: time.monotonic() >= end and self._number >= least)
        self._drain()

    def _begin(self) -> None:
        self._accepting = True
        self._tell("go")

    def _tell(self, word: str) -> None:
        """Let the attackers of the network go on or stop."""
        assert self._network.stdin is not None
        self._network.stdin.write(word.encode() + b"\n")
        self._network.stdin.flush()

    def _tick(self) -> None:
        self._noteStall()
        assert self._network.poll() is None, "the network has ended"
        self._open()  # forgets those that have gone
        for episode in self._episodes:
            episode.look()
            if episode.over:
                episode.release()
        self._episodes = [episode for episode in self._episodes if not episode.over]
        while self._accepting and len(self._episodes) < AT_ONCE:
            kind = self._queue.pop() if self._queue else self.ledger.chance.choice(self._kinds)
            side = self._sides[kind.startswith("DTLS")]
            self._number += 1
            episode = side.episodes(self._number, kind)
            self._episodes.append(episode)
            episode.begin()

    def _noteStall(self) -> None:
        """The event loop should come by every few milliseconds; if it works meanwhile, somebody blocks it."""
        now, worked = time.monotonic(), time.process_time()
        late, busy = now - self._lastTick[0], worked - self._lastTick[1]
        self._lastTick = (now, worked)
        if late > _STALL_S:
            self.ledger.stalls.append((round(late, 2), round(busy, 2)))
            if busy > _STALL_S:
                self.ledger.unexplained.append(f"the event loop was blocked for {late:.1f} s, working for {busy:.1f} s")

    def _drain(self) -> None:
        """Wait until every client, and every server's end, has gone."""
        self._accepting = False
        self._queue = []
        self._tell("pause")
        end = time.monotonic() + _DRAIN_S
        # Somebody may come late: attackers, and relays whose client has gone.
        quietSince = [time.monotonic()]

        def quiet() -> bool:
            now = time.monotonic()
            if self._busy():
                quietSince[0] = now
            return now - quietSince[0] > _QUIET_S or now > end

        self._spinUntil(quiet)
        self.ledger.stuck += [f"an end of a server: {each!r}" for each in self._open()]
        if number := self._handshaking():
            self.ledger.stuck.append(f"{number} handshakes of servers")

    def _busy(self) -> bool:
        """Whether anybody is still there."""
        return bool(self._episodes) or self._handshaking() > 0 or bool(self._open())

    def _handshaking(self) -> int:
        return sum(side.handshaking() for side in self._sides)

    def _open(self) -> list[object]:
        """The ends of servers that are still there."""
        for side in self._sides:
            side.ends = [end for end in side.ends if isValid(end.socket)]
        return [end.socket for side in self._sides for end in side.ends]

    def _spinUntil(self, condition: object) -> None:
        assert callable(condition)
        while not condition():
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)

    def linger(self) -> None:
        """For a second: who has failed repeats its last alert for a while."""
        end = time.monotonic() + 1
        self._spinUntil(lambda: time.monotonic() > end)

    def close(self) -> None:
        """End the network and the servers."""
        assert self._network.stdin is not None
        assert self._network.stdout is not None
        self._network.stdin.close()
        self._network.wait(10)
        self._network.stdout.close()
        for side in self._sides:
            side.close()


def main() -> None:
    """Run, and print the ledger."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    application = QCoreApplication([])
    clock = SteadyClock()
    ledger = Ledger(seed)
    ledger.watchProcess()
    soak = Soak(ledger, sys.argv[3])
    # Whatever is made once is made now: contexts, caches, memory for the largest payloads.
    soak.runAll()
    before = census()
    soak.runFor(seconds)
    after = census()
    end = time.monotonic() + _DRAIN_S
    while any(after[name] > before[name] for name in before if name not in _GROWING) and time.monotonic() < end:
        soak.linger()
        after = census()
    soak.close()
    report = ledger.report()
    report["left"] = {name: after[name] - number for name, number in before.items()}
    print(json.dumps(report), flush=True)
    del clock, application
    os._exit(0)


if __name__ == "__main__":
    main()
