"""Implementations in Python that block, or have a loop of their own: each in a process (tests/interop/workers)."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography import x509

from qtsecure.testing.pki import IssuedCertificate
from tests.interop.foreign.base import LINE, ForeignClient, ForeignServer, Psk, Told, pem
from tests.interop.programs import Program
from tests.interop.workers.orders import Orders

_ROOT = str(Path(__file__).parents[3])


class _WorkerEnd:
    """What servers and clients do alike."""

    module: str
    version: str
    certificate: IssuedCertificate | None
    alpn: list[str]
    psk: Psk | None

    #: Where in the output the connection begins that is meant; what a worker says may come later than what it sends.
    _seen = 0

    def _start(self, *, authority: x509.Certificate | None, **more: Any) -> None:
        code = (
            f"import sys; sys.path.insert(0, {_ROOT!r}); from tests.interop.workers.{self.module} import main; main()"
        )
        self._program = program = Program(sys.executable, "-c", code)
        if self.certificate is not None:
            more["certificate"], more["key"] = map(str, self.certificate.writeTo(program.path("")))
        if authority is not None:
            more["authority"] = program.file("authority.pem", pem(authority))
        if self.psk is not None:
            more["psk"] = (self.psk[0], self.psk[1].hex())
        program.command.append(json.dumps(asdict(Orders(version=self.version, alpn=self.alpn, **more))))
        program.start()

    def stop(self) -> None:
        self._program.stop()

    def _events(self, name: str) -> list[Any]:
        """What it has told of one kind so far."""
        lines = self._program.output.splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
        return [event[name] for event in events if name in event]

    def told(self) -> Told:
        self._program.waitFor('"told": .*\n', self._seen)
        facts = self._events("told")[-1]
        shown = facts.pop("certificate")
        return Told(certificate=None if shown is None else bytes.fromhex(shown), **facts)

    def waitForCleanEnd(self) -> None:
        self._seen = self._program.waitFor('"end": .*\n', self._seen).end()
        assert self._events("end")[-1] == "closeNotify"


class _WorkerServer(_WorkerEnd, ForeignServer):
    """A server that echoes."""

    def start(self) -> None:
        self._start(server=True, authority=self.clients)
        self.port = int(self._program.waitFor(r'"listening": (\d+)')[1])


class _WorkerClient(_WorkerEnd, ForeignClient):
    """A client that sends lines."""

    def start(self) -> None:
        self._start(server=False, authority=self.trust, port=self.port, resume=self.resume)
        if self.resume:
            self.send(LINE)
            self.waitForCleanEnd()

    def send(self, line: bytes) -> None:
        self._program.write(line)

    def waitForReceived(self, data: bytes) -> None:
        self._program.waitFor('"received": .*\n', self._seen)
        assert self._events("received")[-1] == data.decode()

    def close(self) -> None:
        self._program.closeInput()


class TlsliteServer(_WorkerServer):
    module = "with_tlslite"


class TlsliteClient(_WorkerClient):
    module = "with_tlslite"


class TrioServer(_WorkerServer):
    module = "with_trio"


class TrioClient(_WorkerClient):
    module = "with_trio"
