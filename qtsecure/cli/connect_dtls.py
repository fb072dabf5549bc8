"""``qtsecure connect --dtls``: a client that sends messages, each a datagram, or the lines of stdin."""

from __future__ import annotations

import argparse

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QSsl, QSslError

from qtsecure import DtlsPeer, PreSharedKeyAuthenticator, SecureError, SslConfiguration, SslError
from qtsecure.cli.arguments import PreSharedKey
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import watchSocket
from qtsecure.cli.standard_input import StandardInput, descriptorOfStdin

__all__ = ["connectDtls"]

_PATIENCE_MS = 1000
"""How long the peer must be silent after the end of stdin."""
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


class _Connect(Command):
    """What both ways to use an association have in common."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output)
        self._target = options.target
        self._serverName: str = options.servername
        self._key: PreSharedKey | None = options.psk[0] if options.psk else None
        self._insecure: bool = options.insecure
        self._keyAsked = False
        self._encrypted = False
        self._leaving = False
        self.peer = DtlsPeer(self)
        self.peer.setSslConfiguration(configuration)
        self.peer.setHandshakeTimeout(options.timeout)
        self._timer = QTimer(self, singleShot=True, interval=options.timeout)
        self._timer.timeout.connect(self._timedOut)

    def start(self) -> None:
        peer = self.peer
        watchSocket(peer, self.report, psk=self._key is not None)
        peer.sslErrors.connect(self._certificateErrors)
        peer.encrypted.connect(self._begin)
        peer.datagramReceived.connect(self.receive)
        peer.errorOccurred.connect(self._failed)
        peer.disconnected.connect(self._disconnected)
        if self._key is not None:
            peer.preSharedKeyAuthenticationRequired.connect(self._giveKey)
        try:
            peer.connectToHost(self._target.host, self._target.port, self._serverName)
        except (ValueError, SecureError) as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))

    def report(self, name: str, fields: Fields) -> None:
        """Print a signal."""
        self.output.event(name, fields)

    def begin(self) -> None:
        """The association stands."""
        raise NotImplementedError

    def receive(self, message: bytes) -> None:
        """A message has arrived."""
        raise NotImplementedError

    def left(self) -> None:
        """The peer has ended the association in good order."""
        self.finish(ExitCode.OK)

    def limitTime(self) -> None:
        """Allow the next answer its time."""
        if self._timer.interval() > 0:
            self._timer.start()

    def liftLimit(self) -> None:
        """Wait for as long as it takes."""
        self._timer.stop()

    def leave(self) -> None:
        """Say goodbye."""
        self._leaving = True
        self.peer.close()

    def interrupt(self) -> None:
        self.finish(ExitCode.INTERRUPTED)
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

    def _begin(self) -> None:
        self._encrypted = True
        self.begin()

    def _giveKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        assert self._key is not None
        self._keyAsked = True
        authenticator.setIdentity(self._key.identity.encode("utf-8", "surrogateescape"))
        authenticator.setPreSharedKey(self._key.key)

    def _certificateErrors(self, errors: list[SslError]) -> None:
        # A server proves itself with a certificate or with the key. If it showed no certificate, it
        # has used the key: there are no suites without either of them.
        missing = QSslError.SslError.NoPeerCertificate
        if self._insecure or (self._keyAsked and all(error.error() == missing for error in errors)):
            self.peer.ignoreSslErrors(errors)

    def _failed(self, error: SecureError) -> None:
        code = _EXIT_CODES.get(error.code, ExitCode.TLS_FAILURE)
        demanded = error.alert == QSsl.AlertType.CertificateRequired.value
        advice = " Give it with --cert and --key." if demanded else ""
        self.finish(code, error.code.name, error.message + advice)

    def _disconnected(self) -> None:
        if self._encrypted:
            self.report("closed", {"clean": self.peer.error() is None})
        if self._leaving:
            self.finish(ExitCode.OK)
        else:
            self.left()

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", "The answer did not come within the time; datagrams may get lost.")
        self.leave()


class _Messages(_Connect):
    """Sends one message after the other, and awaits an answer to each."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._messages = [message.encode("utf-8", "surrogateescape") for message in options.message]
        self._expectEcho: bool = options.expect_echo

    def begin(self) -> None:
        self._sendNext()

    def _sendNext(self) -> None:
        if not self._messages:
            self.leave()
        elif self.send(self._messages[0]):
            self.limitTime()

    def receive(self, message: bytes) -> None:
        if not self._messages or self.isFinished():
            return
        self.liftLimit()
        expected = self._messages.pop(0)
        self.output.event("message", {"text": message.decode("utf-8", "replace")})
        if self._expectEcho and message != expected:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The answer differs from what was sent.")
            self.leave()
        else:
            self._sendNext()

    def left(self) -> None:
        if self._messages:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The peer ended the association before it answered.")
        self.finish(ExitCode.OK)


class _Pipe(_Connect):
    """Sends each line of stdin as a message, and passes the peer's messages to stdout."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._input = StandardInput(descriptorOfStdin(), self._send, self._ended)
        self._rest = b""
        self._silence = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._silence.timeout.connect(self.leave)

    def report(self, name: str, fields: Fields) -> None:
        # stdout belongs to the peer, unless a program reads events.
        if self.output.asJson:
            super().report(name, fields)
        elif name == "sslErrors" and self._insecure:
            texts = fields["texts"]
            assert isinstance(texts, list)
            self.output.warning(f"Going on in spite of: {'; '.join(texts)}.")

    def begin(self) -> None:
        self._input.start()

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
        self._input.proceed()

    def _ended(self) -> None:
        if self._rest and not self.isFinished():
            self.send(self._rest)
        self._silence.start()
