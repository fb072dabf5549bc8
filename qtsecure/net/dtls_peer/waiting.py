"""Waiting in a nested event loop: the blocking calls of DtlsPeer.

Unlike SslSocket's they serve the whole thread. A server's peers share one UDP socket, and any QObject
may carry the datagrams of a client, so that nobody could be served alone. Slots of other objects run
meanwhile; in a program that minds, use the signals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkWait
from qtsecure.net.cancellable import Cancellable, refuseCancelled
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.dtls_peer.settings import Settings
from qtsecure.net.event_loop.nested_loop import nestedLoop
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["Limit", "Waiting", "noAssociation"]

_Code = SecureError.Code


class Limit:
    """One deadline for a whole call.

    Args:
        milliseconds: From now on; -1 for none.
    """

    def __init__(self, milliseconds: int) -> None:
        self._clock = schedulerOfThisThread().clock
        self._end = math.inf if milliseconds < 0 else self._clock() + milliseconds / 1000

    def left(self) -> float:
        """In seconds."""
        return max(0.0, self._end - self._clock())


class Waiting(Settings):
    """handshake() and waitForHandshake() of DtlsPeer."""

    def waitForHandshake(self, ms: int = -1, cancellable: Cancellable | None = None) -> bool:
        """Wait until the handshake is complete; it begins if it had not. Runs an event loop.

        Args:
            ms: How long at most, in ms; -1 for as long as the handshake may take. When that is over,
                the handshake goes on.
            cancellable: Ends the handshake, not only the wait.

        Returns:
            Whether it is complete and the association stands; error() tells why not.

        Raises:
            TypeError, ValueError: For an unusable argument.
            SecureError: ``Pending`` in a slot that the handshake waits for, or what startHandshake() raises
                for a configuration that cannot be used.
        """
        limit = Limit(checkWait(ms, name="ms"))
        self._refuseWaiting("waitForHandshake")
        try:
            self._handshakeWithin(limit, cancellable)
        except SecureError as error:
            if error.code is not _Code.Cancelled:
                raise
        return isValid(self) and self.isEncrypted()

    def handshake(self, cancellable: Cancellable | None = None) -> bool:
        """Wait until the handshake is complete; it begins if it had not (g_dtls_connection_handshake).

        It lasts handshakeTimeout() at most. Runs an event loop.

        Args:
            cancellable: Ends the handshake.

        Returns:
            True, also when it was complete before.

        Raises:
            SecureError: Why the handshake failed, ``Closed`` when the association is over, ``Cancelled``, or
                ``Pending`` in a slot that the handshake waits for.
        """
        self._refuseWaiting("handshake")
        self._handshakeWithin(Limit(-1), cancellable)
        if not self.isEncrypted():
            raise self._whyOver() or noAssociation()
        return True

    # -------------------------------------------------------------------------- internals

    def _handshakeWithin(self, limit: Limit, cancellable: Cancellable | None) -> None:
        refuseCancelled(cancellable)
        if self._isStartable():
            self.startHandshake()
        attempt = self._attempt
        try:
            self._waitUntil(lambda: self._status is not Status.Handshaking, limit, cancellable)
        except SecureError as error:
            if error.code is _Code.Cancelled and self._isStill(attempt) and self._status is Status.Handshaking:
                self._giveUp(error)
            raise

    def _giveUp(self, error: SecureError) -> None:
        """End the handshake with this error, and tell the other side."""
        attempt, path = self._attempt, self._path
        if path is not None and path.association is not None:
            path.sayGoodbye()
        if self._isStill(attempt) and self._status is Status.Handshaking:
            self._finish(Status.Error, error)

    def _beginUse(self) -> None:
        """A method of DatagramBased is called: the handshake begins by itself."""
        self._knowsDirections = True
        if self._isStartable():
            self.startHandshake()

    def _waitUntil(self, done: Callable[[], bool], limit: Limit, cancellable: Cancellable | None) -> bool:
        """Run event loops until something is done; False when the time is up before.

        Raises:
            SecureError: ``Cancelled``, also when the application is about to quit; ``Closed`` when the
                peer was deleted meanwhile.
        """
        while True:
            if not isValid(self):
                raise SecureError(_Code.Closed, "The peer was deleted while the program waited for it.")
            if done():
                return True
            refuseCancelled(cancellable)
            seconds = limit.left()
            if seconds <= 0:
                return False
            self._runLoop(seconds, cancellable)

    def _runLoop(self, seconds: float, cancellable: Cancellable | None) -> None:
        """Run an event loop until something changes."""
        loop = nestedLoop()

        def wake(news: bool = False) -> None:
            loop.quit()

        deadline = schedulerOfThisThread().callLater(seconds * 1000, wake) if seconds != math.inf else None
        connections = [self.destroyed.connect(loop.quit)]
        if cancellable is not None and isValid(cancellable):  # one that was deleted cannot be cancelled any more
            connections.append(cancellable.cancelled.connect(loop.quit))
        self._watch(wake)
        try:
            if loop.exec() != 0:
                raise SecureError(_Code.Cancelled, "The application is about to quit.")
        finally:
            if deadline is not None:
                deadline.cancel()
            for connection in connections:
                QObject.disconnect(connection)  # answers False when the object has gone
            if isValid(self):
                self._unwatch(wake)


def noAssociation() -> SecureError:
    """For calls without anybody to talk to."""
    return SecureError(_Code.Closed, "There is no association; connect, or call setPeer() before.")
