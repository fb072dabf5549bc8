"""``qtsecure demo``: a server and a client in one process, and every signal of both."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import NOISE, watchServer, watchSocket

__all__ = ["demo"]

_MESSAGES = ["Hello, server!", "The quick brown fox jumps over the lazy dog."]
_TIMEOUT_MS = 15_000
_SPEAKERS = "'client' is the client's socket, 'server' the server, 'peer' the server's socket for this client."
_GOODBYE = "the peer said goodbye; Qt reports it as an error"


def demo(*, dtls: bool = False) -> ExitCode:
    """Run the demo."""
    if dtls:
        from qtsecure.cli.demo_dtls import demoDtls

        return demoDtls()
    return _Demo(Output("demo", hidden=NOISE)).run()


class _Demo(Command):
    """The client sends messages, the server returns them, the client says goodbye."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._server = SslServer(self)
        self._client = SslSocket(self)
        self._waiting = list(_MESSAGES)
        self._timer = QTimer(self, singleShot=True, interval=_TIMEOUT_MS)
        self._timer.timeout.connect(self._timedOut)

    def start(self) -> None:
        # Throw-away certificates are what the test support is good at; nothing else needs it.
        from qtsecure.testing import PublicKeyInfrastructure

        pki = PublicKeyInfrastructure()
        self._timer.start()
        server, client = self._server, self._client
        server.setSslConfiguration(SslConfiguration.forServer(pki.server.chain, pki.server.privateKey))
        client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        watchServer(server, self._printAs("server"))
        watchSocket(client, self._printAs("client", client))
        server.pendingConnectionAvailable.connect(self._welcome)
        client.encrypted.connect(self._sendNext)
        client.readyRead.connect(self._readAnswer)
        client.errorOccurred.connect(self._failed)
        if not server.listen("127.0.0.1", 0):
            self.finish(ExitCode.NOT_CONNECTED, server.serverError().name, server.errorString())
            return
        self.output.line(f"A server listens on port {server.serverPort()}, and a client connects to it.")
        self.output.line(_SPEAKERS)
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())

    def _printAs(self, source: str, socket: SslSocket | None = None) -> Callable[[str, Fields], None]:
        def show(name: str, fields: Fields) -> None:
            closed = fields.get("error") == "RemoteHostClosedError"
            clean = closed and socket is not None and socket.peerClosedCleanly()
            self.output.event(name, fields, source=source, note=_GOODBYE if clean else "")

        return show

    def _welcome(self) -> None:
        socket = self._server.nextPendingConnection()
        assert socket is not None
        watchSocket(socket, self._printAs("peer  ", socket))
        socket.readyRead.connect(lambda: self._returnMessage(socket))
        socket.disconnected.connect(lambda: self._goodbye(socket))

    def _returnMessage(self, socket: SslSocket) -> None:
        while socket.canReadLine():
            line = socket.readLine()
            self.output.event("message", {"text": _text(line.data())}, source="peer  ")
            socket.write(line)

    def _sendNext(self) -> None:
        if self._waiting:
            self._client.write(f"{self._waiting[0]}\n".encode())
        else:
            self._client.disconnectFromHost()

    def _readAnswer(self) -> None:
        while self._client.canReadLine() and self._waiting:
            answer = _text(self._client.readLine().data())
            self.output.event("message", {"text": answer}, source="client")
            if answer != self._waiting.pop(0):
                self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The echo differs from what was sent.")
                return
            self._sendNext()

    def _goodbye(self, peer: SslSocket) -> None:
        clean = peer.peerClosedCleanly()
        self.output.event("closed", {"clean": clean}, source="peer  ")
        peer.deleteLater()
        if self._waiting or not clean:
            self.finish(ExitCode.TLS_FAILURE, "UncleanClose", "The connection ended before everything was said.")
            return
        self.output.line(f"{len(_MESSAGES)} messages there and back, and a clean goodbye: everything works here.")
        self.finish(ExitCode.OK)

    def _failed(self, error: QAbstractSocket.SocketError) -> None:
        code = ExitCode.TLS_FAILURE if self._client.mode().value else ExitCode.NOT_CONNECTED
        self.finish(code, error.name, self._client.errorString())

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", f"The demo did not come to its end within {_TIMEOUT_MS // 1000} s.")


def _text(data: bytes | bytearray | memoryview) -> str:
    return bytes(data).decode("utf-8", "replace").removesuffix("\n")
