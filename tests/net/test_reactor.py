"""The reactor: stale events, nested loops, fairness, and the time that it may take."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QTimer

import qtsecure.net.event_loop.reactor as module
from qtsecure.net.event_loop import turn
from qtsecure.net.event_loop.reactor import READ, Registration, reactorOfThisThread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from tests.net.conversation import spin

pytestmark = pytest.mark.skipif(not module.reactorAvailable, reason="no epoll and no kqueue")


class Pair:
    """A registered socket and its other end."""

    def __init__(self, callback: Callable[[int], None] | None = None) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.calls = 0
        self._callback = callback
        self.registration: Registration = reactorOfThisThread().register(self.near.fileno(), READ, self._called)

    def _called(self, events: int) -> None:
        self.calls += 1
        if self._callback is not None:
            self._callback(events)
        else:
            self.near.recv(65536)

    def close(self) -> None:
        reactorOfThisThread().unregister(self.registration)
        self.near.close()
        self.far.close()


@pytest.fixture
def pairs(qapp: QCoreApplication) -> Iterator[list[Pair]]:
    made: list[Pair] = []
    yield made
    for pair in made:
        pair.close()


def test_a_stale_event_does_not_reach_a_new_registration_of_the_same_number(pairs: list[Pair]) -> None:
    """A slot closes a descriptor and opens another one with its number inside the batch."""
    replaced: list[Pair] = []
    victims: list[Pair] = []

    def replace(events: int) -> None:
        victim = victims[1] if events and victims[0].calls else victims[0]
        victims[0].near.recv(10) if victims[0].calls else victims[1].near.recv(10)
        if replaced:
            return
        reactor, fresh = reactorOfThisThread(), Pair()
        reactor.unregister(fresh.registration)
        reactor.unregister(victim.registration)
        victim.far.close()
        number = os.dup2(fresh.near.fileno(), victim.near.detach())  # in one step, so that nobody else gets the number
        fresh.near.close()
        fresh.near = socket.socket(fileno=number)
        fresh.registration = reactor.register(number, READ, fresh._called)
        replaced.append(fresh)

    victims.extend([Pair(replace), Pair(replace)])
    for victim in victims:
        victim.far.send(b"x")
    spin(lambda: bool(replaced))
    QCoreApplication.processEvents()
    assert replaced[0].calls == 0
    replaced[0].far.send(b"y")
    spin(lambda: replaced[0].calls == 1)
    pairs.extend([victim for victim in victims if victim.near.fileno() >= 0] + replaced)


def test_a_nested_event_loop_keeps_the_others_served(pairs: list[Pair]) -> None:
    """While one callback runs a loop of its own, events of the same batch and new ones are served."""
    others: list[Pair] = []
    reached: list[bool] = []

    def nested(events: int) -> None:
        pairs[0].near.recv(10)
        spin(lambda: all(pair.calls >= 1 for pair in others))
        for pair in others:
            pair.far.send(b"second")
        spin(lambda: all(pair.calls >= 2 for pair in others))
        reached.append(True)

    pairs.append(Pair(nested))
    others.extend(Pair() for _ in range(5))
    pairs.extend(others)
    pairs[0].far.send(b"x")
    for pair in others:
        pair.far.send(b"first")
    spin(lambda: bool(reached))
    assert reached == [True]


def test_the_budget_leaves_time_for_the_rest_of_the_program(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are always ready do not keep timers from running, and all get their share."""
    monkeypatch.setattr(turn, "_BUDGET", 0.0)

    def endless(events: int) -> None:
        pass  # never reads: ready for ever

    pairs.extend(Pair(endless) for _ in range(10))
    for pair in pairs:
        pair.far.send(b"x")
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(0)
    spin(lambda: min(pair.calls for pair in pairs) >= 20 and len(ticks) >= 5)
    timer.stop()
    counts = [pair.calls for pair in pairs]
    assert max(counts) - min(counts) <= 1  # unfinished events come first, so nobody is overtaken


