"""A listening TCP socket; who watches it, the reactor or Qt's event dispatcher, is for subclasses to say.

It is always a socket of our own: a QTcpServer that has accepted a connection does not notice any
more that accept() fails, for want of descriptors for example, and tries again without end.
"""

from __future__ import annotations

import errno
import selectors
import socket
from abc import ABC, abstractmethod
from typing import Protocol
from weakref import ReferenceType, WeakValueDictionary, ref

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import qtAddress
from qtsecure.net.native_sockets.socket_errors import socketError
from qtsecure.net.servers.bound_sockets import serverSocket

__all__ = ["Listener", "ListenerOwner"]

_ANY = QHostAddress(QHostAddress.SpecialAddress.Any)
_ANY_IPV6 = QHostAddress(QHostAddress.SpecialAddress.AnyIPv6)
_TRANSIENT = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED, errno.EPROTO})
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class ListenerOwner(Protocol):
    """Whom a listener tells about connections; each call may end in slots that delete both."""

    def _mayAccept(self) -> bool:
        """Whether another connection may be taken from the kernel now."""

    def _listenerAccepted(self, descriptor: int) -> None:
        """A connection; the descriptor now belongs to the owner."""

    def _listenerFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """accept() failed; the listener has stopped accepting until setAccepting(True)."""


class Listener(ABC):
    """Keeps its owner weakly and closes when it goes."""

    _acceptsPerEvent = 16

    def __init__(self, owner: ListenerOwner) -> None:
        self._owner: ReferenceType[ListenerOwner] = ref(owner, self._ownerGone)
        self._scheduler = schedulerOfThisThread()
        self._socket: socket.socket | None = None
        self._end = (QHostAddress(), 0)

    def _ownerGone(self, reference: object) -> None:
        self.close()

    def listen(self, address: QHostAddress, port: int, backlog: int, *, reusePort: bool) -> None:
        """Begin, with SO_REUSEPORT if wanted; OSError when it is not possible."""
        native = serverSocket(socket.SOCK_STREAM, address, port, reusePort=reusePort)
        try:
            native.listen(backlog)
        except OSError:
            native.close()
            raise
        self._use(native)

    def adopt(self, descriptor: int) -> None:
        """Take over a listening descriptor; OSError when it is none."""
        native = socket.socket(fileno=descriptor)
        try:
            if native.family not in (socket.AF_INET, socket.AF_INET6):
                raise OSError(errno.EAFNOSUPPORT, "The descriptor is no TCP socket")
            if (other := _listening.get(descriptor)) is not None and other.descriptor() == descriptor:
                raise OSError(errno.EADDRINUSE, "Another server listens on the descriptor")
            if not native.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError(errno.EINVAL, "The descriptor is not listening")
            native.setblocking(False)
            self._use(native)
        except BaseException:
            self._socket = None
            native.detach()  # it stays the caller's, or another server's
            raise

    def _use(self, native: socket.socket) -> None:
        self._socket = native
        self._end = qtAddress(native.getsockname())
        if self._end[0] == _ANY_IPV6 and not native.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            self._end = _ANY, self._end[1]  # IPv4 clients are served, too
        self._watch(native.fileno())
        _listening[native.fileno()] = self

    def acceptWaiting(self) -> None:
        """Take the connections that wait in the kernel, as far as the owner allows."""
        for _ in range(self._acceptsPerEvent):
            owner, native = self._owner(), self._socket
            if owner is None or native is None or not owner._mayAccept():
                return
            try:
                descriptor, _address = native._accept()  # type: ignore[attr-defined]  # accept() makes an object of it
            except OSError as error:
                if error.errno not in _TRANSIENT:
                    self.setAccepting(False)
                    owner._listenerFailed(*socketError(error.errno or errno.EIO))
                return
            owner._listenerAccepted(descriptor)

    def wait(self, milliseconds: int) -> bool:
        """Without any event loop, wait for connections and take them; False when the time is up (-1: never)."""
        with _Selector() as selector:
            selector.register(self.descriptor(), selectors.EVENT_READ)
            ready = bool(selector.select(milliseconds / 1000 if milliseconds >= 0 else None))
        if ready:
            self.acceptWaiting()
        return ready

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None and not self._scheduler.takesOver(self.close):
            self._unwatch()
            self._socket.close()
            self._socket = None

    def descriptor(self) -> int:
        """The native descriptor, or -1."""
        return self._socket.fileno() if self._socket is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        """The address and port in use."""
        return self._end if self._socket is not None else (QHostAddress(), 0)

    @abstractmethod
    def setAccepting(self, wanted: bool) -> None:
        """Leave connections in the kernel's backlog, or take them again."""

    @abstractmethod
    def _watch(self, descriptor: int) -> None:
        """Have acceptWaiting() called when connections wait."""

    @abstractmethod
    def _unwatch(self) -> None:
        """Have it called no more; the descriptor is about to be closed."""


_listening: WeakValueDictionary[int, Listener] = WeakValueDictionary()
"""Who listens on which descriptor, in all threads; what is closed may still stand there."""
