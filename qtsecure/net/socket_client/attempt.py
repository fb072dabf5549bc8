"""One address: bound, connected, led through a proxy, encrypted. The race decides when each step begins."""

from __future__ import annotations

import enum
from typing import Protocol
from weakref import ref

from PySide6.QtCore import QMetaObject, QObject
from PySide6.QtNetwork import QAbstractSocket, QNetworkProxy, QSsl
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.failures import handshakeFailure
from qtsecure.net.proxies.negotiator import ProxyNegotiator
from qtsecure.net.proxies.protocols import unsupportedProxy
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.socket_client.enumeration import Destination
from qtsecure.net.socket_client.events import ClientEvent
from qtsecure.net.socket_client.failures import Step, connectingError, prefixed
from qtsecure.net.socket_client.local_connecting import LocalConnecting
from qtsecure.net.socket_client.settings import ConnectSettings
from qtsecure.net.socket_client.unix_address import UnixAddress
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.data_path import nobody

__all__ = ["Attempt", "AttemptOwner"]

_State = QAbstractSocket.SocketState
_NO_PROXY = QNetworkProxy.ProxyType.NoProxy


class Stage(enum.Enum):
    """How far an attempt is."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    NEGOTIATING = "negotiating"
    HANDSHAKING = "handshaking"
    OVER = "over"


class AttemptOwner(Protocol):
    """Whom an attempt tells what happens; any of these calls may end it."""

    def attemptConnected(self, attempt: Attempt) -> None:
        """The TCP connection stands; secure() goes on."""

    def attemptSucceeded(self, attempt: Attempt) -> None:
        """The connection is ready; take it with release()."""

    def attemptFailed(self, attempt: Attempt, step: Step, error: SecureError) -> None:
        """It is over, and its socket is closed."""

    def tell(self, event: ClientEvent, connection: SslSocket | None) -> bool:
        """Tell the program; whether the operation goes on."""

    def relay(self, signal: str, *arguments: object) -> None:
        """Emit the client's signal of the same name as the connection's."""

    def hearsPreSharedKeys(self) -> bool:
        """Whether the program would answer the client's preSharedKeyAuthenticationRequired."""


