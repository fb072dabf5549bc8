"""SocketClient: connects to hosts, services and local sockets (Gio.SocketClient)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import SIGNAL, QObject
from PySide6.QtNetwork import QSsl
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.socket_client.client_settings import ClientSettings
from qtsecure.net.socket_client.connectable import SocketConnectable
from qtsecure.net.socket_client.enumeration import Destination, ask
from qtsecure.net.socket_client.events import ClientEvent, progressText
from qtsecure.net.socket_client.network_address import NetworkAddress
from qtsecure.net.socket_client.network_service import NetworkService
from qtsecure.net.socket_client.operation import ConnectOperation
from qtsecure.net.socket_client.turn_queue import TurnQueue
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["SocketClient"]

_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject,PyObject)")
_GETTERS = (
    *("family", "socketType", "protocolNumber", "localAddress", "timeout", "overallTimeout", "handshakeTimeout"),
    *("attemptDelay", "resolutionDelay", "tls", "enableProxy", "resolver"),
)


@confinedToThread(harmless=(*_GETTERS, "onClientEvent"))
class SocketClient(ClientSettings):
    """Makes connections: looks names up, tries every address (RFC 8305), goes through proxies, encrypts.

    Any number of connections may be made at the same time; each takes the settings as they are when it begins. Nothing
    blocks, and nothing happens before the method that began it has returned. Use it in the thread that it lives in.

    A client that is deleted ends its operations without a word. A client that the program merely forgets lives on
    until they are finished.

    Args:
        parent: The QObject that owns it.
    """

    #: clientEvent(event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None): a step.
    clientEvent = Signal(object, object, object)
    #: connected(connection: SslSocket): an operation has succeeded.
    connected = Signal(object)
    #: failed(error: SecureError): an operation has failed.
    failed = Signal(object)
    #: progressChanged(text: str): a step, as a sentence for the user.
    progressChanged = Signal(str)

    #: sslErrors(connection: SslSocket, errors: list[SslError]): of a connection in its handshake, as on SslSocket.
    sslErrors = Signal(object, list)
    #: peerVerifyError(connection: SslSocket, error: SslError).
    peerVerifyError = Signal(object, object)
    #: handshakeInterruptedOnError(connection: SslSocket, error: SslError).
    handshakeInterruptedOnError = Signal(object, object)
    #: preSharedKeyAuthenticationRequired(connection: SslSocket, authenticator: PreSharedKeyAuthenticator).
    preSharedKeyAuthenticationRequired = Signal(object, object)
    #: alertSent(connection: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(connection: SslSocket, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: handshakeMessage(connection: SslSocket, direction: str, name: str, size: int): see setHandshakeTraceEnabled().
    handshakeMessage = Signal(object, str, str, int)
    #: acceptCertificate(connection: SslSocket, request: CertificateRequest): accept(), reject() or defer(). As the
    #: signals above it also concerns the certificate of an https proxy: connection.leadsToProxy() is true then.
    acceptCertificate = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: dict[int, ConnectOperation] = {}
        running, turns = self._running, self._turns
        # A function and not a method: see plain_slots.
        self.destroyed.connect(lambda: _abandonAll(running, turns))

    # ---------------------------------------------------------------------------- public

    def connectTo(self, connectable: SocketConnectable, cancellable: Cancellable | None = None) -> ConnectOperation:
        """Connect to an address, a host or a service (g_socket_client_connect_async).

        Args:
            connectable: A NetworkAddress, NetworkService, InetAddress or UnixAddress.
            cancellable: Its cancel() does what the operation's does.

        Returns:
            The operation, which begins from the event loop.

        Raises:
            TypeError: For arguments of other types. Failures arrive in the signals.
        """
        if not isinstance(connectable, SocketConnectable):
            raise TypeError(
                "connectable must be a NetworkAddress, a NetworkService, an InetAddress or a UnixAddress, "
                f"not {type(connectable).__name__}."
            )
        return self._connect(lambda: connectable, cancellable)

    def connectToHost(
        self, hostAndPort: str, defaultPort: int, cancellable: Cancellable | None = None
    ) -> ConnectOperation:
        """Connect to a host that a user has typed (g_socket_client_connect_to_host_async); see NetworkAddress.parse().

        Args:
            hostAndPort: ``HOST`` or ``HOST:PORT``. What cannot be understood makes the operation fail with
                ``InvalidArgument``, without any event.
            defaultPort: When there is no port in it.
            cancellable: Its cancel() does what the operation's does.

        Raises:
            TypeError, ValueError: For arguments of other types, or a default that is no port.
        """
        _checkText(hostAndPort, "hostAndPort")
        checkPort(defaultPort, name="defaultPort")
        return self._connect(lambda: NetworkAddress.parse(hostAndPort, defaultPort), cancellable)

    def connectToService(self, domain: str, service: str, cancellable: Cancellable | None = None) -> ConnectOperation:
        """Connect to a service of a domain (g_socket_client_connect_to_service_async); see NetworkService.

        Args:
            domain: Such as ``example.org``.
            service: Such as ``xmpp-client``. What can be no service or domain makes the operation fail with
                ``InvalidArgument``, without any event.
            cancellable: Its cancel() does what the operation's does.

        Raises:
            TypeError: For arguments of other types.
        """
        _checkText(domain, "domain")
        _checkText(service, "service")
        return self._connect(lambda: NetworkService(service, domain), cancellable)

    def connectToUri(self, uri: str, defaultPort: int, cancellable: Cancellable | None = None) -> ConnectOperation:
        """Connect to the host of a URI (g_socket_client_connect_to_uri_async); see NetworkAddress.parseUri().

        The scheme is told to the proxy resolver, and does not switch TLS on.

        Args:
            uri: Such as ``https://example.org``. What cannot be understood makes the operation fail with
                ``InvalidArgument``, without any event.
            defaultPort: When there is no port in it.
            cancellable: Its cancel() does what the operation's does.

        Raises:
            TypeError, ValueError: For arguments of other types, or a default that is no port.
        """
        _checkText(uri, "uri")
        checkPort(defaultPort, name="defaultPort")
        return self._connect(lambda: NetworkAddress.parseUri(uri, defaultPort), cancellable)

    def onClientEvent(self, event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        """Called before clientEvent is emitted; overridable, and does nothing here (GSocketClientClass.event)."""

    # ----------------------------------------------------------------------------- inside

    def _connect(
        self, connectable: Callable[[], SocketConnectable], cancellable: Cancellable | None
    ) -> ConnectOperation:
        if cancellable is not None and not isinstance(cancellable, Cancellable):
            raise TypeError(f"cancellable must be a Cancellable or None, not {type(cancellable).__name__}.")
        try:
            target = connectable()
        except SecureError as error:
            return self._failing(error)
        except ValueError as error:
            return self._failing(SecureError(SecureError.Code.InvalidArgument, str(error)))
        problem = ask(partial(_nameOf, target))  # the connectable may be the program's
        if problem is not None:
            return self._failing(problem)
        settings = self._sample()
        operation = ConnectOperation(self, target)
        self._running[id(operation)] = operation
        operation._begin(settings, cancellable)
        return operation

    def _failing(self, error: SecureError) -> ConnectOperation:
        operation = ConnectOperation(self, None)
        self._running[id(operation)] = operation
        operation._fail(error)
        return operation

    def _tell(
        self,
        event: ClientEvent,
        connectable: SocketConnectable,
        connection: SslSocket | None,
        proxy: ProxyAddress | None = None,
    ) -> None:
        """Tell the program about a step, in three ways; each may delete us. Resolved may have found a proxy."""
        try:
            self.onClientEvent(event, connectable, connection)
        except Exception:  # noqa: BLE001  # as PySide reports what a slot raises
            sys.excepthook(*sys.exc_info())
        if isValid(self):
            self.clientEvent.emit(event, connectable, connection)
        if not isValid(self):
            return
        text = progressText(event, _nameOf(connectable), _remoteText(proxy or _remoteOf(connection)))
        if text:
            self.progressChanged.emit(text)

    def _hearsPreSharedKeys(self) -> bool:
        return self.receivers(_PSK_SIGNAL) > 0


def _abandonAll(running: dict[int, ConnectOperation], turns: TurnQueue) -> None:
    """The client is no more."""
    turns.clear()
    operations = list(running.values())
    running.clear()
    for operation in operations:
        if isValid(operation):
            operation._abandon()


def _nameOf(connectable: SocketConnectable) -> str:
    return connectable.serverIdentity() or connectable.toString()


def _remoteOf(connection: SslSocket | None) -> Destination | None:
    return connection.remoteAddress() if connection is not None and isValid(connection) else None


def _remoteText(remote: Destination | None) -> str:
    if isinstance(remote, ProxyAddress):
        return f"the proxy {remote.hostName()} ({remote.address().toString()})"
    return remote.toString() if remote is not None else ""


def _checkText(text: str, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, not {type(text).__name__}.")
