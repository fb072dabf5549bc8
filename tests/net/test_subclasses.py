"""Programs subclass our QObjects, and give their slots the names that they like."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conversation import spin

NAMES = (
    *("adopt", "afterEngine", "handleEvents", "replaced", "socketLost", "transportConnected", "transportEnded"),
    *("socketEncrypted", "socketDisconnected", "socketFailed", "peerEncrypted", "peerDisconnected", "peerFailed"),
)
"""Of what our own layers do for each other, and programs might have slots for."""


def withOwnSlots(kind: type[QObject]) -> type[QObject]:
    """A subclass in which each of these names means something of the program's."""

    def own(self: QObject) -> None:
        raise AssertionError("Only the program may call it.")

    return type(f"Own{kind.__name__}", (kind,), dict.fromkeys(NAMES, own))


@pytest.mark.parametrize(("serverKind", "clientKind"), [(SslServer, SslSocket), (DtlsServer, DtlsPeer)])
def test_slots_of_subclasses(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, serverKind: type[QObject], clientKind: type[QObject]
) -> None:
    """A connection is made, carries data and ends, and none of them is called."""
    server, client = withOwnSlots(serverKind)(), withOwnSlots(clientKind)()
    server.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    assert server.listen("127.0.0.1")
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    connect = client.connectToHostEncrypted if isinstance(client, SslSocket) else client.connectToHost
    connect("127.0.0.1", server.serverPort())
    spin(lambda: server.hasPendingConnections() and client.isEncrypted())
    accepted = server.nextPendingConnection()
    (client.write if isinstance(client, SslSocket) else client.writeDatagram)(b"data")
    received: list[bytes] = []
    accepted.readyRead.connect(
        lambda: received.append(accepted.readBytes() if isinstance(accepted, SslSocket) else accepted.readDatagram())
    )
    spin(lambda: received == [b"data"])
    ended: list[bool] = []
    accepted.disconnected.connect(lambda: ended.append(True))
    (client.disconnectFromHost if isinstance(client, SslSocket) else client.close)()
    spin(lambda: bool(ended))
    server.close()
