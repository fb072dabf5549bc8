"""Protocol versions by their number on the wire (RFC 8446 section 4.2.1, RFC 9147)."""

from __future__ import annotations

import enum

__all__ = ["ProtocolVersion"]


class ProtocolVersion(enum.IntEnum):
    """A TLS or DTLS version; the value is the version field of the protocol itself."""

    UNKNOWN = 0
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304
    DTLS_1_2 = 0xFEFD
    DTLS_1_3 = 0xFEFC

    @property
    def is_datagram(self) -> bool:
        """Whether this is a version of DTLS; those count downwards."""
        return self >= ProtocolVersion.DTLS_1_3
