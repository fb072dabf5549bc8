"""The workloads of DTLS. Qt's classes leave so much to the program that each side has code of its own.

Qt's program is written as well as we can: one read of the socket for each datagram, no look-up of
the client where there is only one, the cookie verifier of Qt, large socket buffers on both ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, QTimer
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QUdpSocket

from benchmarks.sides import LOOPBACK, Side, pemBlocks, raiseDescriptorLimit
from qtsecure.testing.pki import PublicKeyInfrastructure

__all__ = ["dtlsEcho", "dtlsHandshakes", "dtlsPeers"]

HOST = "127.0.0.1"
_WINDOW = 32
_BUFFER = 4 << 20


def _application() -> QCoreApplication:
    return QCoreApplication.instance() or QCoreApplication([])


class OurEcho:
    """A DtlsServer that returns what it gets, and clients."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        from PySide6.QtNetwork import QSsl, QSslSocket

        from qtsecure import DtlsPeer, DtlsServer, SslConfiguration

        own = SslConfiguration.forServer(pki.server.chainPem(), pki.server.keyPem())
        own.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        self._other = SslConfiguration.forClient(pki.ca.certificatePem())
        self._other.setSslOption(QSsl.SslOption.SslOptionDisableSessionSharing, True)  # full handshakes, as Qt's
        self._makePeer = DtlsPeer
        self.server = DtlsServer()
        self.server.setSslConfiguration(own)
        self.server.pendingConnectionAvailable.connect(self._welcome)
        self.server.listen(LOOPBACK)

    def _welcome(self) -> None:
        peer = self.server.nextPendingConnection()
        peer.disconnected.connect(peer.deleteLater)
        write, read, pending = peer.writeDatagram, peer.readDatagram, peer.hasPendingDatagrams

        def echo() -> None:
            while pending():
                write(read())

        peer.readyRead.connect(echo)

    def client(self, encrypted: Callable[[Any], None], received: Callable[[bytes], None] | None = None) -> Any:
        """A client that begins at once."""
        client = self._makePeer()
        client.setSslConfiguration(self._other)
        client.encrypted.connect(lambda: encrypted(client))
        if received is not None:
            read, pending = client.readDatagram, client.hasPendingDatagrams

            def take() -> None:
                while pending():
                    received(read())

            client.readyRead.connect(take)
        client.connectToHost(HOST, self.server.serverPort())
        return client

    def writer(self, client: Any) -> Callable[[bytes], object]:
        """What sends a message of this client."""
        write: Callable[[bytes], object] = client.writeDatagram
        return write

    def describe(self, client: Any) -> str:
        """What was negotiated."""
        return f"{client.sessionProtocol().name} {client.cipherName()}, group {client.keyExchangeGroup()}"

    def leave(self, client: Any) -> None:
        """Say goodbye and forget."""
        client.close()
        client.deleteLater()


