"""A server that answers requests of HTTP: ``python -m tests.reliability.answering_server``; prints its port.

It speaks with everybody: every suite for certificates that OpenSSL still has, and asks for no certificates.
"""

from __future__ import annotations

import signal

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket

from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.testing.pki import PublicKeyInfrastructure

_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\r\n"


def main() -> None:
    """Serve until somebody ends the process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    application = QCoreApplication([])
    certificate = PublicKeyInfrastructure().rsaServer
    configuration = SslConfiguration.forServer(certificate.chain, certificate.privateKey)
    names = [cipher.name() for cipher in SslConfiguration.supportedCiphers()]
    configuration.setCiphers([name for name in names if "PSK" not in name])
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    server = SslServer()
    server.setSslConfiguration(configuration)
    server.setHandshakeTimeout(10_000)

    def serve() -> None:
        socket = server.nextPendingConnection()
        if socket is None:
            return

        def answer(socket: SslSocket = socket) -> None:
            if socket.readBytes():
                socket.write(_ANSWER)

        socket.readyRead.connect(answer)
        socket.disconnected.connect(socket.deleteLater)
        answer()

    server.pendingConnectionAvailable.connect(serve)
    if not server.listen("127.0.0.1"):
        raise SystemExit(server.errorString())
    print(server.serverPort(), flush=True)
    application.exec()


if __name__ == "__main__":
    main()
