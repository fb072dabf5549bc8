"""Who is who, below pyOpenSSL's public API: the name that a client asks for, and a certificate on request.

pyOpenSSL offers the first as a callback that loses exceptions and learns nothing of the connection's
stream, and the second not at all.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import _address, _callback, _hooks

__all__ = [
    "accepted_authorities",
    "ask_for_certificate",
    "certificate_requests_supported",
    "compare_server_names",
    "has_extended_master_secret",
    "name_components",
    "server_names_supported",
]

_NAME_ACCEPTED = 0  # SSL_TLSEXT_ERR_OK
_NAME_REFUSED = 2  # SSL_TLSEXT_ERR_ALERT_FATAL
_UNRECOGNIZED_NAME = 112
_GO_ON, _FAIL, _WAIT = 1, 0, -1

server_names_supported: bool = all(
    hasattr(lib, name) for name in ("SSL_CTX_set_tlsext_servername_callback", "SSL_get_servername")
)
certificate_requests_supported: bool = all(
    hasattr(lib, name) for name in ("SSL_CTX_set_cert_cb", "SSL_ERROR_WANT_X509_LOOKUP", "SSL_get_client_CA_list")
)


@_callback("int(SSL *, int *, void *)", error=_NAME_REFUSED)
def _on_server_name(ssl: Any, alert: Any, _: Any) -> int:
    hooks = _hooks[_address(ssl)]
    try:
        pointer = lib.SSL_get_servername(ssl, lib.TLSEXT_NAMETYPE_host_name)
        if hooks.server_name_fits(None if pointer == ffi.NULL else ffi.string(pointer)):
            return _NAME_ACCEPTED
    except BaseException as error:
        hooks.raised = error
    alert[0] = _UNRECOGNIZED_NAME
    return _NAME_REFUSED


def compare_server_names(context: SSL.Context) -> None:
    """Let the hooks of each server's connection see the name (SNI) that OpenSSL has found in the hello.

    It has another effect, too: the sessions of a TLS 1.2 server remember the name. OpenSSL takes that of
    a resumed session from there, and puts it there only if a callback has found it good.
    """
    lib.SSL_CTX_set_tlsext_servername_callback(context._context, _on_server_name)


@_callback("int(SSL *, void *)", error=_FAIL)
def _on_certificate(ssl: Any, _: Any) -> int:
    hooks = _hooks[_address(ssl)]
    try:
        return _GO_ON if hooks.certificate_requested() else _WAIT
    except BaseException as error:
        hooks.raised = error
        return _FAIL


def ask_for_certificate(context: SSL.Context) -> None:
    """Let the hooks of each client's connection know that the server asks for a certificate."""
    if certificate_requests_supported:
        lib.SSL_CTX_set_cert_cb(context._context, _on_certificate, ffi.NULL)


def accepted_authorities(connection: SSL.Connection) -> tuple[bytes, ...]:
    """On a client that was asked for a certificate: the names of the authorities, as DER."""
    return tuple(name.der() for name in connection.get_client_ca_list())


def name_components(encoded: bytes) -> list[tuple[bytes, bytes]]:
    """The short names and values of a distinguished name (DER); empty for what is none."""
    data = ffi.from_buffer("unsigned char[]", encoded)
    pointer = lib.d2i_X509_NAME(ffi.NULL, ffi.new("unsigned char **", data), len(encoded))
    if pointer == ffi.NULL:
        lib.ERR_clear_error()
        return []
    name = ffi.gc(pointer, lib.X509_NAME_free)
    entries = [lib.X509_NAME_get_entry(name, index) for index in range(lib.X509_NAME_entry_count(name))]
    return [(_short_name(entry), _value(entry)) for entry in entries]


def _short_name(entry: Any) -> bytes:
    number = lib.OBJ_obj2nid(lib.X509_NAME_ENTRY_get_object(entry))
    return bytes(ffi.string(lib.OBJ_nid2sn(number)))  # "UNDEF" for what has none


def _value(entry: Any) -> bytes:
    data = lib.X509_NAME_ENTRY_get_data(entry)
    return bytes(ffi.buffer(lib.ASN1_STRING_get0_data(data), lib.ASN1_STRING_length(data)))


def has_extended_master_secret(connection: SSL.Connection) -> bool:
    """Whether a handshake up to TLS 1.2 has bound its keys to the whole of it (RFC 7627)."""
    return hasattr(lib, "SSL_get_extms_support") and lib.SSL_get_extms_support(connection._ssl) == 1
