"""What SslServer and DtlsServer have in common: limits, the deadline, the configuration, and why listening failed.

A connection passes through three stations: *handshaking* (limited by ``maxHandshakingConnections`` and
one total deadline), *pending* (limited by ``maxPendingConnections``), and then it belongs to the
program. What becomes of those that find no place is the server's: the kernel keeps TCP connections
for a while, and datagrams are dropped.
"""

from __future__ import annotations

import socket as native

from PySide6.QtNetwork import QAbstractSocket

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkBool, checkLeast, checkTimeout
from qtsecure.net.values import ConfigurationSource, SslConfiguration, configurationFrom

__all__ = ["ServerSettings"]


class ServerSettings:
    """The settings of both servers."""

    _configuration: SslConfiguration
    _handshakeTimeout = 0
    _maxPending = 30
    _maxHandshaking = 0
    _maxPerAddress = 0
    _reusePort = False
    _traced = False
    _serverError = QAbstractSocket.SocketError.UnknownSocketError
    _errorString = ""

    def _settingsChanged(self) -> None:
        """There may be room for more connections now, or a usable configuration."""

    def sslConfiguration(self) -> SslConfiguration:
        """A copy of the configuration for new connections."""
        return SslConfiguration(self._configuration)

    def setSslConfiguration(self, configuration: ConfigurationSource) -> None:
        """Use this configuration for connections that begin from now on; live ones keep theirs.

        ``Protocol.SecureProtocols``, which is the default, stands for DTLS 1.2 on a DtlsServer.

        Raises:
            TypeError, ValueError: For anything else, and for the TlsOptions of a client.
        """
        self._configuration = configurationFrom(configuration, role="server")
        self._settingsChanged()

    def handshakeTimeout(self) -> int:
        """How long a connection may take in all until ``encrypted``, in ms; 0 or -1: no limit."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, timeout: int) -> None:
        """Set the total handshake deadline for connections that begin from now on.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        self._handshakeTimeout = checkTimeout(timeout, name="timeout")

    def maxPendingConnections(self) -> int:
        """How many encrypted connections may wait before no others are let in."""
        return self._maxPending

    def setMaxPendingConnections(self, numConnections: int) -> None:
        """Limit the queue of encrypted connections.

        Raises:
            TypeError: For anything but an int.
            ValueError: For less than 1.
        """
        self._maxPending = checkLeast(numConnections, 1, name="numConnections")
        self._settingsChanged()

    def maxHandshakingConnections(self) -> int:
        """How many handshakes may be under way before no others are let in."""
        return self._maxHandshaking

    def setMaxHandshakingConnections(self, numConnections: int) -> None:
        """Limit the concurrent handshakes: 128 by default, 256 on a DtlsServer, where they wait for lost datagrams.

        At the limit of an SslServer the kernel keeps further clients, until a handshake ends. One that
        has said nothing at all for 100 ms makes room then: errorOccurred tells SocketResourceError for it.

        Raises:
            TypeError: For anything but an int.
            ValueError: For less than 1.
        """
        self._maxHandshaking = checkLeast(numConnections, 1, name="numConnections")
        self._settingsChanged()

    def maxConnectionsPerAddress(self) -> int:
        """How many handshaking and pending connections one address may have; 0 for no limit."""
        return self._maxPerAddress

    def setMaxConnectionsPerAddress(self, numConnections: int) -> None:
        """Refuse further connections of an address that has so many unfetched ones; 0 for no limit.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number.
        """
        self._maxPerAddress = checkLeast(numConnections, 0, name="numConnections")

    def isHandshakeTraceEnabled(self) -> bool:
        """Whether handshakeMessage is emitted."""
        return self._traced

    def setHandshakeTraceEnabled(self, enabled: bool) -> None:
        """Emit handshakeMessage for each message of handshakes that begin from now on; off by default.

        For debugging. Only connections with the trace pay for it.

        Raises:
            TypeError: For anything but a bool.
        """
        self._traced = checkBool(enabled, name="enabled")

    def reusePort(self) -> bool:
        """Whether several servers may listen on one port."""
        return self._reusePort

    def setReusePort(self, enabled: bool) -> None:
        """Let several servers, of this or of other processes, listen on one port (SO_REUSEPORT); before listen().

        Each of them has to ask for it. Linux spreads the clients over them; the datagrams of one client
        go to the same server, as long as no server comes or goes.

        Raises:
            TypeError: For anything but a bool.
            SecureError: This operating system cannot do it (``NotSupported``).
        """
        if checkBool(enabled, name="enabled") and not hasattr(native, "SO_REUSEPORT"):
            raise SecureError(
                SecureError.Code.NotSupported,
                "setReusePort(): this operating system lets only one server listen on a port.",
            )
        self._reusePort = enabled

    def serverError(self) -> QAbstractSocket.SocketError:
        """Why listening failed last; UnknownSocketError for never."""
        return self._serverError

    def errorString(self) -> str:
        """The sentence for serverError()."""
        return self._errorString
