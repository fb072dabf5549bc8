"""From a host name to a connected transport: look-up, one address after the other, descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QIODevice, QThread
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QSslSocket
from shiboken6 import isValid

from qtsecure.engine.enum_members import members_of
from qtsecure.errors import SecureError
from qtsecure.net import late
from qtsecure.net.arguments import checkInt
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.native_sockets.socket_errors import refusedText
from qtsecure.net.questions.asked import cancelRequest
from qtsecure.net.ssl_socket.attempt import Attempt
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.closing import Closing
from qtsecure.net.ssl_socket.deletion_notice import noticeDeletion
from qtsecure.net.ssl_socket.handshake import Handshake

if TYPE_CHECKING:
    from qtsecure.net.transports.stream import StreamTransport

__all__ = ["Connecting"]

_State = members_of(QAbstractSocket.SocketState)
_Error = members_of(QAbstractSocket.SocketError)
_Layer = members_of(QAbstractSocket.NetworkLayerProtocol)
_Mode = QIODevice.OpenModeFlag
_Host = str | QHostAddress | QHostAddress.SpecialAddress
_ADDRESS_TIMEOUT_MS = 30_000


class Connecting(Handshake):
    """The connecting methods of SslSocket."""

    # ---------------------------------------------------------------------------- public

    def connectToHost(
        self,
        hostName: _Host,
        port: int,
        mode: QIODevice.OpenModeFlag = _Mode.ReadWrite,
        protocol: QAbstractSocket.NetworkLayerProtocol = _Layer.AnyIPProtocol,
    ) -> None:
        """Connect without TLS; startClientEncryption() may follow (STARTTLS).

        Args:
            hostName: A name or an address.
            port: 1 to 65535.
            mode: What the device is opened for.
            protocol: IPv4 or IPv6 only, or any.

        Raises:
            TypeError, ValueError: For an unusable argument. Failures arrive in errorOccurred.
        """
        SocketBase._refuseInsideEngine(self, "connectToHost")
        name = _checkHost(hostName)
        checkPort(port, lowest=1)
        _checkForms(mode, protocol)
        if self._dataPath.state not in (_State.UnconnectedState, _State.BoundState):
            SocketBase._reportError(
                self, _Error.OperationError, "A connection is being made or stands already; disconnect first."
            )
            return
        self._begin(name, port, mode, protocol, encrypts=False)

    def connectToHostEncrypted(
        self,
        hostName: _Host,
        port: int,
        *arguments: QIODevice.OpenModeFlag | str | QAbstractSocket.NetworkLayerProtocol,
        mode: QIODevice.OpenModeFlag = _Mode.ReadWrite,
        protocol: QAbstractSocket.NetworkLayerProtocol = _Layer.AnyIPProtocol,
        sslPeerName: str = "",
    ) -> None:
        """Connect and begin TLS at once; ``encrypted`` tells when it is safe.

        The positional forms are Qt's: ``(host, port, mode, protocol)`` and
        ``(host, port, sslPeerName, mode, protocol)``.

        Args:
            hostName: A name or an address; also what the certificate must prove.
            port: 1 to 65535.
            mode: What the device is opened for.
            protocol: IPv4 or IPv6 only, or any.
            sslPeerName: Another name that the certificate must prove instead.

        Raises:
            TypeError, ValueError: For an unusable argument. Failures arrive in errorOccurred.
        """
        SocketBase._refuseInsideEngine(self, "connectToHostEncrypted")
        name = _checkHost(hostName)
        checkPort(port, lowest=1)
        rest = list(arguments)
        if rest and isinstance(rest[0], str):
            sslPeerName = str(rest.pop(0))
        for argument in rest:
            if isinstance(argument, QIODevice.OpenModeFlag):
                mode = argument
            elif isinstance(argument, QAbstractSocket.NetworkLayerProtocol):
                protocol = argument
            else:
                raise TypeError(
                    "After the port come the verify name, the open mode and the protocol, "
                    f"not {type(argument).__name__}."
                )
        _checkForms(mode, protocol)
        if self._dataPath.state not in (_State.UnconnectedState, _State.BoundState):
            self._warn("connectToHostEncrypted() called while a connection is being made or stands already.")
            return
        try:
            # Unusable settings are told before anything goes on the wire.
            Handshake._toClientEngine(self, pskEnabled=False)
        except SecureError as error:
            SocketBase._reportError(self, _Error.SslInvalidUserDataError, error.message)
            return
        if sslPeerName:
            self._peerVerifyName = sslPeerName
        self._begin(name, port, mode, protocol, encrypts=True)

    def setSocketDescriptor(
        self,
        socketDescriptor: int,
        state: QAbstractSocket.SocketState = _State.ConnectedState,
        openMode: QIODevice.OpenModeFlag = _Mode.ReadWrite,
    ) -> bool:
        """Take over a connected native descriptor; False (and error()) when it is not one.

        On success the socket owns the descriptor and closes it, and what it had before is ended.

        Raises:
            TypeError, ValueError: For a ``socketDescriptor`` that is no int, or another state.
        """
        SocketBase._refuseInsideEngine(self, "setSocketDescriptor")
        checkInt(socketDescriptor, name="socketDescriptor")
        if state != _State.ConnectedState:
            raise ValueError("state must be ConnectedState; other descriptors cannot be adopted.")
        attempt = self._attempt
        if attempt.request is None and attempt.choice is None:
            return Connecting._adoptDescriptor(self, socketDescriptor, openMode)
        try:
            Connecting._checkForeign(self, socketDescriptor)
            late.checkConnected(socketDescriptor)
        except (OSError, ValueError, OverflowError) as error:
            return Connecting._refuseDescriptor(self, socketDescriptor, error)
        # Before anything of the new connection is here: slots run now, perhaps an event loop, and may begin another.
        cancelRequest(attempt)
        if not isValid(self):
            return False
        if self.socketDescriptor() == socketDescriptor:
            return True  # a slot has taken it over: it is not the caller's any more
        adopted = Connecting._adoptDescriptor(self, socketDescriptor, openMode)
        if not adopted and isValid(self) and self._attempt is attempt:
            Closing._drop(self)  # a slot has closed the descriptor, and nobody can answer for the old connection
        return adopted

    def _adoptDescriptor(self, socketDescriptor: int, openMode: QIODevice.OpenModeFlag = _Mode.ReadWrite) -> bool:
        """setSocketDescriptor() for a socket of which nobody else knows yet, too."""
        try:
            Connecting._checkForeign(self, socketDescriptor)
            transport = late.adoptStream(self._dataPath, socketDescriptor)
        except (OSError, ValueError, OverflowError) as error:
            return Connecting._refuseDescriptor(self, socketDescriptor, error)
        Connecting._abortTransport(self)
        Connecting._abandonAttempt(self)
        if not isValid(self):
            transport.abort()
            return False
        Connecting._adopt(self, transport, openMode)
        return True

    def _checkForeign(self, socketDescriptor: int) -> None:
        before = self._dataPath.transport
        if socketDescriptor >= 0 and before is not None and socketDescriptor == before.descriptor():
            raise ValueError("it is this socket's own")  # the end of the old connection would close it

    def _refuseDescriptor(self, socketDescriptor: int, error: Exception) -> bool:
        self._dataPath.error = _Error.SocketResourceError
        self.setErrorString(f"The descriptor {socketDescriptor} is not a connected socket: {error}.")
        return False

    def _adopt(
        self,
        transport: StreamTransport,
        openMode: QIODevice.OpenModeFlag,
        peerName: str = "",
        *,
        awaitsTls: bool = False,
    ) -> None:
        """Begin with a transport that is connected already."""
        dataPath = self._dataPath
        self._resetConnection()
        dataPath.awaitsTls = awaitsTls
        self._attempt.hostName = peerName
        dataPath.transport = transport
        if dataPath.readLimit:
            dataPath.fitPieces()
        SocketBase._openAs(self, openMode)
        self._attempt.ends = transport.ends()
        SocketBase._setState(self, _State.ConnectedState)

    def socketDescriptor(self) -> int:
        """The native descriptor, or -1."""
        return self._dataPath.transport.descriptor() if self._dataPath.transport is not None else -1

    def localAddress(self) -> QHostAddress:
        """The own address; null when not connected."""
        return self._attempt.ends.local()[0]

    def localPort(self) -> int:
        """The own port; 0 when not connected."""
        return self._attempt.ends.local()[1]

    def peerAddress(self) -> QHostAddress:
        """The peer's address; kept after the end until the next connection."""
        return self._attempt.ends.peer()[0]

    def peerPort(self) -> int:
        """The peer's port; kept after the end until the next connection."""
        return self._attempt.ends.peer()[1]

    def peerName(self) -> str:
        """The host name given to connectToHost()."""
        return self._attempt.hostName

    # ------------------------------------------------------------------------- attempts

    def _begin(
        self,
        hostName: str,
        port: int,
        mode: QIODevice.OpenModeFlag,
        protocol: QAbstractSocket.NetworkLayerProtocol,
        *,
        encrypts: bool,
    ) -> None:
        if encrypts:
            late.loadAll()
        dataPath = self._dataPath
        self._resetConnection()
        attempt = self._attempt
        attempt.encrypts = encrypts
        dataPath.awaitsTls = encrypts  # the slots of stateChanged run between the connection and its TLS
        attempt.hostName = hostName
        attempt.port = port
        attempt.protocol = protocol
        SocketBase._openAs(self, mode)
        if not SocketBase._setState(self, _State.HostLookupState) or dataPath.state is not _State.HostLookupState:
            return
        self._lookUp()

    def _lookUp(self) -> None:
        """Find the addresses of the host; a literal is one."""
        literal = QHostAddress()
        if literal.setAddress(self._attempt.hostName.strip("[]")):
            Connecting._found(self, [literal], "")
        else:
            self._attempt.lookup = late.NameLookup(self._found)
            self._attempt.lookup.start(self._attempt.hostName)

    def _found(self, addresses: list[QHostAddress], errorText: str) -> None:
        attempt = self._attempt
        dataPath = self._dataPath
        attempt.lookup = None
        if not isValid(self) or dataPath.state is not _State.HostLookupState:
            return
        wanted = attempt.protocol
        if wanted is _Layer.IPv4Protocol or wanted is _Layer.IPv6Protocol:
            addresses = [address for address in addresses if address.protocol() is wanted]
        attempt.addresses = addresses
        if not attempt.addresses:
            reason = errorText.rstrip(".") if not addresses and errorText else "it has no address of the wanted kind"
            self._giveUp(
                _Error.HostNotFoundError,
                f"The host {attempt.hostName!r} was not found ({reason}); check the name.",
            )
            return
        if not SocketBase._setState(self, _State.ConnectingState) or not SocketBase._isIn(self, _State.ConnectingState):
            return
        if "hostFound" in dataPath.heard:
            self.hostFound.emit()
            if not isValid(self) or not SocketBase._isIn(self, _State.ConnectingState):
                return
        Connecting._connectNext(self)

    def _connectNext(self) -> None:
        """Try the next address; each is tried once."""
        dataPath = self._dataPath
        attempt = self._attempt
        address = attempt.addresses.pop(0)
        transport = dataPath.transport  # a bound one
        if transport is None:
            transport = self._makeTransport()
            if attempt.bound is not None and (failure := transport.bind(*attempt.bound)):
                transport.abort()
                self._attemptFailed(*failure)
                return
            dataPath.transport = transport
        Connecting._startAddressDeadline(self)
        transport.connectTo(address, attempt.port)

    def _makeTransport(self) -> StreamTransport:
        return late.makeStream(self._dataPath)

    def _startAddressDeadline(self) -> None:
        self._attempt.addressDeadline = PeerDeadline(_ADDRESS_TIMEOUT_MS, self._addressTimedOut, self._lookWhatWaits)

    def _addressTimedOut(self) -> None:
        if isValid(self) and self._dataPath.state is _State.ConnectingState:
            self._attemptFailed(_Error.SocketTimeoutError, "The remote host did not answer in time.")

    def _attemptFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        Connecting._abortTransport(self)
        Connecting._cancelAddressDeadline(self)
        if self._attempt.addresses:
            Connecting._connectNext(self)
            return
        if error is _Error.ConnectionRefusedError:
            text = refusedText(self._attempt.hostName, self._attempt.port)
        self._giveUp(error, text)

    def _giveUp(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """No connection: the state changes first, then the error is told (as Qt does)."""
        Connecting._abandonAttempt(self)
        Connecting._abortTransport(self)  # a bound one
        self._dataPath.closing = False
        self._dataPath.outgoing.clear()
        if SocketBase._setState(self, _State.UnconnectedState) and self._dataPath.state is _State.UnconnectedState:
            SocketBase._reportError(self, error, text)

    def _abortTransport(self) -> None:
        transport, self._dataPath.transport = self._dataPath.transport, None
        if transport is not None:
            transport.abort()

    def _abandonAttempt(self) -> None:
        attempt = self._attempt
        if attempt.lookup is not None:
            attempt.lookup.abort()
            attempt.lookup = None
        attempt.addresses = []
        attempt.cancelDeadlines()
        self._dataPath.encrypted = False
        cancelRequest(attempt)

    def _cancelAddressDeadline(self) -> None:
        attempt = self._attempt
        if attempt.addressDeadline is not None:
            attempt.addressDeadline.cancel()
            attempt.addressDeadline = None

    def _resetConnection(self) -> None:
        """Forget the previous connection, so that nothing of it leaks into the next."""
        dataPath = self._dataPath
        dataPath.held = False
        last, isBound = self._attempt, dataPath.state is _State.BoundState
        if dataPath.used or not last.isFresh:
            # A SocketClient says what it connects to before it binds or connects.
            remote = last.remote if isBound or not dataPath.used else None
            last.cancelDeadlines()  # that of silence may have begun with bind()
            self._attempt = Attempt(bound=last.bound if isBound else None)
            if remote is not None:
                self._attempt.remote = remote
        dataPath.enterThread()
        noticeDeletion(self, dataPath)  # the descriptor goes, too
        if not dataPath.used:
            dataPath.used = True
            if dataPath.error is not _Error.UnknownSocketError:
                self._forgetError()  # a write was refused, or a wait was in vain
            return
        dataPath.stream = None
        dataPath.mode = QSslSocket.SslMode.UnencryptedMode
        dataPath.review()
        self._forgetError()
        Closing._dropIncoming(self)
        self._reviewsRoom = False  # as enterThread(): what was deferred may never run
        dataPath.outgoing.clear()
        dataPath.unreadAnswers = None
        dataPath.readingPaused = False
        dataPath.closing = False
        dataPath.outputEnds = False

    def _forgetError(self) -> None:
        self._dataPath.error = _Error.UnknownSocketError
        self.setErrorString("Unknown error")

    def moveToThread(self, thread: QThread) -> bool:
        """Move to another thread; only while there is no connection.

        Raises:
            SecureError: While a connection stands or is being made.
        """
        SocketBase._refuseInsideEngine(self, "moveToThread")
        if self._dataPath.state is not _State.UnconnectedState:
            raise SecureError(
                SecureError.Code.Pending,
                "A socket with a connection belongs to its thread's event loop; move it before connecting, "
                "or hand its descriptor to a socket of the other thread.",
            )
        # What was deferred here would run here, beside the other thread's work on the same engine.
        self._dataPath.scheduler.forgetTasksOf(self, self._dataPath)
        self._reviewsRoom = False
        return bool(super().moveToThread(thread))

    # ------------------------------------------------------------------- from the transport

    def _transportConnected(self) -> None:
        """An address answered: TLS begins before ``connected`` is emitted, as in Qt."""
        dataPath = self._dataPath
        if dataPath.state is not _State.ConnectingState:
            return
        attempt = self._attempt
        Connecting._cancelAddressDeadline(self)
        attempt.addresses = []
        transport = dataPath.transport
        assert transport is not None
        attempt.ends = transport.ends()
        if not SocketBase._setState(self, _State.ConnectedState) or dataPath.transport is not transport:
            return
        started = self._attempt.encrypts and Handshake._startEncryption(self, server=False)
        if not isValid(self) or dataPath.transport is not transport:
            return
        if "connected" in dataPath.heard:
            self.connected.emit()
            if not isValid(self) or dataPath.transport is not transport:
                return
        if self._attempt.encrypts and not started:
            Closing._drop(self)  # the settings were refused; the error has been told
        elif not self._attempt.encrypts and (dataPath.outgoing.size or dataPath.closing or dataPath.outputEnds):
            dataPath.flushQueued()

    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """The attempt failed, or the connection broke."""
        if self._dataPath.state is _State.ConnectingState:
            self._attemptFailed(error, text)
        else:
            super()._transportFailed(error, text)


def _checkHost(hostName: _Host) -> str:
    if isinstance(hostName, (QHostAddress, QHostAddress.SpecialAddress)):
        hostName = QHostAddress(hostName).toString()
    if not isinstance(hostName, str):
        raise TypeError(f"hostName must be a str, not {type(hostName).__name__}.")
    if not hostName or "\0" in hostName:
        raise ValueError("hostName must be the name or the address of a host, not empty and without NUL.")
    return hostName


def _checkForms(mode: QIODevice.OpenModeFlag, protocol: QAbstractSocket.NetworkLayerProtocol) -> None:
    if not isinstance(mode, QIODevice.OpenModeFlag):
        raise TypeError(f"mode must be a QIODevice.OpenModeFlag, not {type(mode).__name__}.")
    if not isinstance(protocol, QAbstractSocket.NetworkLayerProtocol):
        raise TypeError(f"protocol must be a QAbstractSocket.NetworkLayerProtocol, not {type(protocol).__name__}.")
