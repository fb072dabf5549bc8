"""A QTcpServer as listener, where there is no reactor."""

from __future__ import annotations

import errno
import os
import socket
import sys

from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QTcpServer
from shiboken6 import isValid

from qtsecure.net.listeners.listener import Listener, ListenerOwner
from qtsecure.net.socket_errors import socketError

__all__ = ["QtListener"]

_ERRNO = {
    QAbstractSocket.SocketError.AddressInUseError: errno.EADDRINUSE,
    QAbstractSocket.SocketError.SocketAddressNotAvailableError: errno.EADDRNOTAVAIL,
    QAbstractSocket.SocketError.SocketAccessError: errno.EACCES,
    QAbstractSocket.SocketError.SocketResourceError: errno.EMFILE,
}


class _Server(QTcpServer):
    """Hands descriptors on instead of making sockets."""

    def __init__(self, listener: QtListener) -> None:
        super().__init__()
        self._listener = listener

    def incomingConnection(self, handle: int) -> None:
        # An exception that leaves this override would leak the descriptor.
        try:
            self._listener._accepted(handle)
        except BaseException:  # noqa: BLE001  # reported as PySide reports a slot's exception
            sys.excepthook(*sys.exc_info())


class QtListener(Listener):
    """The listener on platforms without epoll and kqueue."""

    def __init__(self, owner: ListenerOwner) -> None:
        super().__init__(owner)
        self._server: _Server | None = None

    def _make(self) -> _Server:
        server = _Server(self)
        server.acceptError.connect(self._onAcceptError)
        self._server = server
        return server

    def listen(self, address: QHostAddress, port: int, backlog: int) -> None:
        server = self._make()
        server.setListenBacklogSize(backlog)
        if not server.listen(address, port):
            self._fail(server)

    def adopt(self, descriptor: int) -> None:
        # QTcpServer takes any socket.
        probe = socket.socket(fileno=descriptor)
        try:
            if not probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError(errno.EINVAL, "The descriptor is not listening")
        finally:
            probe.detach()
        server = self._make()
        if not server.setSocketDescriptor(descriptor):
            self._fail(server)

    def _fail(self, server: _Server) -> None:
        number = _ERRNO.get(server.serverError(), errno.EIO)
        text = server.errorString()
        self.close()
        raise OSError(number, text)

    def _accepted(self, descriptor: int) -> None:
        owner = self._owner()
        if owner is None:
            os.close(descriptor)
            return
        owner.listenerAccepted(descriptor)
        # QTcpServer's loop ends when its own limit is reached, which it never is here: the
        # descriptors are not queued in it. Pausing is honoured before the next accept().
        owner = self._owner()
        if owner is not None and not owner.mayAccept():
            self.setAccepting(False)

    def _onAcceptError(self, error: QAbstractSocket.SocketError) -> None:
        owner = self._owner()
        if owner is not None:
            number = _ERRNO.get(error)
            text = socketError(number)[1] if number else "Accepting a connection failed."
            owner.listenerFailed(error, text)

    def setAccepting(self, wanted: bool) -> None:
        server = self._server
        if server is None or not server.isListening():
            return
        # The number is what stops QTcpServer's running accept loop; pausing alone does not.
        server.setMaxPendingConnections(0x7FFFFFFF if wanted else 0)
        if wanted:
            server.resumeAccepting()
        else:
            server.pauseAccepting()

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None and isValid(server):
            server.close()
            server.deleteLater()

    def descriptor(self) -> int:
        return int(self._server.socketDescriptor()) if self._server is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        if self._server is None:
            return QHostAddress(), 0
        return self._server.serverAddress(), self._server.serverPort()
