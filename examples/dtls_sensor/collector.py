"""Collects measurements of sensors over DTLS with pre-shared keys: python collector.py [PORT]."""

import json
import sys

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket

from qtsecure import DtlsServer, SslConfiguration

KEYS = {b"kitchen": bytes.fromhex("00112233445566778899aabbccddeeff")}  # one key for each sensor

app = QCoreApplication(sys.argv)
server = DtlsServer()
configuration = SslConfiguration()
configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)  # the key is the proof
server.setSslConfiguration(configuration)


def giveKey(peer, authenticator):
    name = bytes(authenticator.identity().data())
    if name in KEYS:
        peer.setObjectName(name.decode())
        authenticator.setPreSharedKey(KEYS[name])


def welcome():
    peer = server.nextPendingConnection()

    def take(message):
        print(peer.objectName(), json.loads(message), flush=True)
        peer.writeDatagram(b"ok")  # shows the sensor that somebody is there

    peer.datagramReceived.connect(take)
    peer.disconnected.connect(peer.deleteLater)


server.preSharedKeyAuthenticationRequired.connect(giveKey)
server.pendingConnectionAvailable.connect(welcome)
server.errorOccurred.connect(lambda peer, error: print(error.message, file=sys.stderr))
if not server.listen("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5684):
    sys.exit(server.errorString())
print("listening on", server.serverPort(), flush=True)
sys.exit(app.exec())
