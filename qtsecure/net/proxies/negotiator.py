"""From a connection to a proxy to one to the destination behind it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QIODevice, QMetaObject, QObject, SignalInstance
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkTimeout
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.failures import handshakeFailure
from qtsecure.net.proxies import protocols
from qtsecure.net.proxies.http_connect import HttpConnectNegotiation
from qtsecure.net.proxies.negotiation import Negotiation, ProxyRequest
from qtsecure.net.proxies.proxy_address import ProxyAddress, credentialsOf
from qtsecure.net.proxies.socks4 import Socks4aNegotiation, Socks4Negotiation
from qtsecure.net.proxies.socks5 import Socks5Negotiation
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import ConfigurationSource, SslConfiguration, configurationFrom

__all__ = ["ProxyNegotiator"]

_Code = SecureError.Code
_Error = QAbstractSocket.SocketError
_CONNECTED = QAbstractSocket.SocketState.ConnectedState
_UNENCRYPTED = QSslSocket.SslMode.UnencryptedMode
_SHOWN_AT_ONCE = 64 * 1024
_TIMEOUT_MS = 30_000

_NEGOTIATIONS: dict[str, type[Negotiation]] = {
    "socks5": Socks5Negotiation,
    "socks4a": Socks4aNegotiation,
    "socks4": Socks4Negotiation,
    "http": HttpConnectNegotiation,
    "https": HttpConnectNegotiation,
}


@confinedToThread(harmless=("timeout", "supportsProxy", "takesHostNames"))
class ProxyNegotiator(QObject):
    """Makes a connection to a proxy one to what is behind it (Gio.Proxy).

    Reads not one byte beyond the proxy's answer. Once it is done, nothing of it is left on the
    connection: what the destination sends is announced by readyRead after the slots of ``negotiated``,
    and TLS may begin in these slots. peerName() is the destination then, whose certificate has to prove
    that name unless setPeerVerifyName() says another. A connection through which nothing was reached is aborted.

    Nothing is emitted before start() has returned, and one of the signals at most. Deleting the
    negotiator or abort() ends it silently. What is written to the connection meanwhile waits, and goes to
    the destination.

    Args:
        socket: Connected to the proxy, without TLS. Leave it alone until one of the signals.
        address: The proxy, and what to reach through it. For a protocol that does not take host names
            (see takesHostNames()) the destination has to be an IPv4 address, which the caller has
            looked up.
        parent: The QObject that owns it.

    Raises:
        TypeError: An argument has the wrong type.
    """

    #: negotiated(connection: SslSocket): the same, or for an https proxy a new one inside its TLS, which has the
    #: configuration, the name to verify, the read buffer size and the parent of the other, and owns it.
    negotiated = Signal(object)
    #: failed(error: SecureError): the proxy refused, made no sense, took too long or went away.
    failed = Signal(object)

    def __init__(self, socket: SslSocket, address: ProxyAddress, parent: QObject | None = None) -> None:
        if not isinstance(socket, SslSocket):
            raise TypeError(f"socket must be an SslSocket, not {type(socket).__name__}.")
        if not isinstance(address, ProxyAddress):
            raise TypeError(f"address must be a ProxyAddress, not {type(address).__name__}.")
        super().__init__(parent)
        self._socket: SslSocket | None = socket
        self._address = address
        self._timeout = _TIMEOUT_MS
        self._configuration: SslConfiguration | None = None
        self._negotiation: Negotiation | None = None
        self._inner: tuple[SslConfiguration, str] | None = None  # of the TLS to the destination
        self._connections: list[QMetaObject.Connection] = []
        self._deadline: Deadline | None = None
        self._outcome: SecureError | None = None
        self._started = False
        self._awaitsTls = False
        self._early = b""

    # ---------------------------------------------------------------------------- public

    @staticmethod
    def supportsProxy(protocol: str) -> bool:
        """Whether proxies of this protocol, in lower case, are known: socks5, socks4a, socks4, http, https."""
        return protocols.supportsProxy(protocol)

    @staticmethod
    def takesHostNames(protocol: str) -> bool:
        """Whether such a proxy looks up the destination's name; else the caller does (socks4)."""
        return protocols.takesHostNames(protocol)

    def timeout(self) -> int:
        """How long all of it may take, in ms; 0 or -1 for no limit."""
        return self._timeout

    def setTimeout(self, ms: int) -> None:
        """Limit the negotiation from start() to its end; 30 000 ms unless set. Takes effect with start().

        While a certificate of an https proxy waits for a decision, the time does not count.

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._timeout = checkTimeout(ms, name="ms")

    def setSslConfiguration(self, configuration: ConfigurationSource) -> None:
        """How to speak TLS with an https proxy; without it, as a client that trusts the system's authorities.

        The configuration of the connection itself is for the destination, and never shown to the proxy.
        """
        self._configuration = configurationFrom(configuration, role="client")

    def start(self) -> None:
        """Begin.

        Raises:
            SecureError: It was begun before (``Pending``).
        """
        if self._started:
            raise SecureError(_Code.Pending, "start() was called before; each ProxyNegotiator serves one connection.")
        self._started = True
        socket = self._socket
        if socket is None or not isValid(socket) or socket.state() != _CONNECTED or socket.mode() != _UNENCRYPTED:
            self._settle(SecureError(_Code.Closed, "The connection to the proxy does not stand, or has TLS already."))
            return
        try:
            self._negotiation = self._makeNegotiation()
        except SecureError as error:
            self._settle(error)
            return
        self._hold(socket)
        self._limitTime()
        self._listen(socket.errorOccurred, self._onErrorOccurred)
        self._listen(socket.disconnected, self._onDisconnected)
        self._listen(socket.destroyed, self._onDestroyed)
        if self._address.protocol() == "https":
            self._beginTls(socket)
        else:
            self._begin()

    def abort(self) -> None:
        """End without a signal, and abort the connection; harmless when it is over."""
        socket, self._socket = self._socket, None
        self._letGo()
        if socket is not None and isValid(socket):
            socket.abort()

    # ----------------------------------------------------------------------- conversation

    def _makeNegotiation(self) -> Negotiation:
        address = self._address
        make = _NEGOTIATIONS.get(address.protocol())
        if make is None:
            raise protocols.unsupportedProxy(address.protocol())
        user, password = credentialsOf(address)
        return make(
            ProxyRequest(address.destinationHostName(), address.destinationPort(), self._proxyName(), user, password)
        )

    def _beginTls(self, socket: SslSocket) -> None:
        """TLS with the proxy, which has to prove its own name and sees nothing of what is for the destination."""
        self._inner = (socket.sslConfiguration(), socket.peerVerifyName())
        configuration = self._configuration
        socket.setSslConfiguration(SslConfiguration.forClient() if configuration is None else configuration)
        socket.setPeerVerifyName(self._address.hostName())
        self._listen(socket.encrypted, self._begin)
        socket._dataPath.held = True  # slots of encrypted that come first may write, and run an event loop
        socket.startClientEncryption()

    def _begin(self) -> None:
        socket = self._socket
        if socket is None or not isValid(self):
            return
        if self._inner is not None:
            self._early = socket._dataPath.outgoing.takeAll()
            socket._openAs(QIODevice.OpenModeFlag.ReadOnly)  # what is written now would be sent
            socket._dataPath.held = False
        self._listen(socket.readyRead, self._converse)
        self._converse()

    def _hold(self, socket: SslSocket) -> None:
        """What the program writes from now on is for the destination, and waits; the proxy must not see it."""
        dataPath = socket._dataPath
        self._awaitsTls = dataPath.awaitsTls
        dataPath.awaitsTls = True
        dataPath.review()

    def _release(self, socket: SslSocket) -> None:
        """Let what was written meanwhile go out soon, unless TLS is begun or awaited by then."""
        dataPath = socket._dataPath
        dataPath.awaitsTls = self._awaitsTls
        dataPath.review()
        dataPath.flushScheduled = True
        dataPath.scheduler.defer(dataPath.flushQueued)

    def _send(self, socket: SslSocket, request: bytes) -> None:
        """Past the queue, which is the program's."""
        dataPath = socket._dataPath
        if dataPath.transport is None:
            return  # its end is reported
        if dataPath.stream is None:
            dataPath.transport.send(memoryview(request))
        elif dataPath.stream.established:  # else a slot has said goodbye
            dataPath.transport.send(dataPath.stream.write_and_take(request))
            dataPath.sendOutgoing()

    def _converse(self) -> None:
        """Say what is to be said, and hear what has come."""
        socket, negotiation = self._socket, self._negotiation
        if socket is None or negotiation is None or not (isValid(self) and isValid(socket)):
            return
        while True:
            if request := negotiation.takeOutgoing():
                self._send(socket, request)
            heard = bytes(socket.peek(_SHOWN_AT_ONCE).data())
            if not heard:
                return
            try:
                taken = negotiation.receive_untrusted(heard)
            except SecureError as error:
                self._settle(error)
                return
            socket.skip(taken)
            if negotiation.complete:
                # Neither what the destination says nor its end shall come before the program is there.
                socket._withhold()
                self._settle(None)
                return

    def _listen(self, signal: SignalInstance, slot: Callable[..., None]) -> None:
        # Not as a QObject's method: the connection may have its last reference here, and go with us.
        self._connections.append(signal.connect(plainSlot(slot)))

    # ------------------------------------------------------------------------------- ends

    def _limitTime(self) -> None:
        if self._timeout > 0:
            self._deadline = PeerDeadline(self._timeout, self._timedOut, self._lookWhatWaits)

    def _lookWhatWaits(self, due: float) -> bool | None:
        socket = self._socket
        return socket is not None and isValid(socket) and socket._lookWhatWaits(due)

    def _timedOut(self) -> None:
        socket, negotiation = self._socket, self._negotiation
        if not isValid(self) or negotiation is None:
            return
        if socket is not None and isValid(socket) and socket._attempt.request is not None:
            self._limitTime()  # the user thinks about the proxy's certificate, which has a limit of its own
            return
        text = f"did not answer within {self._timeout} ms; check that it is of the right protocol"
        self._settle(negotiation.failure(_Code.TimedOut, text))

    def _onErrorOccurred(self, error: QAbstractSocket.SocketError) -> None:
        socket, negotiation = self._socket, self._negotiation
        if socket is None or negotiation is None or not isValid(self):
            return
        if error == _Error.SocketTimeoutError:
            self._settle(negotiation.failure(_Code.TimedOut, "did not answer in time; check its address and protocol"))
        elif self._inner is not None and not socket.isEncrypted():
            self._settle(self._tlsFailure(socket))
        elif error == _Error.RemoteHostClosedError:
            self._settle(negotiation.ended())
        else:
            self._settle(
                SecureError(
                    _Code.ProxyFailed, f"The connection to the proxy {self._proxyName()} broke. {socket.errorString()}"
                )
            )

    def _tlsFailure(self, socket: SslSocket) -> SecureError:
        return handshakeFailure(socket.failure(), socket.errorString(), f"No TLS with the proxy {self._proxyName()}. ")

    def _onDisconnected(self) -> None:
        if self._negotiation is not None and isValid(self):
            self._settle(self._negotiation.failure(_Code.Closed, "was disconnected before it had answered"))

    def _onDestroyed(self) -> None:
        if self._negotiation is not None and isValid(self):
            self._settle(SecureError(_Code.Closed, "The connection to the proxy was deleted before it had answered."))

    def _settle(self, outcome: SecureError | None) -> None:
        """The negotiation is over: let go of the connection now, tell it when the running slots have returned."""
        self._letGo()
        self._outcome = outcome
        schedulerOfThisThread().defer(self._tell)
        socket = self._socket
        if outcome is not None and socket is not None and isValid(socket):
            socket.abort()

    def _letGo(self) -> None:
        self._negotiation = None
        connections, self._connections = self._connections, []
        for connection in connections:
            QObject.disconnect(connection)
        if self._deadline is not None:
            self._deadline.cancel()

    def _tell(self) -> None:
        """From the event loop: nothing of the connection is on the stack."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        if isValid(socket):
            socket._letRead()  # reads on, also in an event loop of a slot, or if we have been deleted
            if self._outcome is None:
                self._release(socket)
        if not isValid(self):
            return
        outcome = self._outcome
        if outcome is None and not (isValid(socket) and socket.state() == _CONNECTED):
            outcome = SecureError(_Code.Closed, f"The connection to the proxy {self._proxyName()} ended meanwhile.")
            if isValid(socket):
                socket.abort()  # the program may be closing it
        if outcome is not None:
            if isValid(self):
                self.failed.emit(outcome)
            return
        connection = self._handOver(socket)
        self.negotiated.emit(connection)

    def _handOver(self, socket: SslSocket) -> SslSocket:
        """The connection to the destination, which proves its own name and not the proxy's."""
        connection = socket
        if self._inner is not None:
            configuration, verifyName = self._inner
            socket._openAs(QIODevice.OpenModeFlag.ReadWrite)
            connection = SslSocket(socket.parent(), transport=socket)
            socket.setParent(connection)
            connection.setSslConfiguration(configuration)
            connection.setPeerVerifyName(verifyName)
            connection.setReadBufferSize(socket.readBufferSize())
            socket.setReadBufferSize(0)  # what is inside is bounded, and this with it
            connection.write(self._early)
        # As Qt's sockets behind a proxy: this is the peer, for certificates and for sessions.
        connection._attempt.hostName = self._address.destinationHostName()
        connection._attempt.port = self._address.destinationPort()
        return connection

    def _proxyName(self) -> str:
        host = self._address.hostName()
        return f"[{host}]:{self._address.port()}" if ":" in host else f"{host}:{self._address.port()}"
