"""What ties an authentication above TLS to one connection (RFC 5056): three kinds, and when there is none."""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import NoReturn

from cryptography import x509
from OpenSSL import SSL, crypto

from qtsecure.engine import _openssl_identity
from qtsecure.engine.certificates import UNREADABLE, tolerating_old_certificates
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.errors import ChannelBindingError

__all__ = ["BindingKind", "channel_binding"]

_Code = ChannelBindingError.Code
_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
_EXPORTER_LENGTH = 32


class BindingKind(str, Enum):
    """The registered names of the kinds (RFC 5929, RFC 9266)."""

    UNIQUE = "tls-unique"
    SERVER_END_POINT = "tls-server-end-point"
    EXPORTER = "tls-exporter"


def channel_binding(
    kind: str, connection: SSL.Connection, *, server: bool, resumed: bool, version: ProtocolVersion
) -> bytes:
    """The bytes that both ends of a completed handshake have in common.

    Args:
        kind: A value of :class:`BindingKind`.
        connection: Whose handshake is complete.
        server: Whether this end is the server.
        resumed: Whether the handshake has resumed a session.
        version: The negotiated version.

    Raises:
        ChannelBindingError: This connection has none of that kind, or the kind is not known.
    """
    if kind == BindingKind.UNIQUE.value:
        return _unique(connection, server=server, resumed=resumed, version=version)
    if kind == BindingKind.SERVER_END_POINT.value:
        return _server_end_point(connection, server=server)
    if kind == BindingKind.EXPORTER.value:
        return _exporter(connection, version)
    _refuse(_Code.NotImplemented, f"There is no channel binding {kind!r} here; use one of ChannelBinding.")
    return None


def _unique(connection: SSL.Connection, *, server: bool, resumed: bool, version: ProtocolVersion) -> bytes:
    if version is ProtocolVersion.TLS_1_3:
        _refuse(_Code.NotSupported, "The channel binding tls-unique does not exist with TLS 1.3; use tls-exporter.")
    # The first Finished of the handshake: the client's, and the server's when a session is resumed.
    own_is_first = server is resumed
    finished = connection.get_finished() if own_is_first else connection.get_peer_finished()
    if not finished:
        _refuse(_Code.NotAvailable, "OpenSSL has kept no Finished message of this handshake.")
    return finished


def _server_end_point(connection: SSL.Connection, *, server: bool) -> bytes:
    certificate = connection.get_certificate() if server else connection.get_peer_certificate()
    if certificate is None:
        _refuse(_Code.NotAvailable, "The server has no certificate on this connection to bind to.")
    encoded = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
    return hashlib.new(_digest_name(encoded), encoded).digest()


def _digest_name(encoded: bytes) -> str:
    """The hash of the certificate's signature, but nothing weaker than SHA-256 (RFC 5929, section 4.1)."""
    try:
        with tolerating_old_certificates():
            algorithm = x509.load_der_x509_certificate(encoded).signature_hash_algorithm
    except UNREADABLE:
        _refuse(_Code.GeneralError, "The hash algorithm of the server certificate's signature is not known.")
    if algorithm is None:
        _refuse(
            _Code.NotSupported,
            "The channel binding tls-server-end-point is not defined for the server's certificate, whose signature "
            "uses no separate hash; use tls-exporter.",
        )
    return "sha256" if algorithm.name in ("md5", "sha1") else algorithm.name.replace("sha3-", "sha3_")


def _exporter(connection: SSL.Connection, version: ProtocolVersion) -> bytes:
    if version is not ProtocolVersion.TLS_1_3 and not _openssl_identity.has_extended_master_secret(connection):
        _refuse(
            _Code.NotAvailable,
            "The peer does not bind the keys to the whole handshake (extended master secret, RFC 7627), so the "
            "channel binding tls-exporter would prove nothing.",
        )
    # An empty context, not none: up to TLS 1.2 these differ.
    return connection.export_keying_material(_EXPORTER_LABEL, _EXPORTER_LENGTH, b"")


def _refuse(code: ChannelBindingError.Code, message: str) -> NoReturn:
    raise ChannelBindingError(code, message)
