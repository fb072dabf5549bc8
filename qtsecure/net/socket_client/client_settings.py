"""The settings of SocketClient: getters, setters, and the sample of them that an operation begins with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.arguments import checkBool, checkInt, checkLeast, checkTimeout
from qtsecure.net.socket_client.enumeration import LookupPlan
from qtsecure.net.socket_client.inet_address import InetAddress
from qtsecure.net.socket_client.resolver import NameResolver
from qtsecure.net.socket_client.settings import ConnectSettings
from qtsecure.net.socket_client.system_resolver import SystemResolver
from qtsecure.net.socket_client.turn_queue import TurnQueue
from qtsecure.net.values import ConfigurationSource, SslConfiguration, configurationFrom

if TYPE_CHECKING:
    from qtsecure.net.proxies.resolver import ProxyResolver

__all__ = ["ClientSettings"]

_Layer = QAbstractSocket.NetworkLayerProtocol
_FAMILIES = (_Layer.AnyIPProtocol, _Layer.IPv4Protocol, _Layer.IPv6Protocol)
_TCP = 6  # IPPROTO_TCP
_SHORTEST_ATTEMPT_DELAY = 10  # RFC 8305, section 5: "MUST have a lower bound"
_VALIDATE_ALL = 0x7F  # G_TLS_CERTIFICATE_VALIDATE_ALL


class ClientSettings(QObject):
    """Each setting concerns the operations that begin after it was made."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._family = _Layer.AnyIPProtocol
        self._protocolNumber = 0
        self._localAddress: InetAddress | None = None
        self._timeout = 0
        self._overallTimeout = 0
        self._handshakeTimeout = 30_000
        self._attemptDelay = 250
        self._resolutionDelay = 50
        self._tls = False
        self._tlsConfiguration: SslConfiguration | None = None
        self._proxyTlsConfiguration: SslConfiguration | None = None
        self._enableProxy = True
        self._proxyResolver: ProxyResolver | None = None
        self._systemProxies: ProxyResolver | None = None
        self._resolver: NameResolver = SystemResolver()
        self._applicationProxies: frozenset[str] = frozenset()
        self._turns = TurnQueue()

    # --------------------------------------------------------------------------- sockets

    def family(self) -> QAbstractSocket.NetworkLayerProtocol:
        """The only kind of addresses that is tried; AnyIPProtocol, the default, for both."""
        return self._family

    def setFamily(self, family: QAbstractSocket.NetworkLayerProtocol) -> None:
        """Try addresses of one kind only; the others are not even looked up (g_socket_client_set_family).

        Raises:
            TypeError, ValueError: For anything but AnyIPProtocol, IPv4Protocol and IPv6Protocol.
        """
        if not isinstance(family, _Layer):
            raise TypeError(f"family must be a QAbstractSocket.NetworkLayerProtocol, not {type(family).__name__}.")
        if family not in _FAMILIES:
            raise ValueError(f"family must be AnyIPProtocol, IPv4Protocol or IPv6Protocol, not {family.name}.")
        self._family = family

    def socketType(self) -> QAbstractSocket.SocketType:
        """Always TcpSocket: a stream."""
        return QAbstractSocket.SocketType.TcpSocket

    def setSocketType(self, socketType: QAbstractSocket.SocketType) -> None:
        """Accepts TcpSocket, the only type there is (g_socket_client_set_socket_type); see DtlsPeer for datagrams.

        Raises:
            TypeError, ValueError: For anything else.
        """
        if not isinstance(socketType, QAbstractSocket.SocketType):
            raise TypeError(f"socketType must be a QAbstractSocket.SocketType, not {type(socketType).__name__}.")
        if socketType != QAbstractSocket.SocketType.TcpSocket:
            raise ValueError("socketType must be TcpSocket; for datagrams there is DtlsPeer.")

    def protocolNumber(self) -> int:
        """The number of the transport protocol: 0, which stands for TCP, or 6, which is TCP."""
        return self._protocolNumber

    def setProtocolNumber(self, protocolNumber: int) -> None:
        """Accepts 0 and 6 (g_socket_client_set_protocol).

        Raises:
            TypeError, ValueError: For anything else.
        """
        if checkInt(protocolNumber, name="protocolNumber") not in (0, _TCP):
            raise ValueError(f"protocolNumber must be 0 or {_TCP} (TCP), not {protocolNumber}.")
        self._protocolNumber = protocolNumber

    def localAddress(self) -> InetAddress | None:
        """The own address; None, the default, leaves the choice to the system."""
        return self._localAddress

    def setLocalAddress(self, address: InetAddress | None) -> None:
        """Bind each socket to an own address before it connects (g_socket_client_set_local_address).

        Only addresses of the same family are tried then, unless setFamily() says otherwise. Addresses to which a
        socket cannot be bound in this way are passed over. Local sockets are not concerned.

        Args:
            address: One of this machine's addresses; with port 0 the system chooses the port.

        Raises:
            TypeError: For anything but an InetAddress or None.
        """
        if address is not None and not isinstance(address, InetAddress):
            raise TypeError(f"address must be an InetAddress or None, not {type(address).__name__}.")
        self._localAddress = address

    # -------------------------------------------------------------------------- durations

    def timeout(self) -> int:
        """The limit for each step, in ms; 0 or -1 for none, which is the default."""
        return self._timeout

    def setTimeout(self, ms: int) -> None:
        """Limit each look-up, and the silence on each connection (g_socket_client_set_timeout, but in ms).

        A connection on which nothing has come or gone for so long is given up: while it is being made, through its
        proxy, in its TLS handshake, and afterwards, where SslSocket.setTimeout() changes it. All that is said with a
        proxy has to be over in that time, too; without a limit it has 30 s.

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._timeout = checkTimeout(ms, name="ms")

    def overallTimeout(self) -> int:
        """The limit for a whole operation, in ms; 0 or -1 for none, which is the default."""
        return self._overallTimeout

    def setOverallTimeout(self, ms: int) -> None:
        """Limit the time from the beginning of an operation to its end, whatever it does.

        What has come in time counts, though the program has stood still and sees it late: the event loop has a turn
        before the time is up, as long as the program was late.

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._overallTimeout = checkTimeout(ms, name="ms")

    def handshakeTimeout(self) -> int:
        """The limit for each TLS handshake, in ms; 30 000 by default, 0 or -1 for none."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, ms: int) -> None:
        """Limit each TLS handshake, from its first byte to its last (SslSocket.setHandshakeTimeout).

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._handshakeTimeout = checkTimeout(ms, name="ms")

    def attemptDelay(self) -> int:
        """After how many ms the next address is tried, too, while one is pending; 250 by default."""
        return self._attemptDelay

    def setAttemptDelay(self, ms: int) -> None:
        """Set the "Connection Attempt Delay" of RFC 8305, section 5; at least 10 ms.

        Raises:
            ValueError: For less.
        """
        self._attemptDelay = checkLeast(ms, _SHORTEST_ATTEMPT_DELAY, name="ms")

    def resolutionDelay(self) -> int:
        """How many ms IPv4 addresses wait for IPv6 ones that are being looked up; 50 by default."""
        return self._resolutionDelay

    def setResolutionDelay(self, ms: int) -> None:
        """Set the "Resolution Delay" of RFC 8305, section 3; 0 for none.

        Raises:
            ValueError: For a negative number.
        """
        self._resolutionDelay = checkLeast(ms, 0, name="ms")

    # -------------------------------------------------------------------------------- TLS

    def tls(self) -> bool:
        """Whether connections are encrypted; they are not by default."""
        return self._tls

    def setTls(self, tls: bool) -> None:
        """Encrypt each connection before it is handed over (g_socket_client_set_tls).

        The server has to prove the host name that was asked for, or the domain of the service. The scheme of a URI
        does not switch TLS on.

        Raises:
            TypeError: For anything but a bool.
        """
        self._tls = checkBool(tls, name="tls")

    def tlsConfiguration(self) -> SslConfiguration:
        """A copy of the configuration of encrypted connections; the default configuration unless set."""
        return (
            SslConfiguration(self._tlsConfiguration)
            if self._tlsConfiguration is not None
            else SslConfiguration.defaultConfiguration()
        )

    def setTlsConfiguration(self, configuration: ConfigurationSource | None) -> None:
        """Use this configuration (a copy of it): certificates, trust, protocols, ALPN. None restores the default.

        For one connection among others change it in a slot of clientEvent when the event is TlsHandshaking.

        Raises:
            TypeError, ValueError, SecureError: For anything that is no usable configuration.
        """
        self._tlsConfiguration = None if configuration is None else configurationFrom(configuration, role="client")

    def tlsValidationFlags(self) -> int:
        """Deprecated, as in Gio: always 127, "validate all"."""
        _warnValidationFlags()
        return _VALIDATE_ALL

    def setTlsValidationFlags(self, flags: int) -> None:
        """Deprecated, as in Gio, and without effect: no set of flags is safe.

        Connect to acceptCertificate for asking the user, or trust a certificate with setTlsConfiguration().
        """
        checkInt(flags, name="flags")
        _warnValidationFlags()

    # --------------------------------------------------------------------- names, proxies

    def resolver(self) -> NameResolver:
        """Who looks up names; the system's own ways unless set."""
        return self._resolver

    def setResolver(self, resolver: NameResolver | None) -> None:
        """Let another resolver look up names; None restores the default.

        Raises:
            TypeError: For anything but a NameResolver or None.
        """
        if resolver is not None and not isinstance(resolver, NameResolver):
            raise TypeError(f"resolver must be a NameResolver or None, not {type(resolver).__name__}.")
        self._resolver = resolver if resolver is not None else SystemResolver()

    def enableProxy(self) -> bool:
        """Whether a proxy resolver is asked; True by default."""
        return self._enableProxy

    def setEnableProxy(self, enable: bool) -> None:
        """Switch proxies on or off (g_socket_client_set_enable_proxy).

        Raises:
            TypeError: For anything but a bool.
        """
        self._enableProxy = checkBool(enable, name="enable")

    def proxyResolver(self) -> ProxyResolver:
        """Who says which proxy leads to a host; the settings of the system unless set."""
        if self._proxyResolver is not None:
            return self._proxyResolver
        if self._systemProxies is None:
            from qtsecure.net.proxies.system_resolver import SystemProxyResolver  # late: many programs have none

            self._systemProxies = SystemProxyResolver(self)
        return self._systemProxies

    def setProxyResolver(self, resolver: ProxyResolver | None) -> None:
        """Let another resolver choose proxies; None restores the default (g_socket_client_set_proxy_resolver).

        The client keeps the resolver. Whether it is asked is the matter of setEnableProxy().

        Raises:
            TypeError: For anything but a ProxyResolver or None.
        """
        from qtsecure.net.proxies.resolver import ProxyResolver

        if resolver is not None and not isinstance(resolver, ProxyResolver):
            raise TypeError(f"resolver must be a ProxyResolver or None, not {type(resolver).__name__}.")
        self._proxyResolver = resolver

    def proxyTlsConfiguration(self) -> SslConfiguration | None:
        """A copy of the configuration for TLS with an https proxy itself; None for that of a plain client."""
        return SslConfiguration(self._proxyTlsConfiguration) if self._proxyTlsConfiguration is not None else None

    def setProxyTlsConfiguration(self, configuration: ConfigurationSource | None) -> None:
        """Set how an https proxy proves its name; None, the default, trusts the system's authorities.

        What tlsConfiguration() contains, the own certificate above all, is never shown to a proxy.

        Raises:
            TypeError, ValueError, SecureError: For anything that is no usable configuration.
        """
        self._proxyTlsConfiguration = None if configuration is None else configurationFrom(configuration, role="client")

    def addApplicationProxy(self, protocol: str) -> None:
        """Hand connections to proxies of this protocol to the program (g_socket_client_add_application_proxy).

        Neither is the proxy asked for the way, nor does TLS begin. Look at the connection's remoteAddress(): if it is
        a ProxyAddress of the protocol, the program has to talk to the proxy.

        Args:
            protocol: The scheme of the proxy's URI, such as ``http``.

        Raises:
            TypeError, ValueError: For anything that is no scheme.
        """
        if not isinstance(protocol, str):
            raise TypeError(f"protocol must be a str, not {type(protocol).__name__}.")
        if not protocol or not protocol.isascii() or not protocol.replace("-", "").replace("+", "").isalnum():
            raise ValueError(f"protocol must be the scheme of a URI, such as 'http', not {protocol!r}.")
        self._applicationProxies |= {protocol.lower()}

    # ----------------------------------------------------------------------------- inside

    def _sample(self) -> ConnectSettings:
        """What an operation that begins now goes by."""
        family = self._family
        if family == _Layer.AnyIPProtocol and self._localAddress is not None:
            own = self._localAddress.family()
            family = own if own in _FAMILIES else family
        return ConnectSettings(
            lookups=LookupPlan(
                resolver=self._resolver,
                family=family,
                resolutionDelay=self._resolutionDelay,
                proxies=self.proxyResolver() if self._enableProxy else None,
            ),
            localAddress=self._localAddress,
            timeout=self._timeout,
            overallTimeout=self._overallTimeout,
            handshakeTimeout=self._handshakeTimeout,
            attemptDelay=self._attemptDelay,
            tls=self.tlsConfiguration() if self._tls else None,
            proxyTls=self.proxyTlsConfiguration(),
            applicationProxies=self._applicationProxies,
            turns=self._turns,
        )


def _warnValidationFlags() -> None:
    warnings.warn(
        "tlsValidationFlags has no effect, as no set of flags is safe; use acceptCertificate or setTlsConfiguration().",
        DeprecationWarning,
        stacklevel=4,  # our caller's caller, behind the check of its thread
    )
