"""A cell of the re-entrancy matrices: two ends, an event loop until both have gone, and what was wrong meanwhile."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QMetaMethod, QObject, QTimer
from shiboken6 import isValid

__all__ = ["LOOKS", "CellRun", "signalsOf"]

_LIMIT_MS = 20_000
LOOKS = 100
"""How often both ends are seen to have gone before a signal of theirs is given up."""


def signalsOf(kind: type[QObject]) -> set[str]:
    """The names of all signals of a class but those of every QObject."""
    plain, known = QObject().metaObject(), kind().metaObject()
    methods = [known.method(index) for index in range(plain.methodCount(), known.methodCount())]
    return {
        bytes(each.name().data()).decode() for each in methods if each.methodType() is QMetaMethod.MethodType.Signal
    }


class CellRun:
    """One cell, in this process, which has nothing else to do.

    Attributes:
        faults: What was wrong, in words.
        acted: Whether the slot of the cell was called.
        parent: Of the client.
        client, accepted, server: The ends, that of the server None until there is one, and the server.
    """

    parent: QObject
    client: Any
    server: Any

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.acted = False
        self.accepted: Any = None
        self._nested = False
        self._over = 0
        sys.excepthook = self._onException
        sys.unraisablehook = lambda args: self.faults.append(f"unraisable: {args.exc_value!r}")

    def _onException(self, kind: type[BaseException], value: BaseException, trace: object) -> None:
        frames = traceback.extract_tb(value.__traceback__)
        where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[::-1][:4])
        self.faults.append(f"exception: {value!r} at {where}")

    def _runUntilOver(self, connect: Callable[[], object]) -> None:
        """Let the client connect, wait until both ends have gone, and delete everything."""
        self._loop = QEventLoop()
        watch = QTimer(interval=2)
        watch.timeout.connect(self._checkEnd)
        watch.start()
        limit = QTimer(singleShot=True, interval=_LIMIT_MS)
        limit.timeout.connect(self._hang)
        limit.start()
        connect()
        self._loop.exec()
        watch.stop()
        limit.stop()
        if not self.acted:
            self.faults.append("the signal did not come")
        self._tearDown()

    def _isLive(self, end: Any) -> bool:
        """Whether this end is still connecting or connected."""
        raise NotImplementedError

    def _stateOf(self, end: Any) -> str:
        """For the report of a hang."""
        raise NotImplementedError

    def _checkEnd(self) -> None:
        if self._nested:
            return
        for end in (self.client, self.accepted):
            if end is not None and isValid(end) and self._isLive(end):
                self._over = 0
                return
        self._over += 1
        if self.acted or self._over > LOOKS:
            self._loop.quit()

    def _hang(self) -> None:
        if self.acted:
            states = [
                self._stateOf(end) if end is not None and isValid(end) else "gone"
                for end in (self.client, self.accepted)
            ]
            self.faults.append(f"hang: the client is {states[0]}, the server's end {states[1]}")
        self._loop.quit()

    def _tearDown(self) -> None:
        for obj in (self.client, self.server, self.parent):
            if isValid(obj):
                obj.deleteLater()
        for _ in range(3):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            QCoreApplication.processEvents()
            gc.collect()
