"""``qtsecure connect --dtls``: a client that sends messages, each a datagram, or the lines of stdin."""

from __future__ import annotations

import argparse

from PySide6.QtCore import QTimer

from qtsecure import DtlsPeer, SecureError, SslConfiguration
from qtsecure.cli.client_command import PATIENCE_MS, ClientCommand
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.standard_input import StandardInput, descriptorOfStdin

__all__ = ["connectDtls"]

_Code = SecureError.Code
_EXIT_CODES = {
    _Code.TimedOut: ExitCode.TIMEOUT,
    _Code.ConnectionRefused: ExitCode.NOT_CONNECTED,
    _Code.HostNotFound: ExitCode.NOT_CONNECTED,
    _Code.HostUnreachable: ExitCode.NOT_CONNECTED,
    _Code.NetworkUnreachable: ExitCode.NOT_CONNECTED,
}


def connectDtls(output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> ExitCode:
    """Run a client until its work is done, the peer leaves, or something fails."""
    kind = _Messages if options.message else _Pipe
    return kind(output, options, configuration).run()


class _Connect(ClientCommand):
    """What both ways to use an association have in common."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options)
        self.peer = DtlsPeer(self)
        self.peer.setHandshakeTimeout(options.timeout)
        self.use(self.peer, configuration)

    def start(self) -> None:
        self.peer.datagramReceived.connect(self.receive)
        self.peer.errorOccurred.connect(self._failed)
        self.peer.statusChanged.connect(self._statusChanged)
        try:
            self.peer.connectToHost(self.target.host, self.target.port, self.serverName)
        except (ValueError, SecureError) as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))

    def receive(self, message: bytes) -> None:
        """A message has arrived."""
        raise NotImplementedError

    def leave(self) -> None:
        super().leave()
        self.peer.close()

    def giveUp(self) -> None:
        self.leave()

    def send(self, message: bytes) -> bool:
        """Send; False (and the end) when it does not fit into a datagram."""
        try:
            self.peer.writeDatagram(message)
        except (SecureError, ValueError) as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))
            self.leave()
            return False
        return True

    def timeoutText(self) -> str:
        return "Datagrams may get lost: the answer did not come"

    def _statusChanged(self, status: int) -> None:
        if status == DtlsPeer.Status.Connected:
            self.report("connected", {})  # as with TLS, where it is a signal

    def _failed(self, error: SecureError) -> None:
        code = _EXIT_CODES.get(error.code, ExitCode.TLS_FAILURE)
        advice = " Give it with --cert and --key." if error.code is _Code.CertificateRequired else ""
        self.finish(code, error.code.name, error.message + advice)


class _Messages(_Connect):
    """Sends one message after the other, and awaits an answer to each."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._messages = [message.encode("utf-8", "surrogateescape") for message in options.message]
        self._expectEcho: bool = options.expect_echo

    def begin(self) -> None:
        if not self._messages:
            self.leave()
        elif self.send(self._messages[0]):
            self.limitTime()

    def receive(self, message: bytes) -> None:
        if not self._messages or self.isFinished():
            return
        self.liftLimit()
        sent = self._messages.pop(0)
        if self.judge(message, sent if self._expectEcho else None):
            self.begin()

    def left(self) -> None:
        if self._messages:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The peer ended the association before it answered.")
        super().left()


class _Pipe(_Connect):
    """Sends each line of stdin as a message, and passes the peer's messages to stdout."""

    passesStdinOn = True

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._input = StandardInput(descriptorOfStdin(), self._send, self._ended, self.stdinFailed)
        self._rest = b""
        self._silence = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._silence.timeout.connect(self.leave)

    def begin(self) -> None:
        self._input.start()

    def letGo(self) -> None:
        self._input.close()

    def receive(self, message: bytes) -> None:
        if self._silence.isActive():
            self._silence.start()
        if self.output.asJson:
            self.output.event("message", {"text": message.decode("utf-8", "replace").removesuffix("\n")})
        else:
            self.output.raw(message)

    def _send(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.isFinished() or not self.send(line + b"\n"):
                return
        if len(self._rest) > self.peer.maxDatagramSize() and not self.isFinished() and not self.send(self._rest):
            return  # a line without end, for instance; it will never fit
        self._input.proceed()

    def _ended(self) -> None:
        if self._rest and not self.isFinished():
            self.send(self._rest)
        self._silence.start()
