"""What the OpenSSL of this process can do, found out by asking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from OpenSSL import SSL

from qtsecure.engine import _openssl_ocsp, _openssl_pipes, _openssl_psk
from qtsecure.engine._openssl_version import openssl_version

__all__ = ["EngineFeatures", "probe_features"]

_DTLS_1_2: Final = 0xFEFD
_DTLS_1_3: Final = 0xFEFC  # RFC 9147; OpenSSL up to 4.0 refuses it


@dataclass(frozen=True, slots=True)
class EngineFeatures:
    """The optional parts of the engine."""

    openssl_version: str
    """OpenSSL's own text."""
    raw_path: bool
    """Whether the fast way around pyOpenSSL's public methods is there."""
    psk: bool
    """Pre-shared keys."""
    dtls: bool
    """DTLS 1.2."""
    dtls_1_3: bool
    """DTLS 1.3."""
    ocsp: bool
    """Stapled revocation status."""


def probe_features() -> EngineFeatures:
    """Ask OpenSSL; takes a millisecond."""
    return EngineFeatures(
        openssl_version=openssl_version(),
        raw_path=_openssl_pipes.raw_path_available,
        psk=_openssl_psk.psk_supported,
        dtls=_accepts(SSL.DTLS_METHOD, _DTLS_1_2),
        dtls_1_3=_accepts(SSL.DTLS_METHOD, _DTLS_1_3),
        ocsp=_openssl_ocsp.ocsp_supported,
    )


def _accepts(method: int, version: int) -> bool:
    try:
        context = SSL.Context(method)
        context.set_max_proto_version(version)
        context.set_min_proto_version(version)
    except SSL.Error:
        return False
    return True
