"""``qtsecure serve``: a server that prints or returns what clients send."""

from __future__ import annotations

import argparse
import codecs

from PySide6.QtNetwork import QHostAddress

from qtsecure import DtlsPeer, SslConfiguration, SslServer, SslSocket
from qtsecure.cli.configuration import UsageError, serverConfiguration
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.server_command import ServerCommand
from qtsecure.net.qt_objects.signal_watch import NOISE, peerOf

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


class _Serve(ServerCommand):
    """One server and its clients."""

    def __init__(
        self, output: Output, options: argparse.Namespace, configuration: SslConfiguration, address: QHostAddress
    ) -> None:
        super().__init__(output, options, address)
        self.use(SslServer(self), configuration)

    def attend(self, peer: SslSocket | DtlsPeer) -> None:
        super().attend(peer)
        assert isinstance(peer, SslSocket)
        self._serve(peer)

    def _serve(self, socket: SslSocket) -> None:
        socket.setReadBufferSize(_AHEAD)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        if self.echo:
            socket.readyRead.connect(lambda: self._return(socket, decoder))
            socket.bytesWritten.connect(lambda _: self._return(socket, decoder))
            socket.encryptedBytesWritten.connect(lambda _: self._return(socket, decoder))
        else:
            socket.readyRead.connect(lambda: self._print(socket, decoder, socket.readBytes()))

    def _return(self, socket: SslSocket, decoder: codecs.IncrementalDecoder) -> None:
        while socket.bytesAvailable() and socket.bytesToWrite() + socket.encryptedBytesToWrite() < _AHEAD:
            data = socket.readBytes(65536)
            if self.output.asJson:
                self._print(socket, decoder, data)
            returned = socket.write(data)
            if returned < 0:
                return  # the connection is over
            if not self.output.asJson:
                self.output.event("echoed", {"peer": peerOf(socket), "bytes": returned})

    def _print(self, socket: SslSocket, decoder: codecs.IncrementalDecoder, data: bytes) -> None:
        text = decoder.decode(data)
        for line in text.removesuffix("\n").split("\n") if text else ():
            self.output.event("message", {"peer": peerOf(socket), "text": line})
