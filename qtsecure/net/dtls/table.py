"""A server's side of one UDP socket: which datagram belongs to whom, and who may come in.

An unknown client is answered without remembering it, until its hello brings the cookie that it was
sent (RFC 6347 section 4.2.1). The same goes for a known client that begins anew: only when the cookie
has shown that it is no forgery does its new association replace the old one (section 4.2.8).
"""

from __future__ import annotations

import contextlib
import math
from typing import Protocol
from weakref import ref

from qtsecure.engine.dtls import AdmittedHello, DtlsListener, is_hello_start_untrusted
from qtsecure.net.datagrams.datagram_socket import Address, DatagramSocket, plainHost
from qtsecure.net.dtls.path import DtlsPath, announceAll
from qtsecure.net.dtls.statistics import LocalDrop
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["ClientTable", "TableOwner"]

_HANDSHAKE_RECORD = 22
_MOST_LINGERING = 64
"""Failed handshakes that repeat their last alert. They count in no limit any more, and hold 60 KiB each."""
_HEARING_PAUSE = 0.1
"""In seconds: the timers of many clients come together after a pause of the process, and may come in a flood."""


class TableOwner(Protocol):
    """The server of a table. Any of these calls may end in slots that delete it."""

    def _prepareListener(self) -> DtlsListener | None:
        """The listener, with the settings of this moment; None when they cannot be used."""

    def _helloAdmitted(self, hello: AdmittedHello, address: Address, current: DtlsPath | None) -> None:
        """A client has shown its address."""

    def _pathPeerDestroyed(self, path: DtlsPath) -> None:
        """Somebody has deleted the peer of a path."""

    def _socketLost(self) -> None:
        """The socket is gone."""


class ClientTable:
    """The associations of one UDP socket by the addresses of their clients.

    Attributes:
        socket: Where datagrams come from and go to; None until there is one, and after the end.
        where: What the server was asked to listen on.
        retired: The server has closed: hellos are dropped, and the socket goes with the last path.
        paths: The associations, among them some that have ended and repeat their last alert.
        paused: Hellos are dropped.
        batch: The paths that have got messages to announce.
        dropped: How much was thrown away here, and why.
    """

    __slots__ = (
        "__weakref__",
        "_heardAt",
        "_lingering",
        "_owner",
        "_scheduler",
        "batch",
        "dropped",
        "paths",
        "paused",
        "retired",
        "socket",
        "where",
    )

    def __init__(self, owner: TableOwner, dropped: dict[LocalDrop, int]) -> None:
        self._owner = ref(owner)
        self._scheduler = schedulerOfThisThread()
        self._heardAt = -math.inf
        self.socket: DatagramSocket | None = None
        self.paths: dict[Address, DtlsPath] = {}
        self._lingering: dict[DtlsPath, None] = {}
        self.paused = False
        self.batch: list[DtlsPath] = []
        self.dropped = dropped
        self.retired = False
        self.where: object = None

    def begin(self, socket: DatagramSocket, where: object) -> None:
        """Serve a socket."""
        self.socket = socket
        self.where = where

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        """A datagram of anybody."""
        if datagram[0] == _HANDSHAKE_RECORD and is_hello_start_untrusted(datagram):
            self.batchEnded()  # slots run now, before anything is looked up
            self._receiveHello(datagram, address, self.paths.get(address))
        elif (path := self.paths.get(address)) is not None:
            path.datagramArrived(datagram, address)
        else:
            self.drop(LocalDrop.UNKNOWN_PEER)

    def _receiveHello(self, datagram: bytes, address: Address, path: DtlsPath | None) -> None:
        owner = self._owner()
        if self.retired:
            self.drop(LocalDrop.NOT_LISTENING)
            return
        if self.paused and path is None:
            self.drop(LocalDrop.PAUSED)
            return
        if path is not None and (path.busy or path.association is None):
            self.drop(LocalDrop.BUSY)
            return
        listener = owner._prepareListener() if owner is not None else None
        if owner is None or listener is None or self.socket is None:
            return
        client = (plainHost(address), address[1])
        now = self._scheduler.clock()
        current = path.association if path is not None else None
        answer = listener.receive(datagram, client, now, current)
        if isinstance(answer, bytes):
            with contextlib.suppress(OSError):  # the client will ask again
                self.socket.send(answer, address)
        elif answer is not None:
            if self.paused:
                self.drop(LocalDrop.PAUSED)
            else:
                owner._helloAdmitted(answer, address, path)
        elif path is not None:
            path.afterStep()  # it may have got its own hello once more

    def batchEnded(self) -> None:
        """The socket has nothing more for now."""
        if self.batch:
            announceAll(self.batch)

    def datagramsFailed(self, number: int) -> None:
        """Some client is not there any more; which one, nobody knows."""

    def datagramSocketLost(self) -> None:
        """The program has deleted the socket that it shares with us."""
        owner = self._owner()
        self.socket = None
        for path in list(self.paths.values()):
            path.datagramSocketLost()
        if owner is not None and not self.retired:  # a slot may have closed the server, which may use another by now
            owner._socketLost()

    def pathEnded(self, path: DtlsPath) -> None:
        """The address is free again, unless a later association has it already."""
        self._lingering.pop(path, None)
        if self.paths.get(path.address) is path:
            del self.paths[path.address]
            if self.retired:
                self.closeWhenUnused()

    def lingers(self, path: DtlsPath) -> None:
        """The path repeats its last alert for a while, unless too many others fail meanwhile."""
        self._lingering[path] = None
        if len(self._lingering) > _MOST_LINGERING:
            next(iter(self._lingering)).abandon()

    def peerDestroyed(self, path: DtlsPath) -> None:
        """The peer of a path is gone."""
        owner = self._owner()
        if owner is not None:
            owner._pathPeerDestroyed(path)

    def hear(self) -> None:
        """Read what has come, unless that was done a moment ago.

        Also inside itself: a slot of the first one who is heard may run an event loop, and the timers of the others
        there come before what waits for them.
        """
        if self.socket is None or self._scheduler.clock() - self._heardAt < _HEARING_PAUSE:
            return
        try:
            self.socket.serve()
        finally:
            self._heardAt = self._scheduler.clock()

    def drop(self, reason: LocalDrop) -> None:
        """Count what is thrown away."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def serverDestroyed(self) -> None:
        """The server is gone, and its peers are about to go, save those that have got other parents."""
        if not self._scheduler.takesOver(self.serverDestroyed):
            self.retire()
            self.closeWhenUnused()

    def retire(self) -> None:
        """Let in nobody any more, and repeat no last alerts."""
        self.retired = True
        for path in [path for path in self.paths.values() if path.ended]:
            path.abandon()

    def closeWhenUnused(self) -> None:
        """The server has closed; the last path takes the socket with it."""
        if not self.retired or self.paths:
            return
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.close()
