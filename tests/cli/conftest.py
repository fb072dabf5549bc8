"""The command as users run it: in a process of its own, with certificates in files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

import qtsecure
from qtsecure.cli.main import main
from qtsecure.testing import IssuedCertificate, PublicKeyInfrastructure
from qtsecure.testing.peers import PythonTlsServer, TlsConnection

TIMEOUT_S = 120
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(qtsecure.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
LONG_MS = 60_000
"""Patience of a client that is to wait for its peer's end: the machine may keep an answer for a second."""
SHORT_MS = 1
"""Patience of one that nothing more is to come for."""


def _command(patience: int | None) -> list[str]:
    """Python, and what makes it ``qtsecure``; with another patience (ms) after the end of stdin, if there is one."""
    if patience is None:
        return [sys.executable, "-m", "qtsecure"]
    code = (
        f"import sys\nfrom qtsecure.cli import client_command\nclient_command.PATIENCE_MS = {patience}\n"
        "from qtsecure.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code]


@dataclass
class Finished:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    def events(self) -> list[dict[str, object]]:
        """The lines of ``--json``."""
        return [json.loads(line) for line in self.out.splitlines()]

    def names(self) -> list[object]:
        """The names of the events."""
        return [event["event"] for event in self.events()]

    def of(self, name: str) -> list[dict[str, object]]:
        """The events of one name."""
        return [event for event in self.events() if event["event"] == name]

    def sentence(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("qtsecure"), self.err
        return lines[0]


def _run(*words: object, stdin: bytes | None = None, patience: int | None = None, **environment: str) -> Finished:
    """Run ``qtsecure`` with these words; stdin is empty without any."""
    done = subprocess.run(
        [*_command(patience), *map(str, words)],
        input=b"" if stdin is None else stdin,
        capture_output=True,
        env=ENVIRONMENT | environment,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@dataclass
class Serving:
    """A running ``qtsecure serve``."""

    process: subprocess.Popen[str]
    port: int
    first: str
    ended: list[Finished] = field(default_factory=list)

    def interrupt(self) -> None:
        """Press Ctrl+C."""
        self.process.send_signal(signal.SIGINT)

    def finished(self) -> Finished:
        """Wait for its end."""
        if not self.ended:
            out, err = self.process.communicate(timeout=TIMEOUT_S)
            self.ended.append(Finished(self.process.returncode, self.first + out, err))
        return self.ended[0]


@contextlib.contextmanager
def _serving(*words: object) -> Iterator[Serving]:
    """Run ``qtsecure serve`` and wait until it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qtsecure", "serve", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise AssertionError(process.communicate(timeout=TIMEOUT_S)[1])
        port = json.loads(first)["port"] if first.startswith("{") else int(first.removeprefix("READY "))
        yield Serving(process, port, first)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


def _start(*words: object, stdin: int | IO[bytes], patience: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*_command(patience), *map(str, words)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )


class LeavingServer(PythonTlsServer):
    """Returns so many bytes, says goodbye, and wants to hear that of its client.

    Args:
        certificate: The certificate of the server.
        size: How many bytes.
    """

    def __init__(self, certificate: IssuedCertificate, size: int) -> None:
        super().__init__(certificate)
        self._size = size

    def _exchange(self, sock: ssl.SSLSocket, state: TlsConnection) -> None:
        while len(state.received) < self._size and (data := state.receive(sock)):
            sock.sendall(data)
        sock.unwrap()


@dataclass(frozen=True)
class Files:
    """The certificates of :class:`PublicKeyInfrastructure` as files."""

    pki: PublicKeyInfrastructure
    directory: Path
    ca: Path
    cert: Path
    key: Path
    clientCert: Path
    clientKey: Path
    encryptedKey: Path
    environment: dict[str, str]

    @property
    def server(self) -> tuple[object, ...]:
        """The options that give a server its certificate."""
        return ("--cert", self.cert, "--key", self.key)

    @property
    def client(self) -> tuple[object, ...]:
        """The options that give a client its certificate."""
        return ("--cert", self.clientCert, "--key", self.clientKey)

    @property
    def trust(self) -> tuple[object, ...]:
        """The options that trust the authority."""
        return ("--ca", self.ca)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Certificates on disk."""
    directory = tmp_path_factory.mktemp("certificates")
    pki = PublicKeyInfrastructure(shared=True)
    server = pki.server.writeTo(directory, "server")
    client = pki.client.writeTo(directory, "client")
    encrypted = pki.server.writeTo(directory, "encrypted", passphrase=b"secret")
    return Files(
        pki,
        directory,
        pki.ca.writeTo(directory, "ca"),
        server.certificate,
        server.key,
        client.certificate,
        client.key,
        encrypted.key,
        ENVIRONMENT,
    )


@pytest.fixture(name="run")
def runFixture() -> Callable[..., Finished]:
    """Run ``qtsecure`` with some words and wait for its end."""
    return _run


@pytest.fixture(name="serving")
def servingFixture() -> Callable[..., contextlib.AbstractContextManager[Serving]]:
    """Run ``qtsecure serve`` in a ``with`` block."""
    return _serving


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``qtsecure`` with some words and a stdin; it is killed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def started(*words: object, stdin: int | IO[bytes], patience: int | None = None) -> subprocess.Popen[bytes]:
            process = _start(*words, stdin=stdin, patience=patience)
            stack.callback(_end, process)
            return process

        yield started


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(TIMEOUT_S)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.fixture
def in_process(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run ``qtsecure`` in this process; for what ends before it begins. Ask for ``qapp`` where it may begin to."""

    def run(*words: object) -> Finished:
        code = main(list(map(str, words)))
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    return run
