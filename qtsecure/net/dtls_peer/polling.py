"""Working without an event loop: Godot's poll()."""

from __future__ import annotations

from collections.abc import Iterator

from shiboken6 import isValid

from qtsecure.net.dtls_peer.over_transport import OverTransport
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.native_sockets.name_lookup import LookUpThread

__all__ = ["MOST_NESTED", "Polling"]

MOST_NESTED = 8
"""A slot that polls again for each message must not fill the stack."""


class Polling(OverTransport):
    """The polling method of DtlsPeer."""

    _polls = 0

    def poll(self) -> None:
        """Do what the event loop would do for this peer now, without waiting (PacketPeerDTLS.poll).

        It reads everything that has come, runs timers that are due, and emits the signals. It is never
        needed where an event loop runs, and harmless there, also in a slot of the peer's own. Only
        this peer is served; a server's peer shares its socket with others, whose messages are read as
        well. Something has to call it several times a second while nothing else runs: flights of the
        handshake are repeated by it.
        """
        path = self._path
        if self._polls >= MOST_NESTED or (path is not None and path.busy):
            return
        self._polls += 1
        try:
            self._pollLookup()
            if isValid(self) and (path := self._path) is not None and (carrier := path.socket) is not None:
                carrier.serve()
                schedulerOfThisThread().runTasksOf(carrier)
            if schedulerOfThisThread().tidy():
                self._pollLater()
        finally:
            self._polls -= 1

    def _pollLookup(self) -> None:
        """Qt's own answer comes through the event loop only."""
        attempt = self._attempt
        if attempt.lookup is None:
            return
        if attempt.polledLookup is None:
            attempt.polledLookup = LookUpThread(attempt.hostName)
        answer = attempt.polledLookup.answer(0)
        if answer is not None:
            attempt.lookup.abort()
            self._found(*answer)

    def _pollLater(self) -> None:
        """Do what was put off until now; what has come is read by poll(), or by the server."""
        scheduler = schedulerOfThisThread()
        if isValid(self) and self._path is not None:
            scheduler.runTasksOf(self, self._path)
        now = scheduler.clock()
        for deadline in list(self._deadlines()) if isValid(self) else ():
            if deadline.isPending and deadline.due <= now:
                deadline.fire()
                if not isValid(self):
                    return

    def _deadlines(self) -> Iterator[Deadline]:
        path = self._path
        for deadline in (*self._attempt.deadlines(), *(path.deadlines() if path is not None else ())):
            if deadline is not None:
                yield deadline
