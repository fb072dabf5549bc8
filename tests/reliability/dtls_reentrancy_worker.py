"""The re-entrancy matrix of DTLS: ``python -m tests.reliability.dtls_reentrancy_worker <cells>``; see ``fork_server``.

A cell is one association in which one slot of one signal does one thing at its first emission.
"""

from __future__ import annotations

import socket as native
from collections.abc import Callable
from typing import NamedTuple

import shiboken6
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QTimer
from PySide6.QtNetwork import QSslSocket

from qtsecure import DtlsPeer, DtlsServer, PreSharedKeyAuthenticator, SecureError, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.reliability.cell_run import LOOKS, CellRun
from tests.reliability.fork_server import serve
from tests.reliability.steady_clock import SteadyClock

_TIMEOUT_MS = 3000
"""Longer than a handshake takes on a busy computer."""
_IDLE_MS = 500
_KEY = bytes(range(32))
CANARY = b"CANARY-may-only-travel-encrypted"
PSK = "preSharedKeyAuthenticationRequired"
EARLY = "handshakeInterruptedOnError"
VERIFYING = frozenset({"sslErrors", "peerVerifyError", "acceptCertificate"})
_LIVE = (DtlsPeer.Status.Handshaking, DtlsPeer.Status.Connected)

_FACTS = (
    "peerCertificateChanged",
    "peerCertificateErrorsChanged",
    "negotiatedProtocolChanged",
    "protocolChanged",
    "cipherChanged",
)
_COMMON = (
    "statusChanged",
    "encrypted",
    "readyRead",
    "datagramReceived",
    "peerVerifyError",
    "sslErrors",
    "acceptCertificate",
    EARLY,
    PSK,
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "closed",
    "disconnected",
    "handshakeMessage",
    *_FACTS,
    "readClosed",
    "writeClosed",
)
SIGNALS = {
    "client": ("retransmissionTimeout", *_COMMON),
    "accepted": (*_COMMON, "certificateRequired"),
    "server": (
        "newConnection",
        "pendingConnectionAvailable",
        "startedEncryptionHandshake",
        "acceptError",
        "sslErrors",
        "peerVerifyError",
        EARLY,
        PSK,
        "alertSent",
        "alertReceived",
        "errorOccurred",
        "acceptCertificate",
        "certificateRequired",
        "handshakeMessage",
        "closed",
    ),
}


class Cell(NamedTuple):
    """One association and what is done in it."""

    owner: str
    """Whose signal: client, accepted (the server's peer) or server."""
    signal: str
    action: str

    @property
    def insideEngine(self) -> bool:
        """Whether OpenSSL is on the stack when the signal comes."""
        return self.signal in (PSK, EARLY)


