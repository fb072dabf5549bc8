"""A connected UDP socket of Python's that belongs to the program."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QSocketNotifier
from shiboken6 import isValid

from qtsecure.net.datagrams.claims import release
from qtsecure.net.datagrams.datagram_socket import Address, DatagramOwner
from qtsecure.net.datagrams.native_datagrams import NativeDatagrams
from qtsecure.net.event_loop.reactor import READ, reactorOfThisThread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.transports.choice import usesReactor

__all__ = ["ProgramDatagrams"]


class _Watch(Protocol):
    """What tells that there is something to read."""

    def stop(self) -> None: ...


class _ReactorWatch:
    """The thread's reactor."""

    def __init__(self, descriptor: int, callback: Callable[[int], None]) -> None:
        self._reactor = reactorOfThisThread()
        self._registration = self._reactor.register(descriptor, READ, callback)

    def stop(self) -> None:
        self._reactor.unregister(self._registration)


class _NotifierWatch:
    """Where there is no epoll or kqueue."""

    def __init__(self, descriptor: int, callback: Callable[[int], None]) -> None:
        self._notifier = QSocketNotifier(descriptor, QSocketNotifier.Type.Read)
        self._notifier.activated.connect(plainSlot(self._fired))
        self._callback = callback

    def _fired(self, *_: object) -> None:
        self._callback(READ)

    def stop(self) -> None:
        if isValid(self._notifier):  # an application's end takes Python's QObjects along
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()


class ProgramDatagrams(NativeDatagrams):
    """UDP through a duplicate of the program's socket, which stays its own.

    A descriptor of our own cannot be closed behind our back, and its number not be given to another
    socket while the reactor still knows it. That the program has closed its socket is noticed with
    the next datagram.

    Args:
        owner: Whom to tell.
        program: A connected socket; it does not block from now on, until this end.

    Raises:
        OSError: It cannot be used.
    """

    __slots__ = ("_program", "_timeout", "_watch")

    def __init__(self, owner: DatagramOwner, program: socket.socket) -> None:
        super().__init__(owner)
        self._watch: _Watch | None = None
        peer = program.getpeername()
        self._peer = peer if isinstance(peer, tuple) else (str(peer), 0)  # a local socket has a path or nothing
        self._program = program
        self._timeout = program.gettimeout()
        self._socket = own = program.dup()
        own.setblocking(False)  # a property of what both descriptors stand for
        watch = _ReactorWatch if usesReactor() else _NotifierWatch
        self._watch = watch(own.fileno(), self._onEvents)

    def _onEvents(self, events: int) -> None:
        if self._isClosed():
            self._tellLost()
        else:
            super()._onEvents(events)

    def _isClosed(self) -> bool:
        return self._program.fileno() < 0

    def sender(self, address: Address) -> Callable[[bytes], object]:
        return self._sendOne

    def _sendOne(self, datagram: bytes) -> None:
        native = self._socket
        if native is None or self._isClosed():
            schedulerOfThisThread().defer(self._tellLost)
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        native.send(datagram)

    def close(self) -> None:
        self._letGo()
        native, self._socket = self._socket, None
        if native is None:
            return
        if self._watch is not None:
            self._watch.stop()
        native.close()
        if not self._isClosed():
            self._program.settimeout(self._timeout)
        release(self._program)
