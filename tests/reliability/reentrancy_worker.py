"""The re-entrancy matrix of TLS: ``python -m tests.reliability.reentrancy_worker <cells>``; see ``fork_server``.

A cell is one connection in which one slot of one signal does one thing at its first emission.
"""

from __future__ import annotations

from typing import NamedTuple

import shiboken6
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket

from qtsecure.errors import SecureError
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.reliability.cell_run import CellRun
from tests.reliability.fork_server import serve
from tests.reliability.steady_clock import SteadyClock
from tests.reliability.telling_server import TellingServer

_KEY = bytes(range(32))
_State = QAbstractSocket.SocketState

_COMMON = (
    "stateChanged",
    "modeChanged",
    "encrypted",
    "readyRead",
    "bytesWritten",
    "encryptedBytesWritten",
    "peerVerifyError",
    "sslErrors",
    "acceptCertificate",
    "handshakeInterruptedOnError",
    "preSharedKeyAuthenticationRequired",
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "readChannelFinished",
    "disconnected",
    "aboutToClose",
    "handshakeMessage",
)
SIGNALS = {
    "client": ("hostFound", "connected", *_COMMON, "newSessionTicketReceived"),
    "accepted": (*_COMMON, "certificateRequired"),
    "server": (
        "newConnection",
        "pendingConnectionAvailable",
        "startedEncryptionHandshake",
        "sslErrors",
        "peerVerifyError",
        "handshakeInterruptedOnError",
        "preSharedKeyAuthenticationRequired",
        "alertSent",
        "alertReceived",
        "errorOccurred",
        "acceptCertificate",
        "certificateRequired",
        "handshakeMessage",
        "closed",
    ),
}
NOT_HERE = frozenset({"acceptError", "proxyAuthenticationRequired", "channelReadyRead", "channelBytesWritten"})
"""Signals that need a process without descriptors or a proxy, which have tests of their own, or never come."""
ACTIONS = (
    "write",
    "flush",
    "close",
    "abort",
    "disconnectFromHost",
    "deleteLater",
    "delete",
    "startClientEncryption",
    "connectToHostEncrypted",
    "ignoreSslErrors",
    "continueInterruptedHandshake",
    "nestedLoop",
    "processEvents",
    "setSslConfiguration",
    "read",
    "deleteParent",
    "closeServer",
    "waitForReadyRead",
    "shutdownWrite",
)
_INSIDE_ENGINE = frozenset({"handshakeInterruptedOnError", "preSharedKeyAuthenticationRequired"})
_VERIFYING = frozenset({"sslErrors", "peerVerifyError", "acceptCertificate"})
_ENDING = frozenset({"close", "abort", "disconnectFromHost", "deleteLater", "delete", "deleteParent", "closeServer"})


class Cell(NamedTuple):
    """One connection and what is done in it."""

    owner: str
    """Whose signal: client, accepted (the server's socket) or server."""
    signal: str
    action: str
    version: str

    @property
    def insideEngine(self) -> bool:
        """Whether OpenSSL is on the stack when the signal comes."""
        if self.signal in _INSIDE_ENGINE:
            return True
        # A TLS 1.3 server has to decide before the client has finished.
        return self.signal in _VERIFYING and self.owner != "client" and self.version == "1.3"


def allCells() -> list[Cell]:
    """The whole matrix."""
    return [
        Cell(owner, signal, action, version)
        for owner, signals in SIGNALS.items()
        for signal in signals
        for action in ACTIONS
        for version in ("1.2", "1.3")
        if not (signal == "newSessionTicketReceived" and version == "1.2")
    ]


_PKI = PublicKeyInfrastructure()


