"""What is done with a client and a server, be they Qt's or ours, and what they tell meanwhile.

Nothing of Qt is loaded before a kit is used: see ``signal_sequences``, which runs the scenarios.
"""

from __future__ import annotations

import socket as native
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.ports import closedPort

VERSIONS = ("1.2", "1.3")
TICK_MS = 2
QUIET_TICKS = 10
"""A scenario is over when nothing was told in so many turns of the event loop: time alone also passes in a process that
is not let run. Everything happens on the loopback interface."""
PATIENCE_MS = 60_000
HANDSHAKE_TIMEOUT_MS = 150
KEY = bytes(range(32))

SOCKET_SIGNALS = (
    "connected",
    "disconnected",
    "errorOccurred",
    "hostFound",
    "stateChanged",
    "encrypted",
    "modeChanged",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "readyRead",
    "aboutToClose",
    "readChannelFinished",
)
SERVER_SIGNALS = (
    "newConnection",
    "pendingConnectionAvailable",
    "acceptError",
    "startedEncryptionHandshake",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "errorOccurred",
)
PSK_SIGNAL = "preSharedKeyAuthenticationRequired"

Sequences = dict[str, list[str]]
"""By object: client, server, peer."""


# ---------------------------------------------------------------------------------- both kits


class Kit:
    """Our classes; Qt's have the same methods."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def socket(self) -> Any:
        from qtsecure import SslSocket

        return SslSocket()

    def server(self) -> Any:
        from qtsecure import SslServer

        return SslServer()

    def configuration(self, identity: str = "", trusted: str = "") -> Any:
        from qtsecure import SslConfiguration

        configuration = SslConfiguration()
        configuration.setCaCertificates(self.path(trusted) if trusted else [])
        if identity:
            configuration.setLocalCertificateChain(self.path(identity))
            configuration.setPrivateKey(self.path(f"{identity}.key"))
        return configuration

    def path(self, name: str) -> Path:
        return self.directory / f"{name}.pem"


class QtKit(Kit):
    """Qt's classes, on the OpenSSL of this computer."""

    def socket(self) -> Any:
        from PySide6.QtNetwork import QSslSocket

        return QSslSocket()

    def server(self) -> Any:
        from PySide6.QtNetwork import QSslServer

        return QSslServer()

    def configuration(self, identity: str = "", trusted: str = "") -> Any:
        from PySide6.QtNetwork import QSsl, QSslCertificate, QSslConfiguration, QSslKey

        configuration = QSslConfiguration.defaultConfiguration()
        configuration.setCaCertificates(
            QSslCertificate.fromData(self.path(trusted).read_bytes(), QSsl.EncodingFormat.Pem) if trusted else []
        )
        if identity:
            configuration.setLocalCertificateChain(
                QSslCertificate.fromData(self.path(identity).read_bytes(), QSsl.EncodingFormat.Pem)
            )
            configuration.setPrivateKey(QSslKey(self.path(f"{identity}.key").read_bytes(), QSsl.KeyAlgorithm.Ec))
        return configuration


# ---------------------------------------------------------------------------------- scenarios


