"""The immutable contents of an SslConfiguration, and what the engine makes of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PySide6.QtNetwork import QSsl, QSslSocket

from qtsecure.engine.certificates import Credentials, PrivateKey
from qtsecure.engine.ciphers import DEFAULT_TLS12_CIPHERS, DEFAULT_TLS13_SUITES, PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.host_table import HostTable
from qtsecure.engine.ocsp import require_status_of
from qtsecure.engine.pins import Pins
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError
from qtsecure.net.values.protocol import Protocol
from qtsecure.net.values.session_facts import SessionFacts
from qtsecure.net.values.ssl_certificate import SslCertificate

__all__ = [
    "HasSettings",
    "OwnKey",
    "Role",
    "SystemRoots",
    "TlsSettings",
    "UnknownHostPolicy",
    "defaultCipherNames",
]

Role = Literal["client", "server"]

_PeerVerifyMode = QSslSocket.PeerVerifyMode


class SystemRoots(enum.Enum):
    """What the roots of this computer have to do with a configuration.

    Qt has the same three states, the first of them as "loading on demand".
    """

    OnDemand = "OnDemand"
    """They are used as long as no certificate authority is given."""
    Included = "Included"
    """They are used along with those that are given."""
    Off = "Off"
    """They are not used."""


class UnknownHostPolicy(enum.Enum):
    """What a server with virtual hosts does with clients that ask for another name, or for none."""

    UseDefault = "UseDefault"
    """They get the configuration that the virtual hosts are set in."""
    Refuse = "Refuse"
    """The handshake ends with the alert unrecognized_name (112), or missing_extension (109) without a name."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OwnKey:
    """A private key that can be compared; its repr says nothing."""

    key: PrivateKey
    _public: bytes = field(init=False)

    def __post_init__(self) -> None:
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        object.__setattr__(self, "_public", public)

    def __eq__(self, other: object) -> bool:
        return self._public == other._public if isinstance(other, OwnKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._public)

    def __repr__(self) -> str:
        return "<OwnKey>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Everything that can be set on an SslConfiguration; empty tuples stand for the default."""

    protocol: Protocol = Protocol.SecureProtocols
    peerVerifyMode: QSslSocket.PeerVerifyMode = _PeerVerifyMode.AutoVerifyPeer
    peerVerifyDepth: int = 0
    certificateChain: tuple[SslCertificate, ...] = ()
    privateKey: OwnKey | None = None
    cipherNames: tuple[str, ...] = ()
    systemRoots: SystemRoots = SystemRoots.OnDemand
    authorities: tuple[SslCertificate, ...] = ()
    applicationProtocols: tuple[bytes, ...] = ()
    identityHint: bytes = field(default=b"", repr=False)
    missingCertificateIsFatal: bool = False
    interruptOnError: bool = False
    # Qt's defaults; the ones that TLS 1.2 and 1.3 as we use them do not have are only remembered.
    options: frozenset[QSsl.SslOption] = frozenset(
        {
            QSsl.SslOption.SslOptionDisableEmptyFragments,
            QSsl.SslOption.SslOptionDisableCompression,
            QSsl.SslOption.SslOptionDisableLegacyRenegotiation,
            QSsl.SslOption.SslOptionDisableSessionPersistence,
        }
    )
    groups: tuple[str, ...] = ()
    srtpProfiles: tuple[str, ...] = ()
    keyLogFile: str = ""
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    pins: Pins = field(default_factory=Pins)
    ocspStapling: bool = False
    ocspResponse: bytes = field(default=b"", repr=False)
    # Only for TlsOptions.clientUnsafe().
    verifiesHostName: bool = True
    requireCloseNotify: bool = True
    virtualHosts: HostTable[TlsSettings] = field(default_factory=HostTable)
    unknownHosts: UnknownHostPolicy = UnknownHostPolicy.UseDefault
    session: SessionFacts = field(default_factory=SessionFacts)
    _engine: dict[tuple[Role, bool, bool, TrustAnchors | None], TlsConfiguration] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _rest: list[TlsSettings] = field(default_factory=list, init=False, compare=False, repr=False)

    def withoutHosts(self) -> TlsSettings:
        """Return what is for clients of no virtual host; the same object every time, see toEngine()."""
        if not self.virtualHosts:
            return self
        if not self._rest:
            self._rest.append(replace(self, virtualHosts=HostTable()))
        return self._rest[0]

    def credentials(self) -> Credentials | None:
        """Return certificate and key as a pair, or None unless both are set.

        Raises:
            SecureError: The key does not belong to the certificate.
        """
        if not self.certificateChain or self.privateKey is None:
            return None
        chain = tuple(certificate.toCryptography() for certificate in self.certificateChain)
        return Credentials(chain, self.privateKey.key)

    def checkIdentity(self) -> None:
        """Make sure that certificate, key and stapled status, as far as they are set, belong together.

        Raises:
            SecureError: They do not.
        """
        self.credentials()
        if self.certificateChain and self.ocspResponse:
            require_status_of(self.certificateChain[0].toCryptography(), self.ocspResponse)

    def toEngine(self, role: Role, pskEnabled: bool, datagrams: bool = False) -> TlsConfiguration:
        """Return the engine's configuration; the same object every time, so that it hashes once.

        Raises:
            SecureError: Something is missing or contradicts something else.
        """
        system = TrustAnchors.system() if self._wantsSystemRoots(role) else None
        made = self._engine.get((role, pskEnabled, datagrams, system))
        if made is None:
            made = self._makeEngine(role, pskEnabled, datagrams, system)
            self._engine[role, pskEnabled, datagrams, system] = made
        return made

    def _makeEngine(
        self, role: Role, pskEnabled: bool, datagrams: bool, system: TrustAnchors | None
    ) -> TlsConfiguration:
        credentials = self._checkedCredentials(role, pskEnabled)
        if datagrams and role == "server" and self.privateKey is not None:
            _refuseEd25519(self.privateKey.key)
        minimum, maximum, tls12, tls13 = self._versionsAndCiphers(pskEnabled, datagrams)
        mode = self._verifyMode(role)
        return TlsConfiguration(
            credentials=credentials,
            trust=self._trust(mode, system),
            verify_mode=mode,
            verify_depth=self.peerVerifyDepth,
            certificate_required=self.missingCertificateIsFatal,
            interrupt_on_error=self.interruptOnError,
            minimum_version=minimum,
            maximum_version=maximum,
            tls12_ciphers=tls12,
            tls13_suites=tls13,
            groups=self.groups,
            srtp_profiles=self.srtpProfiles if datagrams else (),
            alpn_protocols=self.applicationProtocols,
            prefer_server_ciphers=QSsl.SslOption.SslOptionDisableServerCipherPreference not in self.options,
            psk_enabled=pskEnabled,
            psk_identity_hint=self.identityHint,
            server_name_indication=QSsl.SslOption.SslOptionDisableServerNameIndication not in self.options,
            session_tickets_enabled=QSsl.SslOption.SslOptionDisableSessionTickets not in self.options,
            key_log_file=self.keyLogFile,
            crls=self.crls,
            pins=self.pins,
            ocsp_stapling=role == "client" and self.ocspStapling,
            ocsp_response=self.ocspResponse if role == "server" and credentials is not None else b"",
            verify_host_name=self.verifiesHostName,
            require_close_notify=self.requireCloseNotify,
        )

    def _checkedCredentials(self, role: Role, pskEnabled: bool) -> Credentials | None:
        if self.certificateChain and self.privateKey is None:
            raise SecureError(
                SecureError.Code.BadCertificate,
                "The configuration has a local certificate but no private key; call setPrivateKey with its key.",
            )
        if self.privateKey is not None and not self.certificateChain:
            raise SecureError(
                SecureError.Code.BadCertificate,
                "The configuration has a private key but no certificate; call setLocalCertificate.",
            )
        hostsOnly = bool(self.virtualHosts) and self.unknownHosts is UnknownHostPolicy.Refuse
        if role == "server" and not self.certificateChain and not pskEnabled and not hostsOnly:
            raise SecureError(
                SecureError.Code.BadCertificate,
                "The server has no certificate; call setLocalCertificateChain and setPrivateKey, "
                "or use pre-shared keys.",
            )
        return self.credentials()

    def _versionsAndCiphers(
        self, pskEnabled: bool, datagrams: bool
    ) -> tuple[ProtocolVersion, ProtocolVersion, tuple[str, ...], tuple[str, ...]]:
        if datagrams:
            return self._datagramCiphers(pskEnabled)
        if self.protocol.isDatagram():
            raise SecureError(
                SecureError.Code.InvalidArgument,
                f"The protocol {self.protocol.name} is for datagrams; set a version of TLS for a stream.",
            )
        minimum, maximum = self.protocol.range()
        if not self.cipherNames:
            psk = PSK_TLS12_CIPHERS if pskEnabled else ()
            return minimum, maximum, DEFAULT_TLS12_CIPHERS + psk, DEFAULT_TLS13_SUITES
        tls12 = tuple(name for name in self.cipherNames if not name.startswith("TLS_"))
        tls13 = tuple(name for name in self.cipherNames if name.startswith("TLS_"))
        # OpenSSL fails a handshake whose newest version has no cipher suite, so a list without
        # suites for a version means that the version is not wanted.
        if not tls13:
            maximum = min(maximum, ProtocolVersion.TLS_1_2)
        if not tls12:
            minimum = max(minimum, ProtocolVersion.TLS_1_3)
        if minimum > maximum:
            raise SecureError(
                SecureError.Code.InvalidArgument,
                f"None of the configured cipher suites can be used with {self.protocol.name}; "
                "change setCiphers or setProtocol.",
            )
        return minimum, maximum, tls12 or DEFAULT_TLS12_CIPHERS, tls13 or DEFAULT_TLS13_SUITES

    def _datagramCiphers(
        self, pskEnabled: bool
    ) -> tuple[ProtocolVersion, ProtocolVersion, tuple[str, ...], tuple[str, ...]]:
        version = ProtocolVersion.DTLS_1_2
        if self.protocol is Protocol.DtlsV1_3 or self.protocol is Protocol.DtlsV1_3OrLater:
            raise SecureError(
                SecureError.Code.NotSupported, "DTLS 1.3 is not available yet; set Protocol.DtlsV1_2OrLater."
            )
        if not self.protocol.isDatagram() and self.protocol is not Protocol.SecureProtocols:
            raise SecureError(
                SecureError.Code.InvalidArgument,
                f"The protocol {self.protocol.name} is for streams; set a version of DTLS for datagrams.",
            )
        if not self.cipherNames:
            psk = PSK_TLS12_CIPHERS if pskEnabled else ()
            return version, version, DEFAULT_TLS12_CIPHERS + psk, DEFAULT_TLS13_SUITES
        names = tuple(name for name in self.cipherNames if not name.startswith("TLS_"))
        if not names:
            raise SecureError(
                SecureError.Code.InvalidArgument,
                "None of the configured cipher suites can be used with DTLS 1.2; change setCiphers.",
            )
        return version, version, names, DEFAULT_TLS13_SUITES

    def _verifyMode(self, role: Role) -> VerifyMode:
        if self.peerVerifyMode is _PeerVerifyMode.VerifyNone:
            return VerifyMode.NONE
        if self.peerVerifyMode is _PeerVerifyMode.QueryPeer:
            return VerifyMode.QUERY
        if self.peerVerifyMode is _PeerVerifyMode.VerifyPeer:
            return VerifyMode.PEER
        return VerifyMode.PEER if role == "client" else VerifyMode.QUERY

    def _wantsSystemRoots(self, role: Role) -> bool:
        if self.systemRoots is SystemRoots.Off or self.peerVerifyMode is _PeerVerifyMode.VerifyNone:
            return False
        # A server that only looks at what clients volunteer must neither fail for want of system
        # roots nor take every public authority for an issuer of its clients' certificates.
        return role == "client" or self.peerVerifyMode is not _PeerVerifyMode.AutoVerifyPeer

    def _trust(self, mode: VerifyMode, system: TrustAnchors | None) -> TrustAnchors:
        if mode is VerifyMode.NONE:
            return TrustAnchors.empty()
        given = tuple(certificate.toCryptography() for certificate in self.authorities)
        if system is None:
            return TrustAnchors(given, "given") if given else TrustAnchors.empty()
        return TrustAnchors((*system.certificates, *given), f"{system.origin} and given") if given else system


def _refuseEd25519(key: PrivateKey) -> None:
    """OpenSSL's DTLS 1.2 servers find no cipher suite for such a key before OpenSSL 4.1."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raise SecureError(
            SecureError.Code.NotSupported,
            "A DTLS 1.2 server cannot use an Ed25519 certificate with this OpenSSL; use an ECDSA or RSA one.",
        )


def defaultCipherNames() -> tuple[str, ...]:
    """Return OpenSSL's names of the cipher suites that are used unless others are set."""
    return DEFAULT_TLS13_SUITES + DEFAULT_TLS12_CIPHERS


class HasSettings:
    """What the parts of SslConfiguration share; its setters replace the settings."""

    __slots__ = ("_settings",)
    _settings: TlsSettings
