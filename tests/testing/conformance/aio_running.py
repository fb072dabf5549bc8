"""Both event loops, for suites whose ends are used with coroutines."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from PySide6.QtWidgets import QApplication

from tests.qasync_loops import qasyncLoop

__all__ = ["OnAsyncio"]


class _AioEnd(Protocol):
    tasks: list[asyncio.Task[None]]

    def begin(self) -> None: ...


class OnAsyncio:
    """The waits of a suite, and the fixture ``loop``; the ends go into ``running()``."""

    @pytest.fixture(params=["qasync", "QtAsyncio"])
    def loop(self, request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
        if request.param == "qasync":
            loop = qasyncLoop(qapp)
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

    def running(self, *ends: _AioEnd) -> Iterator[None]:
        """Run the ends' tasks during the waits, and cancel them in the end."""
        self._aioEnds = ends
        yield
        tasks = [task for end in ends for task in end.tasks]
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def wait(self, condition: Callable[[], bool], timeout: int) -> bool:
        async def poll() -> bool:
            for each in self._aioEnds:
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
