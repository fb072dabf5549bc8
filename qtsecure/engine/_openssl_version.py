"""Which OpenSSL this is."""

from __future__ import annotations

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

__all__ = ["openssl_build_version", "openssl_build_version_number", "openssl_version", "openssl_version_number"]


def openssl_version() -> str:
    """The version text of the OpenSSL inside the cryptography wheel."""
    return SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace")


def openssl_version_number() -> int:
    """The version of that OpenSSL as it counts itself."""
    return int(lib.OpenSSL_version_num())


def openssl_build_version() -> str:
    """The version text of the OpenSSL that cryptography was compiled with."""
    return str(ffi.string(lib.OPENSSL_VERSION_TEXT).decode("ascii", "replace"))


def openssl_build_version_number() -> int:
    """The number of the OpenSSL that cryptography was compiled with."""
    return SSL.OPENSSL_VERSION_NUMBER
