"""Sentences for what goes wrong with a proxy."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket, QNetworkProxy

__all__ = ["proxyErrorText"]

_Error = QAbstractSocket.SocketError

_TEXTS = {
    _Error.ProxyConnectionRefusedError: "The proxy {} refused the connection; check its address and port.",
    _Error.ProxyConnectionClosedError: "The proxy {} closed the connection before the host was reached.",
    _Error.ProxyConnectionTimeoutError: "The proxy {} did not answer in time; check its address and the network.",
    _Error.ProxyNotFoundError: "The proxy {} was not found; check its name.",
    _Error.ProxyProtocolError: "The proxy {} gave an answer that makes no sense; check that it is of the right type.",
    _Error.ProxyAuthenticationRequiredError: (
        "The proxy {} demands a user name and a password; "
        "give the right ones with setProxy(), or in a slot of proxyAuthenticationRequired."
    ),
}


def proxyErrorText(error: QAbstractSocket.SocketError, proxy: QNetworkProxy) -> str:
    """A sentence that names the proxy, or an empty one when the error is not the proxy's."""
    text = _TEXTS.get(error, "")
    return text.format(f"{proxy.hostName()}:{proxy.port()}") if text else ""
