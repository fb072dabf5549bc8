"""Which address is tried when (RFC 8305, section 5), and which connection wins.

Addresses are asked for one by one: the first at once, the next when the one before has been pending for the attempt
delay, or has failed. What follows TCP (proxy, TLS) is done by one connection at a time, in the order in which they came
about; the others wait as a reserve, because trouble there is seldom one of the address.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Protocol

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.socket_client.attempt import Attempt
from qtsecure.net.socket_client.connectable import SocketConnectable
from qtsecure.net.socket_client.enumeration import AddressEnumerator, Destination, ask
from qtsecure.net.socket_client.events import ClientEvent
from qtsecure.net.socket_client.failures import FailureLog, Step, timedOut
from qtsecure.net.socket_client.settings import ConnectSettings
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["Race", "RaceOwner"]


class RaceOwner(Protocol):
    """Whom a race tells what happens; any of these calls may stop it."""

    def _raceEvent(self, event: ClientEvent, connection: SslSocket | None, proxy: ProxyAddress | None = None) -> None:
        """A step begins or is done; Resolved may have found a proxy."""

    def _raceRelay(self, signal: str, *arguments: object) -> None:
        """A connection asks or tells something."""

    def _raceHearsPreSharedKeys(self) -> bool:
        """Whether the program would answer a question for a pre-shared key."""

    def _raceEnded(self, result: SslSocket | SecureError) -> None:
        """There is a winner, or none."""


class Race:
    """The attempts of one operation; stop() ends them all.

    Args:
        connectable: Where to.
        settings: Of the operation.
        owner: The operation.
    """

    def __init__(self, connectable: SocketConnectable, settings: ConnectSettings, owner: RaceOwner) -> None:
        self._connectable = connectable
        self._settings = settings
        self._owner: RaceOwner | None = owner
        self._name = connectable.serverIdentity() or connectable.toString()
        self._scheduler = schedulerOfThisThread()
        self._addresses: AddressEnumerator | None = None
        self._asking = False
        self._toTry = 0  # addresses that wait for their turn
        self._resolved = False
        self._lookupDeadline: Deadline | None = None
        self._pace: Deadline | None = None
        self._newest: Attempt | None = None
        self._connecting: list[Attempt] = []
        self._waiting: deque[Attempt] = deque()
        self._securing: Attempt | None = None
        self._failures = FailureLog()

    def start(self) -> None:
        """Begin."""
        if not self.tell(ClientEvent.Resolving, None):
            return
        problem = ask(self._enumerate)  # the connectable, too, may be the program's
        if problem is not None:
            self._endLookup()
            self._failures.note(Step.RESOLVING, problem)
            self._endIfNothingIsLeft()

    def _enumerate(self) -> None:
        self._addresses = self._connectable.enumerate(self._settings.lookups)
        self._askForAddress()

    def stop(self) -> None:
        """Close every socket and tell nothing any more; harmless when it is over."""
        self._owner = None
        self._endPace()
        self._endLookup()
        attempts = [*self._connecting, *self._waiting, *([self._securing] if self._securing is not None else [])]
        self._connecting, self._waiting, self._securing, self._newest = [], deque(), None, None
        for attempt in attempts:
            attempt.abort()

    # ------------------------------------------------------------------------ addresses

    def _askForAddress(self) -> None:
        if self._addresses is None or self._asking or self._owner is None:
            return
        self._asking = True
        if self._settings.timeout > 0:
            self._lookupDeadline = PeerDeadline(self._settings.timeout, self._lookupTimedOut)
        self._addresses.next(self._addressAnswered)

    def _addressAnswered(self, what: Destination | SecureError | None) -> None:
        self._asking = False
        self._cancelLookupDeadline()
        if self._owner is None:
            return
        if what is None or isinstance(what, SecureError):
            self._addresses = None
            if what is not None:
                self._failures.note(Step.RESOLVING, what)
            self._endIfNothingIsLeft()
            return
        if not self._resolved:
            self._resolved = True
            if not self.tell(ClientEvent.Resolved, None, what if isinstance(what, ProxyAddress) else None):
                return
        self._toTry += 1
        self._settings.turns.add(partial(self._try, what))

    def _lookupTimedOut(self) -> None:
        self._lookupDeadline = None
        self._endLookup()
        self._failures.note(
            Step.RESOLVING, timedOut(f"{self._name} (looking up its addresses)", self._settings.timeout)
        )
        self._endIfNothingIsLeft()

    def _endLookup(self) -> None:
        self._cancelLookupDeadline()
        self._asking = False
        addresses, self._addresses = self._addresses, None
        if addresses is not None:
            addresses.cancel()

    def _cancelLookupDeadline(self) -> None:
        if self._lookupDeadline is not None:
            self._lookupDeadline.cancel()
            self._lookupDeadline = None

    # ------------------------------------------------------------------------- attempts

    def _try(self, destination: Destination) -> None:
        self._toTry -= 1
        if self._owner is None:
            return
        attempt = Attempt(destination, self._name, self._connectable.serverIdentity(), self._settings, self)
        problem = attempt.bind()
        if problem is not None:
            attempt.abort()
            self._failures.note(Step.CONNECTING, problem)
            self._askForAddress()
            self._endIfNothingIsLeft()
            return
        self._connecting.append(attempt)
        self._newest = attempt
        if not self.tell(ClientEvent.Connecting, attempt.connection):
            return
        self._endPace()
        self._pace = self._scheduler.callLater(self._settings.attemptDelay, self._paceOver)
        attempt.connect()

    def _paceOver(self) -> None:
        self._pace = None
        self._askForAddress()

    def _endPace(self) -> None:
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None

    def _secureNext(self) -> None:
        if self._securing is None and self._waiting:
            self._securing = self._waiting.popleft()
            self._securing.secure()

    def _endIfNothingIsLeft(self) -> None:
        busy = self._connecting or self._waiting or self._securing or self._addresses or self._toTry
        if not busy and self._owner is not None:
            owner = self._owner
            self.stop()
            owner._raceEnded(self._failures.verdict())

    # ------------------------------------------------------ from attempts (AttemptOwner)

    def attemptConnected(self, attempt: Attempt) -> None:
        if self._owner is None:
            return  # a slot of one that stop() has closed runs an event loop; this one's turn comes
        self._connecting.remove(attempt)
        self._waiting.append(attempt)
        if attempt is self._newest:
            self._endPace()  # the address is a good one; what follows has its own deadlines
        if self.tell(ClientEvent.Connected, attempt.connection):
            self._secureNext()

    def attemptSucceeded(self, attempt: Attempt) -> None:
        owner = self._owner
        if owner is None:
            return
        self._securing = None
        connection = attempt.release()
        self.stop()
        owner._raceEnded(connection)

    def attemptFailed(self, attempt: Attempt, step: Step, error: SecureError) -> None:
        if self._owner is None:
            return
        self._failures.note(step, error)
        if attempt is self._securing:
            self._securing = None
        elif attempt in self._waiting:
            self._waiting.remove(attempt)
        else:
            self._connecting.remove(attempt)
        if self._securing is not None:
            return
        if self._waiting:
            self._secureNext()
            return
        self._endPace()
        self._askForAddress()
        self._endIfNothingIsLeft()

    def tell(self, event: ClientEvent, connection: SslSocket | None, proxy: ProxyAddress | None = None) -> bool:
        if self._owner is not None:
            self._owner._raceEvent(event, connection, proxy)
        return self._owner is not None

    def relay(self, signal: str, *arguments: object) -> None:
        if self._owner is not None:
            self._owner._raceRelay(signal, *arguments)

    def hearsPreSharedKeys(self) -> bool:
        return self._owner is not None and self._owner._raceHearsPreSharedKeys()
