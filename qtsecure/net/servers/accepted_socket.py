"""The server's end of a connection between accept and the end of the handshake."""

from __future__ import annotations

import selectors
from typing import Protocol
from weakref import ReferenceType, ref

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted
from qtsecure.net.native_sockets.readiness import isReady
from qtsecure.net.servers.statistics import Ending
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.ssl_socket.base import SocketBase, SocketObserver
from qtsecure.net.ssl_socket.handshake import Handshake
from qtsecure.net.values.ssl_configuration import SslConfiguration

__all__ = ["AcceptedSocket", "HandshakeServer"]


_UNENCRYPTED = QSslSocket.SslMode.UnencryptedMode


class HandshakeServer(SocketObserver, Protocol):
    """The server of an accepted socket."""

    def _socketSpoke(self, socket: SocketBase) -> None:
        """The client's first bytes have come."""

    def _socketStartedHandshake(self, socket: SocketBase) -> None:
        """The first byte was TLS and the handshake has begun."""


class AcceptedSocket(SslSocket):
    """Waits for the client's first bytes before it spends memory on TLS.

    Nearly everything an idle or hostile client costs is the engine's state, so that is made only
    when a TLS handshake record begins to arrive.
    """

    _server: ReferenceType[HandshakeServer] | None = None
    #: Why the handshake ended, where that is known.
    ending: Ending | None = None

    def awaitHandshake(self, server: HandshakeServer, configuration: SslConfiguration, timeout: int) -> None:
        """Start the total deadline (``timeout`` ms; none without a positive number) and wait for the client's hello."""
        dataPath = self._dataPath
        dataPath.configuration = SslConfiguration(configuration)
        self._handshakeTimeout = timeout
        self._server = dataPath.observer = ref(server)
        dataPath.awaitsTls = True
        dataPath.review()
        Handshake._limitHandshake(self)

    def setSocketDescriptor(
        self,
        socketDescriptor: int,
        state: QAbstractSocket.SocketState = QAbstractSocket.SocketState.ConnectedState,
        openMode: QIODevice.OpenModeFlag = QIODevice.OpenModeFlag.ReadWrite,
    ) -> bool:
        """Refused until the handshake is over: the server still counts with this connection."""
        if self._dataPath.observer() is not None:
            self._dataPath.error = QAbstractSocket.SocketError.OperationError
            self.setErrorString(
                "The socket is the server's until its handshake is over; make another for the descriptor."
            )
            return False
        return super().setSocketDescriptor(socketDescriptor, state, openMode)

    def hasBytesWaiting(self) -> bool:
        """Whether the client has spoken (or left), and a busy event loop has not come to it yet."""
        descriptor = self.socketDescriptor()
        # A QTcpSocket lets go of it before it tells that the client has left.
        return descriptor < 0 or isReady(descriptor, selectors.EVENT_READ)

    def giveWay(self) -> None:
        """End the connection of a silent client, whose place others need."""
        self.ending = Ending.EVICTED
        attempt = self._attempt
        if self._drop() and self._attempt is attempt:  # as with a time-out: disconnected first, then the error
            self._reportError(
                QAbstractSocket.SocketError.SocketResourceError,
                "The client said nothing, and others waited for its place: "
                "as many handshakes as maxHandshakingConnections() allows were under way.",
            )

    def _giveUpHandshake(self) -> None:
        self.ending = Ending.TIMED_OUT
        super()._giveUpHandshake()

    def _plainLanded(self, data: bytes) -> None:
        """The client's first bytes."""
        dataPath = self._dataPath
        reference, self._server = self._server, None
        dataPath.awaitsTls = False
        if reference is None:
            super()._plainLanded(data)
            return
        dataPath.lastTraffic = dataPath.scheduler.clock()
        server = reference()
        if server is not None:
            server._socketSpoke(self)
        if not starts_tls_handshake_untrusted(data):
            self._cancelHandshakeDeadline()
            self._endWith(
                QAbstractSocket.SocketError.SslHandshakeFailedError,
                f"The client does not speak TLS: it sent {describe_first_bytes_untrusted(data)}.",
            )
            return
        dataPath.incoming.append(data)
        if dataPath.mode is _UNENCRYPTED:
            # Also while closing: what was written is still to be delivered.
            Handshake._startEncryption(self, server=True)
        if isValid(self) and server is not None and isValid(server):
            server._socketStartedHandshake(self)
