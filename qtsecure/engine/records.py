"""What the first bytes of a peer look like: TLS, or one of the usual mix-ups.

A TLS engine can only say "wrong version number" when it is fed HTTP. These two functions look at
a short prefix so that the error can name the protocol that was really spoken.
"""

from __future__ import annotations

import re
from typing import Final

from qtsecure.engine.alerts import AlertDescription, alert_text

__all__ = ["describe_first_bytes_untrusted", "starts_tls_handshake_untrusted"]

_HANDSHAKE: Final = 0x16
_ALERT: Final = 0x15
_MAJOR_VERSION: Final = 0x03
_LOOKED_AT: Final = 64
_KNOWN_ALERTS: Final = frozenset(AlertDescription)

# Anchored, without nested repetition and applied to at most _LOOKED_AT bytes: linear on any input.
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.DOTALL), fragment)
    for pattern, fragment in (
        (rb"PRI \* HTTP/2", "an unencrypted HTTP/2 connection preface"),
        (rb"(?:OPTIONS|DESCRIBE|SETUP|PLAY) rtsp:", "an unencrypted RTSP request"),
        (rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|TRACE) ", "a plain HTTP request"),
        (rb"HTTP/[0-9]", "a plain HTTP response"),
        (rb"RTSP/[0-9]", "an unencrypted RTSP response"),
        (rb"SSH-[0-9]", "an SSH banner"),
        (rb"220[ -][^\r\n]*FTP", "an FTP banner"),
        (rb"220[ -]", "an SMTP or FTP banner"),
        (rb"(?:421|554)[ -]", "an SMTP or FTP refusal"),
        (rb"(?:EHLO|HELO|LHLO|STARTTLS)[ \r\n]", "an unencrypted SMTP command"),
        (rb"\* (?:OK|PREAUTH|BYE)[ \[]", "an IMAP greeting"),
        (rb"\+OK[ \r\n]", "a POP3 greeting"),
        (rb"-ERR[ \r\n]", "a POP3 or Redis error"),
        (rb"20[01][ -]", "an NNTP greeting"),
        (rb"RFB [0-9]{3}\.", "a VNC (RFB) greeting"),
        (rb"(?:<\?xml|<stream:stream)", "an unencrypted XML stream, such as XMPP"),
        (rb"PROXY (?:TCP|UNKNOWN)", "a PROXY protocol header"),
        (rb"\r\n\r\n\x00\r\nQUIT\n", "a PROXY protocol header"),
        (rb"[\x14-\x17]\xfe[\xfc-\xff]", "a DTLS record (meant for UDP)"),
        (rb"\x16\x03", "a TLS handshake record"),
        (rb"\x14\x03[\x00-\x04]", "a TLS change-cipher-spec record before any handshake"),
        (rb"\x17\x03[\x00-\x04]", "encrypted TLS data before any handshake"),
        (rb"[\x80-\xff].\x01\x00\x02", "an SSL 2 hello"),
        (rb"[\x80-\xff].\x01\x03[\x00-\x04]", "an SSL 2 compatible hello"),
    )
)


def starts_tls_handshake_untrusted(prefix: bytes) -> bool:
    """Whether bytes can be the beginning of a TLS handshake.

    Args:
        prefix: The first bytes of a connection, one is enough.

    Returns:
        True if the first record is a handshake record of SSL 3 or TLS; False for no bytes at all.
    """
    return prefix[:1] == b"\x16" and prefix[1:2] in (b"", b"\x03")


def describe_first_bytes_untrusted(data: bytes) -> str:
    """Name what a peer sent, as a sentence fragment such as "a plain HTTP request".

    Only looks at the first 64 bytes and never repeats any of them: text of a peer has no place in
    an error message.

    Args:
        data: The first bytes from the peer, any length.

    Returns:
        A noun phrase without capital letter and full stop.
    """
    head = bytes(data[:_LOOKED_AT])
    if not head:
        return "nothing"
    if head[0] == _ALERT and head[1:2] == bytes((_MAJOR_VERSION,)):
        return _describe_alert(head)
    for pattern, fragment in _PATTERNS:
        if pattern.match(head):
            return fragment
    return "bytes that are not TLS"


def _describe_alert(record: bytes) -> str:
    if record[3:5] == b"\x00\x02" and len(record) >= 7 and record[6] in _KNOWN_ALERTS:
        return f"an unencrypted TLS alert ({alert_text(record[6])})"
    return "an unencrypted TLS alert"
