"""What was negotiated, for front ends: the facts of the session that an association has at the moment."""

from __future__ import annotations

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls.session import DtlsSession
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import StreamState
from qtsecure.engine.verification import VerificationIssue

__all__ = ["AssociationFacts"]


class AssociationFacts:
    """The part of an association that only tells."""

    __slots__ = ("_session",)

    _session: DtlsSession

    @property
    def state(self) -> StreamState:
        """Where the association stands; a client that begins again is still handshaking."""
        return self._session.state

    @property
    def established(self) -> bool:
        """Whether write() is allowed."""
        return self._session.established

    @property
    def complete(self) -> bool:
        """Whether the handshake has completed, whatever happened since."""
        return self._session.complete

    @property
    def issues(self) -> tuple[VerificationIssue, ...]:
        """Everything that was found wrong with the peer's certificate."""
        return self._session.issues

    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's chain as DER, leaf first, as it was sent."""
        return self._session.peer_certificates()

    @property
    def ocsp_response(self) -> bytes:
        """On a client: the revocation status that the server has stapled, or empty."""
        return self._session.ocsp_response

    def protocol_version(self) -> ProtocolVersion:
        """The negotiated version."""
        return self._session.protocol_version()

    def cipher_name(self) -> str:
        """OpenSSL's name of the cipher suite, or an empty string."""
        return self._session.cipher_name()

    def group_name(self) -> str:
        """The negotiated key-exchange group, or an empty string."""
        return self._session.group_name()

    def negotiated_protocol(self) -> bytes:
        """The application protocol (ALPN), or empty."""
        return self._session.negotiated_protocol()

    def server_name(self) -> str:
        """On a server: the name that the client asked for (SNI); on a client: the one it sent."""
        return self._session.server_name()

    @property
    def requested_name(self) -> bytes | None:
        """On a server that chooses: the name in the client's hello, as it was sent; None for none."""
        return self._session.requested_name

    @property
    def certificate_was_requested(self) -> bool:
        """On a client: whether the server has asked for a certificate."""
        return self._session.certificate_was_requested

    def accepted_authorities(self) -> tuple[bytes, ...]:
        """On a client: the names of the authorities (DER) whose certificates the server asked for; none for any."""
        return self._session.accepted_authorities()

    def channel_binding(self, kind: str) -> bytes:
        """See :meth:`~qtsecure.engine.stream_facts.StreamFacts.channel_binding`."""
        return self._session.channel_binding(kind)

    def srtp_profile(self) -> bytes:
        """The negotiated SRTP protection profile (RFC 5764), or empty."""
        return self._session.srtp_profile()

    @property
    def configuration(self) -> TlsConfiguration:
        """What the association began with."""
        return self._session.configuration

    def session(self) -> Session | None:
        """On a client: what can resume this association later, or None (see TlsStream.session())."""
        return self._session.session()

    def session_reused(self) -> bool:
        """Whether the handshake resumed an earlier session."""
        return self._session.session_reused()

    def psk_used(self) -> bool:
        """Whether a pre-shared key authenticated the handshake."""
        return self._session.psk_used()

    def export_keying_material(self, label: bytes, length: int, context: bytes | None) -> bytes:
        """Keying material (RFC 5705).

        Raises:
            RuntimeError: Before the handshake is complete.
        """
        return self._session.export_keying_material(label, length, context)
