"""The ground floor of SslSocket: signals, state, error, and the guard against re-entrancy.

SslSocket is built in layers, one idea each, every layer a subclass of the one below:
``SocketBase`` -> ``Reading`` -> ``Writing`` -> ``Closing`` -> ``Resuming`` -> ``Handshake`` ->
``Connecting`` -> ``SocketOptions`` -> ``Proxies`` -> ``OverDevice`` -> ``Waiting`` -> ``Pausing`` ->
``HalfClosing`` -> ``Idling`` -> ``Settings`` -> ``Library`` -> ``Leading`` -> ``SslSocket``. What happens for every
message is in ``data_path``, which all of them share.

Private methods that no layer overrides are called through their class, ``Closing._drop(self)``: PySide takes
six times as long to find one by the object, and a handshake calls a hundred.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QByteArray, QIODevice, QMetaMethod, QObject, qWarning
from PySide6.QtNetwork import QAbstractSocket, QNetworkProxy, QSsl, QSslSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net import late
from qtsecure.net.qt_objects.heard_signals import namesOfSignals
from qtsecure.net.qt_objects.late_signals import withLateSignals
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import checkThread, nameOfIdent, nameOfThread, threadOf, wrongThread
from qtsecure.net.ssl_socket.after_engine import AfterEngine
from qtsecure.net.ssl_socket.attempt import Attempt
from qtsecure.net.ssl_socket.data_path import DataPath

if TYPE_CHECKING:
    from qtsecure.net.values import SslConfiguration

__all__ = ["SocketBase", "SocketObserver"]

_State = QAbstractSocket.SocketState
_NOT_OPEN = QIODevice.OpenModeFlag.NotOpen
_READ_WRITE = QIODevice.OpenModeFlag.ReadWrite
_READ_ONLY = QIODevice.OpenModeFlag.ReadOnly
_WRITE_ONLY = QIODevice.OpenModeFlag.WriteOnly


_nameOf, _textOf = QMetaMethod.name, QByteArray.toStdString
_isOpen, _setOpenMode = QIODevice.isOpen, QIODevice.setOpenMode
"""To find them by their objects would take as long as to call them."""


class SocketObserver(Protocol):
    """The server that still owns the handshake of an accepted socket; told after the socket's slots."""

    def _wantsPreSharedKeys(self) -> bool:
        """Whether anybody listens to the server's PSK signal."""

    def _socketAsks(self, socket: SocketBase, signal: str, argument: object) -> None: ...
    def _socketAlert(
        self, socket: SocketBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str
    ) -> None: ...
    def _wantsHostChoices(self) -> bool:
        """Whether anybody listens to the server's certificateRequired."""

    def _socketTraced(self, socket: SocketBase, direction: str, name: str, size: int) -> None: ...
    def _socketEncrypted(self, socket: SocketBase) -> None: ...
    def _socketFailed(self, socket: SocketBase, error: QAbstractSocket.SocketError) -> None: ...
    def _socketDisconnected(self, socket: SocketBase) -> None: ...


