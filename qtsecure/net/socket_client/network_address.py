"""A host and a port (Gio.NetworkAddress)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from qtsecure.errors import SecureError
from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.socket_client.connectable import SocketConnectable
from qtsecure.net.socket_client.host_and_port import parseHostAndPort
from qtsecure.net.socket_client.literals import literalAddress
from qtsecure.net.socket_client.uris import parseUri

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import AddressEnumerator, LookupPlan

__all__ = ["NetworkAddress", "asciiName"]

_CONTROL_OR_SPACE: Final = re.compile(r"[\x00-\x20\x7f]|\s")


class NetworkAddress(SocketConnectable):
    """A host, by name or by address, and a port.

    ``localhost`` and names below it always lead to ``::1`` and ``127.0.0.1``, without any look-up. The name need not be
    ASCII (IDNA).

    Args:
        host: A name, or an IP address; an IPv6 address may stand in brackets.
        port: 0 to 65535.

    Raises:
        TypeError, ValueError: For anything that can be no host, or no port.
    """

    __slots__ = ("_host", "_port", "_scheme")

    def __init__(self, host: str, port: int) -> None:
        if not isinstance(host, str):
            raise TypeError(f"host must be a str, not {type(host).__name__}.")
        if host.startswith("[") and host.endswith("]") and literalAddress(host[1:-1]) is not None:
            host = host[1:-1]
        if not host or _CONTROL_OR_SPACE.search(host):
            raise ValueError(
                "host must be a name or an IP address, not empty and without spaces or control characters."
            )
        self._host = host
        self._port = checkPort(port)
        self._scheme = ""

    @classmethod
    def parse(cls, hostAndPort: str, defaultPort: int) -> NetworkAddress:
        """From ``HOST`` or ``HOST:PORT`` as a user types it (g_network_address_parse).

        Args:
            hostAndPort: A name, an IPv4 address, or an IPv6 address with or without brackets; a port, as a number or
                as the name of a service, may follow a colon.
            defaultPort: When there is none.

        Raises:
            SecureError: ``InvalidArgument``, with what is wrong.
            TypeError, ValueError: For arguments of other types, or a default that is no port.
        """
        if not isinstance(hostAndPort, str):
            raise TypeError(f"hostAndPort must be a str, not {type(hostAndPort).__name__}.")
        host, port = parseHostAndPort(hostAndPort, checkPort(defaultPort, name="defaultPort"))
        return cls._of(hostAndPort, host, port)

    @classmethod
    def parseUri(cls, uri: str, defaultPort: int) -> NetworkAddress:
        """From a URI with a host (g_network_address_parse_uri).

        Only the host, the port and the scheme count. The scheme implies neither a port nor TLS; it tells a proxy
        resolver what the connection is for.

        Args:
            uri: Such as ``https://example.org:8443/path``.
            defaultPort: When it has no port.

        Raises:
            SecureError: ``InvalidArgument``, with what is wrong.
            TypeError, ValueError: For arguments of other types, or a default that is no port.
        """
        if not isinstance(uri, str):
            raise TypeError(f"uri must be a str, not {type(uri).__name__}.")
        parts = parseUri(uri, checkPort(defaultPort, name="defaultPort"))
        return cls._of(f"{parts.scheme}://{parts.host}", parts.host, parts.port).withScheme(parts.scheme)

    @classmethod
    def loopback(cls, port: int) -> NetworkAddress:
        """This machine: ``::1``, then ``127.0.0.1`` (g_network_address_new_loopback)."""
        return cls("localhost", port)

    def host(self) -> str:
        """The host as it was given, without brackets."""
        return self._host

    def port(self) -> int:
        """The port."""
        return self._port

    def scheme(self) -> str:
        """The scheme of the URI that this came from; empty if it came from none."""
        return self._scheme

    def withScheme(self, scheme: str) -> NetworkAddress:
        """The same place, for another purpose."""
        other = type(self)(self._host, self._port)
        other._scheme = scheme
        return other

    def toString(self) -> str:
        scheme = f"{self._scheme}:" if self._scheme else ""
        return f"{scheme}{self._host}:{self._port}" if self._port else f"{scheme}{self._host}"

    def serverIdentity(self) -> str:
        return self._host

    def enumerate(self, plan: LookupPlan) -> AddressEnumerator:
        return plan.direct(self) if plan.proxies is None else plan.viaProxies(self, self._host, self._port)

    def _parts(self) -> tuple[object, ...]:
        return (self._host, self._port, self._scheme) if self._scheme else (self._host, self._port)

    @classmethod
    def _of(cls, text: str, host: str, port: int) -> NetworkAddress:
        """From parts of a text, which are checked as the arguments of a program are."""
        try:
            return cls(host, port)
        except ValueError as error:
            raise SecureError(
                SecureError.Code.InvalidArgument, f"{text[:200]!r} cannot be connected to: {error}"
            ) from None


def asciiName(host: str) -> str:
    """The name as DNS and proxies take it: an international one as A-labels (RFC 5890).

    Raises:
        SecureError: ``HostNotFound``: there can be no such name.
    """
    if host.isascii():
        return host
    import idna  # late: few names need it, and its tables take milliseconds to import

    try:
        return idna.encode(host, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise SecureError(
            SecureError.Code.HostNotFound, f"The host {host!r} cannot exist: it is no valid international name (IDNA)."
        ) from None
