"""One bound QUdpSocket of the program, shared by several transports: who gets which datagram.

Nothing but its source address tells a datagram's transport, so that nobody gets another one's (and
datagrams of strangers reach nobody).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from weakref import WeakValueDictionary

from PySide6.QtNetwork import QHostAddress, QUdpSocket

from qtsecure.net.datagrams.claims import claim
from qtsecure.net.datagrams.datagram_socket import NULL_OWNER, Address, DatagramOwner, DatagramSocket
from qtsecure.net.datagrams.qt_datagrams import QtDatagrams

__all__ = ["SharedPort", "sharedPort"]


class _SharedUdp:
    """Reads from the socket for all of its ports; kept by them."""

    __slots__ = ("__weakref__", "identity", "ports", "socket")

    def __init__(self, udp: QUdpSocket) -> None:
        self.identity = id(udp)
        self.ports: dict[Address, SharedPort] = {}
        self.socket = QtDatagrams(self, udp)

    def datagramArrived(self, datagram: bytes, address: Address) -> None:
        port = self.ports.get(address)
        if port is not None:
            (port._owner() or NULL_OWNER).datagramArrived(datagram, address)

    def batchEnded(self) -> None:
        for port in list(self.ports.values()):
            (port._owner() or NULL_OWNER).batchEnded()

    def datagramsFailed(self, number: int) -> None:
        """Some other side is not there; which one, nobody knows."""

    def datagramSocketLost(self) -> None:
        self.retire()  # a slot may have bound the socket anew: the next port needs one that reads
        for port in list(self.ports.values()):
            owner = port._owner() or NULL_OWNER
            port.close()
            owner.datagramSocketLost()

    def retire(self) -> None:
        """Take no more ports."""
        if _shared.get(self.identity) is self:
            del _shared[self.identity]


class SharedPort(DatagramSocket):
    """The share of one other side."""

    __slots__ = ("_address", "_shared")

    def __init__(self, owner: DatagramOwner, shared: _SharedUdp, address: Address) -> None:
        super().__init__(owner)
        self._shared: _SharedUdp | None = shared
        self._address = address
        shared.ports[address] = self

    def serve(self) -> None:
        if self._shared is not None:
            self._shared.socket.serve()

    def send(self, datagram: bytes, address: Address) -> None:
        if self._shared is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._shared.socket.send(datagram, self._address)

    def sender(self, address: Address) -> Callable[[bytes], object]:
        return lambda datagram: self.send(datagram, address)

    def close(self) -> None:
        self._letGo()
        shared, self._shared = self._shared, None
        if shared is None:
            return
        if shared.ports.get(self._address) is self:
            del shared.ports[self._address]
        if not shared.ports:
            shared.retire()  # it may be reading: the next port needs one that goes on
            shared.socket.close()

    def descriptor(self) -> int:
        return self._shared.socket.descriptor() if self._shared is not None else -1

    def localEnd(self) -> tuple[QHostAddress, int]:
        return self._shared.socket.localEnd() if self._shared is not None else (QHostAddress(), 0)

    def peerEnd(self) -> Address:
        return self._address


def sharedPort(owner: DatagramOwner, udp: QUdpSocket, address: Address) -> SharedPort:
    """The share of one other side in a bound socket; ValueError when it, or the whole socket, is in use."""
    shared = _shared.get(id(udp))
    if shared is not None and shared.socket.isLost:  # and bound anew since: that is none of the old ones' business
        shared.socket.tellLost()
        shared = _shared.get(id(udp))
    if shared is None:
        if not claim(udp):
            raise ValueError("udpSocket is in use already.")
        shared = _shared[id(udp)] = _SharedUdp(udp)
    elif address in shared.ports:
        raise ValueError(f"udpSocket has a transport for {address[0]} port {address[1]} already.")
    return SharedPort(owner, shared, address)


# By identity: who is in here keeps its socket, so that no other one gets the same.
_shared: WeakValueDictionary[int, _SharedUdp] = WeakValueDictionary()
