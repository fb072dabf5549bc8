"""Deferred calls and deadlines of one thread, on one timer and one posted event.

Writes are encrypted together once a slot has returned, and every handshake has a deadline. A
QTimer for each would cost more than the handshake's bookkeeping, so all share one here. Calls run
in the thread that asked for them.
"""

from __future__ import annotations

import heapq
import math
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from types import MethodType
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from PySide6.QtCore import QAbstractEventDispatcher, QCoreApplication, QEventLoop, QObject, QThread, QTimer
from shiboken6 import isValid

from qtsecure.net.event_loop.turn import Turn
from qtsecure.net.qt_objects.late_names import lateNames
from qtsecure.net.qt_objects.plain_slots import plainSlot

__all__ = ["Deadline", "Scheduler", "Waker", "atThreadEnd", "provideDispatcher", "schedulerOfThisThread"]

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent


_CROWD = 256
"""So many deadlines are looked through for those that are over."""


class Deadline:
    """A call that is due at a moment; keeps bound methods' objects only weakly."""

    __slots__ = ("_callback", "_object", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self._object: ReferenceType[object] | None = None
        self._callback: Callable[..., None] | None = callback
        if isinstance(callback, MethodType):  # the same as WeakMethod, for a third of its price
            self._object = ref(callback.__self__)
            self._callback = callback.__func__

    def cancel(self) -> None:
        """Never call; harmless when it is over."""
        self._callback = None

    @property
    def isPending(self) -> bool:
        """Whether the call is still to come."""
        return self._callback is not None

    @property
    def hasOwner(self) -> bool:
        """Whether it is a call of a method whose object exists."""
        return self.isPending and self._object is not None and self._object() is not None

    @property
    def isOver(self) -> bool:
        """Whether nothing will be called any more."""
        return self._callback is None or (self._object is not None and self._object() is None)

    def fire(self) -> None:
        """Call now, once."""
        callback, self._callback = self._callback, None
        if callback is None:
            return
        if self._object is None:
            callback()
        elif (owner := self._object()) is not None:
            callback(owner)


class Waker(QObject):
    """Calls a function from the event loop, once for each wake(); plain objects receive no events."""

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function
        self.posted = False

    def wake(self) -> None:
        """Have the function called on the next turn of the event loop of this thread, if there will be one."""
        if not isValid(self):  # the application has gone, and tears down what belonged to it
            return
        self.posted = True
        QCoreApplication.postEvent(self, lateNames().makeWakeEvent())

    def customEvent(self, event: QEvent) -> None:
        """The event of wake()."""
        self.posted = False
        self._function()


def provideDispatcher() -> bool:
    """Give this thread what timers and notifiers need.

    Returns:
        Whether it has that. Without an application, or with one that tears down what belonged to it, they would stay
        dead for ever, and Qt would only complain.
    """
    if QAbstractEventDispatcher.instance() is None and QCoreApplication.instance() is not None:
        QEventLoop()  # gives it to a thread of Python's, which may run a loop later or never
    return QAbstractEventDispatcher.instance() is not None


class Scheduler:
    """The deferred calls and deadlines of the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        provideDispatcher()
        self.clock: Callable[[], float] = monotonic
        #: What was deferred; only to be looked at.
        self.tasks: deque[Callable[[], None]] = deque()
        self._waker = Waker(self._serve)
        self.turn = Turn(self._waker)
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._crowd = _CROWD
        self._count = 0
        self._timer: QTimer | None = None

    # ------------------------------------------------------------------ deferred calls

    def takesOver(self, task: Callable[[], None]) -> bool:
        """In another thread, as for the end of what its garbage collection deletes: have ``task`` called in the own.

        Returns:
            Whether it will be; else the caller is in that thread, or it has ended, and nothing speaks against a call.
        """
        if threading.get_ident() == self._thread or _perThread.get(self._thread) is not self:
            return False
        if not isValid(self._waker):  # the application has gone
            return False
        self.defer(task)
        return True

    def defer(self, task: Callable[[], None]) -> None:
        """Call ``task`` soon: after the current reactor callback, at the latest on the next loop turn.

        Any thread may call this: the task runs in the scheduler's.

        The event is posted even while the reactor is about to run the task anyway: the slot that
        is running may start an event loop of its own, which has to serve the task, too.
        """
        self.tasks.append(task)
        if not self._waker.posted:
            self._waker.wake()

    def forgetTasksOf(self, *objects: object) -> None:
        """Drop the deferred calls of methods of these objects."""
        for task in self._tasksOf(objects):
            self.tasks.remove(task)

    def runTasksOf(self, *objects: object) -> None:
        """Run the deferred calls of methods of these objects now, and leave the others to the event loop."""
        tasks = self.tasks
        if not tasks:
            return
        for task in self._tasksOf(objects):
            if task in tasks:  # else a slot of the one before has waited as well
                tasks.remove(task)
                task()

    def hasTasksOf(self, *objects: object) -> bool:
        """Whether runTasksOf() has something to run."""
        return bool(self.tasks) and bool(self._tasksOf(objects))

    def _tasksOf(self, objects: tuple[object, ...]) -> list[Callable[[], None]]:
        # Of a copy: the garbage collector and other threads may defer something at any time.
        return [task for task in list(self.tasks) if any(getattr(task, "__self__", None) is each for each in objects)]

    def _serve(self) -> None:
        """Run what was deferred, as long as the turn lasts."""
        if not self.tasks:
            return
        turn = self.turn
        if not turn.isOver():
            end = turn.begin()
            self.runDeferred(end)
            if monotonic() >= end:
                turn.rest()
        elif not self._waker.posted:
            self._waker.wake()

    def runDeferred(self, end: float = math.inf) -> None:
        """Run what was deferred until now; what these calls defer waits for the next pass.

        Args:
            end: When to stop, and leave the others to the event loop, in seconds of ``time.monotonic()``.
        """
        tasks = self.tasks
        if len(tasks) == 1:
            tasks.popleft()()
            return
        try:
            for _ in range(len(tasks)):
                if not tasks:  # a nested event loop has run them
                    break
                task = tasks.popleft()
                if tasks and not self._waker.posted:
                    self._waker.wake()  # this task may start an event loop, which has to serve the others
                task()
                if monotonic() >= end:
                    break
        finally:
            if tasks and not self._waker.posted:
                self._waker.wake()

    # ------------------------------------------------------------------------ deadlines

    def callLater(self, milliseconds: float, callback: Callable[[], None]) -> Deadline:
        """Call ``callback`` after so many milliseconds of monotonic time."""
        due = self.clock() + milliseconds / 1000
        if len(self._deadlines) >= self._crowd:
            self._dropOver()
        deadline = Deadline(due, callback)
        self._count += 1
        heapq.heappush(self._deadlines, (due, self._count, deadline))
        if self._timer is None or self._deadlines[0][2] is deadline:
            self._arm()
        return deadline

    def _dropOver(self) -> None:
        """Forget the deadlines that are over: a handshake's is cancelled long before it is due."""
        looked, self._deadlines = self._deadlines, []  # the garbage collector may begin another one meanwhile
        kept = [entry for entry in looked if not entry[2].isOver]
        self._deadlines += kept
        heapq.heapify(self._deadlines)
        self._crowd = max(_CROWD, 2 * len(kept))  # so that all the looking costs each deadline two looks
        self._arm()

    def fireDue(self) -> None:
        """Run every deadline whose time has come."""
        now = self.clock()
        try:
            while self._deadlines and (self._deadlines[0][0] <= now or not self._deadlines[0][2].isPending):
                deadline = heapq.heappop(self._deadlines)[2]
                if deadline.isPending:
                    self._arm()  # the call may start an event loop, in which the others are due, too
                    deadline.fire()
        finally:
            self._arm()

    def tidy(self) -> bool:
        """For programs without an event loop: drop deadlines that are over, and run those that belong to nobody.

        Returns:
            Whether anything else is to be done now, which runTasksOf() and Deadline.fire() do.
        """
        now = self.clock()
        others = []
        unowned = []
        while self._deadlines and (self._deadlines[0][0] <= now or self._deadlines[0][2].isOver):
            entry = heapq.heappop(self._deadlines)
            if entry[2].hasOwner:
                others.append(entry)
            elif not entry[2].isOver:
                unowned.append(entry[2])
        for entry in others:
            heapq.heappush(self._deadlines, entry)
        for deadline in unowned:
            deadline.fire()
        return bool(self.tasks or others)

    def _arm(self) -> None:
        if self._timer is None:
            if not provideDispatcher():
                return  # callLater() tries again
            self._timer = self._makeTimer()
        if not self._deadlines:
            self._timer.stop()
            return
        wait = self._deadlines[0][0] - self.clock()
        self._timer.start(max(0, min(int(wait * 1000) + 1, 0x7FFFFFFF)))

    def _makeTimer(self) -> QTimer:
        timer = QTimer(self._waker)
        timer.setSingleShot(True)
        timer.setTimerType(lateNames().preciseTimer)
        timer.timeout.connect(self.fireDue)
        return timer

    # ------------------------------------------------------------------------------ end

    def _forget(self) -> None:
        self._deadlines.clear()
        self.tasks.clear()

    def _threadEnded(self) -> None:
        if self._timer is not None and isValid(self._timer):
            self._timer.stop()
        self.turn.stop()
        deadlines = [entry[2] for entry in self._deadlines]
        self._forget()
        for deadline in deadlines:
            deadline.cancel()  # what it keeps may keep it
        if _perThread.get(self._thread) is self:
            del _perThread[self._thread]


class _ThreadEnd:
    """Calls functions when a thread of Python's ends, in that thread: its thread-local storage goes then."""

    def __init__(self) -> None:
        self.functions: list[Callable[[], None]] = []

    def __del__(self) -> None:
        for function in reversed(self.functions):
            function()


class _Local(threading.local):
    end: _ThreadEnd | None = None


_local = _Local()


def atThreadEnd(function: Callable[[], None]) -> None:
    """Have a function called at the end of the calling thread, in it; never in Python's main thread.

    Qt tells about the end of a thread that Python has started only after Python has let go of it:
    join() has returned, and the interpreter may be gone.
    """
    ident = threading.get_ident()
    if ident == threading.main_thread().ident:
        return
    known = next((thread for thread in threading.enumerate() if thread.ident == ident), None)
    if known is not None and not isinstance(known, threading._DummyThread):
        if _local.end is None:
            _local.end = _ThreadEnd()
        _local.end.functions.append(function)
    else:
        thread = QThread.currentThread()
        # Timers must end while the event dispatcher is still there. But slots of finished(), and the deletions after
        # it, may ask once more; then only the dispatcher's own end is still to come. What stayed would be taken for
        # its own by the next thread with this identifier.
        last = QAbstractEventDispatcher.instance()
        ending = last.destroyed if thread.isFinished() else thread.finished
        ending.connect(plainSlot(function), lateNames().directConnection)


# By thread identifier and not threading.local(): that is lost after every slot in a thread which runs
# Qt's own event loop, because Python knows such a thread only while it runs Python code.
_perThread: dict[int, Scheduler] = {}


def schedulerOfThisThread() -> Scheduler:
    """The scheduler of the calling thread, made on first use (and anew for another application)."""
    scheduler = _perThread.get(threading.get_ident())
    if scheduler is None or not isValid(scheduler._waker):  # an application's end takes Python's QObjects along
        scheduler = _perThread[threading.get_ident()] = Scheduler()
        atThreadEnd(scheduler._threadEnded)
    return scheduler


def _forgetInChild() -> None:
    """After a fork: what the parent was about to do is not done twice, on the same connections."""
    for scheduler in _perThread.values():
        scheduler._forget()
    own = _perThread.get(threading.get_ident())
    _perThread.clear()
    if own is not None:
        _perThread[own._thread] = own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forgetInChild)
