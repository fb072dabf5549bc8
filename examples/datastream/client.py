"""Sends a list of readings and prints the answer. Needs server.pem, which it trusts."""

import sys

from protocol import Channel
from PySide6.QtCore import QCoreApplication

from qtsecure import SslConfiguration, SslSocket

app = QCoreApplication([])
socket = SslSocket()
socket.setSslConfiguration(SslConfiguration.forClient("server.pem"))
channel = Channel(socket)


def show():
    for name, readings in channel.received():
        print(f"{name}: {readings}")
        socket.disconnected.connect(app.quit)
        socket.disconnectFromHost()


def fail(error):
    print(socket.errorString(), file=sys.stderr)
    app.exit(1)


socket.readyRead.connect(show)
socket.errorOccurred.connect(fail)
socket.encrypted.connect(lambda: channel.send("temperature", [20.5, 21.5]))
socket.connectToHostEncrypted("localhost", 4433)
sys.exit(app.exec())
