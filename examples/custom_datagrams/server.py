"""DTLS over local sockets: answers every message in capital letters.

    python server.py [NAME]

It reads server.pem and server-key.pem from the current directory.
"""

import sys

from local_datagrams import LocalDatagrams
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QLocalServer

from qtsecure import DtlsPeer, DtlsServer, TlsOptions


def welcome():
    while (socket := local.nextPendingConnection()) is not None:
        socket.disconnected.connect(socket.deleteLater)
        transport = LocalDatagrams(socket)
        transport.datagramReceived.connect(lambda datagram, transport=transport: take(transport))


def take(transport):
    peer = server.takeConnection(transport)  # None as long as nobody begins
    if peer is not None:
        peer.datagramReceived.connect(lambda message: peer.writeDatagram(message.upper()))
        peer.disconnected.connect(transport.close)
        peer.disconnected.connect(peer.deleteLater)


app = QCoreApplication([])
server = DtlsServer()
server.setCookieVerificationEnabled(False)  # the operating system tells who has sent something
if server.setup(TlsOptions.server("server-key.pem", "server.pem")) != DtlsPeer.Result.Ok:
    sys.exit(server.errorString())
local = QLocalServer()
local.newConnection.connect(welcome)
name = sys.argv[1] if len(sys.argv) > 1 else "qtsecure-datagrams"
QLocalServer.removeServer(name)  # what a server that was killed has left behind
if not local.listen(name):
    sys.exit(local.errorString())
print("listening on", local.fullServerName(), flush=True)
sys.exit(app.exec())
