"""The way of the datagrams of one association: socket -> engine -> program, and back.

Everything that happens for every message is here, and in plain Python: setting an attribute of a
QObject or calling one of its methods costs five to ten times as much as with other objects. The
peer keeps its path, which knows its peer weakly; a server's table keeps the paths of its clients.

The engine knows no time and no socket; both come from here, the time from ``timers``. While it asks
the program something (``busy``) nothing may reach it: datagrams wait, timers come later.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Protocol, cast
from weakref import ref

from PySide6.QtCore import QObject, SignalInstance
from shiboken6 import isValid

from qtsecure.engine.dtls import SMALLEST_MTU, DtlsAssociation
from qtsecure.engine.states import StreamState
from qtsecure.errors import SecureError
from qtsecure.net.datagrams.datagram_socket import Address, DatagramSocket
from qtsecure.net.dtls.statistics import DtlsPeerStatistics, LocalDrop
from qtsecure.net.dtls.timers import PathTimers
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread

__all__ = ["DtlsPath", "PathPeer", "PathTable", "announceAll"]

_MOST_MESSAGES = 1024
"""That wait to be read; further ones are dropped, as the network does."""
_MOST_HELD = 16
"""Datagrams that wait while the program is asked."""
_MOST_REFUSALS = 3
"""ICMP can be forged; so often it hardly is, when nothing else was ever heard."""
_LINGER_MS = 2000
"""How long the last alert is repeated to a peer that has not got it."""
_MTUS_BELOW = (1232, 548, SMALLEST_MTU)
_BUSY_NETWORK = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM)


class PathPeer(Protocol):
    """What the path asks of its peer, and the signals that it emits for it."""

    readyRead: SignalInstance
    datagramReceived: SignalInstance
    retransmissionTimeout: SignalInstance

    def _afterEngine(self) -> bool: ...
    def _reviewHeard(self) -> None: ...
    def _handleEvents(self) -> None: ...
    def _networkRefused(self) -> None: ...
    def _idledOut(self) -> None: ...
    def _socketLost(self) -> None: ...
    def _replaced(self) -> None: ...
    def _pollLater(self) -> None: ...
    def close(self) -> None: ...


def announceAll(batch: list[DtlsPath]) -> None:
    """Tell the peers of these paths of their messages; the list is empty before the first slot runs."""
    paths = batch[:]
    batch.clear()
    for path in paths:
        path.announce()


class PathTable(Protocol):
    """The server's table of paths."""

    def pathEnded(self, path: DtlsPath) -> None:
        """The place of the path is free."""

    def peerDestroyed(self, path: DtlsPath) -> None:
        """The peer of the path is gone."""

    def hear(self) -> None:
        """Read what has come."""

    def lingers(self, path: DtlsPath) -> None:
        """The path has failed, and repeats its last alert for a while."""


def _sendNowhere(datagram: bytes) -> None:
    raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


def _nobody() -> PathPeer | None:
    return None


