"""The names of handshake messages (RFC 8446, section 4; RFC 5246, section 7.4; RFC 6347, section 4.2)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = ["message_name"]

_NAMES: Final = MappingProxyType(
    {
        0: "HelloRequest",
        1: "ClientHello",
        2: "ServerHello",
        3: "HelloVerifyRequest",
        4: "NewSessionTicket",
        5: "EndOfEarlyData",
        8: "EncryptedExtensions",
        11: "Certificate",
        12: "ServerKeyExchange",
        13: "CertificateRequest",
        14: "ServerHelloDone",
        15: "CertificateVerify",
        16: "ClientKeyExchange",
        20: "Finished",
        21: "CertificateUrl",
        22: "CertificateStatus",
        23: "SupplementalData",
        24: "KeyUpdate",
        25: "CompressedCertificate",
    }
)


def message_name(kind: int) -> str:
    """What the standards call a type of message; the number for one without a name."""
    return _NAMES.get(kind, f"message {kind}")
