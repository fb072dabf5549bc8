"""Wrong arguments, objects that were deleted, and connections that exist already."""

from __future__ import annotations

import array
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import SIGNAL, QCoreApplication, QObject
from PySide6.QtNetwork import QAbstractSocket

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration, SslServer, SslSocket, TlsOptions, aio
from qtsecure.testing import PublicKeyInfrastructure
from tests.aio.conftest import Run
from tests.aio.test_streams import pair

Code = SecureError.Code
Call = Callable[[Any], Awaitable[object]]
STREAM_CALLS: dict[str, Call] = {
    "read": aio.read,
    "readLine": aio.readLine,
    "readExactly": lambda end: aio.readExactly(end, 1),
    "write": lambda end: aio.write(end, b"x"),
    "drain": aio.drain,
    "startClientEncryption": aio.startClientEncryption,
    "connectEncrypted": lambda end: aio.connectEncrypted("127.0.0.1", 9, socket=end),
}
DATAGRAM_CALLS: dict[str, Call] = {
    "read": aio.read,
    "write": lambda end: aio.write(end, b"x"),
    "drain": aio.drain,
    "connectDtls": lambda end: aio.connectDtls("127.0.0.1", 9, peer=end),
}


@pytest.mark.parametrize("port", [0, None])
def test_a_socket_in_use_is_left_alone(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration, port: int | None
) -> None:
    """It is neither ended, nor taken for a connection with the host that was asked for."""

    async def scene() -> None:
        client, peer = await pair(server, client_configuration)
        with pytest.raises(SecureError) as caught:
            await aio.connectEncrypted("other.example", 9 if port is None else port, socket=client)
        assert caught.value.code is Code.Pending
        await aio.write(peer, b"still there")
        assert await aio.read(client) == b"still there"

    run(scene())


def test_a_peer_in_use_is_left_alone(
    run: Run[Any], dtls_server: DtlsServer, client_configuration: SslConfiguration
) -> None:
    """The same with datagrams."""

    async def scene() -> None:
        client = await aio.connectDtls("127.0.0.1", dtls_server.serverPort(), configuration=client_configuration)
        peer = await anext(aio.serve(dtls_server))
        with pytest.raises(SecureError) as caught:
            await aio.connectDtls("127.0.0.1", 9, peer=client)
        assert caught.value.code is Code.Pending
        await aio.write(peer, b"still there")
        assert await aio.read(client) == b"still there"
        await aio.close(client)

    run(scene())


@pytest.mark.parametrize("name", STREAM_CALLS)
def test_a_deleted_socket(run: Run[Any], name: str) -> None:
    """Is told so by every call; nothing is written into nowhere."""

    async def scene() -> None:
        socket = SslSocket()
        shiboken6.delete(socket)
        with pytest.raises(SecureError, match="deleted") as caught:
            await STREAM_CALLS[name](socket)
        assert caught.value.code is Code.Closed
        await aio.close(socket)

    run(scene())


@pytest.mark.parametrize("name", DATAGRAM_CALLS)
def test_a_deleted_peer(run: Run[Any], name: str) -> None:
    """The same with datagrams."""

    async def scene() -> None:
        peer = DtlsPeer()
        shiboken6.delete(peer)
        with pytest.raises(SecureError, match="deleted"):
            await DATAGRAM_CALLS[name](peer)
        await aio.close(peer)

    run(scene())


@pytest.mark.parametrize("wrong", [None, 5, object()], ids=["None", "int", "object"])
def test_what_is_no_connection(run: Run[Any], wrong: Any) -> None:
    """Raises TypeError with the argument's name; ``None`` as a socket to connect stands for a new one."""

    async def scene() -> None:
        calls = [call for name, call in STREAM_CALLS.items() if wrong is not None or name != "connectEncrypted"]
        calls += [aio.close, aio.finished]
        for call in calls:
            with pytest.raises(TypeError, match="must be of type"):
                await call(wrong)
        for make in (aio.serve, aio.incoming, aio.lines):
            with pytest.raises(TypeError, match="must be of type"):
                make(wrong)

    run(scene())


@pytest.mark.parametrize("wrong", [True, "1", 1.5, None], ids=str)
def test_sizes_are_numbers(run: Run[Any], wrong: Any) -> None:
    """Raise at once, not when data has come."""

    async def scene() -> None:
        socket = SslSocket()
        for call in (aio.read, aio.readLine, aio.readExactly):
            with pytest.raises(TypeError, match="ize must be an int"):
                await call(socket, wrong)
        for size in (0, -2):
            with pytest.raises(ValueError, match="maxSize"):
                await aio.read(socket, size)

    run(scene())


