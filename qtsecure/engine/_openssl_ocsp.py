"""Stapled revocation status: the way between OpenSSL and the hooks of a connection."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Protocol, cast

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import _address, _hooks

__all__ = ["current_time", "hand_over_status", "ocsp_supported", "staple", "verified_chain"]

_NAMES = ("SSL_set_tlsext_status_type", "X509_gmtime_adj", "ASN1_TIME_to_generalizedtime", "ASN1_STRING_get0_data")

ocsp_supported: bool = hasattr(SSL.Context, "set_ocsp_client_callback") and all(hasattr(lib, name) for name in _NAMES)


class _Hooks(Protocol):
    raised: BaseException | None

    def certificate_status(self, response: bytes) -> bool:
        """On a client that has asked: what the server has stapled, empty for nothing; whether to go on."""


def _on_response(connection: SSL.Connection, response: bytes, _: object) -> bool:
    hooks = cast(_Hooks, _hooks[_address(connection._ssl)])
    try:
        return hooks.certificate_status(response)
    except BaseException as error:
        hooks.raised = error
        return False


def hand_over_status(context: SSL.Context) -> None:
    """Let the hooks of each client connection that asks judge what its server has stapled."""
    context.set_ocsp_client_callback(_on_response)


def staple(context: SSL.Context, response: bytes) -> None:
    """Send the response to each client that asks for it."""
    context.set_ocsp_server_callback(lambda _connection, _data: response)


def verified_chain(connection: SSL.Connection) -> tuple[bytes, ...]:
    """The chain that the verification has built, as DER, the peer's own certificate first."""
    chain = connection.get_verified_chain() or []
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in chain)


def current_time() -> datetime:
    """The time by which OpenSSL judges the dates of certificates."""
    moment = ffi.gc(lib.X509_gmtime_adj(ffi.NULL, 0), lib.ASN1_TIME_free)
    # Always with four digits for the year.
    generalized = ffi.gc(lib.ASN1_TIME_to_generalizedtime(moment, ffi.NULL), lib.ASN1_GENERALIZEDTIME_free)
    text = ffi.cast("ASN1_STRING *", generalized)
    data = ffi.buffer(lib.ASN1_STRING_get0_data(text), lib.ASN1_STRING_length(text))
    return datetime.strptime(bytes(data).decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
