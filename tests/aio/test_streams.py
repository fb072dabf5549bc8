"""Streams: connecting, reading, writing and ending, and what is left behind by each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import SIGNAL
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SecureError, SslConfiguration, SslServer, SslSocket, aio
from qtsecure.testing.peers import PlainHttpServer, SilentServer
from tests.aio.conftest import Run
from tests.ports import closedPort

Code = SecureError.Code
SIGNALS = ("encrypted()", "readyRead()", "disconnected()", "destroyed()", "bytesWritten(qlonglong)")


def listeners(socket: SslSocket) -> dict[str, int]:
    """How many slots are connected to the signals that waits use."""
    return {name: socket.receivers(SIGNAL(name)) for name in SIGNALS}


async def pair(server: SslServer, configuration: SslConfiguration) -> tuple[SslSocket, SslSocket]:
    """A connected client and the server's end."""
    connections = aio.serve(server)
    client, peer = await asyncio.gather(
        aio.connectEncrypted("127.0.0.1", server.serverPort(), configuration=configuration),
        anext(connections),
    )
    return client, peer


def test_a_conversation(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Lines there and back, a clean end, and nothing stays connected."""

    async def conversation() -> tuple[list[bytes], dict[str, int], dict[str, int]]:
        client, peer = await pair(server, client_configuration)
        before = listeners(client)
        await aio.write(client, b"first\nsecond\nrest")
        await aio.drain(client)
        heard = [await aio.readLine(peer), await aio.readLine(peer)]
        await aio.write(peer, b"answer")
        heard.append(await aio.read(client))
        await aio.close(client)
        heard += [await aio.readLine(peer), await aio.read(peer), await aio.readLine(peer)]
        return heard, before, listeners(client)

    heard, before, after = run(conversation())
    assert heard == [b"first\n", b"second\n", b"answer", b"rest", b"", b""]
    assert after == before


def test_what_came_before_the_wait_is_there(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """Data that arrives while the task does something else is read without another signal."""

    async def conversation() -> bytes:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"early")
        await aio.until(peer, lambda: peer.bytesAvailable() == 5, peer.readyRead)
        await asyncio.sleep(0)
        return await aio.read(peer)

    assert run(conversation()) == b"early"


def test_a_cancelled_read_loses_nothing(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """The data of a read that was given up belongs to the next one."""

    async def conversation() -> bytes:
        client, peer = await pair(server, client_configuration)
        task = asyncio.ensure_future(aio.readExactly(peer, 6))
        await aio.write(client, b"abc")
        await aio.until(peer, lambda: peer.bytesAvailable() == 3, peer.readyRead)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await aio.write(client, b"def")
        return await aio.readExactly(peer, 6)

    assert run(conversation()) == b"abcdef"


def test_an_incomplete_read_tells_what_came(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """As asyncio's own streams do."""

    async def conversation() -> None:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"abc")
        await aio.close(client)
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await aio.readExactly(peer, 6)
        assert caught.value.partial == b"abc"

    run(conversation())


def test_a_cut_is_no_end(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Without close_notify something may be missing: the rest is readable, then comes the error."""

    async def conversation() -> tuple[bytes, SecureError]:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"half a mess")
        await aio.drain(client)
        rest = await aio.read(peer)
        client.abort()
        with pytest.raises(SecureError) as caught:
            await aio.read(peer)
        return rest, caught.value

    rest, error = run(conversation())
    assert rest == b"half a mess"
    assert error.code in (Code.UncleanClose, Code.Closed)


def test_a_line_without_end(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Is refused at the limit, and can still be read."""

    async def conversation() -> None:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"x" * 20)
        with pytest.raises(SecureError) as caught:
            await aio.readLine(peer, 10)
        assert caught.value.code is Code.MessageTooLarge
        assert await aio.readExactly(peer, 20) == b"x" * 20

    run(conversation())


