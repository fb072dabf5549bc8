"""Sending and reading messages, each of which is one datagram."""

from __future__ import annotations

from threading import get_ident

from PySide6.QtCore import QByteArray

from qtsecure.engine.dtls import DEFAULT_MTU
from qtsecure.errors import SecureError
from qtsecure.net.dtls.sizes import checkMtu
from qtsecure.net.dtls.statistics import DtlsPeerStatistics
from qtsecure.net.dtls_peer.accepting import Accepting
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.qt_objects.thread_guard import checkThread

__all__ = ["Messages", "messageBytes"]


class Messages(Accepting):
    """The data methods of DtlsPeer."""

    _mtu = DEFAULT_MTU

    def writeDatagram(self, data: bytes | bytearray | memoryview | QByteArray) -> int:
        """Encrypt and send one message at once, as one datagram.

        Args:
            data: At least one byte, at most maxDatagramSize().

        Returns:
            Its size. That says nothing about its arrival.

        Raises:
            TypeError: For anything but bytes.
            ValueError: For an empty message: DTLS peers cannot tell it from none.
            SecureError: ``MessageTooLarge``, ``WouldBlock`` before ``encrypted``, or ``Closed`` when
                there is no association.
        """
        path = self._path
        if type(data) is not bytes:
            data = messageBytes(data)
        if path is None or not path.writable:
            raise self._notWritable()
        if get_ident() != path.thread:
            checkThread(self, "writeDatagram")
        if not data:
            raise ValueError("data must not be empty: peers cannot tell an empty message from none.")
        path.write(data)
        return len(data)

    def readDatagram(self) -> bytes:
        """The oldest message that was not read; empty when there is none. Also after the end."""
        path = self._path
        return path.messages.popleft() if path is not None and path.messages else b""

    def hasPendingDatagrams(self) -> bool:
        """Whether readDatagram() has something."""
        return self._path is not None and bool(self._path.messages)

    def pendingDatagramSize(self) -> int:
        """The size of the message that readDatagram() would return, or -1 (QUdpSocket::pendingDatagramSize)."""
        return len(self._path.messages[0]) if self._path is not None and self._path.messages else -1

    def mtu(self) -> int:
        """The largest datagram to send, in bytes of UDP payload."""
        association = self._path.association if self._path is not None else None
        return association.mtu if association is not None else self._mtu

    def setMtu(self, mtu: int) -> None:
        """Send no datagram with more bytes of UDP payload than this; 1200 by default.

        When nobody answers to the larger ones of the handshake, that makes do with 548.

        Raises:
            TypeError: For anything but an int.
            ValueError: For less than 256 or more than 65507.
        """
        self._mtu = checkMtu(mtu)
        association = self._path.association if self._path is not None else None
        if association is not None:
            association.set_mtu(mtu)

    def maxDatagramSize(self) -> int:
        """How many bytes writeDatagram() takes; 0 before ``encrypted``."""
        return self._path.association.largest_message if self.isEncrypted() and self._path.association else 0  # type: ignore[union-attr]  # isEncrypted() has looked

    def statistics(self) -> DtlsPeerStatistics:
        """The counters of the present or last association."""
        return self._path.statistics() if self._path is not None else DtlsPeerStatistics()

    def _notWritable(self) -> SecureError:
        if self._status is Status.Handshaking:
            return SecureError(
                SecureError.Code.WouldBlock, "Messages can be sent only after the handshake; wait for encrypted()."
            )
        if self._attempt.writeShut:
            return SecureError(SecureError.Code.Closed, "Sending was ended with shutdown().")
        return SecureError(SecureError.Code.Closed, "There is no association; messages can be sent once there is one.")


def messageBytes(data: object) -> bytes:
    """The bytes of a message; TypeError for what has none."""
    if isinstance(data, QByteArray):
        return bytes(data.data())
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"data must be bytes, not {type(data).__name__}; encode text first.")
