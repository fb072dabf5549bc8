"""A sensor that proves itself, and knows its server, by a key.

``python client.py IDENTITY KEY MESSAGE [PORT]``, with the key in hexadecimal digits.
"""

import sys

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket

from qtsecure import SslConfiguration, SslSocket

if len(sys.argv) < 4:
    sys.exit("usage: client.py IDENTITY KEY-IN-HEX MESSAGE [PORT]")
identity, key, message = sys.argv[1:4]


def giveKey(authenticator):
    authenticator.setIdentity(identity)
    authenticator.setPreSharedKey(bytes.fromhex(key))


def answer():
    if socket.canReadLine():
        print("the server says", socket.readLine().data().decode().strip())
        socket.disconnected.connect(app.quit)
        socket.disconnectFromHost()


def fail(error):
    print(socket.errorString(), file=sys.stderr)
    app.exit(1)


app = QCoreApplication([])
configuration = SslConfiguration()
# There is no certificate; a server that does not use the key is refused all the same.
configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
socket = SslSocket()
socket.setSslConfiguration(configuration)
socket.preSharedKeyAuthenticationRequired.connect(giveKey)
socket.encrypted.connect(lambda: socket.write(message.encode() + b"\n"))
socket.readyRead.connect(answer)
socket.errorOccurred.connect(fail)
socket.connectToHostEncrypted("127.0.0.1", int(sys.argv[4]) if len(sys.argv) > 4 else 4433)
sys.exit(app.exec())