class Run(CellRun):
    """One cell, in this process."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.written = 0
        self._waits = 0
        self._ending: DtlsPeer | None = None  # says no more, although what its peer has said may still come

    # -------------------------------------------------------------------------- scenario

    def run(self) -> list[str]:
        cell = self.cell
        self._app = QCoreApplication.instance() or QCoreApplication([])
        self._clock = SteadyClock()
        self.parent = QObject()
        self.client = DtlsPeer(self.parent)
        self.server = DtlsServer()
        self._configure()
        assert self.server.listen("127.0.0.1", 0)
        self.port = self.server.serverPort()
        self.server.startedEncryptionHandshake.connect(self._started)
        self.server.newConnection.connect(self._made)
        if cell.owner == "client":
            getattr(self.client, cell.signal).connect(self._slot)
        elif cell.owner == "server":
            getattr(self.server, cell.signal).connect(self._slot)
        self.client.encrypted.connect(self._greet)
        if cell.signal != "datagramReceived" or cell.owner != "client":
            self.client.readyRead.connect(self._answered)
        self.server.pendingConnectionAvailable.connect(self._fetch)
        with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            repeats = (cell.owner, cell.signal) == ("client", "retransmissionTimeout")
            port = silent.getsockname()[1] if repeats else self.route()
            self._runUntilOver(lambda: self.client.connectToHost("127.0.0.1", port))
        return self.faults

    def _isLive(self, end: DtlsPeer) -> bool:
        return end.status() in _LIVE

    def _stateOf(self, end: DtlsPeer) -> str:
        return end.status().name

    def route(self) -> int:
        """The port that the client is told."""
        return self.port

    def _configure(self) -> None:
        cell = self.cell
        client = SslConfiguration.forClient([_PKI.ca.certificate])
        server = SslConfiguration.forServer(_PKI.server.chain, _PKI.server.privateKey)
        early = cell.signal == EARLY
        if cell.signal == PSK:
            self.client.preSharedKeyAuthenticationRequired.connect(clientKey)
            self.server.preSharedKeyAuthenticationRequired.connect(serverKey)
            for configuration in (client, server):
                configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
            client.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        elif cell.signal in VERIFYING or early:
            # Accepted by nobody but the slot of the cell: the default has to be the safe one.
            if cell.owner == "client":
                client.setCaCertificates([_PKI.otherCa.certificate])
                client.setHandshakeMustInterruptOnError(early)
            else:
                client.setLocalCertificateChain(list(_PKI.clientUnknownCa.chain))
                client.setPrivateKey(_PKI.clientUnknownCa.privateKey)
                server.setCaCertificates([_PKI.ca.certificate])
                server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
                server.setHandshakeMustInterruptOnError(early)
        elif cell.signal == "acceptError":
            server = SslConfiguration()
        elif cell.signal in _FACTS:
            for configuration in (client, server):
                configuration.setAllowedNextProtocols(["x"])
            client.setLocalCertificateChain(list(_PKI.client.chain))
            client.setPrivateKey(_PKI.client.privateKey)
            server.setCaCertificates([_PKI.ca.certificate])
            server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
        elif self._fails():
            if self._clientRejects():
                client.setCaCertificates([_PKI.otherCa.certificate])
            else:
                server.setCaCertificates([_PKI.ca.certificate])  # reading those of the system takes long
                server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
                server.setMissingCertificateIsFatal(True)
        self.client.setSslConfiguration(client)
        self.server.setSslConfiguration(server)
        for end in (self.client, self.server):
            end.setHandshakeTimeout(_TIMEOUT_MS)
            end.setIdleTimeout(_IDLE_MS)
            end.setHandshakeTraceEnabled(cell.signal == "handshakeMessage")

    def _fails(self) -> bool:
        """After the handshake a server forwards nothing, and errors are rare; so something has to go wrong in it."""
        signal = self.cell.signal
        return signal == "errorOccurred" or (self.cell.owner == "server" and signal in ("alertSent", "alertReceived"))

    def _clientRejects(self) -> bool:
        return self.cell.signal == "alertReceived" or self.cell.owner == "client"

    def _made(self) -> None:
        peers = self.server.findChildren(DtlsPeer)
        if self.accepted is None and peers:
            self.accepted = peers[0]
            if self.cell.owner == "accepted":
                getattr(self.accepted, self.cell.signal).connect(self._slot)

    def _started(self, peer: DtlsPeer) -> None:
        if shiboken6.isValid(peer) and (self.cell.owner, self.cell.signal) != ("accepted", "datagramReceived"):
            peer.readyRead.connect(lambda: self._echo(peer))

    def _greet(self) -> None:
        if self.client.isEncrypted():  # the slot of the cell may have ended it
            self.client.writeDatagram(b"ping")

    def _fetch(self) -> None:
        while shiboken6.isValid(self.server) and self.server.nextPendingConnection() is not None:
            pass
        if self.accepted is not None and self._speaks(self.accepted):
            self.accepted.writeDatagram(b"hello")

    def _echo(self, peer: DtlsPeer) -> None:
        if self._speaks(peer) and peer.hasPendingDatagrams():
            peer.writeDatagram(peer.readDatagram())

    def _speaks(self, peer: DtlsPeer) -> bool:
        return shiboken6.isValid(peer) and peer.isEncrypted() and peer is not self._ending

    def _answered(self) -> None:
        # Both ends get every signal of a normal end.
        QTimer.singleShot(10, self._endNicely)

    def _endNicely(self) -> None:
        if not self.acted and self.cell.signal in ("readyRead", "datagramReceived") and self._waits < LOOKS:
            # The greeting is still on its way: on a busy machine this timer may come before the socket's notifier.
            self._waits += 1
            QTimer.singleShot(10, self._endNicely)
            return
        if self.cell.signal == "closed" and self.cell.owner == "server" and shiboken6.isValid(self.server):
            self.server.close()
        remote = self.cell.signal in ("alertReceived", "readClosed")
        first = self.accepted if (self.cell.owner == "client") == remote else self.client
        if first is not None and shiboken6.isValid(first):
            self._ending = first
            if self.cell.signal == "writeClosed":
                first.shutdown(read=False, write=True)
            else:
                first.close()

    # ------------------------------------------------------------------------ the action

    def _slot(self, *arguments: object) -> None:
        subject = self.client if self.cell.owner == "client" else self.accepted
        if self.acted:
            sender = self.client if self.cell.owner == "client" else self.accepted
            if self.cell.action in ("delete", "deleteParent") and sender is not None and self.cell.owner != "server":
                self.faults.append("a signal came from a deleted object")
            return
        self.acted = True
        if subject is None:
            subject = self.client  # acceptError comes before there is a peer
        if not shiboken6.isValid(subject):
            return
        before = subject.status()
        ACTIONS[self.cell.action](self, subject)
        if self.cell.insideEngine and shiboken6.isValid(subject) and not self._nested:
            if subject.isEncrypted():
                self.faults.append("isEncrypted() was True inside the handshake")
            if subject.status() is not before and self.cell.action not in _ENDS_AT_ONCE:
                self.faults.append(f"the status changed to {subject.status().name} inside the engine")

    def _refused(self, call: Callable[[], object], *codes: SecureError.Code) -> None:
        """Call what may be refused, but for one of these reasons only."""
        try:
            call()
        except SecureError as error:
            if error.code not in codes:
                self.faults.append(f"refused with {error.code.name}: {error.message}")

    def write(self, peer: DtlsPeer) -> None:
        encrypted = peer.isEncrypted()
        try:
            peer.writeDatagram(CANARY)
            sent = True
            self.written += 1
        except SecureError as error:
            sent = error.code not in (SecureError.Code.WouldBlock, SecureError.Code.Closed)
        leaving = self.cell.signal in ("alertSent", "writeClosed")  # the own goodbye, after which nothing can follow
        if sent is not encrypted and not (leaving and not sent):
            self.faults.append(f"writeDatagram() {'went through' if sent else 'was refused'} at the wrong moment")

    def delete(self, peer: DtlsPeer) -> None:
        shiboken6.delete(peer)

    def deleteParent(self, peer: DtlsPeer) -> None:
        shiboken6.delete(self.parent if self.cell.owner == "client" else self.server)

    def reconnect(self, peer: DtlsPeer) -> None:
        codes = (SecureError.Code.Pending, SecureError.Code.InvalidArgument)
        self._refused(lambda: peer.connectToHost("127.0.0.1", self.port), *codes)

    def nestedLoop(self, peer: DtlsPeer) -> None:
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        self._nest(loop.exec)

    def processEvents(self, peer: DtlsPeer) -> None:
        self._nest(QCoreApplication.processEvents)

    def _nest(self, call: Callable[[], object]) -> None:
        self._nested = True
        call()
        self._nested = False

    def nestedClose(self, peer: DtlsPeer) -> None:
        """In a loop of its own: the outer one stands in the socket's signal."""
        loop = QEventLoop()
        QTimer.singleShot(5, lambda: peer.close() if shiboken6.isValid(peer) else None)
        QTimer.singleShot(10, lambda: self.server.close() if shiboken6.isValid(self.server) else None)
        QTimer.singleShot(25, loop.quit)
        self._nest(loop.exec)

    def nestedDelete(self, peer: DtlsPeer) -> None:
        loop = QEventLoop()
        QTimer.singleShot(5, lambda: shiboken6.delete(peer) if shiboken6.isValid(peer) else None)
        QTimer.singleShot(10, lambda: shiboken6.delete(self.server) if shiboken6.isValid(self.server) else None)
        QTimer.singleShot(25, loop.quit)
        self._nest(loop.exec)

    def read(self, peer: DtlsPeer) -> None:
        peer.pendingDatagramSize()
        while peer.hasPendingDatagrams():
            peer.readDatagram()

    def listenAgain(self, peer: DtlsPeer) -> None:
        self.server.close()
        if not self.server.listen("127.0.0.1", self.port):
            self.faults.append(f"listening again failed: {self.server.errorString()}")

    def settings(self, peer: DtlsPeer) -> None:
        peer.setMtu(300)
        peer.setIdleTimeout(300)
        peer.setHandshakeTimeout(300)
        self.server.setMtu(300)
        self.server.setCookieSecret(bytes(20))
        self.server.pauseAccepting()
        self.server.resumeAccepting()

    def facts(self, peer: DtlsPeer) -> None:
        peer.session()
        peer.setSession(None)
        for name in (
            *("peerCertificateChain", "sessionCipher", "sessionProtocol", "negotiatedProtocol", "serverName"),
            *("statistics", "isSessionReused", "srtpProfile", "keyExchangeGroup", "peerAddress", "localPort"),
            *("maxDatagramSize", "sslHandshakeErrors", "errorString", "sslConfiguration"),
        ):
            getattr(peer, name)()
        self.server.statistics()
        self._refused(lambda: peer.exportKeyingMaterial("EXPERIMENTAL x", 10), SecureError.Code.WouldBlock)

    def unlisten(self, peer: DtlsPeer) -> None:
        """Disconnect the slot that is running."""
        owner = self.server if self.cell.owner == "server" else peer
        getattr(owner, self.cell.signal).disconnect(self._slot)