def test_pausing_and_resuming(pairs: list[Pair]) -> None:
    """Without interest nothing is reported, not even a hang-up; afterwards everything is."""
    pair = Pair()
    pairs.append(pair)
    reactor = reactorOfThisThread()
    reactor.setInterest(pair.registration, 0)
    pair.far.send(b"x")
    pair.far.shutdown(socket.SHUT_WR)
    witness = Pair()
    pairs.append(witness)
    witness.far.send(b"x")
    spin(lambda: witness.calls == 1)
    assert pair.calls == 0
    reactor.setInterest(pair.registration, READ)
    spin(lambda: pair.calls > 0)


def test_registering_twice(pairs: list[Pair]) -> None:
    """A descriptor has one registration."""
    pair = Pair()
    pairs.append(pair)
    with pytest.raises(ValueError, match="registered already"):
        reactorOfThisThread().register(pair.near.fileno(), READ, lambda events: None)


def test_unregistering_what_somebody_closed(qapp: QCoreApplication) -> None:
    """A descriptor that was closed behind the reactor's back can still be unregistered, and again."""
    pair = Pair()
    registrations = reactorOfThisThread()._registrations
    assert pair.registration in registrations.values()
    os.close(pair.near.detach())
    reactorOfThisThread().unregister(pair.registration)
    reactorOfThisThread().unregister(pair.registration)
    assert pair.registration not in registrations.values()
    pair.far.close()


def test_what_goes_at_the_end_of_the_thread_may_take_others_along(qapp: QCoreApplication) -> None:
    """A callback may hold the last reference to what unregisters when it goes."""
    idents: list[int] = []

    class Holder:
        def __init__(self, held: Registration) -> None:
            self._held = held

        def called(self, events: int) -> None:
            pass

        def __del__(self) -> None:
            reactor = module._perThread[threading.get_ident()]
            reactor.unregister(self._held)

    def run() -> None:
        idents.append(threading.get_ident())
        reactor = reactorOfThisThread()
        held = reactor.register(one.fileno(), READ, lambda events: None)
        reactor.register(two.fileno(), READ, Holder(held).called)

    one, two = socket.socketpair()
    with one, two:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(20)
        assert idents[0] not in module._perThread


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork()")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_takes_nothing_from_its_parent(pairs: list[Pair]) -> None:
    """What a child closes or changes stays registered in the parent; what was deferred runs once."""
    reactor, scheduler = reactorOfThisThread(), schedulerOfThisThread()
    pair = Pair()
    pairs.append(pair)
    ran: list[int] = []
    scheduler.defer(lambda: ran.append(1))
    scheduler.callLater(10_000, lambda: None)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            reactor.setInterest(pair.registration, 0)
            pair.close()
            assert reactor.count == 0
            assert not scheduler.tasks
            assert not scheduler._deadlines
            fresh = reactorOfThisThread()
            assert fresh is not reactor
            own = Pair()
            own.far.send(b"x")
            assert [descriptor for descriptor, _ in fresh._poller.poll()] == [own.near.fileno()]
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    pair.far.send(b"x")
    spin(lambda: pair.calls == 1)
    assert ran == [1]
    assert reactorOfThisThread() is reactor


_TWO_APPLICATIONS = """
import gc, sys
from PySide6.QtCore import QCoreApplication, QTimer
from shiboken6 import delete
from qtsecure.net.event_loop.reactor import reactorOfThisThread
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket

def talk(application):
    server, client = SslServer(), SslSocket()
    assert server.listen("127.0.0.1", 0)
    server.newConnection.connect(application.quit)
    client.connectToHost("127.0.0.1", server.serverPort())
    QTimer.singleShot(20_000, lambda: application.exit(1))
    assert application.exec() == 0, "no connection"
    client.abort()
    server.close()

application = QCoreApplication([])
talk(application)
reactor = reactorOfThisThread()
talk(application)  # exec() once more in the same application
assert reactorOfThisThread() is reactor
application.shutdown() if sys.argv[1] == "shutdown" else delete(application)
del application
gc.collect()
application = QCoreApplication([])
talk(application)
assert reactorOfThisThread() is not reactor
assert reactor.count == 0
print("done")
"""


@pytest.mark.parametrize("way", ["shutdown", "delete"])
def test_a_second_application_has_a_reactor_of_its_own(way: str) -> None:
    """What hung on the first application's event dispatcher is made anew; exec() twice keeps it."""
    result = subprocess.run(
        [sys.executable, "-c", _TWO_APPLICATIONS, way], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"
