"""Pre-shared keys below pyOpenSSL's public API; the other part of :mod:`qtsecure.engine._openssl`.

OpenSSL asks for keys in two ways, and both are needed:

* TLS 1.2 (RFC 4279) has the callbacks that fill buffers. They handle identities as C strings.
* TLS 1.3 (RFC 8446, section 4.2.11) has the callbacks that exchange an ``SSL_SESSION``, with binary
  identities and a hash for each key. Where they have nothing to offer, OpenSSL asks the callbacks
  of TLS 1.2 as well, which must not answer then: they would cut the identity off at a NUL, and
  take SHA-256 for the hash of any key.

A server's callback for TLS 1.2 has one more effect: OpenSSL prefers suites with SHA-256 then. It
would otherwise choose a suite with SHA-384 first, and drop a key for SHA-256 without a word.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import _address, _callback, _hooks
from qtsecure.engine.psk import MAX_IDENTITY_LENGTH, PreSharedKey, PskHash
from qtsecure.errors import SecureError

__all__ = ["forget_offered_key", "install_psk_client", "install_psk_server", "psk_supported"]

_NEEDED = (
    "SSL_CTX_set_psk_client_callback",
    "SSL_CTX_set_psk_server_callback",
    "SSL_CTX_set_psk_use_session_callback",
    "SSL_CTX_set_psk_find_session_callback",
    "SSL_CTX_use_psk_identity_hint",
    "SSL_CIPHER_find",
    "SSL_SESSION_free",
    "SSL_SESSION_get_master_key",
    "SSL_SESSION_set1_master_key",
    "SSL_SESSION_set_cipher",
    "SSL_SESSION_set_protocol_version",
    "SSL_get1_session",
    "SSL_version",
)

psk_supported: bool = (
    bool(getattr(lib, "Cryptography_HAS_PSK", 0))
    and bool(getattr(lib, "Cryptography_HAS_PSK_TLSv1_3", 0))
    and hasattr(lib, "Cryptography_SSL_SESSION_new")
    and all(hasattr(lib, name) for name in _NEEDED)
)

_TLS_1_3 = 0x0304
# Any suite with the hash will do: it is all that OpenSSL takes from the suite of an external key.
_SUITES = {PskHash.SHA256: b"\x13\x01", PskHash.SHA384: b"\x13\x02"}


@_callback("unsigned int(SSL *, char *, char *, unsigned int, unsigned char *, unsigned int)", error=0)
def _on_psk_client(ssl: Any, hint: Any, identity_out: Any, identity_room: int, key_out: Any, key_room: int) -> int:
    if lib.SSL_version(ssl) == _TLS_1_3:
        return 0  # there is none for the hello: OpenSSL would offer this one with SHA-256, whatever its hash
    hooks = _hooks[_address(ssl)]
    try:
        answer = hooks.psk_for_server(ffi.string(hint) if hint != ffi.NULL else b"")
        # The buffers belong to OpenSSL: one byte too many is memory corruption, so refuse first.
        if answer is None or not answer.usable or len(answer.key) > key_room:
            return 0
        if b"\0" in answer.identity or len(answer.identity) > min(MAX_IDENTITY_LENGTH, identity_room - 1):
            return 0
        ffi.memmove(identity_out, answer.identity + b"\0", len(answer.identity) + 1)
        ffi.memmove(key_out, answer.key, len(answer.key))
        return len(answer.key)
    except BaseException as error:
        hooks.raised = error
        return 0


@_callback("unsigned int(SSL *, char *, unsigned char *, unsigned int)", error=0)
def _on_psk_server(ssl: Any, identity: Any, key_out: Any, key_room: int) -> int:
    if lib.SSL_version(ssl) == _TLS_1_3:
        return 0  # has been asked with the whole identity
    hooks = _hooks[_address(ssl)]
    try:
        answer = hooks.psk_for_client(ffi.string(identity) if identity != ffi.NULL else b"")
        if answer is None or not answer.usable or len(answer.key) > key_room:
            return 0
        ffi.memmove(key_out, answer.key, len(answer.key))
        return len(answer.key)
    except BaseException as error:
        hooks.raised = error
        return 0


@_callback("int(SSL *, EVP_MD *, unsigned char **, size_t *, SSL_SESSION **)", error=0)
def _on_use_session(ssl: Any, _: Any, identity_out: Any, identity_length: Any, session_out: Any) -> int:
    session_out[0] = ffi.NULL
    hooks = _hooks[_address(ssl)]
    try:
        answer = hooks.psk_to_offer()
        if answer is None:
            return 1
        session_out[0] = _session(ssl, answer)
        # OpenSSL copies the identity as soon as this returns, and the hooks keep the answer until then.
        identity_out[0] = ffi.cast("unsigned char *", ffi.from_buffer(answer.identity))
        identity_length[0] = len(answer.identity)
        return 1
    except BaseException as error:
        hooks.raised = error
        return 0


@_callback("int(SSL *, unsigned char *, size_t, SSL_SESSION **)", error=0)
def _on_find_session(ssl: Any, identity: Any, length: int, session_out: Any) -> int:
    session_out[0] = ffi.NULL
    hooks = _hooks[_address(ssl)]
    try:
        answer = hooks.psk_for_client(bytes(ffi.buffer(identity, length)))
        if answer is not None and answer.usable:
            session_out[0] = _session(ssl, answer)
        return 1
    except BaseException as error:
        hooks.raised = error
        return 0


def _session(ssl: Any, answer: PreSharedKey) -> Any:
    """The session object that stands for an external key; OpenSSL owns it, and wipes it when it frees it."""
    session = lib.Cryptography_SSL_SESSION_new()
    if (
        session == ffi.NULL
        or lib.SSL_SESSION_set1_master_key(session, ffi.from_buffer(answer.key), len(answer.key)) != 1
        or lib.SSL_SESSION_set_cipher(session, lib.SSL_CIPHER_find(ssl, _SUITES[answer.hash_algorithm])) != 1
        or lib.SSL_SESSION_set_protocol_version(session, _TLS_1_3) != 1
    ):
        lib.SSL_SESSION_free(session)
        lib.ERR_clear_error()
        return ffi.NULL
    return session


def install_psk_client(context: SSL.Context) -> None:
    """Let the hooks of each connection supply the client's pre-shared key."""
    _require_psk()
    lib.SSL_CTX_set_psk_use_session_callback(context._context, _on_use_session)
    lib.SSL_CTX_set_psk_client_callback(context._context, _on_psk_client)