class Run(CellRun):
    """One cell, in this process."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    # -------------------------------------------------------------------------- scenario

    def run(self) -> list[str]:
        self._app = QCoreApplication([])
        self._clock = SteadyClock()
        cell = self.cell
        self.parent = QObject()
        self.client = SslSocket(self.parent)
        self.server = TellingServer(self._socketCreated)
        self._configure()
        assert self.server.listen("127.0.0.1", 0)
        self.port = self.server.serverPort()
        target: QObject = self.client if cell.owner == "client" else self.server
        if cell.owner != "accepted":
            getattr(target, cell.signal).connect(self._slot)
        self.client.readyRead.connect(self._answer)
        self.server.pendingConnectionAvailable.connect(self._fetch)
        self._runUntilOver(lambda: self.client.connectToHostEncrypted("127.0.0.1", self.port))
        return self.faults

    def _isLive(self, end: SslSocket) -> bool:
        return end.state() != _State.UnconnectedState

    def _stateOf(self, end: SslSocket) -> str:
        return str(end.state().name)

    def _configure(self) -> None:
        cell = self.cell
        protocol = Protocol.TlsV1_2 if cell.version == "1.2" else Protocol.TlsV1_3
        identity = _PKI.server
        client = SslConfiguration.forClient([_PKI.ca.certificate])
        server = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
        if cell.signal == "preSharedKeyAuthenticationRequired":
            self.client.preSharedKeyAuthenticationRequired.connect(_clientKey)
            self.server.preSharedKeyAuthenticationRequired.connect(_serverKey)
            # Keys from a callback go with SHA-256 only (RFC 8446, section 4.2.11).
            suite = "ECDHE-PSK-CHACHA20-POLY1305" if cell.version == "1.2" else "TLS_AES_128_GCM_SHA256"
            client.setCiphers(suite)
            server.setCiphers(suite)
            client.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        elif cell.signal in _VERIFYING or cell.signal == "handshakeInterruptedOnError":
            # Accepted by nobody but the slot of the cell: the default has to be the safe one.
            if cell.owner == "client":
                client.setCaCertificates([_PKI.otherCa.certificate])
                client.setHandshakeMustInterruptOnError(cell.signal == "handshakeInterruptedOnError")
            else:
                other = _PKI.clientUnknownCa
                client.setLocalCertificateChain(list(other.chain))
                client.setPrivateKey(other.privateKey)
                server.setCaCertificates([_PKI.ca.certificate])
                server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
                server.setHandshakeMustInterruptOnError(cell.signal == "handshakeInterruptedOnError")
        elif cell.owner == "server" and cell.signal in ("alertSent", "alertReceived", "errorOccurred"):
            # After the handshake the server forwards nothing, so something has to go wrong in it.
            if cell.signal == "alertReceived":
                client.setCaCertificates([_PKI.otherCa.certificate])
                client.setHandshakeMustInterruptOnError(True)
            else:
                server.setCaCertificates([_PKI.ca.certificate])  # reading those of the system takes long
                server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
                server.setMissingCertificateIsFatal(True)
        for configuration in (client, server):
            configuration.setProtocol(protocol)
        self.client.setHandshakeTraceEnabled(cell.signal == "handshakeMessage")
        self.server.setHandshakeTraceEnabled(cell.signal == "handshakeMessage")
        self.client.setSslConfiguration(client)
        self.server.setSslConfiguration(server)
        self.client.setHandshakeTimeout(2000)
        self.server.setHandshakeTimeout(2000)

    def _socketCreated(self, socket: SslSocket) -> None:
        if self.accepted is not None:
            return
        self.accepted = socket
        if self.cell.owner == "accepted":
            getattr(socket, self.cell.signal).connect(self._slot)
            if self.cell.signal == "preSharedKeyAuthenticationRequired":
                socket.preSharedKeyAuthenticationRequired.connect(
                    lambda authenticator: authenticator.setPreSharedKey(_KEY)
                )
        socket.readyRead.connect(self._echo)

    def _fetch(self) -> None:
        socket = self.server.nextPendingConnection()
        if socket is not None:
            socket.write(b"hello")

    def _echo(self) -> None:
        socket = self.accepted
        if socket is not None and shiboken6.isValid(socket) and socket.bytesAvailable():
            socket.write(socket.readAll())
            # Both ends get every signal of a normal end.
            QTimer.singleShot(0, self._endNicely)

    def _answer(self) -> None:
        # Not before the server's greeting: what comes behind the Finished brings no readyRead.
        if shiboken6.isValid(self.client):
            self.client.write(b"ping")
            self.client.readyRead.disconnect(self._answer)

    def _endNicely(self) -> None:
        if self.cell.signal == "closed" and shiboken6.isValid(self.server):
            self.server.close()
        # Whoever is under test closes the device, so that aboutToClose comes, too.
        first = self.client if self.cell.owner != "accepted" else self.accepted
        if self.cell.signal in ("alertReceived", "errorOccurred"):
            first = self.accepted if self.cell.owner == "client" else self.client
        if first is not None and shiboken6.isValid(first):
            first.close()

    # ------------------------------------------------------------------------ the action

    def _slot(self, *arguments: object) -> None:
        subject = self.client if self.cell.owner == "client" else self.accepted
        if self.cell.owner == "server" and arguments and isinstance(arguments[0], SslSocket):
            subject = arguments[0]
        if self.acted:
            sender = self.client if self.cell.owner == "client" else self.accepted
            if self.cell.action in ("delete", "deleteParent") and sender is not None:
                self.faults.append("a signal came from a deleted object")
            return
        self.acted = True
        if subject is None or not shiboken6.isValid(subject):
            return
        if self.cell.insideEngine:
            self._actInsideEngine(subject)
        else:
            self._act(subject)

    def _actInsideEngine(self, socket: SslSocket) -> None:
        """The table of what public calls may do while OpenSSL is on the stack."""
        state = socket.state()
        expect = self._expect
        expect(socket.isEncrypted() is False, "isEncrypted() was True inside the handshake")
        expect(socket.bytesToWrite() == 0, "bytesToWrite() was not 0")
        action = self.cell.action
        if action in ("startClientEncryption", "connectToHostEncrypted", "waitForReadyRead"):
            try:
                self._act(socket)
            except SecureError as error:
                expect(error.code is SecureError.Code.Pending, f"refused with {error.code}")
            else:
                self.faults.append(f"{action} was not refused inside the engine")
            return
        self._act(socket)
        if action in ("delete", "deleteParent") or not shiboken6.isValid(socket):
            return
        if action == "write":
            expect(socket.bytesToWrite() == 6, "write() did not queue inside the handshake")
        if action in ("close", "abort", "disconnectFromHost", "write", "flush", "closeServer", "shutdownWrite"):
            expect(socket.state() == state, f"the state changed to {socket.state().name} inside the engine")

    def _expect(self, condition: bool, text: str) -> None:
        if not condition:
            self.faults.append(text)

    def _act(self, socket: SslSocket) -> None:
        action = self.cell.action
        if action == "write":
            socket.write(b"canary")
        elif action in ("flush", "close", "abort", "disconnectFromHost", "deleteLater", "startClientEncryption"):
            getattr(socket, action)()
        elif action == "delete":
            shiboken6.delete(socket)
        elif action == "connectToHostEncrypted":
            socket.connectToHostEncrypted("127.0.0.1", self.port)
        elif action in ("ignoreSslErrors", "continueInterruptedHandshake"):
            getattr(socket, action)()
        elif action == "nestedLoop":
            self._nested = True
            loop = QEventLoop()
            QTimer.singleShot(20, loop.quit)
            loop.exec()
            self._nested = False
        elif action == "processEvents":
            self._nested = True
            QCoreApplication.processEvents()
            self._nested = False
        elif action == "waitForReadyRead":
            self._nested = True
            try:
                socket.waitForReadyRead(20)
            finally:
                self._nested = False
        elif action == "shutdownWrite":
            socket.shutdownWrite()
        elif action == "setSslConfiguration":
            socket.setSslConfiguration(SslConfiguration())
        elif action == "read":
            socket.peek(10)
            socket.readAll()
            socket.readBytes(3)
        elif action == "deleteParent":
            shiboken6.delete(self.parent if self.cell.owner == "client" else self.server)
        elif action == "closeServer":
            self.server.close()
        if action in _ENDING or action == "connectToHostEncrypted":
            QTimer.singleShot(0, self._dropRest)
        elif self.cell.insideEngine or self.cell.signal in _VERIFYING:
            # Ignored or continued handshakes succeed and have to be ended.
            QTimer.singleShot(100, self._dropRest)
        else:
            QTimer.singleShot(50, self._dropRest)

    def _dropRest(self) -> None:
        """End what the cell has left standing; what must end by itself has its own deadline."""
        if self._nested:
            QTimer.singleShot(5, self._dropRest)
            return
        if self.cell.action in ("close", "abort", "disconnectFromHost", "delete", "deleteParent"):
            return  # the other end has to notice
        if shiboken6.isValid(self.client):
            self.client.disconnectFromHost()


def _clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"client")
    authenticator.setPreSharedKey(_KEY)


def _serverKey(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setPreSharedKey(_KEY)


if __name__ == "__main__":
    for name in ("ca", "otherCa", "server", "clientUnknownCa"):
        getattr(_PKI, name)  # keys are made once, before the first fork
    serve(lambda entry: Run(Cell(*entry)).run(), together=8)
