"""R27: what a slot or callback raises is reported exactly once, and the connection takes the safe default."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.reliability.dtls_reentrancy_worker import SIGNALS as DTLS_SIGNALS
from tests.reliability.dtls_reentrancy_worker import Cell as DtlsCell
from tests.reliability.fork_server import run
from tests.reliability.reentrancy_worker import SIGNALS
from tests.reliability.telling_server import TellingServer

pytestmark = pytest.mark.figure("R27")

_PSK = "preSharedKeyAuthenticationRequired"
_VERIFYING = ("peerVerifyError", "sslErrors", "acceptCertificate", "handshakeInterruptedOnError")
_FAILING = ("errorOccurred", "alertSent", "alertReceived")
_Unconnected = QAbstractSocket.SocketState.UnconnectedState
_SLOTS = [(owner, signal) for owner, signals in SIGNALS.items() for signal in signals]


class Planned(Exception):  # noqa: N818 - not an error of the program
    """What the slots raise."""


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Everything that reaches sys.excepthook or sys.unraisablehook."""
    reports: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: reports.append(value))
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reports.append(args.exc_value))
    return reports


def waitFor(condition: Callable[[], bool], timeout: int = 20_000) -> bool:
    loop = QEventLoop()
    expired = QTimer()
    expired.setSingleShot(True)
    expired.timeout.connect(loop.quit)
    expired.start(timeout)
    try:
        while not condition() and expired.isActive():
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    finally:
        expired.stop()  # see tests.net.conversation.spin()
    return condition()


class Conversation:
    """One connection in which every slot of one signal raises."""

    def __init__(self, pki: PublicKeyInfrastructure, owner: str, signal: str) -> None:
        self.raised: list[BaseException] = []
        self.owner, self.signal = owner, signal
        self.encrypted = {"client": False, "server": False}
        self.accepted: SslSocket | None = None
        self.client = SslSocket()
        self.server = TellingServer(self._created)
        self._configure(pki)
        if owner != "accepted":
            watched: QObject = self.client if owner == "client" else self.server
            getattr(watched, signal).connect(self._raise)
        self.client.encrypted.connect(self._clientEncrypted)
        self.client.readyRead.connect(self._answer)
        self.server.pendingConnectionAvailable.connect(self._fetch)

    def run(self) -> None:
        assert self.server.listen("127.0.0.1", 0)
        self.client.connectToHostEncrypted("127.0.0.1", self.server.serverPort())
        assert waitFor(self._over), "the connection did not end"
        for obj in (self.client, self.server):
            obj.close()
            obj.deleteLater()

    def _raise(self, *arguments: object) -> None:
        error = Planned(f"{self.owner}.{self.signal} number {len(self.raised) + 1}")
        self.raised.append(error)
        raise error

    def _over(self) -> bool:
        ends = (self.client, self.accepted)
        return self.accepted is not None and all(
            end is None or not isValid(end) or end.state() == _Unconnected for end in ends
        )

    def _created(self, socket: SslSocket) -> None:
        if self.accepted is None:
            self.accepted = socket
            if self.owner == "accepted":
                getattr(socket, self.signal).connect(self._raise)
            socket.readyRead.connect(self._end)

    def _clientEncrypted(self) -> None:
        self.encrypted["client"] = True

    def _fetch(self) -> None:
        self.encrypted["server"] = True
        socket = self.server.nextPendingConnection()
        if socket is not None:
            socket.write(b"hello")

    def _answer(self) -> None:
        if self.client.readBytes():
            self.client.write(b"answer")

    def _end(self) -> None:
        # The signals of closing come to the end that is being watched.
        first = self.client if self.owner == "client" else self.accepted
        if self.signal in _FAILING:
            first = self.accepted if self.owner == "client" else self.client
        if self.signal == "alertSent":
            first = self.client if self.owner == "client" else self.accepted
        if first is not None and isValid(first):
            first.close()

    def _configure(self, pki: PublicKeyInfrastructure) -> None:
        client = SslConfiguration.forClient([pki.ca.certificate])
        server = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
        if self.signal == _PSK:
            # Nothing but the key that the raising slot does not set could make this succeed.
            for configuration in (client, server):
                configuration.setProtocol(Protocol.TlsV1_2)
                configuration.setCiphers("ECDHE-PSK-CHACHA20-POLY1305")
            client.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            if self.owner != "client":
                self.client.preSharedKeyAuthenticationRequired.connect(_clientKey)
            else:
                self.server.preSharedKeyAuthenticationRequired.connect(lambda socket, a: a.setPreSharedKey(bytes(32)))
        elif self.signal in _VERIFYING or (self.owner == "server" and self.signal in _FAILING):
            early = self.signal == "handshakeInterruptedOnError"
            if self.owner == "client" or self.signal == "alertReceived":
                client.setCaCertificates([pki.otherCa.certificate])
                client.setHandshakeMustInterruptOnError(early)
            else:
                client.setLocalCertificateChain(list(pki.clientUnknownCa.chain))
                client.setPrivateKey(pki.clientUnknownCa.privateKey)
                server.setCaCertificates([pki.ca.certificate])
                server.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
                server.setHandshakeMustInterruptOnError(early)
        self.client.setHandshakeTraceEnabled(self.signal == "handshakeMessage")
        self.server.setHandshakeTraceEnabled(self.signal == "handshakeMessage")
        self.client.setSslConfiguration(client)
        self.server.setSslConfiguration(server)


