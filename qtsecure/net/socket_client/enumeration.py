"""Addresses one by one, as they become known (Gio.SocketAddressEnumerator)."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.socket_client.inet_address import InetAddress
from qtsecure.net.socket_client.resolver import NameResolver
from qtsecure.net.socket_client.unix_address import UnixAddress

if TYPE_CHECKING:
    from qtsecure.net.proxies.resolver import ProxyResolver
    from qtsecure.net.socket_client.network_address import NetworkAddress
    from qtsecure.net.socket_client.network_service import NetworkService

__all__ = ["AddressEnumerator", "Answer", "Destination", "LookupPlan", "OneAddress", "ask", "familyName"]

_Layer = QAbstractSocket.NetworkLayerProtocol

Destination: TypeAlias = InetAddress | UnixAddress | ProxyAddress
"""Where a socket can be connected to."""
Answer: TypeAlias = Callable[[Destination | SecureError | None], None]


class AddressEnumerator(ABC):
    """Gives addresses on demand, and looks up no more than is asked for."""

    @abstractmethod
    def next(self, answer: Answer) -> None:
        """Ask for the next address, not before the previous question has been answered.

        Args:
            answer: Called once, later, from the event loop: with an address, with None when there are no more, or with
                an error when there were none at all. After None and errors there is nothing to ask for.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Stop looking; nothing is answered any more."""


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """What connectables need for finding their addresses.

    Attributes:
        resolver: Answers the questions.
        family: The only family that is wanted; AnyIPProtocol for both.
        resolutionDelay: How long the answer for IPv4 waits for the one for IPv6, in ms (RFC 8305, section 3).
        proxies: Whom to ask for proxies; None for never.
    """

    resolver: NameResolver
    family: QAbstractSocket.NetworkLayerProtocol = _Layer.AnyIPProtocol
    resolutionDelay: int = 50
    proxies: ProxyResolver | None = None

    def wants(self, address: QHostAddress) -> bool:
        """Whether the address is of the wanted family."""
        return self.family == _Layer.AnyIPProtocol or address.protocol() == self.family

    def single(self, destination: Destination) -> AddressEnumerator:
        """An address that is known already, and needs no family and no proxy."""
        return OneAddress(destination)

    def direct(self, place: InetAddress | NetworkAddress) -> AddressEnumerator:
        """The addresses of a host, without any proxy."""
        if isinstance(place, InetAddress):
            if self.wants(place.address()):
                return OneAddress(place)
            return OneAddress(
                SecureError(
                    SecureError.Code.HostNotFound,
                    f"The address {place.toString()} is not of the wanted kind, {familyName(self.family)}; "
                    "see setFamily() and setLocalAddress().",
                )
            )
        from qtsecure.net.socket_client.host_addresses import HostAddresses

        return HostAddresses(place, self)

    def service(self, service: NetworkService) -> AddressEnumerator:
        """The addresses of the hosts of a service."""
        from qtsecure.net.socket_client.service_addresses import ServiceAddresses

        return ServiceAddresses(service, self)

    def viaProxies(self, place: InetAddress | NetworkAddress, host: str, port: int) -> AddressEnumerator:
        """The addresses of the proxies that lead to a host, and its own if no proxy is needed."""
        from qtsecure.net.socket_client.proxy_addresses import ProxyAddresses

        return ProxyAddresses(place, host, port, self)


def ask(question: Callable[[], object]) -> SecureError | None:
    """Put a question to a resolver, which may be the program's; the error if it raises an exception instead."""
    try:
        question()
    except Exception:  # noqa: BLE001  # as PySide reports what a slot raises
        sys.excepthook(*sys.exc_info())
        return SecureError(SecureError.Code.Failed, "A resolver or connectable of the program raised an exception.")
    return None


def familyName(family: QAbstractSocket.NetworkLayerProtocol) -> str:
    """For sentences."""
    return {_Layer.IPv4Protocol: "IPv4", _Layer.IPv6Protocol: "IPv6"}.get(family, "IP")


class OneAddress(AddressEnumerator):
    """Gives one address, or the error that there is none."""

    def __init__(self, destination: Destination | SecureError) -> None:
        self._left: Destination | SecureError | None = destination
        self._answer: Answer | None = None

    def next(self, answer: Answer) -> None:
        self._answer = answer
        schedulerOfThisThread().defer(self._give)

    def cancel(self) -> None:
        self._answer = None

    def _give(self) -> None:
        answer, self._answer = self._answer, None
        left, self._left = self._left, None
        if answer is not None:
            answer(left)
