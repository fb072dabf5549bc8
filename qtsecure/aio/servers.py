"""The encrypted connections of a server, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast, overload

from qtsecure.aio.alive import checkAlive
from qtsecure.aio.signals import until
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["serve"]


@overload
def serve(server: SslServer) -> AsyncIterator[SslSocket]: ...
@overload
def serve(server: DtlsServer) -> AsyncIterator[DtlsPeer]: ...
def serve(server: SslServer | DtlsServer) -> AsyncIterator[SslSocket] | AsyncIterator[DtlsPeer]:
    """Iterate over the connections whose handshakes are complete, until the server is closed.

    A queue holds those that come while the loop's body runs; start a task for each connection to
    serve many at once. Leaving the loop leaves the server as it is, and so does a cancelled or timed-out
    step: the next one goes on where it was.

    Args:
        server: A listening server. Its connections are its children: end them with close() and
            deleteLater().

    Raises:
        TypeError: ``server`` is none.
        SecureError: ``Closed``, when the server was deleted.
    """
    checkAlive(server, SslServer, DtlsServer, name="server")
    return cast("AsyncIterator[SslSocket] | AsyncIterator[DtlsPeer]", _Connections(server))


class _Connections(AsyncIterator[SslSocket | DtlsPeer]):
    """No generator: a cancelled step would be its end, and look as if the server had been closed."""

    def __init__(self, server: SslServer | DtlsServer) -> None:
        self._server = server

    async def __anext__(self) -> SslSocket | DtlsPeer:
        server = self._server

        def ready() -> bool:
            return server.hasPendingConnections() or not server.isListening()

        while True:
            await until(server, ready, server.pendingConnectionAvailable, server.closed)
            connection = server.nextPendingConnection()
            if connection is not None:
                return connection
            if not server.isListening():
                raise StopAsyncIteration
