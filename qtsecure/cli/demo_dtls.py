"""``qtsecure demo --dtls``: a server and a client in one process, datagrams, and every signal of both."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import NOISE, watchServer, watchSocket

__all__ = ["demoDtls"]

_MESSAGES = [b"Hello, server!", b"The quick brown fox jumps over the lazy dog."]
_TIMEOUT_MS = 15_000
_SPEAKERS = "'client' is the client's peer, 'server' the server, 'peer' the server's peer for this client."


def demoDtls() -> ExitCode:
    """Run the demo."""
    return _Demo(Output("demo", hidden=NOISE)).run()


class _Demo(Command):
    """The client sends messages, the server returns them, the client says goodbye."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._server = DtlsServer(self)
        self._client = DtlsPeer(self)
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
        watchSocket(client, self._printAs("client"))
        server.pendingConnectionAvailable.connect(self._welcome)
        client.encrypted.connect(self._sendNext)
        client.datagramReceived.connect(self._answered)
        client.errorOccurred.connect(self._failed)
        if not server.listen("127.0.0.1", 0):
            self.finish(ExitCode.NOT_CONNECTED, server.serverError().name, server.errorString())
            return
        self.output.line(f"A server listens on UDP port {server.serverPort()}, and a client begins an association.")
        self.output.line(_SPEAKERS)
        client.connectToHost("127.0.0.1", server.serverPort())

    def _printAs(self, source: str) -> Callable[[str, Fields], None]:
        return lambda name, fields: self.output.event(name, fields, source=source)

    def _welcome(self) -> None:
        peer = self._server.nextPendingConnection()
        assert peer is not None
        watchSocket(peer, self._printAs("peer  "))
        peer.datagramReceived.connect(lambda message: self._return(peer, message))
        peer.disconnected.connect(lambda: self._goodbye(peer))

    def _return(self, peer: DtlsPeer, message: bytes) -> None:
        self.output.event("message", {"text": message.decode()}, source="peer  ")
        peer.writeDatagram(message)

    def _sendNext(self) -> None:
        if self._waiting:
            self._client.writeDatagram(self._waiting[0])
        else:
            self._client.close()

    def _answered(self, message: bytes) -> None:
        self.output.event("message", {"text": message.decode("utf-8", "replace")}, source="client")
        if message != self._waiting.pop(0):
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The echo differs from what was sent.")
            return
        self._sendNext()

    def _goodbye(self, peer: DtlsPeer) -> None:
        clean = peer.error() is None
        self.output.event("closed", {"clean": clean}, source="peer  ")
        peer.deleteLater()
        if self._waiting or not clean:
            self.finish(ExitCode.TLS_FAILURE, "UncleanClose", "The association ended before everything was said.")
            return
        self.output.line(f"{len(_MESSAGES)} messages there and back, and a clean goodbye: everything works here.")
        self.finish(ExitCode.OK)

    def _failed(self, error: SecureError) -> None:
        self.finish(ExitCode.TLS_FAILURE, error.code.name, error.message)

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", f"The demo did not come to its end within {_TIMEOUT_MS // 1000} s.")
