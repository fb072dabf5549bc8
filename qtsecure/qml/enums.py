"""The enums that QML sees as ``Tls.State.Encrypted`` and so on."""

from __future__ import annotations

import enum

from PySide6.QtCore import QEnum, QObject
from PySide6.QtNetwork import QSslSocket

from qtsecure.net.trust.trust_decisions import TrustDecisions
from qtsecure.net.values import Protocol

__all__ = ["TlsEnums", "lifetimeFrom", "protocolFrom", "protocolText", "verifyModeFrom"]


class TlsEnums(QObject):
    """Holds the enums. A property's type is an enum of another class than its own: PySide demands it."""

    @QEnum
    class State(enum.Enum):
        """How far a connection is."""

        Unconnected = 0
        LookingUp = 1
        Connecting = 2
        Handshaking = 3
        Deciding = 4
        """The handshake waits for a user's answer."""
        Encrypted = 5
        Plain = 6
        """Connected, and not encrypted yet."""
        Closing = 7

    @QEnum
    class VerifyMode(enum.Enum):
        """What is demanded of a peer's certificate (QSslSocket::PeerVerifyMode)."""

        Automatic = 0
        NotAtAll = 1
        Query = 2
        Require = 3

    @QEnum
    class Protocol(enum.Enum):
        """The oldest version that is accepted."""

        Secure = 0
        V1_2 = 1
        V1_3 = 2

    @QEnum
    class Lifetime(enum.Enum):
        """How long a user's decision holds (TrustDecisions.Lifetime)."""

        Once = 0
        Session = 1
        Always = 2


_VERIFY_MODES = {
    TlsEnums.VerifyMode.Automatic: QSslSocket.PeerVerifyMode.AutoVerifyPeer,
    TlsEnums.VerifyMode.NotAtAll: QSslSocket.PeerVerifyMode.VerifyNone,
    TlsEnums.VerifyMode.Query: QSslSocket.PeerVerifyMode.QueryPeer,
    TlsEnums.VerifyMode.Require: QSslSocket.PeerVerifyMode.VerifyPeer,
}
_LIFETIMES = {
    TlsEnums.Lifetime.Once: TrustDecisions.Lifetime.Once,
    TlsEnums.Lifetime.Session: TrustDecisions.Lifetime.Session,
    TlsEnums.Lifetime.Always: TrustDecisions.Lifetime.Forever,
}
_PROTOCOLS = {
    TlsEnums.Protocol.Secure: Protocol.SecureProtocols,
    TlsEnums.Protocol.V1_2: Protocol.TlsV1_2OrLater,
    TlsEnums.Protocol.V1_3: Protocol.TlsV1_3OrLater,
}
_DATAGRAM_PROTOCOLS = {
    TlsEnums.Protocol.Secure: Protocol.SecureProtocols,
    TlsEnums.Protocol.V1_2: Protocol.DtlsV1_2OrLater,
    TlsEnums.Protocol.V1_3: Protocol.DtlsV1_3OrLater,
}
_TEXTS = {
    Protocol.TlsV1_2: "TLS 1.2",
    Protocol.TlsV1_3: "TLS 1.3",
    Protocol.DtlsV1_2: "DTLS 1.2",
    Protocol.DtlsV1_3: "DTLS 1.3",
}


def verifyModeFrom(mode: TlsEnums.VerifyMode) -> QSslSocket.PeerVerifyMode:
    """Qt's value."""
    return _VERIFY_MODES[mode]


def lifetimeFrom(lifetime: TlsEnums.Lifetime) -> TrustDecisions.Lifetime:
    """The value of TrustDecisions."""
    return _LIFETIMES[lifetime]


def protocolFrom(protocol: TlsEnums.Protocol, *, datagrams: bool = False) -> Protocol:
    """The value of SslConfiguration, for TLS or DTLS."""
    return (_DATAGRAM_PROTOCOLS if datagrams else _PROTOCOLS)[protocol]


def protocolText(protocol: Protocol) -> str:
    """A version for people; empty before one is agreed."""
    return _TEXTS.get(protocol, "")
