"""All non-blocking sockets of a thread behind one QSocketNotifier.

Qt's event dispatchers look at every socket on every turn of the loop; here the kernel keeps the
list (epoll or kqueue), so that the cost of a message does not grow with the idle connections.

* **Several polls per wake-up** answer a conversation without a trip through Qt's loop, inside a
  time budget that keeps the rest of the program alive; see ``turn``. Unfinished events are served first
  on the next wake-up, so that no connection starves.
* **Generations**: a slot may close a descriptor and open another one with the same number while a
  batch of events is being served. An event reaches only a registration older than its poll.
* **Nested event loops** (a modal dialog in a slot) simply poll again; the outer batch skips what
  has become stale.
* **Forks**: parent and child would share the kernel's list, and what the child closes would leave
  it. So the child drops its copy at once and begins with an empty one; the connections and
  listening sockets that stand at that moment stay the parent's.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from PySide6.QtCore import QSocketNotifier, qWarning
from shiboken6 import isValid

from qtsecure.net.event_loop.scheduler import Waker, atThreadEnd, provideDispatcher, schedulerOfThisThread
from qtsecure.net.event_loop.turn import Turn

__all__ = ["ERROR", "READ", "WRITE", "Reactor", "Registration", "reactorAvailable", "reactorOfThisThread"]

READ = 1
WRITE = 4
ERROR = 8
"""Hang-up or error; reported whatever the interest. (The values are those of epoll.)"""

_POLLS_PER_WAKE_UP = 16
_MAX_EVENTS = 256

reactorAvailable: bool = hasattr(select, "epoll") or hasattr(select, "kqueue")


class Registration:
    """A descriptor's handler and interest."""

    __slots__ = ("_generation", "callback", "descriptor", "interest")

    def __init__(self, descriptor: int, interest: int, callback: Callable[[int], None], generation: int) -> None:
        self.descriptor = descriptor
        self.interest = interest
        self.callback = callback
        self._generation = generation


class _EpollPoller:
    """Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.poll: Callable[[], list[tuple[int, int]]] = functools.partial(self._epoll.poll, 0, _MAX_EVENTS)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def change(self, descriptor: int, old: int, new: int) -> None:
        # Without any interest the descriptor leaves the set: epoll always reports hang-ups, and
        # a paused connection that hung up would keep the loop spinning.
        if old == new:
            return
        if not new:
            self._epoll.unregister(descriptor)
        elif not old:
            self._epoll.register(descriptor, new)
        else:
            self._epoll.modify(descriptor, new)

    def close(self) -> None:
        self._epoll.close()


class _Poller(Protocol):
    """The kernel's list of descriptors."""

    @property
    def poll(self) -> Callable[[], list[tuple[int, int]]]: ...
    def fileno(self) -> int: ...
    def change(self, descriptor: int, old: int, new: int) -> None: ...
    def close(self) -> None: ...


class _NoPoller:
    """What is left when the thread has ended: sockets that outlive it may still close."""

    def fileno(self) -> int:
        return -1

    def change(self, descriptor: int, old: int, new: int) -> None:
        pass

    def poll(self) -> list[tuple[int, int]]:
        return []

    def close(self) -> None:
        pass


if sys.platform != "linux" and hasattr(select, "kqueue"):

    class _KqueuePoller:
        """macOS and the BSDs."""

        def __init__(self) -> None:
            self._kqueue = select.kqueue()

        def fileno(self) -> int:
            return self._kqueue.fileno()

        def change(self, descriptor: int, old: int, new: int) -> None:
            changes = []
            for flag, kind in ((READ, select.KQ_FILTER_READ), (WRITE, select.KQ_FILTER_WRITE)):
                if (old ^ new) & flag:
                    action = select.KQ_EV_ADD if new & flag else select.KQ_EV_DELETE
                    changes.append(select.kevent(descriptor, kind, action))
            if changes:
                self._kqueue.control(changes, 0)

        def poll(self) -> list[tuple[int, int]]:
            return [
                (event.ident, READ if event.filter == select.KQ_FILTER_READ else WRITE)
                for event in self._kqueue.control(None, _MAX_EVENTS, 0)
            ]

        def close(self) -> None:
            with contextlib.suppress(OSError):  # a forked child does not inherit it
                self._kqueue.close()

    _KernelPoller: type[_Poller] = _KqueuePoller
else:
    _KernelPoller = _EpollPoller


