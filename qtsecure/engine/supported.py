"""Which cipher suites, key-exchange groups and SRTP profiles the engine knows."""

from __future__ import annotations

import functools
import re

from OpenSSL import SSL

from qtsecure.engine._openssl import set_groups
from qtsecure.errors import SecureError

__all__ = ["is_group_supported", "is_srtp_profile_supported", "supported_cipher_names", "supported_group_names"]

_TLS13_SUITES = (
    b"TLS_AES_256_GCM_SHA384",
    b"TLS_CHACHA20_POLY1305_SHA256",
    b"TLS_AES_128_GCM_SHA256",
    b"TLS_AES_128_CCM_SHA256",
    b"TLS_AES_128_CCM_8_SHA256",
)

# Without authentication or encryption a suite protects nothing; for SRP passwords and DSA keys
# there is no way to supply them.
_TLS12_SELECTION = b"ALL:!aNULL:!eNULL:!SRP:!aDSS"

_GROUPS = (
    *("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"),
    *("X25519", "X448", "secp256r1", "secp384r1", "secp521r1"),
    *("MLKEM512", "MLKEM768", "MLKEM1024"),
    *("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"),
    *("brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13"),
)
# OpenSSL's lists have a syntax of their own; only plain names are let through.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


@functools.cache
def supported_cipher_names() -> tuple[str, ...]:
    """Return OpenSSL's names of all cipher suites that can be configured, best first."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_tls13_ciphersuites(b":".join(_TLS13_SUITES))
    context.set_cipher_list(_TLS12_SELECTION)
    return tuple(SSL.Connection(context, None).get_cipher_list())


@functools.cache
def is_group_supported(name: str) -> bool:
    """Whether ``name`` is one key-exchange group of the engine, such as ``X25519``."""
    if not _NAME.match(name):
        return False
    try:
        set_groups(SSL.Context(SSL.TLS_METHOD), (name,))
    except SecureError:
        return False
    return True


@functools.cache
def supported_group_names() -> tuple[str, ...]:
    """Return the names of the key-exchange groups that can be configured, the best first.

    OpenSSL tells no list, so this is what it knows of the registered ones (RFC 8446, section 4.2.7).
    Other spellings of theirs, such as ``P-256``, are known as well.
    """
    return tuple(filter(is_group_supported, _GROUPS))


@functools.cache
def is_srtp_profile_supported(name: str) -> bool:
    """Whether ``name`` is one SRTP protection profile (RFC 5764, RFC 7714), such as ``SRTP_AEAD_AES_128_GCM``."""
    if not _NAME.match(name):
        return False
    try:
        SSL.Context(SSL.DTLS_METHOD).set_tlsext_use_srtp(name.encode("ascii"))
    except SSL.Error:
        return False
    return True
