"""The two sides of every comparison, behind one face: the workloads are literally the same code.

Qt's classes and ours have the same method names, so a workload only needs somebody to make the
objects and to fetch an encrypted connection. Where Qt has a faster way (a reused QByteArray), the
workloads use it for both.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.testing.pki import PublicKeyInfrastructure

HOST = "127.0.0.1"
LOOPBACK = QHostAddress(QHostAddress.SpecialAddress.LocalHost)


class Side:
    """Makes servers and clients of one kind; ``group`` pins the key-exchange group."""

    name = ""

    def __init__(self, group: str = "") -> None:
        self.pki = PublicKeyInfrastructure()
        self.group = group

    def server(self, parent: QObject | None = None) -> Any:
        """A server with its certificate."""
        raise NotImplementedError

    def client(self, parent: QObject | None = None) -> Any:
        """A client that verifies the server's certificate."""
        raise NotImplementedError

    def connectMany(self, port: int, count: int, done: Callable[..., None]) -> Any:
        """Begin so many encrypted connections; ``done`` is called for each. Returns what has to be kept."""
        clients = [self.client() for _ in range(count)]
        for client in clients:
            client.encrypted.connect(done)
            client.connectToHostEncrypted(HOST, port)
        return clients

    def describe(self, socket: Any) -> str:
        """What was negotiated."""
        raise NotImplementedError


class QtSide(Side):
    """PySide6's QSslServer and QSslSocket."""

    name = "qt"

    def __init__(self, group: str = "") -> None:
        super().__init__(group)
        from PySide6.QtNetwork import QSsl, QSslCertificate, QSslConfiguration, QSslEllipticCurve, QSslKey, QSslSocket

        issued = self.pki.server
        own = QSslConfiguration.defaultConfiguration()
        own.setLocalCertificateChain([QSslCertificate(pem) for pem in pemBlocks(issued.chainPem())])
        own.setPrivateKey(QSslKey(issued.keyPem(), QSsl.KeyAlgorithm.Ec))
        own.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        other = QSslConfiguration.defaultConfiguration()
        other.setCaCertificates([QSslCertificate(self.pki.ca.certificatePem())])
        if group:
            curve = QSslEllipticCurve.fromLongName(group)
            own.setEllipticCurves([curve])
            other.setEllipticCurves([curve])
        self._own, self._other = own, other
        self._socket = QSslSocket  # an import in client() would be measured with each connection

    def server(self, parent: QObject | None = None) -> Any:
        from PySide6.QtNetwork import QSslServer

        server = QSslServer(parent)
        server.setSslConfiguration(self._own)
        server.setListenBacklogSize(1000)
        server.setMaxPendingConnections(1000)
        return server

    def client(self, parent: QObject | None = None) -> Any:
        client = self._socket(parent)
        client.setSslConfiguration(self._other)
        return client

    def describe(self, socket: Any) -> str:
        cipher = socket.sessionCipher()
        return f"{cipher.protocolString()} {cipher.name()}, group {self.group or 'the default of the system OpenSSL'}"


class OurSide(Side):
    """SslServer and SslSocket."""

    name = "qtsecure"

    def __init__(self, group: str = "") -> None:
        super().__init__(group)
        from PySide6.QtNetwork import QSsl, QSslSocket

        from qtsecure import SslConfiguration, SslSocket

        self._socket = SslSocket  # as on Qt's side
        issued = self.pki.server
        self._own = SslConfiguration.forServer(issued.chainPem(), issued.keyPem())
        self._own.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        self._other = SslConfiguration.forClient(self.pki.ca.certificatePem())
        # Every row measures full handshakes unless it says otherwise; Qt has no others.
        self._other.setSslOption(QSsl.SslOption.SslOptionDisableSessionSharing, True)
        if group:
            self._own.setKeyExchangeGroups([group])
            self._other.setKeyExchangeGroups([group])

    def server(self, parent: QObject | None = None) -> Any:
        from qtsecure import SslServer

        server = SslServer(parent)
        server.setSslConfiguration(self._own)
        server.setListenBacklogSize(1000)
        server.setMaxPendingConnections(1000)
        server.setMaxHandshakingConnections(1000)
        return server

    def client(self, parent: QObject | None = None) -> Any:
        client = self._socket(parent)
        client.setSslConfiguration(self._other)
        return client

    def connectMany(self, port: int, count: int, done: Callable[..., None]) -> Any:
        from qtsecure import SocketClient

        client = SocketClient()
        client.setEnableProxy(False)
        client.setTls(True)
        client.setTlsConfiguration(self._other)
        client.connected.connect(done)
        return client, [client.connectToHost(HOST, port) for _ in range(count)]

    def describe(self, socket: Any) -> str:
        cipher = socket.sessionCipher()
        return f"{cipher.protocolString()} {cipher.name()}, group {socket.keyExchangeGroup()}"


def makeSide(name: str, group: str = "") -> Side:
    """The side of this name."""
    return QtSide(group) if name == "qt" else OurSide(group)


def noDelay(socket: Any) -> Any:
    """Switch Nagle's algorithm off where it is on by default (Qt's)."""
    if isinstance(socket, QAbstractSocket):
        socket.setSocketOption(QAbstractSocket.SocketOption.LowDelayOption, 1)
    return socket


def residentBytes() -> int:
    """The resident memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def raiseDescriptorLimit() -> None:
    """Room for thousands of sockets."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def quietStandardError() -> Iterator[None]:
    """Qt's TLS plugin prints lines that mean nothing; keep them out of the table."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def pemBlocks(pem: bytes) -> list[bytes]:
    """The certificates of a file, one by one, as Qt wants them."""
    end = b"-----END CERTIFICATE-----\n"
    return [block + end for block in pem.split(end) if block.strip()]


Workload = Callable[[Side, int], dict[str, Any]]
