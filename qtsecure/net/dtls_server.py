"""DtlsServer: one UDP socket, many clients, each of them a DtlsPeer.

Every peer passes through three stations: *handshaking* (limited by ``maxHandshakingConnections``
and one total deadline), *pending* (limited by ``maxPendingConnections``), and then it belongs to
the program. There is nothing that could be stopped at a limit, as with TCP: hellos that find no
place are dropped and counted, and their clients try again.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import SIGNAL, QObject, Signal, qWarning
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QSsl, QUdpSocket
from shiboken6 import isValid

from qtsecure.engine.dtls import DEFAULT_MTU, SMALLEST_MTU, AdmittedHello, DtlsListener
from qtsecure.errors import SecureError
from qtsecure.net.addresses import Ends, checkPort, listenAddress
from qtsecure.net.arguments import checkInt, checkLeast, checkTimeout
from qtsecure.net.datagrams.choice import makeDatagramSocket
from qtsecure.net.datagrams.datagram_socket import Address, DatagramSocket, plainHost
from qtsecure.net.datagrams.qt_datagrams import QtDatagrams
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls.statistics import DtlsServerStatistics, LocalDrop
from qtsecure.net.dtls.table import ClientTable
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_peer.base import PeerBase
from qtsecure.net.handshake_questions import ProgramDecisions
from qtsecure.net.socket_errors import socketError
from qtsecure.net.thread_guard import confinedToThread
from qtsecure.net.values import ConfigurationSource, SslConfiguration, configurationFrom

__all__ = ["DtlsServer"]

_Error = QAbstractSocket.SocketError
_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject,PyObject)")
_LARGEST_MTU = 65507
_FAIR_SHARE = 8
"""So many handshakes one address may have when more than half of the places are taken."""


@confinedToThread(
    harmless=(
        *("isListening", "serverError", "errorString", "handshakeTimeout", "idleTimeout", "mtu"),
        *("maxPendingConnections", "maxHandshakingConnections", "maxConnectionsPerAddress", "maxConnections"),
        "isCookieVerificationEnabled",
        # From our own layers:
        *("prepareListener", "helloAdmitted", "wantsPreSharedKeys", "peerAsks", "peerAlert", "peerEncrypted"),
        *("peerFailed", "peerDisconnected", "pathPeerDestroyed", "socketLost"),
    )
)
class DtlsServer(QObject):
    """A DTLS server with SslServer's methods and signals, and DtlsPeer in place of the socket.

    Peers are children of the server, also after nextPendingConnection(). Delete each with
    ``deleteLater()`` when you are done with it, for example in a slot of its ``disconnected``. All
    of them use the server's one UDP socket and end with it. Use the server in the thread that
    it lives in: other threads get a RuntimeError.

    Args:
        parent: The QObject that owns it.
    """

    #: newConnection(): a client has shown its address; its handshake has yet to succeed.
    newConnection = Signal()
    #: pendingConnectionAvailable(): an encrypted peer waits for nextPendingConnection().
    pendingConnectionAvailable = Signal()
    #: acceptError(error: SecureError): clients cannot be served, because of the settings or the socket.
    acceptError = Signal(object)
    #: startedEncryptionHandshake(peer: DtlsPeer): the client's hello was answered. When it already makes
    #: the handshake fail, alertSent and errorOccurred come before it.
    startedEncryptionHandshake = Signal(QObject)
    #: sslErrors(peer: DtlsPeer, errors: list[SslError]).
    sslErrors = Signal(QObject, list)
    #: peerVerifyError(peer: DtlsPeer, error: SslError).
    peerVerifyError = Signal(QObject, object)
    #: handshakeInterruptedOnError(peer: DtlsPeer, error: SslError).
    handshakeInterruptedOnError = Signal(QObject, object)
    #: preSharedKeyAuthenticationRequired(peer: DtlsPeer, authenticator: PreSharedKeyAuthenticator).
    preSharedKeyAuthenticationRequired = Signal(object, object)
    #: alertSent(peer: DtlsPeer, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(QObject, QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(peer: DtlsPeer, level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(QObject, QSsl.AlertLevel, QSsl.AlertType, str)
    #: errorOccurred(peer: DtlsPeer, error: SecureError): the handshake failed.
    errorOccurred = Signal(QObject, object)
    #: acceptCertificate(peer: DtlsPeer, request: CertificateRequest).
    acceptCertificate = Signal(QObject, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._configuration = SslConfiguration.defaultConfiguration()
        self._table: ClientTable | None = None
        self._listener: DtlsListener | None = None
        self._configurationRefused = False
        self._cookies = True
        self._secret: bytes | None = None
        self._mtu = DEFAULT_MTU
        self._maxPending = 30
        self._maxHandshaking = 256
        self._maxPerAddress = 0
        self._maxConnections = 0
        self._handshakeTimeout = 30_000
        self._idleTimeout = 60_000
        self._paused = False
        self._handshaking: dict[DtlsPath, DtlsPeer] = {}
        self._pending: deque[DtlsPeer] = deque()
        self._accepted = self._succeeded = self._failed = self._replaced = 0
        self._dropped: dict[LocalDrop, int] = {}
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""

    # ------------------------------------------------------------------------- listening

    def listen(
        self, address: QHostAddress | QHostAddress.SpecialAddress | str = QHostAddress.SpecialAddress.Any, port: int = 0
    ) -> bool:
        """Receive datagrams; False (and serverError(), errorString()) when it is not possible.

        Args:
            address: Where to listen, as an IP address or "localhost"; Any means IPv6 and IPv4.
            port: 0 for a free one; serverPort() tells which.

        Raises:
            TypeError: An argument has another type.
            ValueError: ``address`` is no IP address, or ``port`` is out of range.
        """
        checkPort(port)
        host = listenAddress(address)
        if self.isListening():
            qWarning("DtlsServer: listen() called on a server that is listening already.")
            return False
        table = ClientTable(self)
        socket = makeDatagramSocket(table)
        try:
            socket.bind(host, port)
        except OSError as error:
            socket.close()
            self._serverError, self._errorString = socketError(error.errno or 0)
            return False
        self._start(table, socket)
        return True

    def bind(self, udpSocket: QUdpSocket) -> bool:
        """Serve clients on a bound socket of the program, which stays its own.

        The program may still send with it; reading is the server's from now on. Datagrams that are
        no DTLS are dropped.

        Returns:
            False when the server listens already.

        Raises:
            TypeError: For anything but a QUdpSocket.
            ValueError: When it is not bound.
        """
        if not isinstance(udpSocket, QUdpSocket):
            raise TypeError(f"udpSocket must be a QUdpSocket, not {type(udpSocket).__name__}.")
        if udpSocket.state() != QAbstractSocket.SocketState.BoundState:
            raise ValueError("udpSocket must be bound; call its bind() first.")
        if self.isListening():
            qWarning("DtlsServer: bind() called on a server that is listening already.")
            return False
        table = ClientTable(self)
        self._start(table, QtDatagrams(table, udpSocket))
        return True

    def _start(self, table: ClientTable, socket: DatagramSocket) -> None:
        table.socket = socket
        table.paused = self._paused
        table.dropped = self._dropped
        self._table = table
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""
        self.destroyed.connect(lambda: table.serverDestroyed())

    def isListening(self) -> bool:
        """Whether the server has a socket."""
        return self._table is not None

    def close(self) -> None:
        """Say goodbye to every client and close the socket.

        Peers that were fetched emit ``closed`` and stay as children of the server; the others are
        deleted.
        """
        table, self._table = self._table, None
        if table is None:
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
        for path in list(table.paths.values()):
            path.closePeer()
        table.close()

    def serverAddress(self) -> QHostAddress:
        """Where the server listens; null when it does not."""
        return self._localEnd()[0]

    def serverPort(self) -> int:
        """The port; 0 when the server does not listen."""
        return self._localEnd()[1]

    def _localEnd(self) -> tuple[QHostAddress, int]:
        socket = self._table.socket if self._table is not None else None
        return socket.localEnd() if socket is not None else (QHostAddress(), 0)

    def socketDescriptor(self) -> int:
        """The native descriptor of the UDP socket, or -1."""
        socket = self._table.socket if self._table is not None else None
        return socket.descriptor() if socket is not None else -1

    def serverError(self) -> QAbstractSocket.SocketError:
        """Why listening failed last; UnknownSocketError for never."""
        return self._serverError

    def errorString(self) -> str:
        """The sentence for serverError()."""
        return self._errorString

    # -------------------------------------------------------------------------- settings

    def sslConfiguration(self) -> SslConfiguration:
        """A copy of the configuration for new connections."""
        return SslConfiguration(self._configuration)

    def setSslConfiguration(self, configuration: ConfigurationSource) -> None:
        """Use this configuration for associations that begin from now on; live ones keep theirs.

        ``Protocol.SecureProtocols``, which is the default, stands for DTLS 1.2 here.
        """
        self._configuration = configurationFrom(configuration)
        self._configurationRefused = False

    def isCookieVerificationEnabled(self) -> bool:
        """Whether clients have to show that they receive what is sent to their address."""
        return self._cookies

    def setCookieVerificationEnabled(self, enabled: bool) -> None:
        """Demand a cookie from every client (the default), or only from one that begins anew.

        Without cookies anybody can make the server send its certificate to a stranger, and use up
        the places for handshakes.
        """
        if not isinstance(enabled, bool):
            raise TypeError(f"enabled must be a bool, not {type(enabled).__name__}.")
        self._cookies = enabled
        if self._listener is not None:
            self._listener.cookies_required = enabled

    def setCookieSecret(self, secret: bytes) -> None:
        """Make cookies with this secret, for instance one that several processes share.

        Cookies of the secret before it stay good. Without this call the server has a secret of its
        own, which it replaces every minute.

        Raises:
            TypeError: For anything but bytes.
            ValueError: For less than 16 bytes.
        """
        if not isinstance(secret, (bytes, bytearray)):
            raise TypeError(f"secret must be bytes, not {type(secret).__name__}.")
        if len(secret) < 16:
            raise ValueError(f"secret must have at least 16 bytes, not {len(secret)}.")
        self._secret = bytes(secret)
        if self._listener is not None:
            self._listener.set_secret(self._secret)

    def mtu(self) -> int:
        """The largest datagram of new associations, in bytes of UDP payload."""
        return self._mtu

    def setMtu(self, mtu: int) -> None:
        """Send no datagram with more bytes of UDP payload than this; 1200 by default. For new associations.

        Raises:
            TypeError: For anything but an int.
            ValueError: For less than 256 or more than 65507.
        """
        if not SMALLEST_MTU <= checkInt(mtu, name="mtu") <= _LARGEST_MTU:
            raise ValueError(f"mtu must be between {SMALLEST_MTU} and {_LARGEST_MTU} bytes, not {mtu}.")
        self._mtu = mtu
        if self._listener is not None:
            self._listener.mtu = mtu

    def handshakeTimeout(self) -> int:
        """How long a handshake may take in all, in ms; 0 or -1: no limit."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, timeout: int) -> None:
        """Set the total handshake deadline for associations that begin from now on.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        self._handshakeTimeout = checkTimeout(timeout, name="timeout")

    def idleTimeout(self) -> int:
        """After how long without a message an association ends, in ms; 0 or -1 for never."""
        return self._idleTimeout

    def setIdleTimeout(self, timeout: int) -> None:
        """End associations whose client sends nothing for so long; for those that begin from now on.

        A client that vanishes without a word is not noticed otherwise. DtlsPeer.setIdleTimeout()
        changes it for one peer.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        self._idleTimeout = checkTimeout(timeout, name="timeout")

    def maxPendingConnections(self) -> int:
        """How many encrypted peers may wait before hellos are dropped."""
        return self._maxPending

    def setMaxPendingConnections(self, numConnections: int) -> None:
        """Limit the queue of encrypted peers; ValueError for less than 1."""
        self._maxPending = checkLeast(numConnections, 1, name="numConnections")

    def maxHandshakingConnections(self) -> int:
        """How many handshakes may be under way before hellos are dropped."""
        return self._maxHandshaking

    def setMaxHandshakingConnections(self, numConnections: int) -> None:
        """Limit the concurrent handshakes; ValueError for less than 1."""
        self._maxHandshaking = checkLeast(numConnections, 1, name="numConnections")

    def maxConnectionsPerAddress(self) -> int:
        """How many handshaking and pending connections one address may have; 0 for no limit."""
        return self._maxPerAddress

    def setMaxConnectionsPerAddress(self, numConnections: int) -> None:
        """Drop further hellos of an address that has so many unfetched connections; 0 for no limit."""
        self._maxPerAddress = checkLeast(numConnections, 0, name="numConnections")

    def maxConnections(self) -> int:
        """How many associations may exist in all; 0 for no limit."""
        return self._maxConnections

    def setMaxConnections(self, numConnections: int) -> None:
        """Drop hellos while so many associations exist, in whatever state; 0 for no limit."""
        self._maxConnections = checkLeast(numConnections, 0, name="numConnections")

    # ------------------------------------------------------------------------- accepting

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

    def prepareListener(self) -> DtlsListener | None:
        """For the table: the listener with the present settings, or None when they cannot be used."""
        try:
            configuration = self._configuration.toEngine("server", pskEnabled=self.wantsPreSharedKeys(), datagrams=True)
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

    def _refusal(self, address: Address) -> LocalDrop | None:
        """Why there is no place for another client."""
        if len(self._pending) >= self._maxPending:
            self._pending = deque(filter(isValid, self._pending))
            if len(self._pending) >= self._maxPending:
                return LocalDrop.TOO_MANY_PENDING
        handshaking = len(self._handshaking)
        if handshaking >= self._maxHandshaking:
            return LocalDrop.TOO_MANY_HANDSHAKING
        assert self._table is not None
        if self._maxConnections and sum(not p.ended for p in self._table.paths.values()) >= self._maxConnections:
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

    def helloAdmitted(self, hello: AdmittedHello, address: Address, current: DtlsPath | None) -> None:
        """For the table: a client has shown its address."""
        table, listener = self._table, self._listener
        if table is None or listener is None or table.socket is None:
            return
        if current is not None and not current.ended:
            self._replace(current)
            if not isValid(self) or self._table is not table:
                return
        if reason := self._refusal(address):
            table.drop(reason)
            return
        if current is not None:
            current.abandon()
        self._accepted += 1
        peer = DtlsPeer(self)
        path = DtlsPath(peer, table, table.batch)
        path.begin(table.socket, address)
        table.paths[address] = path
        self._handshaking[path] = peer
        peer.adopt(
            path,
            self,
            self._configuration,
            Ends(table.socket.localEnd(), address),
            timeouts=(self._handshakeTimeout, self._idleTimeout),
        )
        self.newConnection.emit()
        if not isValid(self) or not isValid(peer) or path.ended:
            return
        peer.beginAsServer(lambda now: listener.accept(hello, now, ProgramDecisions(peer)))
        if isValid(self) and isValid(peer):
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
        paths = self._table.paths.values() if self._table is not None else ()
        return DtlsServerStatistics(
            accepted=self._accepted,
            encrypted=self._succeeded,
            failed=self._failed,
            replaced=self._replaced,
            handshaking=len(self._handshaking),
            pending=sum(map(isValid, self._pending)),
            live=sum(not path.ended for path in paths),
            hellos=listener.statistics.hellos if listener is not None else 0,
            challenges=listener.statistics.challenges if listener is not None else 0,
            dropped=DtlsServerStatistics.drops(listener.statistics if listener is not None else None, self._dropped),
        )

    # ------------------------------------------- what handshaking peers tell (PeerObserver)

    def wantsPreSharedKeys(self) -> bool:
        """Whether pre-shared keys are to be accepted."""
        return self.receivers(_PSK_SIGNAL) > 0

    def peerAsks(self, peer: PeerBase, signal: str, argument: object) -> None:
        """Forward a question of the handshake, which has the same name here."""
        getattr(self, signal).emit(peer, argument)

    def peerAlert(self, peer: PeerBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str) -> None:
        """Forward."""
        (self.alertSent if sent else self.alertReceived).emit(peer, level, kind, text)

    def peerEncrypted(self, peer: PeerBase) -> None:
        """Queue the peer; from now on it is the program's, and nothing of it is forwarded."""
        assert isinstance(peer, DtlsPeer)
        assert peer._path is not None
        peer._observer = None
        self._succeeded += 1
        self._handshaking.pop(peer._path, None)
        self._pending.append(peer)
        self.pendingConnectionAvailable.emit()

    def peerFailed(self, peer: PeerBase, error: SecureError) -> None:
        """Forward; the peer is valid until the slot returns to the event loop."""
        self.errorOccurred.emit(peer, error)
        if isValid(self) and isValid(peer):
            self._retire(peer)

    def peerDisconnected(self, peer: PeerBase) -> None:
        """A handshake ended, also when a slot aborted it without any error."""
        self._retire(peer)

    def _retire(self, peer: PeerBase) -> None:
        if peer._path is not None and self._handshaking.pop(peer._path, None) is not None:
            self._failed += 1
            peer._observer = None
            peer.deleteLater()

    # --------------------------------------------------------- what the table tells

    def pathPeerDestroyed(self, path: DtlsPath) -> None:
        """The program has deleted a peer; when it was still the server's, it counts no more."""
        if self._handshaking.pop(path, None) is not None:
            self._failed += 1

    def socketLost(self) -> None:
        """The program has deleted the socket that it shares: without it there is no server."""
        for path in list(self._table.paths.values()) if self._table is not None else ():
            path.datagramSocketLost()
            if not isValid(self):
                return
        self._serverError, self._errorString = _Error.SocketResourceError, "The UDP socket of the server was deleted."
        self.close()
        if isValid(self):
            self.acceptError.emit(SecureError(SecureError.Code.Closed, self._errorString))
