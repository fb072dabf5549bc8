"""What ``qtsecure connect`` does alike with TLS and DTLS: signals, key, certificate errors, time, goodbye."""

from __future__ import annotations

import argparse

from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QSslError

from qtsecure import DtlsPeer, PreSharedKeyAuthenticator, SslConfiguration, SslError, SslSocket
from qtsecure.cli.arguments import PreSharedKey
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output
from qtsecure.cli.running import Command
from qtsecure.net.qt_objects.signal_watch import endedCleanly, watchSocket

__all__ = ["PATIENCE_MS", "ClientCommand"]

PATIENCE_MS = 1000
"""How long the peer must be silent after the end of stdin."""


class ClientCommand(Command):
    """A client with one connection; subclasses make it, hand it to :meth:`use`, and do the talking.

    Args:
        output: Where to print to.
        options: Of the command line.
    """

    passesStdinOn = False
    """Stdout belongs to the peer then, unless a program reads events."""

    def __init__(self, output: Output, options: argparse.Namespace) -> None:
        super().__init__(output)
        self.target = options.target
        self.serverName: str = options.servername
        self.encrypted = False
        self.leaving = False
        self._key: PreSharedKey | None = options.psk[0] if options.psk else None
        self._insecure: bool = options.insecure
        self._keyAsked = False
        self._timer = QTimer(self, singleShot=True, interval=options.timeout)
        self._timer.timeout.connect(self._timedOut)

    def use(self, connection: SslSocket | DtlsPeer, configuration: SslConfiguration) -> None:
        """Configure and watch the connection."""
        self._connection = connection
        connection.setSslConfiguration(configuration)
        watchSocket(connection, self.report, psk=self._key is not None)
        connection.sslErrors.connect(self._certificateErrors)
        connection.encrypted.connect(self._begin)
        connection.disconnected.connect(self._disconnected)
        if self._key is not None:
            connection.preSharedKeyAuthenticationRequired.connect(self._giveKey)

    # ------------------------------------------------------------------ what subclasses do

    def begin(self) -> None:
        """The connection is encrypted."""
        raise NotImplementedError

    def left(self) -> None:
        """The peer has ended the connection in good order."""
        self.finish(ExitCode.OK)

    def leave(self) -> None:
        """Say goodbye."""
        self.leaving = True

    def giveUp(self) -> None:
        """The time is up; nothing is waited for any more."""
        raise NotImplementedError

    def timeoutText(self) -> str:
        """What did not happen in time."""
        return "The answer did not come"

    # ------------------------------------------------------------------- what they may use

    def report(self, name: str, fields: Fields) -> None:
        """Print a signal."""
        if self.output.asJson or not self.passesStdinOn:
            self.output.event(name, fields)
        elif name == "sslErrors" and self._insecure:
            texts = fields["texts"]
            assert isinstance(texts, list)
            self.output.warning(f"Going on in spite of: {'; '.join(texts)}.")

    def judge(self, answer: bytes, expected: bytes | None) -> bool:
        """Print an answer; False, and the end, when another one was expected."""
        self.output.event("message", {"text": answer.decode("utf-8", "replace").removesuffix("\n")})
        if expected in (None, answer):
            return True
        self.finish(ExitCode.WRONG_ANSWER, "WrongAnswer", "The answer differs from what was sent.")
        self.leave()
        return False

    def limitTime(self) -> None:
        """Allow the next step its time."""
        if self._timer.interval() > 0:
            self._timer.start()

    def stdinFailed(self, reason: str) -> None:
        """What is left of stdin cannot be read; the peer must not take what came for the whole."""
        self.finish(ExitCode.USAGE, "Usage", f"stdin cannot be read: {reason}.")
        self._connection.abort()

    def liftLimit(self) -> None:
        """Wait for as long as it takes."""
        self._timer.stop()

    # ------------------------------------------------------------------------------ inside

    def interrupt(self) -> None:
        self.finish(ExitCode.INTERRUPTED)
        self.leave()

    def _begin(self) -> None:
        self.encrypted = True
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
            self._connection.ignoreSslErrors(errors)

    def _disconnected(self) -> None:
        clean = self.leaving or endedCleanly(self._connection)
        if self.encrypted:
            self.report("closed", {"clean": clean})
        if self.leaving:
            self.finish(ExitCode.OK)
        elif clean:
            self.left()

    def _timedOut(self) -> None:
        self.finish(ExitCode.TIMEOUT, "Timeout", f"{self.timeoutText()} within {self._timer.interval()} ms.")
        self.giveUp()
