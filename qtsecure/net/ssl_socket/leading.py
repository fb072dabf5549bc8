"""Where a connection leads, which may be elsewhere than the address it was connected to: SocketClient knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.net.ssl_socket.library import Library

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import Destination

__all__ = ["Leading"]


class Leading(Library):
    """remoteAddress() of SslSocket, and what SocketClient sets."""

    def remoteAddress(self) -> Destination | None:
        """The other end as a value (g_socket_connection_get_remote_address).

        For a connection of a SocketClient it is known from the event Connecting on: an InetAddress, a UnixAddress, or a
        ProxyAddress when a proxy was asked for the way.

        Returns:
            The address, which is kept after the end; None while there is none, or for devices without one.
        """
        if self._attempt.remote is not None:
            return self._attempt.remote
        host, port = self._attempt.ends.peer()
        if host.isNull():
            return None
        from qtsecure.net.socket_client.inet_address import InetAddress  # late: few programs ask

        return InetAddress(host, port)

    def leadsToProxy(self) -> bool:
        """Whether a proxy is at the other end, and not yet the server behind it.

        True for a connection of a SocketClient from the event Connecting until ProxyNegotiated: a certificate that it
        asks about meanwhile is the one of an https proxy. True for ever with an application proxy.
        """
        from qtsecure.net.proxies.proxy_address import ProxyAddress  # late: few programs ask

        return isinstance(self._attempt.remote, ProxyAddress) and not self._attempt.reached

    def _leadsTo(self, remote: Destination) -> None:
        """What is about to be connected to, or has been found behind a device."""
        self._attempt.remote = remote

    def _reaches(self, hostName: str, port: int) -> None:
        """Whose server is at the end; sessions are shared among connections to the same one."""
        self._attempt.hostName = hostName
        self._attempt.port = port
        self._attempt.reached = True

    def _awaitTls(self) -> None:
        """TLS will begin on this connection: until then nothing that the program writes goes out."""
        self._dataPath.awaitsTls = True
        self._dataPath.review()