class Reactor:
    """Serves the descriptors of the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._poller: _Poller = _KernelPoller()
        self._registrations: dict[int, Registration] = {}
        self._generation = 0
        self._unfinished: deque[tuple[int, int, int]] = deque()
        self._scheduler = schedulerOfThisThread()
        self._tasks = self._scheduler.tasks
        self._waker = Waker(self._serve)
        self._turn = Turn(self._waker)  # not the scheduler's: neither shall have to wait for the other for ever
        self._notifier: QSocketNotifier | None = None
        if not self._hear():
            qWarning(
                "qtsecure: there is no QCoreApplication whose event loop could serve connections; make one before."
            )

    def _hear(self) -> bool:
        """Let the event loop serve us; False as long as there can be none."""
        if self._notifier is None and provideDispatcher():
            self._notifier = QSocketNotifier(self._poller.fileno(), QSocketNotifier.Type.Read, self._waker)
            self._notifier.activated.connect(self._serve)
        return self._notifier is not None

    # --------------------------------------------------------------------- registrations

    def register(self, descriptor: int, interest: int, callback: Callable[[int], None]) -> Registration:
        """Call ``callback(events)`` whenever the descriptor is ready for what interests it."""
        if descriptor in self._registrations:
            raise ValueError(f"The descriptor {descriptor} is registered already.")
        registration = Registration(descriptor, interest, callback, self._generation)
        self._poller.change(descriptor, 0, interest)
        self._registrations[descriptor] = registration
        return registration

    def setInterest(self, registration: Registration, interest: int) -> None:
        """Change what the registration waits for; 0 pauses it entirely."""
        if registration.interest != interest:
            self._poller.change(registration.descriptor, registration.interest, interest)
            registration.interest = interest

    def unregister(self, registration: Registration) -> None:
        """Forget the descriptor; call it before closing. No event reaches the callback any more."""
        if self._registrations.get(registration.descriptor) is not registration:
            return
        del self._registrations[registration.descriptor]
        try:
            self._poller.change(registration.descriptor, registration.interest, 0)
        except OSError as error:
            # Somebody closed the descriptor behind our back; the kernel has forgotten it already.
            if error.errno not in (errno.EBADF, errno.ENOENT):
                raise

    @property
    def count(self) -> int:
        """How many descriptors are registered."""
        return len(self._registrations)

    # --------------------------------------------------------------------------- serving

    def _serve(self) -> None:
        """Poll several times, until nothing is ready or the time is up."""
        turn = self._turn
        if turn.isOver():
            self._goOnLater()
            return
        end = turn.begin()
        try:
            if self._unfinished and not self._finish(end):
                return
            registrations = self._registrations
            tasks = self._tasks
            for _ in range(_POLLS_PER_WAKE_UP):
                ready = self._poller.poll()
                if not ready:
                    return
                self._generation += 1
                if len(ready) == 1:  # a conversation between two ends: no queue is needed
                    descriptor, events = ready[0]
                    registration = registrations.get(descriptor)
                    if registration is not None:
                        registration.callback(events)
                    if tasks:
                        # Nearly always the answer that a slot has written: spare it a call.
                        if len(tasks) == 1:
                            tasks.popleft()()
                        else:
                            self._scheduler.runDeferred(end)
                    if monotonic() >= end:
                        return
                    continue
                generation = self._generation
                self._unfinished.extend([(descriptor, events, generation) for descriptor, events in ready])
                if not self._finish(end):
                    return
        finally:
            if monotonic() >= end:
                turn.rest()
            self._goOnLater()

    def _goOnLater(self) -> None:
        """With what is left."""
        if self._unfinished and not self._waker.posted:
            self._waker.wake()

    def serveOne(self, registration: Registration, milliseconds: int) -> bool:
        """Wait for one descriptor alone, for ever with -1, and serve it; False without any interest.

        What the kernel's list reports about it later may be stale, which handlers are used to.
        """
        if not registration.interest:
            return False
        self._serveAlone(registration, milliseconds)
        return True

    def serveReady(self, registration: Registration) -> bool:
        """Serve one descriptor alone, now; whether anything was ready."""
        return bool(registration.interest) and self._serveAlone(registration, 0)

    def _serveAlone(self, registration: Registration, milliseconds: int) -> bool:
        poller = select.poll()
        poller.register(registration.descriptor, registration.interest)
        ready = poller.poll(milliseconds if milliseconds >= 0 else None)
        for _, events in ready:
            registration.callback(events)
        return bool(ready)

    def _finish(self, end: float) -> bool:
        """Serve what is queued; False when the time is up. Nested event loops share the queue."""
        unfinished = self._unfinished
        registrations = self._registrations
        while unfinished:
            descriptor, events, generation = unfinished.popleft()
            registration = registrations.get(descriptor)
            if registration is not None and registration._generation < generation:  # else it is younger
                registration.callback(events)
                if self._tasks:
                    self._scheduler.runDeferred(end)
            if monotonic() >= end:
                return False
        return True

    def _end(self) -> None:
        """Forget every registration, without a word to the kernel's list, and let go of that."""
        notifier = self._notifier
        if threading.get_ident() == self._thread and notifier is not None and isValid(notifier):
            notifier.setEnabled(False)
            self._turn.stop()
        for registration in list(self._registrations.values()):  # what goes with a callback may unregister others
            registration.callback = _ignore  # what only lingers for its peer goes now
        self._registrations.clear()  # sockets may outlive their thread; unregistering does nothing then
        self._unfinished.clear()
        poller, self._poller = self._poller, _NoPoller()
        poller.close()
        if _perThread.get(self._thread) is self:
            del _perThread[self._thread]


def _ignore(events: int) -> None:
    pass


_perThread: dict[int, Reactor] = {}  # not threading.local(): see the scheduler


def reactorOfThisThread() -> Reactor:
    """The reactor of the calling thread, made on first use (and anew for another application)."""
    reactor = _perThread.get(threading.get_ident())
    if reactor is None or not isValid(reactor._waker):
        if reactor is not None:
            reactor._end()
        reactor = _perThread[threading.get_ident()] = Reactor()
        atThreadEnd(reactor._end)
    elif reactor._notifier is None:
        reactor._hear()  # it was made before the application
    return reactor


def _endInChild() -> None:
    for reactor in list(_perThread.values()):
        reactor._end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_endInChild)
