"""Who waits between accept and nextPendingConnection(), and what looking at them costs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.servers.pending_sockets import WaitingRoom


def made(host: str = "192.0.2.1") -> Any:
    """What the room needs of a socket; hashable by identity."""

    class Socket:
        _attempt = SimpleNamespace(ends=Ends(None, (host, 4711)))

    return Socket()


def test_few_silent_clients_are_looked_at() -> None:
    """The oldest, however many there are."""
    room = WaitingRoom()
    sockets = [made() for _ in range(1000)]
    for moment, socket in enumerate(sockets):
        room.arrive(socket, moment)
    room.hasSpoken(sockets[1])
    room.leave(sockets[2])
    assert room.silent() == [(sockets[number], number) for number in (0, 3, 4, 5)]


def test_hosts_are_counted_from_arrival_until_the_program_has_the_socket() -> None:
    """Through both stations, once each, and nothing is kept of those that have left."""
    room = WaitingRoom()
    first, second, stranger = made(), made(), made("192.0.2.2")
    for socket in (first, second, stranger):
        room.arrive(socket, 0)
    assert room.countFrom("192.0.2.1") == 2
    assert room.leave(first)
    assert not room.leave(first)
    assert room.countFrom("192.0.2.1") == 1
    room.queue(first)
    room.queue(stranger)  # an override may be early
    assert room.countFrom("192.0.2.1") == 2
    assert room.countFrom("192.0.2.2") == 1
    assert room.next() is first
    assert room.leave(second)
    assert room.countFrom("192.0.2.1") == 0
    assert room
    room.clear()
    assert not room
    assert room.countFrom("192.0.2.2") == 0
