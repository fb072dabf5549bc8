"""Real connections on the loopback interface, and windows that nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from qtsecure import SslConfiguration, SslServer, SslSocket, TrustDecisions
from qtsecure.testing import IssuedCertificate, PublicKeyInfrastructure
from tests.net.conversation import FakeClock, fakeClock


@pytest.fixture
def pki(qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    """Good and bad certificates."""
    return qtsecure_pki


@pytest.fixture
def serve(qtbot: QtBot) -> Iterator[Callable[[IssuedCertificate], SslServer]]:
    """Make servers that show a certificate."""
    servers = []

    def listening(issued: IssuedCertificate) -> SslServer:
        server = SslServer()
        server.setSslConfiguration(SslConfiguration.forServer(list(issued.chain), issued.privateKey))
        assert server.listen("127.0.0.1", 0)
        servers.append(server)
        return server

    yield listening
    for server in servers:
        server.close()


@pytest.fixture
def makeClient(qtbot: QtBot, pki: PublicKeyInfrastructure) -> Iterator[Callable[[], SslSocket]]:
    """Make clients that trust the authority of the tests."""
    clients = []

    def client() -> SslSocket:
        socket = SslSocket()
        socket.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        clients.append(socket)
        return socket

    yield client
    from shiboken6 import isValid

    for socket in clients:
        if isValid(socket):
            socket.abort()


@pytest.fixture
def clock(qtbot: QtBot) -> Iterator[FakeClock]:
    """Replace the clock of this thread's scheduler."""
    with fakeClock() as fake:
        yield fake


@pytest.fixture
def settingsFile(tmp_path: Path) -> Path:
    """Where decisions are kept."""
    return tmp_path / "trust.ini"


@pytest.fixture
def decisions(qtbot: QtBot, settingsFile: Path) -> TrustDecisions:
    """Nothing is remembered yet."""
    return TrustDecisions(settingsFile)
