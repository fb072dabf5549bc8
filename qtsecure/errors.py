"""The exception types of the public API, and their error vocabulary.

Qt objects never raise for network faults: those arrive in ``errorOccurred``. What raises is a
programming or configuration mistake, and then it is a :class:`SecureError` (or ``TypeError`` /
``ValueError`` where an argument has the wrong type or value).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial

__all__ = ["ChannelBindingError", "SecureError"]


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
        Failed = "Failed"
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

    def __reduce__(self) -> tuple[Callable[..., SecureError], tuple[Code, str]]:
        # For worker processes, whose errors are pickled; Exception itself knows only the message.
        made = partial(type(self), alert=self.alert, engineReasons=self.engineReasons)
        return made, (self.code, self.message)


class ChannelBindingError(Exception):
    """Channel bindings (RFC 5056) cannot be had.

    Args:
        code: One of :class:`ChannelBindingError.Code`, Gio's five reasons.
        message: One sentence for the user.
    """

    class Code(enum.Enum):
        """Why not (Gio.TlsChannelBindingError)."""

        NotImplemented = "NotImplemented"
        """This type of binding is not known here."""
        InvalidState = "InvalidState"
        """The handshake is not complete."""
        NotAvailable = "NotAvailable"
        """This connection has none, for example because there is no certificate."""
        NotSupported = "NotSupported"
        """The type is not defined for this version of the protocol or this certificate."""
        GeneralError = "GeneralError"

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[ChannelBindingError], tuple[Code, str]]:
        return type(self), (self.code, self.message)
