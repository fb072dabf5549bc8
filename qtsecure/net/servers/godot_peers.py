"""A DTLS server's ends over transports of the program, one for each client: Godot's DTLSServer.take_connection."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from PySide6.QtCore import qWarning
from PySide6.QtNetwork import QSsl
from shiboken6 import isValid

from qtsecure.engine.dtls import AdmittedHello, DtlsListener
from qtsecure.errors import SecureError
from qtsecure.net.datagram_transport import DatagramTransport
from qtsecure.net.datagrams.carriers import Carrier, carrierProblem, connectedSocket, mtuOver
from qtsecure.net.datagrams.claims import isClaimed
from qtsecure.net.datagrams.datagram_socket import Address
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls.statistics import LocalDrop
from qtsecure.net.dtls.table import ClientTable
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_peer.base import PeerBase

if TYPE_CHECKING:
    from qtsecure.net.servers.dtls_server import DtlsServer

__all__ = ["TakenPeers"]

_LIVE = (DtlsPeer.Status.Handshaking, DtlsPeer.Status.Connected)  # connected where the transport delivers at once


class TakenPeers:
    """The clients that came over transports.

    Args:
        server: Whose configuration, limits and signals they share.
    """

    __slots__ = ("__weakref__", "_clients", "_server")

    def __init__(self, server: DtlsServer) -> None:
        self._server = ref(server)
        self._clients: dict[int, _TransportClient] = {}  # by the identity of the transports, which they hold

    def take(self, carrier: Carrier) -> DtlsPeer | None:
        """Look at what waits in a transport; the peer of a hello with a good cookie, or None."""
        if problem := carrierProblem(carrier):
            qWarning(f"DtlsServer: takeConnection(): the transport {problem}.")
            return None
        server = self._server()
        listener = server._prepareListener() if server is not None else None
        if server is None or listener is None or not isValid(server):
            return None
        earlier = self._clients.get(id(carrier))
        if earlier is not None and earlier.carrier is carrier and earlier.isOver():
            # It repeats its last words, or takes a new hello; but not inside itself.
            return None if earlier.taking else earlier.take()
        if isClaimed(carrier):
            return None
        try:
            client = _TransportClient(server, carrier, mtuOver(carrier, listener.mtu))
            client.table.socket = connectedSocket(client.table, carrier)
        except (OSError, SecureError, ValueError) as error:
            qWarning(f"DtlsServer: takeConnection(): {error}")
            return None
        self._clients[id(carrier)] = client
        return client.take()

    def _living(self) -> list[_TransportClient]:
        """Those whose transport is in use; the others are forgotten here."""
        for key in [key for key, client in self._clients.items() if client.carrier is None]:
            del self._clients[key]
        return list(self._clients.values())

    def tables(self) -> list[ClientTable]:
        """What there is to serve."""
        return [client.table for client in self._living()]

    def handshaking(self) -> int:
        """How many handshakes are under way."""
        return sum(client.handshaking for client in self._living())


class _TransportClient:
    """The client at the other end of one transport; what its table and its peer tell (TableOwner, PeerObserver).

    Attributes:
        carrier: The transport; None when it is free again.
        table: Which cares for cookies, and for clients that begin anew.
        handshaking: A handshake is under way.
        taking: take() is on the stack.
    """

    __slots__ = ("__weakref__", "_mtu", "_peer", "_server", "carrier", "handshaking", "table", "taking")

    def __init__(self, server: DtlsServer, carrier: Carrier, mtu: int) -> None:
        self._server = ref(server)
        self.taking = False
        self._mtu = mtu
        self._peer: DtlsPeer | None = None
        self.carrier: Carrier | None = carrier
        self.handshaking = False
        self.table = _TransportTable(self, server._dropped)

    def take(self) -> DtlsPeer | None:
        """Serve what waits; the peer, if there is one now."""
        socket, server = self.table.socket, self._alive()
        if socket is None or server is None:
            return None
        self.table.paused = server._paused
        self.taking = True
        try:
            socket.serve()
        finally:
            self.taking = False
        peer, self._peer = self._peer, None
        if peer is None or not isValid(peer) or peer.status() not in _LIVE:
            if not self.table.paths:
                self.free()
            if peer is not None and isValid(peer):
                peer.deleteLater()
            return None
        return peer

    def isOver(self) -> bool:
        """Whether nothing but last words are left."""
        return all(path.ended for path in self.table.paths.values())

    def free(self) -> None:
        """Let go of the transport."""
        self.carrier = None
        self.table.letGo()

    def _alive(self) -> DtlsServer | None:
        server = self._server()
        return server if server is not None and isValid(server) else None

    # ------------------------------------------------------------- what the table tells

    def _prepareListener(self) -> DtlsListener | None:
        server = self._alive()
        return server._prepareListener() if server is not None else None

    def _helloAdmitted(self, hello: AdmittedHello, address: Address, current: DtlsPath | None) -> None:
        server, table = self._alive(), self.table
        if server is None or server._listener is None or table.socket is None:
            return
        live = current is not None and not current.ended
        if live or not self.taking:
            self._beginAnew(server, hello, current if live else None)
            return
        if server._handshakingCount() >= server.maxHandshakingConnections():
            table.drop(LocalDrop.TOO_MANY_HANDSHAKING)
            return
        if server._hasTooManyConnections():
            table.drop(LocalDrop.TOO_MANY)
            return
        if current is not None:
            current.abandon()
        self._peer = peer = server._adoptClient(table, table.socket, address, self)
        peer._carrier = self.carrier
        self.handshaking = True
        server._answer(hello, peer, server._listener, mtu=self._mtu)

    def _beginAnew(self, server: DtlsServer, hello: AdmittedHello, live: DtlsPath | None) -> None:
        """Let the next takeConnection() find the hello: in the transport, or when the client repeats it."""
        if live is not None:
            server._replaced += 1
            live.replacePeer()
        carrier = self.carrier
        self.free()
        if isinstance(carrier, DatagramTransport) and isValid(carrier) and not isClaimed(carrier):
            carrier._kept.append(hello.datagram)

    def pathsEnded(self) -> None:
        """Nothing more will be said in this association."""
        if not self.taking:
            self.free()

    def _pathPeerDestroyed(self, path: DtlsPath) -> None:
        if all(each is path or each.ended for each in self.table.paths.values()):  # else another is under way already
            self._handshakeOver(failed=True)

    def _socketLost(self) -> None:
        self.free()

    # -------------------------------------------------- what the peer tells (PeerObserver)

    def _wantsPreSharedKeys(self) -> bool:
        server = self._alive()
        return server is not None and server._wantsPreSharedKeys()

    def _wantsHostChoices(self) -> bool:
        server = self._alive()
        return server is not None and server._wantsHostChoices()

    def _peerTraced(self, peer: PeerBase, direction: str, name: str, size: int) -> None:
        if (server := self._alive()) is not None:
            server._peerTraced(peer, direction, name, size)

    def _peerAsks(self, peer: PeerBase, signal: str, argument: object) -> None:
        if (server := self._alive()) is not None:
            server._peerAsks(peer, signal, argument)

    def _peerAlert(self, peer: PeerBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str) -> None:
        if (server := self._alive()) is not None:
            server._peerAlert(peer, sent, level, kind, text)

    def _peerEncrypted(self, peer: PeerBase) -> None:
        """From now on it is the program's, and nothing of it is forwarded."""
        peer._observer = None
        if self._handshakeOver(failed=False) and (server := self._alive()) is not None:
            server._succeeded += 1

    def _peerFailed(self, peer: PeerBase, error: SecureError) -> None:
        """Forward; the peer stays, for the program that has taken it."""
        peer._observer = None
        self._handshakeOver(failed=True)
        if (server := self._alive()) is not None:
            server.errorOccurred.emit(peer, error)

    def _peerDisconnected(self, peer: PeerBase) -> None:
        """A handshake ended without any error."""
        peer._observer = None
        self._handshakeOver(failed=True)

    def _handshakeOver(self, *, failed: bool) -> bool:
        was, self.handshaking = self.handshaking, False
        if was and failed and (server := self._alive()) is not None:
            server._failed += 1
        return was


class _TransportTable(ClientTable):
    """A table of one client, which lets go of the transport with the end of its association."""

    __slots__ = ("_client",)

    def __init__(self, client: _TransportClient, dropped: dict[LocalDrop, int]) -> None:
        super().__init__(client, dropped)
        self._client = ref(client)

    def pathEnded(self, path: DtlsPath) -> None:
        super().pathEnded(path)
        client = self._client()
        if not self.paths and self.socket is not None and client is not None:
            client.pathsEnded()

    def letGo(self) -> None:
        """Close the socket, which is the transport's; what is left ends with its peer."""
        paths, self.paths = list(self.paths.values()), {}
        for path in paths:
            path.abandon()
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.close()
