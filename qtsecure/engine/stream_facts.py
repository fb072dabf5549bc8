"""What front ends may ask about a connection: certificates, version, suite, names, and where its secrecy comes from."""

from __future__ import annotations

from OpenSSL import SSL

from qtsecure.engine._openssl_pipes import Pipe
from qtsecure.engine.channel_bindings import channel_binding
from qtsecure.engine.ciphers import is_psk_cipher
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk_exchange import PskExchange
from qtsecure.engine.resumption import Resumption
from qtsecure.engine.states import StreamState
from qtsecure.engine.verification import VerificationIssue
from qtsecure.errors import ChannelBindingError

__all__ = ["StreamFacts"]

_DECIDING = StreamState.DECIDING


class StreamFacts:
    """A part of TlsStream."""

    __slots__ = ()
    server: bool
    state: StreamState
    _chain_to_judge: tuple[bytes, ...]
    _complete: bool
    _issues: list[VerificationIssue]
    _pipe: Pipe | None
    _psk: PskExchange
    _resumption: Resumption | None

    @property
    def requested_name(self) -> bytes | None:
        """On a server that chooses: the name in the client's hello."""
        raise NotImplementedError

    @property
    def complete(self) -> bool:
        """Whether the handshake has completed, whatever happened since."""
        return self._complete and self.state is not _DECIDING

    @property
    def issues(self) -> tuple[VerificationIssue, ...]:
        """Everything that was found wrong with the peer's certificate."""
        return tuple(self._issues)

    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's chain as DER, leaf first, as it was sent (inside accept_now(): as it was built)."""
        if self._chain_to_judge:
            return self._chain_to_judge
        if self._complete and self._resumption is not None and self._resumption.offered is not None:
            return self._resumption.offered.chain  # a resumed handshake brings none along
        return self._pipe.peer_certificates() if self._pipe is not None else ()

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
        name = self.requested_name if self._pipe is None else self._pipe.connection.get_servername()
        return (name or b"").decode("ascii", "replace")

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

    def channel_binding(self, kind: str) -> bytes:
        """What ties an authentication above TLS to this connection (RFC 5929, RFC 9266).

        Args:
            kind: A name such as ``"tls-exporter"``, see :mod:`~qtsecure.engine.channel_bindings`.

        Raises:
            ChannelBindingError: Before the handshake is complete, or when there is none of that kind.
        """
        if self._pipe is None or not self.complete:
            raise ChannelBindingError(
                ChannelBindingError.Code.InvalidState, "Channel bindings exist only after the handshake."
            )
        return channel_binding(
            kind,
            self._pipe.connection,
            server=self.server,
            resumed=self.session_reused(),
            version=self.protocol_version(),
        )

    def export_keying_material(self, label: bytes, length: int, context: bytes | None) -> bytes:
        """Keying material (RFC 5705, RFC 8446 section 7.5).

        Raises:
            RuntimeError: Before the handshake is complete.
            ValueError: The label is reserved, or too long.
        """
        if self._pipe is None or not self.complete:
            raise RuntimeError("Keying material exists only after the handshake.")
        try:
            return self._pipe.connection.export_keying_material(label, length, context)
        except SSL.Error:
            raise ValueError("The label of the keying material is reserved, or too long.") from None
