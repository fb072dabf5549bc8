"""What belongs to one association of a peer, from connectToHost() to the next."""

from __future__ import annotations

from PySide6.QtNetwork import QHostAddress

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.sessions import Session
from qtsecure.net.event_loop.scheduler import Deadline
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.native_sockets.name_lookup import LookUpThread, NameLookup
from qtsecure.net.questions.asked import Questions

__all__ = ["Attempt"]

_UNKNOWN_ENDS = Ends()


class Attempt(Questions):
    """A fresh one is made for every association, so that nothing of the last leaks into the next.

    It exists before the association does: setPeer() names its goal, and its directions may be ended.
    The values on the class are those that it begins with: most associations change only a few.

    Args:
        hostName: What was asked for; empty on a server.
        port: The port that was asked for.
        verifyName: What is to be proved instead of the host's name, or empty.
        named: It has a host that was given by name or address, to which it may begin again.

    Attributes:
        nameToProve: What the server's certificate must prove; empty on a server.
        engineConfiguration: What the association begins with.
        lookup: The name look-up under way.
        polledLookup: The same for poll(), which works without an event loop.
        addresses: Addresses not yet tried.
        addressDeadline: When another address is tried because the present one is silent.
        session: What is offered for resumption.
        sharesSessions: Its session may be kept for other peers of this process.
        ends: Both ends' addresses, once they are known.
        asking: How many slots are being asked about this handshake, one inside the other.
        factsTold: The peer's certificate and what was negotiated are known to the program.
        readEnded: The other side has ended its direction.
        readShut: The program has ended receiving.
        writeShut: The program has ended sending.
        closedHere: The program has closed it.
    """

    nameToProve: str = ""
    engineConfiguration: TlsConfiguration | None = None
    lookup: NameLookup | None = None
    polledLookup: LookUpThread | None = None
    addressDeadline: Deadline | None = None
    session: Session | None = None
    sharesSessions: bool = False
    ends: Ends = _UNKNOWN_ENDS
    asking: int = 0
    factsTold: bool = False
    readEnded: bool = False
    readShut: bool = False
    writeShut: bool = False
    closedHere: bool = False

    def __init__(self, hostName: str = "", port: int = 0, *, verifyName: str = "", named: bool = False) -> None:
        self.hostName = hostName
        self.port = port
        self.verifyName = verifyName
        self.named = named
        self.addresses: list[QHostAddress] = []

    def deadlines(self) -> tuple[Deadline | None, ...]:
        """Those that there may be."""
        return self.addressDeadline, self.handshakeDeadline, self.decisionDeadline

    @property
    def place(self) -> str:
        """Where sessions of this association belong."""
        return f"{self.hostName.lower()}:{self.port}" if self.hostName else ""
