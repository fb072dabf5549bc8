"""``qtsecure serve --dtls``: a server that prints or returns the datagrams of its clients."""

from __future__ import annotations

import argparse

from PySide6.QtNetwork import QHostAddress

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration, SslSocket
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.server_command import ServerCommand
from qtsecure.net.qt_objects.signal_watch import peerOf

__all__ = ["serveDtls"]


def serveDtls(
    output: Output, options: argparse.Namespace, configuration: SslConfiguration, address: QHostAddress
) -> ExitCode:
    """Run a server until it has had its connections, or is interrupted."""
    return _Serve(output, options, configuration, address).run()


class _Serve(ServerCommand):
    """One server and its clients."""

    def __init__(
        self, output: Output, options: argparse.Namespace, configuration: SslConfiguration, address: QHostAddress
    ) -> None:
        super().__init__(output, options, address)
        self._configuration = configuration
        self._dtls = DtlsServer(self)
        self.use(self._dtls, configuration)
        self._dtls.acceptError.connect(self._unusable)

    def start(self) -> None:
        if self._dtls.setup(self._configuration) is not DtlsPeer.Result.Ok:
            self.finish(ExitCode.USAGE, "Usage", self._dtls.errorString())  # an Ed25519 key, for example
            return
        super().start()

    def _unusable(self, error: SecureError) -> None:
        self.finish(ExitCode.USAGE, error.code.name, error.message)

    def attend(self, peer: SslSocket | DtlsPeer) -> None:
        super().attend(peer)
        assert isinstance(peer, DtlsPeer)
        peer.datagramReceived.connect(lambda message: self._received(peer, message))

    def _received(self, peer: DtlsPeer, message: bytes) -> None:
        self.stirred()
        if not self.echo or self.output.asJson:
            text = message.decode("utf-8", "replace").removesuffix("\n")
            self.output.event("message", {"peer": peerOf(peer), "text": text})
        if not self.echo:
            return
        try:
            returned = peer.writeDatagram(message)
        except SecureError as error:  # a client may send larger messages than this end, or have left by now
            self.output.event("notEchoed", {"peer": peerOf(peer), "error": error.message})
            return
        if not self.output.asJson:
            self.output.event("echoed", {"peer": peerOf(peer), "bytes": returned})
