"""R27's cells with DTLS: ``python -m tests.reliability.dtls_raising_worker <cells>``; see ``fork_server``."""

from __future__ import annotations

from typing import Any

from qtsecure import DtlsPeer, PreSharedKeyAuthenticator
from tests.reliability.dtls_reentrancy_worker import (
    EARLY,
    PSK,
    VERIFYING,
    Cell,
    Run,
    clientKey,
    makeKeys,
    serverKey,
)
from tests.reliability.fork_server import serve


class Planned(Exception):  # noqa: N818 - not an error of the program
    """What the slots raise."""


class RaisingRun(Run):
    """Raises at every emission of the signal."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self.raised: list[BaseException] = []
        self.reported: list[BaseException] = []
        self.encrypted = {"client": False, "server": False}

    def _onException(self, kind: type[BaseException], value: BaseException, trace: object) -> None:
        self.reported.append(value)

    def _configure(self) -> None:
        super()._configure()
        if self.cell.signal != PSK:
            return
        # Nothing but the key that the raising slot does not set could make this succeed.
        if self.cell.owner == "client":
            self.client.preSharedKeyAuthenticationRequired.disconnect(clientKey)
        else:
            self.server.preSharedKeyAuthenticationRequired.disconnect(serverKey)
            self.server.preSharedKeyAuthenticationRequired.connect(_noKey)  # a server that nobody asks has no keys

    def _slot(self, *arguments: object) -> None:
        self.acted = True
        error = Planned(f"{self.cell.owner}.{self.cell.signal} number {len(self.raised) + 1}")
        self.raised.append(error)
        raise error

    def _greet(self) -> None:
        self.encrypted["client"] = True
        super()._greet()

    def _fetch(self) -> None:
        self.encrypted["server"] = True
        super()._fetch()

    def outcome(self) -> dict[str, Any]:
        """What went wrong, and what became of the exceptions."""
        faults = self.run()
        mustFail = self.cell.signal in VERIFYING or self.cell.signal in (EARLY, PSK) or self._fails()
        verifier = "client" if self.cell.owner == "client" or (self._fails() and self._clientRejects()) else "server"
        return {
            "faults": faults,
            "raised": len(self.raised),
            "lost": sum(sum(error is other for other in self.reported) != 1 for error in self.raised),
            "foreign": [repr(error) for error in self.reported if not any(error is own for own in self.raised)],
            "unsafe": mustFail and self.encrypted[verifier],
        }


def _noKey(peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator) -> None:
    """Does not know it."""


if __name__ == "__main__":
    makeKeys()
    serve(lambda entry: RaisingRun(Cell(*entry)).outcome(), together=8)
