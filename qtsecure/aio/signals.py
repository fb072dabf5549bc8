"""The wait for a state that signals announce."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable

from PySide6.QtCore import QMetaObject, QObject, QThread, SignalInstance
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.thread_guard import threadOf

__all__ = ["until"]

_NO_LOOP = (
    "Qt's event loop does not run in this thread, so that nothing will happen: instead of asyncio.run() use "
    "qasync.run() or PySide6.QtAsyncio.run()."
)


async def until(sender: QObject, ready: Callable[[], bool], *signals: SignalInstance) -> None:
    """Wait until ``ready()`` is true, looking again whenever ``sender`` emits one of these signals.

    A state is waited for, not a signal: what happened before is seen, and a signal that comes twice,
    or before the task runs again, does no harm.

    Args:
        sender: The object that the state belongs to, of this thread.
        ready: Looks at the state; what it raises ends the wait.
        signals: Those of ``sender`` that may have changed the state.

    Raises:
        SecureError: ``Closed``, when the object was deleted meanwhile, or lives in a thread that has ended.
        asyncio.CancelledError: As everywhere; nothing stays connected.

    Warns:
        RuntimeWarning: Qt's event loop does not run.
    """
    loop = asyncio.get_running_loop()
    while True:
        if not isValid(sender):
            raise SecureError(SecureError.Code.Closed, "The object was deleted while a task waited for it.")
        if ready():
            return
        if threadOf(sender) is None:
            raise SecureError(SecureError.Code.Closed, "The object's thread has ended: nothing will happen to it.")
        if not QThread.currentThread().loopLevel():
            warnings.warn(_NO_LOOP, RuntimeWarning, stacklevel=2)
        woken = loop.create_future()

        # A function that knows nothing of the sender: the connection would keep it alive. One for each
        # round: a wake-up that comes late must not end the next wait.
        def wake(*_: object, woken: asyncio.Future[None] = woken) -> None:
            if not woken.done():
                woken.set_result(None)

        connections: list[QMetaObject.Connection] = []
        try:
            connections.extend(signal.connect(wake) for signal in (*signals, sender.destroyed))
            await woken
        finally:
            if isValid(sender):
                for connection in connections:
                    QObject.disconnect(connection)
