"""The programs of the how-tos about trust: asked once, a status that is good, and one that is not."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure, waitFor
from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import startOnPort
from tests.examples.test_docs import programs, runCommands


@contextlib.contextmanager
def running(page: str, directory: Path) -> Iterator[int]:
    """The server of a page; gives its port."""
    server = startOnPort(programs(page)["server"], directory, 0)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline().removeprefix("listening on port "))
    finally:
        server.kill()
        server.communicate(timeout=120)


def client(page: str, directory: Path, port: int) -> tuple[int, str, str]:
    """The client of a page: its exit code and what it printed."""
    process = startOnPort(programs(page)["client"], directory, port)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def showNew(directory: Path) -> None:
    """Give the server another self-signed certificate."""
    files = selfSignedCertificate().writeTo(directory, "server")
    files.key.rename(directory / "server-key.pem")


def test_asked_once(tmp_path: Path) -> None:
    """The first run asks, the second does not, and a changed certificate asks again."""
    page = "howto-trust-decisions"
    showNew(tmp_path)
    with running("howto-first-server", tmp_path) as port:
        code, first, err = client(page, tmp_path, port)
        assert (code, err) == (0, "")
        assert "unknown certificate" in first
        assert "because The certificate is signed by itself" in first
        code, second, _ = client(page, tmp_path, port)
        assert (code, second) == (0, "answer: HOW ARE YOU?\n")
    showNew(tmp_path)
    with running("howto-first-server", tmp_path) as port:
        _, third, _ = client(page, tmp_path, port)
    assert "unknown certificate" in third


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, PublicKeyInfrastructure]:
    """What the programs about revocation name."""
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(tmp_path, "ca")
    pki.server.writeTo(tmp_path, "server").key.rename(tmp_path / "server-key.pem")
    return tmp_path, pki


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ("good", 0, "status: Good\nanswer: hello\n"),
        ("revoked", 1, "has been revoked"),
        ("stale", 1, "out of date"),
        ("none", 1, "did not send the revocation status"),
    ],
)
def test_stapled_status(files: tuple[Path, PublicKeyInfrastructure], status: str, code: int, text: str) -> None:
    """The client goes on only with a good one, and says why not."""
    directory, pki = files
    past = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=3)
    if status == "revoked":
        pki.ca.revoke(pki.server)
    response = pki.ca.ocspResponse(
        pki.server, **({"thisUpdate": past, "nextUpdate": past + dt.timedelta(days=1)} if status == "stale" else {})
    )
    if status != "none":
        (directory / "status.der").write_bytes(response)
    with running("howto-revocation", directory) as port:
        found, out, err = client("howto-revocation", directory, port)
    assert found == code
    assert text in (err if code else out)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command here")
def test_status_by_the_own_authority(tmp_path: Path) -> None:
    """The commands of both pages make what the programs need."""
    runCommands("howto-client-certificates", "req -x509", tmp_path)
    runCommands("howto-revocation", "printf", tmp_path)
    with running("howto-revocation", tmp_path) as port:
        assert client("howto-revocation", tmp_path, port) == (0, "status: Good\nanswer: hello\n", "")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command here")
def test_list_of_the_own_authority(tmp_path: Path, qapp: object) -> None:
    """The page's commands make a list that lets the server through, and one that does not."""
    runCommands("howto-client-certificates", "req -x509", tmp_path)
    runCommands("howto-revocation", "taken-back.txt", tmp_path)
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(tmp_path / "server.pem", tmp_path / "server-key.pem"))
    assert server.listen("127.0.0.1")
    for good in (True, False):
        configuration = SslConfiguration.forClient(tmp_path / "ca.pem")
        configuration.setCrls([tmp_path / "ca.crl"])
        socket = SslSocket()
        socket.setSslConfiguration(configuration)
        socket.connectToHostEncrypted("localhost", server.serverPort())
        waitFor(socket.isEncrypted if good else lambda socket=socket: "revoked" in socket.errorString())
        socket.abort()
        if good:
            runCommands("howto-revocation", "-revoke", tmp_path)
    server.close()
