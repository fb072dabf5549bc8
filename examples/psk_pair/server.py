"""A server without certificates: it knows its clients by keys, and answers what they measure.

``python server.py KEYS [PORT]``; each line of the file KEYS is an identity, a colon and a key in hexadecimal digits.
"""

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from qtsecure import SslConfiguration, SslServer, SslSocket

if len(sys.argv) < 2:
    sys.exit("usage: server.py FILE [PORT], with IDENTITY:KEY-IN-HEX on each line of FILE")
lines = Path(sys.argv[1]).read_text("utf-8").split()
keys = {name.encode(): bytes.fromhex(key) for name, _, key in (line.rpartition(":") for line in lines)}
claimed: dict[SslSocket, str] = {}  # a client has proved its identity only when its handshake is complete


def findKey(socket, authenticator):
    identity = authenticator.identity().data()
    if identity in keys:
        claimed[socket] = identity.decode()
        authenticator.setPreSharedKey(keys[identity])


def welcome():
    socket = server.nextPendingConnection()
    name = claimed.pop(socket)
    print(name, "is here,", socket.sessionProtocol().name)

    def answer():
        while socket.canReadLine():
            print(name, "says", socket.readLine().data().decode().strip())
            socket.write(b"noted\n")

    socket.readyRead.connect(answer)
    socket.disconnected.connect(socket.deleteLater)
    answer()


def refuse(socket, error):
    claimed.pop(socket, None)
    print("refused:", socket.errorString())


app = QCoreApplication([])
server = SslServer()
server.setSslConfiguration(SslConfiguration())
server.preSharedKeyAuthenticationRequired.connect(findKey)  # this switches pre-shared keys on
server.pendingConnectionAvailable.connect(welcome)
server.errorOccurred.connect(refuse)
if not server.listen("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 4433):
    sys.exit(server.errorString())
print("listening on port", server.serverPort())
app.exec()
