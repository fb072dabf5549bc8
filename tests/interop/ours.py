"""Our ends of the connections: SslSocket and DtlsPeer, and servers that echo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslSocket
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration, TlsSession
from qtsecure.testing.pki import IssuedCertificate
from qtsecure.testing.signals import SignalRecorder
from tests.interop.foreign import DTLS, Psk, Told
from tests.interop.programs import TIMEOUT, waitFor

PROTOCOLS = {"1.2": Protocol.TlsV1_2, "1.3": Protocol.TlsV1_3, DTLS: Protocol.DtlsV1_2}
VERSIONS = {protocol: version for version, protocol in PROTOCOLS.items()}
VerifyMode = QSslSocket.PeerVerifyMode
# Connecting to preSharedKeyAuthenticationRequired turns pre-shared keys on, so it is left out.
SOCKET_SIGNALS = ("encrypted", "errorOccurred", "disconnected", "alertSent", "alertReceived", "sslErrors")
PEER_SIGNALS = (*SOCKET_SIGNALS, "closed")
SERVER_SIGNALS = ("errorOccurred", "alertSent", "alertReceived", "sslErrors", "pendingConnectionAvailable")


class OurClient:
    """An SslSocket and what it has told and received."""

    SIGNALS = SOCKET_SIGNALS

    def __init__(self) -> None:
        self.socket: Any = self._makeSocket()
        self.recorder = SignalRecorder(self.socket, self.SIGNALS)
        self.received = b""
        self.socket.readyRead.connect(self._read)

    def _makeSocket(self) -> Any:
        return SslSocket()

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
        session: TlsSession | None = None,
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
        self.socket.setSession(session)
        self._connect(port)

    def _connect(self, port: int) -> None:
        self.socket.connectToHostEncrypted("127.0.0.1", port, "localhost")

    def send(self, line: bytes) -> None:
        """Send one line when the handshake is complete."""
        self.socket.write(line)

    def configurationFor(self, version: str, trust: x509.Certificate | None = None) -> SslConfiguration:
        """What connectTo() begins with."""
        configuration = SslConfiguration.forClient([trust] if trust else None)
        configuration.setProtocol(PROTOCOLS[version])
        return configuration

    def told(self) -> Told:
        """What it says about its connection."""
        return toldBy(self.socket)

    def disconnect(self) -> None:
        """Send close_notify."""
        self.socket.disconnectFromHost()

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


class OurDatagramClient(OurClient):
    """The same with a DtlsPeer."""

    SIGNALS = PEER_SIGNALS

    def _makeSocket(self) -> Any:
        return DtlsPeer()

    def _read(self) -> None:
        while self.socket.hasPendingDatagrams():
            self.received += self.socket.readDatagram()

    def _connect(self, port: int) -> None:
        self.socket.connectToHost("127.0.0.1", port, "localhost")

    def send(self, line: bytes) -> None:
        self.waitForEncrypted()
        assert self.socket.writeDatagram(line) == len(line)

    def disconnect(self) -> None:
        self.socket.close()


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
        self.server: Any = self._makeServer()
        self._echo = echo
        self.received = b""
        self.recorder = SignalRecorder(self.server, SERVER_SIGNALS)
        self.sockets: list[Any] = []
        self.tales: list[Told] = []
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

            def give(socket: object, authenticator: PreSharedKeyAuthenticator) -> None:
                if bytes(authenticator.identity().data()) == wanted.encode():
                    authenticator.setPreSharedKey(key)

            self.server.preSharedKeyAuthenticationRequired.connect(give)
        self.server.setHandshakeTimeout(TIMEOUT)  # programs, and above all TLS in pure Python, may be slow
        self.server.setSslConfiguration(configuration)
        self.server.pendingConnectionAvailable.connect(self._serve)
        self._watchErrors()
        assert self.server.listen("127.0.0.1", 0), self.server.errorString()
        self.port = self.server.serverPort()

    def _makeServer(self) -> Any:
        return SslServer()

    def _watchErrors(self) -> None:
        self.server.errorOccurred.connect(lambda socket, _: self.errors.append(socket.errorString()))

    def _serve(self) -> None:
        socket = self.server.nextPendingConnection()
        assert socket is not None
        self.sockets.append(socket)
        self.tales.append(toldBy(socket))

        def echo() -> None:
            data: QByteArray = socket.readAll()
            self.received += data.data()
            if data.size() and self._echo:
                socket.write(data.data())

        socket.readyRead.connect(echo)
        socket.disconnected.connect(lambda: self.ended.append(socket.peerClosedCleanly()))
        echo()

    def waitForSocket(self) -> Any:
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


class OurDatagramServer(OurServer):
    """The same with a DtlsServer and its peers."""

    def _makeServer(self) -> Any:
        return DtlsServer()

    def _watchErrors(self) -> None:
        self.server.errorOccurred.connect(lambda _, error: self.errors.append(error.message))

    def _serve(self) -> None:
        peer = self.server.nextPendingConnection()
        assert peer is not None
        self.sockets.append(peer)
        self.tales.append(toldBy(peer))

        def echo() -> None:
            while peer.hasPendingDatagrams():
                message = peer.readDatagram()
                self.received += message
                peer.writeDatagram(message)

        def end() -> None:
            self.ended.append(True)

        peer.readyRead.connect(echo)
        peer.closed.connect(end)  # an association that was not closed just ends
        echo()


def toldBy(socket: Any) -> Told:
    """What one of our ends says about its connection."""
    certificate = socket.peerCertificate()
    version = VERSIONS[socket.sessionProtocol()]
    suite = socket.sessionCipher().name()
    # A name tells it up to TLS 1.2; in TLS 1.3 a connection that shows no certificate has nothing else.
    keyed = "PSK" in suite if version != "1.3" else None
    return Told(
        version=version,
        certificate=b"" if certificate.isNull() else bytes(certificate.toDer().data()),
        alpn=socket.negotiatedProtocol(),
        psk=keyed,
        resumed=socket.isSessionReused(),
    )


def fatal(alerts: Sequence[tuple[object, ...]]) -> list[int]:
    """The codes of fatal alerts from the arguments of alertSent or alertReceived."""
    codes = []
    for level, kind, _ in alerts:
        assert isinstance(kind, QSsl.AlertType)
        if level is QSsl.AlertLevel.Fatal:
            codes.append(kind.value)
    return codes
