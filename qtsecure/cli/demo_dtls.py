"""``qtsecure demo --dtls``: a server and a client in one process, datagrams, and every signal of both."""

from __future__ import annotations

from qtsecure import DtlsPeer, DtlsServer, SecureError
from qtsecure.cli.demo_command import DemoCommand
from qtsecure.cli.exit_codes import ExitCode

__all__ = ["demoDtls"]

_SPEAKERS = "'client' is the client's peer, 'server' the server, 'peer' the server's peer for this client."


def demoDtls() -> ExitCode:
    """Run the demo."""
    return _Demo().run()


class _Demo(DemoCommand):
    """With DTLS, whose messages are datagrams."""

    def start(self) -> None:
        self._server, self._client = server, client = DtlsServer(self), DtlsPeer(self)
        if self.begin(server, client):
            server.pendingConnectionAvailable.connect(self._welcome)
            client.datagramReceived.connect(self._received)
            client.errorOccurred.connect(self._failed)
            self.output.line(f"A server listens on UDP port {server.serverPort()}, and a client begins an association.")
            self.output.line(_SPEAKERS)
            client.connectToHost("127.0.0.1", server.serverPort())

    def send(self, message: str) -> None:
        self._client.writeDatagram(message.encode())

    def leave(self) -> None:
        self._client.close()

    def _welcome(self) -> None:
        peer = self._server.nextPendingConnection()
        assert peer is not None
        self.watchPeer(peer)
        peer.datagramReceived.connect(lambda message: self._return(peer, message))

    def _return(self, peer: DtlsPeer, message: bytes) -> None:
        self.returned(message.decode())
        peer.writeDatagram(message)

    def _received(self, message: bytes) -> None:
        self.answered(message.decode("utf-8", "replace"))

    def _failed(self, error: SecureError) -> None:
        self.finish(ExitCode.TLS_FAILURE, error.code.name, error.message)
