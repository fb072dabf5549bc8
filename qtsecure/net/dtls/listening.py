"""Where and whether a DtlsServer listens, and how its associations begin: socket, cookies, datagram size.

The socket outlives close() for as long as fetched peers talk through it: a UDP socket is all that
they have, unlike the connections of a TCP server. Hellos are dropped then. listen() or bind() at the
same place takes such a socket over again.
"""

from __future__ import annotations

from weakref import WeakSet

from PySide6.QtCore import QByteArray, QObject, QThread, qWarning
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QUdpSocket

from qtsecure.engine.dtls import DEFAULT_MTU, DtlsListener
from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkBool, checkTimeout
from qtsecure.net.datagrams.carriers import checkBound
from qtsecure.net.datagrams.choice import makeDatagramSocket
from qtsecure.net.datagrams.claims import claim
from qtsecure.net.datagrams.datagram_socket import DatagramSocket
from qtsecure.net.datagrams.qt_datagrams import QtDatagrams
from qtsecure.net.dtls.sizes import checkMtu
from qtsecure.net.dtls.statistics import LocalDrop
from qtsecure.net.dtls.table import ClientTable
from qtsecure.net.native_sockets.addresses import checkPort, listenAddress
from qtsecure.net.native_sockets.socket_errors import socketError
from qtsecure.net.qt_objects.late_names import lateNames
from qtsecure.net.servers.settings import ServerSettings

__all__ = ["DtlsListening"]

_Error = QAbstractSocket.SocketError


class DtlsListening(ServerSettings, QObject):
    """The lower half of DtlsServer, which says what becomes of the clients."""

    _maxHandshaking = 256
    _handshakeTimeout = 30_000
    _idleTimeout = 60_000
    _mtu = DEFAULT_MTU
    _cookies = True
    _secret: bytes | None = None
    _paused = False
    _configurationRefused = False

    def __init__(self, parent: QObject | None) -> None:
        super().__init__(parent)
        self._table: ClientTable | None = None
        self._retired: WeakSet[ClientTable] = WeakSet()
        self._listener: DtlsListener | None = None
        self._dropped: dict[LocalDrop, int] = {}

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
        if self._resume((host.toString(), port)):
            return True
        table = self._newTable()
        socket = makeDatagramSocket(table)
        try:
            socket.bind(host, port, reusePort=self._reusePort)
        except OSError as error:
            socket.close()
            self._serverError, self._errorString = socketError(error.errno or 0)
            return False
        self._start(table, socket, (host.toString(), socket.localEnd()[1]))
        return True

    def bind(self, udpSocket: QUdpSocket) -> bool:
        """Serve clients on a bound socket of the program, which stays its own.

        The program may still send with it; reading is the server's from now on, until it is closed and
        its last peer has ended. Datagrams that are no DTLS are dropped.

        Returns:
            False when the server listens already.

        Raises:
            TypeError: For anything but a QUdpSocket.
            ValueError: When it is not bound, is in use already, or lives in another thread.
        """
        checkBound(udpSocket)
        if self.isListening():
            qWarning("DtlsServer: bind() called on a server that is listening already.")
            return False
        if not self._resume(udpSocket):
            if not claim(udpSocket):
                raise ValueError("udpSocket is in use already, by another server or a DatagramTransport.")
            table = self._newTable()
            self._start(table, QtDatagrams(table, udpSocket), udpSocket)
        return True

    def _newTable(self) -> ClientTable:
        """A table of this server, which the upper half is."""
        raise NotImplementedError

    def _tables(self) -> list[ClientTable]:
        """Whatever has clients."""
        raise NotImplementedError

    def _start(self, table: ClientTable, socket: DatagramSocket, where: object) -> None:
        table.begin(socket, where)
        self._use(table)

    def _resume(self, where: object) -> bool:
        """Go on with a socket that fetched peers have kept open, if there is one at this place."""
        table = next((each for each in self._retired if each.where == where and each.socket is not None), None)
        if table is None:
            return False
        self._retired.discard(table)
        self._use(table)
        return True

    def _use(self, table: ClientTable) -> None:
        table.retired = False
        table.paused = self._paused
        self._table = table
        self._serverError = _Error.UnknownSocketError
        self._errorString = ""
        # A function: see plain_slots. At once, as it would be lost on the way from the thread of a garbage collection.
        self._tableEnd = self.destroyed.connect(lambda: table.serverDestroyed(), lateNames().directConnection)

    def _retire(self) -> ClientTable | None:
        """Let in nobody any more; the table that was in use, which closes its socket when its last path ends."""
        table, self._table = self._table, None
        if table is not None:
            QObject.disconnect(self._tableEnd)
            table.retire()
            self._retired.add(table)
        return table

    def moveToThread(self, thread: QThread) -> bool:
        """Move to another thread; only while the server does not listen and has no peers.

        Raises:
            SecureError: While it listens, or peers live.
        """
        if self._table is not None or any(table.paths for table in self._tables()):
            raise SecureError(
                SecureError.Code.Pending,
                "A listening server belongs to its thread's event loop, and so do its peers; move it before listen().",
            )
        return bool(super().moveToThread(thread))

    def isListening(self) -> bool:
        """Whether clients are let in."""
        return self._table is not None

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

    # -------------------------------------------------------------------------- settings

    def _settingsChanged(self) -> None:
        self._configurationRefused = False  # another one may be usable

    def isCookieVerificationEnabled(self) -> bool:
        """Whether clients have to show that they receive what is sent to their address."""
        return self._cookies

    def setCookieVerificationEnabled(self, enabled: bool) -> None:
        """Demand a cookie from every client (the default), or only from one that begins anew.

        Without cookies anybody can make the server send its certificate to a stranger, and use up
        the places for handshakes.
        """
        self._cookies = checkBool(enabled, name="enabled")
        if self._listener is not None:
            self._listener.cookies_required = enabled

    def setCookieSecret(self, secret: bytes | QByteArray) -> None:
        """Make cookies with this secret, for instance one that several processes share.

        Cookies of the secret before it stay good. Without this call the server has a secret of its
        own, which it replaces every minute.

        Raises:
            TypeError: For anything but bytes.
            ValueError: For less than 16 bytes.
        """
        if isinstance(secret, QByteArray):
            secret = bytes(secret.data())
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
        self._mtu = checkMtu(mtu)
        if self._listener is not None:
            self._listener.mtu = mtu

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
