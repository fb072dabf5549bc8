"""What ``qtsecure serve`` does alike with TLS and DTLS: listening, signals, keys, the count of clients, the end."""

from __future__ import annotations

import argparse
import hmac

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure import (
    DtlsPeer,
    DtlsServer,
    PreSharedKeyAuthenticator,
    SecureError,
    SslConfiguration,
    SslServer,
    SslSocket,
)
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.net.qt_objects.signal_watch import encryptionOf, endedCleanly, peerOf, watchServer, watchSocket

__all__ = ["ServerCommand"]


class ServerCommand(Command):
    """One server and its clients; subclasses make the server and attend to what clients send.

    Args:
        output: Where to print to.
        options: Of the command line.
        address: Where to listen.
    """

    def __init__(self, output: Output, options: argparse.Namespace, address: QHostAddress) -> None:
        super().__init__(output)
        self.echo: bool = options.echo
        self._address = address
        self._port: int = options.port
        self._keys = {key.identity.encode("utf-8", "surrogateescape"): key.key for key in options.psk}
        self._remaining: int | None = options.count
        self._clients: set[SslSocket | DtlsPeer] = set()
        self._leaving = False
        self._idle = QTimer(self, singleShot=True, interval=options.idle_timeout)
        self._idle.timeout.connect(self.end)

    def use(self, server: SslServer | DtlsServer, configuration: SslConfiguration) -> None:
        """Configure and watch the server."""
        self._server = server
        server.setSslConfiguration(configuration)
        watchServer(server, self._serverEvent, psk=bool(self._keys))
        server.startedEncryptionHandshake.connect(self._reportEncrypted)
        server.pendingConnectionAvailable.connect(self._welcome)
        server.errorOccurred.connect(self._handshakeFailed)
        if self._keys:
            server.preSharedKeyAuthenticationRequired.connect(self._findKey)

    def start(self) -> None:
        server = self._server
        if not server.listen(self._address, self._port):
            self.finish(ExitCode.NOT_CONNECTED, server.serverError().name, server.errorString())
            return
        if self.output.asJson:
            self.output.event("ready", {"port": server.serverPort()})
        else:
            self.output.line(f"READY {server.serverPort()}")
        self.stirred()

    def interrupt(self) -> None:
        self.end()

    def end(self) -> None:
        """The usual end of a server: say goodbye to everybody."""
        self._leaving = True
        self._server.close()
        for peer in list(self._clients):
            peer.close()
        self.finish(ExitCode.OK)

    # ------------------------------------------------------------------ what subclasses do

    def attend(self, peer: SslSocket | DtlsPeer) -> None:
        """A client was fetched: print its signals, until it leaves."""
        self._clients.add(peer)
        watchSocket(peer, lambda name, fields: self._peerEvent(peer, name, fields))
        peer.disconnected.connect(lambda: self._left(peer))

    # ------------------------------------------------------------------- what they may use

    def stirred(self) -> None:
        """Something happened."""
        if self._idle.interval() > 0:
            self._idle.start()

    # ------------------------------------------------------------------------------ inside

    def _welcome(self) -> None:
        while (peer := self._server.nextPendingConnection()) is not None:
            self.attend(peer)

    def _left(self, peer: SslSocket | DtlsPeer) -> None:
        self._clients.discard(peer)
        self.output.event("closed", {"peer": peerOf(peer), "clean": self._leaving or endedCleanly(peer)})
        peer.deleteLater()
        if self._remaining is not None:
            self._remaining -= 1
            if self._remaining == 0:
                self.end()

    def _serverEvent(self, name: str, fields: Fields) -> None:
        self.stirred()
        if name != "closed":  # of the server itself; here it is the event of a connection
            self.output.event(name, fields)

    def _reportEncrypted(self, peer: SslSocket | DtlsPeer) -> None:
        # The one signal that is emitted before the connection is the program's.
        peer.encrypted.connect(lambda: self._peerEvent(peer, "encrypted", encryptionOf(peer)))

    def _peerEvent(self, peer: SslSocket | DtlsPeer, name: str, fields: Fields) -> None:
        self.stirred()
        self.output.event(name, {"peer": peerOf(peer), **fields})

    def _handshakeFailed(self, peer: SslSocket | DtlsPeer, error: QAbstractSocket.SocketError | SecureError) -> None:
        self.output.warning(f"{peerOf(peer)}: {peer.errorString()}")

    def _findKey(self, peer: SslSocket | DtlsPeer, authenticator: PreSharedKeyAuthenticator) -> None:
        wanted = bytes(authenticator.identity().data())
        for identity, key in self._keys.items():
            if hmac.compare_digest(identity, wanted):
                authenticator.setPreSharedKey(key)
