"""The suite for messages on the coroutines of ``qtsecure.aio``, on both event loops."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

import pytest
from shiboken6 import isValid

from qtsecure import DtlsPeer, SecureError, aio
from qtsecure.testing import PublicKeyInfrastructure, connectedDtlsPair
from qtsecure.testing.conformance import DatagramConformance, DatagramEnd
from tests.testing.conformance.aio_running import OnAsyncio


class AioDatagramEnd(DatagramEnd):
    """A peer that a program uses with coroutines: a task reads, each message is written by one of its own."""

    nests = False  # a task cannot be entered anew

    def __init__(self, peer: DtlsPeer) -> None:
        super().__init__()
        self.peer = peer
        self._came: deque[bytes] = deque()
        self._over = False
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start reading, in the running loop."""
        if not self.tasks:
            self.tasks = [asyncio.create_task(self._readAll())]

    async def _readAll(self) -> None:
        try:
            while message := await aio.read(self.peer):
                self._came.append(message)
                self._react()
        except SecureError as error:
            self.told.append(error.code.name)
        else:
            self.told.append("end")
        self._over = True

    def send(self, data: bytes) -> bool:
        # aio.write() of a message waits for nothing, so it is over after its first step.
        try:
            aio.write(self.peer, data).send(None)
        except StopIteration:
            return True
        except (SecureError, ValueError):
            return False
        raise AssertionError("aio.write() waits, although nothing is to be waited for.")

    def receive(self) -> bytes | None:
        return self._came.popleft() if self._came else None

    def largest(self) -> int:
        return self.peer.maxDatagramSize()

    def close(self) -> None:
        coroutine = aio.close(self.peer)
        coroutine.send(None)  # closes, and gives others a turn
        coroutine.close()

    def abort(self) -> None:
        if isValid(self.peer):
            self.peer.abort()

    def isOver(self) -> bool:
        return self._over


class TestAioDatagrams(OnAsyncio, DatagramConformance):
    """Receiving in a task."""

    @pytest.fixture
    def datagrams(
        self, loop: asyncio.AbstractEventLoop, qtsecure_pki: PublicKeyInfrastructure
    ) -> Iterator[tuple[AioDatagramEnd, AioDatagramEnd]]:
        pair = connectedDtlsPair(qtsecure_pki)
        ends = AioDatagramEnd(pair.client), AioDatagramEnd(pair.peer)
        for _ in self.running(*ends):
            yield ends
        pair.server.close()
