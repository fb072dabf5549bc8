"""Godot's face of DtlsServer: setup(), take_connection(), and poll() for programs without an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import qWarning
from shiboken6 import isValid

from qtsecure.engine.dtls import DtlsListener
from qtsecure.errors import SecureError
from qtsecure.net.datagrams.carriers import Carrier
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls.table import ClientTable
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_peer.polling import MOST_NESTED
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.servers.godot_peers import TakenPeers
from qtsecure.net.values import ConfigurationSource, TlsOptions, configurationFrom

if TYPE_CHECKING:
    from qtsecure.net.servers.dtls_server import DtlsServer

__all__ = ["TakingServer"]


class TakingServer:
    """The methods of DtlsServer that follow Godot's DTLSServer and UDPServer."""

    _handshaking: dict[DtlsPath, DtlsPeer]
    _errorString: str
    _taken: TakenPeers | None = None
    _polls = 0

    def setup(self, options: ConfigurationSource | None) -> DtlsPeer.Result:
        """Use these options for clients that come from now on (Godot's DTLSServer.setup).

        It may be called again at any time, for example with a renewed certificate: live associations
        keep what they began with. setSslConfiguration() does the same without looking at it first.

        Args:
            options: TlsOptions of a server, or a configuration.

        Returns:
            ``Ok``; ``InvalidParameter`` for None and for options of a client; ``Failed`` for a
            configuration that cannot serve anybody: errorString() tells why. Then nothing has changed.

        Raises:
            TypeError: ``options`` is of another type.
        """
        if options is None or (isinstance(options, TlsOptions) and not options.isServer()):
            qWarning(f"DtlsServer: setup(): the options are {'None' if options is None else 'those of a client'}.")
            return DtlsPeer.Result.InvalidParameter
        configuration = configurationFrom(options, name="options")
        server = cast("DtlsServer", self)
        try:
            DtlsListener(configuration.toEngine("server", pskEnabled=server._wantsPreSharedKeys(), datagrams=True))
        except SecureError as error:
            self._errorString = error.message
            return DtlsPeer.Result.Failed
        server.setSslConfiguration(configuration)
        return DtlsPeer.Result.Ok

    def takeConnection(self, udpPeer: Carrier | None) -> DtlsPeer | None:
        """Look for a client's hello in a transport of the program (Godot's DTLSServer.take_connection).

        This is the way to serve DTLS over something else than the server's own UDP socket: the program
        has a transport for each client, and calls this when something has come in one of them, for
        example in a slot of its ``datagramReceived``. Nothing is remembered about a client before it
        has shown its cookie; without cookies (setCookieVerificationEnabled()) the first hello is enough.
        A new hello from the client of a live association ends that one, after the cookie exchange; the
        client repeats it soon, for the next call.

        Args:
            udpPeer: A connected QUdpSocket, a connected UDP socket of Python's, or a DatagramTransport.

        Returns:
            A peer that is handshaking, a child of the server: ``encrypted``, ``errorOccurred`` and
            ``disconnected`` tell what comes of it. None when there was no hello with a good cookie
            (most often: one without was answered), before setup(), and for a transport that is None, not
            connected, or in use.

        Raises:
            TypeError: ``udpPeer`` is of another type.
        """
        if udpPeer is None:
            return None
        if self._taken is None:
            self._taken = TakenPeers(cast("DtlsServer", self))
        return self._taken.take(udpPeer)

    def stop(self) -> None:
        """Let in nobody any more, and say goodbye to every client (Godot's UDPServer.stop, which tells nobody).

        close() leaves the peers alone that the program has fetched, or got from takeConnection().
        """
        cast("DtlsServer", self)._closeAll()

    def poll(self) -> None:
        """Do what the event loop would do for this server and its peers now, without waiting (UDPServer.poll).

        Never needed where an event loop runs, and harmless there. Peers need no poll() of their own then.
        """
        if self._polls >= MOST_NESTED:
            return
        self._polls += 1
        try:
            for table in self._tables():
                if isValid(self):
                    _pollTable(table)
        finally:
            self._polls -= 1

    def _handshakingCount(self) -> int:
        """How many handshakes are under way, over whatever transport."""
        return len(self._handshaking) + (self._taken.handshaking() if self._taken is not None else 0)

    # -------------------------------------------------------------------------- internals

    def _tables(self) -> list[ClientTable]:
        raise NotImplementedError

    def _takenTables(self) -> list[ClientTable]:
        return self._taken.tables() if self._taken is not None else []


def _pollTable(table: ClientTable) -> None:
    scheduler = schedulerOfThisThread()
    if table.socket is not None:
        table.socket.serve()
    if table.socket is not None:
        scheduler.runTasksOf(table.socket)
    # With a thousand peers it matters that mostly nothing is due.
    for path in list(table.paths.values()) if scheduler.tidy() else ():
        peer = path.peer()
        if peer is not None:
            peer._pollLater()
