"""Another implementation's program: its output, its input, and a directory for its files."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TypeVar

from qtsecure.testing.peers import PeerError
from qtsecure.testing.peers._waiting import waitUntil
from qtsecure.testing.pki import IssuedCertificate

TIMEOUT = 60_000
"""Milliseconds; a program that somebody else's tests keep from starting for a while is no failure."""
_Self = TypeVar("_Self", bound="Program")


def waitFor(condition: object, what: str, detail: object = "") -> None:
    """Wait until a callable tells true, with the event loop running; PeerError with the text otherwise."""
    assert callable(condition)
    if not waitUntil(lambda: bool(condition()), TIMEOUT):
        raise PeerError(f"Waited {TIMEOUT} ms for {what}. {detail() if callable(detail) else detail}")


class Program:
    """A process; a context manager.

    Args:
        command: The program, which is looked up in PATH, and arguments.

    Attributes:
        command: May be extended until the program is started.
    """

    def __init__(self, *command: str) -> None:
        program = shutil.which(command[0])
        if program is None:
            raise FileNotFoundError(f"There is no {command[0]} in PATH.")
        self.command = [program, *command[1:]]
        self._directory = tempfile.TemporaryDirectory()
        self._output = bytearray()
        self._started: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start; ``with`` does it."""
        self._started = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader.start()

    def stop(self) -> None:
        """End the process, whatever it does; ``with`` does it."""
        if self._started is not None:
            self._started.kill()
            self._started.wait(10)
            self._reader.join(10)
            self.closeInput()
            assert self._started.stdout is not None
            self._started.stdout.close()
        self._directory.cleanup()

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        while data := stdout.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader
            self._output += data

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._started is not None, "the program was not started"
        return self._started

    def isBusy(self) -> bool:
        """Whether it has something to do by now that the machine may not have let it do; False where nobody knows."""
        try:
            state = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return False
        return state != "S"

    @property
    def output(self) -> str:
        """Everything that it has printed so far."""
        return self._output.decode("utf-8", "replace")

    def path(self, name: str) -> Path:
        """The path of a file in its directory."""
        return Path(self._directory.name, name)

    def file(self, name: str, content: bytes) -> str:
        """Write a file for it."""
        path = self.path(name)
        path.write_bytes(content)
        return str(path)

    def certificate(self, certificate: IssuedCertificate, cert: str, key: str) -> None:
        """Write a certificate and its key for it, as the arguments with these names."""
        files = certificate.writeTo(self._directory.name)
        self.command += [cert, str(files.certificate), key, str(files.key)]

    def says(self, pattern: str) -> re.Match[str] | None:
        """What matches a regular expression in the output by now."""
        return re.search(pattern, self.output)

    def waitFor(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait until it has printed something, behind so many characters."""
        expression = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return expression.search(self.output, after)

        waitFor(lambda: found() or not self._reader.is_alive(), repr(pattern), lambda: self.output)
        match = found()
        if match is None:
            raise PeerError(f"{self.command[0]} ended without saying {pattern!r}: {self.output}")
        return match

    def waitForExit(self) -> int:
        """Wait until the program has ended; its exit code."""
        waitFor(lambda: not self._reader.is_alive(), "the end of the program", lambda: self.output)
        return self._process.wait(10)

    def write(self, data: bytes) -> None:
        """Give it input."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def closeInput(self) -> None:
        """End its input."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


def freePort(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that was free a moment ago: gnutls-serv does not tell the one that it gets for 0."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
