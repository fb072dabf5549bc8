"""What ``qtsecure demo`` does alike with TLS and DTLS: throw-away certificates, signals, the verdict."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration, SslServer, SslSocket
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.net.qt_objects.signal_watch import NOISE, endedCleanly, watchServer, watchSocket

__all__ = ["DemoCommand"]

_MESSAGES = ["Hello, server!", "The quick brown fox jumps over the lazy dog."]
_TIMEOUT_MS = 15_000
_GOODBYE = "the peer said goodbye; Qt reports it as an error"


class DemoCommand(Command):
    """The client sends messages, the server returns them, the client says goodbye."""

    def __init__(self) -> None:
        super().__init__(Output("demo", hidden=NOISE))
        self._waiting = list(_MESSAGES)
        self._timer = QTimer(self, singleShot=True, interval=_TIMEOUT_MS)
        self._timer.timeout.connect(self._timedOut)

    def begin(self, server: SslServer | DtlsServer, client: SslSocket | DtlsPeer) -> bool:
        """Set both up, print their signals, and listen; False when that is not possible."""
        # Throw-away certificates are what the test support is good at; nothing else needs it.
        from qtsecure.testing import PublicKeyInfrastructure

        pki = PublicKeyInfrastructure()
        self._timer.start()
        server.setSslConfiguration(SslConfiguration.forServer(pki.server.chain, pki.server.privateKey))
        client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        watchServer(server, self._printAs("server"))
        watchSocket(client, self._printAs("client", client))
        client.encrypted.connect(self.sendNext)
        if not server.listen("127.0.0.1", 0):
            self.finish(ExitCode.NOT_CONNECTED, server.serverError().name, server.errorString())
            return False
        return True

    # ------------------------------------------------------------------ what subclasses do

    def send(self, message: str) -> None:
        """Send a message of the client."""
        raise NotImplementedError

    def leave(self) -> None:
        """The client says goodbye."""
        raise NotImplementedError

    # ------------------------------------------------------------------- what they may use

    def watchPeer(self, peer: SslSocket | DtlsPeer) -> None:
        """The server's end for the client."""
        watchSocket(peer, self._printAs("peer  ", peer))
        peer.disconnected.connect(lambda: self._goodbye(peer))

    def sendNext(self) -> None:
        """Go on with the next message, or with the goodbye."""
        if self._waiting:
            self.send(self._waiting[0])
        else:
            self.leave()

    def returned(self, message: str) -> None:
        """The server's end has returned a message."""
        self.output.event("message", {"text": message}, source="peer  ")

    def answered(self, answer: str) -> None:
        """The client has got a message back."""
        self.output.event("message", {"text": answer}, source="client")
        if answer != self._waiting.pop(0):
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The echo differs from what was sent.")
            return
        self.sendNext()

    def isWaiting(self) -> bool:
        """Whether an answer is missing."""
        return bool(self._waiting)

    # ------------------------------------------------------------------------------ inside

    def _printAs(self, source: str, socket: SslSocket | DtlsPeer | None = None) -> Callable[[str, Fields], None]:
        def show(name: str, fields: Fields) -> None:
            closed = fields.get("error") == "RemoteHostClosedError"
            clean = closed and socket is not None and endedCleanly(socket)
            self.output.event(name, fields, source=source, note=_GOODBYE if clean else "")

        return show

    def _goodbye(self, peer: SslSocket | DtlsPeer) -> None:
        clean = endedCleanly(peer)
        self.output.event("closed", {"clean": clean}, source="peer  ")
        peer.deleteLater()
        if self._waiting or not clean:
            self.finish(ExitCode.TLS_FAILURE, "UncleanClose", "The end came before everything was said.")
            return
        self.output.line(f"{len(_MESSAGES)} messages there and back, and a clean goodbye: everything works here.")
        self.finish(ExitCode.OK)

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", f"The demo did not come to its end within {_TIMEOUT_MS // 1000} s.")
