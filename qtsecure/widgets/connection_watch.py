"""What state a connection is in, for those who show it: one word instead of three signals and four getters."""

from __future__ import annotations

import enum
from weakref import ReferenceType, ref

from PySide6.QtCore import QMetaObject, QObject, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.questions.peer_proof import isUnproven
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["ConnectionState", "ConnectionWatch", "checkConnection", "failureOf"]

_State = QAbstractSocket.SocketState
_SIGNALS = ("stateChanged", "modeChanged", "statusChanged", "encrypted", "errorOccurred", "disconnected")


class ConnectionState(enum.Enum):
    """What users need to know about a connection."""

    NotConnected = "NotConnected"
    """There is none, or it has ended in good order."""
    Connecting = "Connecting"
    """The host is looked up, or the handshake is under way."""
    Unencrypted = "Unencrypted"
    """Connected without TLS, for example before STARTTLS."""
    Encrypted = "Encrypted"
    """Encrypted, and nothing was wrong with the peer."""
    EncryptedWithErrors = "EncryptedWithErrors"
    """Encrypted, but somebody has accepted errors of the peer's certificate, or a client has verified nothing."""
    Failed = "Failed"
    """It could not be made, or it broke."""


class ConnectionWatch(QObject):
    """Follows one connection after the other, without keeping any of them alive.

    Args:
        parent: The Qt parent.
    """

    #: changed(): the connection, its state, or what is known of it; when the slots of a signal have returned.
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reference: ReferenceType[SslSocket | DtlsPeer] | None = None
        self._links: list[QMetaObject.Connection] = []
        # Not in the slot itself: between two signals of one step a connection seems to be what it never is,
        # such as connected and not encrypted.
        self._settled = QTimer(self, singleShot=True, interval=0)
        self._settled.timeout.connect(self.changed)

    def connection(self) -> SslSocket | DtlsPeer | None:
        """Return what is followed; None once it is gone."""
        connection = self._reference() if self._reference is not None else None
        return connection if connection is not None and isValid(connection) else None

    def setConnection(self, connection: SslSocket | DtlsPeer | None) -> None:
        """Follow another connection, or none.

        Raises:
            TypeError: ``connection`` is something else.
            RuntimeError: It lives in another thread.
        """
        if connection is not None:
            checkConnection(connection, self)
        for link in self._links:
            QObject.disconnect(link)
        self._links = []
        self._reference = None
        if connection is not None:
            self._reference = ref(connection)
            self._links = [
                getattr(connection, name).connect(self._refresh) for name in _SIGNALS if hasattr(connection, name)
            ]
            self._links.append(connection.destroyed.connect(self._gone))
        self.changed.emit()

    def state(self) -> ConnectionState:
        """Return where it stands now."""
        connection = self.connection()
        if connection is None:
            return ConnectionState.NotConnected
        if connection.isEncrypted():
            # Errors that nobody accepted would have ended the handshake.
            return ConnectionState.EncryptedWithErrors if isUnproven(connection) else ConnectionState.Encrypted
        if _isUnderWay(connection):
            plain = isinstance(connection, SslSocket) and connection.mode() is QSslSocket.SslMode.UnencryptedMode
            connected = isinstance(connection, SslSocket) and connection.state() is _State.ConnectedState
            return ConnectionState.Unencrypted if plain and connected else ConnectionState.Connecting
        return ConnectionState.Failed if failureOf(connection) else ConnectionState.NotConnected

    def _refresh(self) -> None:
        self._settled.start()

    def _gone(self) -> None:
        self._reference = None
        self._links = []
        self.changed.emit()


def checkConnection(connection: object, user: QObject) -> None:
    """Raise unless it is a connection that lives in the thread of its user."""
    if not isinstance(connection, (SslSocket, DtlsPeer)):
        raise TypeError(f"connection must be an SslSocket or a DtlsPeer, not {type(connection).__name__}.")
    if connection.thread() is not user.thread():
        raise RuntimeError(
            "connection lives in another thread than the widget; show what its thread reports in signals instead."
        )


def failureOf(connection: SslSocket | DtlsPeer) -> str:
    """Return the sentence for why the connection failed; empty if it did not, or ended with a goodbye."""
    if isinstance(connection, DtlsPeer):
        return connection.errorString()
    if connection.error() is QAbstractSocket.SocketError.UnknownSocketError or connection.peerClosedCleanly():
        return ""
    return connection.errorString()


def _isUnderWay(connection: SslSocket | DtlsPeer) -> bool:
    if isinstance(connection, DtlsPeer):
        return connection.status() is DtlsPeer.Status.Handshaking
    return connection.state() in (_State.HostLookupState, _State.ConnectingState, _State.ConnectedState)
