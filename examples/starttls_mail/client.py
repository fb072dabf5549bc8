"""Sends a mail to the server beside it, and only through TLS, begun with STARTTLS (RFC 3207).

    python client.py TEXT [PORT]

It trusts server.pem in the current directory.
"""

import sys

from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import SslConfiguration, SslSocket


class Sender(QObject):
    """The client's part of the conversation."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.answer = []  # the lines of the answer that is coming in
        self.said = []  # those of the last one
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(SslConfiguration.forClient("server.pem"))
        self.socket.readyRead.connect(self.read)
        self.socket.encrypted.connect(self.goOn)
        self.socket.errorOccurred.connect(lambda: self.fail(self.socket.errorString()))
        self.steps = self.converse()
        next(self.steps)

    def say(self, line):
        self.socket.write(f"{line}\r\n".encode())

    def read(self):
        while self.socket.canReadLine():
            self.answer.append(bytes(self.socket.readLine().data()).decode("utf-8", "replace").rstrip("\r\n"))
            if self.answer[-1][3:4] != "-":  # which would mean that more lines follow
                self.goOn()

    def goOn(self):
        self.said, self.answer = self.answer, []
        if self.said and self.said[-1][:1] not in ("2", "3"):
            self.fail(f"the server refuses: {self.said[-1]}")
        else:
            next(self.steps, None)

    def converse(self):
        yield  # the server greets first
        self.say("EHLO client.example")
        yield
        if not any(line[4:] == "STARTTLS" for line in self.said):
            self.fail("the server offers no STARTTLS")  # never go on in plain text
            return
        self.say("STARTTLS")
        yield
        # From here on nothing is plain text. What the server has sent behind its answer is refused.
        self.socket.startClientEncryption()
        yield  # until encrypted
        print("encrypted:", self.socket.sessionProtocol().name)
        self.say("EHLO client.example")  # what was offered in plain text does not count
        yield
        for line in ("MAIL FROM:<me@client.example>", "RCPT TO:<you@mail.example>", "DATA", f"{self.text}\r\n."):
            self.say(line)
            yield
        print("sent")
        self.socket.errorOccurred.disconnect()  # the server ends the conversation now
        self.socket.disconnected.connect(QCoreApplication.quit)
        self.say("QUIT")
        yield

    def fail(self, text):
        print(text, file=sys.stderr)
        self.socket.abort()
        QCoreApplication.exit(1)


if len(sys.argv) < 2:
    print("usage: client.py TEXT [PORT]", file=sys.stderr)
    sys.exit(2)
app = QCoreApplication([])
sender = Sender(sys.argv[1])
sender.socket.connectToHost("localhost", int(sys.argv[2]) if len(sys.argv) > 2 else 2525)
sys.exit(app.exec())
