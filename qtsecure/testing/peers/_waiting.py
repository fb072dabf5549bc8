"""Waiting for something that another thread does, with or without a Qt event loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["waitUntil"]

_INTERVAL = 5


def waitUntil(condition: Callable[[], bool], timeout: int) -> bool:
    """Wait until a condition holds.

    In the thread of a QCoreApplication the event loop runs meanwhile, because the peer may be
    waiting for an object that lives in it.

    Args:
        condition: Cheap and without side effects; called every 5 ms. What it raises ends the wait.
        timeout: Milliseconds to wait at most.

    Returns:
        Whether the condition held in time.
    """
    if condition():
        return True
    # A program that uses Qt has loaded it already; one that does not must not load it for this.
    if "PySide6.QtCore" in sys.modules:
        from PySide6.QtCore import QCoreApplication, QThread

        app = QCoreApplication.instance()
        if app is not None and app.thread() == QThread.currentThread():
            return _waitInEventLoop(condition, timeout)
    deadline = time.monotonic() + timeout / 1000
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_INTERVAL / 1000)
    return True


def _waitInEventLoop(condition: Callable[[], bool], timeout: int) -> bool:
    from PySide6.QtCore import QDeadlineTimer, QEventLoop, QTimer

    loop = QEventLoop()
    deadline = QDeadlineTimer(timeout)
    timer = QTimer()
    timer.setInterval(_INTERVAL)
    held = False
    raised: list[BaseException] = []

    def check() -> None:
        nonlocal held
        if raised:
            return
        try:
            # The loop may go on for a moment, and a condition that held may do so no more.
            held = held or condition()
        except BaseException as error:  # noqa: BLE001 - PySide would print it, and the loop go on for ever
            raised.append(error)
        if held or raised or deadline.hasExpired():
            loop.quit()

    timer.timeout.connect(check)
    timer.start()
    try:
        loop.exec()
    finally:
        timer.stop()  # garbage may be collected in another thread, where no running timer may be deleted
    if raised:
        raise raised.pop()  # not kept here, as its traceback keeps this frame
    return held
