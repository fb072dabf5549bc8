"""The ends of a connection: ours, the peer's, and the sudden one.

Whatever the way, the same things happen once each and in this order: the state becomes
Unconnected, readChannelFinished, and disconnected if there was a connection.
"""

from __future__ import annotations

from PySide6.QtCore import QIODevice, qWarning
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.engine.enum_members import members_of
from qtsecure.engine.states import IN_HANDSHAKE, StreamState
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.ssl_socket.after_engine import AfterEngine
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.writing import Writing

__all__ = ["Closing"]

_Wish = members_of(AfterEngine)
_State = members_of(QAbstractSocket.SocketState)
_NOT_OPEN = QIODevice.OpenModeFlag.NotOpen
_CLOSING_PATIENCE_MS = 30_000


class Closing(Writing):
    """The closing methods of SslSocket."""

    # ---------------------------------------------------------------------------- public

    def disconnectFromHost(self) -> None:
        """Send everything that is queued, say goodbye (close_notify), and disconnect.

        While the connection is still being made it is completed first, so that what was written
        before is delivered (QAbstractSocket::disconnectFromHost).
        """
        if SocketBase._deferToAfterEngine(self, _Wish.DISCONNECT) or self._dataPath.state is _State.UnconnectedState:
            return
        if self._dataPath.state in (_State.HostLookupState, _State.ConnectingState):
            self._dataPath.closing = True
            return
        if self._dataPath.state is _State.BoundState:
            self.abort()
            return
        if (not self._dataPath.outgoing.size and self._handshakeUnderWay()) or self._attempt.refused:
            Closing._drop(self)  # nothing waits for the end of the handshake, or there will be none
            return
        self._finishUp()

    def close(self) -> None:
        """Disconnect as disconnectFromHost() does, drop what was not read, and close the device."""
        if SocketBase._deferToAfterEngine(self, _Wish.CLOSE):
            return
        if not Closing._closeDevice(self):
            return
        Closing._dropIncoming(self)
        connecting = self._dataPath.state in (_State.HostLookupState, _State.ConnectingState)
        if (connecting and not self._dataPath.outgoing.size) or self._attempt.request is not None:
            Closing._drop(self)  # nothing is to be delivered, or only the user could say whether it may be
        else:
            self.disconnectFromHost()

    def abort(self) -> None:
        """Drop everything and disconnect at once; the peer sees an unclean end."""
        dataPath = self._dataPath
        if SocketBase._deferToAfterEngine(self, _Wish.ABORT):
            return
        dataPath.outgoing.clear()
        Closing._dropIncoming(self)
        if Closing._drop(self) and dataPath.state is _State.UnconnectedState:
            Closing._closeDevice(self)

    def peerClosedCleanly(self) -> bool:
        """Whether the peer ended with close_notify, so that nothing it sent can be missing."""
        return self._dataPath.stream is not None and self._dataPath.stream.peer_closed_cleanly

    # ---------------------------------------------------------------------------- inside

    def _closeDevice(self) -> bool:
        """Close the QIODevice; False when a slot of aboutToClose has deleted the socket.

        What these slots write is still sent if there is a connection.
        """
        if self._dataPath.openFor is _NOT_OPEN:
            return True
        self._dataPath.openFor = _NOT_OPEN  # so that closing again in a slot ends there
        QIODevice.close(self)
        if not isValid(self):
            return False
        SocketBase._openAs(self, self._dataPath.openFor)  # not open, unless a slot has begun a new connection
        return True

    def _handshakeUnderWay(self) -> bool:
        stream = self._dataPath.stream
        return stream is not None and stream.state in IN_HANDSHAKE

    def _finishUp(self) -> None:
        """Send what is queued, then say goodbye."""
        self._dataPath.closing = True
        if not SocketBase._setState(self, _State.ClosingState) or not self._dataPath.closing:
            return
        self._boundClosing()
        attempt = self._attempt
        self._dataPath.flushQueued()
        if not isValid(self) or self._attempt is not attempt:
            return  # a slot has deleted the socket, or connects it anew
        if self._dataPath.outgoing.size:
            self._dataPath.sendNow()
        else:
            self._queueDrained()

    def _queueDrained(self) -> None:
        """Everything queued has gone to the transport, or the engine has failed on the way."""
        stream = self._dataPath.stream
        if stream is not None and stream.events and not self._handleEvents():
            return
        if not self._dataPath.closing or self._dataPath.transport is None or self._dataPath.outgoing.size:
            return
        if stream is None or stream.established:
            self._sayGoodbye()
        elif stream.state is StreamState.FAILED:
            Closing._drop(self)
        elif stream.state in (StreamState.LOCAL_CLOSED, StreamState.CLOSED):
            self._dropWhenSent()

    def _sayGoodbye(self) -> None:
        """Everything is encrypted: send close_notify behind it and let the transport finish."""
        transport = self._dataPath.transport
        if not SocketBase._setState(self, _State.ClosingState) or self._dataPath.transport is None:
            return
        stream = self._dataPath.stream
        if stream is not None and stream.established:
            stream.close()
            self._dataPath.open = False  # nothing can follow a close_notify, however long that takes to go out
            sent = self._dataPath.sendOutgoing()
            if not self._handleEvents():
                return
            if sent and self._dataPath.tellsProgress:
                self._dataPath.tellProgress(0, sent)
        if isValid(self) and self._dataPath.transport is transport:
            self._dropWhenSent()

    def _dropWhenSent(self) -> None:
        """Disconnect when the network has taken everything, so that ``disconnected`` means delivered."""
        transport = self._dataPath.transport
        if transport is None:
            return
        if not transport.unsent:
            Closing._drop(self, graceful=True)
        else:
            self._boundClosing()
            self._dataPath.sendNow()  # the program may end before its event loop runs again

    def _left(self) -> int:
        transport = self._dataPath.transport
        return self._dataPath.outgoing.size + (transport.unsent if transport is not None else 0)

    def _boundClosing(self) -> None:
        """Wait on as long as the peer reads; one that reads nothing at all may not keep the socket."""
        if self._attempt.closingDeadline is None:
            self._attempt.leftAtDeadline = self._left()
            self._attempt.closingDeadline = PeerDeadline(_CLOSING_PATIENCE_MS, self._closingStalled, self._lookForRoom)

    def _lookForRoom(self, due: float) -> bool | None:
        """For the limit of closing."""
        return self._left() >= self._attempt.leftAtDeadline and Closing._lookWhatWaits(self, due)

    def _closingStalled(self) -> None:
        attempt = self._attempt
        if not isValid(self) or self._dataPath.transport is None:
            return
        attempt.closingDeadline = None
        if self._left() < attempt.leftAtDeadline:
            self._boundClosing()
        else:
            Closing._drop(self)

    def _lookWhatWaits(self, due: float) -> bool | None:
        """For limits of the connection: see ``event_loop.standstill``."""
        dataPath = self._dataPath
        if not isValid(self) or self._engineOnStack():
            return False
        if self._attempt.lookup is not None:
            return None
        # First what the engine has said: a slot may be in an event loop of its own that hears of something before it.
        if not self._handleEvents() or dataPath.transport is None:
            return False
        came = dataPath.transport.takeWhatWaits()
        return came if came is None else came or dataPath.lastTraffic >= due

    def _drop(self, *, graceful: bool = False) -> bool:
        """Let go of the transport and become Unconnected; False when a slot deleted the socket, or connects it anew."""
        dataPath, attempt = self._dataPath, self._attempt
        transport, dataPath.transport = dataPath.transport, None
        dataPath.closing = False
        dataPath.outgoing.clear()
        dataPath.untoldPlain = dataPath.untoldSent = 0
        if dataPath.stream is not None:
            dataPath.stream.forget_keys()
        self._abandonAttempt()
        if transport is not None:
            if graceful:
                transport.closeGracefully()
            else:
                transport.abort()
        if not isValid(self) or self._attempt is not attempt:
            return False  # so a slot of the question that was cancelled, or of a device below
        if dataPath.state is _State.UnconnectedState:
            return True
        stood = dataPath.state in (_State.ConnectedState, _State.ClosingState)
        if not SocketBase._setState(self, _State.UnconnectedState):
            return False
        heard = dataPath.heard
        if "readChannelFinished" in heard:
            self.readChannelFinished.emit()
            if not isValid(self):
                return False
        if not stood:
            return True
        if "disconnected" in heard:
            self.disconnected.emit()
            if not isValid(self):
                return False
        observer = self._dataPath.observer()
        if observer is not None:
            observer._socketDisconnected(self)
        return isValid(self)

    def _abandonAttempt(self) -> None:
        """Cancel whatever is under way: look-up, deadlines, a pending certificate decision."""
        raise NotImplementedError

    def _handleEvents(self) -> bool:
        """Turn the engine's events into signals; False when the socket is gone."""
        raise NotImplementedError

    def _endWith(self, error: QAbstractSocket.SocketError, text: str, *, viaClosing: bool = True) -> None:
        """The connection is over because of the peer, the network or a failed handshake.

        Either via ClosingState, or as abort() does it, which also closes the device. The
        transport's last bytes (an alert) go out before any slot runs, so that a slot that aborts or
        deletes cannot lose them.
        """
        transport = self._dataPath.transport
        self._dataPath.closing = False
        self._attempt.cancelDeadlines()  # a slot may show a dialog, in whose event loop they would come
        if not SocketBase._reportError(self, error, text):
            if transport is not None:
                transport.closeGracefully()
            return
        if self._dataPath.state is _State.UnconnectedState or self._dataPath.transport is not transport:
            return  # the slot has aborted, or has begun a new connection
        if viaClosing and not SocketBase._setState(self, _State.ClosingState):
            return
        if self._dataPath.transport is not transport or not Closing._drop(self, graceful=True):
            return
        if not viaClosing and SocketBase._isIn(self, _State.UnconnectedState):
            Closing._closeDevice(self)

    def _runAfterEngine(self) -> bool:
        """Do what slots asked for while OpenSSL was on the stack; False when the socket is done."""
        if not isValid(self):
            return False
        wish, self._dataPath.afterEngine = self._dataPath.afterEngine, _Wish.NOTHING
        if wish is _Wish.ABORT:
            self.abort()
        elif wish is _Wish.CLOSE:
            self.close()
        elif wish is _Wish.DISCONNECT:
            self.disconnectFromHost()
        return wish is _Wish.NOTHING or wish is _Wish.DISCONNECT

    # ------------------------------------------------------------------- from the transport

    def _transportEnded(self) -> None:
        """The peer's direction ended."""
        dataPath = self._dataPath
        stream = dataPath.stream
        if stream is None:
            if not dataPath.announce():
                return
            if dataPath.state is not _State.UnconnectedState:
                Closing._endWith(
                    self, QAbstractSocket.SocketError.RemoteHostClosedError, "The remote host closed the connection."
                )
            return
        transport = dataPath.transport
        if not dataPath.readRemaining() or not self._handleEvents() or dataPath.transport is not transport:
            return
        if stream.peer_closed_cleanly and self._left() and transport is not None and transport.isWritable():
            self._boundClosing()
            return  # the peer only ended its own direction: what is left may still go out
        stream.receive_end()
        if self._handleEvents() and dataPath.transport is transport:
            Closing._drop(self, graceful=True)

    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """The transport broke."""
        if self._dataPath.stream is not None and not self._dataPath.readRemaining():
            return
        if self._dataPath.state is not _State.UnconnectedState:
            Closing._endWith(self, error, text)

    def _dropIncoming(self) -> None:
        dataPath = self._dataPath
        dataPath.incoming.clear()
        dataPath.newData = False
        if dataPath.qtHolds:
            if QIODevice.isOpen(self):  # closing has dropped what Qt held
                QIODevice.readAll(self)
                if QIODevice.isTransactionStarted(self):
                    QIODevice.commitTransaction(self)  # a roll-back would bring it back
            dataPath.qtHolds = False

    def _warn(self, text: str) -> None:
        """Say what Qt says on the console for a call that makes no sense in this state."""
        qWarning(f"SslSocket: {text}")
