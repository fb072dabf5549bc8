"""Our ends of the connections: an SslSocket, and an SslServer that echoes."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslSocket
from shiboken6 import isValid

from qtsecure.net.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration
from qtsecure.testing.pki import IssuedCertificate
from qtsecure.testing.signals import SignalRecorder
from tests.interop.foreign import TIMEOUT, Psk, waitFor

PROTOCOLS = {"1.2": Protocol.TlsV1_2, "1.3": Protocol.TlsV1_3}
VerifyMode = QSslSocket.PeerVerifyMode
# Connecting to preSharedKeyAuthenticationRequired turns pre-shared keys on, so it is left out.
SOCKET_SIGNALS = ("encrypted", "errorOccurred", "disconnected", "alertSent", "alertReceived", "sslErrors")
SERVER_SIGNALS = ("errorOccurred", "alertSent", "alertReceived", "sslErrors", "pendingConnectionAvailable")


class OurClient:
    """An SslSocket and what it has told and received."""

    def __init__(self) -> None:
        self.socket = SslSocket()
        self.recorder = SignalRecorder(self.socket, SOCKET_SIGNALS)
        self.received = b""
        self.socket.readyRead.connect(self._read)

    def _read(self) -> None:
        self.received += bytes(self.socket.readAll().data())

    def connectTo(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        """Connect and begin the handshake."""
        configuration = self.configurationFor(version, trust)
        if certificate is not None:
            configuration.setLocalCertificateChain(certificate.chain)
            configuration.setPrivateKey(certificate.privateKey)
        configuration.setAllowedNextProtocols(alpn)
        if psk is not None:
            identity, key = psk
            configuration.setPeerVerifyMode(VerifyMode.VerifyNone)

            def give(authenticator: PreSharedKeyAuthenticator) -> None:
                authenticator.setIdentity(identity)
                authenticator.setPreSharedKey(key)

            self.socket.preSharedKeyAuthenticationRequired.connect(give)
        self.socket.setSslConfiguration(configuration)
        self.socket.connectToHostEncrypted("127.0.0.1", port, "localhost")

    def configurationFor(self, version: str, trust: x509.Certificate | None = None) -> SslConfiguration:
        """What connectTo() begins with."""
        configuration = SslConfiguration.forClient([trust] if trust else None)
        configuration.setProtocol(PROTOCOLS[version])
        return configuration

    def waitForEncrypted(self) -> None:
        """Wait until the handshake is complete; an error ends the wait."""
        waitFor(lambda: self.recorder.count("encrypted") or self.recorder.count("errorOccurred"), "encrypted")
        assert self.socket.isEncrypted(), self.socket.errorString()

    def waitForReceived(self, data: bytes) -> None:
        """Wait until exactly this was received."""
        waitFor(lambda: len(self.received) >= len(data), "data", self.socket.errorString)
        assert self.received == data

    def waitForEnd(self) -> None:
        """Wait until the connection is over."""
        self.recorder.waitFor("disconnected", TIMEOUT)

    @property
    def alerts(self) -> list[int]:
        """The codes of the fatal alerts sent."""
        return fatal(self.recorder.of("alertSent"))

    def close(self) -> None:
        """Let go of the socket."""
        self.recorder.close()
        if isValid(self.socket):
            self.socket.abort()
            self.socket.deleteLater()


class OurServer:
    """An SslServer that echoes, and the last socket that it served."""

    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        required: bool = False,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
        echo: bool = True,
    ) -> None:
        self.server = SslServer()
        self._echo = echo
        self.received = b""
        self.recorder = SignalRecorder(self.server, SERVER_SIGNALS)
        self.sockets: list[SslSocket] = []
        self.ended: list[bool] = []
        self.errors: list[str] = []
        if certificate is None:
            configuration = SslConfiguration()
        else:
            configuration = SslConfiguration.forServer(certificate.chain, certificate.privateKey)
        configuration.setProtocol(PROTOCOLS[version])
        if clients is not None:
            configuration.setPeerVerifyMode(VerifyMode.VerifyPeer)
            configuration.setCaCertificates([clients])
            configuration.setMissingCertificateIsFatal(required)
        configuration.setAllowedNextProtocols(alpn)
        if psk is not None:
            wanted, key = psk

            def give(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
                if bytes(authenticator.identity().data()) == wanted.encode():
                    authenticator.setPreSharedKey(key)

            self.server.preSharedKeyAuthenticationRequired.connect(give)
        self.server.setSslConfiguration(configuration)
        self.server.pendingConnectionAvailable.connect(self._serve)
        self.server.errorOccurred.connect(lambda socket, _: self.errors.append(socket.errorString()))
        assert self.server.listen("127.0.0.1", 0), self.server.errorString()
        self.port = self.server.serverPort()

    def _serve(self) -> None:
        socket = self.server.nextPendingConnection()
        assert socket is not None
        self.sockets.append(socket)

        def echo() -> None:
            data: QByteArray = socket.readAll()
            self.received += data.data()
            if data.size() and self._echo:
                socket.write(data.data())

        socket.readyRead.connect(echo)
        socket.disconnected.connect(lambda: self.ended.append(socket.peerClosedCleanly()))
        echo()

    def waitForSocket(self) -> SslSocket:
        """The socket of the first client whose handshake was completed."""
        waitFor(lambda: self.sockets or self.errors, "a connection")
        assert self.sockets, self.errors
        return self.sockets[0]

    def waitForFailure(self) -> str:
        """Wait until a handshake failed; its sentence."""
        waitFor(lambda: bool(self.errors), "a failed handshake")
        return self.errors[0]

    @property
    def alerts(self) -> list[int]:
        """The codes of the fatal alerts sent."""
        return fatal([record[1:] for record in self.recorder.of("alertSent")])

    def close(self) -> None:
        """Let go of the server and its sockets."""
        self.recorder.close()
        for socket in self.sockets:
            if isValid(socket):
                socket.abort()
        self.server.close()
        self.server.deleteLater()


def fatal(alerts: Sequence[tuple[object, ...]]) -> list[int]:
    """The codes of fatal alerts from the arguments of alertSent or alertReceived."""
    codes = []
    for level, kind, _ in alerts:
        assert isinstance(kind, QSsl.AlertType)
        if level is QSsl.AlertLevel.Fatal:
            codes.append(kind.value)
    return codes
