"""A listening socket of our own, served by the thread's reactor."""

from __future__ import annotations

import errno
import os
import socket

from PySide6.QtNetwork import QHostAddress

from qtsecure.net.addresses import nativeAddress, qtAddress
from qtsecure.net.listeners.listener import Listener, ListenerOwner
from qtsecure.net.reactor import READ, Registration, reactorOfThisThread
from qtsecure.net.socket_errors import socketError

__all__ = ["ReactorListener"]

_ACCEPTS_PER_EVENT = 16
_TRANSIENT = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED, errno.EPROTO})


class ReactorListener(Listener):
    """The listener on platforms with epoll or kqueue."""

    def __init__(self, owner: ListenerOwner) -> None:
        super().__init__(owner)
        self._socket: socket.socket | None = None
        self._registration: Registration | None = None
        self._reactor = reactorOfThisThread()
        self._dual = False
        self._end = (QHostAddress(), 0)

    def listen(self, address: QHostAddress, port: int, backlog: int) -> None:
        if address == QHostAddress(QHostAddress.SpecialAddress.Any):
            native = self._dualStack(port)
            self._dual = native.family == socket.AF_INET6
        else:
            family, target = nativeAddress(address, port)
            native = socket.socket(family, socket.SOCK_STREAM)
            if family == socket.AF_INET6:
                native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._bindOrClose(native, target)
        self._begin(native, backlog)

    def _dualStack(self, port: int) -> socket.socket:
        """QHostAddress.Any means IPv6 and IPv4 on one socket, or IPv4 where there is no IPv6."""
        try:
            native = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        except OSError:
            native = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._bindOrClose(native, ("0.0.0.0", port))  # noqa: S104  # the caller asked for every interface
            return native
        native.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            self._bindOrClose(native, ("::", port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
            native = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._bindOrClose(native, ("0.0.0.0", port))  # noqa: S104  # the caller asked for every interface
        return native

    def _bindOrClose(self, native: socket.socket, target: tuple[object, ...]) -> None:
        try:
            self._bind(native, target)
        except OSError:
            native.close()
            raise

    @staticmethod
    def _bind(native: socket.socket, target: tuple[object, ...]) -> None:
        if os.name == "posix":
            # On Windows the option would let another program take over the port.
            native.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        native.bind(target)

    def adopt(self, descriptor: int) -> None:
        native = socket.socket(fileno=descriptor)
        try:
            if not native.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError(errno.EINVAL, "The descriptor is not listening")
        except OSError:
            native.detach()
            raise
        native.setblocking(False)
        self._watch(native)

    def _begin(self, native: socket.socket, backlog: int) -> None:
        try:
            native.setblocking(False)
            native.listen(backlog)
        except OSError:
            native.close()
            raise
        self._watch(native)

    def _watch(self, native: socket.socket) -> None:
        self._socket = native
        self._end = qtAddress(native.getsockname())
        if self._dual:
            self._end = QHostAddress(QHostAddress.SpecialAddress.Any), self._end[1]
        self._registration = self._reactor.register(native.fileno(), READ, self._onReady)

    def _onReady(self, events: int) -> None:
        for _ in range(_ACCEPTS_PER_EVENT):
            owner, native = self._owner(), self._socket
            if owner is None or native is None or not owner.mayAccept():
                return
            try:
                accepted, _address = native.accept()
            except OSError as error:
                if error.errno not in _TRANSIENT:
                    self.setAccepting(False)
                    owner.listenerFailed(*socketError(error.errno or errno.EIO))
                return
            owner.listenerAccepted(accepted.detach())

    def setAccepting(self, wanted: bool) -> None:
        if self._registration is not None:
            self._reactor.setInterest(self._registration, READ if wanted else 0)

    def close(self) -> None:
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def descriptor(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        return self._end if self._socket is not None else (QHostAddress(), 0)
