"""``qtsecure demo``: a server and a client in one process, and every signal of both."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SslServer, SslSocket
from qtsecure.cli.demo_command import DemoCommand
from qtsecure.cli.exit_codes import ExitCode

__all__ = ["demo"]

_SPEAKERS = "'client' is the client's socket, 'server' the server, 'peer' the server's socket for this client."


def demo(*, dtls: bool = False, gui: bool = False) -> ExitCode:
    """Run the demo."""
    if gui:
        from qtsecure.cli.demo_gui import demoGui

        return demoGui(dtls=dtls)
    if dtls:
        from qtsecure.cli.demo_dtls import demoDtls

        return demoDtls()
    return _Demo().run()


class _Demo(DemoCommand):
    """With TLS, whose messages are lines."""

    def start(self) -> None:
        self._server, self._client = server, client = SslServer(self), SslSocket(self)
        if self.begin(server, client):
            server.pendingConnectionAvailable.connect(self._welcome)
            client.readyRead.connect(self._readAnswer)
            client.errorOccurred.connect(self._failed)
            self.output.line(f"A server listens on port {server.serverPort()}, and a client connects to it.")
            self.output.line(_SPEAKERS)
            client.connectToHostEncrypted("127.0.0.1", server.serverPort())

    def send(self, message: str) -> None:
        self._client.write(f"{message}\n".encode())

    def leave(self) -> None:
        self._client.disconnectFromHost()

    def _welcome(self) -> None:
        socket = self._server.nextPendingConnection()
        assert socket is not None
        self.watchPeer(socket)
        socket.readyRead.connect(lambda: self._returnMessage(socket))

    def _returnMessage(self, socket: SslSocket) -> None:
        while socket.canReadLine():
            line = socket.readLine()
            self.returned(_text(line.data()))
            socket.write(line)

    def _readAnswer(self) -> None:
        while self._client.canReadLine() and self.isWaiting():
            self.answered(_text(self._client.readLine().data()))

    def _failed(self, error: QAbstractSocket.SocketError) -> None:
        code = ExitCode.TLS_FAILURE if self._client.mode().value else ExitCode.NOT_CONNECTED
        self.finish(code, error.name, self._client.errorString())


def _text(data: bytes | bytearray | memoryview) -> str:
    return bytes(data).decode("utf-8", "replace").removesuffix("\n")