@withLateSignals
class SocketBase(QIODevice):
    """Signals, state and error of SslSocket."""

    #: connected(): the TCP connection stands; the TLS handshake has been started if one was asked for.
    connected = Signal()
    #: disconnected(): the connection is over.
    disconnected = Signal()
    #: errorOccurred(error: QAbstractSocket.SocketError): see errorString() for what to do about it.
    errorOccurred = Signal(QAbstractSocket.SocketError)
    #: hostFound(): the name has been looked up.
    hostFound = Signal()
    #: stateChanged(state: QAbstractSocket.SocketState).
    stateChanged = Signal(QAbstractSocket.SocketState)
    #: proxyAuthenticationRequired(proxy: QNetworkProxy, authenticator: QAuthenticator).
    proxyAuthenticationRequired = Signal(QNetworkProxy, object)

    #: encrypted(): the handshake is complete; what was written before is sent now.
    encrypted = Signal()
    #: modeChanged(mode: QSslSocket.SslMode).
    modeChanged = Signal(QSslSocket.SslMode)
    #: sslErrors(errors: list[SslError]): everything wrong with the peer's certificate; ignoreSslErrors() here.
    sslErrors = Signal(list)
    #: peerVerifyError(error: SslError): one verification error, before sslErrors.
    peerVerifyError = Signal(object)
    #: handshakeInterruptedOnError(error: SslError): inside the handshake; continueInterruptedHandshake() here.
    handshakeInterruptedOnError = Signal(object)
    #: preSharedKeyAuthenticationRequired(authenticator: PreSharedKeyAuthenticator): set identity and key here.
    preSharedKeyAuthenticationRequired = Signal(object)
    #: alertSent(level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(QSsl.AlertLevel, QSsl.AlertType, str)
    #: encryptedBytesWritten(bytes: int): ciphertext that went out.
    encryptedBytesWritten = Signal("qlonglong")
    #: newSessionTicketReceived(): session() can resume this connection later (TLS 1.3).
    newSessionTicketReceived = Signal()
    #: acceptCertificate(request: CertificateRequest): errors that nobody ignored; accept(), reject() or defer().
    acceptCertificate = Signal(object)
    #: certificateRequired(request: VirtualHostRequest): on a server; which configuration is for this client?
    certificateRequired = Signal(object)
    #: handshakeMessage(direction: str, name: str, size: int): "sent" or "received"; see setHandshakeTraceEnabled().
    handshakeMessage = Signal(str, str, int)

    def __init__(self, parent: QObject | None = None) -> None:
        # PySide takes None for "no parent", but its stub does not say so.
        super().__init__(parent)  # type: ignore[arg-type]  # see above
        self._dataPath = DataPath(self)
        self._attempt = Attempt()
        if type(self).connectNotify is not SocketBase.connectNotify:  # it need not call ours (QObject::connectNotify)
            for name in namesOfSignals(self):
                self._dataPath.signalConnected(name)

    def connectNotify(self, signal: QMetaMethod) -> None:
        """Note which signals anybody has connected: emitting to nobody is not free."""
        name = _textOf(_nameOf(signal))
        if name not in self._dataPath.heard:  # PySide calls this twice for each connection
            self._dataPath.signalConnected(name)

    @property
    def _configuration(self) -> SslConfiguration:
        """A copy of its own, made when it is first looked at: most sockets are given one before."""
        return self._dataPath.ownConfiguration()

    @_configuration.setter
    def _configuration(self, configuration: SslConfiguration) -> None:
        self._dataPath.configuration = configuration

    # ---------------------------------------------------------------------- state and error

    def state(self) -> QAbstractSocket.SocketState:
        """The state of the connection (QAbstractSocket::state)."""
        return self._dataPath.state

    def error(self) -> QAbstractSocket.SocketError:
        """The last error, or UnknownSocketError; its sentence is errorString()."""
        return self._dataPath.error

    def failure(self) -> SecureError | None:
        """The last error with more than error() tells: a code, the alert, OpenSSL's reasons; None for none."""
        error = self._dataPath.error
        if error == QAbstractSocket.SocketError.UnknownSocketError:
            return None
        failure, text = self._attempt.failure, self.errorString()
        if failure is not None and failure.message == text:
            return late.tlsFailure(failure)
        return late.networkFailure(error, text)

    def mode(self) -> QSslSocket.SslMode:
        """Unencrypted, or the role in TLS (QSslSocket::mode)."""
        return self._dataPath.mode

    def isSequential(self) -> bool:
        """Always True: there is no seeking in a network stream."""
        return True

    def isValid(self) -> bool:
        """Whether the device is open (QSslSocket::isValid)."""
        return self.isOpen()

    def openMode(self) -> QIODevice.OpenModeFlag:
        """The mode as the program sees it.

        Below, the device is open for reading only: a C++ writer fails at once instead of reaching
        PySide's broken writeData().
        """
        return self._dataPath.openFor

    def setOpenMode(self, openMode: QIODevice.OpenModeFlag) -> None:
        """Change the mode as the program sees it; for C++ the device stays read-only."""
        SocketBase._openAs(self, openMode)

    def open(self, mode: QIODevice.OpenModeFlag) -> bool:
        """Always False: a socket is opened by connecting it (QAbstractSocket::open)."""
        qWarning("SslSocket: open() called on a socket; connectToHost() and its like open it.")
        return False

    def isReadable(self) -> bool:
        """Whether the socket was opened for reading; what arrives is dropped otherwise."""
        return self._dataPath.readable

    def isWritable(self) -> bool:
        """Whether write() may be called."""
        return self._dataPath.writable

    def _setState(self, state: QAbstractSocket.SocketState) -> bool:
        """Change the state and say so; False when a slot has deleted the socket."""
        dataPath = self._dataPath
        if dataPath.state is not state:
            dataPath.state = state
            dataPath.review()
            if "stateChanged" in dataPath.heard:
                self.stateChanged.emit(state)
                return isValid(self)
        return True

    def _isIn(self, state: QAbstractSocket.SocketState) -> bool:
        """Whether the slots that ran have left the socket in this state."""
        return self._dataPath.state is state

    def _setMode(self, mode: QSslSocket.SslMode) -> bool:
        dataPath = self._dataPath
        if dataPath.mode is not mode:
            dataPath.mode = mode
            dataPath.review()
            if "modeChanged" in dataPath.heard:
                self.modeChanged.emit(mode)
                return isValid(self)
        return True

    @property
    def _state(self) -> QAbstractSocket.SocketState:
        return self._dataPath.state

    @property
    def _mode(self) -> QSslSocket.SslMode:
        return self._dataPath.mode

    def _reportError(self, error: QAbstractSocket.SocketError, text: str) -> bool:
        """Set and emit an error; False when a slot has deleted the socket."""
        self._dataPath.error = error
        self.setErrorString(text)
        if "errorOccurred" in self._dataPath.heard:
            self.errorOccurred.emit(error)
            if not isValid(self):
                return False
        observer = self._dataPath.observer()
        if observer is not None:
            observer._socketFailed(self, error)
        return isValid(self)

    def _openAs(self, mode: QIODevice.OpenModeFlag) -> None:
        dataPath = self._dataPath
        dataPath.openFor = mode
        if mode is _READ_WRITE or mode is _NOT_OPEN:  # nearly always, and to ask a flag of Qt's is slow in Python
            dataPath.readable = dataPath.writable = mode is _READ_WRITE
        else:
            dataPath.readable = bool(mode & _READ_ONLY)
            dataPath.writable = bool(mode & _WRITE_ONLY)
        dataPath.review()
        if mode is not _NOT_OPEN or _isOpen(self):
            _setOpenMode(self, _READ_ONLY if dataPath.readable or dataPath.writable else mode)

    # ------------------------------------------------------------------------------- guard

    def _checkThread(self, method: str) -> None:
        """Raise RuntimeError in a thread that is not the object's, or not that of its connection."""
        dataPath = self._dataPath
        if dataPath.transport is None:
            checkThread(self, method)
        elif dataPath.thread != get_ident():
            thread = threadOf(self)
            if thread is None:
                return
            # Moved with its parent, the object is in a thread that does not serve its connection.
            moved = thread.isCurrentThread()
            raise wrongThread(self, method, nameOfIdent(dataPath.thread) if moved else nameOfThread(thread))

    def _engineOnStack(self) -> bool:
        stream = self._dataPath.stream
        return stream is not None and stream.busy

    def _refuseInsideEngine(self, method: str) -> None:
        """Raise for calls that can do nothing sensible while OpenSSL waits for a slot's answer."""
        stream = self._dataPath.stream
        if stream is not None and stream.busy:
            raise SecureError(
                SecureError.Code.Pending,
                f"{method}() cannot be called from a slot that the handshake is waiting for; "
                "answer first and call it afterwards, for example with QTimer.singleShot(0, ...).",
            )

    def _deferToAfterEngine(self, wish: AfterEngine) -> bool:
        """Note what a slot wants while OpenSSL is on the stack; False when it can be done now."""
        dataPath = self._dataPath
        stream = dataPath.stream
        if stream is None or not stream.busy:
            return False
        dataPath.afterEngine = max(dataPath.afterEngine, wish)
        return True
