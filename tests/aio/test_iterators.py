"""``async for`` over what comes: complete, in order, and patient with time-outs."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from qtsecure import DtlsServer, SecureError, SslConfiguration, SslServer, aio
from tests.aio.conftest import Run
from tests.aio.test_streams import pair

Code = SecureError.Code


def test_lines(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """The last one may lack its newline."""

    async def scene() -> list[bytes]:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"one\ntwo\nrest")
        await aio.close(client)
        return [line async for line in aio.lines(peer)]

    assert run(scene()) == [b"one\n", b"two\n", b"rest"]


def test_messages(run: Run[Any], dtls_server: DtlsServer, client_configuration: SslConfiguration) -> None:
    """One by one, until the goodbye."""

    async def scene() -> list[bytes]:
        client = await aio.connectDtls("127.0.0.1", dtls_server.serverPort(), configuration=client_configuration)
        peer = await anext(aio.serve(dtls_server))
        for message in (b"one", b"two"):
            await aio.write(client, message)
        await aio.close(client)
        return [message async for message in aio.incoming(peer)]

    assert run(scene()) == [b"one", b"two"]


def test_a_cut_ends_with_its_error(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """After everything that had come."""

    async def scene() -> tuple[bytes, SecureError]:
        client, peer = await pair(server, client_configuration)
        await aio.write(client, b"half a mess")
        await aio.drain(client)
        pieces = []

        async def collect() -> None:
            async for piece in aio.incoming(peer):
                pieces.append(piece)
                client.abort()

        with pytest.raises(SecureError) as caught:
            await collect()
        return b"".join(pieces), caught.value

    data, error = run(scene())
    assert data == b"half a mess"
    assert error.code in (Code.UncleanClose, Code.Closed)


def test_a_step_that_is_given_up_is_not_the_end(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """The next one finds what comes later, data as well as connections."""

    async def scene() -> bytes:
        connections = aio.serve(server)
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(connections), 0.01)
        client, peer = await asyncio.gather(
            aio.connectEncrypted("127.0.0.1", server.serverPort(), configuration=client_configuration),
            anext(connections),
        )
        pieces = aio.incoming(peer)
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(pieces), 0.01)
        await aio.write(client, b"late")
        data: bytes = await anext(pieces)
        server.close()
        with pytest.raises(StopAsyncIteration):
            await anext(connections)
        return data

    assert run(scene()) == b"late"


def test_time_outs_at_any_moment_lose_nothing(
    run: Run[Any], server: SslServer, client_configuration: SslConfiguration
) -> None:
    """Readers that are given up all the time get every byte once, and in order."""
    data = bytes(number % 251 for number in range(200_000))

    async def scene() -> bytes:
        client, peer = await pair(server, client_configuration)
        client.setWriteBufferLimit(3000)

        async def send() -> None:
            for start in range(0, len(data), 7001):
                await aio.write(client, data[start : start + 7001])
            await aio.close(client)

        sending = asyncio.ensure_future(send())
        received = []
        for number in range(1_000_000):
            try:
                piece = await asyncio.wait_for(aio.read(peer, 1000 if number % 3 else -1), (0, 0.0001, 1)[number % 3])
            except asyncio.TimeoutError:
                continue
            if not piece:
                break
            received.append(piece)
        await sending
        return b"".join(received)

    assert run(scene()) == data


def test_two_readers_share_what_comes(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """Who is woken too late waits on, and does not take it for the end."""

    async def scene() -> set[bytes]:
        client, peer = await pair(server, client_configuration)
        readers = {asyncio.ensure_future(aio.read(peer)) for _ in range(2)}
        await asyncio.sleep(0)
        await aio.write(client, b"one")
        done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        await aio.write(client, b"two")
        return set(await asyncio.gather(*readers))

    assert run(scene()) == {b"one", b"two"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups and timeout() are new in Python 3.11")
def test_task_groups(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """One failure ends all that belongs together: the connections, too."""

    async def scene() -> None:
        client, peer = await pair(server, client_configuration)

        async def fail() -> None:
            await asyncio.sleep(0)
            raise LookupError

        tasks: list[asyncio.Task[Any]] = []

        async def together() -> None:
            async with asyncio.TaskGroup() as group:
                tasks.append(group.create_task(aio.read(peer)))
                tasks.append(group.create_task(anext(aio.serve(server))))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as caught:  # noqa: F821 - new in Python 3.11, too
            await asyncio.ensure_future(together())  # in Python 3.11.2 its task counts as cancelled from now on
        assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert all(task.cancelled() for task in tasks)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await aio.readLine(peer)
        await aio.write(client, b"as before\n")
        assert await aio.readLine(peer) == b"as before\n"

    run(scene())
