"""Sessions below pyOpenSSL's public API: out of a connection, into another one.

pyOpenSSL hands out sessions, too, but one of its objects fits one context only, cannot be stored,
and is spoiled when the connection that it came from is freed without close_notify: OpenSSL marks
the shared ``SSL_SESSION`` as not resumable then. An encoded copy has none of these troubles, and
costs three microseconds.
"""

from __future__ import annotations

import functools
from typing import Any

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import NAME_MATCHING
from qtsecure.engine.host_names import HostName

__all__ = [
    "encoded_session",
    "is_session",
    "leaf_problem",
    "offer_session",
    "sessions_supported",
    "spoil_session",
]

_NAMES = (
    "SSL_get_session",
    "SSL_set_session",
    "SSL_SESSION_free",
    "SSL_SESSION_set_protocol_version",
    "i2d_SSL_SESSION",
    "d2i_SSL_SESSION",
    "X509_VERIFY_PARAM_new",
    "X509_VERIFY_PARAM_set_flags",
    "X509_STORE_set1_param",
)

_TLS_1_0 = 0x0301
_UNSPECIFIED = 1  # X509_V_ERR_UNSPECIFIED

sessions_supported: bool = all(hasattr(lib, name) for name in _NAMES)


def encoded_session(connection: SSL.Connection) -> bytes:
    """The present session of a connection in OpenSSL's encoding; it contains secrets."""
    session = lib.SSL_get_session(connection._ssl)
    size = lib.i2d_SSL_SESSION(session, ffi.NULL) if session != ffi.NULL else 0
    if size <= 0:
        lib.ERR_clear_error()
        return b""
    buffer = ffi.new("unsigned char[]", size)
    lib.i2d_SSL_SESSION(session, ffi.new("unsigned char **", buffer))
    return bytes(ffi.buffer(buffer, size))


def offer_session(connection: SSL.Connection, encoded: bytes) -> bool:
    """Let a client that has not begun yet offer a session; False when OpenSSL cannot use it."""
    session = _decode(encoded)
    if session is None:
        return False
    accepted = bool(lib.SSL_set_session(connection._ssl, session) == 1)
    lib.SSL_SESSION_free(session)
    if not accepted:
        lib.ERR_clear_error()
    return accepted


def is_session(encoded: bytes) -> bool:
    """Whether OpenSSL can read this."""
    session = _decode(encoded)
    if session is not None:
        lib.SSL_SESSION_free(session)
    return session is not None


def _decode(encoded: bytes) -> Any:
    data = ffi.from_buffer("unsigned char[]", encoded)
    position = ffi.new("unsigned char **", data)
    session = lib.d2i_SSL_SESSION(ffi.NULL, position, len(encoded))
    if session == ffi.NULL:
        lib.ERR_clear_error()
        return None
    if position[0] - data != len(encoded):
        lib.SSL_SESSION_free(session)
        return None
    return session


def spoil_session(connection: SSL.Connection) -> None:
    """Let the ticket of a server of (D)TLS 1.2 for this connection be one that is never resumed.

    The session's version is only written into the ticket; the handshake itself goes by that of the
    connection. A server does not resume a session of another version, and none of TLS 1.0 exists.
    """
    lib.SSL_SESSION_set_protocol_version(lib.SSL_get_session(connection._ssl), _TLS_1_0)


def leaf_problem(leaf: bytes, host: HostName | None) -> int:
    """What is wrong now with the dates or names of a certificate that was once verified; 0 for nothing.

    The answer is the X509_V_ERR code that the verification of a full handshake would give: the
    certificate is verified once more, as its own anchor.

    Args:
        leaf: The certificate, as DER.
        host: The name that it must have; None for any.
    """
    judge = _judge_of(leaf, host)
    if judge is None:
        return _UNSPECIFIED
    try:
        crypto.X509StoreContext(*judge).verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return 0


@functools.lru_cache(maxsize=64)
def _judge_of(leaf: bytes, host: HostName | None) -> tuple[crypto.X509Store, crypto.X509] | None:
    """What gives leaf_problem() its verdict, which depends on the time; None for a certificate or name of no use."""
    parameters = ffi.gc(lib.X509_VERIFY_PARAM_new(), lib.X509_VERIFY_PARAM_free)
    lib.X509_VERIFY_PARAM_set_flags(parameters, lib.X509_V_FLAG_PARTIAL_CHAIN)
    lib.X509_VERIFY_PARAM_set_hostflags(parameters, NAME_MATCHING)
    accepted = 1
    if host is not None and host.ip:
        accepted = lib.X509_VERIFY_PARAM_set1_ip(parameters, host.ip, len(host.ip))
    elif host is not None:
        name = host.ascii.encode("ascii")
        accepted = lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))
    store = crypto.X509Store()
    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf)
        store.add_cert(certificate)
    except crypto.Error:
        return None
    if accepted != 1 or lib.X509_STORE_set1_param(store._store, parameters) != 1:
        lib.ERR_clear_error()
        return None
    return store, certificate
