"""What belongs to one connection of a socket, from connectToHost() to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkProxy

from qtsecure.net.event_loop.scheduler import Deadline
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.questions.asked import Questions

if TYPE_CHECKING:
    from qtsecure.engine.events import StreamFailed
    from qtsecure.engine.sessions import Session
    from qtsecure.net.native_sockets.name_lookup import NameLookup
    from qtsecure.net.socket_client.enumeration import Destination

__all__ = ["Attempt"]


_UNKNOWN_ENDS = Ends()
_OWN_VALUES = 2  # bound and addresses


class Attempt(Questions):
    """A fresh one is made for every connection, so that nothing of the last leaks into the next.

    The values on the class are those that it begins with: most connections change only a few.

    Attributes:
        hostName: What was asked for; empty for an adopted descriptor.
        port: The port that was asked for.
        protocol: The address family that was asked for.
        encrypts: TLS begins as soon as the connection stands.
        refused: TLS could not begin because of the settings; nothing comes or goes any more.
        lookup: The name look-up under way.
        addresses: Addresses not yet tried.
        proxy: What the connection goes through, if anything.
        bound: The own address, port and mode that bind() has chosen.
        addressDeadline: When the present address is given up.
        closingDeadline: When a peer that reads nothing is no longer waited for.
        idleDeadline: When a connection without any traffic is given up.
        leftAtDeadline: How much was still to be sent when that wait began.
        withheld: Reading waits until TLS begins or the program has been given the connection, whatever it reads before.
        readsOn: It will go on from the event loop.
        heldInput: How many bytes came while a decision was pending.
        sharesSessions: On a client: its sessions may be kept for other sockets of this process.
        lastSession: The last session that was told of or kept.
        ends: Both ends' addresses, once the connection stands.
        remote: What a SocketClient connects to; None for the address that ``ends`` has.
        reached: The server behind ``remote`` is at the other end, not a proxy any more.
        failure: What the engine said when it failed.
    """

    hostName: str = ""
    port: int = 0
    protocol: QAbstractSocket.NetworkLayerProtocol = QAbstractSocket.NetworkLayerProtocol.AnyIPProtocol
    encrypts: bool = False
    refused: bool = False
    lookup: NameLookup | None = None
    proxy: QNetworkProxy | None = None
    addressDeadline: Deadline | None = None
    closingDeadline: Deadline | None = None
    idleDeadline: Deadline | None = None
    leftAtDeadline: int = 0
    withheld: bool = False
    readsOn: bool = False
    heldInput: int = 0
    sharesSessions: bool = False
    lastSession: Session | None = None
    ends: Ends = _UNKNOWN_ENDS
    remote: Destination | None = None
    reached: bool = False
    failure: StreamFailed | None = None

    def __init__(self, bound: tuple[QHostAddress, int, QAbstractSocket.BindFlag] | None = None) -> None:
        self.bound = bound
        self.addresses: list[QHostAddress] = []

    @property
    def isFresh(self) -> bool:
        """Whether nothing has been changed since it was made."""
        return self.bound is None and len(vars(self)) == _OWN_VALUES

    def cancelDeadlines(self) -> None:
        """The connection is over; the deadline of a decision goes with its request, see cancelRequest()."""
        if self.addressDeadline is not None:
            self.addressDeadline.cancel()
            self.addressDeadline = None
        if self.handshakeDeadline is not None:
            self.handshakeDeadline.cancel()
            self.handshakeDeadline = None
        if self.closingDeadline is not None:
            self.closingDeadline.cancel()
            self.closingDeadline = None
        if self.idleDeadline is not None:
            self.idleDeadline.cancel()
            self.idleDeadline = None

    def deadlines(self) -> list[Deadline]:
        """Those that are still to come."""
        every = (
            self.addressDeadline,
            self.handshakeDeadline,
            self.decisionDeadline,
            self.closingDeadline,
            self.idleDeadline,
        )
        return [deadline for deadline in every if deadline is not None and deadline.isPending]
