"""The types of channel bindings."""

from __future__ import annotations

import enum

__all__ = ["ChannelBinding"]


class ChannelBinding(enum.Enum):
    """What ties an authentication above TLS to this very connection (RFC 5056)."""

    TlsUnique = "tls-unique"
    """The first Finished message (RFC 5929); not for TLS 1.3."""
    TlsServerEndPoint = "tls-server-end-point"
    """A digest of the server's certificate (RFC 5929)."""
    TlsExporter = "tls-exporter"
    """Exported keying material (RFC 9266)."""
