"""Blocking look-ups in a few threads of Python's, which never touch Qt; the answers wake Qt's loop by a socket.

Not QHostInfo: it asks for both families in one question, so that a broken name server which never answers for IPv6
keeps the IPv4 addresses back for many seconds, the very thing that RFC 8305 is about. Nor QDnsLookup, which knows only
DNS: not the hosts file, nor search domains, nor whatever else the system is set up to ask.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QSocketNotifier
from shiboken6 import isValid

from qtsecure.net.event_loop.forks import forgetsInChild
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["Job", "Mailbox"]

_MOST_THREADS = 16
_IDLE_SECONDS = 10.0

Job: TypeAlias = Callable[[], Callable[[], None]]
"""Runs in a thread of its own; what it returns runs in the thread of the mailbox."""


class _Workers:
    """Daemon threads, made when they are needed: a resolver that hangs must not keep the program from ending."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Mailbox, Job]] = queue.SimpleQueue()
        self._lock = threading.RLock()  # a finalizer that runs inside it may look up, too
        self._threads = 0
        self._open = 0  # jobs that no thread has finished

    def submit(self, mailbox: Mailbox, job: Job) -> None:
        """Have a job done; RuntimeError when the system has no thread for it."""
        with self._lock:  # until the job is there: a thread that has idled for long enough must not go before
            if self._threads < min(self._open + 1, _MOST_THREADS):
                self._startThread()
            self._open += 1
            self._jobs.put((mailbox, job))

    def _startThread(self) -> None:
        try:
            threading.Thread(target=self._work, name="name look-up", daemon=True).start()
            self._threads += 1
        except RuntimeError:
            if not self._threads:  # else the others do it
                raise

    def _work(self) -> None:
        while True:
            try:
                mailbox, job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._threads -= 1
                    if self._jobs.empty():
                        return
                    self._threads += 1
                continue
            answer = job()
            with self._lock:
                self._open -= 1
            mailbox.put(answer)
            del mailbox, job, answer  # while this thread idles it must not keep anything alive


_workers = _Workers()


def _forgetInChild() -> None:
    """After a fork there are no threads but one."""
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forgetInChild)


class Mailbox:
    """Brings answers into the thread that made it; open while something is expected."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.RLock()  # a finalizer that runs inside it may close us
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._notifier: QSocketNotifier | None = QSocketNotifier(self._near.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(plainSlot(self._read))
        self._thread = threading.get_ident()
        forgetsInChild(self)

    def run(self, job: Job) -> None:
        """Have a job done; its answer is called from the event loop, unless the mailbox is closed before."""
        _workers.submit(self, job)

    def put(self, answer: Callable[[], None]) -> None:
        """In any thread."""
        with self._lock:
            if self._notifier is None:
                return
            self._answers.put(answer)
            with contextlib.suppress(OSError):  # so much is unread that the loop is awake anyway
                self._far.send(b"\0")

    def isOpen(self) -> bool:
        """Whether answers still arrive; in any thread."""
        return self._notifier is not None

    def close(self) -> None:
        """Nothing is expected any more."""
        with self._lock:
            notifier, self._notifier = self._notifier, None
            if notifier is None:
                return
            if isValid(notifier):  # an application's end takes Python's QObjects along
                notifier.setEnabled(False)
                notifier.deleteLater()  # it may be its slot that closes
            self._near.close()
            self._far.close()

    def _forgetParent(self) -> None:
        """See ``forks``: both ends are the parent's as well, whose wake-up would be read here."""
        self._lock = threading.RLock()  # a thread that does not exist here may have the other
        if threading.get_ident() == self._thread:
            self.close()

    def _read(self, *arguments: object) -> None:
        try:
            self._near.recv(4096)
        except OSError:
            return
        while self._notifier is not None:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                return
            answer()
