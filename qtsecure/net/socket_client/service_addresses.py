"""The addresses of a service: its SRV records in their order, and the addresses of each host (RFC 2782)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.socket_client.enumeration import AddressEnumerator, Answer, Destination, LookupPlan, ask
from qtsecure.net.socket_client.network_address import NetworkAddress
from qtsecure.net.socket_client.network_service import NetworkService
from qtsecure.net.socket_client.resolver import Lookup, checkedLookup
from qtsecure.net.socket_client.service_records import ServiceRecord, inOrder

__all__ = ["ServiceAddresses"]

_Code = SecureError.Code


class ServiceAddresses(AddressEnumerator):
    """The addresses of the next host are looked up when those of the one before have been used up."""

    def __init__(self, service: NetworkService, plan: LookupPlan) -> None:
        self._service = service
        self._plan = plan
        self._lookup: Lookup | None = None
        self._hosts: deque[NetworkAddress] | None = None
        self._addresses: AddressEnumerator | None = None
        self._answer: Answer | None = None
        self._error: SecureError | None = None
        self._gave = False

    def next(self, answer: Answer) -> None:
        self._answer = answer
        if self._hosts is not None:
            self._ask()
            return
        try:
            name = self._service.recordName()
        except SecureError as error:
            self._hosts = deque()
            self._error = error
            self._ask()
            return
        if (problem := ask(partial(self._lookUp, name))) is not None:
            self._found(problem)

    def _lookUp(self, name: str) -> None:
        self._lookup = checkedLookup(self._plan.resolver.lookUpService(name, self._found), "lookUpService")

    def cancel(self) -> None:
        self._answer = None
        if self._lookup is not None:
            ask(self._lookup.abort)
            self._lookup = None
        if self._addresses is not None:
            self._addresses.cancel()
            self._addresses = None

    def _found(self, answer: Sequence[ServiceRecord] | SecureError) -> None:
        if self._answer is None:
            return  # it was cancelled, and nothing could be aborted
        self._lookup = None
        self._hosts = deque()
        # The resolver may be the program's, and answer with anything.
        self._error = ask(partial(self._use, answer)) or self._error
        self._ask()

    def _use(self, answer: Sequence[ServiceRecord] | SecureError) -> None:
        if isinstance(answer, SecureError):
            self._error = answer
        if isinstance(answer, SecureError) and answer.code is not _Code.HostNotFound:
            pass
        elif isinstance(answer, SecureError) or not answer:
            self._fallBack()
        elif len(answer) == 1 and answer[0].target in (".", ""):
            self._error = SecureError(
                _Code.HostNotFound,
                f"The domain {self._service.domain()!r} says that it does not offer the service "
                f"{self._service.service()!r}.",
            )
        else:
            for record in inOrder(answer):
                self._add(record.target, record.port)

    def _add(self, host: str, port: int) -> None:
        try:
            self._hosts.append(NetworkAddress(host, port).withScheme(self._service.scheme()))  # type: ignore[union-attr]  # made in _found()
        except ValueError:
            self._error = SecureError(_Code.HostNotFound, f"DNS names {host!r} as a host, which is no name of one.")

    def _fallBack(self) -> None:
        """No records: the domain itself, if it is known where the service usually is."""
        service = self._service
        port = self._plan.resolver.servicePort(service.service(), service.protocol())
        if port is not None:
            self._add(service.domain(), port)
        elif self._error is None:
            self._error = SecureError(
                _Code.HostNotFound,
                f"The domain {service.domain()!r} has no record for the service {service.service()!r}; check both.",
            )

    def _ask(self) -> None:
        """Ask the present host for an address, or begin with the next one."""
        if self._addresses is None:
            if not self._hosts:
                schedulerOfThisThread().defer(self._end)
                return
            self._addresses = self._hosts.popleft().enumerate(self._plan)
        self._addresses.next(self._answered)

    def _answered(self, what: Destination | SecureError | None) -> None:
        if what is None or isinstance(what, SecureError):
            self._error = what or self._error
            self._addresses = None
            self._ask()
            return
        self._gave = True
        self._tell(what)

    def _end(self) -> None:
        if self._answer is not None:
            self._tell(None if self._gave else self._error)

    def _tell(self, what: Destination | SecureError | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(what)
