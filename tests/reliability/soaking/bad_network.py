"""A network and its inhabitants for the soak, as a process of its own: relays with faults, and attackers.

``python -m tests.reliability.soaking.bad_network ORDERS`` with orders as JSON: a seed, and the TCP and UDP
ports of the servers. Prints the ports of the relays as JSON. Lines of its input, ``go`` and ``pause``, are
for the attackers; it ends when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import socket
import struct
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from qtsecure.testing.datagram_link import DatagramLink
from tests.reliability.soaking.routes import TCP_FAULTS, UDP_FAULTS

_HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_HELLO_HEADER = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
_QUIET_S = 10.0
"""After which a relay forgets a client that says nothing."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a TCP connection with RST."""
    plain = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# ------------------------------------------------------------------------------------- TCP


class TcpRelay:
    """Carries the connections to one server, each with one fault of the same kind."""

    def __init__(self, fault: str, target: int, chance: random.Random) -> None:
        self._fault = fault
        self._target = target
        self._chance = chance
        self._tasks: set[asyncio.Task[None] | None] = set()  # asyncio itself would let them go

    async def listen(self) -> int:
        """The port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        self._server = server
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            onward, back = await asyncio.open_connection("127.0.0.1", self._target)
            # In the handshake, soon after it, or far into the data; in one of the two directions.
            after = self._chance.choice((self._chance.randrange(3000), self._chance.randrange(200_000)))
            downstream = self._chance.random() < 0.5
            ends = (writer, back)
            await asyncio.gather(
                self._carry(reader, back, ends, None if downstream else after),
                self._carry(onward, writer, ends, after if downstream else None),
                return_exceptions=True,
            )
            for end in ends:
                end.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        after: int | None,
    ) -> None:
        """One direction; the fault comes behind so many bytes."""
        carried = 0
        while data := await reader.read(self._chance.choice((700, 5000, 65536)) if self._fault == "slow" else 65536):
            if after is not None and carried + len(data) > after:
                place, after = after - carried, None
                data = await self._spoil(data, place, writer, ends)
            carried += len(data)
            if writer.is_closing():
                return  # its reader has gone
            writer.write(data)
            await writer.drain()
            if self._fault == "slow":
                await asyncio.sleep(self._chance.random() * 0.004)
        if writer.can_write_eof():
            writer.write_eof()

    async def _spoil(
        self,
        data: bytes,
        place: int,
        writer: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> bytes:
        """What is carried instead; raises if nothing comes after this."""
        match self._fault:
            case "stall":
                writer.write(data[:place])
                await asyncio.sleep(0.1 + self._chance.random() * 0.6)
                return data[place:]
            case "reset":
                for end in ends:
                    _reset(end)
                raise ConnectionResetError
            case "truncate":
                writer.write(data[:place])
                writer.write_eof()
                raise ConnectionAbortedError
            case "flip":
                changed = bytearray(data)
                changed[place] ^= 1 << self._chance.randrange(8)
                return bytes(changed)
            case "silence":
                writer.write(data[:place])
                await asyncio.sleep(_QUIET_S)  # both ends have given up by then
                raise ConnectionAbortedError
        return data


# ------------------------------------------------------------------------------------- UDP


class UdpRelay(asyncio.DatagramProtocol):
    """Carries the datagrams of all clients of one server over a bad link, each client its own."""

    def __init__(self, fault: str, target: int, chance: random.Random) -> None:
        self._fault = fault
        self._target = ("127.0.0.1", target)
        self._chance = chance
        self._clients: dict[Any, _Way] = {}
        #: Genuine datagrams for the attackers, the newest last.
        self.seen: list[bytes] = []

    async def listen(self) -> int:
        """The port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.transport = transport
        port: int = transport.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.seen = [*self.seen[-20:], data]
        way = self._clients.get(address)
        if way is None:
            link = DatagramLink(seed=self._chance.getrandbits(32), **UDP_FAULTS[self._fault])
            way = self._clients[address] = _Way(self, address, link)
        way.fromClient(data)

    def error_received(self, error: Exception) -> None:
        """ICMP: nobody listens there any more; that is a datagram lost."""

    def forget(self, address: Any) -> None:
        """A client has been quiet for long."""
        self._clients.pop(address, None)


