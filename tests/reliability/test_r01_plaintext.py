"""R1: not one byte of the application is on the wire in plain text, whatever a slot does, and when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.figures import Figure
from tests.reliability.reentrancy_worker import SIGNALS
from tests.reliability.steady_clock import SteadyClock
from tests.reliability.telling_server import TellingServer
from tests.reliability.wiretap import WireTap

pytestmark = pytest.mark.figure("R1")

CANARY = b"CANARY-may-only-travel-encrypted"
ACTIONS = ("write", "write+flush", "write+close", "write+disconnectFromHost")
_KEY = bytes(range(32))
_PSK = "preSharedKeyAuthenticationRequired"
_TRACE = "handshakeMessage"
_VERIFYING = ("peerVerifyError", "sslErrors", "acceptCertificate", "handshakeInterruptedOnError")
_WITHOUT_ERRORS = ("newConnection", _TRACE, "closed")
_Unconnected = QAbstractSocket.SocketState.UnconnectedState


class Cell:
    """One connection through the tap, with the canary written in every emission of one signal."""

    def __init__(self, pki: PublicKeyInfrastructure, owner: str, signal: str, action: str, version: str) -> None:
        self.owner, self.signal, self.action = owner, signal, action
        self.written = 0
        self._said = False
        self.received = bytearray()
        self.accepted: SslSocket | None = None
        self.client = SslSocket()
        self.server = TellingServer(self._created)
        self._configure(pki, Protocol.TlsV1_2 if version == "1.2" else Protocol.TlsV1_3)
        self.client.encrypted.connect(self._everythingSaid)
        self.client.readyRead.connect(lambda: self.received.extend(self.client.readBytes()))
        self.server.pendingConnectionAvailable.connect(self._fetch)
        if owner != "accepted":
            watched: QObject = self.client if owner == "client" else self.server
            getattr(watched, signal).connect(self._slot)

    def run(self) -> bytes:
        """What the tap has seen."""
        assert self.server.listen("127.0.0.1", 0)
        with WireTap(self.server.serverPort()) as tap:
            self.client.connectToHostEncrypted("127.0.0.1", tap.port)
            loop = QEventLoop()
            watch = QTimer()
            watch.timeout.connect(self._endWhenAllIsSaid)
            watch.timeout.connect(lambda: loop.quit() if self._over() else None)
            watch.start(2)
            QTimer.singleShot(20_000, loop, loop.quit)
            loop.exec()
            watch.stop()
            over = self._over()
            for obj in (self.client, self.server):
                obj.close()
                obj.deleteLater()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        assert over, f"{self.owner}.{self.signal}, {self.action}: the connection did not end"
        return bytes(tap.recorded)

    def _over(self) -> bool:
        ends = (self.client, self.accepted)
        return self.accepted is not None and all(
            end is None or not isValid(end) or end.state() == _Unconnected for end in ends
        )

    def _configure(self, pki: PublicKeyInfrastructure, protocol: Protocol) -> None:
        client = SslConfiguration.forClient([pki.ca.certificate])
        server = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
        client.setProtocol(protocol)
        server.setProtocol(protocol)
        if self.signal == _PSK:
            self.client.preSharedKeyAuthenticationRequired.connect(_clientKey)
            self.server.preSharedKeyAuthenticationRequired.connect(_serverKey)
            client.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            # Keys from a callback go with SHA-256 only (RFC 8446, section 4.2.11).
            suite = "ECDHE-PSK-CHACHA20-POLY1305" if protocol is Protocol.TlsV1_2 else "TLS_AES_128_GCM_SHA256"
            client.setCiphers(suite)
            server.setCiphers(suite)
        elif self.signal in _VERIFYING or (self.owner == "server" and self.signal not in _WITHOUT_ERRORS):
            other = pki.clientUnknownCa
            client.setLocalCertificateChain(list(other.chain))
            client.setPrivateKey(other.privateKey)
            server.setCaCertificates([pki.ca.certificate])
            client.setCaCertificates([pki.otherCa.certificate])
            server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
            early = self.signal == "handshakeInterruptedOnError"
            client.setHandshakeMustInterruptOnError(early)
            server.setHandshakeMustInterruptOnError(early)
            # All errors are ignored, so that what was queued has to go out (encrypted) in the end.
            for watched in (self.client, self.server):
                watched.sslErrors.connect(_ignore if watched is self.server else self._ignoreOwn)
                watched.handshakeInterruptedOnError.connect(_goOn if watched is self.server else self._goOnOwn)
        self.client.setHandshakeTraceEnabled(self.signal == _TRACE)
        self.server.setHandshakeTraceEnabled(self.signal == _TRACE)
        self.client.setSslConfiguration(client)
        self.server.setSslConfiguration(server)
        self.client.setHandshakeTimeout(1500)

    def _ignoreOwn(self, errors: object) -> None:
        self.client.ignoreSslErrors()

    def _goOnOwn(self, error: object) -> None:
        self.client.continueInterruptedHandshake()

    def _created(self, socket: SslSocket) -> None:
        if self.accepted is None:
            self.accepted = socket
            if self.owner == "accepted":
                getattr(socket, self.signal).connect(self._slot)

    def _fetch(self) -> None:
        socket = self.server.nextPendingConnection()
        if socket is not None:
            socket.readyRead.connect(lambda: self.received.extend(socket.readBytes()))
            self.received.extend(socket.readBytes())
            socket.write(b"hello")

    def _everythingSaid(self) -> None:
        self.client.write(b"hello")
        self._said = True

    def _endWhenAllIsSaid(self) -> None:
        waits = self._isDelivered() and self.written and CANARY not in self.received
        if self._said and not waits and self.received and isValid(self.client):
            self.client.close()

    def _isDelivered(self) -> bool:
        return self.action in ("write", "write+flush") and self.signal in _DELIVERED_LATER[self.owner]

    def _slot(self, *arguments: object) -> None:
        subject = self.client if self.owner == "client" else self.accepted
        if self.owner == "server" and arguments and isinstance(arguments[0], SslSocket):
            subject = arguments[0]
        if subject is None or not isValid(subject) or self.written:
            return
        self.written += subject.write(CANARY) > 0
        for step in self.action.split("+")[1:]:
            getattr(subject, step)()


def _clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"client")
    authenticator.setPreSharedKey(_KEY)


def _serverKey(socket: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setPreSharedKey(_KEY)


def _ignore(socket: SslSocket, errors: object) -> None:
    socket.ignoreSslErrors()


def _goOn(socket: SslSocket, error: object) -> None:
    socket.continueInterruptedHandshake()


_DELIVERED_LATER = {
    # Signals after which the connection still becomes encrypted: the canary has to arrive.
    "client": ("hostFound", "connected", "modeChanged", "encrypted", "peerVerifyError", "sslErrors", _PSK, _TRACE),
    "accepted": ("modeChanged", "encrypted", "peerVerifyError", "sslErrors", _PSK, _TRACE),
    "server": ("newConnection", "startedEncryptionHandshake", "peerVerifyError", "sslErrors", _PSK, _TRACE),
}


@pytest.fixture
def steadyClock(qapp: QCoreApplication) -> Iterator[None]:
    """A busy machine does not let the deadlines of handshakes pass."""
    clock = SteadyClock()
    yield
    clock.stop()


@pytest.mark.usefixtures("steadyClock")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("owner", list(SIGNALS))
def test_r01_no_canary_on_the_wire(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    figure: Figure,
    owner: str,
    version: str,
) -> None:
    """Every signal of one kind of object x every action: the tap never sees the canary."""
    seen = cells = written = 0
    missing: list[str] = []
    for signal in SIGNALS[owner]:
        for action in ACTIONS:
            cell = Cell(qtsecure_pki, owner, signal, action, version)
            wire = cell.run()
            cells += 1
            seen += wire.count(CANARY)
            written += cell.written
            delivered = cell.received.count(CANARY)
            if action in ("write", "write+flush") and signal in _DELIVERED_LATER[owner] and delivered != cell.written:
                missing.append(f"{signal}/{action}")
    figure.none("plain text on the wire", seen, cells, f"{owner}, TLS {version}")
    assert written > cells // 3
    assert missing == []


@pytest.mark.usefixtures("transport_mode")
@pytest.mark.parametrize("flushing", ["flush", "event loop"])
def test_r01_flushing_between_the_connection_and_its_tls(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, flushing: str
) -> None:
    """What was queued for a TLS connection stays in the queue when a slot of stateChanged flushes or waits."""
    server = SslServer()
    server.setSslConfiguration(
        SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    )
    assert server.listen("127.0.0.1", 0)
    client = SslSocket()
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))

    def flush(state: QAbstractSocket.SocketState) -> None:
        if flushing == "flush":
            client.flush()
        else:
            QCoreApplication.processEvents()

    client.stateChanged.connect(flush)
    recorder = SignalRecorder(client, ["bytesWritten", "encrypted"])
    with WireTap(server.serverPort()) as tap:
        client.connectToHostEncrypted("127.0.0.1", tap.port)
        client.write(CANARY)
        recorder.waitFor("bytesWritten")
        client.abort()
    server.close()
    assert recorder.names() == ["encrypted", "bytesWritten"]
    assert CANARY not in tap.recorded


def test_the_tap_sees_plain_text(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The same canary on a connection without TLS is found, so the tap works."""
    server = SslServer()
    server.setSslConfiguration(
        SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    )
    assert server.listen("127.0.0.1", 0)
    client = SslSocket()
    recorder = SignalRecorder(client, ["disconnected"])
    with WireTap(server.serverPort()) as tap:
        client.connectToHost("127.0.0.1", tap.port)
        client.write(CANARY)
        recorder.waitFor("disconnected")
    server.close()
    assert tap.recorded.count(CANARY) == 1
