"""How a connection ends when its socket is deleted: by C++, by the garbage of another thread, or only seemingly."""

from __future__ import annotations

import gc
import socket as native
import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from shiboken6 import delete, isValid

from qtsecure import SslSocket
from qtsecure.net.event_loop.scheduler import _perThread as _schedulers
from tests.net.conversation import State, assertNoneLeft, inAnotherThread, openDescriptors, settle, spin
from tests.net.encounters import Encounter

pytestmark = pytest.mark.usefixtures("transport_mode")

Connect = Callable[[], tuple[SslSocket, native.socket]]


@pytest.fixture
def connect(qapp: QCoreApplication) -> Iterator[Connect]:
    """Make a connected socket, and the other end of its connection."""
    ends: list[native.socket] = []

    def make() -> tuple[SslSocket, native.socket]:
        client = SslSocket()
        client.connectToHost("127.0.0.1", listener.getsockname()[1])
        spin(lambda: client.state() == State.ConnectedState)
        ends.append(listener.accept()[0])
        ends[-1].setblocking(False)
        return client, ends[-1]

    with native.create_server(("127.0.0.1", 0)) as listener:
        yield make
    for end in ends:
        end.close()


def hasEnded(end: native.socket) -> bool:
    """Whether the connection is over."""
    try:
        return end.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_the_garbage_of_another_thread_ends_a_connection_in_its_own(connect: Connect) -> None:
    """A collector runs in whichever thread allocates, where nothing of the transport may be touched."""
    client, end = connect()
    where: list[int] = []
    transport = client._dataPath.transport
    assert transport is not None
    genuine, own = type(transport).abort, id(transport)

    def abort(self: object) -> None:
        if id(self) == own:  # the garbage of other tests may go along
            where.append(threading.get_ident())
        genuine(self)

    patch = pytest.MonkeyPatch()
    patch.setattr(type(transport), "abort", abort)
    try:
        client.itself = client  # type: ignore[attr-defined]  # a cycle
        known = set(_schedulers)
        gc.disable()  # or this thread may be the one that finds it
        try:
            del client, transport
            inAnotherThread(gc.collect)
        finally:
            gc.enable()
        assert where == []
        spin(lambda: hasEnded(end))
        assert where == [threading.get_ident()]
        assert set(_schedulers) <= known
    finally:
        patch.undo()


def test_a_connection_of_a_thread_that_has_ended_ends_at_once(qapp: QCoreApplication) -> None:
    """Nobody is left to do it later."""
    made: list[SslSocket] = []

    def work() -> None:
        client = SslSocket()
        with native.create_server(("127.0.0.1", 0)) as listener:
            client.connectToHost("127.0.0.1", listener.getsockname()[1])
            assert client.waitForConnected(10_000)
            ends.append(listener.accept()[0])
        made.append(client)

    ends: list[native.socket] = []
    inAnotherThread(work)
    ends[0].setblocking(False)
    delete(made[0])
    spin(lambda: hasEnded(ends[0]))
    ends[0].close()


def test_a_deleted_socket_that_python_refers_to_has_ended(connect: Connect) -> None:
    """Its descriptor does not wait for Python."""
    client, end = connect()
    delete(client)
    spin(lambda: hasEnded(end))
    assert not isValid(client)


def test_a_socket_whose_properties_are_overwritten_works_on(connect: Connect) -> None:
    """What tells of its end is a property, which must not be taken for the end."""
    client, end = connect()
    for name in client.dynamicPropertyNames():
        client.setProperty(bytes(name.data()).decode(), None)
    gc.collect()
    client.write(b"x")
    spin(lambda: not client.bytesToWrite() and not client.encryptedBytesToWrite())
    end.setblocking(True)
    assert end.recv(1) == b"x"
    client.abort()
    client.connectToHost("127.0.0.1", 1)
    assert client.dynamicPropertyNames()  # the next connection is told again
    client.abort()


@pytest.mark.parametrize("established", [False, True])
def test_the_garbage_of_another_thread_takes_servers_and_clients_along(encounter: Encounter, established: bool) -> None:
    """All that the kernel or Qt's event dispatcher has of them is let go of here."""
    settle()
    before = openDescriptors()
    encounter.listen(encounter.host(encounter.pki.server))
    client = encounter.visit("localhost") if established else encounter.begin(encounter.client(), "localhost")
    for each in (encounter.server, client):
        each.itself = each
    gc.disable()  # or this thread may be the one that finds them
    try:
        encounter.server = type(encounter.server)()
        encounter.clients.clear()
        encounter.peers.clear()
        del client, each
        inAnotherThread(gc.collect)
    finally:
        gc.enable()
    assertNoneLeft(before, "socket:")
    settle()