class Attempt:
    """A socket on its way to one address; a SocketObserver of it until it is ready.

    Args:
        destination: The address.
        name: What the program wants to connect to, for sentences.
        identity: What the server's certificate must prove.
        settings: Of the operation.
        owner: The race.
    """

    def __init__(
        self, destination: Destination, name: str, identity: str, settings: ConnectSettings, owner: AttemptOwner
    ) -> None:
        self.destination = destination
        self.connection = SslSocket()
        self._name = name
        self._identity = identity
        self._settings = settings
        self._owner: AttemptOwner | None = owner
        self._stage = Stage.NEW
        self._scheduler = schedulerOfThisThread()
        self._connections: list[QMetaObject.Connection] = []
        self._local: LocalConnecting | None = None
        self._negotiation: ProxyNegotiator | None = None
        self.connection._leadsTo(destination)
        self._prepare(self.connection)

    # --------------------------------------------------------------------------- steps

    def bind(self) -> SecureError | None:
        """Choose the own address if there is one to choose; what went wrong, or None."""
        own = self._settings.localAddress
        if own is None or isinstance(self.destination, UnixAddress):
            return None
        socket = self.connection
        if socket.bind(own.address(), own.port(), QAbstractSocket.BindFlag.ReuseAddressHint):
            return None
        return connectingError(socket, "")

    def connect(self) -> None:
        """Begin to connect. A slot of the Connecting event may have done anything to the socket."""
        self._stage = Stage.CONNECTING
        socket, destination = self.connection, self.destination
        if not isValid(socket):
            self._socketGone()
            return
        self._connections.append(socket.connected.connect(plainSlot(self._connected)))
        self._watchEnd(socket)
        if isinstance(destination, UnixAddress):
            self._local = LocalConnecting(
                socket,
                destination.path(),
                self._settings.tls is not None,
                self._settings.timeout,
                self._connected,
                self._connectingFailed,
            )
            self._local.start()
        elif not destination.port():
            self._scheduler.defer(self._portIsZero)
        else:
            socket.connectToHost(destination.address(), destination.port())
            self._awaitTls()

    def secure(self) -> None:
        """The TCP connection stands, and it is this attempt's turn."""
        if not self._stands():
            self._endedEarly()
            return
        proxy = self._proxy()
        if proxy is None:
            self._beginTls()
        elif proxy.protocol() in self._settings.applicationProxies:
            self._succeed()  # the program talks to the proxy itself, perhaps with TLS afterwards
        else:
            self._negotiate(proxy)

    def release(self) -> SslSocket:
        """Hand the connection over to the program, which hears of what comes when it has been told."""
        self._letGo()
        self.connection._letRead()
        return self.connection

    def abort(self) -> None:
        """Close the socket and say nothing any more."""
        self._letGo()
        if isValid(self.connection):
            self.connection.abort()

    # ---------------------------------------------------------------------- connecting

    def _prepare(self, socket: SslSocket) -> None:
        """Apply the settings of the operation to a new socket."""
        socket.setProxy(QNetworkProxy(_NO_PROXY))  # which proxy is used has been decided
        socket.setTimeout(self._settings.timeout)
        socket.setHandshakeTimeout(self._settings.handshakeTimeout)
        socket._dataPath.observer = ref(self)

    def _watchEnd(self, socket: SslSocket) -> None:
        self._connections.append(socket.stateChanged.connect(plainSlot(self._stateChanged)))
        self._connections.append(socket.destroyed.connect(plainSlot(self._socketGone)))

    def _awaitTls(self) -> None:
        """What the program writes from now on goes out encrypted, once the handshake is complete."""
        if self._settings.tls is not None and self._proxy() is None and isValid(self.connection):
            self.connection._awaitTls()

    def _proxy(self) -> ProxyAddress | None:
        """The proxy that the address is one of."""
        return self.destination if isinstance(self.destination, ProxyAddress) else None

    def _connected(self) -> None:
        if self._stage is Stage.CONNECTING and self._owner is not None:
            self._stage = Stage.CONNECTED
            if self._proxy() is None:
                self._reach()
            if self._hasArrived():
                # Neither what the server says nor its end shall come before TLS or before the program is there.
                self.connection._withhold()
            # From the event loop: slots of the socket's own signal may be waiting for their turn.
            self._settings.turns.add(self._tellConnected)

    def _reach(self) -> None:
        """From now on the connection is one to the server, whatever address or proxy it leads through."""
        destination = self.destination
        if isinstance(destination, ProxyAddress):
            self.connection._reaches(self._identity, destination.destinationPort())
        elif self._identity and not isinstance(destination, UnixAddress):
            self.connection._reaches(self._identity, destination.port())

    def _hasArrived(self) -> bool:
        """Whether nothing but events lies between the TCP connection and TLS, or success."""
        proxy = self._proxy()
        return proxy is None or proxy.protocol() in self._settings.applicationProxies

    def _tellConnected(self) -> None:
        if self._stage is Stage.CONNECTED and self._owner is not None:
            self._owner.attemptConnected(self)

    def _portIsZero(self) -> None:
        self._connectingFailed(
            SecureError(SecureError.Code.ConnectionRefused, "Nothing can listen on port 0; give a port.")
        )

    def _connectingFailed(self, error: SecureError) -> None:
        self._fail(Step.CONNECTING, prefixed(error, self._prefix()))

    def _prefix(self) -> str:
        proxy = self._proxy()
        if proxy is not None:
            return f"Could not connect to proxy server {proxy.address().toString()}"
        return f"Could not connect to {self._name}"

    # -------------------------------------------------------------------------- proxies

    def _negotiate(self, proxy: ProxyAddress) -> None:
        self._stage = Stage.NEGOTIATING
        if not ProxyNegotiator.supportsProxy(proxy.protocol()):
            self._fail(Step.PROXY, unsupportedProxy(proxy.protocol()))
            return
        if not self._tell(ClientEvent.ProxyNegotiating):
            return
        self._negotiation = ProxyNegotiator(self.connection, proxy)
        if self._settings.proxyTls is not None:
            self._negotiation.setSslConfiguration(self._settings.proxyTls)
        if self._settings.timeout > 0:  # else the negotiator's own: a proxy must not keep us waiting for ever
            self._negotiation.setTimeout(self._settings.timeout)
        self._negotiation.negotiated.connect(plainSlot(self._negotiated))
        self._negotiation.failed.connect(plainSlot(self._negotiationFailed))
        self._negotiation.start()

    def _negotiated(self, connection: SslSocket) -> None:
        if self._stage is not Stage.NEGOTIATING:
            return
        self._negotiation = None
        self._stage = Stage.CONNECTED
        if connection is not self.connection:  # the one to an https proxy is its transport now
            self._unwatch()
            self.connection = connection
            connection._leadsTo(self.destination)
            self._prepare(connection)
            self._watchEnd(connection)
        self._reach()
        connection._withhold()
        if self._settings.tls is not None:
            connection._awaitTls()
        if self._tell(ClientEvent.ProxyNegotiated):
            self._beginTls()

    def _negotiationFailed(self, error: SecureError) -> None:
        self._negotiation = None
        self._fail(Step.PROXY, error)

    # ---------------------------------------------------------------------------- TLS

    def _beginTls(self) -> None:
        if self._settings.tls is None:
            self._succeed()
            return
        self._stage = Stage.HANDSHAKING
        socket = self.connection
        socket._awaitTls()
        socket.setSslConfiguration(self._settings.tls)
        socket.setPeerVerifyName(self._identity)
        if not self._tell(ClientEvent.TlsHandshaking):
            return
        if socket.isEncrypted():
            self._socketEncrypted(socket)  # a slot of an earlier event has begun it, and waited
        else:
            socket.startClientEncryption()  # which reads again

    def _tell(self, event: ClientEvent) -> bool:
        """Tell the program; whether the attempt can go on."""
        if self._owner is None or not self._owner.tell(event, self.connection) or self._stage is Stage.OVER:
            return False
        if self._stands():
            return True
        self._endedEarly()
        return False

    def _stands(self) -> bool:
        """Whether the socket is still there and connected; slots may have done anything to it."""
        return isValid(self.connection) and self.connection.state() == _State.ConnectedState

    # ---------------------------------------------------------------------------- ends

    def _succeed(self) -> None:
        if self._owner is not None and self._stage is not Stage.OVER:
            self._owner.attemptSucceeded(self)

    def _fail(self, step: Step, error: SecureError) -> None:
        owner = self._owner
        if owner is None or self._stage is Stage.OVER:
            return
        self.abort()
        owner.attemptFailed(self, step, error)

    def _letGo(self) -> None:
        self._stage = Stage.OVER
        self._owner = None
        if self._local is not None:
            self._local.abort()
            self._local = None
        if self._negotiation is not None:
            self._negotiation.abort()
            self._negotiation = None
        self._unwatch()

    def _unwatch(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            QObject.disconnect(connection)
        if isValid(self.connection):
            self.connection._dataPath.observer = nobody

    def _stateChanged(self, state: QAbstractSocket.SocketState) -> None:
        if state == _State.UnconnectedState:
            # An error comes next, and says more; there is none if a slot has aborted the connection.
            self._scheduler.defer(self._socketEnded)

    def _socketEnded(self) -> None:
        # While a proxy is asked, it is the negotiation that tells what has happened.
        if self._stage is not Stage.NEW and self._negotiation is None and not self._isAlive():
            self._endedEarly()

    def _endedEarly(self) -> None:
        step = {Stage.HANDSHAKING: Step.TLS, Stage.NEGOTIATING: Step.PROXY}.get(self._stage, Step.CONNECTING)
        text = "The connection was closed while it was being made."
        self._fail(step, SecureError(SecureError.Code.Closed, text))

    def _isAlive(self) -> bool:
        return isValid(self.connection) and self.connection.state() != _State.UnconnectedState

    def _socketGone(self, *arguments: object) -> None:
        self._scheduler.defer(self._socketEnded)

    # ------------------------------------------------- from the socket (SocketObserver)

    def _wantsPreSharedKeys(self) -> bool:
        # Keys are for the server, and no https proxy is offered one.
        return self._stage is Stage.HANDSHAKING and self._owner is not None and self._owner.hearsPreSharedKeys()

    def _wantsHostChoices(self) -> bool:
        return False  # servers choose

    def _socketTraced(self, socket: SocketBase, direction: str, name: str, size: int) -> None:
        if self._owner is not None:
            self._owner.relay("handshakeMessage", socket, direction, name, size)

    def _socketAsks(self, socket: SocketBase, signal: str, argument: object) -> None:
        if self._owner is not None:
            self._owner.relay(signal, socket, argument)

    def _socketAlert(
        self, socket: SocketBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str
    ) -> None:
        if self._owner is not None:
            self._owner.relay("alertSent" if sent else "alertReceived", socket, level, kind, text)

    def _socketEncrypted(self, socket: SocketBase) -> None:
        if self._stage is Stage.HANDSHAKING and self._tell(ClientEvent.TlsHandshaked):
            self._succeed()

    def _socketFailed(self, socket: SocketBase, error: QAbstractSocket.SocketError) -> None:
        if self._stage is Stage.HANDSHAKING:
            self._fail(Step.TLS, handshakeFailure(self.connection.failure(), self.connection.errorString()))
        elif self._stage in (Stage.CONNECTING, Stage.CONNECTED):
            self._fail(Step.CONNECTING, connectingError(self.connection, self._prefix()))

    def _socketDisconnected(self, socket: SocketBase) -> None:
        pass  # stateChanged tells
