"""R4: 500 clients that connect and say nothing keep nobody out (sec-A5)."""

from __future__ import annotations

import socket

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.net.conversation import settle, spin
from tests.reliability.good_client import GoodClients

pytestmark = [pytest.mark.figure("R4"), pytest.mark.usefixtures("transport_mode")]

IDLE = 500
GOOD = 50


@pytest.mark.parametrize("limit", [128, 1000])
def test_r4_idle_clients(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    transport_mode: str,
    limit: int,
    figure: Figure,
) -> None:
    """With the default limit, where silent ones give way, and with one that lets all of them stay."""
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    server.setMaxHandshakingConnections(limit)
    server.setHandshakeTimeout(300_000)  # longer than all of this takes
    server.setListenBacklogSize(IDLE)
    assert server.listen("127.0.0.1")
    idle: list[socket.socket] = []
    clients = GoodClients(server, SslConfiguration.forClient([qtsecure_pki.ca.certificate]), pause=10)
    try:
        clients.start()
        spin(lambda: len(clients.latencies) > 0)  # what is made once is made
        clients.running = False
        settle()
        clients.latencies.clear()
        idle.extend(socket.create_connection(("127.0.0.1", server.serverPort())) for _ in range(IDLE))
        clients.start()  # behind all of them
        spin(lambda: len(clients.latencies) >= GOOD, timeout=180_000)
        clients.running = False
        statistics = server.statistics()
        first, worst = clients.latencies[0], clients.worst()
        variant = f"{transport_mode}, limit {limit}"
        figure.none("good clients refused", len(clients.faults), GOOD, variant)
        figure.atMost("latency of the first good client", first * 1000, 1000, "ms", variant=variant, noisy=True)
        figure.atMost("latency of the slowest good client", worst * 1000, 1000, "ms", variant=variant, noisy=True)
        assert clients.faults == []
        assert statistics.handshaking > 100
        assert statistics.evicted >= max(0, IDLE - limit)
        assert statistics.timedOut == 0
    finally:
        for each in idle:
            each.close()
        server.close()
        clients.deleteLater()
