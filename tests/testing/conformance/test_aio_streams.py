"""The suite for streams on the coroutines of ``qtsecure.aio``, on both event loops."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtNetwork import QAbstractSocket
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from qtsecure import SecureError, SslSocket, aio
from qtsecure.testing.conformance import StreamConformance, StreamEnd
from tests.net.conftest import MakeConversation, make_conversation

__all__ = ["make_conversation"]  # a fixture

_SLICE = 65536


class AioStreamEnd(StreamEnd):
    """A socket that a program uses with coroutines only: one task reads, another writes."""

    nests = False  # a task cannot be entered anew
    limitsReading = True

    def __init__(self, socket: SslSocket) -> None:
        super().__init__()
        self.socket = socket
        self._came = bytearray()
        self._over = self._closing = False
        self._limit = 0
        self._taken = asyncio.Event()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start both tasks, in the running loop."""
        if not self.tasks:
            self.tasks = [asyncio.create_task(self._readAll()), asyncio.create_task(self._writeAll())]

    async def _readAll(self) -> None:
        try:
            while data := await aio.read(self.socket, self._limit or -1):
                self._came += data
                self._react()
                while self._limit and len(self._came) >= self._limit:
                    self._taken.clear()
                    await self._taken.wait()
        except SecureError as error:
            self.told.append(f"{error.code.name} in read()")
        else:
            self.told.append("end in read()")
        self._over = True

    async def _writeAll(self) -> None:
        try:
            while data := await self._outgoing.get():
                for start in range(0, len(data), _SLICE):
                    await aio.write(self.socket, data[start : start + _SLICE])
                    self._waiting -= len(data[start : start + _SLICE])
            await aio.close(self.socket)
        except SecureError:
            self._waiting = 0  # reading tells the reason
        self._over = True

    def write(self, data: bytes) -> bool:
        if self._closing or self._over:
            return False
        if data:
            self._waiting += len(data)
            self._outgoing.put_nowait(data)
        return True

    def unsent(self) -> int:
        return self._waiting + self.socket.bytesToWrite() + self.socket.encryptedBytesToWrite()

    def read(self) -> bytes:
        data = bytes(self._came)
        self._came.clear()
        self._taken.set()
        return data

    def available(self) -> int:
        return len(self._came)

    def limitReading(self, size: int) -> None:
        self._limit = size
        self.socket.setReadBufferSize(size)
        self.socket.setWriteBufferLimit(size)
        self._taken.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._outgoing.put_nowait(b"")

    def abort(self) -> None:
        self._closing = True
        self._limit = 0
        self._taken.set()
        if isValid(self.socket):
            self.socket.abort()

    def isOver(self) -> bool:
        return self._over and self.socket.state() == QAbstractSocket.SocketState.UnconnectedState


class TestAioStreams(StreamConformance):
    """Reading and writing in tasks."""

    @pytest.fixture(params=["qasync", "QtAsyncio"])
    def loop(self, request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
        if request.param == "qasync":
            import qasync

            loop = qasync.QEventLoop(qapp)
        else:
            if importlib.util.find_spec("PySide6.QtAsyncio") is None:
                pytest.skip("QtAsyncio comes with the wheel PySide6-Addons")
            from PySide6.QtAsyncio import QAsyncioEventLoop

            loop = QAsyncioEventLoop(qapp)
        self._loop: asyncio.AbstractEventLoop = loop
        asyncio.set_event_loop(loop)
        yield loop
        asyncio.set_event_loop(None)
        loop.close()

    @pytest.fixture
    def streams(
        self, loop: asyncio.AbstractEventLoop, make_conversation: MakeConversation
    ) -> Iterator[tuple[AioStreamEnd, AioStreamEnd]]:
        conversation = make_conversation()
        peer = conversation.establish()
        self._ends = AioStreamEnd(conversation.client), AioStreamEnd(peer)
        yield self._ends
        tasks = [task for end in self._ends for task in end.tasks]
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def wait(self, condition: Callable[[], bool], timeout: int) -> bool:
        async def poll() -> bool:
            for each in self._ends:
                each.begin()  # not before: qasync runs tasks whenever Qt's event loop runs
            end = self._loop.time() + timeout / 1000
            while not condition():
                if self._loop.time() > end:
                    return False
                await asyncio.sleep(0.002)
            return True

        return self._loop.run_until_complete(poll())

    def settle(self) -> None:
        self.wait(lambda: False, 20)
