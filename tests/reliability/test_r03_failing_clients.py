"""R3: however many clients fail, and in whatever way, a good one is served at once (sec-A4)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.net.conversation import assertNoneLeft, deleteEverything, openDescriptors, settle, spin
from tests.reliability.good_client import GoodClients

pytestmark = [pytest.mark.figure("R3"), pytest.mark.usefixtures("transport_mode")]


def test_r3_failing_clients(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    tmp_path: Path,
    transport_mode: str,
    figure: Figure,
) -> None:
    """Good clients during and after a storm of eight kinds of bad ones; nothing is left of it."""
    count = figure.size(800, 10_000)
    bad = qtsecure_pki.clientUnknownCa.writeTo(tmp_path, "bad")
    bad.key.rename(tmp_path / "bad-key.pem")
    configuration = SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey)
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
    configuration.setCaCertificates([qtsecure_pki.ca.certificate])
    server = SslServer()
    server.setSslConfiguration(configuration)
    assert server.listen("127.0.0.1")
    good = SslConfiguration.forClient([qtsecure_pki.ca.certificate])
    good.setLocalCertificateChain(list(qtsecure_pki.client.chain))
    good.setPrivateKey(qtsecure_pki.client.privateKey)
    clients = GoodClients(server, good)
    clients.start()
    spin(lambda: len(clients.latencies) >= 5)
    clients.latencies.clear()
    before = openDescriptors()
    program = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("failing_clients.py")),
            *map(str, (server.serverPort(), count, tmp_path)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        spin(lambda: program.poll() is not None, timeout=180_000)
        assert program.stdout is not None
        kinds = json.loads(program.stdout.read())
    finally:
        program.kill()
        program.communicate()
    during = len(clients.latencies)
    spin(lambda: len(clients.latencies) >= during + 5)
    clients.running = False
    spin(lambda: server.statistics().handshaking == 0)
    settle()
    statistics = server.statistics()
    latency = clients.worst(0.99) * 1000
    figure.none("good clients refused", len(clients.faults), during, transport_mode)
    figure.none("failed clients not counted", abs(count - statistics.failed), count, transport_mode)
    figure.atMost("their latency, 99th percentile", latency, 100, "ms", variant=transport_mode, noisy=True)
    assert program.returncode == 0
    assert sum(kinds.values()) == count
    assert len(kinds) == 8
    assert clients.faults == []
    assert during > 10
    assert statistics.handshakeFailed >= count // 2
    # Who waits for the end of its peer keeps a descriptor for a second at most.
    clients.deleteLater()
    deleteEverything()
    assert server.findChildren(SslSocket) == []
    assertNoneLeft(before)
    server.close()
