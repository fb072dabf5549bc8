"""Event loops of qasync for tests."""

from __future__ import annotations

import asyncio

from PySide6.QtWidgets import QApplication

_made: list[asyncio.AbstractEventLoop] = []
"""Kept, for the garbage may be collected in another thread. What ``wait_for(coroutine, 60)`` has begun runs on in Qt
for a minute, though the loop is closed, and only the thread that has begun it can end it: Qt crashed on the rest."""


def qasyncLoop(application: QApplication) -> asyncio.AbstractEventLoop:
    """A new event loop, which the caller closes."""
    import qasync  # looks which binding of Qt is there already

    _made.append(qasync.QEventLoop(application))
    return _made[-1]