ACTIONS: dict[str, Callable[[Run, DtlsPeer], object]] = {
    **{action.__name__: action for action in (Run.write, Run.delete, Run.deleteParent, Run.reconnect, Run.unlisten)},
    **{action.__name__: action for action in (Run.nestedLoop, Run.processEvents, Run.nestedClose, Run.nestedDelete)},
    **{action.__name__: action for action in (Run.read, Run.listenAgain, Run.settings, Run.facts)},
    "close": lambda run, peer: peer.close(),
    "abort": lambda run, peer: peer.abort(),
    "deleteLater": lambda run, peer: peer.deleteLater(),
    "ignoreSslErrors": lambda run, peer: peer.ignoreSslErrors(),
    "continueInterruptedHandshake": lambda run, peer: peer.continueInterruptedHandshake(),
    "resumeHandshake": lambda run, peer: peer.resumeHandshake(),
    "abortHandshake": lambda run, peer: peer.abortHandshake(),
    "setSslConfiguration": lambda run, peer: (
        peer.setSslConfiguration(SslConfiguration()),
        run.server.setSslConfiguration(SslConfiguration()),
    ),
    "closeServer": lambda run, peer: run.server.close(),
    "deleteServer": lambda run, peer: shiboken6.delete(run.server),
}
_ENDS_AT_ONCE = frozenset({"nestedLoop", "processEvents", "nestedClose", "nestedDelete"})
"""While a slot runs an event loop inside the engine, its deadline may pass."""


def allCells() -> list[Cell]:
    """The whole matrix."""
    return [
        Cell(owner, signal, action) for owner, signals in SIGNALS.items() for signal in signals for action in ACTIONS
    ]


def clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"client")
    authenticator.setPreSharedKey(_KEY)


def serverKey(peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setPreSharedKey(_KEY)


_PKI = PublicKeyInfrastructure()


def makeKeys() -> None:
    """Once, before the first fork."""
    for name in ("ca", "otherCa", "server", "client", "clientUnknownCa"):
        getattr(_PKI, name)


if __name__ == "__main__":
    makeKeys()
    serve(lambda entry: Run(Cell(*entry)).run(), together=24)
