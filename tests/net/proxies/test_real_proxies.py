"""Through proxies that others have written, to echo servers here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.errors import SecureError
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import settle, spin
from tests.net.proxies.real import danted, tinyproxy
from tests.net.proxies.rig import EchoServer, Negotiating, TlsEchoServer, connectedTo, exchange
from tests.ports import closedPort

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")

Code = SecureError.Code
GREETING = b"220 hello\r\n"


@pytest.fixture
def echo(qapp: QCoreApplication) -> Iterator[EchoServer]:
    """The destination."""
    server = EchoServer(GREETING)
    yield server
    server.deleteLater()
    settle()


def through(port: int, protocol: str, host: str, target: int, login: str = "", *, timeout: int = 0) -> Negotiating:
    """A negotiation under way."""
    uri = f"{protocol}://{login}127.0.0.1:{port}"
    made = Negotiating(connectedTo(port), ProxyAddress(uri, "127.0.0.1", host, target))
    made.negotiator.setTimeout(timeout)
    made.start()
    return made


def converse(negotiating: Negotiating) -> None:
    """What the destination says first arrives, and it echoes."""
    connection = negotiating.connection()
    spin(lambda: connection.bytesAvailable() == len(GREETING))
    assert connection.readBytes() == GREETING
    exchange(connection, bytes(range(256)) * 1000)
    connection.abort()


def test_dante(tmp_path: Path, echo: EchoServer, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """SOCKS 4 and 5, with names and addresses, and what it refuses."""
    secret = TlsEchoServer(qtsecure_pki.server)
    with closedPort() as blocked, closedPort() as closed, danted(tmp_path, blocked=blocked) as port:
        for protocol, hosts in {
            "socks5": ("localhost", "127.0.0.1"),
            "socks4a": ("127.0.0.1",),  # dante takes the mark for a name for an address
            "socks4": ("127.0.0.1",),
        }.items():
            for host in hosts:
                converse(through(port, protocol, host, echo.serverPort(), "joe:secret@"))
            code = Code.ProxyNotAllowed if protocol == "socks5" else Code.ProxyFailed
            assert through(port, protocol, "127.0.0.1", blocked).failure().code is code
            code = Code.ConnectionRefused if protocol == "socks5" else Code.ProxyFailed
            assert through(port, protocol, "127.0.0.1", closed).failure().code is code
        tls = through(port, "socks5", "localhost", secret.serverPort())
        connection = tls.connection()
        connection.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        connection.startClientEncryption()
        spin(connection.isEncrypted)
        exchange(connection, b"inside" * 10_000)
        connection.abort()
        assert through(port, "http", "localhost", echo.serverPort()).failure().code is Code.ProxyFailed


def test_dante_with_login(tmp_path: Path) -> None:
    """It wants the name and the password of a user of this system; nobody has these."""
    with danted(tmp_path, method="username") as port:
        assert through(port, "socks5", "localhost", 9).failure().code is Code.ProxyNeedAuth
        failure = through(port, "socks5", "localhost", 9, "no-such-user:s3cr3t@").failure()
        assert failure.code is Code.ProxyAuthFailed
        assert "s3cr3t" not in failure.message


def test_tinyproxy(tmp_path: Path, echo: EchoServer, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """CONNECT with names and addresses, and what it refuses."""
    secret = TlsEchoServer(qtsecure_pki.server)
    with tinyproxy(tmp_path, "BasicAuth joe secret") as port:
        login = "joe:secret@"
        for host in ("localhost", "127.0.0.1"):
            converse(through(port, "http", host, echo.serverPort(), login))
        connection = through(port, "http", "localhost", secret.serverPort(), login).connection()
        connection.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        connection.startClientEncryption()
        spin(connection.isEncrypted)
        exchange(connection, b"inside" * 10_000)
        connection.abort()
        with closedPort() as closed:
            assert through(port, "http", "127.0.0.1", closed, login).failure().code is Code.ProxyFailed
        assert through(port, "http", "localhost", echo.serverPort()).failure().code is Code.ProxyNeedAuth
        wrong = through(port, "http", "localhost", echo.serverPort(), "joe:wrong@").failure()
        assert wrong.code is Code.ProxyAuthFailed
        # It waits for the rest of the line.
        assert through(port, "socks5", "localhost", echo.serverPort(), timeout=100).failure().code is Code.TimedOut


def test_tinyproxy_with_rules(tmp_path: Path, echo: EchoServer) -> None:
    """It lets nobody connect to other ports than these."""
    with tinyproxy(tmp_path, "ConnectPort 1") as port:
        assert through(port, "http", "localhost", echo.serverPort()).failure().code is Code.ProxyNotAllowed
