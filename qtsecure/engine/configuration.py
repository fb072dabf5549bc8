"""What one side of a connection brings along and demands: an immutable, hashable value.

Contexts are cached by configuration (see :mod:`qtsecure.engine.contexts`), so every field takes
part in equality and nothing here may be changed after construction.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields

from qtsecure.engine.certificates import Credentials
from qtsecure.engine.ciphers import DEFAULT_TLS12_CIPHERS, DEFAULT_TLS13_SUITES
from qtsecure.engine.pins import Pins
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.trust import TrustAnchors

__all__ = ["TlsConfiguration", "VerifyMode"]


class VerifyMode(enum.Enum):
    """What to ask of the peer's certificate (Qt's PeerVerifyMode without Auto)."""

    NONE = "none"
    """Ask for nothing and report nothing."""
    QUERY = "query"
    """Ask, report every problem, but never fail because of one."""
    PEER = "peer"
    """Ask, report every problem, and fail unless all of them are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfiguration:
    """Everything that decides a TLS handshake apart from the peer's name.

    Attributes:
        credentials: Own certificate chain and private key, or None.
        trust: The anchors that the peer's chain must lead to.
        verify_mode: What to ask of the peer's certificate.
        verify_depth: The largest number of intermediates, 0 for OpenSSL's default.
        certificate_required: On a server with ``VerifyMode.PEER``: end the handshake with an
            alert when the client has no certificate, instead of reporting an ignorable error.
        interrupt_on_error: Ask the decisions object about each verification error inside the
            handshake, before anything else is sent.
        minimum_version: The lowest protocol version to accept, never below TLS 1.2; DTLS 1.2 for
            datagrams.
        maximum_version: The highest protocol version to offer.
        tls12_ciphers: OpenSSL names of the TLS 1.2 cipher suites, best first.
        tls13_suites: Names of the TLS 1.3 cipher suites, best first.
        groups: Names of the key-exchange groups, best first; empty for OpenSSL's default.
        alpn_protocols: Application protocols (RFC 7301) to offer or accept, best first.
        prefer_server_ciphers: On a server: its own cipher order wins.
        psk_enabled: Offer or accept pre-shared keys; the decisions object supplies them.
        psk_identity_hint: On a server up to TLS 1.2: the hint to send (RFC 4279), or empty.
        server_name_indication: On a client: send the name of the server (RFC 6066).
        session_tickets_enabled: On a server: issue tickets, so that clients can resume.
        srtp_profiles: On DTLS: SRTP protection profiles (RFC 5764) to offer or accept, best first.
        crls: Revocation lists as DER. If there are any, each certificate of a chain, the anchor's
            included, needs one of its issuer that is up to date.
        pins: If there are any, the peer's own certificate must match one, in every verify mode.
        verify_host_name: On a client: the certificate must be for the name of the server.
        ocsp_stapling: On a client that verifies: ask for the revocation status of the server's
            certificate (RFC 6066, section 8), and find it wanting unless it is good.
        ocsp_response: On a server: the status to give to clients that ask, as DER, or empty.
        require_close_notify: An end without close_notify is a failure.
        key_log_file: Where to append the NSS key log; empty for none.
    """

    credentials: Credentials | None = None
    trust: TrustAnchors = field(default_factory=TrustAnchors.empty)
    verify_mode: VerifyMode = VerifyMode.PEER
    verify_depth: int = 0
    certificate_required: bool = False
    interrupt_on_error: bool = False
    minimum_version: ProtocolVersion = ProtocolVersion.TLS_1_2
    maximum_version: ProtocolVersion = ProtocolVersion.TLS_1_3
    tls12_ciphers: tuple[str, ...] = DEFAULT_TLS12_CIPHERS
    tls13_suites: tuple[str, ...] = DEFAULT_TLS13_SUITES
    groups: tuple[str, ...] = ()
    alpn_protocols: tuple[bytes, ...] = ()
    prefer_server_ciphers: bool = True
    psk_enabled: bool = False
    psk_identity_hint: bytes = field(default=b"", repr=False)
    server_name_indication: bool = True
    session_tickets_enabled: bool = True
    srtp_profiles: tuple[str, ...] = ()
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    pins: Pins = field(default_factory=Pins)
    verify_host_name: bool = True
    ocsp_stapling: bool = False
    ocsp_response: bytes = field(default=b"", repr=False)
    require_close_notify: bool = True
    key_log_file: str = ""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: every connection looks up its context with this."""
        values = tuple(getattr(self, each.name) for each in fields(self) if each.compare)
        object.__setattr__(self, "_hash", hash(values))

    @property
    def asks_for_status(self) -> bool:
        """Whether a client asks for the revocation status: only where somebody verifies the answer."""
        return self.ocsp_stapling and self.verify_mode is not VerifyMode.NONE

    def __hash__(self) -> int:
        return self._hash
