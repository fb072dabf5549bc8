"""Ending one direction of an association, and what happens when the other side ends its own.

close_notify ends the direction of whoever sends it (RFC 5246 section 7.2.1). There are two ways to go on
from there, and a peer knows both:

* Qt's and Godot's, and TLS 1.2's own: the end of one direction is the end of all. close_notify is
  answered at once, and ``closed`` and ``disconnected`` follow.
* Gio's: the other direction stays open until the program ends it as well.

The second needs a program that knows about directions, because without anybody who ends the own one the
association would stay for ever. So it is taken when the program uses the methods that do: shutdown(), and
those of DatagramBased. setHalfOpenAllowed() decides regardless of that.
"""

from __future__ import annotations

from qtsecure.net.arguments import checkBool
from qtsecure.net.cancellable import Cancellable, refuseCancelled
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.base import PeerBase, Status
from qtsecure.net.qt_objects.late_signals import withLateSignals
from qtsecure.net.qt_objects.qt_signal import Signal

__all__ = ["HalfClosing"]


@withLateSignals
class HalfClosing(PeerBase):
    """shutdown() of DtlsPeer."""

    #: readClosed(): nothing comes any more: the other side has ended its direction, or shutdown() has.
    readClosed = Signal()
    #: writeClosed(): shutdown() has ended the own direction; the other side may go on sending.
    writeClosed = Signal()

    _halfOpenAllowed: bool | None = None
    _knowsDirections = False

    def shutdown(self, read: bool, write: bool, cancellable: Cancellable | None = None) -> bool:
        """End one direction, or both as close() does (g_dtls_connection_shutdown); nothing is waited for.

        Args:
            read: Receive nothing any more. What waits to be read is thrown away; the other side learns nothing.
            write: Send close_notify and nothing after it. Receiving goes on, until the other side ends its
                direction, too. Before the handshake is complete it takes effect when it is.
            cancellable: When it is cancelled already, nothing is done.

        Returns:
            True. Ending what has ended is harmless.

        Raises:
            TypeError: An argument is of another type.
            SecureError: ``Cancelled``.
        """
        checkBool(read, name="read")
        checkBool(write, name="write")
        refuseCancelled(cancellable)
        self._knowsDirections = True
        attempt = self._attempt
        if (read or attempt.readShut) and (write or attempt.writeShut):
            self.close()
        elif read:
            self._endReading(attempt)
        elif write:
            self._endWriting(attempt)
        return True

    def atEnd(self) -> bool:
        """Whether nothing can be read any more: receiving has ended, and everything was read."""
        attempt = self._attempt
        ended = attempt.readEnded or attempt.readShut or attempt.closedHere
        return ended and not (self._path is not None and self._path.messages)

    def isHalfOpenAllowed(self) -> bool:
        """Whether the own direction stays open when the other side has ended its own."""
        return self._knowsDirections if self._halfOpenAllowed is None else self._halfOpenAllowed

    def setHalfOpenAllowed(self, allowed: bool) -> None:
        """Keep the own direction open when the other side ends its own, or close with it.

        Without this call it stays open for programs that have used shutdown(), receiveMessages(),
        sendMessages(), conditionCheck(), conditionWait() or createNotifier() on this object, as with
        Gio, and is closed for the others, as with Qt and Godot.

        Raises:
            TypeError: For anything but a bool.
        """
        self._halfOpenAllowed = checkBool(allowed, name="allowed")

    # -------------------------------------------------------------------------- internals

    def _endReading(self, attempt: Attempt) -> None:
        if attempt.readShut:
            return
        attempt.readShut = True
        if self._path is not None:
            self._path.endReading()
        self._wake()
        if not attempt.readEnded and "readClosed" in self._heard:
            self.readClosed.emit()

    def _endWriting(self, attempt: Attempt) -> None:
        if attempt.writeShut:
            return
        attempt.writeShut = True
        path = self._path
        if path is not None and path.established:
            path.endWriting()
        if not self._isStill(attempt):
            return
        self._wake()
        if "writeClosed" in self._heard:
            self.writeClosed.emit()
            if not self._isStill(attempt):
                return
        if attempt.readEnded and self._status is Status.Connected:
            self._finish(Status.Disconnected, None, orderly=True)

    def _peerClosed(self, path: DtlsPath) -> None:
        """close_notify of the other side."""
        attempt, association = self._attempt, path.association
        assert association is not None
        if messages := association.take_messages():
            path.deliver(messages)
            if not self._isStill(attempt) or path.ended:
                return
        attempt.readEnded = True
        self._wake()
        if not attempt.readShut and "readClosed" in self._heard:
            self.readClosed.emit()
            if not self._isStill(attempt) or path.ended:
                return
        if attempt.writeShut:
            self._finish(Status.Disconnected, None, orderly=True)
        elif not self.isHalfOpenAllowed():
            path.sayGoodbye()
            if self._isStill(attempt) and not path.ended:
                self._finish(Status.Disconnected, None, orderly=True)
