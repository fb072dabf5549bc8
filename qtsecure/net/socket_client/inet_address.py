"""An IP address with a port (Gio.InetSocketAddress)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.socket_client.connectable import SocketConnectable
from qtsecure.net.socket_client.literals import literalAddress

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import AddressEnumerator, LookupPlan

__all__ = ["InetAddress"]


class InetAddress(SocketConnectable):
    """One end of a TCP connection; as a connectable it is tried once, without any look-up.

    Args:
        address: An address as a QHostAddress, one of Qt's special ones, or text such as ``192.0.2.1``, ``2001:db8::1``
            or ``fe80::1%eth0``.
        port: 0 to 65535; 0 stands for "any" in a local address.

    Raises:
        TypeError, ValueError: For anything that is no address or no port.
    """

    __slots__ = ("_address", "_port")

    def __init__(self, address: QHostAddress | QHostAddress.SpecialAddress | str, port: int) -> None:
        if isinstance(address, str):
            host = literalAddress(address.removeprefix("[").removesuffix("]"))
            if host is None:
                raise ValueError(f"address must be an IP address, not {address!r}; a NetworkAddress takes names.")
        elif isinstance(address, (QHostAddress, QHostAddress.SpecialAddress)):
            host = QHostAddress(address)
            if host.isNull():
                raise ValueError("address must not be null.")
        else:
            raise TypeError(f"address must be a QHostAddress or a str, not {type(address).__name__}.")
        self._address = host
        self._port = checkPort(port)

    def address(self) -> QHostAddress:
        """A copy of the address."""
        return QHostAddress(self._address)

    def port(self) -> int:
        """The port."""
        return self._port

    def family(self) -> QAbstractSocket.NetworkLayerProtocol:
        """IPv4Protocol, IPv6Protocol, or AnyIPProtocol for QHostAddress.Any."""
        return self._address.protocol()

    def toString(self) -> str:
        host = self._address.toString()
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    def serverIdentity(self) -> str:
        return self._address.toString()

    def enumerate(self, plan: LookupPlan) -> AddressEnumerator:
        return plan.direct(self) if plan.proxies is None else plan.viaProxies(self, self.serverIdentity(), self._port)

    def _parts(self) -> tuple[object, ...]:
        return self._address.toString(), self._port
