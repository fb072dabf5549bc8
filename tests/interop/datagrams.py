"""DTLS over real UDP: our ends without Qt, and OpenSSL's and GnuTLS's programs as the other ones."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls import AdmittedHello, DtlsAssociation, DtlsListener, is_hello_start_untrusted
from qtsecure.engine.events import Event, HandshakeCompleted, StreamFailed
from qtsecure.engine.handshake_decisions import HandshakeDecisions

TIMEOUT_S = 60.0
_Self = TypeVar("_Self")


class FairClock:
    """A clock that stands still while another program is busy, and jumps no further than a turn of the pump.

    A silence means something to an association, which begins again after 2.5 s. On a machine that lets a server wait
    for longer that would be another story than the one of the test, and GnuTLS's, which goes on with the first hello
    for 40 s, would tell a third one.
    """

    _LONGEST_STEP = 0.1

    def __init__(self, isBusy: Callable[[], bool]) -> None:
        self._isBusy = isBusy
        self._now = self._looked = time.monotonic()

    def __call__(self) -> float:
        real = time.monotonic()
        if not self._isBusy():
            self._now += min(real - self._looked, self._LONGEST_STEP)
        self._looked = real
        return self._now


class _Pump:
    """A UDP socket, the associations on it, and what they told.

    Attributes:
        clock: The time for the associations.
        tamper: Gets each received datagram and returns what is taken instead of it.
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.events: list[Event] = []
        self.messages: list[bytes] = []
        self.tamper: Callable[[bytes], Iterable[bytes]] = lambda datagram: (datagram,)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def associations(self) -> list[DtlsAssociation]:
        raise NotImplementedError

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        raise NotImplementedError

    def run(self, until: Callable[[], bool], seconds: float = TIMEOUT_S) -> bool:
        """Carry datagrams until a condition is met; whether it was before the time was up."""
        end = time.monotonic() + seconds
        self.flush()
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return False
            now = self.clock()
            due = [moment for each in self.associations() if (moment := each.timer()) is not None]
            wait = min([0.05, left, *(max(moment - now, 0) for moment in due)])
            if select.select([self.socket], [], [], wait)[0]:
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    while True:
                        datagram, address = self.socket.recvfrom(65536)
                        for taken in self.tamper(datagram):
                            self.take(taken, address, self.clock())
            for each in self.associations():
                moment = each.timer()
                if moment is not None and moment <= (now := self.clock()):
                    each.handle_timer(now)
            self.flush()
        return True

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def completed(self) -> bool:
        return bool(self.of(HandshakeCompleted))

    @property
    def failure(self) -> StreamFailed | None:
        return next(iter(self.of(StreamFailed)), None)

    def settle(self, association: DtlsAssociation) -> None:
        while (event := association.next_event()) is not None:
            self.events.append(event)
        self.messages += association.take_messages()


class DatagramClient(_Pump):
    """Our client on a socket of its own."""

    def __init__(
        self,
        port: int,
        configuration: TlsConfiguration,
        *,
        decisions: HandshakeDecisions | None = None,
        mtu: int = 1200,
        name: str = "localhost",
    ) -> None:
        super().__init__()
        self.socket.connect(("127.0.0.1", port))
        self.association = DtlsAssociation(configuration, server=False, peer_name=name, decisions=decisions, mtu=mtu)
        self.association.start(self.clock())

    def associations(self) -> list[DtlsAssociation]:
        return [self.association]

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        self.association.receive(datagram, now)
        self.flush()

    def flush(self) -> None:
        self.settle(self.association)
        for datagram in self.association.take_outgoing():
            with contextlib.suppress(ConnectionRefusedError):
                self.socket.send(datagram)

    def handshake(self, seconds: float = TIMEOUT_S) -> None:
        """Run until the handshake is over."""
        self.run(lambda: self.completed or self.failure is not None, seconds)

    def ask(self, message: bytes, answer: bytes | None = None) -> None:
        """Send a message and wait for the answer, which is the same by default."""
        self.association.write(message)
        assert self.run(lambda: (answer or message) in self.messages), (self.messages, self.events)

    def close(self) -> None:
        self.association.close(self.clock())
        self.flush()


class DatagramServer(_Pump):
    """Our server; it echoes."""

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        decisions: HandshakeDecisions | None = None,
        mtu: int = 1200,
        cookies: bool = True,
    ) -> None:
        super().__init__()
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.listener = DtlsListener(configuration, cookies=cookies, mtu=mtu)
        self.decisions = decisions
        self.peers: dict[Any, DtlsAssociation] = {}
        #: Whatever was received, encrypted as it came.
        self.received: list[bytes] = []

    def associations(self) -> list[DtlsAssociation]:
        return list(self.peers.values())

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        self.received.append(datagram)
        current = self.peers.get(address)
        if current is not None and not is_hello_start_untrusted(datagram):
            current.receive(datagram, now)
        else:
            answer = self.listener.receive(datagram, address, now, current)
            if isinstance(answer, AdmittedHello):
                self.peers[address] = self.listener.accept(answer, now, self.decisions)
            elif answer is not None:
                self.socket.sendto(answer, address)
        self.flush()

    def flush(self) -> None:
        for address, association in self.peers.items():
            before = len(self.messages)
            self.settle(association)
            for message in self.messages[before:]:
                if association.established:
                    association.write(message)
            for datagram in association.take_outgoing():
                self.socket.sendto(datagram, address)

    @property
    def association(self) -> DtlsAssociation:
        """The newest."""
        return list(self.peers.values())[-1]
