"""``qtsecure connect``: a client that sends messages and awaits answers, or passes stdin on."""

from __future__ import annotations

import argparse
import codecs

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QAbstractSocket, QSsl, QSslError

from qtsecure import PreSharedKeyAuthenticator, SslConfiguration, SslError, SslSocket
from qtsecure.cli.arguments import PreSharedKey
from qtsecure.cli.configuration import UsageError, clientConfiguration
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.cli.signals import NOISE, watchSocket
from qtsecure.cli.standard_input import StandardInput, descriptorOfStdin

__all__ = ["EXIT_CODES", "connect"]

_HIDDEN = NOISE | {
    "acceptCertificate",
    "errorOccurred",
    "hostFound",
    "modeChanged",
    "peerVerifyError",
    "stateChanged",
    "statusChanged",
}
_AHEAD = 256 * 1024
"""How much of stdin may wait for the network, in bytes."""
_PATIENCE_MS = 1000
"""How long the peer must be silent after the end of stdin."""

_Error = QAbstractSocket.SocketError
EXIT_CODES = {
    _Error.SocketTimeoutError: ExitCode.TIMEOUT,
    _Error.SslHandshakeFailedError: ExitCode.TLS_FAILURE,
    _Error.SslInternalError: ExitCode.TLS_FAILURE,
    _Error.SslInvalidUserDataError: ExitCode.TLS_FAILURE,
}
"""Of the errors of a socket; what is not here could not connect."""


def connect(options: argparse.Namespace) -> ExitCode:
    """Run a client until its work is done, the peer leaves, or something fails."""
    output = Output("connect", asJson=options.json, hidden=_HIDDEN)
    try:
        if len(options.psk) > 1:
            raise UsageError("A client has one pre-shared key only; give --psk once.")
        if options.expect_echo and not options.message:
            raise UsageError("--expect-echo needs --message.")
        configuration = clientConfiguration(options)
    except UsageError as error:
        output.error("Usage", str(error))
        return ExitCode.USAGE
    if options.dtls:
        from qtsecure.cli.connect_dtls import connectDtls

        return connectDtls(output, options, configuration)
    if options.message:
        return _Messages(output, options, configuration).run()
    return _Pipe(output, options, configuration).run()


