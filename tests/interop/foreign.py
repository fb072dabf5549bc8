"""Four other TLS implementations as servers and clients, all with the same few methods.

OpenSSL's and GnuTLS's programs are the independent ones; Python's ssl module and Qt's own sockets
use an OpenSSL as well, but another one than the engine, and have habits of their own.
"""

from __future__ import annotations

import abc
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import (
    QHostAddress,
    QSsl,
    QSslCertificate,
    QSslCipher,
    QSslConfiguration,
    QSslKey,
    QSslPreSharedKeyAuthenticator,
    QSslServer,
    QSslSocket,
)

from qtsecure.engine.alerts import AlertDescription
from qtsecure.testing.peers import OpensslClient, OpensslServer, PeerError, PythonTlsClient, PythonTlsServer
from qtsecure.testing.peers._waiting import waitUntil
from qtsecure.testing.pki import IssuedCertificate

TIMEOUT = 30_000
LINE = b"hello from the client\n"
PSK_SUITE = "ECDHE-PSK-CHACHA20-POLY1305"

Psk = tuple[str, bytes]
_Self = TypeVar("_Self", bound="Foreign")


class Foreign(abc.ABC):
    """Another implementation; a context manager."""

    @abc.abstractmethod
    def __enter__(self: _Self) -> _Self: ...

    @abc.abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abc.abstractmethod
    def waitForAlert(self) -> int:
        """The code of the fatal alert that it received."""

    @abc.abstractmethod
    def waitForCleanEnd(self) -> None:
        """Wait until it has got our close_notify."""

    def expectFailure(self) -> None:
        """The handshake fails on its side for a reason of its own; wait for that, if it would be an error here."""
        return


class ForeignServer(Foreign):
    """A server that answers each line.

    Args:
        certificate: Its certificate; None with a key only.
        version: ``"1.2"`` or ``"1.3"``, the only one.
        clients: Demands certificates of clients by this authority.
        alpn: Application protocols.
        psk: A pre-shared key.
    """

    port: int

    @abc.abstractmethod
    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None: ...

    def answerTo(self, line: bytes) -> bytes:
        """What it answers to a line."""
        return line


class ForeignClient(Foreign):
    """A client that connects when it is entered.

    Args:
        port: Where to.
        version: ``"1.2"`` or ``"1.3"``, the only one.
        trust: Verifies the server with this authority, and its name.
        certificate: Its own certificate.
        alpn: Application protocols.
        psk: A pre-shared key.
    """

    @abc.abstractmethod
    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None: ...

    @abc.abstractmethod
    def send(self, line: bytes) -> None:
        """Send one line when the handshake is complete."""

    @abc.abstractmethod
    def waitForReceived(self, data: bytes) -> None:
        """Wait until it has received and shown this."""

    @abc.abstractmethod
    def close(self) -> None:
        """Send close_notify."""


class UndecipheredAlertError(AssertionError):
    """It could not read the alert."""


def waitFor(condition: object, what: str, detail: object = "") -> None:
    """Wait until a callable tells true; PeerError with the text otherwise."""
    assert callable(condition)
    if not waitUntil(condition, TIMEOUT):
        raise PeerError(f"Waited {TIMEOUT} ms for {what}. {detail() if callable(detail) else detail}")


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


# ------------------------------------------------------------------------------- Python's ssl module


def _alertOf(error: BaseException) -> int:
    """The number of the alert that an ssl.SSLError tells about."""
    # Some alerts have a symbol in Python, the newer ones only words.
    match = re.search(r"ALERT_([A-Z_]+)|alert ([a-z ]+) \(", f"{getattr(error, 'reason', None)} {error}")
    if match is None:
        raise PeerError(f"No alert: {error!r}")
    return int(AlertDescription[match[1] or match[2].upper().replace(" ", "_")])


