"""A mail server that takes mail only through TLS, begun with STARTTLS (RFC 3207).

    python server.py [PORT]

It reads server.pem and server-key.pem from the current directory and prints the mail that it gets.
"""

import sys

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QTcpServer

from qtsecure import SslConfiguration, SslSocket


class Session(QObject):
    """One client, from its connection to its QUIT."""

    def __init__(self, descriptor, configuration, parent):
        super().__init__(parent)
        self.mail = None  # the lines of a mail, while it is coming in
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(configuration)
        self.socket.setReadBufferSize(65536)  # a client may not fill our memory with an endless line
        self.socket.readyRead.connect(self.read)
        self.socket.errorOccurred.connect(self.fail)
        self.socket.disconnected.connect(self.deleteLater)
        self.socket.setSocketDescriptor(descriptor)
        self.say("220 mail.example ESMTP")

    def say(self, line):
        self.socket.write(f"{line}\r\n".encode())

    def read(self):
        while self.socket.canReadLine():
            line = bytes(self.socket.readLine().data()).decode("utf-8", "replace").rstrip("\r\n")
            if self.mail is None:
                self.obey(line.partition(" ")[0].upper())
            elif line != ".":
                self.mail.append(line)
            else:
                print("mail:", " / ".join(self.mail), flush=True)
                self.mail = None
                self.say("250 Taken")
        if self.socket.bytesAvailable() == self.socket.readBufferSize():
            print("refused: a line without end", file=sys.stderr, flush=True)
            self.socket.abort()

    def obey(self, command):
        if command == "EHLO":
            self.say("250 mail.example" if self.socket.isEncrypted() else "250-mail.example\r\n250 STARTTLS")
        elif command == "STARTTLS" and not self.socket.isEncrypted():
            self.say("220 Go ahead")
            # The line above still goes out in plain text. If the client has sent more than its
            # STARTTLS, somebody may have injected it: the connection ends here.
            self.socket.startServerEncryption()
        elif command == "QUIT":
            self.say("221 Bye")
            self.socket.disconnectFromHost()
        elif not self.socket.isEncrypted():
            self.say("530 Must issue a STARTTLS command first")
        elif command in ("MAIL", "RCPT"):
            self.say("250 Fine")
        elif command == "DATA":
            self.mail = []
            self.say("354 End with a dot")
        else:
            self.say("502 Not here")

    def fail(self, error):
        if error != QAbstractSocket.SocketError.RemoteHostClosedError:
            print("refused:", self.socket.errorString(), file=sys.stderr, flush=True)


class MailServer(QTcpServer):
    """Makes a session of each connection."""

    def __init__(self, configuration):
        super().__init__()
        self.configuration = configuration

    def incomingConnection(self, descriptor):
        Session(descriptor, self.configuration, self)


app = QCoreApplication([])
server = MailServer(SslConfiguration.forServer("server.pem", "server-key.pem"))
port = int(sys.argv[1]) if len(sys.argv) > 1 else 2525
if not server.listen(QHostAddress("127.0.0.1"), port):
    sys.exit(server.errorString())
print("listening on port", server.serverPort(), flush=True)
sys.exit(app.exec())