def _clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"client")
    authenticator.setPreSharedKey(bytes(range(32)))


def test_r27_slots(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    reported: list[BaseException],
    figure: Figure,
) -> None:
    """Every signal of client, accepted socket and server: one report each, and the safe default."""
    cases = lost = foreign = unsafe = 0
    details: list[str] = []
    for owner, signal in _SLOTS:
        reported.clear()
        conversation = Conversation(qtsecure_pki, owner, signal)
        conversation.run()
        cases += 1
        missing = [error for error in conversation.raised if sum(error is other for other in reported) != 1]
        others = [error for error in reported if not any(error is own for own in conversation.raised)]
        lost += bool(missing or not conversation.raised)
        foreign += bool(others)
        mustFail = signal in _VERIFYING or signal == _PSK or (owner == "server" and signal in _FAILING)
        verifier = "client" if owner == "client" or signal == "alertReceived" else "server"
        if conversation.encrypted[verifier] is mustFail:
            unsafe += 1
            details.append(f"{owner}.{signal}: encrypted={conversation.encrypted}")
        if missing or others or not conversation.raised:
            details.append(f"{owner}.{signal}: raised {conversation.raised}, reported {reported}")
    figure.none("exceptions lost", lost, cases, "slots")
    figure.none("exceptions reported for somebody else", foreign, cases)
    figure.none("connections that did not take the safe default", unsafe, cases)
    assert cases >= 40
    assert details == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_r27_slots_of_dtls(tmp_path: Path, figure: Figure) -> None:
    """The same with DTLS, for every signal of client, server's peer and server; in the suite for some of them."""
    every = [DtlsCell(owner, signal, "raise") for owner, signals in DTLS_SIGNALS.items() for signal in signals]
    cells = figure.size(figure.chance.sample(every, 12), every)
    outcomes = run("tests.reliability.dtls_raising_worker", cells, tmp_path)
    assert [outcome for outcome in outcomes if not isinstance(outcome[1], dict)] == []
    told = [each for _, each in outcomes]
    figure.none("exceptions lost", sum(each["lost"] > 0 or not each["raised"] for each in told), len(told), "DTLS")
    figure.none("exceptions reported for somebody else", sum(bool(each["foreign"]) for each in told), len(told), "DTLS")
    what = "connections that did not take the safe default"
    figure.none(what, sum(each["unsafe"] for each in told), len(told), "DTLS")
    assert [outcome for outcome in outcomes if outcome[1]["faults"]] == []


def test_r27_other_callbacks(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    reported: list[BaseException],
    figure: Figure,
) -> None:
    """Deferred calls, deadlines and overrides that raise are reported once and stop nobody else."""
    scheduler = schedulerOfThisThread()
    done: list[str] = []

    def fail(name: str) -> Callable[[], None]:
        def raising() -> None:
            raise Planned(name)

        return raising

    scheduler.defer(fail("deferred 1"))
    scheduler.defer(lambda: done.append("deferred 2"))
    scheduler.defer(fail("deferred 3"))
    scheduler.callLater(0, fail("deadline 1"))
    scheduler.callLater(1, lambda: done.append("deadline 2"))
    assert waitFor(lambda: len(done) == 2 and len(reported) >= 3)
    texts = sorted(str(error) for error in reported)
    figure.none("exceptions lost", 3 - len(texts), 3, "callbacks")
    assert texts == ["deadline 1", "deferred 1", "deferred 3"]


def test_r27_an_override_that_raises_does_not_stop_the_server(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, reported: list[BaseException], transport_mode: str
) -> None:
    """incomingConnection() raises for the first client; the second one is served."""

    class Picky(SslServer):
        calls = 0

        def incomingConnection(self, socketDescriptor: int) -> None:
            self.calls += 1
            super().incomingConnection(socketDescriptor)
            if self.calls == 1:
                raise Planned("first")

    server = Picky()
    server.setSslConfiguration(
        SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    )
    assert server.listen("127.0.0.1", 0)
    clients = [SslSocket(), SslSocket()]
    for client in clients:
        client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    assert waitFor(lambda: clients[1].isEncrypted())
    assert [str(error) for error in reported] == ["first"]
    for client in clients:
        client.abort()
    server.close()
    server.deleteLater()


@pytest.mark.parametrize("version", [Protocol.TlsV1_2, Protocol.TlsV1_3])
def test_r27_a_raising_cancelled_slot(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, reported: list[BaseException], version: Protocol
) -> None:
    """A slot of CertificateRequest.cancelled that raises does not keep the socket from ending."""
    server = SslServer()
    configuration = SslConfiguration.forServer(list(qtsecure_pki.server.chain), qtsecure_pki.server.privateKey)
    configuration.setProtocol(version)
    server.setSslConfiguration(configuration)
    assert server.listen("127.0.0.1", 0)
    client = SslSocket()
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.otherCa.certificate]))
    disconnected: list[bool] = []
    client.disconnected.connect(lambda: disconnected.append(True))

    def fail() -> None:
        raise Planned("cancelled")

    def defer(request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(fail)
        QTimer.singleShot(0, client.abort)

    client.acceptCertificate.connect(defer)
    client.connectToHostEncrypted("127.0.0.1", server.serverPort())
    assert waitFor(lambda: bool(disconnected))
    assert [str(error) for error in reported] == ["cancelled"]
    server.close()
    server.deleteLater()
