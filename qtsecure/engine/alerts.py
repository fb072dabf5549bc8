"""TLS alerts: their numbers, what they tell a human, and the record that carries one.

Numbers and names follow the IANA "TLS Alerts" registry (RFC 8446 section 6, RFC 5246, RFC 6066,
RFC 7301, RFC 7507, RFC 9147). Codes that IANA reserves for TLS 1.2 and earlier are
included, because old peers still send them.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Final

__all__ = ["AlertDescription", "AlertLevel", "alert_text", "fatal_alert_record"]

_ALERT_CONTENT_TYPE: Final = 21
_TLS_1_2_RECORD: Final = 0x0303


class AlertLevel(enum.IntEnum):
    """How grave an alert is; in TLS 1.3 only the description counts (RFC 8446 section 6)."""

    WARNING = 1
    FATAL = 2


class AlertDescription(enum.IntEnum):
    """What an alert says; the value is the number on the wire."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    DECOMPRESSION_FAILURE = 30
    HANDSHAKE_FAILURE = 40
    NO_CERTIFICATE = 41
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    TOO_MANY_CIDS_REQUESTED = 52
    EXPORT_RESTRICTION = 60
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    CERTIFICATE_UNOBTAINABLE = 111
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    BAD_CERTIFICATE_HASH_VALUE = 114
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    GENERAL_ERROR = 117
    NO_APPLICATION_PROTOCOL = 120
    ECH_REQUIRED = 121


_D = AlertDescription

# Written from the view of whoever sent the alert, so that both "the peer sent: ..." and
# "sent to the peer: ..." read well.
_TEXTS: Final = MappingProxyType(
    {
        _D.CLOSE_NOTIFY: "the connection is closed in an orderly way",
        _D.UNEXPECTED_MESSAGE: "a message arrived that does not fit the state of the handshake",
        _D.BAD_RECORD_MAC: "a record could not be authenticated; it was damaged, forged or encrypted with other keys",
        _D.DECRYPTION_FAILED: "a record could not be decrypted",
        _D.RECORD_OVERFLOW: "a record is longer than TLS allows",
        _D.DECOMPRESSION_FAILURE: "a record could not be decompressed",
        _D.HANDSHAKE_FAILURE: "no common set of protocol version, cipher suite, key-exchange group or credentials",
        _D.NO_CERTIFICATE: "no certificate is available",
        _D.BAD_CERTIFICATE: "the certificate is damaged or does not belong to the expected name",
        _D.UNSUPPORTED_CERTIFICATE: "the certificate is of a kind or for a purpose that is not accepted",
        _D.CERTIFICATE_REVOKED: "the certificate has been revoked by its issuer",
        _D.CERTIFICATE_EXPIRED: "the certificate is expired or not valid now",
        _D.CERTIFICATE_UNKNOWN: "the certificate was not accepted for another reason",
        _D.ILLEGAL_PARAMETER: "a handshake message contains a value that is not allowed",
        _D.UNKNOWN_CA: "the certificate was not issued by a trusted certificate authority",
        _D.ACCESS_DENIED: "the certificate is valid, but access is denied",
        _D.DECODE_ERROR: "a message could not be decoded",
        _D.DECRYPT_ERROR: "a signature, a Finished message or a pre-shared key could not be verified",
        _D.TOO_MANY_CIDS_REQUESTED: "too many connection identifiers were requested",
        _D.EXPORT_RESTRICTION: "the negotiation violates export restrictions",
        _D.PROTOCOL_VERSION: "the offered protocol versions are not supported",
        _D.INSUFFICIENT_SECURITY: "the offered cipher suites or keys are not secure enough",
        _D.INTERNAL_ERROR: "an internal error that has nothing to do with the other side",
        _D.INAPPROPRIATE_FALLBACK: "the connection was retried with a lower protocol version than necessary",
        _D.USER_CANCELED: "the handshake was canceled by the user",
        _D.NO_RENEGOTIATION: "renegotiation is refused",
        _D.MISSING_EXTENSION: "a handshake message lacks a mandatory extension",
        _D.UNSUPPORTED_EXTENSION: "a handshake message contains an extension that was not offered",
        _D.CERTIFICATE_UNOBTAINABLE: "the certificate could not be fetched from its address",
        _D.UNRECOGNIZED_NAME: "no server of the requested name is known here",
        _D.BAD_CERTIFICATE_STATUS_RESPONSE: "the revocation status of the certificate is invalid or not acceptable",
        _D.BAD_CERTIFICATE_HASH_VALUE: "the fetched certificate does not match its hash",
        _D.UNKNOWN_PSK_IDENTITY: "the identity of the pre-shared key is not known",
        _D.CERTIFICATE_REQUIRED: "a client certificate is required, but none was sent",
        _D.GENERAL_ERROR: "an error for which there is no other alert",
        _D.NO_APPLICATION_PROTOCOL: "none of the offered application protocols (ALPN) is supported",
        _D.ECH_REQUIRED: "encrypted client hello is required",
    }
)


def alert_text(code: int) -> str:
    """What an alert says, as a sentence fragment for humans.

    Args:
        code: The description byte of the alert, any integer.

    Returns:
        A fragment without capital letter and full stop; never empty.
    """
    try:
        return _TEXTS[AlertDescription(code)]
    except ValueError:
        return f"alert {code} (unassigned)"


def fatal_alert_record(description: int, record_version: int = _TLS_1_2_RECORD) -> bytes:
    """The plaintext TLS record of a fatal alert (RFC 8446 sections 5.1 and 6.2).

    Only valid while the sender's own direction is still unencrypted.

    Args:
        description: The alert, 0 to 255.
        record_version: The legacy version of the record header; 0x0303 in TLS 1.2 and 1.3.

    Returns:
        Seven bytes.

    Raises:
        ValueError: If a number does not fit its field.
    """
    if not 0 <= description <= 0xFF:
        raise ValueError(f"description must be between 0 and 255, not {description}.")
    if not 0 <= record_version <= 0xFFFF:
        raise ValueError(f"record_version must be between 0 and 65535, not {record_version}.")
    header = bytes((_ALERT_CONTENT_TYPE, record_version >> 8, record_version & 0xFF, 0, 2))
    return header + bytes((AlertLevel.FATAL, description))
