"""Channel bindings of connections, for authentications above TLS such as SCRAM (RFC 5056)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.errors import ChannelBindingError
from qtsecure.net import values

if TYPE_CHECKING:  # a program with sockets alone need not load DTLS
    from qtsecure.engine.dtls import DtlsAssociation
    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.net.values import ChannelBinding

__all__ = ["ChannelBindings"]


class ChannelBindings:
    """The methods for that of SslSocket and DtlsPeer."""

    def _engine(self) -> TlsStream | DtlsAssociation | None:
        """The engine of the present connection."""
        raise NotImplementedError

    def channelBindingData(self, type: ChannelBinding) -> bytes:
        """What ties an authentication above TLS to this connection (g_tls_connection_get_channel_binding_data).

        Both ends have the same bytes, and no other connection has.

        Args:
            type: TlsExporter (RFC 9266) where both sides know it; TlsUnique (RFC 5929) up to TLS 1.2;
                TlsServerEndPoint (RFC 5929), which binds to the certificate of the server only.

        Raises:
            ChannelBindingError: ``InvalidState`` before ``encrypted``; ``NotSupported`` for TlsUnique with TLS
                1.3 and TlsServerEndPoint with an Ed25519 certificate; ``NotAvailable`` without a
                certificate of the server, and for TlsExporter when the peer does not bind its keys to the
                handshake (RFC 7627); ``GeneralError`` for a certificate with an unknown algorithm;
                ``NotImplemented`` for anything but a ChannelBinding.
        """
        if not isinstance(type, values.ChannelBinding):
            raise ChannelBindingError(
                ChannelBindingError.Code.NotImplemented, f"type must be a ChannelBinding, not {type!r}."
            )
        engine = self._engine()
        if engine is None:
            raise ChannelBindingError(
                ChannelBindingError.Code.InvalidState,
                "Channel bindings exist only after the handshake; wait for encrypted().",
            )
        return engine.channel_binding(type.value)

    def supportsChannelBinding(self, type: ChannelBinding) -> bool:
        """Whether channelBindingData() knows this type at all; asks nobody and changes nothing.

        A connection may be without it all the same, and before ``encrypted`` every one is.
        """
        return isinstance(type, values.ChannelBinding)
