"""Where and whether a server listens: address, port, descriptor, proxy, and pauses."""

from __future__ import annotations

import errno

from PySide6.QtCore import QObject, QThread, Signal, qWarning
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net import late
from qtsecure.net.arguments import checkInt, checkLeast
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.listeners.choice import makeListener
from qtsecure.net.listeners.listener import Listener
from qtsecure.net.native_sockets.addresses import checkPort, listenAddress
from qtsecure.net.native_sockets.socket_errors import socketError
from qtsecure.net.qt_objects.late_names import lateNames
from qtsecure.net.servers.settings import ServerSettings

__all__ = ["Listening"]

_Error = QAbstractSocket.SocketError
_ProxyType = QNetworkProxy.ProxyType
_ACCEPT_RETRY_MS = 500


class Listening(ServerSettings, QObject):
    """The lower half of SslServer, which says what becomes of the connections."""

    #: acceptError(error: QAbstractSocket.SocketError): taking a connection failed; errorString() tells why.
    acceptError = Signal(QAbstractSocket.SocketError)
    #: closed(): close() has ended listening (QWebSocketServer::closed).
    closed = Signal()

    def __init__(self, parent: QObject | None) -> None:
        super().__init__(parent)
        self._listener: Listener | None = None
        self._backlog = 50
        self._proxy = QNetworkProxy(_ProxyType.DefaultProxy)
        self._pausedByUser = False
        self._acceptFailed = False
        self._acceptRetry: Deadline | None = None

    # ------------------------------------------------------------------------- beginning

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
            RuntimeError: The server lives in another thread.
        """
        checkPort(port)
        host = listenAddress(address)
        if self.isListening():
            qWarning("SslServer: listen() called on a server that is listening already.")
            return False
        if not host.isLoopback() and not _isDirect(self._proxy, port):
            self._serverError = _Error.UnsupportedSocketOperationError
            self._errorString = (
                "A server cannot listen through a proxy; call setProxy(QNetworkProxy.ProxyType.NoProxy) before."
            )
            return False
        listener = makeListener(self)
        try:
            listener.listen(host, port, self._backlog, reusePort=self._reusePort)
        except OSError as error:
            self._setError(error)
            return False
        self._start(listener)
        return True

    def setSocketDescriptor(self, socketDescriptor: int) -> bool:
        """Take over a listening descriptor (systemd, a parent process); False when it is none.

        It stays the caller's then.

        Raises:
            TypeError: For anything but an int.
            RuntimeError: The server lives in another thread.
        """
        checkInt(socketDescriptor, name="socketDescriptor")
        if self.isListening():
            qWarning("SslServer: setSocketDescriptor() called on a server that is listening already.")
            return False
        listener = makeListener(self)
        try:
            listener.adopt(socketDescriptor)
        except (OSError, OverflowError, ValueError) as error:
            # Numbers that can be no descriptor at all raise the other two.
            self._setError(error if isinstance(error, OSError) else OSError(errno.EBADF, str(error)))
            return False
        self._start(listener)
        return True

    def _start(self, listener: Listener) -> None:
        late.loadAll()
        self._listener = listener
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""
        # A function: see plain_slots. At once, as it would be lost on the way from the thread of a garbage collection.
        self._listenerEnd = self.destroyed.connect(lambda: listener.close(), lateNames().directConnection)
        self._reviewAccepting()

    def _stop(self) -> bool:
        """Listen no more; whether that is news."""
        listener, self._listener = self._listener, None
        if listener is not None:
            QObject.disconnect(self._listenerEnd)
            listener.close()
        self._acceptFailed = False
        if self._acceptRetry is not None:
            self._acceptRetry.cancel()  # the server may go to another thread now
        return listener is not None

    def _setError(self, error: OSError) -> None:
        self._serverError, self._errorString = socketError(error.errno or 0)

    def moveToThread(self, thread: QThread) -> bool:
        """Move to another thread; only while the server does not listen and has no sockets.

        Raises:
            SecureError: While it listens, or sockets are under way or queued.
        """
        if self._listener is not None or self._hasConnections():
            raise SecureError(
                SecureError.Code.Pending,
                "A listening server belongs to its thread's event loop; move it before listen(), or close() it first.",
            )
        return bool(super().moveToThread(thread))

    # ----------------------------------------------------------------------------- facts

    def isListening(self) -> bool:
        """Whether the server has a listening socket."""
        return self._listener is not None

    def serverAddress(self) -> QHostAddress:
        """Where the server listens; null when it does not."""
        return self._listener.localEnd()[0] if self._listener is not None else QHostAddress()

    def serverPort(self) -> int:
        """The port; 0 when the server does not listen."""
        return self._listener.localEnd()[1] if self._listener is not None else 0

    def socketDescriptor(self) -> int:
        """The native listening descriptor, or -1."""
        return self._listener.descriptor() if self._listener is not None else -1

    # -------------------------------------------------------------------------- settings

    def listenBacklogSize(self) -> int:
        """How many connections the kernel may hold."""
        return self._backlog

    def setListenBacklogSize(self, size: int) -> None:
        """Set the kernel's backlog; before listen()."""
        self._backlog = checkLeast(size, 1, name="size")

    def proxy(self) -> QNetworkProxy:
        """The proxy of setProxy(); of type DefaultProxy at first, which means the application's."""
        return QNetworkProxy(self._proxy)

    def setProxy(self, networkProxy: QNetworkProxy | QNetworkProxy.ProxyType) -> None:
        """Say whether a proxy concerns this server (QTcpServer::setProxy); before listen().

        None can listen for an SslServer: with a proxy, also with the application's, listen() returns
        False and serverError() is UnsupportedSocketOperationError. Loopback addresses never need one,
        and NoProxy switches the application's off.

        Raises:
            TypeError: For anything but a QNetworkProxy or the type of one.
        """
        if not isinstance(networkProxy, (QNetworkProxy, _ProxyType)):
            raise TypeError(f"networkProxy must be a QNetworkProxy, not {type(networkProxy).__name__}.")
        self._proxy = QNetworkProxy(networkProxy)

    # --------------------------------------------------------------------------- pausing

    def pauseAccepting(self) -> None:
        """Leave new connections in the kernel's backlog until resumeAccepting()."""
        self._pausedByUser = True
        self._reviewAccepting()

    def resumeAccepting(self) -> None:
        """Take new connections again, as far as the limits allow."""
        self._pausedByUser = False
        self._acceptFailed = False
        self._reviewAccepting()

    def _mayAccept(self) -> bool:
        """Whether the limits leave room for another connection."""
        return not self._pausedByUser and not self._acceptFailed and self._hasRoom()

    def _settingsChanged(self) -> None:
        self._reviewAccepting()

    def _reviewAccepting(self) -> None:
        listener = self._listener
        if listener is not None:
            listener.setAccepting(self._mayAccept())

    def _listenerFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """accept() failed, mostly for want of descriptors; it is tried again after a moment."""
        self._serverError, self._errorString = error, text
        self._acceptFailed = True
        self._acceptRetry = schedulerOfThisThread().callLater(_ACCEPT_RETRY_MS, self._acceptAgain)
        self.acceptError.emit(error)

    def _retryIfDue(self) -> None:
        """For programs without an event loop, which has timers for this."""
        retry = self._acceptRetry
        if retry is not None and retry.due <= schedulerOfThisThread().clock():
            retry.fire()

    def _acceptAgain(self) -> None:
        if isValid(self):
            self._acceptFailed = False
            self._reviewAccepting()

    # ----------------------------------------------------------------- for the upper half

    def _listenerAccepted(self, descriptor: int) -> None:
        """A TCP connection came from the listener."""
        raise NotImplementedError

    def _hasRoom(self) -> bool:
        """Whether another connection may be taken."""
        raise NotImplementedError

    def _hasConnections(self) -> bool:
        """Whether there are connections that the program has not got yet."""
        raise NotImplementedError


def _isDirect(proxy: QNetworkProxy, port: int) -> bool:
    """Whether no proxy stands between a server and its clients."""
    if proxy.type() != _ProxyType.DefaultProxy:
        return bool(proxy.type() == _ProxyType.NoProxy)
    query = QNetworkProxyQuery(port, "", QNetworkProxyQuery.QueryType.TcpServer)
    return any(each.type() == _ProxyType.NoProxy for each in QNetworkProxyFactory.proxyForQuery(query))
