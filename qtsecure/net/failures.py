"""Failures of connections as SecureError: one vocabulary for TLS, DTLS and the network below."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.events import FailureKind, StreamFailed
from qtsecure.errors import SecureError
from qtsecure.net.native_sockets.socket_errors import isNetworkUnreachable

__all__ = ["handshakeFailure", "networkFailure", "tlsFailure"]

_Code = SecureError.Code
_Error = QAbstractSocket.SocketError

_KINDS = {
    FailureKind.NOT_TLS: _Code.NotTls,
    FailureKind.CERTIFICATE_REJECTED: _Code.BadCertificate,
    FailureKind.CERTIFICATE_REQUIRED: _Code.CertificateRequired,
    FailureKind.ENDED_IN_HANDSHAKE: _Code.Closed,
    FailureKind.TIMED_OUT: _Code.TimedOut,
    FailureKind.TRUNCATED: _Code.UncleanClose,
}
_NETWORK = {
    _Error.ConnectionRefusedError: _Code.ConnectionRefused,
    _Error.RemoteHostClosedError: _Code.Closed,
    _Error.HostNotFoundError: _Code.HostNotFound,
    _Error.SocketTimeoutError: _Code.TimedOut,
    _Error.NetworkError: _Code.HostUnreachable,
    _Error.SocketAddressNotAvailableError: _Code.InvalidArgument,
    _Error.UnsupportedSocketOperationError: _Code.NotSupported,
    _Error.SslHandshakeFailedError: _Code.TlsMisc,
    _Error.SslInternalError: _Code.TlsMisc,
    _Error.SslInvalidUserDataError: _Code.InvalidArgument,
    _Error.ProxyAuthenticationRequiredError: _Code.ProxyNeedAuth,
    _Error.ProxyConnectionRefusedError: _Code.ProxyFailed,
    _Error.ProxyConnectionClosedError: _Code.ProxyFailed,
    _Error.ProxyConnectionTimeoutError: _Code.TimedOut,
    _Error.ProxyNotFoundError: _Code.ProxyFailed,
    _Error.ProxyProtocolError: _Code.ProxyFailed,
}


def tlsFailure(failure: StreamFailed) -> SecureError:
    """What the engine says of its end."""
    code = _KINDS.get(failure.kind, _Code.TlsMisc)
    if failure.alert == AlertDescription.CERTIFICATE_REQUIRED:
        code = _Code.CertificateRequired  # in TLS 1.3 it comes when the client believes to be connected
    elif failure.kind is FailureKind.HANDSHAKE and failure.alert is not None:
        code = _Code.HandshakeRefused
    return SecureError(code, failure.message, alert=failure.alert, engineReasons=failure.engine_reasons)


def handshakeFailure(failure: SecureError | None, text: str, prefix: str = "") -> SecureError:
    """What SocketClient says of a TLS handshake that has failed, with a server or with an https proxy.

    A peer that hangs up in the handshake does not speak TLS, as far as anybody can tell: ``NotTls``, as Gio says. (The
    failure() of the connection itself stays ``Closed``, next to Qt's RemoteHostClosedError.)

    Args:
        failure: The connection's.
        text: Its errorString(), for one that tells no failure.
        prefix: Whom it concerns, if that is to be said.
    """
    failure = failure or SecureError(_Code.Closed, text)
    code = _Code.NotTls if failure.code is _Code.Closed else failure.code
    return SecureError(code, prefix + failure.message, alert=failure.alert, engineReasons=failure.engineReasons)


def networkFailure(error: QAbstractSocket.SocketError, message: str) -> SecureError:
    """What the network says, or whoever else has set one of Qt's errors."""
    if error == _Error.NetworkError and isNetworkUnreachable(message):
        return SecureError(_Code.NetworkUnreachable, message)
    return SecureError(_NETWORK.get(error, _Code.Failed), message)
