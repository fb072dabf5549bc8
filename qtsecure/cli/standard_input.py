"""Reads stdin beside an event loop, whatever it is: a file, a pipe, a terminal, or nothing at all."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from functools import partial

from qtsecure.net.native_sockets.lookup_threads import Mailbox
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["StandardInput", "descriptorOfStdin"]

_CHUNK = 65536
_AHEAD = 4


class StandardInput:
    """Hands out chunks of a descriptor, which a thread reads.

    A thread, because neither a file nor a Windows console can be watched by an event loop. It is a
    daemon: nothing can wake it from reading a terminal. So it may come back while the process ends,
    and must not touch Qt then: emitting a signal of an object that goes at that moment is a crash.

    Args:
        descriptor: What to read; None for a process without stdin.
        onData: Gets each chunk; call :meth:`proceed` when it has been used.
        onEnd: Called once, at the end.
        onFailure: Called instead, with the reason, when what is left cannot be read.
    """

    def __init__(
        self,
        descriptor: int | None,
        onData: Callable[[bytes], None],
        onEnd: Callable[[], None],
        onFailure: Callable[[str], None],
    ) -> None:
        self._descriptor = descriptor
        self._onData = onData
        self._onEnd = onEnd
        self._onFailure = onFailure
        self._room = threading.Semaphore(_AHEAD)
        self._mailbox: Mailbox | None = None

    def start(self) -> None:
        """Begin to read."""
        self._mailbox = mailbox = Mailbox()
        if self._descriptor is None:
            mailbox.put(self._onEnd)
        else:
            arguments = (self._descriptor, mailbox, self._room, plainSlot(self._deliver), plainSlot(self._fail))
            threading.Thread(target=_read, args=arguments, name="stdin", daemon=True).start()

    def proceed(self) -> None:
        """A chunk has been used; the thread may read another one."""
        self._room.release()

    def close(self) -> None:
        """Hand out nothing any more; to be called before the objects behind the callbacks go."""
        if self._mailbox is not None:
            self._mailbox.close()

    def _deliver(self, data: bytes) -> None:
        if data:
            self._onData(data)
        else:
            self._onEnd()

    def _fail(self, reason: str) -> None:
        self._onFailure(reason)


def _read(
    descriptor: int,
    mailbox: Mailbox,
    room: threading.Semaphore,
    deliver: Callable[[bytes], None],
    fail: Callable[[str], None],
) -> None:
    """The thread. It refers to nobody who belongs to Qt, as the last reference must not end here."""
    # Not through sys.stdin: its lock, held by a thread that never returns, would abort the
    # interpreter when it ends.
    data = b"-"
    while data and mailbox.isOpen():
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:  # whoever shares it with this process wants it so, and nothing is there yet
            select.select([descriptor], [], [])
            continue
        except OSError as error:
            if not _hasGone(descriptor):  # a broken disk, or a connection that was reset
                mailbox.put(partial(fail, error.strerror or str(error)))
                return
            data = b""
        room.acquire()
        mailbox.put(partial(deliver, data))


def _hasGone(descriptor: int) -> bool:
    """Whether it was closed, or is a terminal that has gone: the same as its end."""
    try:
        return stat.S_ISCHR(os.fstat(descriptor).st_mode)
    except OSError:
        return True


def descriptorOfStdin() -> int | None:
    """The descriptor of stdin; None when it is closed, or replaced by something that is no file."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
