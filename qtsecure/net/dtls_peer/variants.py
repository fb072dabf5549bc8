"""Values as packets: Godot's put_var and get_var."""

from __future__ import annotations

from qtsecure.net.arguments import checkInt
from qtsecure.net.dtls_peer.over_transport import Result
from qtsecure.net.dtls_peer.packets import Packets
from qtsecure.net.variant_codec import (
    MalformedVariantError,
    Variant,
    VariantTooLargeError,
    decodeVariant_untrusted,
    encodeVariant,
)

__all__ = ["Variants"]

_LEAST = 1024
_MOST = 256 << 20


class Variants(Packets):
    """The methods of DtlsPeer for values."""

    _encodeBufferMaxSize = 8 << 20

    def putVar(self, value: Variant) -> Result:
        """Send one value as one packet (PacketPeer.put_var); the other side reads it with getVar().

        The format is one of qtsecure's own and not Godot's: between the two send JSON or bytes.

        Args:
            value: None, a bool, int (up to 1024 bits), float, str, bytes-like object, or a list, tuple
                or dict of such; lists in lists at most 32 levels deep. Keys are no lists and no dicts,
                and integers among them have 64 bits. Tuples arrive as lists, QByteArrays as bytes.

        Returns:
            ``OutOfMemory`` when its encoding is larger than encodeBufferMaxSize(), otherwise what
            putPacket() returns; nearly always ``InvalidParameter`` for more than a kilobyte.

        Raises:
            TypeError: A part of the value is of another type. Objects are never sent: reading them
                could run code.
            ValueError: It is nested too deeply, or a part of it has no encoding.
        """
        try:
            encoded = encodeVariant(value, self._encodeBufferMaxSize)
        except VariantTooLargeError:
            return Result.OutOfMemory
        return self.putPacket(encoded)

    def getVar(self) -> Variant:
        """The oldest packet as the value that putVar() has sent (PacketPeer.get_var).

        Returns:
            The value; None also when no packet waits or when it holds no value: packetError() is
            ``InvalidData`` then, and the packet is gone.
        """
        packet = self.getPacket()
        if not packet:
            return None
        try:
            return decodeVariant_untrusted(packet)
        except MalformedVariantError:
            self._packetError = Result.InvalidData
            return None

    def encodeBufferMaxSize(self) -> int:
        """How many bytes the encoding of a value may have, in putVar() (PacketPeer.encode_buffer_max_size)."""
        return self._encodeBufferMaxSize

    def setEncodeBufferMaxSize(self, size: int) -> None:
        """Limit the encoding of values; 8 MiB by default.

        Args:
            size: In bytes, 1024 to 256 MiB; rounded up to a power of two.

        Raises:
            TypeError: For anything but an int.
            ValueError: It is out of range.
        """
        if not _LEAST <= checkInt(size, name="size") <= _MOST:
            raise ValueError(f"size must be between {_LEAST} and {_MOST} bytes, not {size}.")
        self._encodeBufferMaxSize = 1 << (size - 1).bit_length()
