"""Deferred calls and deadlines."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial

import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop
from shiboken6 import delete

from qtsecure.net.event_loop import turn
from qtsecure.net.event_loop.scheduler import Deadline, Scheduler, schedulerOfThisThread
from tests.net.conversation import spin
from tests.net.own_process import assertFine


@pytest.fixture
def scheduler(qapp: QCoreApplication) -> Scheduler:
    """A scheduler of its own, with a clock that stands still."""
    own = Scheduler()
    own.clock = lambda: 100.0
    return own


def test_deferred_calls_keep_their_order(scheduler: Scheduler) -> None:
    """First come, first served; what a call defers waits for the next pass."""
    seen: list[int] = []

    def first() -> None:
        seen.append(1)
        scheduler.defer(lambda: seen.append(4))

    scheduler.defer(first)
    scheduler.defer(lambda: seen.append(2))
    scheduler.defer(lambda: seen.append(3))
    assert seen == []
    scheduler.runDeferred()
    assert seen == [1, 2, 3]
    spin(lambda: seen == [1, 2, 3, 4])


def test_a_nested_loop_runs_what_is_deferred(scheduler: Scheduler) -> None:
    """A deferred call with an event loop of its own does not hold the others up, nor runs them twice."""
    seen: list[str] = []

    def nested() -> None:
        loop = QEventLoop()
        scheduler.defer(loop.quit)
        loop.exec()
        seen.append("outer")

    scheduler.defer(nested)
    scheduler.defer(lambda: seen.append("inner"))
    spin(lambda: len(seen) == 2)
    assert seen == ["inner", "outer"]


def test_deadlines_fire_in_order_of_time(scheduler: Scheduler) -> None:
    """Whatever the order of the calls; equal times in the order of the calls; each once."""
    seen: list[str] = []
    for milliseconds, name in ((300, "c"), (100, "a"), (200, "b1"), (200, "b2")):
        scheduler.callLater(milliseconds, partial(seen.append, name))
    scheduler.clock = lambda: 100.0999
    scheduler.fireDue()
    assert seen == []
    scheduler.clock = lambda: 100.2001
    scheduler.fireDue()
    assert seen == ["a", "b1", "b2"]
    scheduler.clock = lambda: 101.0
    scheduler.fireDue()
    scheduler.fireDue()
    assert seen == ["a", "b1", "b2", "c"]


def test_cancelling(scheduler: Scheduler) -> None:
    """A cancelled deadline never fires; cancelling twice, or after it has fired, is harmless."""
    seen: list[int] = []
    deadline = scheduler.callLater(10, lambda: seen.append(1))
    other = scheduler.callLater(10, lambda: seen.append(2))
    assert deadline.isPending
    deadline.cancel()
    deadline.cancel()
    assert not deadline.isPending
    scheduler.clock = lambda: 200.0
    scheduler.fireDue()
    assert seen == [2]
    assert not other.isPending
    other.cancel()


def test_cancelled_deadlines_do_not_pile_up(scheduler: Scheduler) -> None:
    """As those of ten thousand handshakes do not, which are due half a minute after the handshake has ended."""
    seen: list[str] = []
    kept = [scheduler.callLater(1000 + number, partial(seen.append, str(number))) for number in range(300)]
    for _ in range(10_000):
        scheduler.callLater(30_000, lambda: seen.append("never")).cancel()
    assert len(scheduler._deadlines) < 1000
    kept[7].cancel()
    scheduler.clock = lambda: 100.0 + 40
    scheduler.fireDue()
    assert seen == [str(number) for number in range(300) if number != 7]


def test_a_deadline_that_begins_while_the_crowd_is_looked_through(scheduler: Scheduler) -> None:
    """The garbage collector may end a connection at any call, whose device is given a time to end."""
    seen: list[str] = []
    begun: list[bool] = []

    class Moment:
        """Where a weak reference is asked, and the collector runs."""

        def __call__(self) -> object:
            if not begun:
                begun.append(True)
                scheduler.callLater(50, lambda: seen.append("meanwhile"))
            return self

    for number in range(256):
        deadline = scheduler.callLater(1000 + number, lambda *_: seen.append("waiting"))
        if number == 100:
            deadline._object = Moment()  # type: ignore[assignment]  # only called
    scheduler.callLater(5000, lambda: seen.append("last"))
    assert scheduler._timer is not None
    assert scheduler._timer.interval() <= 51
    scheduler.clock = lambda: 200.0
    scheduler.fireDue()
    assert seen == ["meanwhile", *["waiting"] * 256, "last"]


def test_methods_are_kept_weakly(scheduler: Scheduler) -> None:
    """A deadline keeps no object alive."""
    seen: list[int] = []

    class Owner:
        def due(self) -> None:
            seen.append(1)

    owner = Owner()
    scheduler.callLater(10, owner.due)
    del owner
    gc.collect()
    scheduler.clock = lambda: 200.0
    scheduler.fireDue()
    assert seen == []


def test_the_end_of_the_thread_lets_go_of_what_deadlines_keep(qapp: QCoreApplication) -> None:
    """Also where that keeps its deadline, to cancel it: nobody waits for the garbage collector."""
    gone: list[weakref.ref[Owner]] = []

    class Owner:
        deadline: Deadline

    def run() -> None:
        kept = Owner()
        kept.deadline = schedulerOfThisThread().callLater(60_000, lambda: kept)
        gone.append(weakref.ref(kept))

    gc.disable()
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(20)
        assert [reference() for reference in gone] == [None]
    finally:
        gc.enable()


def test_a_deadline_fires_by_itself(qapp: QCoreApplication) -> None:
    """With the real clock nobody has to call fireDue()."""
    own = Scheduler()
    seen: list[int] = []
    own.callLater(5, lambda: seen.append(1))

    def again() -> None:
        own.callLater(1, lambda: seen.append(2))

    own.callLater(1, again)
    spin(lambda: sorted(seen) == [1, 2])


def test_a_nested_loop_in_the_event_serves_the_other_calls(scheduler: Scheduler) -> None:
    """Calls that the posted event runs (not the reactor) do not wait for the first one's event loop."""
    seen: list[str] = []

    def nested() -> None:
        seen.append("first")
        spin(lambda: "second" in seen)
        seen.append("first goes on")

    scheduler.defer(nested)
    scheduler.defer(lambda: seen.append("second"))
    spin(lambda: len(seen) == 3)
    assert seen == ["first", "second", "first goes on"]


