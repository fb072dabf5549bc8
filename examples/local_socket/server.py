"""TLS over a local socket: knows its clients by their certificates, whoever runs them.

    python server.py [NAME]

It reads server.pem and server-key.pem from the current directory and answers in capital letters.
"""

import sys

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QLocalServer

from qtsecure import SslConfiguration, SslSocket


def welcome():
    local = server.nextPendingConnection()
    socket = SslSocket(server, transport=local)
    local.setParent(socket)  # both go together
    socket.setSslConfiguration(configuration)
    socket.readyRead.connect(lambda: socket.write(socket.readAll().toUpper()))
    socket.disconnected.connect(socket.deleteLater)
    socket.startServerEncryption()


app = QCoreApplication([])
configuration = SslConfiguration.forServer("server.pem", "server-key.pem")
server = QLocalServer()
server.newConnection.connect(welcome)
name = sys.argv[1] if len(sys.argv) > 1 else "qtsecure-example"
QLocalServer.removeServer(name)  # what a server that was killed has left behind
if not server.listen(name):
    sys.exit(server.errorString())
print("listening on", server.fullServerName(), flush=True)
sys.exit(app.exec())
