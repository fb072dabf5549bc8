"""Distinguished names that stand alone, as in a server's request for a certificate (RFC 5280, section 4.1.2.4)."""

from __future__ import annotations

from qtsecure.engine import _openssl_identity

__all__ = ["name_attributes_untrusted"]


def name_attributes_untrusted(encoded: bytes) -> list[tuple[str, str]]:
    """The attributes of a name in their order, under OpenSSL's short names; empty for what is no name.

    Args:
        encoded: The name as DER.
    """
    return [
        (key.decode("ascii", "replace"), value.decode("utf-8", "replace"))
        for key, value in _openssl_identity.name_components(encoded)
    ]