@dataclass
class Stage:
    """A server that listens, a client that is yet to connect, and everything they tell."""

    kit: Kit
    version: str
    server: Any = None
    client: Any = None
    peer: Any = None
    serverConfiguration: Any = None
    clientConfiguration: Any = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    native: list[native.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        from PySide6.QtNetwork import QSsl

        self.protocol = {"1.2": QSsl.SslProtocol.TlsV1_2, "1.3": QSsl.SslProtocol.TlsV1_3}[self.version]
        self.server = self.kit.server()
        self.client = self.kit.socket()
        self.serverConfiguration = self.kit.configuration("server")
        self.clientConfiguration = self.kit.configuration(trusted="ca")
        for configuration in (self.serverConfiguration, self.clientConfiguration):
            configuration.setProtocol(self.protocol)

    def watch(self, obj: Any, names: tuple[str, ...], owner: str) -> None:
        for name in names:
            getattr(obj, name).connect(self._slot(name, owner))

    def _slot(self, name: str, owner: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.lines.append((owner, " ".join([name, *filter(None, map(describe, arguments))])))

        return note

    def listen(self) -> None:
        from PySide6.QtNetwork import QHostAddress

        self.server.setSslConfiguration(self.serverConfiguration)
        assert self.server.listen(QHostAddress("127.0.0.1"), 0)
        self.watch(self.server, SERVER_SIGNALS, "server")
        # After the recording slots, as a program's would be.
        self.server.pendingConnectionAvailable.connect(self.fetch)

    def fetch(self) -> None:
        self.peer = self.server.nextPendingConnection()
        self.watch(self.peer, SOCKET_SIGNALS, "peer")

    def connect(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.watch(self.client, SOCKET_SIGNALS, "client")
        self.client.setSslConfiguration(self.clientConfiguration)
        self.client.connectToHostEncrypted(host, port or self.server.serverPort())

    def established(self) -> bool:
        return self.client.isEncrypted() and self.peer is not None

    def converse(self) -> None:
        """Listen, connect, and wait until both ends are encrypted."""
        self.listen()
        self.connect()
        spin(self.established)
        self.settle()

    def settle(self) -> None:
        """Until nothing is told any more."""
        quiet = 0
        count = len(self.lines)

        def turn() -> None:
            nonlocal count, quiet
            quiet = quiet + 1 if len(self.lines) == count else 0
            count = len(self.lines)

        spin(lambda: quiet >= QUIET_TICKS, turn)

    def raw(self, data: bytes) -> native.socket:
        """A client without TLS."""
        client = native.create_connection(("127.0.0.1", self.server.serverPort()))
        client.sendall(data)
        self.native.append(client)
        return client

    def preSharedKeys(self, clientKey: bytes, serverKey: bytes) -> None:
        from PySide6.QtNetwork import QSslSocket

        self.serverConfiguration = self.kit.configuration()
        self.serverConfiguration.setProtocol(self.protocol)
        for configuration in (self.serverConfiguration, self.clientConfiguration):
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            configuration.setCiphers("PSK-AES256-CBC-SHA")
        self.serverConfiguration.setPreSharedKeyIdentityHint(b"hint")
        self.watch(self.client, (PSK_SIGNAL,), "client")
        self.watch(self.server, (PSK_SIGNAL,), "server")

        def ofClient(authenticator: Any) -> None:
            authenticator.setIdentity(b"identity")
            if clientKey:
                authenticator.setPreSharedKey(clientKey)

        def ofServer(socket: Any, authenticator: Any) -> None:
            if serverKey:
                authenticator.setPreSharedKey(serverKey)

        self.client.preSharedKeyAuthenticationRequired.connect(ofClient)
        self.server.preSharedKeyAuthenticationRequired.connect(ofServer)

    def sequences(self) -> Sequences:
        """What was told, by object."""
        result: Sequences = {}
        for owner in ("client", "server", "peer"):
            told = [line for who, line in self.lines if who == owner]
            result[owner] = [line for line, run in groupby(told) for _ in ([line] if line == "readyRead" else run)]
        return result

    def close(self) -> None:
        for client in self.native:
            client.close()
        for obj in (self.client, self.server):
            obj.close()
            obj.deleteLater()


def describe(value: Any) -> str:
    """An argument of a signal; objects without a value of their own say nothing."""
    if isinstance(value, list):
        return f"[{' '.join(map(describe, value))}]"
    if hasattr(value, "error") and hasattr(value, "certificate"):
        return str(value.error().name)
    if hasattr(value, "name") and hasattr(value, "value"):
        return str(value.name if isinstance(value.name, str) else value.value)
    return ""


def spin(condition: Callable[[], bool], turn: Callable[[], None] = lambda: None) -> None:
    """Run the event loop until the condition holds; ``turn`` is called in each tick."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    tick = QTimer()
    tick.timeout.connect(turn)
    tick.start(TICK_MS)
    expired = QTimer()
    expired.setSingleShot(True)
    expired.start(PATIENCE_MS)
    try:
        while not condition() and expired.isActive():
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    finally:
        tick.stop()  # see tests.net.conversation.spin()
        expired.stop()


def unconnected(stage: Stage) -> Callable[[], bool]:
    from PySide6.QtNetwork import QAbstractSocket

    return lambda: stage.client.state() == QAbstractSocket.SocketState.UnconnectedState


SCENARIOS: dict[str, tuple[Callable[[Stage], None], tuple[str, ...]]] = {}


def scenario(*versions: str) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Register; the stage settles afterwards."""

    def register(function: Callable[[Stage], None]) -> Callable[[Stage], None]:
        SCENARIOS[function.__name__] = (function, versions or VERSIONS)
        return function

    return register


def fails(stage: Stage) -> None:
    """Listen, connect, and wait until the client has failed."""
    stage.listen()
    stage.connect()
    spin(lambda: "disconnected" in [line for who, line in stage.lines if who == "client"])


@scenario()
def goodHandshake(stage: Stage) -> None:
    stage.converse()


@scenario()
def clientDisconnects(stage: Stage) -> None:
    stage.converse()
    stage.client.disconnectFromHost()


@scenario()
def clientDisconnectsBehindData(stage: Stage) -> None:
    stage.converse()
    stage.client.write(b"last words")
    stage.client.disconnectFromHost()


@scenario()
def serverDisconnects(stage: Stage) -> None:
    stage.converse()
    stage.peer.disconnectFromHost()


@scenario()
def clientAborts(stage: Stage) -> None:
    stage.converse()
    stage.client.abort()


@scenario()
def serverAborts(stage: Stage) -> None:
    stage.converse()
    stage.peer.abort()


@scenario()
def clientCloses(stage: Stage) -> None:
    stage.converse()
    stage.client.close()


@scenario()
def echo(stage: Stage) -> None:
    stage.converse()
    stage.peer.readyRead.connect(lambda: stage.peer.write(stage.peer.readAll()))
    stage.client.write(b"hello")
    spin(lambda: stage.client.bytesAvailable() == 5)


@scenario()
def selfSignedRejected(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("selfSigned")
    stage.serverConfiguration.setProtocol(stage.protocol)
    fails(stage)


@scenario()
def selfSignedIgnored(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("selfSigned")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.client.sslErrors.connect(lambda errors: stage.client.ignoreSslErrors())
    stage.converse()


@scenario()
def selfSignedIgnoredByList(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("selfSigned")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.client.sslErrors.connect(lambda errors: stage.client.ignoreSslErrors(errors))
    stage.converse()


@scenario()
def wrongHost(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("wrongHost")
    stage.serverConfiguration.setProtocol(stage.protocol)
    fails(stage)


@scenario()
def abortInSslErrors(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("selfSigned")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.client.sslErrors.connect(lambda errors: stage.client.abort())
    fails(stage)


@scenario()
def earlyInterrupt(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("unknownCa")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.clientConfiguration.setHandshakeMustInterruptOnError(True)
    fails(stage)


@scenario()
def interruptAndContinue(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("unknownCa")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.clientConfiguration.setHandshakeMustInterruptOnError(True)
    stage.client.handshakeInterruptedOnError.connect(lambda error: stage.client.continueInterruptedHandshake())
    stage.client.sslErrors.connect(lambda errors: stage.client.ignoreSslErrors())
    stage.converse()


@scenario()
def interruptAndContinueWithoutIgnoring(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration("unknownCa")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.clientConfiguration.setHandshakeMustInterruptOnError(True)
    stage.client.handshakeInterruptedOnError.connect(lambda error: stage.client.continueInterruptedHandshake())
    fails(stage)


def demandCertificate(stage: Stage) -> None:
    from PySide6.QtNetwork import QSslSocket

    stage.serverConfiguration = stage.kit.configuration("server", "ca")
    stage.serverConfiguration.setProtocol(stage.protocol)
    stage.serverConfiguration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)


def showCertificate(stage: Stage, name: str) -> None:
    stage.clientConfiguration = stage.kit.configuration(name, "ca")
    stage.clientConfiguration.setProtocol(stage.protocol)


@scenario()
def clientCertificateAccepted(stage: Stage) -> None:
    demandCertificate(stage)
    showCertificate(stage, "client")
    stage.converse()


@scenario()
def clientCertificateMissing(stage: Stage) -> None:
    demandCertificate(stage)
    fails(stage)


@scenario()
def clientCertificateMissingIsFatal(stage: Stage) -> None:
    demandCertificate(stage)
    stage.serverConfiguration.setMissingCertificateIsFatal(True)
    fails(stage)


@scenario()
def clientCertificateRejected(stage: Stage) -> None:
    demandCertificate(stage)
    showCertificate(stage, "clientUnknownCa")
    fails(stage)


@scenario()
def clientCertificateRejectedEarly(stage: Stage) -> None:
    demandCertificate(stage)
    stage.serverConfiguration.setHandshakeMustInterruptOnError(True)
    showCertificate(stage, "clientUnknownCa")
    fails(stage)


@scenario()
def clientCertificateOnlyQueried(stage: Stage) -> None:
    showCertificate(stage, "clientUnknownCa")
    stage.converse()


@scenario()
def plaintextClient(stage: Stage) -> None:
    stage.listen()
    stage.raw(b"GET / HTTP/1.1\r\n\r\n")
    stage.settle()


@scenario()
def silentClient(stage: Stage) -> None:
    stage.server.setHandshakeTimeout(HANDSHAKE_TIMEOUT_MS)
    stage.listen()
    client = stage.raw(b"")
    client.setblocking(False)
    spin(lambda: any(line.startswith("errorOccurred") for _, line in stage.lines))


@scenario()
def garbageThatBeginsLikeTls(stage: Stage) -> None:
    stage.listen()
    stage.raw(b"\x16\x03\x01\x00\x05hello")
    stage.settle()


@scenario()
def clientLeavesAtOnce(stage: Stage) -> None:
    stage.listen()
    stage.raw(b"").close()
    stage.settle()


@scenario()
def clientLeavesInTheHandshake(stage: Stage) -> None:
    stage.listen()
    client = stage.raw(b"\x16\x03\x01\x02\x00\x01")
    stage.settle()
    client.close()
    stage.settle()


@scenario()
def noCommonVersion(stage: Stage) -> None:
    """The client has only the other version."""
    from PySide6.QtNetwork import QSsl

    other = {"1.2": QSsl.SslProtocol.TlsV1_3, "1.3": QSsl.SslProtocol.TlsV1_2}[stage.version]
    stage.clientConfiguration.setProtocol(other)
    fails(stage)


@scenario()
def serverWithoutCertificate(stage: Stage) -> None:
    stage.serverConfiguration = stage.kit.configuration()
    stage.serverConfiguration.setProtocol(stage.protocol)
    fails(stage)


@scenario("1.2")
def preSharedKey(stage: Stage) -> None:
    stage.preSharedKeys(KEY, KEY)
    stage.converse()


@scenario("1.2")
def wrongPreSharedKey(stage: Stage) -> None:
    stage.preSharedKeys(KEY, KEY[::-1])
    fails(stage)


@scenario("1.2")
def noPreSharedKeyOnTheClient(stage: Stage) -> None:
    stage.preSharedKeys(b"", KEY)
    fails(stage)


@scenario("1.2")
def noPreSharedKeyOnTheServer(stage: Stage) -> None:
    stage.preSharedKeys(KEY, b"")
    fails(stage)


@scenario("1.3")
def refused(stage: Stage) -> None:
    with closedPort() as port:
        stage.connect(port=port)
        spin(lambda: any(line.startswith("errorOccurred") for _, line in stage.lines))


@scenario("1.3")
def unknownHost(stage: Stage) -> None:
    stage.connect("no-such-host.invalid", 443)
    spin(lambda: any(line.startswith("errorOccurred") for _, line in stage.lines))


@scenario("1.3")
def datagramProtocol(stage: Stage) -> None:
    from PySide6.QtNetwork import QSsl

    stage.listen()
    stage.clientConfiguration.setProtocol(QSsl.SslProtocol.DtlsV1_2)
    stage.connect()


@scenario()
def connectingTwice(stage: Stage) -> None:
    stage.converse()
    stage.client.connectToHostEncrypted("127.0.0.1", 1)
    stage.client.connectToHost("127.0.0.1", 1)


@scenario()
def startingTwice(stage: Stage) -> None:
    stage.converse()
    stage.client.startClientEncryption()
    stage.peer.startServerEncryption()


@scenario()
def dataRightBehindTheFinished(stage: Stage) -> None:
    stage.client.encrypted.connect(lambda: stage.client.write(b"early bird"))
    stage.listen()
    stage.connect()
    spin(lambda: stage.peer is not None and stage.peer.bytesAvailable() == 10)


@scenario()
def writtenBeforeEncrypted(stage: Stage) -> None:
    stage.listen()
    stage.connect()
    stage.client.write(b"very early")
    spin(lambda: stage.peer is not None and stage.peer.bytesAvailable() == 10)


@scenario()
def disconnectedBeforeEncrypted(stage: Stage) -> None:
    stage.listen()
    stage.connect()
    stage.client.disconnectFromHost()
    spin(unconnected(stage))


@scenario()
def disconnectedBeforeEncryptedWithData(stage: Stage) -> None:
    stage.listen()
    stage.connect()
    stage.client.write(b"very early")
    stage.client.disconnectFromHost()
    spin(unconnected(stage))


@scenario()
def abortedWhileConnecting(stage: Stage) -> None:
    stage.listen()
    stage.connect()
    stage.client.abort()


@scenario()
def abortedWhenConnected(stage: Stage) -> None:
    stage.client.connected.connect(stage.client.abort)
    fails(stage)


@scenario()
def connectedTwice(stage: Stage) -> None:
    """The same object once more, after an end by the server."""
    stage.converse()
    stage.peer.disconnectFromHost()
    spin(unconnected(stage))
    stage.settle()
    stage.client.connectToHostEncrypted("127.0.0.1", stage.server.serverPort())
    spin(stage.client.isEncrypted)
