"""A QTcpSocket behind a SOCKS 5 or HTTP proxy; Qt speaks with the proxy, we with the host behind it."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakMethod

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QAuthenticator, QNetworkProxy

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.proxies.proxy_errors import proxyErrorText
from qtsecure.net.transports.device_stream import DeviceStream
from qtsecure.net.transports.qt_socket_stream import QtSocketStream
from qtsecure.net.transports.stream import StreamOwner

__all__ = ["ProxyStream"]


class ProxyStream(QtSocketStream):
    """A connection through a proxy.

    Args:
        owner: Whom to tell what happens.
        proxy: The proxy.
        authenticate: A method that is called when the proxy demands a user name and a password,
            to put them into the authenticator.
    """

    def __init__(
        self,
        owner: StreamOwner,
        proxy: QNetworkProxy,
        authenticate: Callable[[QNetworkProxy, QAuthenticator], None],
    ) -> None:
        super().__init__(owner, proxy)
        self._tcp().setReadBufferSize(0)  # see _boundDevice()
        self._proxy = proxy
        self._authenticate = WeakMethod(authenticate)
        self._tcp().proxyAuthenticationRequired.connect(self.onProxyAuthenticationRequired)

    def _boundDevice(self, reading: bool) -> None:
        # Qt's engine for SOCKS 5 does not always go on after a read buffer was full, so its data has to
        # wait in memory while nobody reads.
        if self._proxy.type() != QNetworkProxy.ProxyType.Socks5Proxy:
            DeviceStream._boundDevice(self, reading)

    def connectToName(self, hostName: str, port: int) -> None:
        """Begin to connect; the proxy looks the name up."""
        self._starting = True
        self._tcp().connectToHost(
            hostName, port, QIODevice.OpenModeFlag.ReadWrite, QAbstractSocket.NetworkLayerProtocol.AnyIPProtocol
        )
        self._starting = False

    def _hasTime(self) -> bool:
        return True  # Qt's engine of the proxy may be gone when it is served later

    def sendNow(self) -> int:
        return 0  # Qt's engine has a socket of its own, which would keep it

    def takeWhatWaits(self) -> None:
        return None  # Qt's engine of the proxy need not survive the look

    def onProxyAuthenticationRequired(self, proxy: QNetworkProxy, authenticator: QAuthenticator) -> None:
        """The proxy wants to know who is asking."""
        authenticate = self._authenticate()
        if authenticate is None or self._device is None:
            return
        self._depth += 1
        try:
            authenticate(proxy, authenticator)
        finally:
            # Qt's engine of the proxy goes on after the slot, and does not survive an abort() before that.
            schedulerOfThisThread().defer(self._slotReturned)

    def _errorText(self, error: QAbstractSocket.SocketError, text: str) -> str:
        return proxyErrorText(error, self._proxy) or text
