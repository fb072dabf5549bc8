"""Reads stdin beside an event loop, whatever it is: a file, a pipe, a terminal, or nothing at all."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

__all__ = ["StandardInput", "descriptorOfStdin"]

_CHUNK = 65536
_AHEAD = 4


class StandardInput(QObject):
    """Hands out chunks of a descriptor, which a thread reads.

    A thread, because neither a file nor a Windows console can be watched by an event loop. It is a
    daemon: nothing can wake it from reading a terminal.

    Args:
        descriptor: What to read; None for a process without stdin.
        onData: Gets each chunk; call :meth:`proceed` when it has been used.
        onEnd: Called once, at the end.
    """

    _arrived = Signal(object)

    def __init__(self, descriptor: int | None, onData: Callable[[bytes], None], onEnd: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._onData = onData
        self._onEnd = onEnd
        self._room = threading.Semaphore(_AHEAD)
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin to read."""
        if self._descriptor is None:
            self._arrived.emit(b"")
        else:
            threading.Thread(target=self._read, args=(self._descriptor,), name="stdin", daemon=True).start()

    def proceed(self) -> None:
        """A chunk has been used; the thread may read another one."""
        self._room.release()

    def _read(self, descriptor: int) -> None:
        # Not through sys.stdin: its lock, held by a thread that never returns, would abort the
        # interpreter when it ends.
        data = b"-"
        while data:
            try:
                data = os.read(descriptor, _CHUNK)
            except OSError:
                data = b""  # closed, or the terminal has gone: the same as its end
            self._room.acquire()
            try:
                self._arrived.emit(data)
            except RuntimeError:
                return  # the command has ended, and this object with it

    def _deliver(self, data: bytes) -> None:
        if data:
            self._onData(data)
        else:
            self._onEnd()


def descriptorOfStdin() -> int | None:
    """The descriptor of stdin; None when it is closed, or replaced by something that is no file."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
