"""What front ends may ask about a connection: version, suite, names, and where its secrecy comes from."""

from __future__ import annotations

from qtsecure.engine._openssl import Pipe
from qtsecure.engine.ciphers import is_psk_cipher
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk_exchange import PskExchange

__all__ = ["StreamFacts"]


class StreamFacts:
    """A part of TlsStream."""

    __slots__ = ()
    _pipe: Pipe | None
    _psk: PskExchange

    @property
    def complete(self) -> bool:
        """Whether the handshake has completed, whatever happened since."""
        raise NotImplementedError

    def protocol_version(self) -> ProtocolVersion:
        """The negotiated version."""
        if self._pipe is None:
            return ProtocolVersion.UNKNOWN
        return ProtocolVersion(self._pipe.connection.get_protocol_version())

    def cipher_name(self) -> str:
        """OpenSSL's name of the cipher suite, or an empty string."""
        return (self._pipe.connection.get_cipher_name() or "") if self._pipe is not None else ""

    def group_name(self) -> str:
        """The negotiated key-exchange group, or an empty string."""
        return self._pipe.group_name() if self._pipe is not None else ""

    def negotiated_protocol(self) -> bytes:
        """The application protocol (ALPN), or empty."""
        return self._pipe.connection.get_alpn_proto_negotiated() if self._pipe is not None else b""

    def server_name(self) -> str:
        """On a server: the name that the client asked for (SNI); on a client: the one it sent."""
        if self._pipe is None:
            return ""
        return (self._pipe.connection.get_servername() or b"").decode("ascii", "replace")

    def session_reused(self) -> bool:
        """Whether the handshake resumed an earlier session."""
        return self._pipe.session_reused() if self._pipe is not None and not self.psk_used() else False

    def psk_used(self) -> bool:
        """Whether a pre-shared key from the decisions object authenticated the handshake."""
        if self._pipe is None or not self._psk.given:
            return False
        if self.protocol_version() is ProtocolVersion.TLS_1_3:
            return self._pipe.session_reused()
        return is_psk_cipher(self.cipher_name())

    def export_keying_material(self, label: bytes, length: int, context: bytes | None) -> bytes:
        """Keying material (RFC 5705, RFC 8446 section 7.5).

        Raises:
            RuntimeError: Before the handshake is complete.
        """
        if self._pipe is None or not self.complete:
            raise RuntimeError("Keying material exists only after the handshake.")
        return self._pipe.connection.export_keying_material(label, length, context)