class _Connect(Command):
    """What both ways to use a connection have in common."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output)
        self._target = options.target
        self._serverName: str = options.servername
        self._key: PreSharedKey | None = options.psk[0] if options.psk else None
        self._insecure: bool = options.insecure
        self._keyAsked = False
        self._ownCertificate = bool(options.cert)
        self._certificateDemanded = False
        self._leaving = False
        self._encrypted = False
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(configuration)
        self.socket.setHandshakeTimeout(0)  # the timer below covers everything
        self._timer = QTimer(self, singleShot=True, interval=options.timeout)
        self._timer.timeout.connect(self._timedOut)

    def start(self) -> None:
        socket = self.socket
        watchSocket(socket, self.report, psk=self._key is not None)
        socket.sslErrors.connect(self._certificateErrors)
        socket.encrypted.connect(self._begin)
        socket.readyRead.connect(self.receive)
        socket.alertReceived.connect(self._alerted)
        socket.errorOccurred.connect(self._failed)
        socket.disconnected.connect(self._disconnected)
        if self._key is not None:
            socket.preSharedKeyAuthenticationRequired.connect(self._giveKey)
        self.limitTime()
        try:
            socket.connectToHostEncrypted(self._target.host, self._target.port, sslPeerName=self._serverName)
        except ValueError as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))

    def report(self, name: str, fields: Fields) -> None:
        """Print a signal."""
        self.output.event(name, fields)

    def begin(self) -> None:
        """The connection is ready."""
        raise NotImplementedError

    def receive(self) -> None:
        """Data has arrived."""
        raise NotImplementedError

    def left(self) -> None:
        """The peer has ended the connection in good order."""
        raise NotImplementedError

    def timeoutText(self) -> str:
        """What did not happen in time."""
        return f"{self._target.host} did not answer and complete the handshake"

    def limitTime(self) -> None:
        """Allow the next step its time."""
        if self._timer.interval() > 0:
            self._timer.start()

    def liftLimit(self) -> None:
        """Wait for as long as it takes."""
        self._timer.stop()

    def leave(self) -> None:
        """Say goodbye."""
        self._leaving = True
        self.socket.disconnectFromHost()

    def interrupt(self) -> None:
        self.finish(ExitCode.INTERRUPTED)
        self.leave()

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
            self.socket.ignoreSslErrors(errors)

    def _alerted(self, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str) -> None:
        if kind == QSsl.AlertType.CertificateRequired:
            self._certificateDemanded = True

    def _failed(self, error: QAbstractSocket.SocketError) -> None:
        if error == _Error.RemoteHostClosedError:
            if self.socket.peerClosedCleanly() or self._leaving:
                return  # disconnected comes next
            code = ExitCode.TLS_FAILURE
        else:
            code = EXIT_CODES.get(error, ExitCode.NOT_CONNECTED)
        advice = " Give it with --cert and --key." if self._certificateDemanded and not self._ownCertificate else ""
        self.finish(code, error.name, self.socket.errorString() + advice)

    def _disconnected(self) -> None:
        clean = self._leaving or self.socket.peerClosedCleanly()
        if self._encrypted:
            self.report("closed", {"clean": clean})
        if self._leaving:
            self.finish(ExitCode.OK)
        elif clean:
            self.left()

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", f"{self.timeoutText()} within {self._timer.interval()} ms.")
        self.socket.abort()


class _Messages(_Connect):
    """Sends one message after the other, and awaits an answer to each."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._messages = [message.encode("utf-8", "surrogateescape") + b"\n" for message in options.message]
        self._expectEcho: bool = options.expect_echo
        self._answer = b""

    def begin(self) -> None:
        self._sendNext()

    def timeoutText(self) -> str:
        return "The answer did not come" if self._encrypted else super().timeoutText()

    def _sendNext(self) -> None:
        if not self._messages:
            self.leave()
            return
        self.limitTime()
        self.socket.write(self._messages[0])

    def receive(self) -> None:
        self._answer += self.socket.readBytes()
        while self._messages and not self.isFinished() and self._isComplete():
            size = len(self._messages[0]) if self._expectEcho else self._answer.index(b"\n") + 1
            self._judge(self._answer[:size])
            self._answer = self._answer[size:]

    def left(self) -> None:
        if self._answer and not self.isFinished():
            self._judge(self._answer)  # an answer whose line the peer ended by leaving
        if self._messages:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The peer closed the connection before it answered.")
        else:
            self.finish(ExitCode.OK)

    def _isComplete(self) -> bool:
        if not self._expectEcho:
            return b"\n" in self._answer
        # What differs from the message need not be waited for.
        message = self._messages[0]
        return bool(self._answer) and (len(self._answer) >= len(message) or not message.startswith(self._answer))

    def _judge(self, answer: bytes) -> None:
        message = self._messages.pop(0)
        self.output.event("message", {"text": answer.decode("utf-8", "replace").removesuffix("\n")})
        if self._expectEcho and answer != message:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The answer differs from what was sent.")
            self.leave()
        elif self.socket.state() == QAbstractSocket.SocketState.ConnectedState:
            self._sendNext()


class _Pipe(_Connect):
    """Passes stdin on to the peer, and the peer's answers to stdout."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._input = StandardInput(descriptorOfStdin(), self._send, self._ended)
        self._unacknowledged = 0
        self._atEnd = False
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
        self.liftLimit()
        self.socket.bytesWritten.connect(self._proceed)
        self.socket.encryptedBytesWritten.connect(self._proceed)
        self._input.start()

    def receive(self) -> None:
        data = self.socket.readBytes()
        if self._atEnd:
            self._silence.start()
        if not self.output.asJson:
            self.output.raw(data)
            return
        text = self._decoder.decode(data)
        for line in text.removesuffix("\n").split("\n") if text else ():
            self.output.event("message", {"text": line})

    def left(self) -> None:
        self.finish(ExitCode.OK)

    def _send(self, data: bytes) -> None:
        if self.socket.write(data) >= 0:
            self._unacknowledged += 1
        self._proceed()

    def _proceed(self) -> None:
        """Let stdin go on when the network has kept up."""
        waiting = self.socket.bytesToWrite() + self.socket.encryptedBytesToWrite()
        while self._unacknowledged and waiting < _AHEAD:
            self._unacknowledged -= 1
            self._input.proceed()
        if self._atEnd and not waiting and not self._silence.isActive():
            self._silence.start()

    def _ended(self) -> None:
        self._atEnd = True
        self._proceed()