def test_limits_of_the_socket_are_no_trap(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """What could never arrive is refused at once; large writes wait for room."""

    async def conversation() -> None:
        client, peer = await pair(server, client_configuration)
        peer.setReadBufferSize(1000)
        with pytest.raises(ValueError, match="at most 1000 bytes"):
            await aio.readExactly(peer, 1001)
        with pytest.raises(ValueError, match="at most 1000 bytes"):
            await aio.readLine(peer, 1001)
        client.setWriteBufferLimit(50_000)
        writing = asyncio.ensure_future(aio.write(client, bytes(400_000)))
        received = 0
        while received < 400_000:
            received += len(await aio.read(peer))
        await writing

    run(conversation())


@pytest.mark.parametrize("size", [-1])
def test_bad_sizes(run: Run[Any], server: SslServer, client_configuration: SslConfiguration, size: int) -> None:
    """Raise at once, with the name of the argument."""

    async def conversation() -> None:
        _, peer = await pair(server, client_configuration)
        with pytest.raises(ValueError, match="size must be at least 0"):
            await aio.readExactly(peer, size)
        with pytest.raises(ValueError, match="maxSize must be at least 0"):
            await aio.readLine(peer, size)

    run(conversation())


def test_failures_are_precise(run: Run[Any], server: SslServer) -> None:
    """Refused, not TLS, not trusted: each has its code, and a socket of the caller's survives."""

    async def attempts() -> list[Code]:
        codes = []
        nobody = SslConfiguration.forClient([])
        own = SslSocket()
        with PlainHttpServer() as http, closedPort() as closed:
            for port in (closed, http.port, server.serverPort()):
                with pytest.raises(SecureError) as caught:
                    await aio.connectEncrypted("127.0.0.1", port, configuration=nobody, socket=own)
                codes.append(caught.value.code)
        assert shiboken6.isValid(own)
        return codes

    assert run(attempts()) == [Code.ConnectionRefused, Code.NotTls, Code.BadCertificate]


def test_cancelling_ends_what_was_begun(run: Run[Any], client_configuration: SslConfiguration) -> None:
    """A connection that is given up is aborted; the time-out of asyncio works."""

    async def attempt() -> None:
        own = SslSocket()
        with SilentServer() as silent, pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(
                aio.connectEncrypted("127.0.0.1", silent.port, configuration=client_configuration, socket=own),
                0.05,
            )
        assert own.state() == QAbstractSocket.SocketState.UnconnectedState
        after = listeners(own)
        own.abort()
        assert {name: count for name, count in after.items() if count} == {"destroyed()": after["destroyed()"]}

    run(attempt())


def test_deleting_the_object_ends_the_wait(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """A task that waits for a deleted socket is told so."""

    async def conversation() -> SecureError:
        _, peer = await pair(server, client_configuration)
        task = asyncio.ensure_future(aio.read(peer))
        await asyncio.sleep(0)
        shiboken6.delete(peer)
        with pytest.raises(SecureError) as caught:
            await task
        return caught.value

    error = run(conversation())
    assert error.code is Code.Closed
    assert "deleted" in error.message


def test_writing_to_a_dead_connection(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Is an error at once."""

    async def conversation() -> None:
        client, _ = await pair(server, client_configuration)
        client.abort()
        with pytest.raises(SecureError):
            await aio.write(client, b"too late")

    run(conversation())


@pytest.mark.parametrize("state", ["never", "connecting", "closing", "closed"])
def test_encryption_of_what_is_not_connected(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration, state: str
) -> None:
    """Is an error at once: the call waited for ever, or succeeded because an earlier connection had ended well."""

    async def attempt() -> None:
        socket = SslSocket()
        if state == "connecting":
            socket.connectToHost("localhost", server.serverPort())
        elif state != "never":
            socket, peer = await pair(server, client_configuration)
            if state == "closed":
                await aio.close(peer)
                assert await aio.read(socket) == b""
            else:
                peer.setReadBufferSize(1000)
                await aio.write(socket, bytes(30_000_000))
                socket.disconnectFromHost()
                assert socket.state() == QAbstractSocket.SocketState.ClosingState
        with pytest.raises(SecureError) as caught:
            await asyncio.wait_for(aio.startClientEncryption(socket), 5)
        assert caught.value.code is Code.Closed
        socket.abort()

    run(attempt())


@pytest.mark.parametrize("way", ["deleteLater", "delete"])
def test_closing_what_goes_when_it_is_disconnected(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration, way: str
) -> None:
    """Its end is all that is waited for, and no error, whoever deletes the socket then."""

    async def conversation() -> int:
        client, peer = await pair(server, client_configuration)
        client.disconnected.connect(client.deleteLater if way == "deleteLater" else lambda: shiboken6.delete(client))
        await aio.write(client, bytes(5_000_000))
        closing = asyncio.ensure_future(aio.close(client))
        received = 0
        async for piece in aio.incoming(peer):
            received += len(piece)
        await closing
        return received

    assert run(conversation()) == 5_000_000


def test_draining_what_goes_when_all_is_sent(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """It was sent, and that is what was asked for."""

    async def conversation() -> int:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, bytes(5_000_000))
        draining = asyncio.ensure_future(aio.drain(client))
        await asyncio.sleep(0)

        def leave() -> None:
            if not client.bytesToWrite() + client.encryptedBytesToWrite():
                client.disconnectFromHost()

        client.encryptedBytesWritten.connect(leave)
        client.disconnected.connect(lambda: shiboken6.delete(client))
        received = 0
        async for piece in aio.incoming(peer):
            received += len(piece)
        await draining
        return received

    assert run(conversation()) == 5_000_000