class DtlsPath(PathTimers):
    """One association, its timers, and what waits to be read.

    Args:
        peer: The DtlsPeer that signals for it.
        table: The server's; without one the socket is the path's own and closed at the end.
        batch: Where paths of the same socket note that messages came which are to be announced.

    Attributes:
        association: The engine; None until it has been made.
        established: Messages may flow.
        writable: Messages may be sent: they flow, and the own direction has not been ended.
        deaf: The program has ended receiving; messages are thrown away.
        ended: Nothing more is signalled.
        busy: The engine is on the stack and may be asking the program.
        messages: What waits to be read.
        arrivals: When the last of them came, the last at the end.
        watchers: Called when a message has been queued, with True; they only note it.
        heard: The names of the signals that somebody has connected; the others are not emitted.
        refusals: How often ICMP said that nobody is there.
        thread: The identifier of the thread that it belongs to.
        lastHeard: When something came: anything in the handshake, then what is authentic.
        trouble: The last errno of the network, or 0.
    """

    __slots__ = (
        "__weakref__",
        "_address",
        "_announcing",
        "_batch",
        "_clock",
        "_direct",
        "_dropped",
        "_held",
        "_linger",
        "_listenersLeft",
        "_news",
        "_peer",
        "_scheduler",
        "_send",
        "_socket",
        "_table",
        "arrivals",
        "association",
        "deaf",
        "ended",
        "established",
        "heard",
        "messages",
        "refusals",
        "thread",
        "trouble",
        "watchers",
        "writable",
    )

    def __init__(self, peer: QObject, table: PathTable | None = None, batch: list[DtlsPath] | None = None) -> None:
        self._peer: Callable[[], PathPeer | None] = ref(cast(PathPeer, peer))
        self._socket: DatagramSocket | None = None
        self._send: Callable[[bytes], object] = _sendNowhere
        self._address: Address = ()
        self._table = table
        self._batch: list[DtlsPath] = [] if batch is None else batch
        self._scheduler = schedulerOfThisThread()
        self._clock = self._scheduler.clock
        self.association: DtlsAssociation | None = None
        self.established = False
        self.writable = False
        self.deaf = False
        self.ended = False
        self.busy = False
        self.messages: deque[bytes] = deque()
        self.arrivals: deque[float] = deque(maxlen=_MOST_MESSAGES)
        self.watchers: tuple[Callable[[bool], object], ...] = ()
        self.heard: set[str] = set()
        self._direct = False
        self._listenersLeft = False
        self.refusals = 0
        self.thread = get_ident()
        self.trouble = 0
        self._announcing = False
        self._news = False
        self._held: list[bytes] = []
        self._dropped: dict[LocalDrop, int] = {}
        self._timer = None
        self._idle = None
        self._linger: Deadline | None = None
        self._idleTimeout = 0
        self.lastHeard = 0.0

    def begin(self, socket: DatagramSocket, address: Address) -> None:
        """Send through this socket to this address from now on."""
        self._socket = socket
        self._address = address
        self._send = socket.sender(address)

    # ------------------------------------------------------------------ from the network

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        """A datagram of the other side."""
        association = self.association
        if self.established and association is not None:  # the hot path
            now = self._clock()
            message = association.receive_message(datagram, now)
            if message:
                self.lastHeard = now
                if self._direct and self._batch:
                    announceAll(self._batch)  # in the order of arrival; the slots may have ended this association
                if self._direct and (peer := self._peer()) is not None:
                    peer.datagramReceived.emit(message)
                else:
                    self._queue([message])
                    if not self._news:
                        self._news = True
                        self._batch.append(self)
            else:
                self._receivedOther(association, now)
        elif association is None or self.busy:
            if len(self._held) < _MOST_HELD:
                self._held.append(datagram)
            else:
                self.drop(LocalDrop.BUSY)
        else:
            self.lastHeard = self._scheduler.clock()
            self.step(association.receive, datagram)

    def _receivedOther(self, association: DtlsAssociation, now: float) -> None:
        """No single message: several, an alert, a repetition, or rubbish."""
        self.batchEnded()  # what came before the peer's goodbye is told before it
        if outgoing := association.take_outgoing():
            self.send(outgoing)
        if messages := association.take_messages():
            self.lastHeard = now
            self.deliver(messages)
        if association.has_events:
            self.afterStep()

    def step(self, call: Callable[..., object], *arguments: object) -> None:
        """Let the engine do something that may ask the program; then see what has come of it."""
        self.busy = True
        try:
            call(*arguments, self._scheduler.clock())
        finally:
            self.busy = False
        self.afterStep()

    def sayGoodbye(self) -> None:
        """Send close_notify; no message can be sent any more, also in the slots that hear of it."""
        self.established = False
        self.endWriting()

    def endWriting(self) -> None:
        """The same, and go on receiving."""
        association = self.association
        if association is not None:
            self.writable = False
            self.step(association.close)

    def make(self, accept: Callable[[float], DtlsAssociation]) -> None:
        """On a server: make the association of a hello; raises SecureError when that cannot be."""
        self.busy = True
        try:
            self.association = accept(self._scheduler.clock())
        finally:
            self.busy = False
        self.afterStep()

    def establish(self) -> None:
        """The handshake is complete."""
        self.established = self.writable = True
        self.lastHeard = self._clock()
        self.setIdleTimeout(self._idleTimeout)

    def afterStep(self) -> None:
        """Send what the engine has to say, then tell the program, then go on with what came meanwhile."""
        association = self.association
        if association is None:
            return
        self.send(association.take_outgoing())
        peer = self._peer()
        if peer is not None and not self.ended and peer._afterEngine() and association.has_events:
            peer._handleEvents()
        self.arm()
        while self._held and not self.busy and not self.ended:
            self.datagramArrived(self._held.pop(0), self._address)

    def datagramsFailed(self, number: int) -> None:
        """ICMP, mostly: nobody listens there, or the way is blocked. It may pass, or be forged."""
        self.trouble = number
        if number not in (errno.ECONNREFUSED, errno.ECONNRESET) or self.association is None:
            return
        self.refusals += 1
        peer = self._peer()
        if (
            self.refusals >= _MOST_REFUSALS
            and not self.association.statistics.datagrams_received
            and peer is not None
            and not self.ended
            and not self.busy
        ):
            peer._networkRefused()

    def datagramSocketLost(self) -> None:
        """The program has deleted the socket that it shares with us."""
        peer = self._peer()
        if peer is not None and not self.ended:
            peer._socketLost()

    # -------------------------------------------------------------------- to the network

    def send(self, datagrams: list[bytes]) -> None:
        """Send; what the network does not take is lost, as datagrams are."""
        for datagram in datagrams:
            try:
                self._send(datagram)
            except OSError as error:
                self._notSent(error.errno or errno.EIO, datagram)

    def _notSent(self, number: int, datagram: bytes) -> None:
        if number in _BUSY_NETWORK:
            self.drop(LocalDrop.NETWORK_BUSY)
        elif number == errno.EMSGSIZE:
            self.drop(LocalDrop.TOO_LARGE)
            self._lowerMtu(len(datagram))
        elif number in (errno.ECONNREFUSED, errno.ECONNRESET):
            # That belongs to an earlier datagram; this one has not been tried.
            self.datagramsFailed(number)
            try:
                self._send(datagram)
            except OSError:
                self.drop(LocalDrop.UNREACHABLE)
        else:
            self.trouble = number
            self.drop(LocalDrop.UNREACHABLE)

    def _lowerMtu(self, size: int) -> None:
        association = self.association
        if association is not None:
            lower = next((mtu for mtu in _MTUS_BELOW if mtu < size), SMALLEST_MTU)
            if lower < association.mtu:
                association.set_mtu(lower)

    def write(self, message: bytes) -> None:
        """Encrypt and send one message; raises what the engine raises."""
        association = self.association
        assert association is not None
        datagram = association.write_message(message)
        if not datagram:
            self._scheduler.defer(self.afterStep)
            return
        try:
            self._send(datagram)
        except OSError as error:
            self._notSent(error.errno or errno.EIO, datagram)
            if error.errno == errno.EMSGSIZE:
                raise SecureError(
                    SecureError.Code.MessageTooLarge,
                    f"The network takes no datagrams of {len(datagram)} bytes; "
                    f"a message may have {association.largest_message} bytes from now on.",
                ) from None

    # -------------------------------------------------------------------- to the program

    def signalConnected(self, name: str) -> None:
        """Somebody has connected a signal of the peer."""
        self.heard.add(name)
        self._direct = False
        if name == "datagramReceived" and self.messages:
            self._scheduler.defer(self._deliverWaiting)

    def signalDisconnected(self) -> None:
        """Somebody has disconnected one."""
        self._direct = False
        self._listenersLeft = True

    def deliver(self, messages: list[bytes]) -> None:
        """Hand messages to the program at once; those of the hot path are announced together."""
        self._queue(messages)
        self._news = True
        self.announce()

    def batchEnded(self) -> None:
        """The socket has nothing more for now."""
        if self._batch:
            announceAll(self._batch)

    def _queue(self, messages: list[bytes]) -> None:
        if self.deaf:
            self.drop(LocalDrop.READING_ENDED, len(messages))
            return
        queue = self.messages
        if not queue:
            self.arrivals.clear()  # so nobody who reads has to take care of them
        if len(queue) + len(messages) > _MOST_MESSAGES:
            room = _MOST_MESSAGES - len(queue)
            self.drop(LocalDrop.QUEUE_FULL, len(messages) - room)
            messages = messages[:room]
        queue += messages
        self.arrivals.extend([self.lastHeard] * len(messages))
        if self.watchers:
            for wake in self.watchers:
                wake(True)

    def announce(self) -> None:
        """Emit readyRead for what is queued, and hand what nobody has read to datagramReceived.

        Never inside itself; a nested event loop in a slot may bring more.
        """
        peer = self._peer()
        if peer is None or self._announcing:
            return
        if self.deaf:
            self._news = False
            return
        if self._listenersLeft:
            self._listenersLeft = False
            peer._reviewHeard()
        self._announcing = True
        try:
            while self._news and not self.ended and not self.deaf:
                self._news = False
                if "readyRead" in self.heard:
                    peer.readyRead.emit()
                if "datagramReceived" in self.heard:
                    self._deliverWaiting()
        finally:
            self._announcing = False
        # The next ones need not be queued when nobody reads them and nothing waits.
        self._direct = "datagramReceived" in self.heard and "readyRead" not in self.heard and not self.messages
        self._direct = self._direct and not self.deaf

    def _deliverWaiting(self) -> None:
        while self.messages and "datagramReceived" in self.heard:
            peer = self._peer()
            if peer is None:
                return
            peer.datagramReceived.emit(self.messages.popleft())

    # ------------------------------------------------------------------------------- end

    def end(self) -> None:
        """Signal nothing any more; the last alert is repeated for a while to a peer that asks for it."""
        if self.ended:
            return
        self.ended = True
        self.established = self.writable = self._direct = False
        self._held.clear()
        for deadline in (self._timer, self._idle):
            if deadline is not None:
                deadline.cancel()
        self._timer = self._idle = None
        association = self.association
        if association is not None and association.state is StreamState.FAILED and not association.complete:
            self._linger = self._scheduler.callLater(_LINGER_MS, lambda: self._finish())  # which keeps the path alive
            if self._table is not None:
                self._table.lingers(self)
        else:
            self._finish()

    def abandon(self) -> None:
        """End now."""
        self.end()
        self._finish()

    def _finish(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        table, self._table = self._table, None
        if table is not None:
            table.pathEnded(self)
        elif self._socket is not None:
            self._socket.close()
        self._socket = None
        self._send = _sendNowhere
        if self.association is not None:
            self.association.forget_keys()

    def peerDestroyed(self) -> None:
        """The peer is gone; say goodbye."""
        if self._scheduler.takesOver(self.peerDestroyed):
            return
        self._peer = _nobody
        association = self.association
        if association is not None and not self.busy and not self.ended:
            association.close(self._scheduler.clock())
            self.send(association.take_outgoing())
        self.messages.clear()
        if self._table is not None:
            self._table.peerDestroyed(self)
        self.end()

    def endReading(self) -> None:
        """The program wants no messages any more, neither those that wait nor those to come."""
        self.deaf = True
        self._direct = False
        self.messages.clear()

    def forget(self) -> None:
        """The peer begins anew; what nobody has read is lost."""
        self._peer = _nobody
        self.messages.clear()

    def closePeer(self) -> None:
        """The server closes: end the association as the program would."""
        peer = self._peer()
        if peer is not None:
            peer.close()

    def replacePeer(self) -> None:
        """The client has begun a new association in place of this one."""
        peer = self._peer()
        if peer is not None:
            peer._replaced()
        self.abandon()

    # ----------------------------------------------------------------------------- facts

    def drop(self, reason: LocalDrop, count: int = 1) -> None:
        """Count what was thrown away on this side of the engine."""
        self._dropped[reason] = self._dropped.get(reason, 0) + count

    def statistics(self) -> DtlsPeerStatistics:
        """The numbers of this moment."""
        return DtlsPeerStatistics.of(self.association.statistics if self.association else None, self._dropped)

    def peer(self) -> PathPeer | None:
        """Who signals for it; None when it is gone."""
        peer = self._peer()
        return peer if peer is not None and isValid(peer) else None

    @property
    def address(self) -> Address:
        """Of the other side."""
        return self._address

    @property
    def socket(self) -> DatagramSocket | None:
        """Where datagrams go; None after the end."""
        return self._socket
