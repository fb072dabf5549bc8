"""SslServer: accepts TCP connections, completes their handshakes, and queues what is encrypted.

Every accepted socket passes through three stations: *handshaking* (limited by
``maxHandshakingConnections`` and one total deadline), *pending* (limited by
``maxPendingConnections``), and then it belongs to the program. Whatever way a socket leaves a
station, also when the program deletes it there, ``_reviewAccepting()`` looks at the limits again, so
that a failed handshake can never stop the server for good.
"""

from __future__ import annotations

import socket as native
from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import SIGNAL, QChildEvent, QEvent, QObject, Signal, qWarning
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QSsl, QSslConfiguration
from shiboken6 import isValid

from qtsecure.net.accepted_socket import AcceptedSocket
from qtsecure.net.addresses import checkPort
from qtsecure.net.certificate_request import CertificateRequest
from qtsecure.net.listeners.choice import makeListener
from qtsecure.net.listeners.listener import Listener
from qtsecure.net.scheduler import schedulerOfThisThread
from qtsecure.net.socket_errors import socketError
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.thread_guard import confinedToThread
from qtsecure.net.values import PreSharedKeyAuthenticator, SslConfiguration, SslError

__all__ = ["ServerStatistics", "SslServer"]

_Error = QAbstractSocket.SocketError
_ACCEPT_RETRY_MS = 500
_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject,PyObject)")


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What a server has seen since it was made."""

    accepted: int
    """TCP connections taken."""
    encrypted: int
    """Handshakes that succeeded."""
    failed: int
    """Handshakes that failed, timed out or were refused."""
    handshaking: int
    """Handshakes under way."""
    pending: int
    """Encrypted sockets waiting in the queue."""


@confinedToThread(
    harmless=(
        *("isListening", "serverError", "errorString", "handshakeTimeout", "listenBacklogSize"),
        *("maxPendingConnections", "maxHandshakingConnections", "maxConnectionsPerAddress"),
        # From our own layers:
        *("mayAccept", "listenerAccepted", "listenerFailed", "incomingConnection", "childEvent"),
        *("wantsPreSharedKeys", "socketStartedHandshake", "socketVerifyError", "socketErrors", "socketInterrupted"),
        *("socketAsksCertificate", "socketNeedsPreSharedKey", "socketAlert", "socketEncrypted", "socketFailed"),
        "socketDisconnected",
    )
)
class SslServer(QObject):
    """A TLS server with QSslServer's and QTcpServer's methods and signals.

    Sockets are children of the server, also after nextPendingConnection(): it does not delete them
    before it is deleted itself. Delete each with ``deleteLater()`` when you are done with it, for
    example in a slot of its ``disconnected``. Use the server in the thread that it lives in: other
    threads get a RuntimeError.

    Args:
        parent: The QObject that owns it.
    """

    #: newConnection(): a TCP connection came; its handshake has yet to succeed.
    newConnection = Signal()
    #: pendingConnectionAvailable(): an encrypted socket waits for nextPendingConnection().
    pendingConnectionAvailable = Signal()
    #: acceptError(error: QAbstractSocket.SocketError): taking a connection failed; errorString() tells why.
    acceptError = Signal(QAbstractSocket.SocketError)
    #: startedEncryptionHandshake(socket: SslSocket): TLS has begun. When the client's very first flight
    #: already makes the handshake fail, alertSent and errorOccurred come before it, as in Qt.
    startedEncryptionHandshake = Signal(QObject)
    #: sslErrors(socket: SslSocket, errors: list[SslError]).
    sslErrors = Signal(QObject, list)
    #: peerVerifyError(socket: SslSocket, error: SslError).
    peerVerifyError = Signal(QObject, object)
    #: handshakeInterruptedOnError(socket: SslSocket, error: SslError).
    handshakeInterruptedOnError = Signal(QObject, object)
    #: preSharedKeyAuthenticationRequired(socket: SslSocket, authenticator: PreSharedKeyAuthenticator).
    preSharedKeyAuthenticationRequired = Signal(object, object)
    #: alertSent(socket: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(QObject, QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(socket: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(QObject, QSsl.AlertLevel, QSsl.AlertType, str)
    #: errorOccurred(socket: SslSocket, error: QAbstractSocket.SocketError): the handshake failed.
    errorOccurred = Signal(QObject, QAbstractSocket.SocketError)
    #: acceptCertificate(socket: SslSocket, request: CertificateRequest).
    acceptCertificate = Signal(QObject, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._configuration = SslConfiguration.defaultConfiguration()
        self._listener: Listener | None = None
        self._backlog = 50
        self._maxPending = 30
        self._maxHandshaking = 128
        self._maxPerAddress = 0
        self._handshakeTimeout = 5000
        self._pausedByUser = False
        self._acceptFailed = False
        self._pending: deque[SslSocket] = deque()
        self._handshaking: dict[SocketBase, str] = {}
        self._looksForDeleted = False
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""
        self._accepted = self._succeeded = self._failed = 0

    # ------------------------------------------------------------------------- listening

    def listen(
        self, address: QHostAddress | QHostAddress.SpecialAddress | str = QHostAddress.SpecialAddress.Any, port: int = 0
    ) -> bool:
        """Listen for connections; False (and serverError(), errorString()) when it is not possible.

        Args:
            address: Where to listen, as an IP address or "localhost"; Any means IPv6 and IPv4.
            port: 0 for a free one; serverPort() tells which.

        Raises:
            TypeError: An argument has another type.
            ValueError: ``address`` is no IP address, or ``port`` is out of range.
        """
        checkPort(port)
        host = _hostAddress(address)
        if self.isListening():
            qWarning("SslServer: listen() called on a server that is listening already.")
            return False
        listener = makeListener(self)
        try:
            listener.listen(host, port, self._backlog)
        except OSError as error:
            self._setError(error)
            return False
        self._start(listener)
        return True

    def setSocketDescriptor(self, socketDescriptor: int) -> bool:
        """Take over a listening descriptor (systemd, a parent process); False when it is none."""
        _checkInt(socketDescriptor, "socketDescriptor")
        if self.isListening():
            qWarning("SslServer: setSocketDescriptor() called on a server that is listening already.")
            return False
        listener = makeListener(self)
        try:
            listener.adopt(socketDescriptor)
        except (OSError, OverflowError, ValueError) as error:
            self._setError(error if isinstance(error, OSError) else OSError(0, str(error)))
            return False
        self._start(listener)
        return True

    def _start(self, listener: Listener) -> None:
        self._listener = listener
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""
        self.destroyed.connect(listener.close)
        self._reviewAccepting()

    def _setError(self, error: OSError) -> None:
        self._serverError, self._errorString = socketError(error.errno or 0)

    def isListening(self) -> bool:
        """Whether the server has a listening socket."""
        return self._listener is not None

    def close(self) -> None:
        """Stop listening; abort handshakes and delete sockets that nobody fetched.

        Sockets that were fetched stay, as children of the server.
        """
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        handshaking, self._handshaking = list(self._handshaking), {}
        pending, self._pending = list(self._pending), deque()
        for socket in [*handshaking, *pending]:
            if isinstance(socket, SslSocket) and isValid(socket):
                socket._observer = None
                socket.abort()
                if isValid(socket):
                    socket.deleteLater()

    def serverAddress(self) -> QHostAddress:
        """Where the server listens; null when it does not."""
        return self._listener.localEnd()[0] if self._listener is not None else QHostAddress()

    def serverPort(self) -> int:
        """The port; 0 when the server does not listen."""
        return self._listener.localEnd()[1] if self._listener is not None else 0

    def socketDescriptor(self) -> int:
        """The native listening descriptor, or -1."""
        return self._listener.descriptor() if self._listener is not None else -1

    def serverError(self) -> QAbstractSocket.SocketError:
        """Why listening or accepting failed last; UnknownSocketError for never."""
        return self._serverError

    def errorString(self) -> str:
        """The sentence for serverError()."""
        return self._errorString

    # -------------------------------------------------------------------------- settings

    def sslConfiguration(self) -> SslConfiguration:
        """A copy of the configuration for new connections."""
        return SslConfiguration(self._configuration)

    def setSslConfiguration(self, configuration: SslConfiguration | QSslConfiguration) -> None:
        """Use this configuration for connections accepted from now on; live ones keep theirs."""
        if isinstance(configuration, QSslConfiguration):
            configuration = SslConfiguration.fromQt(configuration)
        if not isinstance(configuration, SslConfiguration):
            raise TypeError(
                f"configuration must be an SslConfiguration or QSslConfiguration, not {type(configuration).__name__}."
            )
        self._configuration = SslConfiguration(configuration)

    def handshakeTimeout(self) -> int:
        """How long a connection may take from accept to ``encrypted``, in ms; 0 or -1: no limit."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, timeout: int) -> None:
        """Set the total handshake deadline for connections accepted from now on.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        _checkInt(timeout, "timeout")
        if timeout < -1:
            raise ValueError(f"timeout must be a number of milliseconds, or 0 or -1 for no limit, not {timeout}.")
        self._handshakeTimeout = timeout

    def maxPendingConnections(self) -> int:
        """How many encrypted sockets may wait before accepting pauses."""
        return self._maxPending

    def setMaxPendingConnections(self, numConnections: int) -> None:
        """Limit the queue of encrypted sockets; ValueError for less than 1."""
        self._maxPending = _atLeast(numConnections, 1, "numConnections")
        self._reviewAccepting()

    def maxHandshakingConnections(self) -> int:
        """How many handshakes may be under way before accepting pauses."""
        return self._maxHandshaking

    def setMaxHandshakingConnections(self, numConnections: int) -> None:
        """Limit the concurrent handshakes; ValueError for less than 1."""
        self._maxHandshaking = _atLeast(numConnections, 1, "numConnections")
        self._reviewAccepting()

    def maxConnectionsPerAddress(self) -> int:
        """How many handshaking and pending connections one address may have; 0 for no limit."""
        return self._maxPerAddress

    def setMaxConnectionsPerAddress(self, numConnections: int) -> None:
        """Refuse further connections of an address that has so many unfetched ones; 0 for no limit."""
        self._maxPerAddress = _atLeast(numConnections, 0, "numConnections")

    def listenBacklogSize(self) -> int:
        """How many connections the kernel may hold."""
        return self._backlog

    def setListenBacklogSize(self, size: int) -> None:
        """Set the kernel's backlog; before listen()."""
        self._backlog = _atLeast(size, 1, "size")

    # ------------------------------------------------------------------------- accepting

    def pauseAccepting(self) -> None:
        """Leave new connections in the kernel's backlog until resumeAccepting()."""
        self._pausedByUser = True
        self._reviewAccepting()

    def resumeAccepting(self) -> None:
        """Take new connections again, as far as the limits allow."""
        self._pausedByUser = False
        self._acceptFailed = False
        self._reviewAccepting()

    def mayAccept(self) -> bool:
        """Whether the limits leave room for another connection."""
        return (
            not self._pausedByUser
            and not self._acceptFailed
            and len(self._pending) < self._maxPending
            and len(self._handshaking) < self._maxHandshaking
        )

    def _reviewAccepting(self) -> None:
        if self._listener is not None:
            self._listener.setAccepting(self.mayAccept())

    def listenerAccepted(self, descriptor: int) -> None:
        """A TCP connection came from the listener."""
        self._accepted += 1
        self.incomingConnection(descriptor)
        if not isValid(self):
            return
        self.newConnection.emit()
        if isValid(self):
            self._reviewAccepting()

    def listenerFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """accept() failed, mostly for want of descriptors; it is tried again after a moment."""
        self._serverError, self._errorString = error, text
        self._acceptFailed = True
        schedulerOfThisThread().callLater(_ACCEPT_RETRY_MS, self._acceptAgain)
        self.acceptError.emit(error)

    def _acceptAgain(self) -> None:
        if isValid(self):
            self._acceptFailed = False
            self._reviewAccepting()

    def incomingConnection(self, socketDescriptor: int) -> None:
        """Make an SslSocket of a descriptor and begin its handshake; overridable.

        An override may hand the descriptor to another thread instead; then neither limits nor
        signals of this server concern it.
        """
        socket = AcceptedSocket(self)
        if not socket.setSocketDescriptor(socketDescriptor):
            # The client has reset the connection in the kernel's queue; the descriptor is still ours.
            native.close(socketDescriptor)
            socket.deleteLater()
            return
        address = socket.peerAddress().toString()
        if self._maxPerAddress and self._countOf(address) >= self._maxPerAddress:
            self._failed += 1
            socket.abort()
            socket.deleteLater()
            return
        self._handshaking[socket] = address
        socket.setSslConfiguration(self._configuration)
        socket.setHandshakeTimeout(self._handshakeTimeout)
        socket.awaitHandshake(self)

    def _countOf(self, address: str) -> int:
        self._forgetDeleted()
        waiting = sum(socket.peerAddress().toString() == address for socket in self._pending)
        return waiting + sum(other == address for other in self._handshaking.values())

    # ----------------------------------------------------------------------------- queue

    def hasPendingConnections(self) -> bool:
        """Whether an encrypted socket waits."""
        return any(map(isValid, self._pending))

    def nextPendingConnection(self) -> SslSocket | None:
        """The next encrypted socket, a child of the server; None when there is none.

        Data may have arrived already: look at bytesAvailable() before waiting for readyRead.
        """
        while self._pending:
            socket = self._pending.popleft()
            self._reviewAccepting()
            if isValid(socket):
                if self._listener is None:
                    qWarning("SslServer: nextPendingConnection() called while the server does not listen.")
                return socket
        return None

    def addPendingConnection(self, socket: SslSocket) -> None:
        """Queue a socket for nextPendingConnection(), and say so; for overrides."""
        if not isinstance(socket, SslSocket):
            raise TypeError(f"socket must be an SslSocket, not {type(socket).__name__}.")
        if socket.parent() is not self:
            socket.destroyed.connect(self._lookForDeletedSoon)
        self._pending.append(socket)
        self._reviewAccepting()
        self.pendingConnectionAvailable.emit()

    def childEvent(self, event: QChildEvent) -> None:
        """A socket may have been deleted: far cheaper than a connection to each one's ``destroyed``."""
        if event.type() == QEvent.Type.ChildRemoved:
            self._lookForDeletedSoon()
            child = event.child()
            if isValid(child) and (child in self._handshaking or child in self._pending):
                # Given to another parent, so its deletion will not be seen here.
                child.destroyed.connect(self._lookForDeletedSoon)

    def _lookForDeletedSoon(self) -> None:
        if (self._handshaking or self._pending) and not self._looksForDeleted:
            self._looksForDeleted = True
            schedulerOfThisThread().defer(self._lookForDeleted)

    def _lookForDeleted(self) -> None:
        """What the program deleted while it was still the server's counts no more."""
        if not isValid(self):
            return
        self._looksForDeleted = False
        self._forgetDeleted()
        self._reviewAccepting()

    def _forgetDeleted(self) -> None:
        handshaking = {socket: address for socket, address in self._handshaking.items() if isValid(socket)}
        self._failed += len(self._handshaking) - len(handshaking)
        self._handshaking = handshaking
        self._pending = deque(filter(isValid, self._pending))

    def statistics(self) -> ServerStatistics:
        """Numbers since the server was made."""
        self._forgetDeleted()
        return ServerStatistics(
            accepted=self._accepted,
            encrypted=self._succeeded,
            failed=self._failed,
            handshaking=len(self._handshaking),
            pending=len(self._pending),
        )

    # ----------------------------------------- what handshaking sockets tell (SocketObserver)

    def wantsPreSharedKeys(self) -> bool:
        """Whether pre-shared keys are to be accepted."""
        return self.receivers(_PSK_SIGNAL) > 0

    def socketStartedHandshake(self, socket: SocketBase) -> None:
        """TLS has begun."""
        self.startedEncryptionHandshake.emit(socket)

    def socketVerifyError(self, socket: SocketBase, error: SslError) -> None:
        """Forward."""
        self.peerVerifyError.emit(socket, error)

    def socketErrors(self, socket: SocketBase, errors: list[SslError]) -> None:
        """Forward."""
        self.sslErrors.emit(socket, errors)

    def socketInterrupted(self, socket: SocketBase, error: SslError) -> None:
        """Forward."""
        self.handshakeInterruptedOnError.emit(socket, error)

    def socketAsksCertificate(self, socket: SocketBase, request: CertificateRequest) -> None:
        """Forward."""
        self.acceptCertificate.emit(socket, request)

    def socketNeedsPreSharedKey(self, socket: SocketBase, authenticator: PreSharedKeyAuthenticator) -> None:
        """Forward."""
        self.preSharedKeyAuthenticationRequired.emit(socket, authenticator)

    def socketAlert(
        self, socket: SocketBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str
    ) -> None:
        """Forward."""
        (self.alertSent if sent else self.alertReceived).emit(socket, level, kind, text)

    def socketEncrypted(self, socket: SocketBase) -> None:
        """Queue the socket; from now on it is the program's, and nothing of it is forwarded."""
        assert isinstance(socket, SslSocket)
        socket._observer = None
        self._succeeded += 1
        self._handshaking.pop(socket, None)
        self.addPendingConnection(socket)

    def socketFailed(self, socket: SocketBase, error: QAbstractSocket.SocketError) -> None:
        """Forward; the socket is valid until the slot returns to the event loop."""
        self.errorOccurred.emit(socket, error)
        if isValid(self) and isValid(socket):
            self._retire(socket)

    def socketDisconnected(self, socket: SocketBase) -> None:
        """A handshake ended, also when a slot aborted it without any error."""
        self._retire(socket)

    def _retire(self, socket: SocketBase) -> None:
        if self._handshaking.pop(socket, None) is None:
            return
        self._failed += 1
        socket.deleteLater()
        self._reviewAccepting()


def _hostAddress(address: QHostAddress | QHostAddress.SpecialAddress | str) -> QHostAddress:
    """The address to listen on; a null one would mean every interface, so a misspelt one must not become it."""
    if not isinstance(address, (QHostAddress, QHostAddress.SpecialAddress, str)):
        raise TypeError(
            f"address must be a QHostAddress, a QHostAddress.SpecialAddress or a str, not {type(address).__name__}."
        )
    if address == "localhost":
        return QHostAddress(QHostAddress.SpecialAddress.LocalHost)
    host = QHostAddress(address)
    if host.isNull():
        raise ValueError(f'address must be an IP address or "localhost", not {address!r}.')
    return host


def _checkInt(number: int, name: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {type(number).__name__}.")


def _atLeast(number: int, least: int, name: str) -> int:
    _checkInt(number, name)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}.")
    return number
