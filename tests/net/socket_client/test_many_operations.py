"""Very many operations at once finish, and leave nothing."""

from __future__ import annotations

import gc
import weakref

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure import ConnectOperation, SocketClient, SslConfiguration, SslServer, SslSocket
from qtsecure.net.reactor import reactorOfThisThread
from qtsecure.net.transports.choice import usesReactor
from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conversation import deleteEverything, openDescriptors, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_all_finish_and_nothing_is_left(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, count: int
) -> None:
    """Half of them encrypted, each with a name to look up; some cancelled, some refused."""
    deleteEverything()
    if usesReactor():
        reactorOfThisThread()  # has a descriptor of its own, which stays
    before = openDescriptors()
    server = SslServer()
    server.setSslConfiguration(
        SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    )
    server.setHandshakeTimeout(120_000)
    server.setMaxHandshakingConnections(count)
    server.setMaxPendingConnections(count)
    server.setListenBacklogSize(count)
    assert server.listen("127.0.0.1", 0)
    client = SocketClient()
    client.setEnableProxy(False)
    client.setHandshakeTimeout(120_000)
    client.setTlsConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    operations: list[ConnectOperation] = []
    for n in range(count):
        client.setTls(n % 2 == 0)
        port = 1 if n % 10 == 9 else server.serverPort()
        operations.append(client.connectToHost("localhost", port))
        if n % 10 == 8:
            operations[-1].cancel()
    assert len(client._running) == count
    spin(lambda: all(operation.isFinished() for operation in operations), 240_000)
    assert client._running == {}
    results = [operation.connection() for operation in operations]
    assert [result is not None for result in results] == [n % 10 < 8 for n in range(count)]
    assert all(result.isEncrypted() == (n % 2 == 0) for n, result in enumerate(results) if result is not None)
    gone = [weakref.ref(operation) for operation in operations]
    for result in results:
        if result is not None:
            result.abort()
            gone.append(weakref.ref(result))
    server.close()
    for child in server.findChildren(SslSocket):
        child.abort()
        child.deleteLater()
    operations.clear()
    results.clear()
    del result, child
    settle()
    gc.collect()
    deleteEverything()
    assert [reference() for reference in gone if reference() is not None] == []
    assert openDescriptors() <= before  # what earlier tests left may have gone meanwhile
    assert client.findChildren(SslSocket) == []
