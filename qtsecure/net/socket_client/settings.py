"""What an operation has taken from its SocketClient when it began; later changes concern later operations."""

from __future__ import annotations

from dataclasses import dataclass

from qtsecure.net.socket_client.enumeration import LookupPlan
from qtsecure.net.socket_client.inet_address import InetAddress
from qtsecure.net.socket_client.turn_queue import TurnQueue
from qtsecure.net.values import SslConfiguration

__all__ = ["ConnectSettings"]


@dataclass(frozen=True, slots=True)
class ConnectSettings:
    """Durations are in ms; 0 or -1 means none.

    Attributes:
        lookups: How addresses are found.
        localAddress: What sockets are bound to.
        timeout: For each look-up, and without traffic on a connection.
        overallTimeout: For the whole operation.
        handshakeTimeout: For each TLS handshake.
        attemptDelay: After which the next address is tried beside the one before.
        tls: The configuration of the connection; None for one without TLS.
        proxyTls: The configuration for TLS with an https proxy itself; None for a plain client.
        turns: Where costly steps wait for their turn.
        applicationProxies: Protocols of proxies that the program itself talks to.
    """

    lookups: LookupPlan
    localAddress: InetAddress | None
    timeout: int
    overallTimeout: int
    handshakeTimeout: int
    attemptDelay: int
    tls: SslConfiguration | None
    proxyTls: SslConfiguration | None
    applicationProxies: frozenset[str]
    turns: TurnQueue
