"""SslServer: accepts TCP connections, completes their handshakes, and queues what is encrypted.

Every accepted socket passes through three stations: *handshaking* (limited by
``maxHandshakingConnections`` and one total deadline), *pending* (limited by
``maxPendingConnections``), and then it belongs to the program. Whatever way a socket leaves a
station, also when the program deletes it there, ``_reviewAccepting()`` looks at the limits again, so
that a failed handshake can never stop the server for good.
"""

from __future__ import annotations

import contextlib
import socket as native
import sys
from weakref import ref

from PySide6.QtCore import SIGNAL, QObject, Signal, qWarning
from PySide6.QtNetwork import QAbstractSocket, QSsl
from shiboken6 import isValid

from qtsecure.net.arguments import checkWait
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.qt_objects.flat_class import flattened
from qtsecure.net.qt_objects.heard_signals import HearsSignals
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.servers.accepted_socket import AcceptedSocket
from qtsecure.net.servers.listening import Listening
from qtsecure.net.servers.pending_sockets import WaitingRoom
from qtsecure.net.servers.statistics import Ending, ServerCounts, ServerStatistics
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.connecting import Connecting
from qtsecure.net.ssl_socket.data_path import nobody
from qtsecure.net.ssl_socket.deletion_notice import noticeDeletion
from qtsecure.net.transports.choice import forgetAdopted
from qtsecure.net.values import SslConfiguration

__all__ = ["ServerStatistics", "SslServer"]

_Error = QAbstractSocket.SocketError
_SILENCE_MS = 100
"""How long a client may say nothing while others wait for its place."""
_UNFETCHED_LIMIT = 65_537
"""How much is read for a socket that nobody has fetched; no number that a program would choose."""
_TLS_ERRORS = (_Error.SslHandshakeFailedError, _Error.SslInternalError, _Error.SslInvalidUserDataError)
_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject,PyObject)")
_CHOICE_SIGNAL = SIGNAL("certificateRequired(PyObject,PyObject)")


