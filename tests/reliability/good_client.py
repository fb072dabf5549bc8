"""A good client, again and again: how long it takes until both ends are encrypted."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration

__all__ = ["GoodClients"]


class GoodClients(QObject):
    """Connects to a server of the same thread, fetches its end, leaves, and begins again after a pause."""

    def __init__(self, server: SslServer, configuration: SslConfiguration, *, pause: int = 2) -> None:
        super().__init__()
        self._server = server
        self._configuration = configuration
        self._pause = pause
        self._client: SslSocket | None = None
        self._begun = 0.0
        self.running = False
        #: How long each took, in seconds.
        self.latencies: list[float] = []
        #: What went wrong.
        self.faults: list[str] = []
        server.pendingConnectionAvailable.connect(self._check)

    def start(self) -> None:
        """Begin."""
        self.running = True
        self._next()

    def _next(self) -> None:
        if not self.running or self._client is not None:  # started again during the pause
            return
        client = self._client = SslSocket(self)
        client.setSslConfiguration(self._configuration)
        client.encrypted.connect(self._check)
        client.errorOccurred.connect(self._failed)
        self._begun = time.perf_counter()
        client.connectToHostEncrypted("127.0.0.1", self._server.serverPort())

    def _check(self) -> None:
        client = self._client
        if client is None or not client.isEncrypted() or not self._server.hasPendingConnections():
            return
        self.latencies.append(time.perf_counter() - self._begun)
        peer = self._server.nextPendingConnection()
        assert peer is not None
        peer.abort()
        peer.deleteLater()
        self._end(client)

    def _failed(self) -> None:
        client = self._client
        if client is not None:
            self.faults.append(client.errorString())
            self._end(client)

    def _end(self, client: SslSocket) -> None:
        self._client = None
        client.errorOccurred.disconnect(self._failed)
        client.abort()
        client.deleteLater()
        later: Callable[[], None] = self._next
        QTimer.singleShot(self._pause, later)

    def worst(self, share: float = 1.0) -> float:
        """The latency that this share of the connections did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
