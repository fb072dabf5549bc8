"""What stands between a client and a server in the tests, or in a client's place."""

from __future__ import annotations

import socket as native
from collections.abc import Callable

from PySide6.QtNetwork import QHostAddress, QUdpSocket

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.datagram_link import DatagramLink
from tests.net.conversation import FakeClock, settle


class Relay:
    """Passes datagrams between a server and whoever speaks to it, always from one port."""

    def __init__(self, serverPort: int) -> None:
        #: What becomes of each datagram: takes it and whether it comes from the client, gives what to pass on.
        self.tamper: Callable[[bytes, bool], list[bytes]] = lambda datagram, _: [datagram]
        self._serverPort = serverPort
        self._client: tuple[QHostAddress, int] | None = None
        self.front, self.out = QUdpSocket(), QUdpSocket()
        for udp in (self.front, self.out):
            assert udp.bind(QHostAddress("127.0.0.1"), 0)
        self.port = self.front.localPort()
        self.front.readyRead.connect(self._fromClient)
        self.out.readyRead.connect(self._fromServer)

    def _fromClient(self) -> None:
        while self.front.hasPendingDatagrams():
            datagram = self.front.receiveDatagram()
            self._client = datagram.senderAddress(), datagram.senderPort()
            for data in self.tamper(bytes(datagram.data().data()), True):
                self.toServer(data)

    def _fromServer(self) -> None:
        while self.out.hasPendingDatagrams():
            for data in self.tamper(bytes(self.out.receiveDatagram().data().data()), False):
                self.toClient(data)

    def toServer(self, datagram: bytes) -> None:
        """Pass on to the server."""
        self.out.writeDatagram(datagram, QHostAddress("127.0.0.1"), self._serverPort)

    def toClient(self, datagram: bytes) -> None:
        """Pass on to whoever has spoken last."""
        if self._client is not None:
            self.front.writeDatagram(datagram, *self._client)

    def forget(self) -> None:
        """The client is gone."""
        self._client = None

    def close(self) -> None:
        self.front.close()
        self.out.close()


class RawClient:
    """A client whose datagrams the test carries itself; times stand still for it."""

    def __init__(self, configuration: SslConfiguration, mtu: int = 1200) -> None:
        engine = configuration.toEngine("client", pskEnabled=False, datagrams=True)
        self.association = DtlsAssociation(engine, server=False, peer_name="127.0.0.1", mtu=mtu)
        self.socket = native.socket(native.AF_INET, native.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def hello(self) -> list[bytes]:
        """The datagrams of the first hello."""
        self.association.start(0.0)
        return self.association.take_outgoing()

    def answerTo(self, datagram: bytes) -> list[bytes]:
        """What the client says to a datagram of the server."""
        self.association.receive(datagram, 0.0)
        return self.association.take_outgoing()

    def send(self, datagrams: list[bytes], port: int) -> None:
        """Send them to a port of this computer."""
        for datagram in datagrams:
            self.socket.sendto(datagram, ("127.0.0.1", port))

    def receive(self) -> bytes:
        """The next datagram of anybody."""
        return self.socket.recv(4096)

    def nothingCame(self) -> bool:
        """Whether nobody has sent anything."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(5)
        return False


class LinkedRelay(Relay):
    """A relay over a simulated link, whose time is that of the test's clock."""

    def __init__(self, serverPort: int, link: DatagramLink, clock: FakeClock) -> None:
        super().__init__(serverPort)
        self.link = link
        self._clock = clock
        self._began = clock.now - link.now
        self.tamper = self._carry

    def _carry(self, datagram: bytes, fromClient: bool) -> list[bytes]:
        self.link.send("client" if fromClient else "server", datagram)
        return []

    def proceed(self, seconds: float = 0.01) -> None:
        """Let the time pass, and deliver what has arrived meanwhile."""
        settle()
        self._clock.advance(seconds)
        self.link.advance(self._clock.now - self._began)
        for datagram in self.link.deliveries():
            if datagram.to == "server":
                self.toServer(datagram.data)
            else:
                self.toClient(datagram.data)
        settle()
