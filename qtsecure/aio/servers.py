"""The encrypted connections of a server, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import overload

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
async def serve(server: SslServer | DtlsServer) -> AsyncIterator[SslSocket | DtlsPeer]:
    """Iterate over the connections whose handshakes are complete, until the server is closed.

    A queue holds those that come while the loop's body runs; start a task for each connection to
    serve many at once. Leaving the loop leaves the server as it is.

    Args:
        server: A listening server. Its connections are its children: end them with close() and
            deleteLater().

    Raises:
        SecureError: ``Closed``, when the server was deleted.
    """

    def ready() -> bool:
        return server.hasPendingConnections() or not server.isListening()

    while True:
        await until(server, ready, server.pendingConnectionAvailable, server.closed)
        connection = server.nextPendingConnection()
        if connection is None:
            if not server.isListening():
                return
        else:
            yield connection