class QtEcho:
    """The same with QDtls, QDtlsClientVerifier and QUdpSocket."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        from PySide6.QtNetwork import (
            QDtlsClientVerifier,
            QSsl,
            QSslCertificate,
            QSslConfiguration,
            QSslKey,
            QSslSocket,
        )

        own = QSslConfiguration.defaultDtlsConfiguration()
        own.setLocalCertificateChain([QSslCertificate(pem) for pem in pemBlocks(pki.server.chainPem())])
        own.setPrivateKey(QSslKey(pki.server.keyPem(), QSsl.KeyAlgorithm.Ec))
        own.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        other = QSslConfiguration.defaultDtlsConfiguration()
        other.setCaCertificates([QSslCertificate(pki.ca.certificatePem())])
        self._own, self._other = own, other
        self._verifier = QDtlsClientVerifier()
        self._peers: dict[tuple[str, int], Any] = {}
        self._only: Any = None
        self.socket = QUdpSocket()
        self.socket.bind(LOOPBACK)
        _enlarge(self.socket)
        self.socket.readyRead.connect(self._read)

    def _read(self) -> None:
        socket = self.socket
        while socket.hasPendingDatagrams():
            datagram = socket.receiveDatagram()
            data = datagram.data()
            dtls = self._only
            if dtls is None:
                dtls = self._find(datagram, data)
                if dtls is None:
                    continue
            if dtls.isConnectionEncrypted():
                plain = dtls.decryptDatagram(socket, data)
                if plain.size():
                    dtls.writeDatagramEncrypted(socket, plain)
            else:
                dtls.doHandshake(socket, data)

    def _find(self, datagram: Any, data: QByteArray) -> Any:
        from PySide6.QtNetwork import QDtls, QSslSocket

        address, port = datagram.senderAddress(), datagram.senderPort()
        key = (address.toString(), port)
        dtls = self._peers.get(key)
        if dtls is None:
            if not self._verifier.verifyClient(self.socket, data, address, port):
                return None
            dtls = self._peers[key] = QDtls(QSslSocket.SslMode.SslServerMode)
            dtls.setDtlsConfiguration(self._own)
            dtls.setPeer(address, port)
        return dtls

    def single(self) -> None:
        """There is one client only, so that nobody has to be looked up."""
        self._only = next(iter(self._peers.values()))

    def client(self, encrypted: Callable[[Any], None], received: Callable[[QByteArray], None] | None = None) -> Any:
        """A client that begins at once."""
        return _QtClient(self._other, self.socket.localPort(), encrypted, received)

    def writer(self, client: Any) -> Callable[[bytes], object]:
        """What sends a message of this client."""
        dtls, socket = client.dtls, client.socket
        return lambda message: dtls.writeDatagramEncrypted(socket, message)

    def describe(self, client: Any) -> str:
        """What was negotiated."""
        return f"{client.dtls.sessionCipher().name()}, the default group of the system OpenSSL"

    def leave(self, client: Any) -> None:
        """Say goodbye and forget."""
        client.dtls.shutdown(client.socket)
        self._peers.pop((HOST, client.socket.localPort()), None)
        client.socket.close()
        client.socket.deleteLater()
        client.dtls.deleteLater()


class _QtClient(QObject):
    """A QDtls and its QUdpSocket."""

    def __init__(
        self,
        configuration: Any,
        port: int,
        encrypted: Callable[[Any], None],
        received: Callable[[QByteArray], None] | None,
    ) -> None:
        from PySide6.QtNetwork import QDtls, QSslSocket

        super().__init__()
        self.socket = QUdpSocket()
        self.socket.bind(LOOPBACK)
        _enlarge(self.socket)
        self.dtls = QDtls(QSslSocket.SslMode.SslClientMode)
        self.dtls.setDtlsConfiguration(configuration)
        self.dtls.setPeer(QHostAddress(HOST), port, HOST)
        self.dtls.handshakeTimeout.connect(lambda: self.dtls.handleTimeout(self.socket))
        self._encrypted, self._received = encrypted, received
        self.socket.readyRead.connect(self._read)
        self.dtls.doHandshake(self.socket)

    def _read(self) -> None:
        socket, dtls = self.socket, self.dtls
        while socket.hasPendingDatagrams():
            data = socket.receiveDatagram().data()
            if dtls.isConnectionEncrypted():
                plain = dtls.decryptDatagram(socket, data)
                if plain.size() and self._received is not None:
                    self._received(plain)
            else:
                dtls.doHandshake(socket, data)
                if dtls.isConnectionEncrypted():
                    self._encrypted(self)


def _enlarge(socket: QUdpSocket) -> None:
    socket.setSocketOption(QAbstractSocket.SocketOption.ReceiveBufferSizeSocketOption, _BUFFER)
    socket.setSocketOption(QAbstractSocket.SocketOption.SendBufferSizeSocketOption, _BUFFER)


def _makeEcho(side: Side) -> Any:
    return QtEcho(side.pki) if side.name == "qt" else OurEcho(side.pki)


def dtlsEcho(side: Side, count: int, size: int) -> dict[str, Any]:
    """Messages there and back, 32 of them under way, one client."""
    return _echo(side, count, size, peers=1)


def dtlsPeers(side: Side, count: int, peers: int) -> dict[str, Any]:
    """The same with one of many clients, the others being connected."""
    return _echo(side, count, 100, peers=peers)


def _echo(side: Side, count: int, size: int, peers: int) -> dict[str, Any]:
    application = _application()
    raiseDescriptorLimit()
    echo = _makeEcho(side)
    message = b"x" * size
    state: dict[str, Any] = {"count": 0, "facts": ""}
    clients: list[Any] = []

    def received(data: object) -> None:
        state["count"] = done = state["count"] + 1
        if done < count:
            write(message)
        elif done == count:
            state["seconds"] = time.perf_counter() - state["start"]
            application.quit()

    def encrypted(client: Any) -> None:
        if len(clients) < peers:
            QTimer.singleShot(0, another)
            return
        state["facts"] = echo.describe(client)
        QTimer.singleShot(20, start)

    def start() -> None:
        nonlocal write
        if peers == 1 and isinstance(echo, QtEcho):
            echo.single()
        write = echo.writer(clients[-1])
        state["start"] = time.perf_counter()
        for _ in range(_WINDOW):
            write(message)

    def another() -> None:
        clients.append(None)
        clients[-1] = echo.client(encrypted, received if len(clients) == peers else None)

    write: Callable[[bytes], object] = lambda _: None  # noqa: E731 - start() replaces it
    another()
    application.exec()
    return {"value": count / state["seconds"], "unit": "/s", "facts": state["facts"]}


def dtlsHandshakes(side: Side, count: int) -> dict[str, Any]:
    """Full DTLS 1.2 handshakes with cookies, one after the other, both ends in this thread."""
    application = _application()
    echo = _makeEcho(side)
    state: dict[str, Any] = {"done": 0, "facts": ""}

    def encrypted(client: Any) -> None:
        state["facts"] = state["facts"] or echo.describe(client)
        state["done"] += 1
        QTimer.singleShot(0, lambda: following(client))

    def following(client: Any) -> None:
        echo.leave(client)
        if state["done"] == 20:
            state["start"] = time.perf_counter()  # the first ones load libraries and trust stores
        if state["done"] == count + 20:
            state["seconds"] = time.perf_counter() - state["start"]
            application.quit()
        else:
            state["client"] = echo.client(encrypted)

    state["client"] = echo.client(encrypted)
    application.exec()
    return {"value": count / state["seconds"], "unit": "/s", "facts": state["facts"]}
