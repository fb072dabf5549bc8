"""The versions of TLS and DTLS by the names that Qt gives them."""

from __future__ import annotations

import enum

from PySide6.QtNetwork import QSsl

from qtsecure.engine.protocols import ProtocolVersion

__all__ = ["Protocol"]


class Protocol(enum.Enum):
    """One protocol version or a range of them, after ``QSsl::SslProtocol``.

    Versions below TLS 1.2 and DTLS 1.2 do not exist here (RFC 8996 forbids them), DTLS 1.3, which
    Qt does not know, does. Each is equal to its value of Qt's enum.
    """

    Unknown = "Unknown"
    """No version: nothing has been negotiated."""
    TlsV1_2 = "TlsV1_2"
    TlsV1_3 = "TlsV1_3"
    DtlsV1_2 = "DtlsV1_2"
    DtlsV1_3 = "DtlsV1_3"
    TlsV1_2OrLater = "TlsV1_2OrLater"
    TlsV1_3OrLater = "TlsV1_3OrLater"
    DtlsV1_2OrLater = "DtlsV1_2OrLater"
    DtlsV1_3OrLater = "DtlsV1_3OrLater"
    SecureProtocols = "SecureProtocols"
    """Every version of TLS that is considered secure, which today is TLS 1.2 or later; for datagrams, of DTLS."""

    @staticmethod
    def fromQt(protocol: QSsl.SslProtocol) -> Protocol:
        """Return the member for a value of Qt's enum; ``AnyProtocol`` becomes ``SecureProtocols``.

        Raises:
            TypeError: ``protocol`` is not a ``QSsl.SslProtocol``.
            ValueError: ``protocol`` asks for a version below TLS 1.2 or DTLS 1.2.
        """
        if not isinstance(protocol, QSsl.SslProtocol):
            raise TypeError(f"protocol must be a QSsl.SslProtocol, not {type(protocol).__name__}")
        member = _FROM_QT.get(protocol)
        if member is None:
            raise ValueError(
                f"protocol {protocol.name} allows a version that is no longer secure; "
                "use TlsV1_2OrLater or DtlsV1_2OrLater"
            )
        return member

    @staticmethod
    def fromVersion(version: ProtocolVersion) -> Protocol:
        """Return the member for one version as the engine reports it."""
        return _FROM_VERSION[version]

    def toQt(self) -> QSsl.SslProtocol:
        """Return the value of Qt's enum.

        Raises:
            ValueError: This is DTLS 1.3, for which Qt has no value.
        """
        value = _TO_QT.get(self)
        if value is None:
            raise ValueError(f"QSsl.SslProtocol has no value for {self.name}")
        return value

    def range(self) -> tuple[ProtocolVersion, ProtocolVersion]:
        """Return the oldest and the newest version that this allows.

        Raises:
            ValueError: This is ``Unknown``, which allows nothing.
        """
        if self is Protocol.Unknown:
            raise ValueError("Protocol.Unknown has no range; use a version such as Protocol.TlsV1_2OrLater")
        return _RANGES[self]

    def isDatagram(self) -> bool:
        """Whether this is a version or a range of DTLS."""
        return self.name.startswith("Dtls")

    # Programs written for Qt compare with Qt's values. If none were ever equal, they would go wrong without a word.

    def __eq__(self, other: object) -> bool:
        return _TO_QT.get(self) is other if isinstance(other, QSsl.SslProtocol) else NotImplemented

    def __hash__(self) -> int:
        # That of the equal value of Qt's enum, in which one name is longer.
        return hash("UnknownProtocol" if self is Protocol.Unknown else self._name_)


_FROM_QT = {
    QSsl.SslProtocol.UnknownProtocol: Protocol.Unknown,
    QSsl.SslProtocol.TlsV1_2: Protocol.TlsV1_2,
    QSsl.SslProtocol.TlsV1_3: Protocol.TlsV1_3,
    QSsl.SslProtocol.DtlsV1_2: Protocol.DtlsV1_2,
    QSsl.SslProtocol.TlsV1_2OrLater: Protocol.TlsV1_2OrLater,
    QSsl.SslProtocol.TlsV1_3OrLater: Protocol.TlsV1_3OrLater,
    QSsl.SslProtocol.DtlsV1_2OrLater: Protocol.DtlsV1_2OrLater,
    QSsl.SslProtocol.SecureProtocols: Protocol.SecureProtocols,
    QSsl.SslProtocol.AnyProtocol: Protocol.SecureProtocols,
}

_TO_QT = {member: value for value, member in _FROM_QT.items() if value is not QSsl.SslProtocol.AnyProtocol}

_FROM_VERSION = {
    ProtocolVersion.UNKNOWN: Protocol.Unknown,
    ProtocolVersion.TLS_1_2: Protocol.TlsV1_2,
    ProtocolVersion.TLS_1_3: Protocol.TlsV1_3,
    ProtocolVersion.DTLS_1_2: Protocol.DtlsV1_2,
    ProtocolVersion.DTLS_1_3: Protocol.DtlsV1_3,
}

_RANGES = {
    Protocol.TlsV1_2: (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_2),
    Protocol.TlsV1_3: (ProtocolVersion.TLS_1_3, ProtocolVersion.TLS_1_3),
    Protocol.DtlsV1_2: (ProtocolVersion.DTLS_1_2, ProtocolVersion.DTLS_1_2),
    Protocol.DtlsV1_3: (ProtocolVersion.DTLS_1_3, ProtocolVersion.DTLS_1_3),
    Protocol.TlsV1_2OrLater: (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3),
    Protocol.TlsV1_3OrLater: (ProtocolVersion.TLS_1_3, ProtocolVersion.TLS_1_3),
    Protocol.DtlsV1_2OrLater: (ProtocolVersion.DTLS_1_2, ProtocolVersion.DTLS_1_3),
    Protocol.DtlsV1_3OrLater: (ProtocolVersion.DTLS_1_3, ProtocolVersion.DTLS_1_3),
    Protocol.SecureProtocols: (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3),
}
