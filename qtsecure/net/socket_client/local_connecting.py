"""Connecting an SslSocket to a local socket: Qt's QLocalSocket becomes its transport."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QMetaObject, QObject
from PySide6.QtNetwork import QLocalSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.failures import networkFailure
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.devices import deviceSocketError

__all__ = ["LocalConnecting"]

_Error = QLocalSocket.LocalSocketError
_TEXTS = {
    _Error.ConnectionRefusedError: "Connection refused: nothing listens on that local socket.",
    _Error.ServerNotFoundError: "There is no local socket of that name; check the path, and that the server runs.",
    _Error.SocketAccessError: "The system does not permit access to that local socket; check its owner and its mode.",
}


class LocalConnecting:
    """One try; it begins from the event loop, as with TCP, and is over with the first callback or abort().

    Args:
        socket: To be connected; it owns the local socket afterwards.
        path: Of the local socket.
        awaitsTls: TLS will begin on the connection, and nothing goes out before.
        timeout: How long the server may take to accept, in ms; 0 or -1 for as long as Qt waits.
        connected: Called when the socket is connected.
        failed: Called with the error.
    """

    def __init__(
        self,
        socket: SslSocket,
        path: str,
        awaitsTls: bool,
        timeout: int,
        connected: Callable[[], None],
        failed: Callable[[SecureError], None],
    ) -> None:
        self._socket = socket
        self._path = path
        self._awaitsTls = awaitsTls
        self._timeout = timeout
        self._deadline: Deadline | None = None
        self._connected: Callable[[], None] | None = connected
        self._failed = failed
        self._device = QLocalSocket()
        self._connections: list[QMetaObject.Connection] = [
            self._device.connected.connect(plainSlot(self._deviceConnected)),
            self._device.errorOccurred.connect(plainSlot(self._deviceFailed)),
        ]

    def start(self) -> None:
        """Begin soon."""
        schedulerOfThisThread().defer(self._begin)

    def abort(self) -> None:
        """Forget it."""
        self._connected = None
        self._stopListening()
        if isValid(self._device) and self._device.parent() is None:
            self._device.abort()
            self._device.deleteLater()

    def _begin(self) -> None:
        if self._connected is None:
            return
        if self._timeout > 0:
            self._deadline = PeerDeadline(self._timeout, self._timedOut)
        self._device.connectToServer(self._path)

    def _timedOut(self) -> None:
        if self._connected is not None:
            text = f"The server did not accept the connection within {self._timeout} ms."
            self._failed(SecureError(SecureError.Code.TimedOut, text))

    def _stopListening(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        connections, self._connections = self._connections, []
        for connection in connections:
            QObject.disconnect(connection)

    def _deviceConnected(self) -> None:
        connected = self._connected
        if connected is None or not isValid(self._socket):
            return
        self._stopListening()
        self._device.setParent(self._socket)
        self._socket._runOver(self._device, awaitsTls=self._awaitsTls)
        connected()

    def _deviceFailed(self, error: QLocalSocket.LocalSocketError) -> None:
        if self._connected is None:
            return
        text = _TEXTS.get(error) or f"{self._device.errorString().rstrip('.')}."
        if error == _Error.ServerNotFoundError:
            error = _Error.ConnectionRefusedError
        self._failed(networkFailure(deviceSocketError(error), text))
