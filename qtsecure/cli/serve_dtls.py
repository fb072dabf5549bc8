"""``qtsecure serve --dtls``: a server that prints or returns the datagrams of its clients."""

from __future__ import annotations

import argparse
import hmac

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QHostAddress

from qtsecure import DtlsPeer, DtlsServer, PreSharedKeyAuthenticator, SecureError, SslConfiguration
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import encryptionOf, peerOf, watchServer, watchSocket

__all__ = ["serveDtls"]


def serveDtls(
    output: Output, options: argparse.Namespace, configuration: SslConfiguration, address: QHostAddress
) -> ExitCode:
    """Run a server until it has had its connections, or is interrupted."""
    return _Serve(output, options, configuration, address).run()


class _Serve(Command):
    """One server and its clients."""

    def __init__(
        self, output: Output, options: argparse.Namespace, configuration: SslConfiguration, address: QHostAddress
    ) -> None:
        super().__init__(output)
        self._address = address
        self._port: int = options.port
        self._echo: bool = options.echo
        self._keys = {key.identity.encode("utf-8", "surrogateescape"): key.key for key in options.psk}
        self._remaining: int | None = options.count
        self._server = DtlsServer(self)
        self._server.setSslConfiguration(configuration)
        self._idle = QTimer(self, singleShot=True, interval=options.idle_timeout)
        self._idle.timeout.connect(self._end)

    def start(self) -> None:
        server = self._server
        watchServer(server, self._serverEvent, psk=bool(self._keys))
        server.startedEncryptionHandshake.connect(self._reportEncrypted)
        server.pendingConnectionAvailable.connect(self._welcome)
        server.errorOccurred.connect(self._handshakeFailed)
        server.acceptError.connect(self._unusable)
        if self._keys:
            server.preSharedKeyAuthenticationRequired.connect(self._findKey)
        if not server.listen(self._address, self._port):
            self.finish(ExitCode.NOT_CONNECTED, server.serverError().name, server.errorString())
            return
        if self.output.asJson:
            self.output.event("ready", {"port": server.serverPort()})
        else:
            self.output.line(f"READY {server.serverPort()}")
        self._stirred()

    def interrupt(self) -> None:
        self._end()

    def _end(self) -> None:
        """The usual end of a server: say goodbye to everybody."""
        self.finish(ExitCode.OK)
        self._server.close()

    def _stirred(self) -> None:
        """Something happened."""
        if self._idle.interval() > 0:
            self._idle.start()

    def _serverEvent(self, name: str, fields: Fields) -> None:
        self._stirred()
        self.output.event(name, fields)

    def _reportEncrypted(self, peer: DtlsPeer) -> None:
        # The one signal that a peer emits before it is the program's.
        peer.encrypted.connect(lambda: self._peerEvent(peer, "encrypted", encryptionOf(peer)))

    def _peerEvent(self, peer: DtlsPeer, name: str, fields: Fields) -> None:
        self._stirred()
        self.output.event(name, {"peer": peerOf(peer), **fields})

    def _handshakeFailed(self, peer: DtlsPeer, error: SecureError) -> None:
        self.output.warning(f"{peerOf(peer)}: {error.message}")

    def _unusable(self, error: SecureError) -> None:
        self.finish(ExitCode.USAGE, error.code.name, error.message)

    def _findKey(self, peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator) -> None:
        wanted = bytes(authenticator.identity().data())
        for identity, key in self._keys.items():
            if hmac.compare_digest(identity, wanted):
                authenticator.setPreSharedKey(key)

    def _welcome(self) -> None:
        while (peer := self._server.nextPendingConnection()) is not None:
            self._attend(peer)

    def _attend(self, peer: DtlsPeer) -> None:
        watchSocket(peer, lambda name, fields: self._peerEvent(peer, name, fields))
        peer.datagramReceived.connect(lambda message: self._received(peer, message))
        peer.disconnected.connect(lambda: self._left(peer))

    def _received(self, peer: DtlsPeer, message: bytes) -> None:
        self._stirred()
        if not self._echo:
            text = message.decode("utf-8", "replace").removesuffix("\n")
            self.output.event("message", {"peer": peerOf(peer), "text": text})
            return
        returned = peer.writeDatagram(message)
        if not self.output.asJson:
            self.output.event("echoed", {"peer": peerOf(peer), "bytes": returned})

    def _left(self, peer: DtlsPeer) -> None:
        self.output.event("closed", {"peer": peerOf(peer), "clean": peer.error() is None})
        peer.deleteLater()
        if self._remaining is not None:
            self._remaining -= 1
            if self._remaining == 0:
                self._end()
