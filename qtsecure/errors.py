"""The one exception type of the public API, and its error vocabulary.

Qt objects never raise for network faults: those arrive in ``errorOccurred``. What raises is a
programming or configuration mistake, and then it is a :class:`SecureError` (or ``TypeError`` /
``ValueError`` where an argument has the wrong type or value).
"""

from __future__ import annotations

import enum

__all__ = ["SecureError"]


class SecureError(Exception):
    """Something about security, configuration or the connection that cannot be done.

    Args:
        code: One of :class:`SecureError.Code`; what kind of failure this is.
        message: One sentence for the user: what happened and what to do about it.
        alert: The TLS alert code (RFC 8446, section 6) that was sent or received, or None.
        engineReasons: OpenSSL's own reason texts, most specific first; for bug reports.
    """

    class Code(enum.Enum):
        """The kinds of failure; the vocabulary follows Gio's TLS and I/O errors."""

        TlsUnavailable = "TlsUnavailable"
        TlsMisc = "TlsMisc"
        BadCertificate = "BadCertificate"
        NotTls = "NotTls"
        HandshakeRefused = "HandshakeRefused"
        CertificateRequired = "CertificateRequired"
        UncleanClose = "UncleanClose"
        DowngradeDetected = "DowngradeDetected"
        BadCertificatePassword = "BadCertificatePassword"
        Closed = "Closed"
        Cancelled = "Cancelled"
        Pending = "Pending"
        TimedOut = "TimedOut"
        WouldBlock = "WouldBlock"
        InvalidArgument = "InvalidArgument"
        MessageTooLarge = "MessageTooLarge"
        ConnectionRefused = "ConnectionRefused"
        HostNotFound = "HostNotFound"
        HostUnreachable = "HostUnreachable"
        NetworkUnreachable = "NetworkUnreachable"
        NotSupported = "NotSupported"
        ProxyFailed = "ProxyFailed"
        ProxyAuthFailed = "ProxyAuthFailed"
        ProxyNeedAuth = "ProxyNeedAuth"
        ProxyNotAllowed = "ProxyNotAllowed"

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        alert: int | None = None,
        engineReasons: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.alert = alert
        self.engineReasons = engineReasons
