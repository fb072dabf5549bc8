"""UDP sockets of the program as transports."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any
from weakref import ref

from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QUdpSocket
from shiboken6 import isValid

from qtsecure.net.datagram_transport import DatagramTransport
from qtsecure.net.datagrams.carriers import checkBound, connectedSocket
from qtsecure.net.datagrams.datagram_socket import Address, DatagramOwner, DatagramSocket
from qtsecure.net.datagrams.qt_datagrams import plainText
from qtsecure.net.datagrams.shared_udp import sharedPort
from qtsecure.net.native_sockets.addresses import checkPort

__all__ = ["nativeTransport", "udpTransport"]


class _Reports:
    """Hands what a socket says to its transport."""

    __slots__ = ("__weakref__", "_transport")

    def __init__(self, transport: SocketTransport) -> None:
        self._transport = ref(transport)

    def _alive(self) -> SocketTransport | None:
        transport = self._transport()
        return transport if transport is not None and isValid(transport) else None

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        if (transport := self._alive()) is not None:
            transport.datagramReceived.emit(datagram)

    def batchEnded(self) -> None:
        pass

    def datagramsFailed(self, number: int) -> None:
        if (transport := self._alive()) is not None:
            transport.errorOccurred.emit(number)

    def datagramSocketLost(self) -> None:
        if (transport := self._alive()) is not None:
            transport.close()


class SocketTransport(DatagramTransport):
    """A transport over one of our kinds of sockets."""

    def __init__(self, makeSocket: Callable[[DatagramOwner], DatagramSocket]) -> None:
        super().__init__()
        self._number = 0
        self._reports = _Reports(self)  # whom the socket knows weakly
        self._socket = makeSocket(self._reports)
        self._address = self._socket.peerEnd()
        # A function, which keeps the socket alive until it is closed, also when C++ deletes this object.
        carrier = self._socket
        self.destroyed.connect(lambda: carrier.close())

    def send(self, datagram: bytes) -> bool:
        try:
            self._socket.send(datagram, self._address)
        except OSError as error:
            self._number = error.errno or errno.EIO
            return False
        return True

    def lastError(self) -> int:
        return self._number

    def peerName(self) -> str:
        host, port = self._address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def poll(self) -> None:
        self._socket.serve()

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _localEnd(self) -> tuple[QHostAddress, int]:
        return self._socket.localEnd()

    def _peerEnd(self) -> tuple[Any, ...]:
        return self._address


def udpTransport(
    udp: QUdpSocket, address: QHostAddress | QHostAddress.SpecialAddress | str | None, port: int
) -> DatagramTransport:
    """See DatagramTransport.fromUdpSocket()."""
    if not isinstance(udp, QUdpSocket):
        raise TypeError(f"udpSocket must be a QUdpSocket, not {type(udp).__name__}.")
    if address is None:
        if isValid(udp) and udp.state() == QAbstractSocket.SocketState.BoundState:
            raise ValueError("address and port must be given, as udpSocket is bound and not connected: to whom?")
        return SocketTransport(lambda owner: connectedSocket(owner, udp))
    if not isinstance(address, (QHostAddress, QHostAddress.SpecialAddress, str)):
        raise TypeError(f"address must be a QHostAddress or a str, not {type(address).__name__}.")
    checkPort(port, lowest=1)
    host = QHostAddress(address)
    if host.isNull():
        raise ValueError(f"address must be an IP address, not {address!r}.")
    checkBound(udp)
    return SocketTransport(lambda owner: sharedPort(owner, udp, (plainText(host), port)))


def nativeTransport(native: socket.socket) -> DatagramTransport:
    """See DatagramTransport.fromSocket()."""
    if not isinstance(native, socket.socket):
        raise TypeError(f"nativeSocket must be a socket.socket, not {type(native).__name__}.")
    return SocketTransport(lambda owner: connectedSocket(owner, native))
