"""The timers of one association: when a lost flight is repeated, and when a silent peer is given up.

The engine says until when it waits for the peer (RFC 6347 section 4.2.4); the path sets a deadline for
that moment. For the idle timeout each message only notes when it came, which costs it next to nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.net.datagrams.datagram_socket import DatagramSocket
from qtsecure.net.event_loop.scheduler import Deadline, Scheduler
from qtsecure.net.event_loop.standstill import TURN_MS

if TYPE_CHECKING:
    from qtsecure.net.dtls.path import PathPeer, PathTable

__all__ = ["PathTimers"]


class PathTimers:
    """A part of DtlsPath."""

    __slots__ = ("_idle", "_idleTimeout", "_timer", "busy", "lastHeard")

    association: DtlsAssociation | None
    busy: bool
    ended: bool
    established: bool
    heard: set[str]
    lastHeard: float
    _idle: Deadline | None
    _idleTimeout: int
    _peer: Callable[[], PathPeer | None]
    _scheduler: Scheduler
    _socket: DatagramSocket | None
    _table: PathTable | None
    _timer: Deadline | None

    def arm(self) -> None:
        """Wait for the moment that the engine wants; an earlier wait is kept, and asks again."""
        association = self.association
        due = association.timer() if association is not None and not self.ended else None
        if due is None:
            return
        if self._timer is not None and self._timer.isPending:
            if self._timer.due <= due:
                return
            self._timer.cancel()
        self._timer = self._scheduler.callLater((due - self._scheduler.clock()) * 1000, self._timerFired)

    def _timerFired(self) -> None:
        self._timer = None
        if self._isDue():
            self.hear()
        association = self.association
        if association is not None and self._isDue():
            self.busy = True
            try:
                repeated = association.handle_timer(self._scheduler.clock())
            finally:
                self.busy = False
            self.send(association.take_outgoing())
            if repeated:
                self._tellOfRepetition()
            self.afterStep()
        if not self.busy:
            self.arm()

    def _isDue(self) -> bool:
        """Whether the engine's moment has come; while it asks the program, nothing is."""
        association = self.association
        due = association.timer() if association is not None and not self.busy and not self.ended else None
        return due is not None and self._scheduler.clock() >= due

    def hear(self) -> bool:
        """Read what has come, before silence counts against the other side: it may be this process that slept.

        Returns:
            Whether that was all; False where only the event loop can bring what there may be.
        """
        socket = self._socket
        if socket is None or self.ended:
            return True
        try:
            (socket.serve if self._table is None else self._table.hear)()
        except Exception:  # noqa: BLE001 - of a program's transport; reported as in a slot, and the timers go on
            sys.excepthook(*sys.exc_info())
        return socket.seesAll()

    def _tellOfRepetition(self) -> None:
        peer = self._peer()
        if peer is not None and not self.ended and "retransmissionTimeout" in self.heard:
            peer.retransmissionTimeout.emit()

    def deadlines(self) -> tuple[Deadline | None, ...]:
        """Those that there may be."""
        return self._timer, self._idle

    def setIdleTimeout(self, milliseconds: int) -> None:
        """End when nothing authentic has come for so long; 0 for never."""
        self._idleTimeout = milliseconds
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if milliseconds > 0 and self.established:
            self.lastHeard = self._scheduler.clock()
            self._idle = self._scheduler.callLater(milliseconds, self._idleFired)

    def _idleFired(self) -> None:
        """Messages only note the time; the wait for the rest begins here."""
        self._reviewIdle(last=False)

    def _idleFiredAgain(self) -> None:
        self._reviewIdle(last=True)

    def _reviewIdle(self, *, last: bool) -> None:
        fired = self._idle
        heardAll = self._idleLeft() > 0 or self.hear()
        peer = self._peer()
        if self.ended or peer is None or self._idle is not fired:
            return
        self._idle = None
        left = self._idleLeft()
        if left > 0:
            self._idle = self._scheduler.callLater(left, self._idleFired)
        elif not heardAll and not last:
            turn = min(max(-left, TURN_MS), self._idleTimeout)
            self._idle = self._scheduler.callLater(turn, self._idleFiredAgain)
        else:
            peer._idledOut()

    def _idleLeft(self) -> float:
        return self._idleTimeout - (self._scheduler.clock() - self.lastHeard) * 1000

    def send(self, datagrams: list[bytes]) -> None:
        """Send; what the network does not take is lost, as datagrams are."""
        raise NotImplementedError

    def afterStep(self) -> None:
        """Send what the engine has to say, then tell the program, then go on with what came meanwhile."""
        raise NotImplementedError
