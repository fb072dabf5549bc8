"""Objects whose thread has ended: nothing happens to them any more, so nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PySide6.QtCore import QThread

from qtsecure import DtlsServer, SecureError, SslConfiguration, SslServer, SslSocket, aio
from qtsecure.net.qt_objects import thread_guard
from tests.aio.conftest import Run

pytestmark = pytest.mark.skipif(
    not thread_guard._THREAD_MAY_BE_ASKED, reason="up to 6.11.0 PySide does not tell which thread an object lives in"
)


class Maker(QThread):
    """Makes something and ends; of a thread of Python's, join() returns before Qt knows of its end."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self._make = make
        self.made: Any = None

    def run(self) -> None:
        self.made = self._make()


def inEndedThread(make: Callable[[], Any]) -> Any:
    """What a thread has made before it ended."""
    thread = Maker(make)
    thread.start()
    assert thread.wait(20_000)
    return thread.made


@pytest.mark.parametrize("call", [aio.read, aio.close, aio.drain])
def test_a_socket(
    run: Run[Any],
    server: SslServer,
    client_configuration: SslConfiguration,
    call: Callable[[SslSocket], Awaitable[object]],
) -> None:
    """Its connection was about to be made."""
    port = server.serverPort()

    def make() -> SslSocket:
        socket = SslSocket()
        socket.setSslConfiguration(client_configuration)
        socket.connectToHostEncrypted("127.0.0.1", port)
        socket.write(b"waits for the handshake")
        return socket

    socket = inEndedThread(make)

    async def scene() -> None:
        try:
            with pytest.raises(SecureError, match="thread has ended") as caught:
                await asyncio.wait_for(call(socket), 5)
            assert caught.value.code is SecureError.Code.Closed
        finally:
            socket.abort()

    run(scene())


@pytest.mark.parametrize("kind", [SslServer, DtlsServer])
def test_a_server(run: Run[Any], kind: type[SslServer | DtlsServer]) -> None:
    """It listened."""

    def make() -> SslServer | DtlsServer:
        made = kind()
        assert made.listen("127.0.0.1")
        return made

    made = inEndedThread(make)

    async def scene() -> None:
        with pytest.raises(SecureError, match="thread has ended"):
            await asyncio.wait_for(anext(aio.serve(made)), 5)

    run(scene())
