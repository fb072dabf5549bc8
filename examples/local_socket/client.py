"""Asks the server beside it over a local socket.

    python client.py TEXT [NAME]

It trusts server.pem in the current directory.
"""

import sys

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QLocalSocket

from qtsecure import SslConfiguration, SslSocket


def begin():
    global socket
    socket = SslSocket(transport=local)
    socket.setSslConfiguration(SslConfiguration.forClient("server.pem"))
    socket.setPeerVerifyName("localhost")  # a local socket has no host name; this is the certificate's
    socket.encrypted.connect(lambda: socket.write(sys.argv[1].encode()))
    socket.readyRead.connect(answer)
    socket.errorOccurred.connect(lambda: fail(socket.errorString()))
    socket.startClientEncryption()


def answer():
    print(socket.sessionProtocol().name, "->", socket.readAll().data().decode())
    socket.disconnected.connect(app.quit)
    socket.disconnectFromHost()


def fail(text):
    print(text, file=sys.stderr)
    app.exit(1)


if len(sys.argv) < 2:
    print("usage: client.py TEXT [NAME]", file=sys.stderr)
    sys.exit(2)
app = QCoreApplication([])
local = QLocalSocket()
local.connected.connect(begin)
local.errorOccurred.connect(lambda error: fail(local.errorString()) if socket is None else None)
socket = None
name = sys.argv[2] if len(sys.argv) > 2 else "qtsecure-example"
QTimer.singleShot(0, lambda: local.connectToServer(name))  # it may fail at once
sys.exit(app.exec())
