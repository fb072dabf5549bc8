"""Where a proxied connection leads: to the proxy, and behind it (Gio.ProxyAddress)."""

from __future__ import annotations

from typing import NoReturn

from PySide6.QtNetwork import QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.proxies.network_uri import NetworkUri, hostInUri
from qtsecure.net.proxies.protocols import defaultProxyPort

__all__ = ["ProxyAddress", "credentialsOf"]


class ProxyAddress:
    """An address of a proxy, together with what to reach through it; a value that does not change.

    User name and password of the URI are for the proxy only: no text and no pickle contains them.

    Args:
        uri: Of the proxy, for example ``socks5://user:password@proxy.example:1080``. A missing port is
            the protocol's usual one.
        address: One of the proxy's IP addresses.
        destinationHostName: The name or IP address to reach.
        destinationPort: The port to reach.
        destinationProtocol: The scheme of the destination's URI, for example ``https``; empty if it had none.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``address`` is no IP address, ``destinationHostName`` is empty, or
            ``destinationPort`` is no port.
        SecureError: ``uri`` is not valid, or names no host (``InvalidArgument``).
    """

    __slots__ = ("__weakref__", "_address", "_destination", "_protocol", "_uri")

    def __init__(
        self,
        uri: str,
        address: QHostAddress | str,
        destinationHostName: str,
        destinationPort: int,
        destinationProtocol: str = "",
    ) -> None:
        for name, text in (
            ("uri", uri),
            ("destinationHostName", destinationHostName),
            ("destinationProtocol", destinationProtocol),
        ):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a str, not {type(text).__name__}.")
        if not isinstance(address, (QHostAddress, str)):
            raise TypeError(f"address must be a QHostAddress or a str, not {type(address).__name__}.")
        if not destinationHostName:
            raise ValueError("destinationHostName must not be empty.")
        self._uri = NetworkUri.parse(uri)
        if not self._uri.host:
            raise SecureError(SecureError.Code.InvalidArgument, "The URI of the proxy names no host.")
        self._address = QHostAddress(address)
        if self._address.isNull():
            raise ValueError("address must be an IP address.")
        self._destination = (destinationHostName, checkPort(destinationPort, name="destinationPort"))
        self._protocol = destinationProtocol

    def address(self) -> QHostAddress:
        """The IP address of the proxy."""
        return QHostAddress(self._address)

    def port(self) -> int:
        """The port of the proxy."""
        return self._uri.port or defaultProxyPort(self._uri.scheme)

    def hostName(self) -> str:
        """The proxy as its URI names it; an https proxy has to prove this name."""
        return self._uri.host

    def protocol(self) -> str:
        """The protocol of the proxy, for example ``socks5``: the scheme of its URI in lower case."""
        return self._uri.scheme

    def uri(self) -> str:
        """The URI of the proxy, without user name and password."""
        return f"{self._uri.scheme}://{hostInUri(self._uri.host)}:{self.port()}"

    def username(self) -> str:
        """The user name for the proxy; empty if there is none."""
        return self._uri.userName or ""

    def destinationHostName(self) -> str:
        """The name or address behind the proxy."""
        return self._destination[0]

    def destinationPort(self) -> int:
        """The port behind the proxy."""
        return self._destination[1]

    def destinationProtocol(self) -> str:
        """The scheme of the destination's URI, or an empty string."""
        return self._protocol

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProxyAddress) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        host, port = self._destination
        return f"<ProxyAddress {self.uri()} at {self._address.toString()} to {host!r}, port {port}>"

    def __copy__(self) -> ProxyAddress:
        return self

    def __deepcopy__(self, memo: object) -> ProxyAddress:
        return self

    def __reduce__(self) -> tuple[type[ProxyAddress], tuple[str, str, str, int, str]]:
        if self._uri.userName is not None or self._uri.password is not None:
            _refusePickling()
        return ProxyAddress, (self.uri(), self._address.toString(), *self._destination, self._protocol)

    def _parts(self) -> tuple[object, ...]:
        return (self._uri, self._address.toString(), self._destination, self._protocol)


def credentialsOf(address: ProxyAddress) -> tuple[str | None, str | None]:
    """User name and password for the proxy, None for what it was not given; for the negotiation only."""
    return address._uri.userName, address._uri.password


def _refusePickling() -> NoReturn:
    raise TypeError("A ProxyAddress with a user name or a password cannot be pickled, as it would be readable there.")
