"""The event loops on which these tests run."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

from tests.aio.conftest import Run


def test_garbage_is_collected_in_another_thread(run: Run[Any], qtlog: Any) -> None:
    """Nothing of an event loop that has ended is in it: a running timer would leave Qt with a dangling pointer."""
    gc.collect()
    run(asyncio.sleep(0))
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
    assert [record.message for record in qtlog.records] == []
