"""The suite for streams on the coroutines of ``qtsecure.aio``, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure import SecureError, SslSocket, aio
from qtsecure.testing.conformance import StreamConformance, StreamEnd
from tests.net.conftest import MakeConversation, make_conversation
from tests.testing.conformance.aio_running import OnAsyncio

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


class TestAioStreams(OnAsyncio, StreamConformance):
    """Reading and writing in tasks."""

    @pytest.fixture
    def streams(
        self, loop: asyncio.AbstractEventLoop, make_conversation: MakeConversation
    ) -> Iterator[tuple[AioStreamEnd, AioStreamEnd]]:
        conversation = make_conversation()
        peer = conversation.establish()
        ends = AioStreamEnd(conversation.client), AioStreamEnd(peer)
        for _ in self.running(*ends):
            yield ends
