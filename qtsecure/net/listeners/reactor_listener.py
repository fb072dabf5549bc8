"""A listening socket that the thread's reactor watches."""

from __future__ import annotations

from qtsecure.net.event_loop.reactor import READ, Registration, reactorOfThisThread
from qtsecure.net.listeners.listener import Listener, ListenerOwner

__all__ = ["ReactorListener"]


class ReactorListener(Listener):
    """The listener on platforms with epoll or kqueue."""

    _acceptsPerEvent = 1  # the reactor looks again at once, for less than an accept() that finds nobody

    def __init__(self, owner: ListenerOwner) -> None:
        super().__init__(owner)
        self._reactor = reactorOfThisThread()
        self._registration: Registration | None = None

    def _watch(self, descriptor: int) -> None:
        self._registration = self._reactor.register(descriptor, READ, self._onReady)

    def _onReady(self, events: int) -> None:
        self.acceptWaiting()

    def setAccepting(self, wanted: bool) -> None:
        if self._registration is not None:
            self._reactor.setInterest(self._registration, READ if wanted else 0)

    def _unwatch(self) -> None:
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
