"""Relays that note every byte of both directions."""

from __future__ import annotations

import select
import socket
import threading
from typing import TypeVar

__all__ = ["DatagramTap", "WireTap"]

_T = TypeVar("_T", bound="_Tap")


class _Tap:
    """Listens on a free port of the loopback interface and passes everything on, in a thread of its own.

    Args:
        front: Bound to that port.
        others: What else is closed in the end.

    Attributes:
        port: Where it listens.
        recorded: What has passed.
    """

    def __init__(self, front: socket.socket, *others: socket.socket) -> None:
        self._wake, self._stop = socket.socketpair()
        self._sockets = (self._wake, front, *others)
        self.port: int = front.getsockname()[1]
        self.recorded = bytearray()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self: _T) -> _T:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.close()
        self._thread.join(10)
        assert not self._thread.is_alive()
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        """Until the other end of ``_wake`` is closed."""
        raise NotImplementedError


class WireTap(_Tap):
    """For TCP, one connection after the other.

    Args:
        target: The port to pass on to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(self._listener)

    def _run(self) -> None:
        others: dict[socket.socket, socket.socket] = {}
        opened: list[socket.socket] = []
        while True:
            ready, _, _ = select.select([self._wake, self._listener, *others], [], [])
            if self._wake in ready:
                for connection in opened:
                    connection.close()
                return
            if self._listener in ready:
                incoming, _ = self._listener.accept()
                outgoing = socket.create_connection(("127.0.0.1", self._target))
                others[incoming], others[outgoing] = outgoing, incoming
                opened += incoming, outgoing
                for connection in (incoming, outgoing):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for connection in ready:
                other = others.get(connection)
                if other is None:
                    continue
                try:
                    data = connection.recv(65536)
                    self.recorded += data
                    if data:
                        other.sendall(data)
                        continue
                    other.shutdown(socket.SHUT_WR)
                    del others[connection]
                    if other not in others:
                        connection.close()
                        other.close()
                except OSError:
                    # A reset on one side ends the other.
                    for end in (connection, other):
                        others.pop(end, None)
                        end.close()


class DatagramTap(_Tap):
    """For the datagrams of one client.

    Args:
        target: The UDP port to pass on to.
    """

    def __init__(self, target: int) -> None:
        self._target = ("127.0.0.1", target)
        self._front, self._back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self._front, self._back):
            each.bind(("127.0.0.1", 0))
        super().__init__(self._front, self._back)

    def _run(self) -> None:
        client = None
        while True:
            ready, _, _ = select.select([self._wake, self._front, self._back], [], [])
            if self._wake in ready:
                return
            for each in ready:
                try:
                    data, sender = each.recvfrom(65536)
                    self.recorded += data
                    if each is self._front:
                        client = sender
                        self._back.sendto(data, self._target)
                    elif client is not None:
                        self._front.sendto(data, client)
                except OSError:
                    pass  # ICMP: one of them has gone
