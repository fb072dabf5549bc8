"""The other end says something and leaves before the task that has connected runs again."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration, SslServer, SslSocket, aio
from tests.aio.conftest import Run
from tests.net.conversation import spin
from tests.ports import closedPort, closedUdpPort

Code = SecureError.Code
_UNCONNECTED = QAbstractSocket.SocketState.UnconnectedState


def _leaves(server: SslServer) -> None:
    """Let the server say that it is busy, and go."""

    def welcome() -> None:
        while (peer := server.nextPendingConnection()) is not None:
            peer.write(b"busy")
            peer.disconnectFromHost()

    server.pendingConnectionAvailable.connect(welcome)


def _assertRefused(run: Run[Any], attempt: Coroutine[Any, Any, object]) -> None:
    """The next attempt of the same object has a failure of its own."""
    with pytest.raises(SecureError) as caught:
        run(attempt)
    assert caught.value.code is Code.ConnectionRefused


@pytest.mark.parametrize("begins", ["connectEncrypted", "startClientEncryption"])
def test_what_a_server_says_before_it_leaves(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration, begins: str
) -> None:
    """The call has succeeded, and read() tells what came, and the end."""
    _leaves(server)
    socket = SslSocket()
    socket.encrypted.connect(lambda: spin(lambda: socket.state() == _UNCONNECTED))

    async def conversation() -> list[bytes]:
        if begins == "connectEncrypted":
            configuration = client_configuration
            await aio.connectEncrypted("127.0.0.1", server.serverPort(), configuration=configuration, socket=socket)
        else:
            socket.setSslConfiguration(client_configuration)
            socket.setPeerVerifyName("127.0.0.1")
            socket.connectToHost("127.0.0.1", server.serverPort())
            await aio.until(
                socket, lambda: socket.state() == QAbstractSocket.SocketState.ConnectedState, socket.connected
            )
            await aio.startClientEncryption(socket)
        return [await aio.read(socket), await aio.read(socket)]

    assert run(conversation()) == [b"busy", b""]
    with closedPort() as port:
        _assertRefused(run, aio.connectEncrypted("127.0.0.1", port, socket=socket))


def test_a_slot_that_ends_the_new_association(
    run: Run[Any], dtls_server: DtlsServer, client_configuration: SslConfiguration
) -> None:
    """That is no association, and it was this program."""
    peer = DtlsPeer()
    peer.encrypted.connect(peer.close)

    async def connect() -> None:
        with pytest.raises(SecureError, match="by this program") as caught:
            await aio.connectDtls("127.0.0.1", dtls_server.serverPort(), configuration=client_configuration, peer=peer)
        assert caught.value.code is Code.Closed

    run(connect())


def test_a_slot_that_ends_the_new_connection(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """That is still no connection."""
    socket = SslSocket()
    socket.encrypted.connect(socket.abort)

    async def connect() -> None:
        with pytest.raises(SecureError) as caught:
            await aio.connectEncrypted(
                "127.0.0.1", server.serverPort(), configuration=client_configuration, socket=socket
            )
        assert caught.value.code is Code.Closed

    run(connect())


@pytest.mark.parametrize("messages", [[b"busy"], []], ids=["a message", "nothing"])
def test_what_a_dtls_server_says_before_it_leaves(
    run: Run[Any], dtls_server: DtlsServer, client_configuration: SslConfiguration, messages: list[bytes]
) -> None:
    """The same for an association; one that says nothing has ended it all the same, and not this program."""

    def welcome() -> None:
        while (end := dtls_server.nextPendingConnection()) is not None:
            for message in messages:
                end.writeDatagram(message)
            end.close()

    dtls_server.pendingConnectionAvailable.connect(welcome)
    peer = DtlsPeer()
    peer.encrypted.connect(lambda: spin(lambda: peer.status() != DtlsPeer.Status.Connected))

    async def conversation() -> list[bytes]:
        port = dtls_server.serverPort()
        await aio.connectDtls("127.0.0.1", port, configuration=client_configuration, peer=peer)
        return [await aio.read(peer) for _ in range(len(messages) + 1)]

    assert run(conversation()) == [*messages, b""]
    with closedUdpPort() as port:
        _assertRefused(run, aio.connectDtls("127.0.0.1", port, peer=peer))