@confinedToThread(
    harmless=(
        *("isListening", "serverError", "errorString", "handshakeTimeout", "listenBacklogSize"),
        *("maxPendingConnections", "maxHandshakingConnections", "maxConnectionsPerAddress", "reusePort", "proxy"),
        *("incomingConnection", "connectNotify"),
    )
)
@flattened
class SslServer(HearsSignals, Listening):
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
    #: startedEncryptionHandshake(socket: SslSocket): TLS has begun. When the client's very first flight
    #: already makes the handshake fail, alertSent and errorOccurred come before it, as in Qt.
    startedEncryptionHandshake = Signal(object)
    #: sslErrors(socket: SslSocket, errors: list[SslError]).
    sslErrors = Signal(object, list)
    #: peerVerifyError(socket: SslSocket, error: SslError).
    peerVerifyError = Signal(object, object)
    #: handshakeInterruptedOnError(socket: SslSocket, error: SslError).
    handshakeInterruptedOnError = Signal(object, object)
    #: preSharedKeyAuthenticationRequired(socket: SslSocket, authenticator: PreSharedKeyAuthenticator).
    preSharedKeyAuthenticationRequired = Signal(object, object)
    #: alertSent(socket: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(socket: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: errorOccurred(socket: SslSocket, error: QAbstractSocket.SocketError): the handshake failed.
    errorOccurred = Signal(object, QAbstractSocket.SocketError)
    #: acceptCertificate(socket: SslSocket, request: CertificateRequest).
    acceptCertificate = Signal(object, object)
    #: certificateRequired(socket: SslSocket, request: VirtualHostRequest): which configuration is for this
    #: client? Connecting it is what makes each handshake ask.
    certificateRequired = Signal(object, object)
    #: handshakeMessage(socket: SslSocket, direction: str, name: str, size: int): "sent" or "received".
    handshakeMessage = Signal(object, str, str, int)

    _maxHandshaking = 128
    _handshakeTimeout = 5000

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._beginHearing()
        self._configuration = SslConfiguration.defaultConfiguration()
        self._room = WaitingRoom()
        self._roomReview: Deadline | None = None
        self._looksForDeleted = False
        self._counts = ServerCounts()

    def close(self) -> None:
        """Stop listening; abort handshakes and delete sockets that nobody fetched.

        Sockets that were fetched stay, as children of the server. Harmless in every state and in
        every slot.
        """
        listened = self._stop()
        if self._roomReview is not None:
            self._roomReview.cancel()  # likewise
        self._looksForDeleted = False
        self._forgetDeleted()
        handshaking, pending = list(self._room.handshaking), list(self._room.pending)
        self._room.clear()
        self._counts.endings[Ending.DROPPED] += len(handshaking)
        self._counts.unfetched += len(pending)
        for socket in [*handshaking, *pending]:
            socket._dataPath.observer = socket._dataPath.holder = nobody
            if isValid(socket):
                socket.abort()
                if isValid(socket):
                    socket.deleteLater()
        if listened and isValid(self):
            self.closed.emit()

    # ------------------------------------------------------------------------- accepting

    def _hasRoom(self) -> bool:
        room = self._room
        return len(room.pending) < self._maxPending and (
            len(room.handshaking) < self._maxHandshaking or self._mayGo() is not None
        )

    def _hasConnections(self) -> bool:
        return bool(self._room)

    def _mayGo(self) -> AcceptedSocket | None:
        """The oldest client that has said nothing, once it has had its time for that."""
        for socket, accepted in self._room.silent():
            scheduler = schedulerOfThisThread()
            patience = _SILENCE_MS - (scheduler.clock() - accepted) * 1000
            if patience > 0:
                if self._roomReview is None or not self._roomReview.isPending:
                    self._roomReview = scheduler.callLater(patience, self._reviewAccepting)
                break
            if isValid(socket) and not socket.hasBytesWaiting():
                return socket
        return None

    def waitForNewConnection(self, msec: int = 0) -> tuple[bool, bool]:
        """Wait until a TCP connection has been accepted, without any event loop.

        Its handshake goes on in the event loop: nextPendingConnection() has it only after
        pendingConnectionAvailable, as with QSslServer.

        Args:
            msec: How long to wait at most, in ms; -1 for as long as it takes.

        Returns:
            Whether there was one, and whether the time is up. Both are False at once when the
            server does not listen, is paused or has reached a limit.

        Raises:
            TypeError, ValueError: For anything but -1 or a number of milliseconds.
        """
        msec = checkWait(msec, name="msec")
        self._retryIfDue()
        if self._listener is None or not self._mayAccept():
            return False, False
        before = self._counts.accepted
        timedOut = not self._listener.wait(msec)
        return self._counts.accepted > before, timedOut

    def _listenerAccepted(self, descriptor: int) -> None:
        """A TCP connection came from the listener."""
        self._counts.accepted += 1
        forgetAdopted()
        try:
            self.incomingConnection(descriptor)
        except BaseException as error:
            if forgetAdopted() != descriptor:  # else it is a socket's, which closes it
                with contextlib.suppress(OSError):  # the override has closed it itself
                    native.close(descriptor)
            if not isinstance(error, Exception):
                raise
            sys.excepthook(*sys.exc_info())  # as PySide reports what a slot raises
        if not isValid(self):
            return
        if "newConnection" in self._heard:
            self.newConnection.emit()
            if not isValid(self):
                return
        if len(self._room.handshaking) > self._maxHandshaking and (socket := self._mayGo()) is not None:
            socket.giveWay()
        if isValid(self):
            self._reviewAccepting()

    def incomingConnection(self, socketDescriptor: int) -> None:
        """Make an SslSocket of a descriptor and begin its handshake; overridable.

        An override may hand the descriptor to another thread instead; then neither limits nor
        signals of this server concern it. Or it may make a socket of a subclass, with the server
        as its parent, begin TLS with startServerEncryption() and give it to addPendingConnection()
        when it is encrypted. When an override raises, the descriptor is closed, unless an SslSocket
        has taken it over: handing it on to others must be the last thing that an override does.
        """
        socket = AcceptedSocket(self)
        if not Connecting._adoptDescriptor(socket, socketDescriptor):
            # The client has reset the connection in the kernel's queue; the descriptor is still ours.
            self._counts.endings[Ending.DISCONNECTED] += 1
            native.close(socketDescriptor)
            socket.deleteLater()
            return
        if self._maxPerAddress and self._hasTooMany(socket._attempt.ends.peerHost()):
            self._counts.endings[Ending.REFUSED] += 1
            socket.abort()
            socket.deleteLater()
            return
        dataPath = socket._dataPath
        dataPath.holder = ref(self)
        self._room.arrive(socket, dataPath.scheduler.clock())
        if self._traced:
            socket.setHandshakeTraceEnabled(True)
        socket.awaitHandshake(self, self._configuration, self._handshakeTimeout)

    def _hasTooMany(self, host: str) -> bool:
        if self._looksForDeleted:
            self._forgetDeleted()
        return self._room.countFrom(host) >= self._maxPerAddress

    # ----------------------------------------------------------------------------- queue

    def hasPendingConnections(self) -> bool:
        """Whether an encrypted socket waits."""
        return any(map(isValid, self._room.pending))

    def nextPendingConnection(self) -> SslSocket | None:
        """The next encrypted socket, a child of the server; None when there is none.

        Data may have arrived already: look at bytesAvailable() before waiting for readyRead.
        """
        while self._room.pending:
            socket = self._room.next()
            socket._dataPath.holder = nobody
            self._reviewAccepting()
            if isValid(socket):
                if socket._dataPath.readLimit == _UNFETCHED_LIMIT:
                    socket.setReadBufferSize(0)
                if self._listener is None:
                    qWarning("SslServer: nextPendingConnection() called while the server does not listen.")
                return socket
        return None

    def addPendingConnection(self, socket: SslSocket) -> None:
        """Queue a socket for nextPendingConnection(), and say so; for overrides.

        The socket may be of a subclass. Unless it has a limit of its own (setReadBufferSize()), only
        64 KiB are read for it until it is fetched.

        Raises:
            TypeError: For anything but an SslSocket.
        """
        if not isinstance(socket, SslSocket):
            raise TypeError(f"socket must be an SslSocket, not {type(socket).__name__}.")
        dataPath = socket._dataPath
        dataPath.holder = ref(self)
        noticeDeletion(socket, dataPath)
        if not dataPath.readLimit:
            dataPath.readLimit = _UNFETCHED_LIMIT
        self._room.queue(socket)
        self._reviewAccepting()
        self.pendingConnectionAvailable.emit()

    def _socketGone(self) -> None:
        """The program has deleted a socket that is still the server's, whoever its parent was."""
        if isValid(self) and self._room and not self._looksForDeleted:
            self._looksForDeleted = True
            schedulerOfThisThread().defer(self._lookForDeleted)

    def _lookForDeleted(self) -> None:
        """What the program deleted while it was still the server's counts no more."""
        if isValid(self) and self._looksForDeleted:
            self._looksForDeleted = False
            self._forgetDeleted()
            self._reviewAccepting()

    def _forgetDeleted(self) -> None:
        self._counts.endings[Ending.ABORTED] += self._room.dropDeleted()

    def statistics(self) -> ServerStatistics:
        """Numbers since the server was made."""
        self._forgetDeleted()
        return self._counts.statistics(handshaking=len(self._room.handshaking), pending=len(self._room.pending))

    # ----------------------------------------- what handshaking sockets tell (SocketObserver)

    def _wantsPreSharedKeys(self) -> bool:
        """Whether pre-shared keys are to be accepted."""
        return "preSharedKeyAuthenticationRequired" in self._heard and self.receivers(_PSK_SIGNAL) > 0

    def _wantsHostChoices(self) -> bool:
        """Whether somebody chooses configurations."""
        return "certificateRequired" in self._heard and self.receivers(_CHOICE_SIGNAL) > 0

    def _socketTraced(self, socket: SocketBase, direction: str, name: str, size: int) -> None:
        """Forward."""
        self.handshakeMessage.emit(socket, direction, name, size)

    def _socketSpoke(self, socket: SocketBase) -> None:
        """The client is not silent any more, and will not give way: another one may, or the listener has to rest."""
        assert isinstance(socket, AcceptedSocket)
        self._room.hasSpoken(socket)
        if len(self._room.handshaking) >= self._maxHandshaking:
            self._reviewAccepting()

    def _socketStartedHandshake(self, socket: SocketBase) -> None:
        """TLS has begun."""
        if "startedEncryptionHandshake" in self._heard:
            self.startedEncryptionHandshake.emit(socket)

    def _socketAsks(self, socket: SocketBase, signal: str, argument: object) -> None:
        """Forward a question of the handshake, which has the same name here."""
        getattr(self, signal).emit(socket, argument)

    def _socketAlert(
        self, socket: SocketBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str
    ) -> None:
        """Forward."""
        (self.alertSent if sent else self.alertReceived).emit(socket, level, kind, text)

    def _socketEncrypted(self, socket: SocketBase) -> None:
        """Queue the socket; from now on it is the program's, and nothing of it is forwarded."""
        assert isinstance(socket, AcceptedSocket)
        socket._dataPath.observer = nobody
        self._counts.encrypted += 1
        self._room.leave(socket)
        self.addPendingConnection(socket)

    def _socketFailed(self, socket: SocketBase, error: QAbstractSocket.SocketError) -> None:
        """Forward; the socket is valid until the slot returns to the event loop."""
        assert isinstance(socket, AcceptedSocket)
        if socket.ending is None:
            socket.ending = Ending.HANDSHAKE if error in _TLS_ERRORS else Ending.DISCONNECTED
        self.errorOccurred.emit(socket, error)
        if isValid(self) and isValid(socket):
            self._retire(socket)

    def _socketDisconnected(self, socket: SocketBase) -> None:
        """A handshake ended, also when a slot aborted it without any error."""
        assert isinstance(socket, AcceptedSocket)
        self._retire(socket)

    def _retire(self, socket: AcceptedSocket) -> None:
        if not self._room.leave(socket):
            return
        socket._dataPath.holder = nobody
        self._counts.endings[socket.ending or Ending.ABORTED] += 1
        socket.deleteLater()
        self._reviewAccepting()
