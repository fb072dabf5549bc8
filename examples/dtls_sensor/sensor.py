"""A sensor that sends a measurement every second: python sensor.py [PORT [COUNT]].

It begins anew when its association has ended. UDP does not tell that a collector has vanished, so the collector
answers each measurement, and five seconds without any answer end the association.
"""

import json
import random
import sys

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QSslSocket

from qtsecure import DtlsPeer, SslConfiguration

NAME, KEY = b"kitchen", bytes.fromhex("00112233445566778899aabbccddeeff")
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 5684
left = int(sys.argv[2]) if len(sys.argv) > 2 else -1

app = QCoreApplication(sys.argv)
peer = DtlsPeer()
configuration = SslConfiguration()
configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)  # the server has to use the key
peer.setSslConfiguration(configuration)
peer.setIdleTimeout(5000)
timer = QTimer(interval=1000 if left < 0 else 20)


def connect():
    peer.connectToHost("127.0.0.1", PORT)


def giveKey(authenticator):
    authenticator.setIdentity(NAME)
    authenticator.setPreSharedKey(KEY)


def measure():
    global left
    if left == 0:
        peer.close()
        app.quit()
        return
    left -= 1
    peer.writeDatagram(json.dumps({"celsius": round(random.gauss(21, 0.5), 1)}).encode())


def lost():
    timer.stop()
    if left:
        QTimer.singleShot(1000, connect)


peer.preSharedKeyAuthenticationRequired.connect(giveKey)
peer.encrypted.connect(timer.start)
peer.errorOccurred.connect(lambda error: print(error.message, file=sys.stderr))
peer.datagramReceived.connect(lambda answer: None)  # taken, so that answers do not pile up
peer.disconnected.connect(lost)
timer.timeout.connect(measure)
connect()
sys.exit(app.exec())
