"""The machines reach what they are about, and notice what they are there to notice."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject

from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.values import Protocol
from tests.fuzz.machines.client import ClientMachine
from tests.fuzz.machines.dtls import DtlsMachine
from tests.fuzz.machines.talkers import said
from tests.fuzz.machines.tls import TlsMachine
from tests.fuzz.machines.world import World

pytestmark = [pytest.mark.usefixtures("qapp", "transport_mode", "frozenHeap"), pytest.mark.timeout(300)]


@pytest.fixture
def world() -> Iterator[World]:
    """One whose end the test sees to."""
    return World(lambda: False)


def tlsMachine(*, psk: bool = False) -> TlsMachine:
    machine = TlsMachine()
    machine.listen(Protocol.TlsV1_3, False, 128, 30, traced=False, interrupting=False, psk=psk)
    return machine


@pytest.mark.parametrize("psk", [False, True])
def test_tls(psk: bool) -> None:
    """A conversation both ways with faults, and an end in which nothing is lost."""
    machine = tlsMachine(psk=psk)
    machine.client(trusting=True, defer=False)
    machine.settle()
    machine.network(0, "byteByByte")
    machine.talk([0, 1, 0], much=False)
    machine.talk([1], much=True)
    client, accepted = machine.ends
    machine.settle()
    machine.network(0, "pieces")
    machine.settle()
    machine.part(0, "close")
    machine.settle()
    assert len(accepted.got) == client.sent > 16
    assert accepted.counts["encrypted"] == client.counts["encrypted"] == 1
    del client, accepted  # they keep what is counted
    machine.teardown()


def test_dtls() -> None:
    """Messages both ways."""
    machine = DtlsMachine()
    machine.listen(False, 128, 30, cookies=True, seed=1, traced=False, interrupting=False, psk=False)
    machine.client(trusting=True)
    machine.talk([0, 1, 0])
    machine.replay(0, toServer=True)
    client, accepted = machine.ends[:2]
    assert client.counts["encrypted"] == accepted.counts["encrypted"] == 1
    assert len(accepted.seen) == client.number > 0
    del client, accepted
    machine.teardown()


def test_client() -> None:
    """One that succeeds, one through a proxy, one that is refused, one that is cancelled."""
    machine = ClientMachine()
    machine.begin(tls=True, delay=0)
    machine.connectProperly("good.example", tls=True)
    machine.viaProxy("socks5", "socks5")
    machine.connectTo("127.0.0.1", "closed")
    machine.connectTo("127.0.0.1", "silent")
    machine.act(3, "cancel")
    for _ in range(10):
        machine.world.settle()
    ends = [dict(operation.counts) for operation in machine.operations]
    assert ends == [{"finished": 1}, {"finished": 1}, {"failed": 1}, {"failed": 1}]
    machine.teardown()


def test_data_from_elsewhere_is_noticed() -> None:
    """A block that nobody has sent, one twice, and one of another connection."""
    machine = tlsMachine()
    machine.talk([0], much=False)
    client, accepted = machine.ends
    good = bytes(accepted.got) or bytes(client.got)
    receiver = accepted if accepted.got else client
    for wrong in (good[:16] * 2, b"x" * 32, good[:6] + b"9999" + good[10:16], good + good[-16:]):
        receiver.got[:] = wrong
        receiver.checkData()
        assert machine.world.faults, wrong
        machine.world.faults.clear()
    receiver.got[:] = good
    del client, accepted, receiver
    machine.teardown()


def test_lost_data_is_noticed() -> None:
    """One end has written more than the other one has."""
    machine = tlsMachine()
    machine.talk([0, 1], much=False)
    machine.ends[0].sent += 16
    with pytest.raises(AssertionError, match="accepted has"):
        machine.teardown()


def test_a_whole_conversation_that_is_lost_is_noticed() -> None:
    """Not one byte has come, so that nothing in it tells whose it should have been."""
    machine = tlsMachine()
    machine.client(trusting=True, defer=False)
    machine.settle()
    machine.talk([0], much=False)
    machine.part(0, "close")
    machine.settle()
    client, accepted = machine.ends
    assert len(accepted.got) == client.sent > 0
    accepted.got.clear()
    del client, accepted
    with pytest.raises(AssertionError, match="bytes were lost"):
        machine.teardown()


def test_a_silent_failure_of_the_server_is_noticed() -> None:
    """Of a client that was taken and of which nobody has ever heard again."""
    machine = tlsMachine()
    machine.foreignClient("silent")
    machine.settle()
    machine.world.advance(31.0)
    (accepted,) = machine.ends
    assert accepted.counts.pop("server.errorOccurred") == 1
    del accepted
    with pytest.raises(AssertionError, match="has told no end"):
        machine.teardown()


def test_a_message_that_is_lost_in_good_weather_is_noticed() -> None:
    """An association that stands and carries nothing."""
    machine = DtlsMachine()
    machine.listen(False, 128, 30, cookies=True, seed=1, traced=False, interrupting=False, psk=False)
    machine.client(trusting=True)
    machine.talk([0, 1])
    assert all(end.isEncrypted for end in machine.ends)
    machine.relay._deliver = lambda path, toServer, data: None  # type: ignore[method-assign]  # the fault
    with pytest.raises(AssertionError, match="did not arrive"):
        machine.teardown()


def test_a_silent_failure_of_an_association_is_noticed() -> None:
    """Of a client that was let in and of which nobody has ever heard again."""
    machine = DtlsMachine()
    machine.listen(True, 128, 30, cookies=True, seed=1, traced=False, interrupting=False, psk=False)
    machine.client(trusting=False)
    machine.world.settle()
    machine.world.advance(400.0)
    accepted = machine.ends[1]
    assert accepted.counts.pop("errorOccurred") == 1
    del accepted
    with pytest.raises(AssertionError, match="no final signal"):
        machine.teardown()


@pytest.mark.parametrize(
    ("got", "fault"), [(b"", "has 0 bytes of 48"), (said(1)[:16] * 2, "has not said"), (said(9), "has not said")]
)
def test_words_that_a_client_has_lost_or_invented_are_noticed(got: bytes, fault: str) -> None:
    """None of them, one twice, and those of somebody else."""
    machine = ClientMachine()
    machine.begin(tls=True, delay=0)
    machine.connectProperly("good.example", tls=True)
    for _ in range(10):
        machine.world.settle()
    assert [talker.role for talker in machine.talkers] == ["client", "accepted"]
    assert [bytes(talker.got) for talker in machine.talkers] == [said(2), said(1)]
    accepted = machine.talkers[1]
    accepted.got[:] = got
    accepted.check()
    del accepted
    with pytest.raises(AssertionError, match=fault):
        machine.teardown()


def test_leaks_are_noticed(world: World) -> None:
    """Of objects, and of deadlines."""
    kept = QObject()
    world.track("kept", kept)
    with pytest.raises(AssertionError, match="leaked: \\['kept'\\]"):
        world.end()


def test_timers_that_are_left_are_noticed(world: World) -> None:
    """A deadline of an object that still exists."""

    class Owner:
        def call(self) -> None: ...

    owner = Owner()
    deadline = schedulerOfThisThread().callLater(1e9, owner.call)
    with pytest.raises(AssertionError, match="'deadlines': 1"):
        world.end()
    deadline.cancel()


def test_what_ends_meanwhile_hides_no_leak() -> None:
    """A deadline from before the world began, which passes in it, and one that the world leaves."""

    class Owner:
        def call(self) -> None: ...

    owner = Owner()
    scheduler = schedulerOfThisThread()
    older = scheduler.callLater(60_000, owner.call)
    world = World(lambda: False)
    left = scheduler.callLater(1e9, owner.call)
    with pytest.raises(AssertionError, match="'deadlines': 1"):
        world.end()
    assert not older.isPending
    left.cancel()


def test_exceptions_are_counted(world: World) -> None:
    """One that was meant and got lost, and one that was not meant."""
    world.raised += 1
    with pytest.raises(AssertionError, match="lost, or reported twice"):
        world.check()
    world.raised = 0
    sys.excepthook(KeyError, KeyError("surprise"), None)
    with pytest.raises(AssertionError, match="surprise"):
        world.check()
    world.faults.clear()
    world.end()