class _Way(asyncio.DatagramProtocol):
    """One client's link, and its socket to the server."""

    def __init__(self, relay: UdpRelay, address: Any, link: DatagramLink) -> None:
        self._relay = relay
        self._address = address
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._waiting: list[bytes] = []
        self._heard = self._loop.time()
        link.now = self._heard
        self._task = self._loop.create_task(self._open())

    async def _open(self) -> None:
        await self._loop.create_datagram_endpoint(lambda: self, remote_addr=self._relay._target)
        while (rest := self._heard + _QUIET_S - self._loop.time()) > 0:  # noqa: ASYNC110 - a time, not an event
            await asyncio.sleep(rest)
        self._transport.close()
        self._relay.forget(self._address)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        for data in self._waiting:
            self._send("client", data)

    def fromClient(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._send("client", data)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._send("server", data)

    def error_received(self, error: Exception) -> None:
        """The same as for the relay."""

    def _send(self, sender: str, data: bytes) -> None:
        self._heard = self._loop.time()
        self._link.advance(self._heard)
        self._link.send(sender, data)
        self._deliver()

    def _deliver(self) -> None:
        self._link.advance(self._loop.time())
        for datagram in self._link.deliveries():
            if datagram.to == "server":
                self._transport.sendto(datagram.data)
            else:
                self._relay.transport.sendto(datagram.data, self._address)
        moment = self._link.nextDelivery()
        if moment is not None:
            self._loop.call_later(max(moment - self._loop.time(), 0.0005), self._deliver)


# -------------------------------------------------------------------------------- attackers


async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """Connect and go."""


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    writer.write(chance.randbytes(chance.randrange(1, 3000)))
    await reader.read(100)


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    writer.write(_HTTP)
    await reader.read(100)


async def _halfHello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    writer.write(_HELLO_HEADER + chance.randbytes(chance.randrange(200)))
    await reader.read(100)  # until the server has had enough


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    for byte in _HELLO_HEADER * 5:
        writer.write(bytes((byte,)))
        await asyncio.sleep(0.05)


async def _hugeRecord(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    writer.write(b"\x16\x03\x03\xff\xff" + chance.randbytes(20_000))
    await reader.read(100)


async def _alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await reader.read(100)


_Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter, random.Random], Coroutine[Any, Any, None]]
_ATTACKS: tuple[_Attack, ...] = (_leave, _garbage, _http, _halfHello, _drip, _hugeRecord, _alert)


async def _attackTcp(ports: list[int], going: asyncio.Event, chance: random.Random) -> None:
    """One hostile or mistaken client after the other."""
    background: set[asyncio.Task[None]] = set()

    async def attack(how: _Attack, port: int) -> None:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.wait_for(how(reader, writer, chance), 4)
            finally:
                _reset(writer) if chance.random() < 0.3 else writer.close()

    while await going.wait():
        task = asyncio.create_task(attack(chance.choice(_ATTACKS), chance.choice(ports)))
        background.add(task)
        task.add_done_callback(background.discard)
        await asyncio.sleep(0.02 + chance.random() * 0.06)


async def _attackUdp(ports: list[int], relays: list[UdpRelay], going: asyncio.Event, chance: random.Random) -> None:
    """Garbage, and genuine datagrams of others, changed or not, from addresses of their own."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for each in sockets:
        each.setblocking(False)
    while await going.wait():
        seen = chance.choice(relays).seen
        data = bytearray(chance.choice(seen) if seen and chance.random() < 0.7 else chance.randbytes(60))
        if chance.random() < 0.7:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        with contextlib.suppress(OSError):
            chance.choice(sockets).sendto(data, ("127.0.0.1", chance.choice(ports)))
        await asyncio.sleep(chance.random() * 0.02)


# --------------------------------------------------------------------------------------- all


async def _run(orders: dict[str, Any]) -> None:
    asyncio.get_running_loop().set_exception_handler(_give_up)
    seed = orders["seed"]
    ports: dict[str, int] = {}
    udpRelays = []
    for name, port in orders["tcp"].items():
        for fault in TCP_FAULTS:
            relay = TcpRelay(fault, port, random.Random(f"{seed} {fault} {name}"))
            ports[f"{fault} {name}"] = await relay.listen()
    for name, port in orders["udp"].items():
        for fault in UDP_FAULTS:
            udpRelay = UdpRelay(fault, port, random.Random(f"{seed} {fault} {name}"))
            ports[f"{fault} {name}"] = await udpRelay.listen()
            udpRelays.append(udpRelay)
    print(json.dumps(ports), flush=True)
    going = asyncio.Event()
    tasks = [
        asyncio.create_task(_obey(going)),
        asyncio.create_task(_attackTcp(list(orders["tcp"].values()), going, random.Random(f"{seed} tcp"))),
        asyncio.create_task(_attackUdp(list(orders["udp"].values()), udpRelays, going, random.Random(f"{seed} udp"))),
    ]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()  # an attacker never ends by itself


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A mistake in here: the soak would be a fair-weather one, so it has to see that."""
    loop.default_exception_handler(context)
    os._exit(1)


async def _obey(going: asyncio.Event) -> None:
    """Start and stop the attackers, until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        going.set() if line == "go\n" else going.clear()


def main() -> None:
    """Serve until the input ends."""
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # it warns of ends that have gone, which is what this is for
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_run(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