@pytest.mark.parametrize("method", ["runTasksOf", "forgetTasksOf"])
def test_what_the_garbage_collector_defers_meanwhile_is_kept(scheduler: Scheduler, method: str) -> None:
    """A socket may be collected at any time, also while the tasks are looked through."""
    seen: list[str] = []

    class Owner:
        def work(self) -> None:
            pass

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            scheduler.defer(lambda: seen.append("end"))

    owner, other = Owner(), Owner()
    thresholds = gc.get_threshold()
    gc.collect()
    gc.disable()
    try:
        for moment in range(1, 50):
            for _ in range(20):
                scheduler.defer(other.work)
            Garbage()
            gc.set_threshold(gc.get_count()[0] + moment)
            gc.enable()
            getattr(scheduler, method)(owner)
            gc.disable()
            gc.collect()
            scheduler.runDeferred()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()
    assert len(seen) == 49


def test_one_call_posts_one_event(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one slot defers costs no more than its own event."""
    wakes: list[int] = []
    wake = scheduler._waker.wake

    def counted() -> None:
        wakes.append(1)
        wake()

    monkeypatch.setattr(scheduler._waker, "wake", counted)
    monkeypatch.setattr(turn, "_BUDGET", 60.0)  # else it may be up on a slow machine, and timers have to hear of it
    seen: list[int] = []
    scheduler.defer(lambda: seen.append(1))
    spin(lambda: seen == [1])
    assert wakes == [1]


def test_a_nested_loop_in_a_deadline_keeps_the_others(qapp: QCoreApplication) -> None:
    """A dialog in the slot of one deadline does not stop the next ones."""
    own = Scheduler()
    seen: list[str] = []

    def nested() -> None:
        spin(lambda: "second" in seen)
        seen.append("first")

    own.callLater(1, nested)
    own.callLater(20, lambda: seen.append("second"))
    spin(lambda: len(seen) == 2)
    assert seen == ["second", "first"]


def test_deferring_while_the_application_is_torn_down(scheduler: Scheduler) -> None:
    """Its end takes the QObject of the scheduler along, before others that report their own end."""
    delete(scheduler._waker)
    scheduler.defer(lambda: None)


_FIRST_NAMES = """
import faulthandler, gc
from qtsecure.net.qt_objects import late_names

class Circle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        collected.append(late_names.lateNames())

class Collecting(late_names.LateNames):
    def __init__(self):
        gc.collect()
        super().__init__()

faulthandler.dump_traceback_later(60, exit=True)
collected = []
gc.disable()
Circle()
late_names.LateNames = Collecting
names = late_names.lateNames()
assert [type(each) for each in collected] == [Collecting]
assert names.directConnection is collected[0].directConnection
print("fine")
"""


def test_a_finalizer_needs_qts_names_while_they_are_built() -> None:
    """Python collects garbage inside PySide's imports, too, and what it deletes may defer something."""
    assertFine(_FIRST_NAMES)
