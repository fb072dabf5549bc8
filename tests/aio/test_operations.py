"""finished(): the end of a ConnectOperation as something to await."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import shiboken6

from qtsecure import SecureError, SocketClient, SslConfiguration, SslServer, aio
from tests.aio.conftest import Run

Code = SecureError.Code


@pytest.fixture
def client(qapp: object, client_configuration: SslConfiguration) -> SocketClient:
    """Encrypts, and trusts the authority of the tests."""
    client = SocketClient()
    client.setEnableProxy(False)
    client.setTls(True)
    client.setTlsConfiguration(client_configuration)
    return client


def test_the_connection(run: Run[Any], server: SslServer, client: SocketClient) -> None:
    """Many at once; one that is finished is answered at once, and twice."""

    async def talk(number: int) -> bytes:
        connection = await aio.finished(client.connectToHost("localhost", server.serverPort()))
        await aio.write(connection, b"%d\n" % number)
        answer = await aio.readLine(connection)
        await aio.close(connection)
        return answer

    async def scene() -> list[bytes]:
        async def echo() -> None:
            async for end in aio.serve(server):
                await aio.write(end, await aio.readLine(end))

        echoing = asyncio.ensure_future(echo())
        answers = await asyncio.gather(*map(talk, range(4)))
        operation = client.connectToHost("localhost", server.serverPort())
        first = await aio.finished(operation)
        assert await aio.finished(operation) is first is operation.connection()
        first.abort()
        server.close()
        echoing.cancel()
        return answers

    assert sorted(run(scene())) == [b"0\n", b"1\n", b"2\n", b"3\n"]


def test_the_error(run: Run[Any], client: SocketClient) -> None:
    """Is the operation's own, also of what cannot even be understood."""

    async def scene() -> None:
        for target, code in (("localhost:1", Code.ConnectionRefused), ("[x", Code.InvalidArgument)):
            operation = client.connectToHost(target, 1)
            with pytest.raises(SecureError) as caught:
                await aio.finished(operation)
            assert caught.value is operation.error()
            assert caught.value.code is code

    run(scene())


def test_cancelling_the_task_cancels_the_operation(run: Run[Any], server: SslServer, client: SocketClient) -> None:
    """And nothing stays behind; cancelling the operation raises its error in the task."""
    server.pauseAccepting()

    async def scene() -> None:
        operation = client.connectToHost("localhost", server.serverPort())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.finished(operation), 0.05)
        with pytest.raises(SecureError) as caught:
            await aio.finished(operation)
        assert caught.value.code is Code.Cancelled
        assert client._running == {}
        operation = client.connectToHost("localhost", server.serverPort())
        task = asyncio.ensure_future(aio.finished(operation))
        await asyncio.sleep(0)
        operation.cancel()
        with pytest.raises(SecureError) as caught:
            await task
        assert caught.value.code is Code.Cancelled

    run(scene())


@pytest.mark.parametrize("what", ["operation", "client"])
def test_deleting_ends_the_wait(run: Run[Any], server: SslServer, client: SocketClient, what: str) -> None:
    """With an error, although no signal tells of it."""
    server.pauseAccepting()

    async def scene() -> None:
        operation = client.connectToHost("localhost", server.serverPort())
        task = asyncio.ensure_future(aio.finished(operation))
        await asyncio.sleep(0)
        shiboken6.delete(operation if what == "operation" else client)
        with pytest.raises(SecureError):
            await task

    run(scene())
