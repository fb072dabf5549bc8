"""``qtsecure serve``: a server that prints or returns what clients send."""

from __future__ import annotations

import argparse
import codecs
import hmac

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure import PreSharedKeyAuthenticator, SslConfiguration, SslServer, SslSocket
from qtsecure.cli.configuration import UsageError, serverConfiguration
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import NOISE, encryptionOf, peerOf, watchServer, watchSocket

__all__ = ["serve"]

_HIDDEN = NOISE | {
    "errorOccurred",
    "modeChanged",
    "newConnection",
    "pendingConnectionAvailable",
    "stateChanged",
    "statusChanged",
}
_AHEAD = 256 * 1024
"""How much may wait for one client, in bytes: one that sends and never reads must not fill the memory."""


def serve(options: argparse.Namespace) -> ExitCode:
    """Run a server until it has had its connections, or is interrupted."""
    output = Output("serve", asJson=options.json, hidden=_HIDDEN)
    try:
        configuration = serverConfiguration(options)
        address = _address(options.host)
    except UsageError as error:
        output.error("Usage", str(error))
        return ExitCode.USAGE
    if options.dtls:
        from qtsecure.cli.serve_dtls import serveDtls

        return serveDtls(output, options, configuration, address)
    return _Serve(output, options, configuration, address).run()


def _address(host: str) -> QHostAddress:
    address = QHostAddress("127.0.0.1" if host == "localhost" else host.strip("[]"))
    if address.isNull():
        raise UsageError(f"--host must be an address of this computer such as 127.0.0.1, ::1 or 0.0.0.0, not {host!r}.")
    return address


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
        self._server = SslServer(self)
        self._server.setSslConfiguration(configuration)
        self._idle = QTimer(self, singleShot=True, interval=options.idle_timeout)
        self._idle.timeout.connect(self._end)
        self._clients: set[SslSocket] = set()

    def start(self) -> None:
        server = self._server
        watchServer(server, self._serverEvent, psk=bool(self._keys))
        server.startedEncryptionHandshake.connect(self._reportEncrypted)
        server.pendingConnectionAvailable.connect(self._welcome)
        server.errorOccurred.connect(self._handshakeFailed)
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
        self._server.close()
        for socket in list(self._clients):
            socket.disconnectFromHost()
        self.finish(ExitCode.OK)

    def _stirred(self) -> None:
        """Something happened."""
        if self._idle.interval() > 0:
            self._idle.start()

    def _serverEvent(self, name: str, fields: Fields) -> None:
        self._stirred()
        self.output.event(name, fields)

    def _reportEncrypted(self, socket: SslSocket) -> None:
        # The one signal that an accepted socket emits before it is the program's.
        socket.encrypted.connect(lambda: self._socketEvent(socket, "encrypted", encryptionOf(socket)))

    def _socketEvent(self, socket: SslSocket, name: str, fields: Fields) -> None:
        self._stirred()
        self.output.event(name, {"peer": peerOf(socket), **fields})

    def _handshakeFailed(self, socket: SslSocket, error: QAbstractSocket.SocketError) -> None:
        self.output.warning(f"{peerOf(socket)}: {socket.errorString()}")

    def _findKey(self, socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
        wanted = bytes(authenticator.identity().data())
        for identity, key in self._keys.items():
            if hmac.compare_digest(identity, wanted):
                authenticator.setPreSharedKey(key)

    def _welcome(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            self._attend(socket)

    def _attend(self, socket: SslSocket) -> None:
        self._clients.add(socket)
        watchSocket(socket, lambda name, fields: self._socketEvent(socket, name, fields))
        socket.setReadBufferSize(_AHEAD)
        if self._echo:
            socket.readyRead.connect(lambda: self._return(socket))
            socket.bytesWritten.connect(lambda _: self._return(socket))
            socket.encryptedBytesWritten.connect(lambda _: self._return(socket))
        else:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            socket.readyRead.connect(lambda: self._print(socket, decoder))
        socket.disconnected.connect(lambda: self._left(socket))

    def _return(self, socket: SslSocket) -> None:
        while socket.bytesAvailable() and socket.bytesToWrite() + socket.encryptedBytesToWrite() < _AHEAD:
            returned = socket.write(socket.readBytes(65536))
            if returned < 0:
                return  # the connection is over
            if not self.output.asJson:
                self.output.event("echoed", {"peer": peerOf(socket), "bytes": returned})

    def _print(self, socket: SslSocket, decoder: codecs.IncrementalDecoder) -> None:
        text = decoder.decode(socket.readBytes())
        for line in text.removesuffix("\n").split("\n") if text else ():
            self.output.event("message", {"peer": peerOf(socket), "text": line})

    def _left(self, socket: SslSocket) -> None:
        self.output.event("closed", {"peer": peerOf(socket), "clean": socket.peerClosedCleanly()})
        self._clients.discard(socket)
        socket.deleteLater()
        if self._remaining is not None:
            self._remaining -= 1
            if self._remaining == 0:
                self._end()
