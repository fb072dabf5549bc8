"""R5: the handshake deadline is kept, whatever a client does to stretch it (sec-A1, A2, A3)."""

from __future__ import annotations

import socket
import time

import pytest
from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.net.conversation import settle, spin
from tests.reliability.failing_clients import hello, trusting

pytestmark = [pytest.mark.figure("R5"), pytest.mark.usefixtures("transport_mode")]

TIMEOUTS = (200, 500, 1000, 2000)
KINDS = ("silent", "drip", "slow reader")
_DRIP_MS = 20


class _Server(SslServer):
    """Notes the moment before a deadline begins: whatever stops the process in between makes it no earlier."""

    accepted = 0.0

    def incomingConnection(self, socketDescriptor: int) -> None:
        self.accepted = time.perf_counter()
        super().incomingConnection(socketDescriptor)


class Stretcher:
    """One client and its server."""

    def __init__(self, pki: PublicKeyInfrastructure, kind: str, timeout: int) -> None:
        self.kind, self.timeout = kind, timeout
        self.errors: list[QAbstractSocket.SocketError] = []
        self.ended = 0.0
        self.server = _Server()
        self.server.setSslConfiguration(SslConfiguration.forServer(pki.rsaServer.chain, pki.rsaServer.privateKey))
        self.server.setHandshakeTimeout(timeout)
        self.server.errorOccurred.connect(self._fail)
        assert self.server.listen("127.0.0.1")
        self.socket = socket.socket()
        self._hello = hello(trusting())
        self._timer = QTimer()
        self._timer.timeout.connect(self._drip)

    def start(self) -> None:
        if self.kind == "slow reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.socket.connect(("127.0.0.1", self.server.serverPort()))
        self.socket.settimeout(5)
        if self.kind == "drip":
            self._timer.start(_DRIP_MS)
        elif self.kind == "slow reader":
            self.socket.sendall(self._hello)  # and never reads the flight that comes

    def _drip(self) -> None:
        if self.ended or not self._hello:
            self._timer.stop()
            return
        self.socket.send(self._hello[:1])
        self._hello = self._hello[1:]

    def _fail(self, socket: SslSocket, error: QAbstractSocket.SocketError) -> None:
        self.ended = time.perf_counter()
        self.errors.append(error)

    @property
    def late(self) -> float:
        """By how many ms the deadline was missed."""
        return (self.ended - self.server.accepted) * 1000 - self.timeout

    def connectionIsClosed(self) -> bool:
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def close(self) -> None:
        self._timer.stop()
        self.socket.close()
        self.server.close()


def test_r5_deadlines(
    qapp: QCoreApplication,
    qtsecure_pki: PublicKeyInfrastructure,
    transport_mode: str,
    figure: Figure,
) -> None:
    """Silence, a byte now and then, an answer that is never read: one SocketTimeoutError each, in time."""
    cases = [Stretcher(qtsecure_pki, kind, timeout) for kind in KINDS for timeout in TIMEOUTS]
    try:
        for case in cases:
            case.start()
        spin(lambda: all(case.ended for case in cases), timeout=10_000)
        settle()
        late = [case.late for case in cases]
        figure.none("deadlines not told exactly once", sum(len(case.errors) != 1 for case in cases), len(cases))
        figure.atMost("lateness of a deadline", max(late), 100, "ms", variant=transport_mode, noisy=True)
        figure.atLeast("lateness of the earliest deadline", min(late), -2, "ms", variant=transport_mode)
        for case in cases:
            assert case.errors == [QAbstractSocket.SocketError.SocketTimeoutError], (case.kind, case.timeout)
            assert case.connectionIsClosed()
            assert case.server.statistics().timedOut == 1
    finally:
        for case in cases:
            case.close()