_PYTHON_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class PythonServer(ForeignServer):
    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._peer = PythonTlsServer(
            certificate,
            clientCertificate="required" if clients else "none",
            caCertificates=[clients] if clients else [],
            alpn=alpn,
            minimumVersion=_PYTHON_VERSIONS[version],
            maximumVersion=_PYTHON_VERSIONS[version],
            ciphers="PSK" if psk else "",
            preSharedKeys=dict([psk]) if psk else None,
        )
        self.port = self._peer.port

    def __enter__(self: _Self) -> _Self:
        self._peer.__enter__()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._peer.__exit__(kind, error, trace)

    def waitForAlert(self) -> int:
        return _alertOf(self._peer.waitForError(TIMEOUT))

    def expectFailure(self) -> None:
        assert isinstance(self._peer.waitForError(TIMEOUT), ssl.SSLError)

    def waitForCleanEnd(self) -> None:
        assert self._peer.waitForEnding(timeout=TIMEOUT).ending == "closeNotify"


class PythonClient(ForeignClient):
    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._peer = PythonTlsClient(
            port,
            caCertificates=[trust] if trust else [],
            certificate=certificate,
            alpn=alpn,
            minimumVersion=_PYTHON_VERSIONS[version],
            maximumVersion=_PYTHON_VERSIONS[version],
            ciphers="PSK" if psk else "",
            preSharedKey=psk,
        )

    def __enter__(self: _Self) -> _Self:
        self._peer.__enter__()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._peer.__exit__(kind, error, trace)

    def send(self, line: bytes) -> None:
        self._peer.send(line)

    def waitForReceived(self, data: bytes) -> None:
        assert self._peer.waitForReceived(len(data), TIMEOUT) == data

    def close(self) -> None:
        self._peer.close()

    def waitForAlert(self) -> int:
        return _alertOf(self._peer.waitForError(TIMEOUT))

    def expectFailure(self) -> None:
        assert isinstance(self._peer.waitForError(TIMEOUT), ssl.SSLError)

    def waitForCleanEnd(self) -> None:
        assert self._peer.waitForEnding(TIMEOUT).ending == "closeNotify"


# ------------------------------------------------------------------------- the openssl command line

_OPENSSL_VERSIONS = {"1.2": "tls1_2", "1.3": "tls1_3"}


class OpensslProgramServer(ForeignServer):
    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._peer = OpensslServer(
            certificate,
            version=_OPENSSL_VERSIONS[version],  # type: ignore[arg-type]  # a literal of the two
            clientCertificate="required" if clients else "none",
            caCertificates=[clients] if clients else [],
            alpn=alpn,
            psk=psk,
            reverse=True,
            arguments=["-cipher", "PSK"] if psk else [],
        )

    def __enter__(self: _Self) -> _Self:
        self._peer.__enter__()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        self.port = self._peer.port  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._peer.__exit__(kind, error, trace)

    def answerTo(self, line: bytes) -> bytes:
        return line.rstrip(b"\n")[::-1] + b"\n"

    def waitForAlert(self) -> int:
        return _opensslAlert(self._peer)

    def waitForCleanEnd(self) -> None:
        # It reports every other end as an error.
        output = self._peer.waitForOutput("CONNECTION CLOSED", TIMEOUT)
        assert ":error:" not in output
        assert "CONNECTION FAILURE" not in output


class OpensslProgramClient(ForeignClient):
    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._peer = OpensslClient(
            port,
            caCertificates=[trust] if trust else [],
            certificate=certificate,
            version=_OPENSSL_VERSIONS[version],  # type: ignore[arg-type]  # a literal of the two
            alpn=alpn,
            psk=psk,
            arguments=["-cipher", "PSK"] if psk else [],
        )

    def __enter__(self: _Self) -> _Self:
        self._peer.__enter__()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._peer.__exit__(kind, error, trace)

    def send(self, line: bytes) -> None:
        self._peer.send(line)

    def waitForReceived(self, data: bytes) -> None:
        self._peer.waitForOutput(data.decode(), TIMEOUT)

    def close(self) -> None:
        self._peer.close()

    def waitForAlert(self) -> int:
        return _opensslAlert(self._peer)

    def waitForCleanEnd(self) -> None:
        # Every other end is an error that it prints, and another exit code.
        assert self._peer.waitForExit(TIMEOUT) == 0
        assert ":error:" not in self._peer.output


