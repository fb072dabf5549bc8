"""Qt's own QSslServer and QSslSocket, in the event loop of the test."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
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

from qtsecure.testing.pki import IssuedCertificate
from tests.interop.foreign.base import DTLS, LINE, ForeignClient, ForeignServer, Psk, Told, pem
from tests.interop.programs import waitFor

PSK_SUITE = "ECDHE-PSK-CHACHA20-POLY1305"
_PROTOCOLS = {"1.2": QSsl.SslProtocol.TlsV1_2, "1.3": QSsl.SslProtocol.TlsV1_3, DTLS: QSsl.SslProtocol.DtlsV1_2}
_VERSIONS = {protocol: version for version, protocol in _PROTOCOLS.items()}


def qtConfiguration(
    version: str, certificate: IssuedCertificate | None, trust: x509.Certificate | None, alpn: Sequence[str] = ()
) -> QSslConfiguration:
    """What one of Qt's ends needs."""
    if version == DTLS:
        configuration = QSslConfiguration.defaultDtlsConfiguration()
    else:
        configuration = QSslConfiguration.defaultConfiguration()
    configuration.setProtocol(_PROTOCOLS[version])
    if certificate is not None:
        configuration.setLocalCertificateChain(QSslCertificate.fromData(QByteArray(certificate.chainPem())))
        configuration.setPrivateKey(QSslKey(QByteArray(certificate.keyPem()), QSsl.KeyAlgorithm.Ec))
    mode = QSslSocket.PeerVerifyMode
    configuration.setPeerVerifyMode(mode.VerifyPeer if trust else mode.VerifyNone)
    if trust is not None:
        configuration.setCaCertificates(QSslCertificate.fromData(QByteArray(pem(trust))))
    if alpn:
        configuration.setAllowedNextProtocols([QByteArray(name.encode()) for name in alpn])
    return configuration


def giveKey(psk: Psk, authenticator: QSslPreSharedKeyAuthenticator) -> None:
    """Answer Qt's question for a key."""
    authenticator.setIdentity(QByteArray(psk[0].encode()))
    authenticator.setPreSharedKey(QByteArray(psk[1]))


class _QtEnd:
    """What both ends note about themselves."""

    psk: Psk | None

    def _begin(self) -> None:
        self._alerts: list[int] = []
        self._errors: list[str] = []
        self._ended = False

    def _watch(self, peer: QSslSocket) -> None:
        peer.errorOccurred.connect(lambda _: self._errors.append(peer.errorString()))
        peer.alertReceived.connect(lambda level, kind, text: self._noteAlert(level, kind))
        peer.disconnected.connect(lambda: setattr(self, "_ended", True))

    def _noteAlert(self, level: QSsl.AlertLevel, kind: QSsl.AlertType) -> None:
        if level is not QSsl.AlertLevel.Warning and kind is not QSsl.AlertType.CloseNotify:
            self._alerts.append(kind.value)

    def _giveKey(self, authenticator: QSslPreSharedKeyAuthenticator) -> None:
        assert self.psk is not None
        giveKey(self.psk, authenticator)

    def waitForAlert(self) -> int:
        waitFor(lambda: bool(self._alerts), "an alert", lambda: self._errors)
        return self._alerts[0]

    def waitForCleanEnd(self) -> None:
        waitFor(lambda: self._ended, "the end of the connection", lambda: self._errors)
        # Qt calls close_notify by this name, and every other end otherwise.
        # If there is another error, it is that TCP has ended as well.
        assert self._errors[:1] == ["The TLS/SSL connection has been closed"]


def _told(peer: QSslSocket) -> Told:
    """Qt does not say whether a session was resumed."""
    certificate = peer.peerCertificate()
    configuration = peer.sslConfiguration()
    return Told(
        version=_VERSIONS[peer.sessionProtocol()],
        certificate=bytes(certificate.toDer().data()) if not certificate.isNull() else b"",
        alpn=bytes(configuration.nextNegotiatedProtocol().data()).decode(),
        psk="PSK" in peer.sessionCipher().name(),
    )


class QtServer(_QtEnd, ForeignServer):
    def start(self) -> None:
        self._begin()
        self._server = QSslServer()
        configuration = qtConfiguration(self.version, self.certificate, self.clients, self.alpn)
        if self.psk is not None:
            configuration.setCiphers([QSslCipher(PSK_SUITE)])
            self._server.preSharedKeyAuthenticationRequired.connect(lambda _, key: self._giveKey(key))
        self._server.setSslConfiguration(configuration)
        self._server.alertReceived.connect(lambda _, level, kind, text: self._noteAlert(level, kind))
        self._server.errorOccurred.connect(lambda socket, _: self._errors.append(socket.errorString()))
        self._server.pendingConnectionAvailable.connect(self._serve)
        self._socket: QSslSocket | None = None
        assert self._server.listen(QHostAddress("127.0.0.1"), 0)
        self.port = self._server.serverPort()

    def stop(self) -> None:
        self._server.close()
        self._server.deleteLater()

    def _serve(self) -> None:
        peer = self._server.nextPendingConnection()
        assert isinstance(peer, QSslSocket)
        self._socket = peer
        self._told = _told(peer)  # while it is connected
        self._watch(peer)
        peer.readyRead.connect(self._answer)
        if peer.bytesAvailable():
            self._answer()

    def _answer(self) -> None:
        assert self._socket is not None
        self._socket.write(self._socket.readAll())

    def told(self) -> Told:
        return self._told


class QtClient(_QtEnd, ForeignClient):
    def start(self) -> None:
        self._connect(QByteArray())
        if self.resume:
            self.send(LINE)
            self.waitForReceived(LINE)
            ticket = self._socket.sslConfiguration().sessionTicket()
            assert ticket.size(), "Qt has no session"
            self.close()
            waitFor(lambda: self._ended, "the end of the first connection")
            self.stop()
            self._connect(ticket)

    def _connect(self, ticket: QByteArray) -> None:
        self._begin()
        self._received = b""
        self._socket = QSslSocket()
        configuration = qtConfiguration(self.version, self.certificate, self.trust, self.alpn)
        if self.resume:
            configuration.setSslOption(QSsl.SslOption.SslOptionDisableSessionPersistence, False)
            configuration.setSessionTicket(ticket)
        if self.psk is not None:
            configuration.setCiphers([QSslCipher(PSK_SUITE)])
            self._socket.preSharedKeyAuthenticationRequired.connect(self._giveKey)
        self._socket.setSslConfiguration(configuration)
        self._watch(self._socket)
        self._socket.readyRead.connect(self._read)
        self._socket.connectToHostEncrypted("127.0.0.1", self.port, "localhost")

    def stop(self) -> None:
        self._socket.abort()
        self._socket.deleteLater()

    def _read(self) -> None:
        self._received += bytes(self._socket.readAll().data())

    def told(self) -> Told:
        return _told(self._socket)

    def send(self, line: bytes) -> None:
        self._socket.write(QByteArray(line))

    def waitForReceived(self, data: bytes) -> None:
        waitFor(lambda: len(self._received) >= len(data), "data", lambda: self._errors)
        assert self._received == data

    def close(self) -> None:
        self._socket.disconnectFromHost()
