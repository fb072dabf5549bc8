"""DtlsServer: one UDP socket, many clients, each of them a DtlsPeer.

Every peer passes through three stations: *handshaking* (limited by ``maxHandshakingConnections``
and one total deadline), *pending* (limited by ``maxPendingConnections``), and then it belongs to
the program. There is nothing that could be stopped at a limit, as with TCP: hellos that find no
place are dropped and counted, and their clients try again.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import SIGNAL, QObject, Signal
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QSsl
from shiboken6 import isValid

from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.dtls import AdmittedHello, DtlsListener
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkLeast
from qtsecure.net.datagrams.datagram_socket import Address, DatagramSocket, plainHost
from qtsecure.net.dtls.listening import DtlsListening
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls.statistics import DtlsServerStatistics, LocalDrop
from qtsecure.net.dtls.table import ClientTable
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_peer.base import PeerBase, PeerObserver
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.qt_objects.flat_class import flattened
from qtsecure.net.qt_objects.heard_signals import HearsSignals
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.servers.godot_server import TakingServer
from qtsecure.net.values import SslConfiguration

__all__ = ["DtlsServer"]

_Error = QAbstractSocket.SocketError
_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject,PyObject)")
_CHOICE_SIGNAL = SIGNAL("certificateRequired(PyObject,PyObject)")
_UNDECIDED = TlsConfiguration(
    minimum_version=ProtocolVersion.DTLS_1_2, maximum_version=ProtocolVersion.DTLS_1_2, verify_mode=VerifyMode.NONE
)
"""What associations begin with while their clients have not said which host they want."""
_FAIR_SHARE = 8
"""So many handshakes one address may have when more than half of the places are taken."""


@confinedToThread(
    harmless=(
        *("isListening", "serverError", "errorString", "handshakeTimeout", "idleTimeout", "mtu"),
        *("maxPendingConnections", "maxHandshakingConnections", "maxConnectionsPerAddress", "maxConnections"),
        *("isCookieVerificationEnabled", "reusePort", "connectNotify"),
    )
)
@flattened
class DtlsServer(HearsSignals, TakingServer, DtlsListening):
    """A DTLS server with SslServer's methods and signals, and DtlsPeer in place of the socket.

    Peers are children of the server, also after nextPendingConnection(). Delete each with
    ``deleteLater()`` when you are done with it, for example in a slot of its ``disconnected``. All
    of them talk through the server's one UDP socket. Use the server in the thread that it lives in:
    other threads get a RuntimeError.

    Args:
        parent: The QObject that owns it.
    """

    #: closed(): close() has ended listening, or the socket was lost.
    closed = Signal()
    #: newConnection(): a client has shown its address; its handshake has yet to succeed.
    newConnection = Signal()
    #: pendingConnectionAvailable(): an encrypted peer waits for nextPendingConnection().
    pendingConnectionAvailable = Signal()
    #: acceptError(error: SecureError): clients cannot be served, because of the settings or the socket.
    acceptError = Signal(object)
    #: startedEncryptionHandshake(peer: DtlsPeer): the client's hello was answered. When it already makes
    #: the handshake fail, alertSent and errorOccurred come before it.
    startedEncryptionHandshake = Signal(object)
    #: sslErrors(peer: DtlsPeer, errors: list[SslError]).
    sslErrors = Signal(object, list)
    #: peerVerifyError(peer: DtlsPeer, error: SslError).
    peerVerifyError = Signal(object, object)
    #: handshakeInterruptedOnError(peer: DtlsPeer, error: SslError).
    handshakeInterruptedOnError = Signal(object, object)
    #: preSharedKeyAuthenticationRequired(peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator).
    preSharedKeyAuthenticationRequired = Signal(object, object)
    #: alertSent(peer: DtlsPeer, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(peer: DtlsPeer, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(object, QSsl.AlertLevel, QSsl.AlertType, str)
    #: errorOccurred(peer: DtlsPeer, error: SecureError): the handshake failed.
    errorOccurred = Signal(object, object)
    #: acceptCertificate(peer: DtlsPeer, request: CertificateRequest).
    acceptCertificate = Signal(object, object)
    #: certificateRequired(peer: DtlsPeer, request: VirtualHostRequest): which configuration is for this
    #: client? Connecting it is what makes each handshake ask.
    certificateRequired = Signal(object, object)
    #: handshakeMessage(peer: DtlsPeer, direction: str, name: str, size: int): "sent" or "received".
    handshakeMessage = Signal(object, str, str, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._beginHearing()
        self._configuration = SslConfiguration.defaultConfiguration()
        self._maxConnections = 0
        self._handshaking: dict[DtlsPath, DtlsPeer] = {}
        self._pending: deque[DtlsPeer] = deque()
        self._accepted = self._succeeded = self._failed = self._replaced = 0

    def close(self) -> None:
        """Let in nobody any more; say goodbye to the clients that the program has not fetched.

        Peers that were fetched stay connected, as children of the server, and the socket stays open for
        them until the last of them has ended. listen() at the same place goes on with it.
        """
        if (table := self._retire()) is None:
            return
        unfetched = [*self._handshaking.values(), *self._pending]
        self._failed += len(self._handshaking)
        self._handshaking, self._pending = {}, deque()
        for peer in unfetched:
            if isValid(peer):
                peer._observer = None
                peer.close()
                if isValid(peer):
                    peer.deleteLater()
        table.closeWhenUnused()
        if isValid(self):
            self.closed.emit()

    def _closeAll(self) -> None:
        """close(), and say goodbye to the fetched peers, too."""
        paths = [path for table in self._tables() for path in table.paths.values()]
        self.close()
        for path in paths:
            path.closePeer()

    def _newTable(self) -> ClientTable:
        return ClientTable(self, self._dropped)

    def _tables(self) -> list[ClientTable]:
        """The one in use, those that fetched peers keep open, and those over transports of the program."""
        return [*self._retired, *([self._table] if self._table is not None else []), *self._takenTables()]

    # ------------------------------------------------------------------------- accepting

    def maxConnections(self) -> int:
        """How many associations may exist in all, over whatever transport; 0 for no limit."""
        return self._maxConnections

    def setMaxConnections(self, numConnections: int) -> None:
        """Drop hellos while so many associations exist, in whatever state; 0 for no limit."""
        self._maxConnections = checkLeast(numConnections, 0, name="numConnections")

    def pauseAccepting(self) -> None:
        """Drop the hellos of new clients until resumeAccepting(); they try again by themselves."""
        self._pause(True)

    def resumeAccepting(self) -> None:
        """Let new clients in again, as far as the limits allow."""
        self._pause(False)

    def _pause(self, paused: bool) -> None:
        self._paused = paused
        if self._table is not None:
            self._table.paused = paused

    def _prepareListener(self) -> DtlsListener | None:
        """For the table: the listener with the present settings, or None when they cannot be used."""
        try:
            configuration = self._configurationToBeginWith()
            listener = self._listener
            if listener is None:
                listener = self._listener = DtlsListener(configuration, cookies=self._cookies, mtu=self._mtu)
                if self._secret is not None:
                    listener.set_secret(self._secret)
            elif listener.configuration is not configuration:
                listener.configuration = configuration
        except SecureError as error:
            if not self._configurationRefused:
                self._configurationRefused = True  # once is enough; hellos come often
                self._errorString = error.message
                self.acceptError.emit(error)
            return None
        return listener

    def _configurationToBeginWith(self) -> TlsConfiguration:
        if self._choosesHosts():
            return _UNDECIDED
        return self._configuration.toEngine("server", pskEnabled=self._wantsPreSharedKeys(), datagrams=True)

    def _choosesHosts(self) -> bool:
        return self._configuration.hasVirtualHosts() or self._wantsHostChoices()

    def _refusal(self, address: Address) -> LocalDrop | None:
        """Why there is no place for another client."""
        if len(self._pending) >= self._maxPending:
            self._pending = deque(filter(isValid, self._pending))
            if len(self._pending) >= self._maxPending:
                return LocalDrop.TOO_MANY_PENDING
        handshaking = self._handshakingCount()
        if handshaking >= self._maxHandshaking:
            return LocalDrop.TOO_MANY_HANDSHAKING
        if self._hasTooManyConnections():
            return LocalDrop.TOO_MANY
        if self._maxPerAddress or 2 * handshaking > self._maxHandshaking:
            host = plainHost(address)
            own = sum(plainHost(path.address) == host for path in self._handshaking)
            if 2 * handshaking > self._maxHandshaking and own >= _FAIR_SHARE:
                return LocalDrop.TOO_MANY_OF_ADDRESS
            if self._maxPerAddress:
                text = QHostAddress(host)
                own += sum(isValid(peer) and peer.peerAddress() == text for peer in self._pending)
                if own >= self._maxPerAddress:
                    return LocalDrop.TOO_MANY_OF_ADDRESS
        return None

    def _helloAdmitted(self, hello: AdmittedHello, address: Address, current: DtlsPath | None) -> None:
        """For the table: a client has shown its address."""
        table, listener = self._table, self._listener
        if table is None or listener is None or table.socket is None:
            return
        if current is not None and not current.ended:
            self._replace(current)
            if not isValid(self) or self._table is not table or table.paths.get(address) not in (None, current):
                return
        if reason := self._refusal(address):
            table.drop(reason)
            return
        if current is not None:
            current.abandon()
        peer = self._adoptClient(table, table.socket, address, self)
        path = table.paths[address]
        self._handshaking[path] = peer
        if "newConnection" in self._heard:
            self.newConnection.emit()
            if not isValid(self) or not isValid(peer) or path.ended:
                return
        self._answer(hello, peer, listener)

    def _adoptClient(
        self, table: ClientTable, socket: DatagramSocket, address: Address, observer: PeerObserver
    ) -> DtlsPeer:
        """Make the peer of a client that has shown its address; from now on it counts as accepted.

        Args:
            table: Gets the path of its datagrams.
            socket: Of the table.
            address: Where the client is.
            observer: Hears of the association.
        """
        self._accepted += 1
        peer = DtlsPeer(self)
        path = DtlsPath(peer, table, table.batch)
        path.begin(socket, address)
        table.paths[address] = path
        peer._adopt(
            path,
            observer,
            self._configuration,
            Ends(socket.ownEnd(), address),
            timeouts=(self._handshakeTimeout, self._idleTimeout),
        )
        return peer

    def _answer(self, hello: AdmittedHello, peer: DtlsPeer, listener: DtlsListener, *, mtu: int = 0) -> None:
        """Begin the handshake of an adopted peer, with the server's MTU unless another is given."""
        if self._traced:
            peer.setHandshakeTraceEnabled(True)
        peer._beginAsServer(listener, hello, mtu)
        if "startedEncryptionHandshake" in self._heard and isValid(self) and isValid(peer):
            self.startedEncryptionHandshake.emit(peer)

    def _replace(self, path: DtlsPath) -> None:
        """The client has begun anew, from the same address and port, and shown its cookie."""
        self._replaced += 1
        peer = next((peer for peer in self._pending if isValid(peer) and peer._path is path), None)
        if peer is not None:
            self._pending.remove(peer)
        path.replacePeer()
        if peer is not None and isValid(peer):
            peer.deleteLater()

    # ----------------------------------------------------------------------------- queue

    def hasPendingConnections(self) -> bool:
        """Whether an encrypted peer waits."""
        return any(map(isValid, self._pending))

    def nextPendingConnection(self) -> DtlsPeer | None:
        """The next encrypted peer, a child of the server; None when there is none.

        Messages may have arrived already: look at hasPendingDatagrams(), or connect datagramReceived.
        """
        while self._pending:
            peer = self._pending.popleft()
            if isValid(peer):
                return peer
        return None

    def statistics(self) -> DtlsServerStatistics:
        """Numbers since the server was made."""
        listener = self._listener
        return DtlsServerStatistics(
            accepted=self._accepted,
            encrypted=self._succeeded,
            failed=self._failed,
            replaced=self._replaced,
            handshaking=self._handshakingCount(),
            pending=sum(map(isValid, self._pending)),
            live=self._live(),
            hellos=listener.statistics.hellos if listener is not None else 0,
            challenges=listener.statistics.challenges if listener is not None else 0,
            dropped=DtlsServerStatistics.drops(listener.statistics if listener is not None else None, self._dropped),
        )

    def _hasTooManyConnections(self) -> bool:
        """Whether maxConnections() associations exist, also those over transports of the program."""
        return 0 < self._maxConnections <= self._live()

    def _live(self) -> int:
        return sum(not path.ended for table in self._tables() for path in table.paths.values())

    # ------------------------------------------- what handshaking peers tell (PeerObserver)

    def _wantsPreSharedKeys(self) -> bool:
        """Whether pre-shared keys are to be accepted."""
        return "preSharedKeyAuthenticationRequired" in self._heard and self.receivers(_PSK_SIGNAL) > 0

    def _wantsHostChoices(self) -> bool:
        """Whether somebody chooses configurations."""
        return "certificateRequired" in self._heard and self.receivers(_CHOICE_SIGNAL) > 0

    def _peerTraced(self, peer: PeerBase, direction: str, name: str, size: int) -> None:
        """Forward."""
        self.handshakeMessage.emit(peer, direction, name, size)

    def _peerAsks(self, peer: PeerBase, signal: str, argument: object) -> None:
        """Forward a question of the handshake, which has the same name here."""
        getattr(self, signal).emit(peer, argument)

    def _peerAlert(self, peer: PeerBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str) -> None:
        """Forward."""
        (self.alertSent if sent else self.alertReceived).emit(peer, level, kind, text)

    def _peerEncrypted(self, peer: PeerBase) -> None:
        """Queue the peer; from now on it is the program's, and nothing of it is forwarded."""
        assert isinstance(peer, DtlsPeer)
        assert peer._path is not None
        peer._observer = None
        self._succeeded += 1
        self._handshaking.pop(peer._path, None)
        self._pending.append(peer)
        self.pendingConnectionAvailable.emit()

    def _peerFailed(self, peer: PeerBase, error: SecureError) -> None:
        """Forward; the peer is valid until the slot returns to the event loop."""
        self.errorOccurred.emit(peer, error)
        if isValid(self) and isValid(peer):
            self._discard(peer)

    def _peerDisconnected(self, peer: PeerBase) -> None:
        """A handshake ended, also when a slot aborted it without any error."""
        self._discard(peer)

    def _discard(self, peer: PeerBase) -> None:
        if peer._path is not None and self._handshaking.pop(peer._path, None) is not None:
            self._failed += 1
            peer._observer = None
            peer.deleteLater()

    # --------------------------------------------------------- what the table tells

    def _pathPeerDestroyed(self, path: DtlsPath) -> None:
        """A peer was deleted, or is used for something else; when it was still the server's, it counts no more."""
        if self._handshaking.pop(path, None) is not None:
            self._failed += 1

    def _socketLost(self) -> None:
        """The program has deleted the socket that it shares: without it there is no server."""
        if not isValid(self):
            return
        self._serverError = _Error.SocketResourceError
        self._errorString = text = "The UDP socket of the server was closed or deleted."
        self.close()
        if isValid(self):
            self.acceptError.emit(SecureError(SecureError.Code.Closed, text))
