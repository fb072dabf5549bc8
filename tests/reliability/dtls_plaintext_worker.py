"""R1's cells with DTLS: ``python -m tests.reliability.dtls_plaintext_worker <cells>``; see ``fork_server``."""

from __future__ import annotations

from typing import Any

import shiboken6

from qtsecure import DtlsPeer
from tests.reliability.dtls_reentrancy_worker import CANARY, Cell, Run, makeKeys
from tests.reliability.fork_server import serve
from tests.reliability.wiretap import DatagramTap

_ENOUGH = 3
"""The other end returns what it gets, which is a signal again."""


class TappedRun(Run):
    """Writes the canary at every emission of the signal, and then perhaps closes."""

    tap: DatagramTap | None = None

    def route(self) -> int:
        self.tap = DatagramTap(self.port)
        self.tap.__enter__()
        return self.tap.port

    def _slot(self, *arguments: object) -> None:
        self.acted = True
        subject = self.client if self.cell.owner == "client" else self.accepted
        for peer in (subject, *(each for each in arguments if isinstance(each, DtlsPeer))):
            if peer is not None and shiboken6.isValid(peer) and self.written < _ENOUGH:
                self.write(peer)
                if self.cell.action == "close":
                    peer.close()

    def outcome(self) -> dict[str, Any]:
        """What went wrong, how often the tap has seen the canary in the whole run, and how often it was written."""
        faults = self.run()
        seen = 0
        if self.tap is not None:  # else the client has talked to nobody
            self.tap.__exit__()
            seen = self.tap.recorded.count(CANARY)
        return {"faults": faults, "seen": seen, "written": self.written}


if __name__ == "__main__":
    makeKeys()
    serve(lambda entry: TappedRun(Cell(*entry)).outcome(), together=24)
