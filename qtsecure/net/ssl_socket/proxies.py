"""Connecting through a SOCKS 5 or HTTP proxy, the socket's own or the application's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QAbstractSocket, QAuthenticator, QHostAddress, QNetworkProxy, QNetworkProxyFactory
from PySide6.QtNetwork import QNetworkProxyQuery as Query
from shiboken6 import isValid

from qtsecure.net import late
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.connecting import Connecting
from qtsecure.net.ssl_socket.socket_options import SocketOptions

if TYPE_CHECKING:
    from qtsecure.net.transports.proxy_stream import ProxyStream
    from qtsecure.net.transports.stream import StreamTransport

__all__ = ["Proxies"]

_State = QAbstractSocket.SocketState
_Error = QAbstractSocket.SocketError
_Type = QNetworkProxy.ProxyType
_Capability = QNetworkProxy.Capability
_NO_PROXY = _Type.NoProxy
_proxiesFor = QNetworkProxyFactory.proxyForQuery
_DIRECT = QNetworkProxy(_NO_PROXY)


class Proxies(SocketOptions):
    """The proxy methods of SslSocket."""

    _proxy: QNetworkProxy | None = None
    _protocolTag = ""

    def proxy(self) -> QNetworkProxy:
        """The proxy of setProxy(); of type DefaultProxy at first, which means the application's."""
        return QNetworkProxy(self._proxy) if self._proxy is not None else QNetworkProxy(_Type.DefaultProxy)

    def setProxy(self, networkProxy: QNetworkProxy | QNetworkProxy.ProxyType) -> None:
        """Connect through this proxy from the next connection on (QAbstractSocket::setProxy).

        The name of the host goes to the proxy, which looks it up. Without this call the application's
        proxy is used, or what its QNetworkProxyFactory says; those are never asked for addresses of
        this machine. NoProxy connects directly.

        Raises:
            TypeError: For anything but a QNetworkProxy or the type of one.
        """
        if not isinstance(networkProxy, (QNetworkProxy, _Type)):
            raise TypeError(f"networkProxy must be a QNetworkProxy, not {type(networkProxy).__name__}.")
        self._proxy = QNetworkProxy(networkProxy)

    def protocolTag(self) -> str:
        """The tag of setProtocolTag()."""
        return self._protocolTag

    def setProtocolTag(self, tag: str) -> None:
        """Name the protocol for the application's QNetworkProxyFactory, for example "smtp".

        Raises:
            TypeError: For anything but a str.
        """
        if not isinstance(tag, str):
            raise TypeError(f"tag must be a str, not {type(tag).__name__}.")
        self._protocolTag = tag

    # --------------------------------------------------------------------------- inside

    def _lookUp(self) -> None:
        attempt = self._attempt
        proxy = Proxies._chooseProxy(self, attempt.hostName, attempt.port)
        if proxy is None:
            self._giveUp(
                _Error.UnsupportedSocketOperationError,
                "The proxy cannot carry TLS connections; choose one of type Socks5Proxy or HttpProxy.",
            )
            return
        if proxy is _DIRECT:
            super()._lookUp()
            return
        if self._dataPath.transport is not None:
            self._giveUp(
                _Error.UnsupportedSocketOperationError,
                "A socket that is bound to an own address cannot connect through a proxy; setProxy(NoProxy) or do not "
                "bind.",
            )
            return
        attempt.proxy = proxy
        literal = QHostAddress(attempt.hostName.strip("[]"))
        if not literal.isNull() or not proxy.capabilities() & _Capability.HostNameLookupCapability:
            super()._lookUp()
        elif SocketBase._setState(self, _State.ConnectingState) and SocketBase._isIn(self, _State.ConnectingState):
            stream = self._proxyStream(proxy)
            self._dataPath.transport = stream
            Connecting._startAddressDeadline(self)
            stream.connectToName(attempt.hostName, attempt.port)

    def _chooseProxy(self, hostName: str, port: int) -> QNetworkProxy | None:
        """The first proxy that can carry a stream, perhaps _DIRECT; None when there is none."""
        own = self._proxy
        if own is not None and own.type() != _Type.DefaultProxy:
            candidates = [own]
        else:
            candidates = _proxiesFor(Query(hostName, port, self._protocolTag))  # of type TcpSocket
        for proxy in candidates:
            if proxy.type() is _NO_PROXY:
                return _DIRECT
            if proxy.capabilities() & _Capability.TunnelingCapability:
                return proxy
        return None

    def _makeTransport(self) -> StreamTransport:
        return self._proxyStream(self._attempt.proxy) if self._attempt.proxy is not None else super()._makeTransport()

    def _proxyStream(self, proxy: QNetworkProxy) -> ProxyStream:
        return late.ProxyStream(self._dataPath, proxy, self._proxyAsks)

    def _proxyAsks(self, proxy: QNetworkProxy, authenticator: QAuthenticator) -> None:
        """The user's time is not the proxy's fault: the deadline pauses."""
        attempt = self._attempt
        Connecting._cancelAddressDeadline(self)
        self.proxyAuthenticationRequired.emit(proxy, authenticator)
        if isValid(self) and self._attempt is attempt and SocketBase._isIn(self, _State.ConnectingState):
            Connecting._startAddressDeadline(self)
