"""A relay for datagrams with weather: it loses, doubles, swaps and damages them, by a seed."""

from __future__ import annotations

import contextlib
import random
import socket as native
from dataclasses import dataclass, field

__all__ = ["DatagramRelay", "Weather"]

_MARK = b"S3CRET"
_MOST_KEPT = 64


@dataclass
class Weather:
    """The chances of what may happen to a datagram."""

    loss: float = 0.0
    double: float = 0.0
    damage: float = 0.0
    swap: bool = False


@dataclass
class _Path:
    """From one client to the server and back."""

    address: tuple[str, int]
    upstream: native.socket
    kept: list[bytes] = field(default_factory=list)
    """What has passed, for whoever says it again."""


def _socket() -> native.socket:
    socket = native.socket(native.AF_INET, native.SOCK_DGRAM)
    socket.bind(("127.0.0.1", 0))
    socket.setblocking(False)
    return socket


class DatagramRelay:
    """Leads from a port of its own to a server's, each client from an address of its own."""

    def __init__(self) -> None:
        self._front = _socket()
        self.port: int = self._front.getsockname()[1]
        self.target = 0
        self.weather = Weather()
        self.stalled = False
        self.chance = random.Random(0)
        self._paths: dict[tuple[str, int], _Path] = {}
        self._waiting: list[tuple[_Path, bool, bytes]] = []

    def pump(self) -> bool:
        """Carry what waits; whether anything happened."""
        moved = self._receive()
        if self.stalled or not self._waiting:
            return moved
        waiting, self._waiting = self._waiting, []
        if self.weather.swap:
            self.chance.shuffle(waiting)
        for path, toServer, data in waiting:
            self._carry(path, toServer, data)
        return True

    def say(self, data: bytes, *, toServer: bool, number: int) -> None:
        """Say something that nobody has said, to the server as one of its clients, or the other way round."""
        paths = list(self._paths.values())
        if paths:
            self._deliver(paths[number % len(paths)], toServer, data)

    def again(self, number: int, toServer: bool) -> None:
        """Say something once more that has passed, perhaps to the wrong end."""
        for path in self._paths.values():
            if path.kept:
                self._deliver(path, toServer, path.kept[number % len(path.kept)])

    def clientOf(self, port: int) -> int:
        """Where that comes from what arrives at the server from this port."""
        paths = [path for path in self._paths.values() if path.upstream.getsockname()[1] == port]
        return paths[0].address[1] if paths else port

    def close(self) -> None:
        self._front.close()
        for path in self._paths.values():
            path.upstream.close()
        self._paths.clear()
        self._waiting.clear()

    def _receive(self) -> bool:
        before = len(self._waiting)
        with contextlib.suppress(OSError):
            while True:
                data, address = self._front.recvfrom(65536)
                path = self._paths.get(address)
                if path is None:
                    path = self._paths[address] = _Path(address, _socket())
                self._waiting.append((path, True, data))
        for path in self._paths.values():
            with contextlib.suppress(OSError):
                while True:
                    self._waiting.append((path, False, path.upstream.recv(65536)))
        return len(self._waiting) > before

    def _carry(self, path: _Path, toServer: bool, data: bytes) -> None:
        assert _MARK not in data, "plain text on the wire"
        chance, weather = self.chance.random, self.weather
        path.kept = [*path.kept[1 - _MOST_KEPT :], data]
        if chance() < weather.loss:
            return
        if data and chance() < weather.damage:
            changed = bytearray(data)
            changed[self.chance.randrange(len(changed))] ^= 1 << self.chance.randrange(8)
            data = bytes(changed)
        for _ in range(2 if chance() < weather.double else 1):
            self._deliver(path, toServer, data)

    def _deliver(self, path: _Path, toServer: bool, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if toServer:
                path.upstream.sendto(data, ("127.0.0.1", self.target))
            else:
                self._front.sendto(data, path.address)
