"""DatagramTransport: whatever carries datagrams for a DtlsPeer, UDP or something of the program's."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QObject
from PySide6.QtNetwork import QHostAddress, QUdpSocket

from qtsecure.net.qt_objects.qt_signal import Signal

__all__ = ["DatagramTransport"]

_MOST_KEPT = 16
"""Datagrams that wait for somebody to take them."""


class DatagramTransport(QObject):
    """Carries datagrams to one other side and back; may lose, repeat and reorder them, as UDP does.

    Derive from it to run DTLS over something of your own, and define ``send()``; emit
    ``datagramReceived`` for each datagram that comes. For UDP and for tests there are ready ones:
    ``fromUdpSocket()``, ``fromSocket()`` and ``pair()``.

    One transport serves one DtlsPeer at a time, in the thread of that peer. It stays the program's, and
    stays open when the association ends. What arrives while no peer uses it is kept, up to 16
    datagrams: ``DtlsServer.takeConnection()`` looks for a client's hello there.

    Args:
        parent: The QObject that owns it.
    """

    #: datagramReceived(datagram: bytes): one datagram as the other side has sent it.
    datagramReceived = Signal(object)
    #: errorOccurred(number: int): the network has reported an errno for what was sent earlier; it goes on.
    errorOccurred = Signal(int)
    #: closed(): nothing can be sent any more, and nothing will come.
    closed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept: deque[bytes] = deque(maxlen=_MOST_KEPT)
        self._receiver: Callable[[bytes], None] | None = None
        self._isClosed = False
        self.datagramReceived.connect(self._arrived)

    # ------------------------------------------------------------------------ to be defined

    def send(self, datagram: bytes) -> bool:
        """Send one datagram now or never, without blocking.

        Returns:
            Whether it was taken, which says nothing about its arrival. If not, it counts as lost, and
            lastError() may tell why.
        """
        raise NotImplementedError(f"{type(self).__name__} must define send().")

    def lastError(self) -> int:
        """Why send() has returned False last, as an errno; 0 for no particular reason.

        ``errno.EMSGSIZE`` makes a peer send smaller datagrams. Define it where that is known.
        """
        return 0

    def mtuHint(self) -> int:
        """The largest datagram that it carries, in bytes; 0 when nobody knows. At least 256 for DTLS.

        Asked when an association begins.
        """
        return 0

    def peerName(self) -> str:
        """Who is at the other end, for people and for the cookies of a server; empty when nobody knows.

        A server that must not answer to forged senders needs different names for different senders.
        """
        return ""

    def poll(self) -> None:
        """Emit datagramReceived for what is there by now; DtlsPeer.poll() works without an event loop then.

        Define it where that is possible. Timers ask as well, before silence counts against the other side; without
        it they wait for a turn of the event loop.
        """

    def close(self) -> None:
        """Stop for good: ``closed`` is emitted, once.

        Whoever defines it closes what is below and calls this one. It may also be called when what is
        below has ended by itself.
        """
        if not self._isClosed:
            self._isClosed = True
            self.closed.emit()

    def isClosed(self) -> bool:
        """Whether close() was called."""
        return self._isClosed

    # ------------------------------------------------------------------------- ready ones

    @staticmethod
    def fromUdpSocket(
        udpSocket: QUdpSocket, address: QHostAddress | QHostAddress.SpecialAddress | str | None = None, port: int = 0
    ) -> DatagramTransport:
        """A transport over a QUdpSocket, which stays the program's; reading is the transport's from now on.

        With a bound socket nobody can tell whose closed port ICMP is about: such a client fails at its
        handshake's deadline only.

        Args:
            udpSocket: A connected socket; or a bound one, which several such transports may share.
            address: With a bound socket: the other side, an IP address. Nobody else's datagrams get through.
            port: With a bound socket: the port of the other side.

        Raises:
            TypeError: An argument has another type.
            ValueError: The socket is neither connected nor bound, or is in use; or the address is none.
        """
        from qtsecure.net.datagrams.udp_transports import udpTransport

        return udpTransport(udpSocket, address, port)

    @staticmethod
    def fromSocket(nativeSocket: socket.socket) -> DatagramTransport:
        """A transport over a connected UDP socket of Python's, which stays the program's.

        While it is in use, it does not block.

        Raises:
            TypeError: For anything but a socket.
            ValueError: It is no connected datagram socket, or is in use.
        """
        from qtsecure.net.datagrams.udp_transports import nativeTransport

        return nativeTransport(nativeSocket)

    @staticmethod
    def pair() -> tuple[DatagramTransport, DatagramTransport]:
        """Two transports in memory: what one sends, the other receives on the next turn of the event loop."""
        from qtsecure.net.datagrams.memory_transports import memoryPair

        return memoryPair()

    # -------------------------------------------------------------------------- internals

    def _arrived(self, datagram: object) -> None:
        if isinstance(datagram, QByteArray):
            datagram = datagram.data()
        if not isinstance(datagram, (bytes, bytearray, memoryview)):
            raise TypeError(f"datagramReceived must carry bytes, not {type(datagram).__name__}.")
        if len(datagram) == 0:
            return
        if self._receiver is not None:
            self._receiver(bytes(datagram))
        else:
            self._kept.append(bytes(datagram))

    def _localEnd(self) -> tuple[QHostAddress, int]:
        """The own address and port, where there are such."""
        return QHostAddress(), 0

    def _peerEnd(self) -> tuple[Any, ...]:
        """The other side's host and port; what has none gives its name."""
        return self.peerName(), 0
