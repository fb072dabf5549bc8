"""What the soak knows: whose payload is whose, and what went wrong."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

__all__ = ["Ledger"]

_SHOWN = 20


def droppedByKernel() -> int:
    """How many datagrams on this machine have found no room in a socket's buffer; 0 where nobody tells."""
    counters = Path("/proc/net/snmp")
    if not counters.exists():
        return 0
    names, values = (line.split()[1:] for line in counters.read_text("ascii").splitlines() if line.startswith("Udp:"))
    found = dict(zip(names, map(int, values), strict=True))
    return sum(found.get(name, 0) for name in ("RcvbufErrors", "SndbufErrors"))


class Ledger:
    """The book of the soak.

    Attributes:
        outcomes: How often each kind of episode has ended in which way.
        corrupted: Payload that is not what was sent, or claimed to be whole and is not.
        lost: Messages that went over the loopback interface and did not arrive; see :meth:`report`.
        stuck: Episodes, or ends of servers, that never ended.
        unexplained: Errors that nothing has caused, exceptions, and Qt's warnings.
        serverErrors: What the servers have told, and how often.
        resumed: How many connections continued an earlier one.
        bytes: How much payload was compared.
        stalls: How long the event loop did not come by, and worked meanwhile, in seconds.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.corrupted: list[str] = []
        self.lost: list[str] = []
        self.stuck: list[str] = []
        self.unexplained: list[str] = []
        self.serverErrors: Counter[str] = Counter()
        self.resumed = 0
        self.bytes = 0
        self.stalls: list[tuple[float, float]] = []
        self._dropped = droppedByKernel()

    def payload(self, number: int, size: int) -> bytes:
        """What the episode with this number sends."""
        return random.Random(f"{self.seed} payload {number}").randbytes(size)

    def compare(self, what: str, expected: bytes, offset: int, received: bytes) -> None:
        """Look whether received payload is what was sent there."""
        self.bytes += len(received)
        if expected[offset : offset + len(received)] != received:
            self.corrupted.append(f"{what}: {len(received)} bytes at {offset} of {len(expected)} are not what was sent")

    def problems(self) -> int:
        """How many there are."""
        return len(self.corrupted) + len(self.stuck) + len(self.unexplained)

    def report(self) -> dict[str, Any]:
        """For the outer process; of long lists the beginning.

        Losses count as corruption, unless the kernel has dropped datagrams meanwhile, of whomever.
        """
        overflown = droppedByKernel() - self._dropped
        if not overflown:
            self.corrupted += self.lost
        return {
            "overflown": overflown,
            "seed": self.seed,
            "episodes": sum(self.outcomes.values()),
            "bytes": self.bytes,
            "resumed": self.resumed,
            "stalls": self.stalls,
            "outcomes": dict(sorted(self.outcomes.items())),
            "serverErrors": dict(self.serverErrors.most_common()),
            "corrupted": [len(self.corrupted), self.corrupted[:_SHOWN]],
            "stuck": [len(self.stuck), self.stuck[:_SHOWN]],
            "unexplained": [len(self.unexplained), self.unexplained[:_SHOWN]],
        }

    def watchProcess(self) -> None:
        """Take every exception that nobody caught, and every warning of Qt's, for unexplained."""

        def exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            self.unexplained.append(f"exception: {error!r}")
            sys.__excepthook__(kind, error, trace)

        def unraisable(arguments: Any) -> None:
            self.unexplained.append(f"unraisable: {arguments.exc_value!r} in {arguments.object!r}")
            sys.__unraisablehook__(arguments)

        def message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
            self.unexplained.append(f"Qt: {text}")

        sys.excepthook = exception
        sys.unraisablehook = unraisable
        threading.excepthook = lambda arguments: self.unexplained.append(f"thread: {arguments.exc_value!r}")
        qInstallMessageHandler(message)
