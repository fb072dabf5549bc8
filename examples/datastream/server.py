"""Answers lists of readings with their mean. Needs server.pem and server-key.pem."""

import statistics
import sys

from protocol import Channel
from PySide6.QtCore import QCoreApplication

from qtsecure import SslConfiguration, SslServer

app = QCoreApplication([])
server = SslServer()
server.setSslConfiguration(SslConfiguration.forServer("server.pem", "server-key.pem"))


def welcome():
    socket = server.nextPendingConnection()
    channel = Channel(socket)

    def answer():
        for name, readings in channel.received():
            channel.send(f"mean {name}", [statistics.fmean(readings)] if readings else [])

    socket.readyRead.connect(answer)
    socket.disconnected.connect(socket.deleteLater)
    answer()  # a message may have come with the handshake


server.pendingConnectionAvailable.connect(welcome)
if not server.listen("127.0.0.1", 4433):
    sys.exit(server.errorString())
print("listening on port", server.serverPort())
sys.exit(app.exec())
