"""serve(): connections in order, many at once, until the server is closed."""

from __future__ import annotations

import asyncio
import socket as native
from typing import Any

import pytest
import shiboken6

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration, SslServer, SslSocket, aio
from tests.aio.conftest import Run


async def echo(end: SslSocket | DtlsPeer) -> None:
    while data := await aio.read(end):
        await aio.write(end, data)
    await aio.close(end)
    end.deleteLater()


def test_many_streams_at_once(run: Run[Any], server: SslServer, client_configuration: SslConfiguration) -> None:
    """A task for each connection; closing the server ends the iteration, what was fetched goes on."""

    async def talk(number: int) -> bytes:
        socket = await aio.connectEncrypted("127.0.0.1", server.serverPort(), configuration=client_configuration)
        await aio.write(socket, b"%d" % number)
        answer = await aio.read(socket)
        await aio.close(socket)
        return answer

    async def scene() -> tuple[list[bytes], int]:
        async def welcome() -> list[asyncio.Future[None]]:
            return [asyncio.ensure_future(echo(socket)) async for socket in aio.serve(server)]

        welcoming = asyncio.ensure_future(welcome())
        answers = await asyncio.gather(*map(talk, range(8)))
        server.close()
        tasks = await welcoming
        await asyncio.gather(*tasks)
        return answers, len(tasks)

    assert run(scene()) == ([b"%d" % number for number in range(8)], 8)


def test_a_deleted_server_ends_the_iteration(run: Run[Any], server: SslServer) -> None:
    """With an error: nobody has closed it."""

    async def scene() -> None:
        task = asyncio.ensure_future(anext(aio.serve(server)))
        await asyncio.sleep(0)
        shiboken6.delete(server)
        with pytest.raises(SecureError, match="deleted"):
            await task

    run(scene())


def test_datagrams(run: Run[Any], dtls_server: DtlsServer, client_configuration: SslConfiguration) -> None:
    """The same for DTLS: messages there and back, a goodbye, and the end of the server."""

    async def scene() -> list[bytes]:
        async def welcome() -> list[asyncio.Future[None]]:
            return [asyncio.ensure_future(echo(peer)) async for peer in aio.serve(dtls_server)]

        welcoming = asyncio.ensure_future(welcome())
        peer = await aio.connectDtls("127.0.0.1", dtls_server.serverPort(), configuration=client_configuration)
        await aio.write(peer, b"one")
        await aio.drain(peer)
        answers = [await aio.read(peer)]
        await aio.close(peer)
        answers.append(await aio.read(peer))
        dtls_server.close()
        await asyncio.gather(*await welcoming)
        return answers

    assert run(scene()) == [b"one", b""]


def test_datagrams_refused(run: Run[Any], dtls_server: DtlsServer) -> None:
    """A certificate that nobody trusts: its own code, and cancelling aborts."""

    async def scene() -> None:
        own = DtlsPeer()
        with pytest.raises(SecureError) as caught:
            await aio.connectDtls(
                "127.0.0.1", dtls_server.serverPort(), configuration=SslConfiguration.forClient([]), peer=own
            )
        assert caught.value.code is SecureError.Code.BadCertificate
        dtls_server.close()
        with native.socket(native.AF_INET, native.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(aio.connectDtls("127.0.0.1", silent.getsockname()[1], peer=own), 0.05)
        assert own.status() == DtlsPeer.Status.Disconnected

    run(scene())
