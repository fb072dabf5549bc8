"""``qtsecure connect``: a client that sends messages and awaits answers, or passes stdin on."""

from __future__ import annotations

import argparse
import codecs

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SecureError, SslConfiguration, SslSocket
from qtsecure.cli.arguments import ServiceTarget, Target
from qtsecure.cli.client_command import PATIENCE_MS, ClientCommand
from qtsecure.cli.configuration import UsageError, clientConfiguration
from qtsecure.cli.connect_via import Detour, checkProxy, exitCodeOf
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.standard_input import StandardInput, descriptorOfStdin
from qtsecure.net.qt_objects.signal_watch import NOISE

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
_LONGEST_ANSWER = 16 * 1024 * 1024
"""A peer that sends more without a newline is not listened to any longer, in bytes."""

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
        if options.dtls and "" in options.message:
            raise UsageError("An empty --message cannot be sent with --dtls: a datagram carries at least one byte.")
        if isinstance(options.target, Target) and options.target.scheme == "dtls" and not options.dtls:
            raise UsageError("dtls:// is for datagrams; give --dtls as well.")
        if options.proxy:
            checkProxy(options.proxy)
        if options.dtls and (options.proxy or isinstance(options.target, ServiceTarget)):
            raise UsageError("--proxy and service:NAME/DOMAIN are for TLS; leave out --dtls, or give HOST:PORT.")
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


class _Connect(ClientCommand):
    """What both ways to use a connection have in common."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options)
        self._ownCertificate = bool(options.cert)
        self._configuration = configuration
        self._detour: Detour | None = None
        if options.proxy or isinstance(self.target, ServiceTarget):
            self._detour = Detour(self.target, options.proxy, options.timeout, self.report, self)
        self.socket = SslSocket(self)

    def start(self) -> None:
        self.limitTime()
        try:
            if self._detour is not None:
                self._detour.start(self._reached, self._unreachable)
            else:
                self._watch(self.socket)
                self.socket.connectToHostEncrypted(self.target.host, self.target.port, sslPeerName=self.serverName)
        except ValueError as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))

    def _watch(self, socket: SslSocket) -> None:
        socket.setHandshakeTimeout(0)  # the limit of the command covers everything
        self.use(socket, self._configuration)
        socket.readyRead.connect(self.receive)
        socket.errorOccurred.connect(self._failed)

    def _reached(self, socket: SslSocket) -> None:
        """A service or a way through a proxy was found; what follows is as ever."""
        socket.setParent(self)
        socket.setTimeout(0)  # from now on silence is the command's own matter
        self.socket = socket
        self._watch(socket)
        self.report("connected", {})  # the signal has come before
        socket.setPeerVerifyName(self.serverName or self.target.host)
        socket.startClientEncryption()

    def _unreachable(self, error: SecureError) -> None:
        self.finish(exitCodeOf(error), error.code.name, error.message)

    def receive(self) -> None:
        """Data has arrived."""
        raise NotImplementedError

    def timeoutText(self) -> str:
        if self.encrypted:
            return super().timeoutText()
        return f"{self.target.host} did not answer and complete the handshake"

    def leave(self) -> None:
        super().leave()
        self.socket.disconnectFromHost()

    def giveUp(self) -> None:
        if self._detour is not None:
            self._detour.cancel()
        self.socket.abort()

    def _failed(self, error: QAbstractSocket.SocketError) -> None:
        if error == _Error.RemoteHostClosedError:
            if self.socket.peerClosedCleanly() or self.leaving:
                return  # disconnected comes next
            code = ExitCode.TLS_FAILURE
        else:
            code = EXIT_CODES.get(error, ExitCode.NOT_CONNECTED)
        failure = self.socket.failure()
        demanded = failure is not None and failure.code is SecureError.Code.CertificateRequired
        advice = " Give it with --cert and --key." if demanded and not self._ownCertificate else ""
        self.finish(code, error.name, self.socket.errorString() + advice)


class _Messages(_Connect):
    """Sends one message after the other, and awaits an answer to each."""

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._messages = [message.encode("utf-8", "surrogateescape") + b"\n" for message in options.message]
        self._expectEcho: bool = options.expect_echo
        self._answer = b""

    def begin(self) -> None:
        self._sendNext()

    def _sendNext(self) -> None:
        if not self._messages:
            self.leave()
            return
        self.limitTime()
        self.socket.write(self._messages[0])

    def receive(self) -> None:
        self._answer += self.socket.readBytes()
        while self._messages and not self.isFinished() and self._isComplete():
            message, end = self._messages[0], self._answer.find(b"\n") + 1
            if self._expectEcho and self._answer.startswith(message):
                end = len(message)  # whatever lines it has
            self._judge(self._answer[: end or None])
            self._answer = self._answer[end:]
        if len(self._answer) > _LONGEST_ANSWER and not self.isFinished():
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", f"{len(self._answer)} bytes came, and no end of a line.")
            self.giveUp()

    def left(self) -> None:
        if self._answer and not self.isFinished():
            self._judge(self._answer)  # an answer whose line the peer ended by leaving
        if self._messages:
            self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The peer closed the connection before it answered.")
        super().left()

    def _isComplete(self) -> bool:
        if not self._expectEcho:
            return b"\n" in self._answer
        # What differs from the message need not be waited for.
        message = self._messages[0]
        return bool(self._answer) and (len(self._answer) >= len(message) or not message.startswith(self._answer))

    def _judge(self, answer: bytes) -> None:
        message = self._messages.pop(0)
        wanted = self.judge(answer, message if self._expectEcho else None)
        if wanted and self.socket.state() == QAbstractSocket.SocketState.ConnectedState:
            self._sendNext()


class _Pipe(_Connect):
    """Passes stdin on to the peer, and the peer's answers to stdout."""

    passesStdinOn = True

    def __init__(self, output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> None:
        super().__init__(output, options, configuration)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._input = StandardInput(descriptorOfStdin(), self._send, self._ended, self.stdinFailed)
        self._unacknowledged = 0
        self._atEnd = False
        self._silence = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._silence.timeout.connect(self.leave)

    def begin(self) -> None:
        self.liftLimit()
        self.socket.bytesWritten.connect(self._proceed)
        self.socket.encryptedBytesWritten.connect(self._proceed)
        self._input.start()

    def letGo(self) -> None:
        self._input.close()

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
