"""The mail example: through TLS or not at all."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import certificateFiles, finish, start
from tests.reliability.wiretap import WireTap

pytestmark = pytest.mark.usefixtures("transport_mode")


class Running:
    """The server of the example."""

    def __init__(self, directory: Path) -> None:
        certificateFiles(directory)
        self.directory = directory
        self.process: subprocess.Popen[str] = start("starttls_mail/server.py", directory, "0")
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().removeprefix("listening on port "))

    def send(self, text: str, port: int) -> tuple[int, str, str]:
        return finish(start("starttls_mail/client.py", self.directory, text, str(port)))

    def stop(self) -> tuple[str, str]:
        self.process.kill()
        return self.process.communicate(timeout=120)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A running server."""
    running = Running(tmp_path)
    yield running
    running.stop()


def test_a_mail(server: Running) -> None:
    """It arrives, and nobody on the way has seen more than the STARTTLS."""
    with WireTap(server.port) as tap:
        assert server.send("Meet me at noon.", tap.port) == (0, "encrypted: TlsV1_3\nsent\n", "")
        wire = bytes(tap.recorded)
    assert server.stop() == ("mail: Meet me at noon.\n", "")
    assert b"STARTTLS" in wire
    assert b"MAIL FROM" not in wire
    assert b"noon" not in wire


def test_without_tls_no_mail(server: Running) -> None:
    """The server takes nothing in plain text, and ends a connection with injected commands."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        lines = client.makefile("rb")
        assert lines.readline().startswith(b"220")
        client.sendall(b"MAIL FROM:<a@b.example>\r\n")
        assert lines.readline().startswith(b"530")
        client.sendall(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n")
        assert lines.read() in (b"", b"220 Go ahead\r\n")
    assert "inject" in server.stop()[1]


def test_a_line_without_end(server: Running) -> None:
    """A client that fills the server's buffer without ending its line is not waited for."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as client:
        assert client.makefile("rb").readline().startswith(b"220")
        client.sendall(bytes(65536))
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert server.stop()[1] == "refused: a line without end\n"


def test_a_server_that_is_not_trusted(server: Running) -> None:
    """The client shows why it does not go on."""
    (server.directory / "server.pem").write_bytes(selfSignedCertificate().chainPem())
    code, out, err = server.send("Meet me at noon.", server.port)
    assert (code, out) == (1, "")
    assert "signed" in err or "trusted" in err


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([b"220 hi\r\n", b"250-hi\r\n250 SIZE\r\n"], "no STARTTLS"),
        ([b"220 hi\r\n", b"250 STARTTLS\r\n", b"220 go ahead\r\n250 injected\r\n"], "inject"),
        ([b"554 go away\r\n"], "refuses"),
    ],
)
def test_a_man_in_the_middle(tmp_path: Path, answers: list[bytes], text: str) -> None:
    """A server whose STARTTLS was taken away, and one whose answer has something behind it."""
    certificateFiles(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(120)
        process = start("starttls_mail/client.py", tmp_path, "Meet me at noon.", str(listener.getsockname()[1]))
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(120)
            received = b""
            for answer in answers:
                peer.sendall(answer)
                received += peer.recv(65536)
        code, _, err = finish(process)
    assert code == 1
    assert text in err
    assert b"MAIL" not in received
