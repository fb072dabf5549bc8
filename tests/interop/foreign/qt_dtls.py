"""QDtls and a QUdpSocket, as Qt's documentation says how."""

from __future__ import annotations

from cryptography import x509
from PySide6.QtNetwork import (
    QDtls,
    QDtlsClientVerifier,
    QDtlsError,
    QHostAddress,
    QNetworkDatagram,
    QSslSocket,
    QUdpSocket,
)

from qtsecure.testing.pki import IssuedCertificate
from tests.interop.foreign.base import ForeignClient, ForeignServer, Psk, Told
from tests.interop.foreign.qt_tls import giveKey, qtConfiguration
from tests.interop.programs import waitFor

_Mode = QSslSocket.SslMode


class _QDtlsEnd:
    """What both ends do alike."""

    version: str
    psk: Psk | None
    certificate: IssuedCertificate | None

    def _prepare(self, mode: QSslSocket.SslMode, trust: x509.Certificate | None) -> None:
        self._socket = QUdpSocket()
        assert self._socket.bind(QHostAddress("127.0.0.1"), 0)
        self._received: list[bytes] = []
        self._dtls = QDtls(mode)
        psk = self.psk
        if psk is not None:
            self._dtls.pskRequired.connect(lambda authenticator: giveKey(psk, authenticator))
        self._dtls.setDtlsConfiguration(qtConfiguration(self.version, self.certificate, trust))
        self._socket.readyRead.connect(self._read)

    def stop(self) -> None:
        self._socket.close()
        self._socket.deleteLater()
        self._dtls.deleteLater()

    def told(self) -> Told:
        """QDtls says nothing about certificates, sessions and application protocols."""
        return Told(version=self.version, psk="PSK" in self._dtls.sessionCipher().name())

    def waitForCleanEnd(self) -> None:
        error = QDtlsError.RemoteClosedConnectionError
        waitFor(lambda: self._dtls.dtlsError() == error, "the end", lambda: self._dtls.dtlsErrorString())

    def _read(self) -> None:
        while self._socket.hasPendingDatagrams():
            datagram = self._socket.receiveDatagram()
            if self._dtls.isConnectionEncrypted():
                plain = self._dtls.decryptDatagram(self._socket, datagram.data())
                if plain.size():
                    self._take(bytes(plain.data()))
            elif self._admits(datagram):
                self._dtls.doHandshake(self._socket, datagram.data())

    def _admits(self, datagram: QNetworkDatagram) -> bool:
        return True

    def _take(self, message: bytes) -> None:
        self._received.append(message)

    def _write(self, message: bytes) -> None:
        assert self._dtls.writeDatagramEncrypted(self._socket, message) == len(message)


class QtDatagramServer(_QDtlsEnd, ForeignServer):
    """For one client; it echoes."""

    def start(self) -> None:
        self._verifier = QDtlsClientVerifier()
        self._prepare(_Mode.SslServerMode, self.clients)
        self.port = self._socket.localPort()

    def _admits(self, datagram: QNetworkDatagram) -> bool:
        if not self._dtls.peerAddress().isNull():
            return True
        address, port = datagram.senderAddress(), datagram.senderPort()
        if not self._verifier.verifyClient(self._socket, datagram.data(), address, port):
            return False
        self._dtls.setCookieGeneratorParameters(self._verifier.cookieGeneratorParameters())
        self._dtls.setPeer(address, port)
        return True

    def _take(self, message: bytes) -> None:
        self._write(message)


class QtDatagramClient(_QDtlsEnd, ForeignClient):
    def start(self) -> None:
        self._prepare(_Mode.SslClientMode, self.trust)
        self._dtls.handshakeTimeout.connect(lambda: self._dtls.handleTimeout(self._socket))
        self._dtls.setPeer(QHostAddress("127.0.0.1"), self.port, "localhost")
        assert self._dtls.doHandshake(self._socket)

    def send(self, line: bytes) -> None:
        waitFor(self._dtls.isConnectionEncrypted, "a handshake", lambda: self._dtls.dtlsErrorString())
        self._write(line)

    def waitForReceived(self, data: bytes) -> None:
        waitFor(lambda: self._received, "data", lambda: self._dtls.dtlsErrorString())
        assert b"".join(self._received) == data

    def close(self) -> None:
        # Whatever comes after this would make it begin a new handshake.
        self._socket.readyRead.disconnect(self._read)
        assert self._dtls.shutdown(self._socket)
