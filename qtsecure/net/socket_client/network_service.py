"""A service of a domain, found by its SRV records (Gio.NetworkService; RFC 2782)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from qtsecure.net.socket_client.connectable import SocketConnectable
from qtsecure.net.socket_client.network_address import asciiName

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import AddressEnumerator, LookupPlan

__all__ = ["NetworkService"]

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,60}[A-Za-z0-9_])?\Z")
_CONTROL_OR_SPACE: Final = re.compile(r"[\x00-\x20\x7f]|\s")


class NetworkService(SocketConnectable):
    """A service of a domain; what a certificate has to prove is the domain, whatever host serves it.

    Without SRV records the domain itself is tried, at the port that the services database of this machine has for the
    service.

    Args:
        service: Its name without underscore, such as ``xmpp-client``.
        domain: Such as ``example.org``; it need not be ASCII (IDNA).
        protocol: ``tcp``; the record is that of ``_service._protocol.domain``.

    Raises:
        TypeError, ValueError: For anything that can be no service, domain or protocol.
    """

    __slots__ = ("_domain", "_protocol", "_scheme", "_service")

    def __init__(self, service: str, domain: str, protocol: str = "tcp") -> None:
        for name, value in (("service", service), ("domain", domain), ("protocol", protocol)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}.")
        for name, value in (("service", service), ("protocol", protocol)):
            if not _LABEL.match(value) or value.startswith("_"):
                raise ValueError(
                    f"{name} must be one word such as 'imaps', without the underscore of DNS, not {value!r}."
                )
        if not domain.strip(".") or _CONTROL_OR_SPACE.search(domain) or ":" in domain:
            raise ValueError(f"domain must be a domain such as 'example.org', without a port, not {domain!r}.")
        self._service = service
        self._domain = domain
        self._protocol = protocol
        self._scheme = service

    def service(self) -> str:
        """The name of the service."""
        return self._service

    def domain(self) -> str:
        """The domain as it was given."""
        return self._domain

    def protocol(self) -> str:
        """The protocol of the transport."""
        return self._protocol

    def scheme(self) -> str:
        """What a proxy resolver is told that the connection is for: the name of the service, unless set otherwise."""
        return self._scheme

    def withScheme(self, scheme: str) -> NetworkService:
        """The same service, with another scheme for proxy resolvers (g_network_service_set_scheme)."""
        other = type(self)(self._service, self._domain, self._protocol)
        other._scheme = scheme
        return other

    def recordName(self) -> str:
        """What DNS is asked for.

        Raises:
            SecureError: ``HostNotFound``: there can be no such domain.
        """
        return f"_{self._service}._{self._protocol}.{asciiName(self._domain)}"

    def toString(self) -> str:
        return f"({self._service}, {self._protocol}, {self._domain}, {self._scheme})"

    def serverIdentity(self) -> str:
        return self._domain

    def enumerate(self, plan: LookupPlan) -> AddressEnumerator:
        return plan.service(self)

    def _parts(self) -> tuple[object, ...]:
        own = () if self._scheme == self._service else (self._scheme,)
        return self._service, self._domain, self._protocol, *own
