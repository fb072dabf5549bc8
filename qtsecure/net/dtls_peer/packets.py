"""Packets as Godot's PacketPeer has them: results instead of exceptions, and a count of what waits."""

from __future__ import annotations

from PySide6.QtCore import QByteArray

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.dtls_peer.messages import messageBytes
from qtsecure.net.dtls_peer.over_transport import Result
from qtsecure.net.dtls_peer.polling import Polling

__all__ = ["Packets"]


class Packets(Polling):
    """The packet methods of DtlsPeer."""

    _packetError = Result.Ok

    def disconnectFromPeer(self) -> None:
        """End the association with close_notify (PacketPeerDTLS.disconnect_from_peer); the same as close()."""
        self.close()

    def putPacket(self, data: bytes | bytearray | memoryview | QByteArray) -> Result:
        """Encrypt and send one packet as one datagram (PacketPeer.put_packet).

        Args:
            data: At most maxPacketSize() bytes. Nothing is sent for an empty one.

        Returns:
            ``Ok``, which says nothing about its arrival; ``Unconfigured`` while there is no
            association, or none yet; ``InvalidParameter`` when it is too large, and the association
            goes on; ``Failed`` when the association has just failed.

        Raises:
            TypeError: For anything but bytes.
        """
        packet = messageBytes(data)
        if not self.isEncrypted():
            return Result.Unconfigured
        if not packet:
            return Result.Ok
        try:
            self.writeDatagram(packet)
        except SecureError as error:
            return _RESULTS.get(error.code, Result.Failed)
        return Result.Ok

    def getPacket(self) -> bytes:
        """The oldest packet that was not read (PacketPeer.get_packet); packetError() tells how it went.

        Packets that arrived before the end of the association can be read after it.

        Returns:
            The packet; empty when none waits. Then packetError() is ``Ok`` while the association
            stands, and ``Unconfigured`` otherwise.
        """
        packet = self.readDatagram()
        self._packetError = Result.Ok if packet or self._status is Status.Connected else Result.Unconfigured
        return packet

    def packetError(self) -> Result:
        """How the last getPacket() or getVar() went (PacketPeer.get_packet_error)."""
        return self._packetError

    def availablePacketCount(self) -> int:
        """How many packets wait for getPacket() (PacketPeer.get_available_packet_count).

        Where a slot is connected to datagramReceived, it gets the packets instead.
        """
        return len(self._path.messages) if self._path is not None else 0

    def maxPacketSize(self) -> int:
        """How many bytes putPacket() takes at most; 0 before ``encrypted``. The same as maxDatagramSize()."""
        return self.maxDatagramSize()


_RESULTS = {
    SecureError.Code.MessageTooLarge: Result.InvalidParameter,
    SecureError.Code.WouldBlock: Result.Unconfigured,
    SecureError.Code.Closed: Result.Unconfigured,
}
