"""Asks the server beside it, over datagrams in a local socket.

    python client.py TEXT [NAME]

It trusts server.pem in the current directory.
"""

import sys

from local_datagrams import LocalDatagrams
from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QLocalSocket

from qtsecure import DtlsPeer, TlsOptions


def begin():
    # A local socket has no host name; this is the certificate's.
    peer.connectToPeer(LocalDatagrams(local), "localhost", TlsOptions.client("server.pem"))


def answered(message):
    print(peer.sessionProtocol().name, "->", message.decode())
    peer.disconnected.connect(app.quit)
    peer.disconnectFromPeer()


def fail(text):
    print(text, file=sys.stderr)
    app.exit(1)


if len(sys.argv) < 2:
    print("usage: client.py TEXT [NAME]", file=sys.stderr)
    sys.exit(2)
app = QCoreApplication([])
peer = DtlsPeer()
peer.encrypted.connect(lambda: peer.writeDatagram(sys.argv[1].encode()))
peer.datagramReceived.connect(answered)
peer.errorOccurred.connect(lambda error: fail(error.message))
local = QLocalSocket()
local.connected.connect(begin)
local.errorOccurred.connect(lambda error: fail(local.errorString()) if peer.baseTransport() is None else None)
name = sys.argv[2] if len(sys.argv) > 2 else "qtsecure-datagrams"
QTimer.singleShot(0, lambda: local.connectToServer(name))  # it may fail at once
sys.exit(app.exec())
