"""A socket or peer of a machine, of a client or of its server: what slots of both kinds do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import shiboken6
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.questions.certificate_request import CertificateRequest

if TYPE_CHECKING:
    from tests.fuzz.machines.serving import ServingMachine

__all__ = ["COMMON_ACTIONS", "Participant"]


class Participant:
    """One end; with every attempt to connect it begins anew.

    Args:
        machine: Whose it is.
        socket: The SslSocket or DtlsPeer.
        role: ``"client"`` or ``"accepted"``.

    Attributes:
        requests: Questions about certificates that wait for their answers.
    """

    def __init__(self, machine: ServingMachine, socket: Any, role: str) -> None:
        self.machine = machine
        self.socket = socket
        self.role = role
        self.requests: list[CertificateRequest] = []

    @property
    def isAlive(self) -> bool:
        return isValid(self.socket)

    @property
    def isEncrypted(self) -> bool:
        return self.isAlive and bool(self.socket.isEncrypted())

    def defer(self, request: CertificateRequest) -> None:
        """Let a certificate wait for a decision."""
        if request.isPending():
            request.defer()
            self.requests.append(request)

    def connectTo(self, port: int) -> None:
        """Begin a new attempt, if there is none."""
        raise NotImplementedError

    def dropping(self) -> None:
        """The program ends it now, and what is under way is lost."""
        raise NotImplementedError

    def act(self, action: str) -> None:
        """Do one thing to it, from a slot or from outside."""
        raise NotImplementedError

    def attempt(self, action: Callable[[Any], object], *refusals: SecureError.Code) -> None:
        """Do it, if there is anything to do it to; it may raise only what the documentation refuses."""
        if self.isAlive:
            try:
                action(self)
            except SecureError as error:
                if error.code not in refusals:
                    raise


def _dropped(method: str) -> Callable[[Participant], None]:
    def drop(end: Participant) -> None:
        end.dropping()
        getattr(end.socket, method)()

    return drop


def _delete(end: Participant) -> None:
    end.dropping()
    shiboken6.delete(end.socket)


def _reconnect(end: Participant) -> None:
    if end.role == "client":
        end.connectTo(end.machine.relay.port)


def _abortAndReconnect(end: Participant) -> None:
    COMMON_ACTIONS["abort"](end)
    _reconnect(end)


def _answerRequests(accept: bool) -> Callable[[Participant], None]:
    def answer(end: Participant) -> None:
        while end.requests:
            request = end.requests.pop()
            if isValid(request) and request.isPending():
                request.accept() if accept else request.reject()

    return answer


COMMON_ACTIONS: dict[str, Callable[[Participant], object]] = {
    "abort": _dropped("abort"),
    "deleteLater": _dropped("deleteLater"),
    "delete": _delete,
    "reconnect": _reconnect,
    "abortAndReconnect": _abortAndReconnect,
    "ignoreSslErrors": lambda end: end.socket.ignoreSslErrors(),
    "acceptRequests": _answerRequests(True),
    "rejectRequests": _answerRequests(False),
    "settings": lambda end: end.socket.setSslConfiguration(end.machine.configuration(end.role)),
    "nestedLoop": lambda end: end.machine.world.turn(),
    "raise": lambda end: end.machine.world.raiseDeliberately(),
    "pauseAccepting": lambda end: end.machine.serverAction("pauseAccepting"),
    "resumeAccepting": lambda end: end.machine.serverAction("resumeAccepting"),
    "closeServer": lambda end: end.machine.serverAction("close"),
    "fetch": lambda end: end.machine.serverAction("fetch"),
    "anotherClient": lambda end: end.machine.newClient(),
}