def test_items_that_are_no_bytes(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Are sent whole, also where not all of them fit at once; nothing at all is no trouble."""

    async def scene() -> None:
        client, peer = await pair(server, client_configuration)
        client.setWriteBufferLimit(10)
        numbers = array.array("I", range(20))
        writing = asyncio.ensure_future(aio.write(client, numbers))  # type: ignore[arg-type]  # a buffer all the same
        assert await aio.readExactly(peer, len(numbers) * numbers.itemsize) == numbers.tobytes()
        await writing
        for nothing in (b"", array.array("I")):
            await aio.write(client, nothing)  # type: ignore[arg-type]  # as above
        with pytest.raises(TypeError, match=r"^data must be bytes, not str; encode text first"):
            await aio.write(client, "text")  # type: ignore[arg-type]  # that is the test

    run(scene())


def test_a_large_write_hands_over_what_fits(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """The socket copies what it is given, which must not be all that is left each time."""
    data, sizes = bytes(range(250)) * 400, []

    async def scene() -> bytes:
        client, peer = await pair(server, client_configuration)
        client.setWriteBufferLimit(10_000)
        write = client.write

        def noted(piece: memoryview) -> int:
            sizes.append(len(piece))
            return write(piece)

        client.write = noted  # type: ignore[assignment, method-assign]  # that is what the call sees
        writing = asyncio.ensure_future(aio.write(client, data))
        received = await aio.readExactly(peer, len(data))
        await writing
        return received

    assert run(scene()) == data
    assert max(sizes) <= 10_000


@pytest.mark.parametrize("who", ["client", "peer"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_drain_tells_what_was_lost(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration, who: str, when: str
) -> None:
    """A connection that has gone has empty queues; they do not mean that all was sent."""

    async def scene() -> None:
        ends = dict(zip(("client", "peer"), await pair(server, client_configuration), strict=True))
        client = ends["client"]
        ends["peer"].setReadBufferSize(1000)
        await aio.write(client, bytes(30_000_000))
        draining = asyncio.ensure_future(aio.drain(client))
        if when == "meanwhile":
            await asyncio.sleep(0)
        ends[who].abort()
        await aio.until(
            client, lambda: client.state() == QAbstractSocket.SocketState.UnconnectedState, client.disconnected
        )
        with pytest.raises(SecureError):
            await draining
        with pytest.raises(SecureError):
            await aio.drain(client)

    run(scene())


def test_drain_knows_what_was_sent_before_the_end(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """Closing in good order meanwhile sends everything: no error, and nothing stays connected."""

    async def scene() -> None:
        client, peer = await pair(server, client_configuration)
        before = client.receivers(SIGNAL("bytesWritten(qlonglong)"))
        await aio.write(client, bytes(5_000_000))
        draining = asyncio.ensure_future(aio.drain(client))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(aio.close(client))
        received = 0
        async for piece in aio.incoming(peer):
            received += len(piece)
        assert received == 5_000_000
        await draining
        await closing
        assert client.receivers(SIGNAL("bytesWritten(qlonglong)")) == before

    run(scene())


def test_a_wait_that_cannot_begin_leaves_nothing(run: Run[Any]) -> None:
    """Not even the signals that came before the wrong one."""

    async def scene() -> None:
        watched = QObject()
        before = watched.receivers(SIGNAL("objectNameChanged(QString)"))
        with pytest.raises(AttributeError):
            await aio.until(watched, lambda: False, watched.objectNameChanged, None)  # type: ignore[arg-type]  # wrong
        assert watched.receivers(SIGNAL("objectNameChanged(QString)")) == before

    run(scene())


def test_the_wrong_event_loop(qapp: QCoreApplication) -> None:
    """Nothing would ever happen in asyncio's own, and nobody would know why."""

    async def scene() -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(aio.connectEncrypted("127.0.0.1", 9), 0.05)

    with pytest.warns(RuntimeWarning, match=r"qasync\.run\(\)"):
        asyncio.run(scene())


def test_options_of_a_server(run: Run[Any]) -> None:
    """They verify no server; no client takes them."""
    identity = PublicKeyInfrastructure(shared=True).server
    options = TlsOptions.server(identity.privateKey, list(identity.chain))

    async def scene() -> None:
        for connect in (aio.connectEncrypted, aio.connectDtls):
            with pytest.raises(ValueError, match="must be for a client"):
                await connect("127.0.0.1", 9, configuration=options)

    run(scene())
