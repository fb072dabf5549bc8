"""``qtsecure certificate``: shows a chain, says what is wrong with it, and what to do about that."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from PySide6.QtCore import QDateTime, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslError

from qtsecure import SecureError, SslCertificate, SslConfiguration, SslError, SslSocket
from qtsecure.cli import arguments
from qtsecure.cli.connect import EXIT_CODES
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields, Output, printable
from qtsecure.cli.running import Command
from qtsecure.engine.certificates import load_certificates
from qtsecure.engine.examination import examine_chain
from qtsecure.net.questions.certificate_advice import adviceFor

__all__ = ["certificate"]

_SECONDS_PER_DAY = 86_400
_TRUSTING_HELPS = {
    QSslError.SslError.SelfSignedCertificate,
    QSslError.SslError.SelfSignedCertificateInChain,
    QSslError.SslError.UnableToGetLocalIssuerCertificate,
    QSslError.SslError.UnableToGetIssuerCertificate,
    QSslError.SslError.UnableToVerifyFirstCertificate,
}
_HOW_TO_TRUST = "To trust means --ca FILE here, and in a program SslConfiguration.forClient."


def certificate(options: argparse.Namespace) -> ExitCode:
    """Show a chain, from a file or a server, and its verdict."""
    output = Output("certificate", asJson=options.json)
    try:
        target = None if os.path.exists(options.subject) else arguments.target(options.subject)
        configuration = SslConfiguration.forClient(Path(options.ca) if options.ca else None)
    except argparse.ArgumentTypeError as error:
        output.error("Usage", f"There is no file {options.subject!r}, and it is no server: {error}.")
        return ExitCode.USAGE
    except SecureError as error:
        output.error("Usage", error.message)
        return ExitCode.USAGE
    if target is None:
        return _fromFile(output, options, configuration)
    return _FromServer(output, options, target, configuration).run()


def _fromFile(output: Output, options: argparse.Namespace, configuration: SslConfiguration) -> ExitCode:
    if not options.servername:
        configuration = configuration.withoutHostNames()
    try:
        chain = load_certificates(Path(options.subject))
        engine = configuration.toEngine("client", pskEnabled=False)
        issues = examine_chain(engine, chain, options.servername)
    except SecureError as error:
        output.error("Usage", error.message)
        return ExitCode.USAGE
    report = _Report(output, options.subject, options.servername)
    return report.show([SslCertificate(each) for each in chain], [SslError.fromIssue(issue) for issue in issues])


class _FromServer(Command):
    """Connects, takes the chain and the errors, and leaves."""

    def __init__(
        self,
        output: Output,
        options: argparse.Namespace,
        target: arguments.Target,
        configuration: SslConfiguration,
    ) -> None:
        super().__init__(output)
        self._target = target
        self._name: str = options.servername or target.host
        self._report = _Report(output, options.subject, self._name)
        configuration.setOcspStaplingEnabled(True)
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(configuration)
        self.socket.setHandshakeTimeout(0)  # the timer below covers everything
        self._timer = QTimer(self, singleShot=True, interval=options.timeout)
        self._timer.timeout.connect(self._timedOut)

    def start(self) -> None:
        self.socket.sslErrors.connect(self._leaveOutMissingStatus)
        self.socket.acceptCertificate.connect(lambda request: self._show())
        self.socket.encrypted.connect(self._show)
        self.socket.errorOccurred.connect(self._failed)
        if self._timer.interval() > 0:
            self._timer.start()
        try:
            self.socket.connectToHostEncrypted(self._target.host, self._target.port, sslPeerName=self._name)
        except ValueError as error:
            self.finish(ExitCode.USAGE, "Usage", str(error))

    def _leaveOutMissingStatus(self, errors: list[SslError]) -> None:
        self.socket.ignoreSslErrors([error for error in errors if _isMissingStatus(error)])

    def _show(self) -> None:
        if self.isFinished():
            return
        self.finish(self._tell())
        self.socket.abort()

    def _tell(self) -> ExitCode:
        errors = [error for error in self.socket.sslHandshakeErrors() if not _isMissingStatus(error)]
        stapled = [response.certificateStatus().name for response in self.socket.ocspResponses()]
        return self._report.show(self.socket.peerCertificateChain(), errors, stapled)

    def _failed(self, error: QAbstractSocket.SocketError) -> None:
        if self.socket.peerCertificateChain() and not self.isFinished():
            # The server has shown its certificate, but demands something of its client.
            self._tell()
        code = EXIT_CODES.get(error, ExitCode.NOT_CONNECTED)
        self.finish(code, error.name, self.socket.errorString())

    def _timedOut(self) -> None:
        text = f"{self._target.host} did not answer and show a certificate within {self._timer.interval()} ms."
        self.finish(ExitCode.TIMEOUT, "Timeout", text)
        self.socket.abort()


class _Report:
    """Prints the chain, the problems and the verdict."""

    def __init__(self, output: Output, origin: str, name: str) -> None:
        self._output = output
        self._origin = origin
        self._name = name

    def show(self, chain: list[SslCertificate], errors: list[SslError], stapled: list[str] | None = None) -> ExitCode:
        """Print everything; the exit code is the verdict."""
        if not self._output.asJson:
            self._output.line(
                f"{_count(len(chain), 'certificate')} of {printable(self._origin)}, the server's own first"
            )
        for position, each in enumerate(chain):
            self._certificate(position, each)
        for error in errors:
            self._problem(error)
        for status in stapled or []:
            self._emit("status", {"stapled": status}, f"\nStapled revocation status: {status}")
        what = f"valid for {self._name}" if self._name else "valid; no name was checked (see --servername)"
        text = f"NOT valid: {_count(len(errors), 'problem')}" if errors else what
        self._emit("verdict", {"valid": not errors, "name": self._name}, f"\nVerdict: {printable(text)}")
        return ExitCode.TLS_FAILURE if errors else ExitCode.OK

    def _certificate(self, position: int, certificate: SslCertificate) -> None:
        days = _daysLeft(certificate)
        lines = dict(line.split(": ", 1) for line in certificate.toText().splitlines() if ": " in line)
        if days is not None and "Valid until" in lines:
            lines["Valid until"] += f" ({_count(days, 'day')} left)" if days >= 0 else " (expired)"
        lines["Key pin"] = certificate.publicKeyPin()
        text = "\n".join(f"    {label:<22} {value}" for label, value in lines.items() if value)
        fields: Fields = {
            "position": position,
            "subject": lines.get("Subject", ""),
            "issuer": lines.get("Issuer", ""),
            "names": [name for names in certificate.subjectAlternativeNames().values() for name in names],
            "validFrom": certificate.effectiveDate().toString("yyyy-MM-ddTHH:mm:ss'Z'"),
            "validUntil": certificate.expiryDate().toString("yyyy-MM-ddTHH:mm:ss'Z'"),
            "daysLeft": 0 if days is None else days,
            "serialNumber": certificate.serialNumber(),
            "publicKey": lines.get("Public key", ""),
            "selfSigned": certificate.isSelfSigned(),
            "fingerprint": certificate.fingerprint(),
            "keyPin": lines["Key pin"],
        }
        self._emit("certificate", fields, f"\nCertificate {position}\n{text}")

    def _problem(self, error: SslError) -> None:
        advice = adviceFor(error)
        if error.error() in _TRUSTING_HELPS:
            advice = f"{advice} {_HOW_TO_TRUST}"
        fields: Fields = {
            "code": error.error().name,
            "text": error.errorString(),
            "advice": advice,
            "position": error.depth(),
            "overridable": error.isOverridable(),
        }
        text = (
            f"\nProblem with certificate {error.depth()}: {printable(error.errorString())}.\n    What to do: {advice}"
        )
        self._emit("problem", fields, text)

    def _emit(self, name: str, fields: Fields, text: str) -> None:
        if self._output.asJson:
            self._output.event(name, fields)
        else:
            self._output.line(text)


def _isMissingStatus(error: SslError) -> bool:
    """Most servers staple nothing, which is no fault of the certificate's, unless it demands a status."""
    return error.error() == QSslError.SslError.OcspNoResponseFound and error.isOverridable()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _daysLeft(certificate: SslCertificate) -> int | None:
    end = certificate.expiryDate()
    seconds = QDateTime.currentDateTimeUtc().secsTo(end)
    return seconds // _SECONDS_PER_DAY if end.isValid() else None