def install_psk_server(context: SSL.Context, hint: bytes) -> None:
    """Let the hooks of each connection look up a client's pre-shared key."""
    _require_psk()
    lib.SSL_CTX_set_psk_find_session_callback(context._context, _on_find_session)
    lib.SSL_CTX_set_psk_server_callback(context._context, _on_psk_server)
    if hint and lib.SSL_CTX_use_psk_identity_hint(context._context, hint) != 1:
        lib.ERR_clear_error()
        raise SecureError(
            SecureError.Code.InvalidArgument,
            "The pre-shared key identity hint was refused; use at most 255 bytes without NUL.",
        )


def forget_offered_key(connection: SSL.Connection) -> None:
    """Overwrite the key that OpenSSL keeps in the session of a TLS 1.3 client, as if it were a ticket's.

    The handshake has derived everything from it, and tickets that come later have secrets of their own.
    """
    session = lib.SSL_get1_session(connection._ssl)
    if session != ffi.NULL:
        length = lib.SSL_SESSION_get_master_key(session, ffi.NULL, 0)
        if length:
            lib.SSL_SESSION_set1_master_key(session, bytes(length), length)
        lib.SSL_SESSION_free(session)


def _require_psk() -> None:
    if not psk_supported:
        raise SecureError(
            SecureError.Code.NotSupported,
            "This build of the 'cryptography' package has no pre-shared key support; install a newer one.",
        )
