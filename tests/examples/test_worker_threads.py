"""The example with worker threads serves many clients at once and ends in order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing.certificates import selfSignedCertificate

ROOT = Path(qtsecure.__file__).parents[1]
EXAMPLE = ROOT / "examples" / "worker_threads" / "server.py"

if os.name != "posix":
    pytest.skip("the server is ended by a signal", allow_module_level=True)


@pytest.fixture(params=["reactor", "qt"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], int, ssl.SSLContext]]:
    """The running example, its port, and a context that trusts it."""
    files = selfSignedCertificate().writeTo(tmp_path, "server")
    files.key.rename(tmp_path / "server-key.pem")
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "QTSECURE_TRANSPORT": request.param},
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().removeprefix("listening on port "))
    yield process, port, ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    process.kill()
    process.communicate()


def talk(port: int, context: ssl.SSLContext, answers: list[bytes]) -> None:
    """One client: two words there and back."""
    with (
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        for word in (b"hello", b"again"):
            client.sendall(word)
            answers.append(client.recv(5))
        with contextlib.suppress(OSError):
            client.unwrap()


def test_many_clients_and_a_signal(server: tuple[subprocess.Popen[str], int, ssl.SSLContext]) -> None:
    """Everybody is answered; with connections still open, SIGTERM ends all threads."""
    process, port, context = server
    answers: list[bytes] = []
    clients = [threading.Thread(target=talk, args=(port, context, answers)) for _ in range(12)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(30)
    assert answers.count(b"hello") == answers.count(b"again") == 12
    with socket.create_connection(("127.0.0.1", port), 20) as wrong:
        wrong.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while wrong.recv(100):
            pass
    with (
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as still,
    ):
        still.sendall(b"here")
        assert still.recv(4) == b"here"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "ended\n")
    assert "HTTP" in err
    assert len(err.splitlines()) == 1, err