def _opensslAlert(peer: OpensslServer | OpensslClient) -> int:
    output = peer.waitForOutput("SSL alert number ", TIMEOUT)
    match = re.search(r"SSL alert number (\d+)", output)
    assert match is not None
    return int(match[1])


# --------------------------------------------------------------------------------------- GnuTLS


class _GnutlsProgram:
    """A GnuTLS program, its output, and a directory for its files."""

    def __init__(self, name: str, version: str, psk: Psk | None, alpn: Sequence[str]) -> None:
        program = shutil.which(name)
        if program is None:
            raise FileNotFoundError(f"There is no {name} in PATH; install the package gnutls-bin.")
        self._directory = tempfile.TemporaryDirectory()
        exchange = ":-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK" if psk else ""
        self.command = [program, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}{exchange}"]
        for protocol in alpn:
            self.command += ["--alpn", protocol]
        self._output = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def file(self, name: str, content: bytes) -> str:
        path = Path(self._directory.name, name)
        path.write_bytes(content)
        return str(path)

    def certificate(self, certificate: IssuedCertificate) -> None:
        files = certificate.writeTo(self._directory.name)
        self.command += ["--x509certfile", str(files.certificate), "--x509keyfile", str(files.key)]

    def start(self) -> None:
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self.closeInput()
        if self._thread is not None:
            self._thread.join(10)
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.stdout.close()
        self._directory.cleanup()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while data := self._process.stdout.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader
            self._output += data

    @property
    def output(self) -> str:
        return self._output.decode("utf-8", "replace")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exitCode(self) -> int:
        assert self._process is not None
        waitFor(lambda: not self.running, "the end of the program", lambda: self.output)
        return self._process.wait()

    def write(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def closeInput(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def waitForOutput(self, pattern: str) -> re.Match[str]:
        waitFor(lambda: re.search(pattern, self.output), repr(pattern), lambda: self.output)
        match = re.search(pattern, self.output)
        assert match is not None
        return match


def _freePort() -> int:
    """A port that was free a moment ago: gnutls-serv does not tell the one that it gets for 0."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class GnutlsServer(ForeignServer):
    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._program = _GnutlsProgram("gnutls-serv", version, psk, alpn)
        self.port = _freePort()
        # Only its debugging output tells the number of an alert.
        self._program.command += ["--debug", "5", "--echo", "--port", str(self.port)]
        if certificate is not None:
            self._program.certificate(certificate)
        if clients is not None:
            authority = self._program.file("clients.pem", pem(clients))
            self._program.command += ["--x509cafile", authority, "--require-client-cert", "--verify-client-cert"]
        else:
            self._program.command.append("--disable-client-cert")
        if psk is not None:
            line = f"{psk[0]}:{psk[1].hex()}\n".encode()
            self._program.command += ["--pskpasswd", self._program.file("keys.txt", line)]

    def __enter__(self: _Self) -> _Self:
        self._program.start()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        self._program.waitForOutput("IPv4.*done")  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.stop()

    def waitForAlert(self) -> int:
        match = self._program.waitForOutput(r"Alert\[2\|(\d+)\] - .* - was received|Decryption has failed")
        if match[1] is None:
            raise UndecipheredAlertError
        return int(match[1])

    def waitForCleanEnd(self) -> None:
        self._program.waitForOutput(r"Alert\[1\|0\] - Close notify - was received")


class GnutlsClient(ForeignClient):
    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._program = _GnutlsProgram("gnutls-cli", version, psk, alpn)
        if trust is not None:
            authority = self._program.file("trust.pem", pem(trust))
            self._program.command += ["--x509cafile", authority, "--verify-hostname", "localhost"]
        elif psk is None:
            self._program.command.append("--no-ca-verification")
        if certificate is not None:
            self._program.certificate(certificate)
        if psk is not None:
            self._program.command += ["--pskusername", psk[0], "--pskkey", psk[1].hex()]
        self._program.command += ["--sni-hostname", "localhost", "--port", str(port), "127.0.0.1"]

    def __enter__(self: _Self) -> _Self:
        self._program.start()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.stop()

    def send(self, line: bytes) -> None:
        # Read when the handshake is complete; that it is, is often told only after the first data.
        self._program.write(line)

    def waitForReceived(self, data: bytes) -> None:
        self._program.waitForOutput(re.escape(data.decode()))

    def close(self) -> None:
        self._program.closeInput()

    def waitForAlert(self) -> int:
        return int(self._program.waitForOutput(r"Received alert \[(\d+)\]")[1])

    def waitForCleanEnd(self) -> None:
        self._program.waitForOutput("Peer has closed the GnuTLS connection")
        assert self._program.exitCode() == 0


# ---------------------------------------------------------------------------------- Qt's own sockets

_QT_VERSIONS = {"1.2": QSsl.SslProtocol.TlsV1_2, "1.3": QSsl.SslProtocol.TlsV1_3}


def _qtConfiguration(
    version: str, certificate: IssuedCertificate | None, trust: x509.Certificate | None, alpn: Sequence[str]
) -> QSslConfiguration:
    configuration = QSslConfiguration.defaultConfiguration()
    configuration.setProtocol(_QT_VERSIONS[version])
    if certificate is not None:
        configuration.setLocalCertificateChain(QSslCertificate.fromData(QByteArray(certificate.chainPem())))
        key = QSslKey(QByteArray(certificate.keyPem()), QSsl.KeyAlgorithm.Ec)
        configuration.setPrivateKey(key)
    mode = QSslSocket.PeerVerifyMode
    configuration.setPeerVerifyMode(mode.VerifyPeer if trust else mode.VerifyNone)
    if trust is not None:
        configuration.setCaCertificates(QSslCertificate.fromData(QByteArray(pem(trust))))
    if alpn:
        configuration.setAllowedNextProtocols([QByteArray(name.encode()) for name in alpn])
    return configuration


class _QtPeer:
    """What both of Qt's ends note about themselves."""

    def __init__(self, psk: Psk | None) -> None:
        self.psk = psk
        self.alerts: list[int] = []
        self.errors: list[str] = []
        self.received = b""
        self.ended = False

    def noteAlert(self, level: QSsl.AlertLevel, kind: QSsl.AlertType) -> None:
        if level is not QSsl.AlertLevel.Warning and kind is not QSsl.AlertType.CloseNotify:
            self.alerts.append(kind.value)

    def giveKey(self, authenticator: QSslPreSharedKeyAuthenticator) -> None:
        assert self.psk is not None
        authenticator.setIdentity(QByteArray(self.psk[0].encode()))
        authenticator.setPreSharedKey(QByteArray(self.psk[1]))

    def waitForAlert(self) -> int:
        waitFor(lambda: bool(self.alerts), "an alert", lambda: self.errors)
        return self.alerts[0]

    def waitForEnd(self) -> None:
        waitFor(lambda: self.ended, "the end of the connection", lambda: self.errors)
        # Qt calls close_notify by this name, and every other end otherwise.
        # If there is another error, it is that TCP has ended as well.
        assert self.errors[:1] == ["The TLS/SSL connection has been closed"]


class QtServer(ForeignServer):
    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._notes = _QtPeer(psk)
        self._server = QSslServer()
        configuration = _qtConfiguration(version, certificate, clients, alpn)
        if psk is not None:
            configuration.setCiphers([QSslCipher(PSK_SUITE)])
            self._server.preSharedKeyAuthenticationRequired.connect(lambda _, key: self._notes.giveKey(key))
        self._server.setSslConfiguration(configuration)
        self._server.alertReceived.connect(lambda _, level, kind, text: self._notes.noteAlert(level, kind))
        self._server.errorOccurred.connect(lambda socket, _: self._notes.errors.append(socket.errorString()))
        self._server.pendingConnectionAvailable.connect(self._serve)
        self._socket: QSslSocket | None = None

    def _serve(self) -> None:
        peer = self._server.nextPendingConnection()
        assert isinstance(peer, QSslSocket)
        self._socket = peer
        peer.readyRead.connect(self._answer)
        peer.errorOccurred.connect(lambda _: self._notes.errors.append(peer.errorString()))
        peer.alertReceived.connect(lambda level, kind, text: self._notes.noteAlert(level, kind))
        peer.disconnected.connect(lambda: setattr(self._notes, "ended", True))
        if peer.bytesAvailable():
            self._answer()

    def _answer(self) -> None:
        assert self._socket is not None
        data = self._socket.readAll()
        self._notes.received += bytes(data.data())
        self._socket.write(data)

    def __enter__(self: _Self) -> _Self:
        assert self._server.listen(QHostAddress("127.0.0.1"), 0)  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        self.port = self._server.serverPort()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._server.deleteLater()

    def waitForAlert(self) -> int:
        return self._notes.waitForAlert()

    def waitForCleanEnd(self) -> None:
        self._notes.waitForEnd()


class QtClient(ForeignClient):
    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self._notes = _QtPeer(psk)
        self._port = port
        self._socket = QSslSocket()
        configuration = _qtConfiguration(version, certificate, trust, alpn)
        if psk is not None:
            configuration.setCiphers([QSslCipher(PSK_SUITE)])
            self._socket.preSharedKeyAuthenticationRequired.connect(self._notes.giveKey)
        self._socket.setSslConfiguration(configuration)
        self._socket.alertReceived.connect(lambda level, kind, text: self._notes.noteAlert(level, kind))
        self._socket.errorOccurred.connect(lambda _: self._notes.errors.append(self._socket.errorString()))
        self._socket.disconnected.connect(lambda: setattr(self._notes, "ended", True))
        self._socket.readyRead.connect(self._read)

    def _read(self) -> None:
        self._notes.received += bytes(self._socket.readAll().data())

    def __enter__(self: _Self) -> _Self:
        self._socket.connectToHostEncrypted("127.0.0.1", self._port, "localhost")  # type: ignore[attr-defined]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.abort()
        self._socket.deleteLater()

    def send(self, line: bytes) -> None:
        self._socket.write(QByteArray(line))

    def waitForReceived(self, data: bytes) -> None:
        waitFor(lambda: len(self._notes.received) >= len(data), "data", lambda: self._notes.errors)
        assert self._notes.received == data

    def close(self) -> None:
        self._socket.disconnectFromHost()

    def waitForAlert(self) -> int:
        return self._notes.waitForAlert()

    def waitForCleanEnd(self) -> None:
        self._notes.waitForEnd()


class Implementations:
    """All of them, by name."""

    servers: ClassVar[dict[str, type[ForeignServer]]] = {
        "python": PythonServer,
        "openssl": OpensslProgramServer,
        "gnutls": GnutlsServer,
        "qt": QtServer,
    }
    clients: ClassVar[dict[str, type[ForeignClient]]] = {
        "python": PythonClient,
        "openssl": OpensslProgramClient,
        "gnutls": GnutlsClient,
        "qt": QtClient,
    }
    programs: ClassVar[dict[str, str]] = {"openssl": "openssl", "gnutls": "gnutls-serv"}

    @classmethod
    def missing(cls, name: str) -> str:
        """Why an implementation cannot be used here, or an empty string."""
        program = cls.programs.get(name)
        return f"{program} is not installed" if program and shutil.which(program) is None else ""

    @staticmethod
    def lacksKeys(name: str, version: str) -> str:
        """Why it has no pre-shared keys here, or an empty string."""
        if name == "python" and sys.version_info < (3, 13):
            return "Python's ssl module has pre-shared keys from 3.13 on"
        if name == "qt" and version == "1.3":
            return "Qt has pre-shared keys for TLS 1.2 only"
        return ""
