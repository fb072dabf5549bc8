"""Ending the own direction only: the peer learns that it has everything, and may go on sending.

In TLS the end of a direction is its close_notify (RFC 8446 section 6.1). The TCP connection stays
open both ways: a FIN would say the same once more, and many peers take it for the end of all. Without
TLS the FIN is all there is.
"""

from __future__ import annotations

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.engine.states import StreamState
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.closing import Closing
from qtsecure.net.ssl_socket.pausing import Pausing

__all__ = ["HalfClosing"]

_State = QAbstractSocket.SocketState


class HalfClosing(Pausing):
    """shutdownWrite() of SslSocket."""

    def shutdownWrite(self) -> None:
        """Send what is queued, then end the own direction; reading goes on until the peer ends its own.

        From now on write() takes nothing and answers -1. Called before the connection stands it
        takes effect when it does. A TLS 1.2 peer may end the connection at once (RFC 5246 section
        7.2.1); a TLS 1.3 peer may send on. Over a QIODevice without TLS there is nothing that could
        tell the peer.
        """
        if self._state == _State.UnconnectedState:
            self._warn("shutdownWrite() called on a socket that is not connected.")
            return
        dataPath = self._dataPath
        if dataPath.outputEnds or dataPath.closing:
            return
        dataPath.outputEnds = True
        SocketBase._openAs(self, self._dataPath.openFor & ~QIODevice.OpenModeFlag.WriteOnly)
        if not dataPath.outgoing.size:
            dataPath.scheduler.defer(self._queueDrained)

    def _queueDrained(self) -> None:
        """Everything queued has gone to the transport."""
        super()._queueDrained()
        if not isValid(self):
            return
        dataPath = self._dataPath
        transport, stream = dataPath.transport, dataPath.stream
        if not dataPath.outputEnds or dataPath.closing or dataPath.outgoing.size or transport is None:
            return
        if stream is not None:
            if stream.established and not stream.busy:
                stream.close()
                sent = dataPath.sendOutgoing()
                if self._handleEvents() and sent:
                    self.encryptedBytesWritten.emit(sent)
        elif dataPath.sendsPlain and not transport.unsent:
            transport.endOutput()

    def _transportEnded(self) -> None:
        """After our own end a peer's TCP end without close_notify is still a truncation."""
        dataPath = self._dataPath
        stream, transport = dataPath.stream, dataPath.transport
        if dataPath.outputEnds and not dataPath.closing and stream is not None:
            if not dataPath.readRemaining() or not self._handleEvents() or dataPath.transport is not transport:
                return
            if stream.state is StreamState.LOCAL_CLOSED:
                Closing._endWith(
                    self,
                    QAbstractSocket.SocketError.RemoteHostClosedError,
                    "The remote host closed the connection without a close_notify; data may be missing at the end.",
                )
                return
        super()._transportEnded()
